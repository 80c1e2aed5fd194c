//! Owns: the fuzz targets, one for each parser of foreign bytes, and the driver that runs them.
//! Imports: any room; none imports it.
//! Never: shipped. A target has no state: the same bytes say the same, in any order.
//!
//! A target panics when a property does not hold. What it is given is made by [`Session`] from a
//! kept corpus; built by `instrument`, the session also learns which inputs reach new places.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "a driver of tests meets the machine, and a target panics on purpose"
)]

pub mod corpus;
mod coverage;
mod mutate;
mod session;
mod sift;
mod targets;

pub use session::{Finding, Session, Tally};
pub use targets::{TARGETS, Target};
