//! The filter room at its boundary: modules in, verdicts out.
#![allow(clippy::unwrap_used)]

mod conformance;
mod kit;
