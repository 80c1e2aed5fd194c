//! The one thread that writes: it drains what is queued into a group, commits it, and tells.

mod commands;
mod duplicates;
mod erase;
mod rebase;
mod retention;
mod start;

pub use commands::{Command, CommandError};
pub use retention::{Retention, Unread};
pub use start::{StartError, Started, WriterOptions};

use crate::{Batch, Report, ToShard};
use dispatch::bug::{self, Bug};
use duplicates::{Duplicates, Known};
use erase::Unheard;
use event::{Arrival, EndpointId, EventId, GapRow, LaneId, LaneRow, Offset, Time, Watermarks, Why};
use log::{Failure, Group, Lease, Log, Sync};
use registry::History;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Rows of the shards wait this long for events to share a commit with.
const ROWS_WAIT_MAX: Duration = Duration::from_millis(50);
/// What was committed without a sync is synced within this time.
const SYNC_WAIT_MAX: Duration = Duration::from_secs(1);

/// When an accepted event survives what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// 2xx after the sync: survives a power cut.
    Fsync,
    /// 2xx after the write, synced each second: survives the death of the process.
    Os,
}

/// The endpoints that wait for a person because of what came of their deliveries.
pub type Pauses = BTreeMap<EndpointId, Why>;

/// `T` is how the carrier finds who waits for an answer.
#[derive(Debug)]
pub enum ToWriter<T> {
    Publish { ticket: T, arrival: Arrival },
    Report(Report),
    Command { ticket: T, command: Command },
}

/// What became of an arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is durable. `is_duplicate`: it was already, under this id. `is_conflict`: its key had
    /// named another body before.
    Accepted { id: EventId, is_duplicate: bool, is_conflict: bool },
    /// Its key is taken by an event with another body.
    Conflict { id: EventId },
    /// No room on the disk, or retention may not take what lanes have not read.
    Full,
}

/// What took events before a lane had read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    Retention,
    /// Their records are not what was written.
    Damage,
}

#[derive(Debug)]
pub enum FromWriter<T> {
    Receipt {
        ticket: T,
        receipt: Receipt,
    },
    Done {
        ticket: T,
        outcome: Result<(), CommandError>,
    },
    /// For every shard.
    Committed(Arc<Batch>),
    /// For one shard.
    Tell {
        shard: u32,
        message: ToShard,
    },
    /// Events that a lane was owed, or may have been, are gone; a gap is on record.
    Lost {
        loss: Loss,
        lane: LaneId,
        from: Offset,
        until: Offset,
    },
    /// End the process: what is on disk is unknown. Nobody is answered.
    Fatal(Failure),
}

pub struct Writer {
    log: Arc<dyn Log>,
    lease: Lease,
    options: WriterOptions,
    history: Arc<History>,
    next: Offset,
    last_ms: u64,
    watermarks: Watermarks,
    /// The lane rows as they are on disk, once the group under way is.
    lanes: BTreeMap<LaneId, LaneRow>,
    pauses: Arc<Pauses>,
    duplicates: Duplicates,
    group: Group,
    group_bytes: usize,
    /// When rows without events must be committed.
    rows_due: Option<Time>,
    sync_due: Option<Time>,
    next_upkeep: Time,
    /// Shards were told that retention is to take what lies below.
    expiring: Offset,
    is_refusing: bool,
    /// What was erased, until each shard has reported since.
    unheard: Vec<Unheard>,
}

/// Who is to be told what once the group is on disk.
struct Pending<T> {
    receipts: Vec<(T, Receipt)>,
    /// Accepted in this very group: told `Full` when the disk has no room for it.
    fresh: Vec<bool>,
    commands: Vec<(T, Result<(), CommandError>)>,
    tell: Vec<(u32, ToShard)>,
    reporters: Vec<u32>,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Pending {
            receipts: Vec::new(),
            fresh: Vec::new(),
            commands: Vec::new(),
            tell: Vec::new(),
            reporters: Vec::new(),
        }
    }
}

/// What waits for the writer to answer, across steps: rows may wait for events.
pub struct Desk<T> {
    pending: Pending<T>,
}

impl<T> Default for Desk<T> {
    fn default() -> Self {
        Desk { pending: Pending::default() }
    }
}

impl Writer {
    pub fn history(&self) -> &Arc<History> {
        &self.history
    }

    /// As its rows will say once the group under way is on disk.
    pub fn pauses(&self) -> &Arc<Pauses> {
        &self.pauses
    }

    /// When the next step is due if nothing is heard before.
    pub fn wake_at(&self) -> Time {
        let due = [self.rows_due, self.sync_due].into_iter().flatten().min();
        due.unwrap_or(Time::NEVER).min(self.next_upkeep)
    }

    /// How much of a queue one step may take: bytes and events of one group.
    pub fn limits(&self) -> (usize, usize) {
        (self.options.group_bytes_max, self.options.group_events_max)
    }

    /// Takes in what is queued, commits what is due, and says who is to be told what.
    ///
    /// `wall` is the time of day, which the ids carry; it may jump, the ids never go back.
    pub fn step<T>(
        &mut self,
        now: Time,
        wall: Time,
        inbox: Vec<ToWriter<T>>,
        desk: &mut Desk<T>,
        out: &mut Vec<FromWriter<T>>,
    ) {
        let pending = &mut desk.pending;
        for message in inbox {
            let taken = match message {
                ToWriter::Publish { ticket, arrival } => {
                    self.publish(ticket, arrival, wall, pending)
                }
                ToWriter::Report(report) => {
                    out.extend(report.effects.gaps.iter().map(damage));
                    self.take_report(report, now, pending);
                    Ok(())
                }
                ToWriter::Command { ticket, command } => self
                    .make_way_for(&command, now, pending, out)
                    .and_then(|()| self.command(ticket, command, now, pending)),
            };
            if let Err(failure) = taken {
                return out.push(FromWriter::Fatal(failure));
            }
        }
        if now >= self.next_upkeep
            && let Err(failure) = self.upkeep(now, wall, pending, out)
        {
            return out.push(FromWriter::Fatal(failure));
        }
        let is_urgent = !self.group.events.is_empty() || !pending.commands.is_empty();
        let is_due = self.rows_due.is_some_and(|due| now >= due);
        let committed = if is_urgent || is_due {
            let pending = std::mem::take(pending);
            self.commit(is_urgent, now, pending, out)
        } else {
            answer(std::mem::take(&mut pending.receipts), out);
            pending.fresh.clear();
            self.sync_if_due(now)
        };
        if let Err(failure) = committed {
            out.push(FromWriter::Fatal(failure));
        }
    }

    /// Commits what is left and syncs: the last thing a writer does.
    pub fn finish(&mut self, now: Time) -> Result<(), Failure> {
        let mut nobody: Vec<FromWriter<()>> = Vec::new();
        self.commit(false, now, Pending::default(), &mut nobody)?;
        self.log.sync(self.lease)
    }

    fn publish<T>(
        &mut self,
        ticket: T,
        arrival: Arrival,
        wall: Time,
        pending: &mut Pending<T>,
    ) -> Result<(), Failure> {
        let known = self.duplicates.find(&arrival, &*self.log, wall)?;
        let is_conflict = match known {
            Known::New => false,
            Known::OtherBodyStored => true,
            Known::Repeat(id) => {
                let receipt = Receipt::Accepted { id, is_duplicate: true, is_conflict: false };
                pending.receipts.push((ticket, receipt));
                pending.fresh.push(self.duplicates.is_in_group(id));
                return Ok(());
            }
            Known::Conflict(id) => {
                pending.receipts.push((ticket, Receipt::Conflict { id }));
                pending.fresh.push(self.duplicates.is_in_group(id));
                return Ok(());
            }
        };
        if self.is_refusing {
            pending.receipts.push((ticket, Receipt::Full));
            pending.fresh.push(false);
            return Ok(());
        }
        self.last_ms = self.last_ms.max(wall.millis());
        let id = EventId::new(self.last_ms, self.next);
        self.next = self.next.next();
        self.group_bytes += arrival.weight();
        if let Some(row) = self.duplicates.note(&arrival, id) {
            self.group.duplicates.push(row);
        }
        self.group.events.push(Arc::new(arrival.at(id)));
        let receipt = Receipt::Accepted { id, is_duplicate: false, is_conflict };
        pending.receipts.push((ticket, receipt));
        pending.fresh.push(true);
        Ok(())
    }

    fn take_report<T>(&mut self, report: Report, now: Time, pending: &mut Pending<T>) {
        let mut effects = report.effects;
        self.keep_erased(report.shard, &mut effects);
        self.watermarks.shards[report.shard as usize] = report.watermark;
        self.group.watermarks = Some(self.watermarks.clone());
        self.group.attempts.extend(effects.attempts);
        self.group.retries.extend(effects.retries);
        self.group.parcels.extend(effects.parcels);
        self.group.dead.extend(effects.dead);
        self.group.gaps.extend(effects.gaps);
        effects.lanes.into_iter().for_each(|change| self.put_lane(change));
        pending.reporters.push(report.shard);
        self.rows_due.get_or_insert(now + ROWS_WAIT_MAX);
    }

    /// Commits the group. Without room for events only the rows go, and their senders are told.
    fn commit<T>(
        &mut self,
        is_urgent: bool,
        now: Time,
        mut pending: Pending<T>,
        out: &mut Vec<FromWriter<T>>,
    ) -> Result<(), Failure> {
        self.rows_due = None;
        let mut group = std::mem::take(&mut self.group);
        if bug::is(Bug::DuplicateRowLate) {
            self.group.duplicates = std::mem::take(&mut group.duplicates);
        }
        self.group_bytes = 0;
        // What lies below a new floor is deleted at once: no power cut may take the gaps that say
        // so and leave the deletion. What was erased never comes back.
        let is_final = group.floor.is_some() || !group.erased.is_empty();
        let is_acked = is_urgent && self.options.durability == Durability::Fsync;
        let is_synced = is_final || (is_acked && !bug::is(Bug::AckBeforeSync));
        let sync = if is_synced { Sync::Now } else { Sync::Later };
        match self.log.commit(self.lease, &group, sync) {
            Ok(()) => self.duplicates.group_committed(),
            Err(Failure::Full { .. }) => {
                self.refuse(&mut group, &mut pending);
                self.log.commit(self.lease, &group, sync)?;
            }
            Err(failure) => return Err(failure),
        }
        if is_synced {
            self.sync_due = None;
        } else {
            self.sync_due.get_or_insert(now + SYNC_WAIT_MAX);
        }
        self.tell(group, pending, out);
        self.sync_if_due(now)
    }

    /// A change opens a group of its own: the events before it may yet find no room, and their
    /// offsets with them.
    fn make_way_for<T>(
        &mut self,
        command: &Command,
        now: Time,
        pending: &mut Pending<T>,
        out: &mut Vec<FromWriter<T>>,
    ) -> Result<(), Failure> {
        let is_in_the_way = match command {
            Command::Change(_) => !self.group.events.is_empty(),
            // It looks at what is on record of the events.
            Command::Erase { .. } => !self.group.is_empty(),
            _ => false,
        };
        if !is_in_the_way {
            return Ok(());
        }
        self.commit(true, now, std::mem::take(pending), out)
    }

    /// Takes the events of a group back that the disk had no room for.
    fn refuse<T>(&mut self, group: &mut Group, pending: &mut Pending<T>) {
        self.is_refusing = true;
        if let Some(first) = group.events.first() {
            self.next = first.offset();
        }
        group.events.clear();
        group.duplicates.clear();
        self.duplicates.group_refused();
        for ((_, receipt), is_fresh) in pending.receipts.iter_mut().zip(&pending.fresh) {
            if *is_fresh {
                *receipt = Receipt::Full;
            }
        }
    }

    fn tell<T>(&self, group: Group, pending: Pending<T>, out: &mut Vec<FromWriter<T>>) {
        let is_change = !group.registry.is_empty();
        if !group.events.is_empty() || is_change {
            let history = self.history.clone();
            let batch = Batch { events: group.events, head: self.next, history };
            out.push(FromWriter::Committed(Arc::new(batch)));
        }
        answer(pending.receipts, out);
        let done = pending.commands.into_iter();
        out.extend(done.map(|(ticket, outcome)| FromWriter::Done { ticket, outcome }));
        let tell = pending.tell.into_iter();
        out.extend(tell.map(|(shard, message)| FromWriter::Tell { shard, message }));
        let reporters = pending.reporters.into_iter();
        let least = self.watermarks.least();
        let reported = |shard| FromWriter::Tell { shard, message: ToShard::Reported { least } };
        out.extend(reporters.map(reported));
    }

    fn sync_if_due(&mut self, now: Time) -> Result<(), Failure> {
        if self.sync_due.is_some_and(|due| now >= due) {
            self.log.sync(self.lease)?;
            self.sync_due = None;
        }
        Ok(())
    }
}

/// Shards put nothing else on record.
fn damage<T>(gap: &GapRow) -> FromWriter<T> {
    FromWriter::Lost { loss: Loss::Damage, lane: gap.lane, from: gap.from, until: gap.until }
}

fn answer<T>(receipts: Vec<(T, Receipt)>, out: &mut Vec<FromWriter<T>>) {
    let answers = receipts.into_iter();
    out.extend(answers.map(|(ticket, receipt)| FromWriter::Receipt { ticket, receipt }));
}
