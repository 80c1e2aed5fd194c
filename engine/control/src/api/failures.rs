use event::Time;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Who has shown wrong keys, and how often lately.
pub(crate) struct Failures {
    /// In one window.
    most: u32,
    known: BTreeMap<IpAddr, Window>,
}

struct Window {
    since: Time,
    failures: u32,
}

const WINDOW: Duration = Duration::from_secs(60);
const ADDRESSES_MAX: usize = 4096;

impl Failures {
    pub fn new(most: u32) -> Failures {
        Failures { most, known: BTreeMap::new() }
    }

    /// How long this address has to wait before a key of it is looked at again.
    pub fn wait(&self, address: IpAddr, now: Time) -> Option<Duration> {
        let window = self.known.get(&one_sender(address))?;
        let passed = now.since(window.since);
        (window.failures >= self.most && passed < WINDOW).then(|| WINDOW - passed)
    }

    /// Whether this one shuts the address out.
    pub fn count(&mut self, address: IpAddr, now: Time) -> bool {
        let address = one_sender(address);
        if self.known.len() >= ADDRESSES_MAX && !self.known.contains_key(&address) {
            self.forget(now);
        }
        let window = self.known.entry(address).or_insert(Window { since: now, failures: 0 });
        if now.since(window.since) >= WINDOW {
            *window = Window { since: now, failures: 0 };
        }
        window.failures = window.failures.saturating_add(1);
        window.failures == self.most
    }

    /// What is over; and when nothing is, the oldest window.
    fn forget(&mut self, now: Time) {
        self.known.retain(|_, window| now.since(window.since) < WINDOW);
        if self.known.len() >= ADDRESSES_MAX {
            let oldest = self.known.iter().min_by_key(|(_, window)| window.since);
            let oldest = oldest.map(|(address, _)| *address);
            oldest.map(|address| self.known.remove(&address));
        }
    }
}

/// Whoever has one address of an IPv6 network has the other 2^64 of it.
pub(super) fn one_sender(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> IpAddr {
        std::net::Ipv4Addr::from(n).into()
    }

    #[test]
    fn an_address_waits_until_its_window_is_over() {
        let mut failures = Failures::new(10);
        let start = Time::from_secs(1000);
        for n in 1..=10 {
            assert_eq!(failures.wait(address(1), start), None);
            assert_eq!(failures.count(address(1), start), n == 10);
        }
        let later = start + Duration::from_secs(20);
        assert_eq!(failures.wait(address(1), later), Some(Duration::from_secs(40)));
        assert_eq!(failures.wait(address(2), later), None);
        let over = start + WINDOW;
        assert_eq!(failures.wait(address(1), over), None);
        failures.count(address(1), over);
        assert_eq!(failures.wait(address(1), over), None, "a new window begins with one");
    }

    #[test]
    fn an_ipv6_network_is_one_sender() {
        let mut failures = Failures::new(1);
        failures.count("2001:db8::1".parse().unwrap(), Time::from_secs(1));
        let wait = |text: &str| failures.wait(text.parse().unwrap(), Time::from_secs(1)).is_some();
        assert!(wait("2001:db8::ffff:2"));
        assert!(!wait("2001:db8:0:1::1"));
    }

    #[test]
    fn the_table_is_bounded_and_the_oldest_goes_first() {
        let mut failures = Failures::new(1);
        let at = |n: u32| Time::from_millis(u64::from(n));
        let most = ADDRESSES_MAX as u32;
        for n in 0..=most {
            failures.count(address(n), at(n));
        }
        assert_eq!(failures.known.len(), ADDRESSES_MAX);
        assert_eq!(failures.wait(address(0), at(most)), None);
        assert!(failures.wait(address(most), at(most)).is_some());
    }
}
