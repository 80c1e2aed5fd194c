//! Limits that every room keeps. A configuration may lower them, none may raise them.

use std::time::Duration;

/// The largest body that is ever stored.
pub const BODY_BYTES_MAX: usize = 25 << 20;
/// Of all stored headers of one event, names and values together.
pub const HEADERS_BYTES_MAX: usize = 64 << 10;
pub const HEADERS_MAX: usize = 128;
pub const EVENT_TYPE_BYTES_MAX: usize = 256;
pub const KEY_BYTES_MAX: usize = 1024;
/// A sender's own id for an event.
pub const DUPLICATE_KEY_BYTES_MAX: usize = 512;
/// Tenant, source, endpoint and filter names.
pub const NAME_BYTES_MAX: usize = 256;
/// Outputs of one event by one chain.
pub const OUTPUTS_MAX: usize = 64;
/// Of a reason, an error text or a note that is kept with a row.
pub const REASON_BYTES_MAX: usize = 1024;
/// Events of one batch handed to a guest.
pub const BATCH_EVENTS_MAX: usize = 256;
/// Bytes of one batch handed to a guest, save one larger event alone.
pub const BATCH_BYTES_MAX: usize = 1 << 20;
/// Fuel after which a running guest gives way to the others of its thread: about an
/// eighth of a millisecond.
pub const SLICE_FUEL: u64 = 500_000;
/// Processor time that counts as a slice where it is more than the fuel says.
pub const SLICE_TIME: Duration = Duration::from_micros(125);
/// What an instance's start costs the host beside the fuel that it burns, in fuel.
pub const START_COST: u64 = SLICE_FUEL;
