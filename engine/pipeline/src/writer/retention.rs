use super::commands::key_of;
use super::*;
use event::Change;

const UPKEEP: Duration = Duration::from_secs(1);

/// How long the log keeps events. Whichever limit is reached first counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    pub age: Duration,
    pub bytes: u64,
    pub unread: Unread,
}

/// What becomes of events that retention is due to take but a lane has not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// They go, and a gap row says so.
    Expire,
    /// They stay, and ingest is refused until they have been read.
    Refuse,
}

impl Writer {
    /// What is to be done now and then: the disk's room, retention, old duplicate rows.
    pub(super) fn upkeep<T>(
        &mut self,
        now: Time,
        wall: Time,
        pending: &mut Pending<T>,
        out: &mut Vec<FromWriter<T>>,
    ) -> Result<(), Failure> {
        self.next_upkeep = now + UPKEEP;
        let must_wait = self.retain(now, wall, pending, out)?;
        self.is_refusing = must_wait || self.log.room()?.is_below_floor;
        self.log.expire_duplicates(self.lease, wall - self.duplicates.window())?;
        self.log.reclaim(self.lease)
    }

    /// Moves the floor past generations that are due to go, one turn after the shards were told.
    /// True when some may not.
    fn retain<T>(
        &mut self,
        now: Time,
        wall: Time,
        pending: &mut Pending<T>,
        out: &mut Vec<FromWriter<T>>,
    ) -> Result<bool, Failure> {
        let retention = self.options.retention.clone();
        let generations = self.log.generations()?;
        let mut bytes: u64 = generations.iter().map(|generation| generation.bytes).sum();
        let least = self.watermarks.least();
        let mut floor = self.log.floor();
        let mut must_wait = false;
        for generation in generations.iter().filter(|generation| generation.is_sealed) {
            let is_due = bytes > retention.bytes || wall.since(generation.newest) > retention.age;
            if !is_due || (generation.end > least && !bug::is(Bug::FloorTooHigh)) {
                break;
            }
            let is_unread = self.main_lanes().any(|(_, row)| row.cursor < generation.end);
            if is_unread && retention.unread == Unread::Refuse {
                must_wait = bytes > retention.bytes;
                break;
            }
            bytes -= generation.bytes;
            floor = floor.max(generation.end);
        }
        let announced = std::mem::replace(&mut self.expiring, floor).min(floor);
        if announced > self.log.floor() {
            self.raise_floor(announced, now, pending, out);
        }
        if floor > announced {
            let message = || ToShard::Expiring(floor);
            out.extend(self.shards().map(|shard| FromWriter::Tell { shard, message: message() }));
        }
        Ok(must_wait)
    }

    fn shards(&self) -> std::ops::Range<u32> {
        0..self.watermarks.shards.len() as u32
    }

    /// A search is owed nothing of what it has not looked at: it neither holds retention up nor has
    /// gaps.
    fn main_lanes(&self) -> impl Iterator<Item = (&LaneId, &LaneRow)> {
        self.lanes.iter().filter(|(lane, _)| lane.is_main())
    }

    /// Puts gaps on record in the batch that moves the floor, which is committed in this very step.
    /// Only then do lanes go on past it: what a crash brings back may not have been overtaken.
    fn raise_floor<T>(
        &mut self,
        floor: Offset,
        now: Time,
        pending: &mut Pending<T>,
        out: &mut Vec<FromWriter<T>>,
    ) {
        self.group.floor = Some(floor);
        self.rows_due = Some(now);
        let behind: Vec<_> =
            self.main_lanes().filter(|(_, row)| row.cursor < floor).map(|(id, _)| *id).collect();
        for lane in behind {
            let row = self.lanes[&lane].clone();
            let gap = GapRow { lane, from: row.cursor, until: floor, at: now };
            let (loss, from, until) = (Loss::Retention, gap.from, gap.until);
            out.push(FromWriter::Lost { loss, lane, from, until });
            if !bug::is(Bug::GapRowMissing) {
                self.group.gaps.push(gap);
            }
            self.put_lane(Change::Put(lane, row));
        }
        let mut history = History::clone(&self.history);
        let spent = history.forget_below(floor);
        self.history = Arc::new(history);
        let removals = spent.into_iter().map(|key| Change::Remove(key_of(key)));
        self.group.registry.extend(removals);
        if bug::is(Bug::RetryLostAtRotation) {
            let rows = self.log.retries(None, usize::MAX).unwrap_or_default().into_iter();
            let old = rows.filter(|(key, _)| key.delivery.offset < floor);
            self.group.retries.extend(old.map(|(key, _)| Change::Remove(key)));
        }
        pending.tell.extend(self.shards().map(|shard| (shard, ToShard::Floor(floor))));
    }
}
