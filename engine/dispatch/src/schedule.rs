use std::sync::Arc;
use std::time::Duration;

const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// The waits between attempts. With n steps a delivery is attempted n + 1 times.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrySchedule {
    steps: Arc<[Duration]>,
    jitter: f64,
}

impl RetrySchedule {
    /// `jitter` is the share by which a step may grow or shrink, from 0 to 1.
    pub fn new(steps: &[Duration], jitter: f64) -> RetrySchedule {
        assert!((0.0..=1.0).contains(&jitter), "jitter is a share");
        RetrySchedule { steps: steps.into(), jitter }
    }

    /// How long to wait after the `attempts`-th attempt failed; `None` when it was the last.
    ///
    /// `draw` is uniform in [0, 1). What the endpoint asked for counts where it is longer than
    /// the step, within 1 s and 24 h; jitter then only adds, so that nothing comes too early.
    pub fn wait_after(
        &self,
        attempts: u32,
        retry_after: Option<Duration>,
        draw: f64,
    ) -> Option<Duration> {
        let step = *self.steps.get((attempts as usize).checked_sub(1)?)?;
        let spread = step.mul_f64(1.0 + self.jitter * (2.0 * draw - 1.0));
        let asked = retry_after.map(|wait| {
            let wait = wait.clamp(RETRY_AFTER_MIN, RETRY_AFTER_MAX);
            wait + step.min(wait).mul_f64(self.jitter * draw)
        });
        Some(asked.map_or(spread, |asked| asked.max(spread)))
    }

    /// The earliest that an attempt after the `attempts`-th may start.
    pub fn least_wait_after(&self, attempts: u32) -> Option<Duration> {
        let step = self.steps.get((attempts as usize).checked_sub(1)?)?;
        Some(step.mul_f64(1.0 - self.jitter))
    }

    pub fn attempts_max(&self) -> u32 {
        self.steps.len() as u32 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn steps_in_turn_then_nothing() {
        let schedule = RetrySchedule::new(&[5 * SECOND, 300 * SECOND], 0.0);
        assert_eq!(schedule.wait_after(1, None, 0.5), Some(5 * SECOND));
        assert_eq!(schedule.wait_after(2, None, 0.5), Some(300 * SECOND));
        assert_eq!(schedule.wait_after(3, None, 0.5), None);
        assert_eq!(schedule.attempts_max(), 3);
        assert_eq!(RetrySchedule::new(&[], 0.0).wait_after(1, None, 0.5), None);
    }

    #[test]
    fn what_the_endpoint_asks_for_counts_when_longer_within_bounds() {
        let schedule = RetrySchedule::new(&[5 * SECOND], 0.0);
        let wait = |asked| schedule.wait_after(1, Some(asked), 0.9);
        assert_eq!(wait(2 * SECOND), Some(5 * SECOND));
        assert_eq!(wait(60 * SECOND), Some(60 * SECOND));
        assert_eq!(wait(Duration::MAX), Some(RETRY_AFTER_MAX));
    }

    proptest! {
        #[test]
        fn jitter_stays_within_its_share(draw in 0.0..1.0f64, jitter in 0.0..=1.0f64) {
            let schedule = RetrySchedule::new(&[100 * SECOND], jitter);
            let wait = schedule.wait_after(1, None, draw).unwrap().as_secs_f64();
            prop_assert!(wait >= 100.0 * (1.0 - jitter) - 1e-6);
            prop_assert!(wait <= 100.0 * (1.0 + jitter) + 1e-6);
            prop_assert!(schedule.least_wait_after(1).unwrap().as_secs_f64() <= wait + 1e-6);
        }

        /// As a person would work it out, in seconds.
        #[test]
        fn every_wait_is_as_the_naive_model_has_it(
            steps in prop::collection::vec(0..200_000u64, 0..12),
            attempts in 0..14u32,
            asked in prop::option::of(prop_oneof![0..10u64, 0..200_000u64, Just(u64::MAX)]),
            draw in 0.0..1.0f64,
            jitter in 0.0..=1.0f64,
        ) {
            let spans: Vec<_> = steps.iter().map(|secs| Duration::from_secs(*secs)).collect();
            let schedule = RetrySchedule::new(&spans, jitter);
            let wait = schedule.wait_after(attempts, asked.map(Duration::from_secs), draw);
            prop_assert_eq!(schedule.attempts_max() as usize, steps.len() + 1);
            if attempts == 0 || attempts >= schedule.attempts_max() {
                prop_assert_eq!(wait, None);
                return Ok(());
            }
            let step = steps[attempts as usize - 1] as f64;
            let own = step - step * jitter + 2.0 * step * jitter * draw;
            let asked = asked.map(|secs| secs.clamp(1, 86_400) as f64);
            let theirs = asked.map(|secs| secs + secs.min(step) * jitter * draw);
            let most = theirs.map_or(own, |theirs| theirs.max(own));
            let wait = wait.unwrap().as_secs_f64();
            prop_assert!((wait - most).abs() < 1e-3, "{} for {}", wait, most);
            prop_assert!(asked.is_none_or(|asked| wait >= asked), "before it was asked for");
        }
    }
}
