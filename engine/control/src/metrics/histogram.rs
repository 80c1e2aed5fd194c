use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts in fixed buckets, by atomics alone. Values are whole: nanoseconds, or things.
pub(super) struct Histogram {
    bounds: &'static [u64],
    /// How many of the values make one of the unit that is shown.
    per_unit: u64,
    /// One more than bounds: the last takes all that is larger.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

const US: u64 = 1_000;
const MS: u64 = 1_000_000;
const S: u64 = 1_000_000_000;

/// For what happens on this machine.
const SHORT: &[u64] = &[
    10 * US,
    25 * US,
    50 * US,
    100 * US,
    250 * US,
    500 * US,
    MS,
    2_500 * US,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    S,
    2_500 * MS,
    10 * S,
];
/// For what waits for others: retries take days.
const LONG: &[u64] = &[
    500 * US,
    MS,
    2_500 * US,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    S,
    2_500 * MS,
    5 * S,
    10 * S,
    30 * S,
    60 * S,
    300 * S,
    3_600 * S,
    86_400 * S,
];
const COUNTS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048];

impl Histogram {
    /// Seconds from 10 microseconds to 10 seconds.
    pub fn short() -> Histogram {
        Histogram::new(SHORT, S)
    }

    /// Seconds from half a millisecond to a day.
    pub fn long() -> Histogram {
        Histogram::new(LONG, S)
    }

    pub fn counts() -> Histogram {
        Histogram::new(COUNTS, 1)
    }

    fn new(bounds: &'static [u64], per_unit: u64) -> Histogram {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Histogram { bounds, per_unit, counts, sum: AtomicU64::new(0) }
    }

    pub fn took(&self, span: Duration) {
        self.observe(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX));
    }

    pub fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// (upper bound, count of this bucket alone), the sum of all values, and how many there were.
    pub fn read(&self) -> (Vec<(f64, u64)>, f64, u64) {
        let shown = |value: u64| value as f64 / self.per_unit as f64;
        let bounds = self.bounds.iter().map(|bound| shown(*bound)).chain([f64::INFINITY]);
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        (buckets, shown(self.sum.load(Ordering::Relaxed)), count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        let histogram = Histogram::counts();
        [0, 1, 2, 3, 2048, 2049].into_iter().for_each(|n| histogram.observe(n));
        let (buckets, sum, count) = histogram.read();
        assert_eq!((sum, count), (4103.0, 6));
        assert_eq!(&buckets[..3], [(1.0, 2), (2.0, 1), (4.0, 1)]);
        assert_eq!(&buckets[11..], [(2048.0, 1), (f64::INFINITY, 1)]);
    }

    #[test]
    fn times_are_shown_in_seconds() {
        let histogram = Histogram::short();
        histogram.took(Duration::from_micros(100));
        let (buckets, sum, _) = histogram.read();
        assert_eq!((buckets[3], sum), ((0.0001, 1), 0.0001));
    }
}
