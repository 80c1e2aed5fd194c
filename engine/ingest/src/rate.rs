use crate::SourceTable;
use event::Time;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

/// What a source may send at once when it was quiet before, as a time at its rate.
const BURST: Duration = Duration::from_secs(1);

/// How much of their rates the sources have used, by path. It outlives a table that is made anew,
/// so that no change of the registry gives anybody a second share. A restart begins anew.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    /// When the requests so far would have come at the rate, one after the other.
    used_until: RefCell<BTreeMap<Box<str>, Time>>,
}

impl Rates {
    /// Counts a request, or says how long it would have to wait.
    pub fn admit(&self, path: &str, rate: NonZeroU32, now: Time) -> Result<(), Duration> {
        let mut used = self.used_until.borrow_mut();
        let until = used.get(path).map_or(now, |until| now.max(*until));
        let until = until + Duration::from_secs(1) / rate.get();
        let ahead = until.since(now);
        if ahead > BURST {
            return Err(ahead - BURST);
        }
        match used.get_mut(path) {
            Some(known) => *known = until,
            None => drop(used.insert(path.into(), until)),
        }
        Ok(())
    }

    /// Forgets the sources that are in no table any more.
    pub fn retain(&self, table: &SourceTable) {
        let mut used = self.used_until.borrow_mut();
        if used.len() > table.len() {
            used.retain(|path, _| table.has_path(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_secs(1_000);

    fn rate(rate: u32) -> NonZeroU32 {
        NonZeroU32::new(rate).unwrap()
    }

    #[test]
    fn a_quiet_source_may_send_a_seconds_worth_and_then_its_rate() {
        for per_second in [1, 3, 100, 2_000] {
            let rates = Rates::default();
            let admitted = |now| {
                let is_in = |_: &u32| rates.admit("/in/a", rate(per_second), now).is_ok();
                (0..5_000).filter(is_in).count() as u32
            };
            assert_eq!(admitted(START), per_second);
            let wait = rates.admit("/in/a", rate(per_second), START).unwrap_err();
            assert!(wait <= Duration::from_secs(1) / per_second, "{wait:?}");
            assert_eq!(admitted(START + wait), 1, "of {per_second}");
            assert_eq!(admitted(START + Duration::from_secs(60)), per_second);
        }
    }

    #[test]
    fn sources_have_a_rate_each() {
        let rates = Rates::default();
        assert!(rates.admit("/in/a", rate(1), START).is_ok());
        assert_eq!(rates.admit("/in/a", rate(1), START), Err(Duration::from_secs(1)));
        assert!(rates.admit("/in/b", rate(1), START).is_ok());
    }
}
