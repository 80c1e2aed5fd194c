use crate::bug::{self, Bug};
use event::Time;
use std::time::Duration;

/// Attempts that fail in a row until the breaker opens.
pub const FAILURES_TO_OPEN: u32 = 5;
const OPEN_FIRST: Duration = Duration::from_secs(5);
const OPEN_MAX: Duration = Duration::from_secs(300);

/// Keeps a dead endpoint from costing anything. Closed: flowing. Open: blocked. Half-open: one
/// probe is under way, and its outcome decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Breaker {
    state: State,
    /// How often it opened since it last closed.
    opened: u32,
}

#[derive(Clone, Debug, PartialEq)]
enum State {
    Closed { failures: u32 },
    Open { until: Time },
    HalfOpen,
}

impl Default for Breaker {
    fn default() -> Breaker {
        Breaker { state: State::Closed { failures: 0 }, opened: 0 }
    }
}

impl Breaker {
    /// May an attempt start now? When open, only once the wait is over, and then just one.
    pub fn allows(&self, now: Time) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { until } => now >= until,
            State::HalfOpen => false,
        }
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// When an open breaker lets its probe through.
    pub fn probe_at(&self) -> Option<Time> {
        match self.state {
            State::Open { until } => Some(until),
            _ => None,
        }
    }

    /// An attempt that `allows` let through starts.
    pub fn attempt_started(&mut self) {
        if let State::Open { .. } = self.state
            && !bug::is(Bug::ProbeUncounted)
        {
            self.state = State::HalfOpen;
        }
    }

    /// What `attempt_started` announced was not sent after all: the next may probe.
    pub fn attempt_withdrawn(&mut self, now: Time) {
        if self.state == State::HalfOpen {
            self.state = State::Open { until: now };
        }
    }

    pub fn attempt_succeeded(&mut self) {
        *self = Breaker::default();
    }

    /// True when this failure opened the breaker. Attempts that were in flight when it opened
    /// change nothing. `draw` is uniform in [0, 1).
    pub fn attempt_failed(&mut self, now: Time, draw: f64) -> bool {
        match &mut self.state {
            State::Closed { failures } => {
                *failures += 1;
                if *failures < FAILURES_TO_OPEN {
                    return false;
                }
            }
            State::Open { .. } => return false,
            State::HalfOpen => {}
        }
        let wait = OPEN_FIRST.saturating_mul(1 << self.opened.min(10)).min(OPEN_MAX);
        self.state = State::Open { until: now + wait.mul_f64(0.8 + 0.4 * draw) };
        self.opened += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(now: Time) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES_TO_OPEN {
            assert!(!breaker.attempt_failed(now, 0.5));
        }
        assert!(breaker.attempt_failed(now, 0.5));
        breaker
    }

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let now = Time::from_secs(100);
        let mut breaker = Breaker::default();
        for _ in 0..20 {
            assert!(!breaker.attempt_failed(now, 0.5));
            breaker.attempt_succeeded();
        }
        assert!(breaker.is_closed());
        assert!(!opened(now).allows(now));
    }

    #[test]
    fn lets_one_probe_through_and_waits_longer_after_each_failed_one() {
        let now = Time::from_secs(100);
        let mut breaker = opened(now);
        let first = breaker.probe_at().unwrap();
        assert!(!breaker.allows(first - Duration::from_millis(1)));
        assert!(breaker.allows(first));
        breaker.attempt_started();
        assert!(!breaker.allows(first), "the probe is counted");
        assert!(breaker.attempt_failed(first, 0.5));
        let second = breaker.probe_at().unwrap();
        assert!(second.since(first) > first.since(now));
        breaker.attempt_started();
        breaker.attempt_succeeded();
        assert!(breaker.is_closed());
    }

    #[test]
    fn the_wait_never_passes_its_limit() {
        let mut now = Time::from_secs(100);
        let mut breaker = opened(now);
        for _ in 0..50 {
            let probe = breaker.probe_at().unwrap();
            assert!(probe.since(now) <= OPEN_MAX.mul_f64(1.2));
            now = probe;
            breaker.attempt_started();
            assert!(breaker.attempt_failed(now, 0.99));
        }
    }
}
