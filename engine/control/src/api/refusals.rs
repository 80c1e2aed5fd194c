use crate::api::failures::one_sender;
use event::Time;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// Of which wrong keys the log of changes tells: in an hour, of each sender the first one and the
/// one that shuts it out, and of few from all senders together. So whoever guesses without a break
/// needs half a year to push a change out of that log.
#[derive(Default)]
pub(crate) struct Refusals {
    since: Time,
    /// Who is told of in this hour, and whether as shut out.
    senders: BTreeMap<IpAddr, bool>,
    lines: usize,
    /// Wrong keys since the last line.
    untold: u64,
}

const WINDOW: Duration = Duration::from_secs(3_600);
/// A line has less than 300 bytes, and a change stays until 8 MiB at least have come after it.
const LINES_MAX: usize = 6;
const _: () = assert!(LINES_MAX * 24 * 183 * 300 < 8 << 20, "half a year, as `Refusals` says");
/// Beyond these all are of senders that are shut out: many that look in once hide none of them.
const UNRESERVED: usize = 3;

impl Refusals {
    /// Whether this wrong key has a line: then how many before it have none.
    pub fn tell(&mut self, address: IpAddr, shuts_out: bool, now: Time) -> Option<u64> {
        if now.since(self.since) >= WINDOW {
            *self = Refusals { since: now, untold: self.untold, ..Refusals::default() };
        }
        let sender = one_sender(address);
        let is_told = self.senders.get(&sender).is_some_and(|told| *told || !shuts_out);
        let most = if shuts_out { LINES_MAX } else { UNRESERVED };
        if is_told || self.lines >= most {
            self.untold = self.untold.saturating_add(1);
            return None;
        }
        self.senders.insert(sender, shuts_out);
        self.lines += 1;
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> IpAddr {
        std::net::Ipv4Addr::from(n).into()
    }

    #[test]
    fn a_sender_has_two_lines_an_hour_and_the_rest_is_counted() {
        let mut refusals = Refusals::default();
        let start = Time::from_secs(10_000);
        let mut tell = |shuts_out, secs| {
            refusals.tell(address(1), shuts_out, start + Duration::from_secs(secs))
        };
        assert_eq!([tell(false, 0), tell(false, 1), tell(false, 2)], [Some(0), None, None]);
        assert_eq!([tell(true, 3), tell(false, 70), tell(true, 80)], [Some(2), None, None]);
        assert_eq!([tell(false, 3_600), tell(false, 3_601)], [Some(2), None]);
    }

    #[test]
    fn many_senders_have_few_lines_together_and_hide_none_that_is_shut_out() {
        let mut refusals = Refusals::default();
        let start = Time::from_secs(10_000);
        let mut told = |senders: std::ops::Range<u32>, shuts_out| {
            let tell = |n: &u32| refusals.tell(address(*n), shuts_out, start).is_some();
            senders.filter(tell).count()
        };
        assert_eq!(told(0..60, false), UNRESERVED);
        assert_eq!(told(60..5_000, true), LINES_MAX - UNRESERVED);
        assert_eq!(told(5_000..5_060, false), 0);
        assert_eq!(refusals.senders.len(), LINES_MAX);
        let later = refusals.tell(address(1), false, start + WINDOW);
        assert_eq!(later, Some(5_060 - 63), "all since the last line, which was of 62");
    }
}
