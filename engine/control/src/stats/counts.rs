use super::sketch::{LiveSketch, Sketch};
use event::{Attempted, Outcome, Time};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What is counted of one series. Several threads may add to it; none waits.
#[derive(Default)]
pub struct Counts {
    numbers: [AtomicU64; NUMBERS],
    attempts: LiveSketch,
    end_to_end: LiveSketch,
    /// Attempts that began and that ended: what lies between is under way.
    began: AtomicU64,
    ended: AtomicU64,
    is_retired: AtomicBool,
}

pub(super) const NUMBERS: usize = 7;
const ACCEPTED: usize = 0;
const BYTES: usize = 1;
const MATCHED: usize = 2;
const DROPPED: usize = 3;
const DELIVERED: usize = 4;
const FAILED: usize = 5;
const DEAD: usize = 6;

/// What was counted in a span of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub numbers: [u64; NUMBERS],
    /// How long attempts took that were delivered or failed.
    pub attempts: Sketch,
    /// From arrival to the end of the attempt that delivered.
    pub end_to_end: Sketch,
}

impl Counts {
    /// An event came in.
    pub fn accepted(&self, body_bytes: usize) {
        self.add(ACCEPTED, 1);
        self.add(BYTES, body_bytes as u64);
    }

    /// An endpoint has begun with an event that its types let in.
    pub fn matched(&self) {
        self.add(MATCHED, 1);
    }

    /// The condition or a filter said no.
    pub fn dropped(&self) {
        self.add(DROPPED, 1);
    }

    /// A delivery was given up on.
    pub fn died(&self) {
        self.add(DEAD, 1);
    }

    pub fn attempt_began(&self) {
        self.began.fetch_add(1, Ordering::Relaxed);
    }

    /// `is_last`: the schedule has no further attempt for it.
    pub fn attempt_ended(&self, attempt: &Attempted, arrived: Time, is_last: bool) {
        self.attempts.add(attempt.took);
        match &attempt.outcome {
            Outcome::Delivered { .. } => {
                self.add(DELIVERED, 1);
                self.end_to_end.add((attempt.at + attempt.took).since(arrived));
            }
            outcome => {
                self.add(FAILED, 1);
                if is_last || *outcome == Outcome::Gone {
                    self.died();
                }
            }
        }
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn sending(&self) -> u64 {
        // The end first: one that begins meanwhile counts as begun.
        let ended = self.ended.load(Ordering::Relaxed);
        self.began.load(Ordering::Relaxed).saturating_sub(ended)
    }

    /// What was counted since the last time, if anything was.
    pub(super) fn take(&self) -> Option<Totals> {
        let is_idle = self.numbers.iter().all(|number| number.load(Ordering::Relaxed) == 0);
        if is_idle {
            return None;
        }
        let numbers = std::array::from_fn(|n| self.numbers[n].swap(0, Ordering::Relaxed));
        Some(Totals { numbers, attempts: self.attempts.take(), end_to_end: self.end_to_end.take() })
    }

    /// Nobody will look at it any more, unless an attempt is under way. What is added in this very
    /// moment is lost.
    pub(super) fn retire(&self) -> bool {
        let may = self.sending() == 0;
        self.is_retired.store(may, Ordering::Relaxed);
        may
    }

    pub(super) fn is_retired(&self) -> bool {
        self.is_retired.load(Ordering::Relaxed)
    }

    fn add(&self, place: usize, count: u64) {
        self.numbers[place].fetch_add(count, Ordering::Relaxed);
    }
}

impl Totals {
    pub fn add(&mut self, other: &Totals) {
        self.numbers.iter_mut().zip(other.numbers).for_each(|(sum, n)| *sum += n);
        self.attempts.add(&other.attempts);
        self.end_to_end.add(&other.end_to_end);
    }

    pub fn accepted(&self) -> u64 {
        self.numbers[ACCEPTED]
    }

    pub fn bytes(&self) -> u64 {
        self.numbers[BYTES]
    }

    pub fn matched(&self) -> u64 {
        self.numbers[MATCHED]
    }

    pub fn dropped(&self) -> u64 {
        self.numbers[DROPPED]
    }

    pub fn delivered(&self) -> u64 {
        self.numbers[DELIVERED]
    }

    pub fn failed(&self) -> u64 {
        self.numbers[FAILED]
    }

    pub fn dead(&self) -> u64 {
        self.numbers[DEAD]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::Cause;
    use std::time::Duration;

    fn attempt(outcome: Outcome) -> Attempted {
        let (at, took) = (Time::from_secs(100), Duration::from_millis(20));
        Attempted { number: 1, at, took, outcome }
    }

    #[test]
    fn an_attempt_is_under_way_until_it_ends_and_is_counted_once() {
        let counts = Counts::default();
        counts.attempt_began();
        counts.attempt_began();
        assert_eq!(counts.sending(), 2);
        assert!(!counts.retire(), "something is under way");
        let failed = Outcome::Failed { cause: Cause::Status(500), retry_after: None };
        counts.attempt_ended(&attempt(failed), Time::from_secs(99), true);
        counts.attempt_ended(
            &attempt(Outcome::Delivered { status: 200 }),
            Time::from_secs(90),
            true,
        );
        assert_eq!(counts.sending(), 0);
        let totals = counts.take().expect("something was counted");
        assert_eq!((totals.delivered(), totals.failed(), totals.dead()), (1, 1, 1));
        let ten_secs = totals.end_to_end.quantile(0.5).expect("one was delivered");
        assert!((ten_secs / 10_020.0 - 1.0).abs() < 0.13, "{ten_secs}");
        assert_eq!(counts.take(), None);
        assert!(counts.retire() && counts.is_retired());
    }

    #[test]
    fn who_wants_nothing_more_has_a_dead_letter_at_once() {
        let counts = Counts::default();
        counts.attempt_ended(&attempt(Outcome::Gone), Time::ZERO, false);
        assert_eq!(counts.take().map(|totals| totals.dead()), Some(1));
    }
}
