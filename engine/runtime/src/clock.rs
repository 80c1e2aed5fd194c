use event::Time;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub trait Clock: Send + Sync {
    /// For schedules and time-outs: never goes backward within a process, and advances with real
    /// time whatever is done to the wall clock.
    fn now(&self) -> Time;

    /// For what others read: the system's time of day. It may jump both ways.
    fn wall(&self) -> Time;
}

/// The machine's clocks. `now` is the wall clock at construction plus what has elapsed since.
#[derive(Clone, Debug)]
pub struct OsClock {
    anchor: Time,
    start: Instant,
}

impl OsClock {
    #[expect(clippy::new_without_default, reason = "a default that reads the clock surprises")]
    pub fn new() -> OsClock {
        OsClock { anchor: wall(), start: Instant::now() }
    }
}

impl Clock for OsClock {
    fn now(&self) -> Time {
        self.anchor + self.start.elapsed()
    }

    fn wall(&self) -> Time {
        wall()
    }
}

/// A clock before 1970 reads as 1970.
fn wall() -> Time {
    Time::ZERO + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Stands still until told: for tests and the simulator.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicU64,
    wall: AtomicU64,
}

impl ManualClock {
    pub fn at(time: Time) -> ManualClock {
        ManualClock { now: time.nanos().into(), wall: time.nanos().into() }
    }

    /// Both clocks go forward alike.
    pub fn advance(&self, span: std::time::Duration) {
        let advanced = |clock: &AtomicU64| {
            let time = Time::from_nanos(clock.load(Ordering::Acquire)) + span;
            clock.store(time.nanos(), Ordering::Release);
        };
        advanced(&self.now);
        advanced(&self.wall);
    }

    /// Somebody sets the time of day; schedules do not notice.
    pub fn set_wall(&self, time: Time) {
        self.wall.store(time.nanos(), Ordering::Release);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        Time::from_nanos(self.now.load(Ordering::Acquire))
    }

    fn wall(&self) -> Time {
        Time::from_nanos(self.wall.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_os_clock_starts_at_wall_time_and_never_goes_back() {
        let clock = OsClock::new();
        let mut last = clock.now();
        assert!(clock.wall().since(last) < Duration::from_secs(5));
        for _ in 0..10_000 {
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn a_jump_of_the_wall_clock_leaves_schedules_alone() {
        let clock = ManualClock::at(Time::from_secs(100));
        clock.set_wall(Time::from_secs(5));
        clock.advance(Duration::from_secs(1));
        assert_eq!((clock.now(), clock.wall()), (Time::from_secs(101), Time::from_secs(6)));
    }
}
