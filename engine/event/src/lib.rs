//! Owns: the words of Forebay: event, offset, lane, delivery, attempt, outcome, verdict, limits.
//! Imports: nothing but `bytes`.
//! Never: I/O, async, a clock, a source of randomness (`Rng` is seeded by its owner), a policy.
//!
//! One meaning each, used by every room:
//!
//! - **event** what happened: id, type, source, key, time, headers and the body's bytes, kept
//!   verbatim. An **arrival** is an event before the writer gave it its place in the log.
//! - **tenant** an isolated customer. **source** a verified way in. **stream** a named sequence of
//!   events; all streams of a node share one **log** and its **offsets**. **partition** one of 64,
//!   by hash of the key.
//! - **endpoint** where results go and what it wants. **condition** a `where` expression.
//!   **filter** a WebAssembly module. **chain** an endpoint's condition and filters, in order.
//!   **verdict** what a chain says of an event: drop, pass, emit, reject, retry, stop.
//! - **owed** (offset, endpoint): the event matched. **delivery** (offset, endpoint, k): its k-th
//!   output. **attempt** one try. **outcome** how it ended.
//! - **dead letter** a delivery given up on. **parcel** the bytes of a delivery in trouble.
//!   **gap** events that retention took from a lagging lane.
//! - **lane** the work of one endpoint. **search** a look for what an endpoint was never sent.
//!   **watermark** below it the road
//!   owes nothing. **group** what the writer commits at once. **head** one past the last durable
//!   offset. **floor** the first offset that retention has kept.

mod attempt;
mod content;
mod id;
pub mod limits;
mod reserved;
mod rng;
mod rows;
mod throttle;
mod time;
mod verdict;

pub use attempt::{Attempted, Cause, Outcome, Refusal};
pub use content::{Arrival, Duplicate, Envelope, Event, Headers, OnConflict};
pub use id::{
    BadId, DeliveryId, EndpointId, EventId, LaneId, Offset, PARTITIONS, StreamId, TenantId,
    hash_of, partition_of,
};
pub use reserved::is_reserved_header;
pub use rng::{Rng, mix};
pub use rows::{
    AttemptRow, AttemptState, Change, DeadRow, Due, DuplicateRow, GapRow, LaneRow, Parcel,
    RegistryKey, RetryKey, RetryRow, Stage, Watermarks, Why,
};
pub use throttle::{PlaceInLine, Throttle};
pub use time::Time;
pub use verdict::Verdict;
