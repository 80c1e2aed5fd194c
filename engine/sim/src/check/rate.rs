//! No more attempts begin at an endpoint in a second than its rate lets. What waited in trouble
//! begins with the reading of its bytes, however long that takes.

use crate::check::ledger::Ledger;
use crate::check::{Violation, broken};
use event::{DeliveryId, EndpointId, Time};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

#[derive(Default)]
pub struct Rate {
    /// Those of the last second, by this process.
    begun: BTreeMap<EndpointId, VecDeque<Time>>,
    /// Those whose bytes are being read: they are counted.
    read: BTreeSet<DeliveryId>,
}

const SECOND: Duration = Duration::from_secs(1);

impl Rate {
    pub fn reads(
        &mut self,
        delivery: DeliveryId,
        now: Time,
        ledger: &Ledger,
    ) -> Result<(), Violation> {
        self.read.insert(delivery);
        self.begins(delivery.lane.endpoint, now, ledger)
    }

    pub fn attempted(
        &mut self,
        delivery: DeliveryId,
        now: Time,
        ledger: &Ledger,
    ) -> Result<(), Violation> {
        match self.read.remove(&delivery) {
            true => Ok(()),
            false => self.begins(delivery.lane.endpoint, now, ledger),
        }
    }

    fn begins(
        &mut self,
        endpoint: EndpointId,
        now: Time,
        ledger: &Ledger,
    ) -> Result<(), Violation> {
        let begun = self.begun.entry(endpoint).or_default();
        while begun.front().is_some_and(|first| now.since(*first) >= SECOND) {
            begun.pop_front();
        }
        begun.push_back(now);
        // Whichever version of the terms a shard knew, its own rate was held.
        let rates = ledger.versions.all(endpoint).map(|version| version.terms.rate);
        let loosest = rates.reduce(|a, b| Some(a?.max(b?))).flatten();
        let Some(rate) = loosest else { return Ok(()) };
        let most = (rate + rate / 20 + 1) as usize;
        match begun.len() <= most {
            true => Ok(()),
            false => broken("rate", format!("{} a second at {endpoint:?}", begun.len())),
        }
    }

    pub fn crashed(&mut self) {
        self.begun.clear();
        self.read.clear();
    }
}
