use crate::{
    AttemptRow, Change, DeadRow, DuplicateRow, Failure, GapRow, Generation, Group, LaneRow, Lease,
    Letters, Log, Parcel, ReadLimit, RegistryKey, RetryKey, RetryRow, Room, Sync, Watermarks,
};
use event::{DeliveryId, Event, LaneId, Offset, TenantId, Time};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// A log in memory, with the image that a reader sees and the image that a power cut leaves.
///
/// For the simulator and for tests. It keeps the same promises as the log on disk (the contract
/// suite gives both the same random groups), and can be told to break down the way a disk does. It
/// shows events as soon as they are written, as a log with `os` durability does.
pub struct MemLog {
    state: Mutex<State>,
    generation_events: usize,
}

/// What of the commits that were never synced outlives a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survivors {
    /// The process died, the machine did not.
    All,
    /// The power went: this many of the unsynced groups, oldest first, had reached the disk.
    Unsynced(usize),
}

#[derive(Default)]
struct State {
    live: Image,
    durable: Image,
    unsynced: Vec<Group>,
    token: u64,
    is_full: bool,
    is_broken: bool,
    /// The sync of the next commit fails, once that is written.
    breaks_after_write: bool,
    damaged: Vec<Offset>,
    damaged_parcels: Vec<DeliveryId>,
    damaged_dead: Vec<DeliveryId>,
    lost_dead: Vec<DeliveryId>,
    damaged_retries: Vec<DeliveryId>,
    damaged_attempts: Vec<Offset>,
}

type DuplicateName = (TenantId, Arc<str>, Box<[u8]>);
type GapName = (Time, LaneId, Offset, Offset);

/// What a set of groups adds up to.
#[derive(Clone, Default)]
struct Image {
    events: BTreeMap<Offset, Arc<Event>>,
    head: Offset,
    floor: Offset,
    duplicates: BTreeMap<DuplicateName, DuplicateRow>,
    attempts: BTreeMap<(Offset, LaneId, u32, u32), AttemptRow>,
    retries: BTreeMap<RetryKey, RetryRow>,
    parcels: BTreeMap<DeliveryId, Parcel>,
    dead: BTreeMap<DeliveryId, DeadRow>,
    lanes: BTreeMap<LaneId, LaneRow>,
    gaps: BTreeMap<GapName, GapRow>,
    registry: BTreeMap<RegistryKey, Vec<u8>>,
    watermarks: Option<Watermarks>,
}

impl MemLog {
    /// `generation_events`: how many events make a generation.
    pub fn new(generation_events: usize) -> MemLog {
        assert!(generation_events > 0, "a generation holds at least one event");
        MemLog { state: Mutex::default(), generation_events }
    }

    /// Ends the process or the machine: what survives is what the next one finds. Repairs the
    /// disk too.
    pub fn crash(&self, survivors: Survivors) {
        let mut state = self.state();
        let unsynced = std::mem::take(&mut state.unsynced);
        let kept = match survivors {
            Survivors::All => unsynced.len(),
            Survivors::Unsynced(count) => count.min(unsynced.len()),
        };
        for group in &unsynced[..kept] {
            state.durable.apply(group);
        }
        state.live = state.durable.clone();
        state.is_broken = false;
        state.breaks_after_write = false;
        state.is_full = false;
    }

    /// How many groups a power cut could take.
    pub fn unsynced(&self) -> usize {
        self.state().unsynced.len()
    }

    /// From now on the disk has no room, or has it again.
    pub fn set_full(&self, is_full: bool) {
        self.state().is_full = is_full;
    }

    /// The next sync fails, and with it everything until `crash`.
    pub fn break_sync(&self) {
        self.state().is_broken = true;
    }

    /// The next commit is written, its sync fails, and with it everything until `crash`. Nobody was
    /// promised that group; all the same the next process may find it.
    pub fn break_after_write(&self) {
        self.state().breaks_after_write = true;
    }

    /// This record is no longer what was written.
    pub fn damage(&self, offset: Offset) {
        self.state().damaged.push(offset);
    }

    /// The bytes of this parcel are no longer what was written.
    pub fn damage_parcel(&self, delivery: DeliveryId) {
        self.state().damaged_parcels.push(delivery);
    }

    /// The row of this dead letter is no longer what was written.
    pub fn damage_dead(&self, delivery: DeliveryId) {
        self.state().damaged_dead.push(delivery);
    }

    /// The block of this dead letter cannot be read: its name is not known either.
    pub fn lose_dead(&self, delivery: DeliveryId) {
        self.state().lost_dead.push(delivery);
    }

    /// The retry row of this delivery is no longer what was written.
    pub fn damage_retry(&self, delivery: DeliveryId) {
        self.state().damaged_retries.push(delivery);
    }

    /// A row of an attempt at this event is no longer what was written.
    pub fn damage_attempts(&self, offset: Offset) {
        self.state().damaged_attempts.push(offset);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl State {
    fn check(&self, lease: Lease) -> Result<(), Failure> {
        if lease.token != self.token {
            return Err(Failure::LeaseLost);
        }
        if self.is_broken {
            return Err(failed_sync());
        }
        Ok(())
    }

    fn sync(&mut self) {
        for group in std::mem::take(&mut self.unsynced) {
            self.durable.apply(&group);
        }
    }

    fn change(&mut self, change: impl Fn(&mut Image)) {
        change(&mut self.live);
        change(&mut self.durable);
    }
}

fn failed_sync() -> Failure {
    let source = std::io::Error::other("sync failed");
    Failure::Disk { path: PathBuf::from("memory"), source }
}

fn damaged(table: &'static str) -> Failure {
    Failure::DamagedRow { table, why: "it was damaged on purpose" }
}

impl Image {
    fn apply(&mut self, group: &Group) {
        for event in &group.events {
            self.head = event.offset().next();
            self.events.insert(event.offset(), event.clone());
        }
        for row in &group.duplicates {
            let name = (row.tenant.clone(), row.source.clone(), row.key.clone());
            self.duplicates.insert(name, row.clone());
        }
        for row in &group.attempts {
            let d = row.delivery;
            self.attempts.insert((d.offset, d.lane, d.k, row.number()), row.clone());
        }
        apply(&mut self.retries, &group.retries);
        apply(&mut self.parcels, &group.parcels);
        apply(&mut self.dead, &group.dead);
        apply(&mut self.lanes, &group.lanes);
        apply(&mut self.registry, &group.registry);
        for row in &group.gaps {
            self.gaps.insert((row.at, row.lane, row.from, row.until), row.clone());
        }
        if let Some(watermarks) = &group.watermarks {
            self.watermarks = Some(watermarks.clone());
        }
        self.floor = self.floor.max(group.floor.unwrap_or_default());
        for stub in &group.erased {
            if let Some(event) = self.events.get_mut(&stub.offset()) {
                *event = stub.clone();
            }
        }
    }

    fn readable(&self, range: &Range<Offset>) -> Range<Offset> {
        let from = range.start.max(self.floor);
        from..range.end.min(self.head).max(from)
    }
}

fn apply<K: Ord + Clone, V: Clone>(map: &mut BTreeMap<K, V>, changes: &[Change<K, V>]) {
    for change in changes {
        match change {
            Change::Put(key, value) => map.insert(key.clone(), value.clone()),
            Change::Remove(key) => map.remove(key),
        };
    }
}

fn page<K: Ord + Clone, V: Clone>(
    map: &BTreeMap<K, V>,
    from: Option<K>,
    count: usize,
) -> Vec<(K, V)> {
    let start = from.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Included);
    let rows = map.range((start, std::ops::Bound::Unbounded));
    rows.take(count).map(|(k, v)| (k.clone(), v.clone())).collect()
}

impl Log for MemLog {
    fn claim(&self) -> Result<Lease, Failure> {
        let mut state = self.state();
        state.token += 1;
        Ok(Lease { token: state.token })
    }

    fn commit(&self, lease: Lease, group: &Group, sync: Sync) -> Result<(), Failure> {
        let mut state = self.state();
        state.check(lease)?;
        if state.is_full && !group.events.is_empty() {
            return Err(Failure::Full { path: PathBuf::from("memory"), free_bytes: 0 });
        }
        let dense = group.events.iter().enumerate();
        for (i, event) in dense {
            let place = Offset(state.live.head.0 + i as u64);
            assert_eq!(event.offset(), place, "events are dense from the head on");
        }
        if std::mem::take(&mut state.breaks_after_write) {
            state.unsynced.push(group.clone());
            state.is_broken = true;
            return Err(failed_sync());
        }
        state.live.apply(group);
        state.unsynced.push(group.clone());
        if sync == Sync::Now {
            state.sync();
        }
        Ok(())
    }

    fn sync(&self, lease: Lease) -> Result<(), Failure> {
        let mut state = self.state();
        state.check(lease)?;
        state.sync();
        Ok(())
    }

    fn head(&self) -> Offset {
        self.state().live.head
    }

    fn floor(&self) -> Offset {
        self.state().live.floor
    }

    fn read(&self, range: Range<Offset>, limit: ReadLimit) -> Result<Vec<Arc<Event>>, Failure> {
        let state = self.state();
        let mut bytes = 0;
        let mut events = Vec::new();
        for (offset, event) in state.live.events.range(state.live.readable(&range)) {
            if state.damaged.contains(offset) {
                let failure = Failure::Damaged { offset: *offset };
                return if events.is_empty() { Err(failure) } else { Ok(events) };
            }
            bytes += event.weight();
            if !events.is_empty() && (events.len() >= limit.events || bytes > limit.bytes) {
                break;
            }
            events.push(event.clone());
        }
        Ok(events)
    }

    fn duplicate(
        &self,
        tenant: &TenantId,
        source: &str,
        key: &[u8],
    ) -> Result<Option<DuplicateRow>, Failure> {
        let name = (tenant.clone(), Arc::from(source), Box::from(key));
        Ok(self.state().live.duplicates.get(&name).cloned())
    }

    fn expire_duplicates(&self, lease: Lease, until: Time) -> Result<(), Failure> {
        let mut state = self.state();
        state.check(lease)?;
        state.change(|image| image.duplicates.retain(|_, row| row.id.millis() >= until.millis()));
        Ok(())
    }

    fn attempts(&self, range: Range<Offset>) -> Result<Vec<AttemptRow>, Failure> {
        let state = self.state();
        if state.damaged_attempts.iter().any(|offset| range.contains(offset)) {
            return Err(damaged("attempts"));
        }
        let rows = &state.live.attempts;
        let inside = rows.iter().filter(|((offset, ..), _)| range.contains(offset));
        Ok(inside.map(|(_, row)| row.clone()).collect())
    }

    fn retries(
        &self,
        from: Option<RetryKey>,
        count: usize,
    ) -> Result<Vec<(RetryKey, RetryRow)>, Failure> {
        let state = self.state();
        let rows = page(&state.live.retries, from, count);
        match rows.iter().any(|(key, _)| state.damaged_retries.contains(&key.delivery)) {
            true => Err(damaged("retry")),
            false => Ok(rows),
        }
    }

    fn parcel(&self, delivery: DeliveryId) -> Result<Option<Parcel>, Failure> {
        let state = self.state();
        let parcel = state.live.parcels.get(&delivery).cloned();
        match parcel.is_some() && state.damaged_parcels.contains(&delivery) {
            true => Err(Failure::Damaged { offset: delivery.offset }),
            false => Ok(parcel),
        }
    }

    fn dead(
        &self,
        from: Option<DeliveryId>,
        count: usize,
    ) -> Result<Vec<(DeliveryId, DeadRow)>, Failure> {
        let state = self.state();
        let rows = page(&state.live.dead, from, count);
        match rows.iter().any(|(delivery, _)| state.damaged_dead.contains(delivery)) {
            true => Err(damaged("dead")),
            false => Ok(rows),
        }
    }

    fn letters(&self, from: Option<DeliveryId>, count: usize) -> Result<Letters, Failure> {
        let state = self.state();
        let mut rows = page(&state.live.dead, from, count);
        let found = rows.len();
        rows.retain(|(delivery, _)| !state.lost_dead.contains(delivery));
        let is_incomplete = rows.len() < found;
        let is_whole = |delivery: &DeliveryId| !state.damaged_dead.contains(delivery);
        let rows = rows.into_iter();
        let rows =
            rows.map(|(delivery, row)| (delivery, Some(row).filter(|_| is_whole(&delivery))));
        Ok(Letters { rows: rows.collect(), is_incomplete })
    }

    fn letter(&self, delivery: DeliveryId) -> Result<Option<DeadRow>, Failure> {
        let state = self.state();
        let row = state.live.dead.get(&delivery).cloned();
        match row.is_some() && state.damaged_dead.contains(&delivery) {
            true => Err(damaged("dead")),
            false => Ok(row),
        }
    }

    fn lanes(&self) -> Result<Vec<(LaneId, LaneRow)>, Failure> {
        Ok(page(&self.state().live.lanes, None, usize::MAX))
    }

    fn gaps(&self) -> Result<Vec<GapRow>, Failure> {
        Ok(self.state().live.gaps.values().cloned().collect())
    }

    fn registry(&self) -> Result<Vec<(RegistryKey, Vec<u8>)>, Failure> {
        Ok(page(&self.state().live.registry, None, usize::MAX))
    }

    fn watermarks(&self) -> Result<Option<Watermarks>, Failure> {
        Ok(self.state().live.watermarks.clone())
    }

    fn generations(&self) -> Result<Vec<Generation>, Failure> {
        let state = self.state();
        let size = self.generation_events as u64;
        let oldest = state.live.events.keys().next().map_or(state.live.head, |o| *o);
        let numbers = oldest.0 / size..=state.live.head.0 / size;
        Ok(numbers
            .map(|n| {
                let first = Offset(n * size).max(oldest);
                let end = Offset((n + 1) * size).min(state.live.head);
                let events = state.live.events.range(first..end.max(first));
                Generation {
                    first,
                    end,
                    bytes: events.clone().map(|(_, e)| e.weight() as u64).sum(),
                    newest: events.last().map_or(Time::ZERO, |(_, e)| e.envelope.time),
                    is_sealed: state.live.head.0 >= (n + 1) * size,
                }
            })
            .collect())
    }

    fn reclaim(&self, lease: Lease) -> Result<(), Failure> {
        let size = self.generation_events as u64;
        let mut state = self.state();
        state.check(lease)?;
        // A power cut must not bring back a floor below what is dropped here.
        state.sync();
        let floor = state.live.floor;
        let kept = Offset(floor.0 / size * size);
        let least = state.live.watermarks.as_ref().map_or(Offset::MAX, Watermarks::least);
        state.change(|image| {
            image.events = image.events.split_off(&kept);
            image.attempts.retain(|(offset, ..), _| *offset >= floor.min(least));
        });
        Ok(())
    }

    fn is_erasing(&self) -> bool {
        false
    }

    fn room(&self) -> Result<Room, Failure> {
        let is_full = self.state().is_full;
        Ok(Room { free_bytes: if is_full { 0 } else { u64::MAX }, is_below_floor: is_full })
    }
}
