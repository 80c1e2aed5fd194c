use event::Time;
use registry::Circuit;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Counts the failures of one version of a filter. Shared by the guest threads.
pub struct CircuitState {
    faults_max: usize,
    within: Duration,
    /// The last failures, at most as many as open it.
    faults: Mutex<VecDeque<Time>>,
    /// In nanoseconds; zero when it never opened. Read for each batch, so it takes no lock.
    open_until: AtomicU64,
}

/// The circuits of a filter's versions, of those that were asked for last. A lane that is behind is
/// judged by an older one while the others are by the newest, and endpoints pin versions.
#[derive(Default)]
pub(super) struct Circuits {
    /// By what tells versions apart; the one that was asked for last is the last.
    kept: VecDeque<([u8; 16], Arc<CircuitState>)>,
}

/// More failures than this are not told apart.
const FAULTS_MAX: usize = 10_000;
/// Versions of a filter that lanes are judged by at a time are few as a rule.
const VERSIONS_MAX: usize = 32;

impl CircuitState {
    pub fn new(circuit: Circuit) -> CircuitState {
        CircuitState {
            faults_max: (circuit.faults as usize).clamp(1, FAULTS_MAX),
            within: Duration::from_millis(circuit.within_ms),
            faults: Mutex::default(),
            open_until: AtomicU64::new(0),
        }
    }

    /// Whether the filter may be asked.
    pub fn is_closed(&self, now: Time) -> bool {
        now.nanos() >= self.open_until.load(Ordering::Acquire)
    }

    /// When it closes by itself, if it is open or was.
    pub fn open_until(&self) -> Option<Time> {
        let until = self.open_until.load(Ordering::Acquire);
        (until > 0).then(|| Time::from_nanos(until))
    }

    /// The filter failed. True when this opened the circuit.
    pub fn failed(&self, now: Time) -> bool {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.push_back(now);
        while faults.front().is_some_and(|first| now.since(*first) > self.within) {
            faults.pop_front();
        }
        if faults.len() < self.faults_max {
            return false;
        }
        faults.clear();
        self.open_until.store((now + self.within).nanos(), Ordering::Release);
        true
    }
}

impl Circuits {
    /// That of this version, which is a new one where it is not kept.
    pub fn of(&mut self, version: [u8; 16], settings: Circuit) -> Arc<CircuitState> {
        let place = self.kept.iter().position(|(kept, _)| *kept == version);
        let known = place.and_then(|place| self.kept.remove(place));
        let new = || (version, Arc::new(CircuitState::new(settings)));
        let (_, circuit) = known.unwrap_or_else(new);
        self.kept.push_back((version, circuit.clone()));
        if self.kept.len() > VERSIONS_MAX {
            self.kept.pop_front();
        }
        circuit
    }

    /// That of this version, if it is kept.
    pub fn find(&self, version: [u8; 16]) -> Option<&CircuitState> {
        let found = self.kept.iter().find(|(kept, _)| *kept == version);
        found.map(|(_, circuit)| &**circuit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Circuit = Circuit { faults: 3, within_ms: 10_000 };

    fn circuit() -> CircuitState {
        CircuitState::new(SETTINGS)
    }

    fn at(secs: u64) -> Time {
        Time::from_secs(secs)
    }

    #[test]
    fn opens_at_so_many_failures_within_the_time_and_closes_after_it() {
        let circuit = circuit();
        assert!(circuit.is_closed(at(100)) && circuit.open_until().is_none());
        assert!(![100, 105].map(|secs| circuit.failed(at(secs))).contains(&true));
        assert!(circuit.failed(at(109)));
        assert!(!circuit.is_closed(at(118)) && circuit.is_closed(at(119)));
        assert_eq!(circuit.open_until(), Some(at(119)));
        assert!(!circuit.failed(at(120)), "it counts anew");
    }

    #[test]
    fn old_failures_are_forgotten() {
        let circuit = circuit();
        assert!((0..20).all(|n| !circuit.failed(at(100 + n * 6))));
    }

    #[test]
    fn versions_that_are_asked_for_are_kept_and_old_ones_go() {
        let mut circuits = Circuits::default();
        let first = circuits.of([0; 16], SETTINGS);
        for n in 1..=100 {
            circuits.of([n; 16], SETTINGS);
            assert!(Arc::ptr_eq(&circuits.of([0; 16], SETTINGS), &first), "after version {n}");
        }
        assert_eq!(circuits.kept.len(), VERSIONS_MAX);
        assert!(circuits.find([100; 16]).is_some() && circuits.find([1; 16]).is_none());
    }
}
