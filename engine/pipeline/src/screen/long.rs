use super::Place;
use std::collections::BTreeMap;

/// The runs whose questions are long. Such questions are asked on a thread of their own, so that
/// what is short waits neither for their turns nor for what cannot be interrupted in them, say an
/// instruction that fills all memory that a guest may have.
///
/// A run whose question was [long](super::Step::is_long) is long from then on, and short again when
/// so many of its questions in a row were short that another trial is no loss.
#[derive(Default)]
pub struct LongRuns {
    /// How many of its last questions were short.
    short: BTreeMap<Place, u32>,
}

/// A run that is long in turns costs the others a trial in so many of its questions, and none that
/// it could not have cost them before.
const SHORT_IN_A_ROW: u32 = 64;
/// Runs that are never asked again are forgotten together with all others; each of these costs one
/// trial more.
const RUNS_MAX: usize = 10_000;

impl LongRuns {
    pub fn has(&self, place: &Place) -> bool {
        !self.short.is_empty() && self.short.contains_key(place)
    }

    pub fn add(&mut self, place: Place) {
        if self.short.len() >= RUNS_MAX {
            self.short.clear();
        }
        self.short.insert(place, 0);
    }

    /// A question of it was answered where the long ones are.
    pub fn answered(&mut self, place: &Place, is_long: bool) {
        let Some(short) = self.short.get_mut(place) else { return };
        *short = if is_long { 0 } else { *short + 1 };
        if *short >= SHORT_IN_A_ROW {
            self.short.remove(place);
        }
    }
}
