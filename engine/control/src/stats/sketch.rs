use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Buckets of times: four to each doubling, from 100 microseconds to a day and a half. What lies
/// below the first is in it, what lies above the last is in that.
const BUCKETS: usize = 120;
const FIRST_US: u64 = 100;
const OF_A_DOUBLING: u64 = 4;

/// Times that several threads count.
pub(super) struct LiveSketch(Box<[AtomicU32; BUCKETS]>);

/// How many times lie in which bucket; those with none are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sketch(Vec<(u8, u32)>);

impl Default for LiveSketch {
    fn default() -> LiveSketch {
        LiveSketch(Box::new([const { AtomicU32::new(0) }; BUCKETS]))
    }
}

impl LiveSketch {
    pub fn add(&self, took: Duration) {
        self.0[usize::from(bucket_of(took))].fetch_add(1, Ordering::Relaxed);
    }

    pub fn take(&self) -> Sketch {
        let held = |count: &AtomicU32| match count.load(Ordering::Relaxed) {
            0 => 0,
            _ => count.swap(0, Ordering::Relaxed),
        };
        let counts = self.0.iter().map(held).zip(0..);
        Sketch(counts.filter(|(count, _)| *count > 0).map(|(count, n)| (n, count)).collect())
    }
}

impl Sketch {
    /// Of pairs that were written; none when they are not what is written.
    pub fn of(mut pairs: Vec<(u8, u32)>) -> Option<Sketch> {
        pairs.sort_unstable();
        let is_fit = pairs.iter().all(|(bucket, _)| usize::from(*bucket) < BUCKETS);
        (is_fit && pairs.windows(2).all(|pair| pair[0].0 < pair[1].0)).then_some(Sketch(pairs))
    }

    pub fn pairs(&self) -> &[(u8, u32)] {
        &self.0
    }

    pub fn add(&mut self, other: &Sketch) {
        for (bucket, count) in &other.0 {
            match self.0.binary_search_by_key(bucket, |pair| pair.0) {
                Ok(at) => self.0[at].1 = self.0[at].1.saturating_add(*count),
                Err(at) => self.0.insert(at, (*bucket, *count)),
            }
        }
    }

    /// The time, in milliseconds, below which this share of them lies; none of no times. It is the
    /// middle of a bucket, so 13 % from the truth at most.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let count: u64 = self.0.iter().map(|(_, count)| u64::from(*count)).sum();
        let rank = ((count as f64 * share).ceil() as u64).max(1);
        let mut passed = 0;
        let found = self.0.iter().find(|(_, count)| {
            passed += u64::from(*count);
            passed >= rank
        });
        found.map(|(bucket, _)| middle_ms(*bucket))
    }
}

/// The lower bound of a bucket, in microseconds.
fn bound_us(bucket: u64) -> u64 {
    let (doublings, part) = (bucket / OF_A_DOUBLING, bucket % OF_A_DOUBLING);
    ((FIRST_US * (OF_A_DOUBLING + part)) << doublings) / OF_A_DOUBLING
}

fn bucket_of(took: Duration) -> u8 {
    let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(FIRST_US);
    let doublings = u64::from((us / FIRST_US).ilog2());
    let last = BUCKETS as u64 - 1;
    let of_doubling = doublings * OF_A_DOUBLING;
    let parts = (of_doubling..of_doubling + OF_A_DOUBLING).rev();
    let found = parts.take_while(|bucket| *bucket > of_doubling).find(|at| us >= bound_us(*at));
    found.unwrap_or(of_doubling).min(last) as u8
}

fn middle_ms(bucket: u8) -> f64 {
    let (low, high) = (bound_us(bucket.into()), bound_us(u64::from(bucket) + 1));
    (low + high) as f64 / 2_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_lies_within_its_bucket() {
        for us in (100..100_000).step_by(37).chain((1..90_000_000_000).step_by(777_777_777)) {
            let bucket = bucket_of(Duration::from_micros(us));
            let (low, high) = (bound_us(bucket.into()), bound_us(u64::from(bucket) + 1));
            assert!((low..high).contains(&us.max(FIRST_US)), "{us} in {low}..{high}");
        }
        assert_eq!(bucket_of(Duration::ZERO), 0);
        assert_eq!(bucket_of(Duration::MAX), BUCKETS as u8 - 1);
    }

    #[test]
    fn quantiles_are_within_their_promise() {
        let live = LiveSketch::default();
        (1..=10_000).for_each(|n| live.add(Duration::from_micros(n * 1_000)));
        let sketch = live.take();
        for (share, truth) in [(0.5, 5_000.0), (0.9, 9_000.0), (0.99, 9_900.0)] {
            let told = sketch.quantile(share).expect("there are times");
            assert!((told / truth - 1.0).abs() < 0.13, "{told} for {truth}");
        }
        assert_eq!(live.take().quantile(0.5), None, "it was taken");
    }

    #[test]
    fn sketches_of_parts_make_the_sketch_of_the_whole() {
        let (all, parts) = (LiveSketch::default(), [(); 3].map(|()| LiveSketch::default()));
        for n in 0..999 {
            let took = Duration::from_micros(n * n);
            all.add(took);
            parts[n as usize % 3].add(took);
        }
        let mut sum = Sketch::default();
        parts.iter().for_each(|part| sum.add(&part.take()));
        assert_eq!(sum, all.take());
    }
}
