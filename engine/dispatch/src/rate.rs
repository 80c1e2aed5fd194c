use event::Time;
use std::time::Duration;

/// How many attempts may begin in a second: they are spread evenly, and one that comes late may be
/// made up for within a twentieth of a second. So no second sees more than a twentieth above the
/// rate, and one. A restart begins anew.
#[derive(Clone, Debug, PartialEq)]
pub struct RateLimit {
    /// Between two attempts; none without a limit.
    gap: Option<Duration>,
    /// When the next would be due if all came evenly.
    due: Time,
}

/// What a thread that wakes a little late must not cost.
const SLACK: Duration = Duration::from_millis(50);

impl RateLimit {
    /// `rate`: attempts a second; none for no limit.
    pub fn new(rate: Option<u32>) -> RateLimit {
        RateLimit { gap: gap(rate), due: Time::ZERO }
    }

    /// From when on the next attempt may begin.
    pub fn opens_at(&self) -> Time {
        self.due - SLACK
    }

    pub fn allows(&self, now: Time) -> bool {
        self.gap.is_none() || now >= self.opens_at()
    }

    pub fn attempt_started(&mut self, now: Time) {
        if let Some(gap) = self.gap {
            self.due = self.due.max(now) + gap;
        }
    }

    /// A new rate for a limit in use.
    pub fn limit(&mut self, rate: Option<u32>) {
        self.gap = gap(rate);
    }
}

fn gap(rate: Option<u32>) -> Option<Duration> {
    rate.map(|rate| Duration::from_secs(1) / rate.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_secs(1_000_000);

    /// Begins as many as it may, looked at each so often; the times of their beginnings.
    fn begun(rate: u32, look: Duration, looks: u32) -> Vec<Time> {
        let (mut limit, mut begun) = (RateLimit::new(Some(rate)), Vec::new());
        for n in 0..looks {
            let now = START + look * n;
            while limit.allows(now) {
                limit.attempt_started(now);
                begun.push(now);
            }
        }
        begun
    }

    #[test]
    fn no_second_sees_more_than_its_share_and_all_of_it_is_used() {
        for rate in [1, 2, 7, 100, 1_000] {
            for look in [1, 3, 20] {
                let looks = 10_000 / look as u32;
                let begun = begun(rate, Duration::from_millis(look), looks);
                let most = rate + rate / 20 + 1;
                for (n, first) in begun.iter().enumerate() {
                    let within = begun[n..].iter().take_while(|t| t.since(*first).as_secs() < 1);
                    let count = within.count() as u32;
                    assert!(count <= most, "{rate} a second, each {look} ms: {count}");
                }
                let least = rate as usize * 10;
                assert!(begun.len() >= least, "{rate} each {look} ms: {}", begun.len());
            }
        }
    }

    #[test]
    fn what_was_not_used_is_not_saved_up() {
        let mut limit = RateLimit::new(Some(10));
        limit.attempt_started(START);
        let later = START + Duration::from_secs(60);
        let mut begun = 0;
        while limit.allows(later) {
            limit.attempt_started(later);
            begun += 1;
        }
        assert_eq!(begun, 1);
    }

    #[test]
    fn without_a_limit_nothing_waits() {
        let mut limit = RateLimit::new(None);
        (0..1_000).for_each(|_| limit.attempt_started(START));
        assert!(limit.allows(START));
        limit.limit(Some(1));
        assert!(limit.allows(START));
        limit.attempt_started(START);
        assert!(!limit.allows(START + Duration::from_millis(900)));
        limit.limit(None);
        assert!(limit.allows(START));
    }
}
