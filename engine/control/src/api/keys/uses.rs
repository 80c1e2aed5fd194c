use event::Time;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// When each key was last used, by the wall clock, to the minute. In memory: a restart forgets it.
#[derive(Default)]
pub(crate) struct Uses(BTreeMap<Arc<str>, Time>);

const COARSE: Duration = Duration::from_secs(60);
/// As many as there can be keys.
const KEYS_MAX: usize = 10_000;

impl Uses {
    pub fn note(&mut self, id: &Arc<str>, now: Time) {
        let now = Time::from_millis(now.millis());
        match self.0.get_mut(id) {
            // A clock that was set back makes a key look unused, not used in times to come.
            Some(last) if now < *last || now.since(*last) >= COARSE => *last = now,
            Some(_) => {}
            None => {
                if self.0.len() >= KEYS_MAX {
                    self.forget_half();
                }
                self.0.insert(id.clone(), now);
            }
        }
    }

    pub fn last(&self, id: &str) -> Option<Time> {
        self.0.get(id).copied()
    }

    pub fn forget(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Ended keys are among those that were not used for longest.
    fn forget_half(&mut self) {
        let mut times: Vec<Time> = self.0.values().copied().collect();
        times.sort_unstable();
        let middle = times[times.len() / 2];
        self.0.retain(|_, last| *last > middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_told_to_the_minute() {
        let mut uses = Uses::default();
        let id: Arc<str> = "k".into();
        let at = Time::from_secs;
        assert_eq!(uses.last("k"), None);
        for (now, last) in [(100, 100), (159, 100), (160, 160), (161, 160), (50, 50)] {
            uses.note(&id, at(now));
            assert_eq!(uses.last("k"), Some(at(last)), "at {now}");
        }
        uses.forget("k");
        assert_eq!(uses.last("k"), None);
    }

    #[test]
    fn they_are_bounded_and_the_oldest_go_first() {
        let mut uses = Uses::default();
        for n in 0..=KEYS_MAX {
            uses.note(&n.to_string().into(), Time::from_secs(n as u64));
        }
        assert!(uses.0.len() <= KEYS_MAX && uses.last("0").is_none());
        assert!(uses.last(&KEYS_MAX.to_string()).is_some());
    }
}
