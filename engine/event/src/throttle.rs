use crate::Time;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// How many attempts may begin in a second at all endpoints of a tenant together, first ones and
/// retries alike: whoever is about to begin one takes a place, and places are spread evenly.
///
/// All lanes of the tenant share it, on whatever shard they are; whoever came first goes first. A
/// place that comes late may be made up for within a twentieth of a second, so no second sees more
/// than a twentieth above the rate, and one. A restart begins anew.
#[derive(Debug)]
pub struct Throttle {
    rate: u32,
    /// When the next new place would be due, in nanoseconds.
    due: AtomicU64,
    /// Places that came to nothing, in nanoseconds: each is taken again before a new one is.
    free: Mutex<BTreeSet<u64>>,
}

/// The right to begin one attempt, from its time on. Dropped unused, it is another's.
#[derive(Debug)]
pub struct PlaceInLine {
    throttle: Arc<Throttle>,
    at: Time,
    is_used: bool,
}

/// How late a place may be used.
const LATE_MAX: Duration = Duration::from_secs(1);
/// What a thread that wakes a little late must not cost.
const SLACK: Duration = Duration::from_millis(50);

impl Throttle {
    /// `rate`: attempts a second, at least 1.
    pub fn new(rate: u32) -> Throttle {
        Throttle { rate: rate.max(1), due: AtomicU64::new(0), free: Mutex::default() }
    }

    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Takes the next place.
    pub fn take_place(self: &Arc<Self>, now: Time) -> PlaceInLine {
        let at = Time::from_nanos(self.next_place((now - SLACK).nanos()));
        PlaceInLine { throttle: self.clone(), at, is_used: false }
    }

    /// The first that does not lie before `earliest`.
    fn next_place(&self, earliest: u64) -> u64 {
        let mut free = self.free();
        while let Some(place) = free.pop_first() {
            if place >= earliest {
                return place;
            }
        }
        let place = |due: u64| due.max(earliest);
        let next = |due: u64| Some(place(due) + self.gap());
        let taken = self.due.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        place(taken.unwrap_or_else(|due| due))
    }

    fn free(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.free.lock().expect("no holder of this lock panics")
    }

    fn gap(&self) -> u64 {
        1_000_000_000 / u64::from(self.rate)
    }
}

impl PlaceInLine {
    pub fn at(&self) -> Time {
        self.at
    }

    /// The attempt begins.
    pub fn take(mut self) {
        self.is_used = true;
    }

    /// True when it lies so far back that it is nobody's: whoever had it takes another.
    pub fn is_past(&mut self, now: Time) -> bool {
        self.is_used = self.at + LATE_MAX < now;
        self.is_used
    }
}

impl Drop for PlaceInLine {
    fn drop(&mut self) {
        if !self.is_used {
            self.throttle.free().insert(self.at.nanos());
        }
    }
}

/// Two of one rate are alike, whatever was begun under them.
impl PartialEq for Throttle {
    fn eq(&self, other: &Throttle) -> bool {
        self.rate == other.rate
    }
}

impl Eq for Throttle {}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_secs(1_000_000);

    fn take(throttle: &Arc<Throttle>, now: Time) -> Time {
        let place = throttle.take_place(now);
        let at = place.at();
        place.take();
        at
    }

    #[test]
    fn places_are_even_whoever_takes_them_and_no_second_has_more_than_its_share() {
        for rate in [1, 7, 100, 1_000] {
            let throttle = Arc::new(Throttle::new(rate));
            let mut places: Vec<Time> = Vec::new();
            for n in 0..3 * rate {
                // Somebody waits for the last place before somebody takes the next one.
                let now = places.last().copied().unwrap_or(START).max(START);
                let place = take(&throttle, now);
                assert!(n == 0 || place > places[n as usize - 1], "one place is one attempt's");
                places.push(place);
            }
            let used: Vec<Time> = places.iter().map(|place| (*place).max(START)).collect();
            for (n, first) in used.iter().enumerate() {
                let within = used[n..].iter().take_while(|at| at.since(*first).as_secs() < 1);
                assert!(within.count() as u32 <= rate + rate / 20 + 1, "{rate} a second");
            }
            let took = used.last().unwrap().since(START) + SLACK + Duration::from_millis(1);
            assert!(took >= Duration::from_secs(3) - Duration::from_secs(1) / rate, "{took:?}");
        }
    }

    #[test]
    fn what_was_not_used_is_not_saved_up_and_what_is_given_back_is_anothers() {
        let throttle = Arc::new(Throttle::new(10));
        take(&throttle, START);
        let later = START + Duration::from_secs(60);
        assert!(take(&throttle, later) <= later);
        let mut second = throttle.take_place(later);
        let at = second.at();
        assert!(at > later, "a minute without work is no minute's worth of work");
        drop(second);
        second = throttle.take_place(later);
        assert_eq!(second.at(), at);
        assert!(!second.is_past(at + LATE_MAX) && second.is_past(at + LATE_MAX * 2));
        drop(second);
        assert!(take(&throttle, later) > at, "one that is past is nobody's");
    }

    #[test]
    fn places_from_the_middle_of_the_line_are_each_taken_once() {
        let throttle = Arc::new(Throttle::new(10));
        let mut line: Vec<_> = (0..200).map(|_| throttle.take_place(START)).collect();
        // The first hundred are given up, as by lanes whose endpoint has failed.
        let given_up: Vec<Time> = line.drain(..100).map(|place| place.at()).collect();
        let taken: Vec<_> = (0..100).map(|_| throttle.take_place(START)).collect();
        assert_eq!(taken.iter().map(PlaceInLine::at).collect::<Vec<_>>(), given_up);
        let last = line.last().map(PlaceInLine::at);
        assert!(Some(throttle.take_place(START).at()) > last, "then new ones follow");
    }
}
