//! The endpoints that a life of the engine delivers to.

use crate::letter::Traits;

/// An endpoint, by the trouble it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Healthy,
    /// Answers 503 through every second life.
    Failing,
    /// Falls behind, until the last life.
    Slow,
    /// Behind a filter.
    Pushes,
    /// Behind a condition.
    Chosen,
    /// Refuses some events, until the last life.
    Picky,
}

impl Place {
    pub const ALL: [Place; 6] =
        [Place::Healthy, Place::Failing, Place::Slow, Place::Pushes, Place::Chosen, Place::Picky];

    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    pub fn named(name: &str) -> Place {
        Place::ALL.into_iter().find(|place| place.name() == name).unwrap()
    }

    pub fn wants(self, traits: Traits) -> bool {
        match self {
            Place::Pushes => traits.is_push && traits.is_main,
            Place::Chosen => traits.is_chosen,
            _ => true,
        }
    }
}
