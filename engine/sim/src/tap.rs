use event::{DeliveryId, DuplicateRow, Event, LaneId, Offset, RegistryKey, TenantId, Time};
use log::{
    AttemptRow, DeadRow, Failure, GapRow, Generation, Group, LaneRow, Lease, Letters, Log, MemLog,
    Parcel, ReadLimit, RetryKey, RetryRow, Room, Sync, Watermarks,
};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// The log in memory, overheard: what was committed is told to the checkers group by group.
pub struct Tap {
    pub log: Arc<MemLog>,
    heard: Mutex<Vec<Group>>,
}

impl Tap {
    pub fn new(log: Arc<MemLog>) -> Tap {
        Tap { log, heard: Mutex::default() }
    }

    /// The groups that were committed since this was asked last.
    pub fn take(&self) -> Vec<Group> {
        std::mem::take(&mut *self.heard.lock().expect("one thread"))
    }
}

impl Log for Tap {
    fn claim(&self) -> Result<Lease, Failure> {
        self.log.claim()
    }

    fn commit(&self, lease: Lease, group: &Group, sync: Sync) -> Result<(), Failure> {
        self.log.commit(lease, group, sync)?;
        self.heard.lock().expect("one thread").push(group.clone());
        Ok(())
    }

    fn sync(&self, lease: Lease) -> Result<(), Failure> {
        self.log.sync(lease)
    }

    fn head(&self) -> Offset {
        self.log.head()
    }

    fn floor(&self) -> Offset {
        self.log.floor()
    }

    fn read(&self, range: Range<Offset>, limit: ReadLimit) -> Result<Vec<Arc<Event>>, Failure> {
        self.log.read(range, limit)
    }

    fn duplicate(
        &self,
        tenant: &TenantId,
        source: &str,
        key: &[u8],
    ) -> Result<Option<DuplicateRow>, Failure> {
        self.log.duplicate(tenant, source, key)
    }

    fn expire_duplicates(&self, lease: Lease, until: Time) -> Result<(), Failure> {
        self.log.expire_duplicates(lease, until)
    }

    fn attempts(&self, range: Range<Offset>) -> Result<Vec<AttemptRow>, Failure> {
        self.log.attempts(range)
    }

    fn retries(
        &self,
        from: Option<RetryKey>,
        count: usize,
    ) -> Result<Vec<(RetryKey, RetryRow)>, Failure> {
        self.log.retries(from, count)
    }

    fn parcel(&self, delivery: DeliveryId) -> Result<Option<Parcel>, Failure> {
        self.log.parcel(delivery)
    }

    fn dead(
        &self,
        from: Option<DeliveryId>,
        count: usize,
    ) -> Result<Vec<(DeliveryId, DeadRow)>, Failure> {
        self.log.dead(from, count)
    }

    fn letters(&self, from: Option<DeliveryId>, count: usize) -> Result<Letters, Failure> {
        self.log.letters(from, count)
    }

    fn letter(&self, delivery: DeliveryId) -> Result<Option<DeadRow>, Failure> {
        self.log.letter(delivery)
    }

    fn lanes(&self) -> Result<Vec<(LaneId, LaneRow)>, Failure> {
        self.log.lanes()
    }

    fn gaps(&self) -> Result<Vec<GapRow>, Failure> {
        self.log.gaps()
    }

    fn registry(&self) -> Result<Vec<(RegistryKey, Vec<u8>)>, Failure> {
        self.log.registry()
    }

    fn watermarks(&self) -> Result<Option<Watermarks>, Failure> {
        self.log.watermarks()
    }

    fn generations(&self) -> Result<Vec<Generation>, Failure> {
        self.log.generations()
    }

    fn reclaim(&self, lease: Lease) -> Result<(), Failure> {
        self.log.reclaim(lease)
    }

    fn is_erasing(&self) -> bool {
        self.log.is_erasing()
    }

    fn room(&self) -> Result<Room, Failure> {
        self.log.room()
    }
}
