use crate::api::failures::one_sender;
use event::Time;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// Of which wrong keys the log of changes tells: in an hour, of each sender the first one and the
/// one that shuts it out, and of few from all senders together. So nobody pushes changes out of
/// that log by guessing.
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
/// Some 15 KiB an hour; the log of changes has 16 MiB.
const LINES_MAX: usize = 60;

impl Refusals {
    /// Whether this wrong key has a line: then how many before it have none.
    pub fn tell(&mut self, address: IpAddr, shuts_out: bool, now: Time) -> Option<u64> {
        if now.since(self.since) >= WINDOW {
            *self = Refusals { since: now, untold: self.untold, ..Refusals::default() };
        }
        let sender = one_sender(address);
        let is_told = self.senders.get(&sender).is_some_and(|told| *told || !shuts_out);
        if is_told || self.lines >= LINES_MAX {
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
    fn many_senders_have_few_lines_together() {
        let mut refusals = Refusals::default();
        let start = Time::from_secs(10_000);
        let told = (0..5_000).filter_map(|n| refusals.tell(address(n), n % 2 == 0, start));
        assert_eq!(told.count(), LINES_MAX);
        assert_eq!(refusals.senders.len(), LINES_MAX);
        let later = refusals.tell(address(1), false, start + WINDOW);
        assert_eq!(later, Some(5_000 - LINES_MAX as u64));
    }
}
