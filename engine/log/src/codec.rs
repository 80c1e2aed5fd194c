//! How records look on disk. Every store writes these bytes, so a store can be replaced and a
//! damaged one can be read without it.
//!
//! An event is a frame that can be found without an index, by its magic (`frame`). Every other
//! row is a key and a value; the value carries a check over kind, key and content, so a row that
//! turns up under another key or in another table is noticed. Keys sort the way that `Log`
//! promises. Decoding never panics and never allocates more than it was given, whatever the bytes.

mod attempts;
mod check;
mod frame;
mod keys;
mod parcels;
mod rows;
mod wire;

pub use attempts::{attempt_key, decode_attempt, encode_attempt};
pub use frame::{
    FRAME_HEADER_BYTES, FRAME_MAGIC, check_event, decode_event, encode_event, find_event,
    frame_checksum, frame_offset,
};
pub use keys::{
    delivery_key, delivery_of_key, duplicate_key, lane_key, offset_key, offset_of_key,
    registry_key, retry_key,
};
pub use parcels::{decode_parcel, encode_parcel};
pub use rows::{
    decode_dead, decode_duplicate, decode_floor, decode_gap, decode_lane, decode_registry,
    decode_retry, decode_watermarks, encode_dead, encode_duplicate, encode_floor, encode_gap,
    encode_lane, encode_registry, encode_retry, encode_watermarks, gap_key,
};
pub use wire::{Reader, put_bytes, put_varint};

/// These bytes are not a record, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a record: {0}")]
pub struct BadRecord(pub &'static str);
