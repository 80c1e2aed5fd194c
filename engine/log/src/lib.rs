//! Owns: what a log promises (`Log`), what one commit holds (`Group`), how records look on disk.
//! Imports: event.
//! Never: policy, HTTP, WebAssembly, fjall, a thread.
//!
//! A log is one sequence of events with dense offsets and, beside it, the few rows that say what
//! became of them (`engine/docs/semantics.md` has the whole table). One writer commits groups,
//! each of them whole or not at all; any number of readers read below the head.

pub mod codec;
#[cfg(any(test, feature = "contract"))]
#[allow(clippy::unwrap_used, reason = "a test suite")]
pub mod contract;
mod failure;
mod group;
mod mem;

pub use event::{
    AttemptRow, AttemptState, Change, DeadRow, Due, DuplicateRow, GapRow, LaneRow, Parcel,
    RegistryKey, RetryKey, RetryRow, Stage, Watermarks, Why,
};
pub use failure::Failure;
pub use group::{Group, Sync};
pub use mem::{MemLog, Survivors};

use event::{DeliveryId, Event, LaneId, Offset, TenantId, Time};
use std::ops::Range;
use std::sync::Arc;

/// The right to write. One holder at a time; a commit under a lease that was lost is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub token: u64,
}

/// How much one read may bring. At least one event comes back if there is one.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimit {
    pub events: usize,
    pub bytes: usize,
}

/// A run of the log that is dropped whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    pub first: Offset,
    /// One past its last event.
    pub end: Offset,
    pub bytes: u64,
    /// The ingest time of its newest event.
    pub newest: Time,
    /// The open generation is the last one and cannot be dropped.
    pub is_sealed: bool,
}

/// A page of dead letters, as far as it can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letters {
    /// None for a row that is not what was written. Its name can still be purged.
    pub rows: Vec<(DeliveryId, Option<DeadRow>)>,
    /// There are others among these, whose names cannot be read either.
    pub is_incomplete: bool,
}

/// What the disk under the log has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub free_bytes: u64,
    /// Below the floor ingest is refused; delivery and deletion go on.
    pub is_below_floor: bool,
}

/// An append-only log of events and the rows beside it.
///
/// Reads see what is durable: an event is visible once the `commit` that holds it returned under
/// `Sync::Now`, or, in a log run with `os` durability, once it was written. Every method may
/// block on the disk, so none may be called from an async task.
pub trait Log: Send + std::marker::Sync {
    /// Takes the right to write from whoever had it.
    fn claim(&self) -> Result<Lease, Failure>;

    /// Writes a group, whole or not at all.
    ///
    /// With `Sync::Now` the group survives a power cut once this returns. With `Sync::Later` it
    /// survives the death of the process; a power cut takes it with everything after it, never
    /// something before it. Events must start at `head` and be dense.
    ///
    /// Errors: `Full` leaves the log as it was. After `Disk` the log must not be used again.
    fn commit(&self, lease: Lease, group: &Group, sync: Sync) -> Result<(), Failure>;

    /// Makes all that was committed survive a power cut.
    fn sync(&self, lease: Lease) -> Result<(), Failure>;

    /// One past the last event that may be read.
    fn head(&self) -> Offset;

    /// The first offset that retention has kept.
    fn floor(&self) -> Offset;

    /// Events from `range`, clamped to floor and head, in offset order; fewer when `limit` ends
    /// them first.
    ///
    /// Errors: `Damaged` names the first record in the range that is not what was written; the
    /// ones before it can be had by asking for less.
    fn read(&self, range: Range<Offset>, limit: ReadLimit) -> Result<Vec<Arc<Event>>, Failure>;

    /// The event at an offset; None outside of floor and head.
    ///
    /// Errors: `Damaged` when its record is not what was written.
    fn event(&self, offset: Offset) -> Result<Option<Arc<Event>>, Failure> {
        let events = self.read(offset.only(), ReadLimit { events: 1, bytes: 1 })?;
        Ok(events.into_iter().next())
    }

    /// The duplicate row of a sender's key, as long as its window has not passed.
    fn duplicate(
        &self,
        tenant: &TenantId,
        source: &str,
        key: &[u8],
    ) -> Result<Option<DuplicateRow>, Failure>;

    /// Forgets duplicate rows written before `until`; may keep some longer.
    fn expire_duplicates(&self, lease: Lease, until: Time) -> Result<(), Failure>;

    /// Attempt rows with offsets in `range`, in (offset, lane, k, number) order.
    fn attempts(&self, range: Range<Offset>) -> Result<Vec<AttemptRow>, Failure>;

    /// Retry rows in key order, from `from` on, at most `count`: those with a due time by time,
    /// then the parked ones.
    fn retries(
        &self,
        from: Option<RetryKey>,
        count: usize,
    ) -> Result<Vec<(RetryKey, RetryRow)>, Failure>;

    /// The bytes of a delivery in trouble or dead.
    fn parcel(&self, delivery: DeliveryId) -> Result<Option<Parcel>, Failure>;

    /// Dead letters in (lane, offset, k) order, from `from` on, at most `count`.
    ///
    /// Errors: `DamagedRow` when one of them is not what was written.
    fn dead(
        &self,
        from: Option<DeliveryId>,
        count: usize,
    ) -> Result<Vec<(DeliveryId, DeadRow)>, Failure>;

    /// As `dead`, past what is damaged there: one letter says nothing of the others.
    fn letters(&self, from: Option<DeliveryId>, count: usize) -> Result<Letters, Failure>;

    /// One dead letter, whatever became of those beside it.
    ///
    /// Errors: `DamagedRow` when it is not what was written.
    fn letter(&self, delivery: DeliveryId) -> Result<Option<DeadRow>, Failure>;

    fn lanes(&self) -> Result<Vec<(LaneId, LaneRow)>, Failure>;

    fn gaps(&self) -> Result<Vec<GapRow>, Failure>;

    /// Every registry row, also of versions that are history.
    fn registry(&self) -> Result<Vec<(RegistryKey, Vec<u8>)>, Failure>;

    fn watermarks(&self) -> Result<Option<Watermarks>, Failure>;

    /// The generations in offset order; the last is the open one.
    fn generations(&self) -> Result<Vec<Generation>, Failure>;

    /// Drops every sealed generation below the floor that a commit has set (`Group::floor`), and
    /// attempt rows that nothing needs any more. Idempotent. Called about once a second: each call
    /// also goes a step on with taking from the disk what was erased.
    fn reclaim(&self, lease: Lease) -> Result<(), Failure>;

    /// Whether bytes of what `Group::erased` has replaced may still be in a file: nobody reads
    /// them any more, and `reclaim` is on its way to them, also after a crash.
    fn is_erasing(&self) -> bool;

    /// Why some of those bytes stay where they are until a person has looked, if they do. The rest
    /// goes all the same.
    fn erasing_trouble(&self) -> Option<String> {
        None
    }

    fn room(&self) -> Result<Room, Failure>;
}
