use crate::Time;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
}

/// The right to begin one attempt, from its time on. Dropped unused, it is another's if it is the
/// last of the line, else nobody's: none is taken twice.
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
        Throttle { rate: rate.max(1), due: AtomicU64::new(0) }
    }

    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Takes the next place.
    pub fn take_place(self: &Arc<Self>, now: Time) -> PlaceInLine {
        let place = |due: u64| due.max((now - SLACK).nanos());
        let next = |due: u64| Some(place(due) + self.gap());
        let taken = self.due.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let due = taken.unwrap_or_else(|due| due);
        PlaceInLine { throttle: self.clone(), at: Time::from_nanos(place(due)), is_used: false }
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
            let (at, end) = (self.at.nanos(), self.at.nanos() + self.throttle.gap());
            // Later ones are others' already.
            let due = &self.throttle.due;
            let _ = due.compare_exchange(end, at, Ordering::Relaxed, Ordering::Relaxed);
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
    fn no_place_is_taken_twice_whichever_are_given_up() {
        let throttle = Arc::new(Throttle::new(10));
        let mut line: Vec<_> = (0..200).map(|_| throttle.take_place(START)).collect();
        let last = line[199].at();
        // As by lanes whose endpoints have failed.
        line.drain(..100);
        assert!(take(&throttle, START) > last, "the others keep their places");
        let ends: Vec<_> = (0..3).map(|_| throttle.take_place(START)).collect();
        let first = ends[0].at();
        ends.into_iter().rev().for_each(drop);
        assert_eq!(take(&throttle, START), first, "whoever is last leaves no hole");
    }
}
