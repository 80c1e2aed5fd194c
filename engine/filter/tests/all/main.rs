//! The filter room at its boundary: modules in, verdicts out.
#![allow(clippy::unwrap_used)]

mod bombs;
mod conformance;
mod determinism;
mod hostile;
mod kit;
mod pointers;
mod upload;
