use event::Rng;
use std::time::Duration;

/// Every choice of a run is drawn here, so a seed says it all.
#[derive(Clone, Debug)]
pub struct Dice(Rng);

impl Dice {
    pub fn seeded(seed: u64) -> Dice {
        Dice(Rng::seeded(seed))
    }

    /// True so often in a thousand.
    pub fn permille(&mut self, share: u64) -> bool {
        self.0.range(0..1000) < share
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.range(low..high + 1)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0.range(0..end as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    pub fn micros(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_micros(self.between(low, high))
    }

    pub fn u64(&mut self) -> u64 {
        self.0.u64()
    }
}
