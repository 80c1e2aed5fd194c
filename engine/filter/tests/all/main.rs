//! The filter room at its boundary: modules in, verdicts out.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "tests meet the machine")]

mod bombs;
mod conformance;
mod determinism;
mod hostile;
mod inspect;
mod javascript;
mod kit;
mod languages;
mod large;
mod pointers;
mod python;
mod shipped;
mod source;
mod tables;
mod upload;
