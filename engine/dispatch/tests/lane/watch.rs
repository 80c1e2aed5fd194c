//! What is promised about attempts, kept beside the lane and by other means.

use event::{DeliveryId, Offset, Time};
use std::collections::BTreeMap;
use std::time::Duration;

/// By the promise: five failures in a row open the breaker, and then a single attempt may try.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    failures: u32,
    open_since: Option<Time>,
    /// What was started while it was open and has not ended.
    probe: Option<(Offset, u32)>,
    /// What is in flight, with the key that it is of.
    pub in_flight: BTreeMap<(Offset, u32), Option<u8>>,
    /// The last of the entries whose verdict took effect, or that was started.
    last_begun: Option<(Offset, u32)>,
    /// When a delivery that failed may be attempted again.
    pub not_before: BTreeMap<(Offset, u32), Time>,
}

const OPEN_AT_LEAST: Duration = Duration::from_secs(4);

fn place(delivery: DeliveryId) -> (Offset, u32) {
    (delivery.offset, delivery.k)
}

impl Watch {
    pub fn is_breaker_closed(&self) -> bool {
        self.open_since.is_none()
    }

    pub fn starts(&mut self, delivery: DeliveryId, key: Option<u8>, window_max: u32, now: Time) {
        assert!((self.in_flight.len() as u32) < window_max, "more in flight than may be");
        let place = place(delivery);
        if let Some(since) = self.open_since {
            assert!(self.probe.is_none(), "a second attempt while the breaker is open");
            assert!(now >= since + OPEN_AT_LEAST, "an attempt just after the breaker opened");
            self.probe = Some(place);
        }
        assert!(self.in_flight.insert(place, key).is_none(), "in flight twice: {delivery:?}");
        let due = self.not_before.get(&place).copied().unwrap_or(Time::ZERO);
        assert!(now >= due, "{delivery:?} before its time");
    }

    /// It comes from the entries: they go in the order of the log.
    pub fn begins(&mut self, offset: Offset, k: u32) {
        let last = self.last_begun.replace((offset, k));
        assert!(last < Some((offset, k)), "{offset:?}-{k} begins after {last:?}");
    }

    /// It comes back without having been sent.
    pub fn withdrawn(&mut self, delivery: DeliveryId) {
        let place = place(delivery);
        assert!(self.in_flight.remove(&place).is_some(), "{delivery:?} was not in flight");
        self.probe.take_if(|probe| *probe == place);
    }

    pub fn succeeded(&mut self, delivery: DeliveryId) {
        self.withdrawn(delivery);
        self.calm();
    }

    pub fn failed(&mut self, delivery: DeliveryId, now: Time) {
        let was_probe = self.probe == Some(place(delivery));
        self.withdrawn(delivery);
        self.failures += 1;
        if was_probe || (self.open_since.is_none() && self.failures >= 5) {
            self.open_since = Some(now);
        }
    }

    /// A success, or a person, says that the endpoint is well.
    pub fn calm(&mut self) {
        (self.failures, self.open_since, self.probe) = (0, None, None);
    }
}
