//! The filter room at its boundary: modules in, verdicts out.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "tests meet the machine")]

/// The text of one of the hostile suite, for the modules below.
macro_rules! guest {
    ($name:literal) => {
        include_str!(concat!("../hostile/", $name, ".wat"))
    };
}

mod bombs;
mod candidates;
mod conformance;
mod determinism;
mod generated;
mod hostile;
mod inspect;
mod javascript;
mod kit;
mod languages;
mod large;
mod pointers;
mod python;
mod scripts;
mod shipped;
mod source;
mod suite;
mod tables;
mod upload;
