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
    use proptest::prelude::*;

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

    /// What may happen to a breaker.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Pass(u64),
        Start,
        Succeed,
        Fail(f64),
        Withdraw,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..400_000u64).prop_map(Step::Pass),
            4 => Just(Step::Start),
            1 => Just(Step::Succeed),
            6 => (0.0..1.0f64).prop_map(Step::Fail),
            1 => Just(Step::Withdraw),
        ]
    }

    /// All that has happened, from which the naive model works everything out anew.
    #[derive(Default)]
    struct Told {
        /// Failures since it was last closed by a success.
        failures: u32,
        /// The waits so far, and when the last of them ends.
        waits: u32,
        until: Option<Time>,
        is_probing: bool,
    }

    impl Told {
        fn fail(&mut self, now: Time, draw: f64) -> bool {
            let counts = self.until.is_none() || self.is_probing;
            self.failures += u32::from(counts);
            let opens = counts && self.failures >= FAILURES_TO_OPEN;
            if opens {
                let secs = [5, 10, 20, 40, 80, 160, 300];
                let wait = secs[(self.waits as usize).min(secs.len() - 1)];
                let wait = Duration::from_secs(wait).mul_f64(0.8 + 0.4 * draw);
                (self.until, self.is_probing) = (Some(now + wait), false);
                self.waits += 1;
            }
            opens
        }
    }

    proptest! {
        #[test]
        fn whatever_happens_it_is_as_the_naive_model_has_it(
            steps in prop::collection::vec(step(), 0..200),
        ) {
            let (mut breaker, mut told) = (Breaker::default(), Told::default());
            let mut now = Time::from_secs(1_000);
            for step in steps {
                match step {
                    Step::Pass(ms) => now = now + Duration::from_millis(ms),
                    Step::Start if breaker.allows(now) => {
                        breaker.attempt_started();
                        told.is_probing = told.until.is_some();
                    }
                    Step::Start => {}
                    Step::Succeed => {
                        breaker.attempt_succeeded();
                        told = Told::default();
                    }
                    Step::Fail(draw) => {
                        let opened = breaker.attempt_failed(now, draw);
                        prop_assert_eq!(opened, told.fail(now, draw));
                    }
                    Step::Withdraw => {
                        breaker.attempt_withdrawn(now);
                        if told.is_probing {
                            (told.until, told.is_probing) = (Some(now), false);
                        }
                    }
                }
                let is_due = told.until.is_none_or(|until| now >= until) && !told.is_probing;
                prop_assert_eq!(breaker.allows(now), is_due);
                prop_assert_eq!(breaker.is_closed(), told.until.is_none());
                let waits_until = told.until.filter(|_| !told.is_probing);
                prop_assert_eq!(breaker.probe_at(), waits_until);
            }
        }
    }
}
