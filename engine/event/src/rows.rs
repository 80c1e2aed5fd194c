//! What the log remembers beside the events. `engine/docs/semantics.md` says who keeps what.

use crate::{Attempted, DeliveryId, EndpointId, Event, EventId, LaneId, Offset, TenantId, Time};
use std::sync::Arc;

/// A row written or removed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<K, V> {
    Put(K, V),
    Remove(K),
}

/// A sender's key and the event it named first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateRow {
    pub tenant: TenantId,
    pub source: Arc<str>,
    pub key: Box<[u8]>,
    pub digest: [u8; 16],
    pub id: EventId,
}

/// What became of one attempt, or, as number 0, of a delivery that was never sent.
///
/// Rows are only added. Those with offsets at or above the least watermark tell a restart what
/// has been begun, so whatever leaves the road or a lane for trouble or the dead writes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    pub delivery: DeliveryId,
    /// How many outputs the chain had for this event: a restart that re-runs the chain knows by
    /// it when all of them have ended.
    pub outputs: u32,
    /// None is attempt number 0: nothing was sent.
    pub attempt: Option<Attempted>,
    pub state: AttemptState,
}

impl AttemptRow {
    pub fn number(&self) -> u32 {
        self.attempt.as_ref().map_or(0, |a| a.number)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptState {
    /// Delivered; nothing more will be sent.
    Delivered,
    /// A retry row keeps the delivery from here on.
    Trouble,
    /// A dead row keeps the delivery from here on.
    Dead,
}

/// Until when a delivery in trouble waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Due {
    At(Time),
    /// Behind an earlier delivery of the same key (or lane, in fifo order) that is in trouble.
    Parked,
}

impl Due {
    /// None for what is parked.
    pub fn time(self) -> Option<Time> {
        match self {
            Due::At(time) => Some(time),
            Due::Parked => None,
        }
    }
}

/// Sorts by due time, the parked last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RetryKey {
    pub due: Due,
    pub delivery: DeliveryId,
}

/// The keeper of a delivery in trouble. Its bytes are the parcel of the same delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryRow {
    /// Attempts made so far.
    pub attempts: u32,
    pub stage: Stage,
    pub outputs: u32,
    /// When the first attempt failed.
    pub since: Time,
    /// The endpoint's version that judged, or is still to judge, the event.
    pub ruled_by: Offset,
    /// Hash of the event's key, by which a restart knows the keys that are blocked.
    pub key_hash: Option<u64>,
}

/// What the parcel holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The event as it came in: the chain is still to run, under the version in force then.
    Input,
    /// The chain's output: send it as it is.
    Output,
}

/// The bytes of a delivery in trouble or dead, written once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    pub stage: Stage,
    /// For an output the id is that of the event it came from.
    pub event: Arc<Event>,
    /// Hash of the key that the event came in with, where the output has another key or none: an
    /// erasure by that key finds the output by it once retention has taken the event.
    pub input_key: Option<u64>,
}

/// The keeper of a delivery that was given up on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadRow {
    pub reason: Box<str>,
    pub at: Time,
    pub attempts: u32,
    pub stage: Stage,
    pub outputs: u32,
    /// As in the retry row, so that a redrive can make one.
    pub ruled_by: Offset,
    pub key_hash: Option<u64>,
}

/// The keeper of all that a lane owes from its cursor on. A lane without a row is level.
///
/// A search (`LaneId::n` above 0) owes nothing: its row says where it goes on after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneRow {
    /// The first entry that has not ended.
    pub cursor: Offset,
    /// One past the last entry that was begun. Below it the attempt rows tell what was begun. Of a
    /// search: where it ends.
    pub high: Offset,
    /// Entries are ruled by the endpoint's version in force at the later of this and their own
    /// offset: a lane that is behind takes a new version for all that it has not begun.
    pub since: Offset,
    pub why: Why,
}

/// Why a lane is not level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// It could not keep up with the road.
    Slow,
    /// Its breaker is open.
    Breaker,
    /// The endpoint is switched off.
    Disabled,
    /// The endpoint answered 410.
    Gone,
    /// The endpoint failed for longer than `delivery.disable_after`.
    Failing,
    /// Its filter failed, and the filter's policy is to stop.
    FilterStopped,
    /// Strict order: it reads the log for ever.
    Fifo,
    /// Not the endpoint's own lane but a search for what it was never sent.
    Missing,
}

impl Why {
    /// Paused lanes wait for a person: a new version of the endpoint or a resume.
    pub fn is_pause(self) -> bool {
        matches!(self, Why::Disabled | Why::Gone | Why::Failing | Why::FilterStopped)
    }
}

/// Events that retention took before their lane had read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapRow {
    pub lane: LaneId,
    pub from: Offset,
    /// One past the last offset that was taken.
    pub until: Offset,
    pub at: Time,
}

/// One version of a declared thing. The value is the registry's to read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryKey {
    /// Which table of the registry: endpoints, counters and so on.
    pub kind: u8,
    pub id: Box<[u8]>,
    /// In force from this offset on.
    pub since: Offset,
}

/// The watermark of each shard, always written whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watermarks {
    pub shards: Vec<Offset>,
}

impl Watermarks {
    /// Recovery, history and retention look at the least of them alone.
    pub fn least(&self) -> Offset {
        self.shards.iter().copied().min().unwrap_or(Offset::ZERO)
    }
}

impl RetryKey {
    /// Below every key of deliveries due at or after `time`.
    pub fn first_at(time: Time) -> RetryKey {
        let lane = LaneId { endpoint: EndpointId(0), n: 0 };
        let delivery = DeliveryId { lane, offset: Offset::ZERO, k: 0 };
        RetryKey { due: Due::At(time), delivery }
    }
}
