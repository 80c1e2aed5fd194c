use crate::{
    AttemptRow, Change, DeadRow, DuplicateRow, GapRow, LaneRow, Parcel, RegistryKey, RetryKey,
    RetryRow, Watermarks,
};
use event::{DeliveryId, Event, LaneId, Offset};
use std::sync::Arc;

/// All that one commit writes: a closed list, so that nothing reaches the store in another way.
///
/// Within one kind of row a later change of the same key wins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// Dense, starting at the log's head.
    pub events: Vec<Arc<Event>>,
    pub duplicates: Vec<DuplicateRow>,
    pub attempts: Vec<AttemptRow>,
    pub retries: Vec<Change<RetryKey, RetryRow>>,
    pub parcels: Vec<Change<DeliveryId, Parcel>>,
    pub dead: Vec<Change<DeliveryId, DeadRow>>,
    pub lanes: Vec<Change<LaneId, LaneRow>>,
    pub gaps: Vec<GapRow>,
    pub registry: Vec<Change<RegistryKey, Vec<u8>>>,
    pub watermarks: Option<Watermarks>,
    /// Retention has taken everything below.
    pub floor: Option<Offset>,
    /// Stubs that take the place of earlier events, in offset order. One for an event that
    /// retention has taken counts as not there.
    pub erased: Vec<Arc<Event>>,
}

impl Group {
    pub fn is_empty(&self) -> bool {
        *self == Group::default()
    }
}

/// When a commit reaches the disk for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Before `commit` returns.
    Now,
    /// With the next commit under `Now`, or the next `sync`.
    Later,
}
