pub mod condition;
pub mod delivery;
pub mod door;
pub mod filters;
pub mod ingest;
pub mod languages;
pub mod log;
pub mod matching;
pub mod neighbours;
pub mod node;
pub mod road;
pub mod signature;
pub mod tables;

use std::path::Path;
use std::time::Duration;

/// What all parts are told.
pub struct Setting<'a> {
    /// Of one case and one contender.
    pub span: Duration,
    /// Goes at the end, with all that is in it.
    pub folder: &'a Path,
    /// What a case's name must have in it, where a part has so many that one asks for some.
    pub only: &'a str,
}

impl Setting<'_> {
    /// For loops that stay on the processor: they are steady soon.
    pub fn brief(&self) -> Duration {
        self.span / 10
    }

    /// A run that is shorter than any measurement should be only looks whether all still works.
    pub fn is_smoke(&self) -> bool {
        self.span < Duration::from_millis(300)
    }
}
