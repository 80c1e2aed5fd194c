use super::versions::wants;
use super::*;
use crate::guests::{Fate, fate};
use std::ops::RangeInclusive;

impl Ledger {
    pub(super) fn check_all(&mut self) -> Result<(), Violation> {
        let pairs: Vec<_> = self.open.iter().copied().collect();
        for pair in pairs {
            self.check_rows(pair)?;
        }
        self.check_open()
    }

    /// Looks at all that has not been seen to end.
    pub(super) fn check_open(&mut self) -> Result<(), Violation> {
        let mut ended = Vec::new();
        for pair in &self.open {
            if self.has_ended(*pair)? {
                ended.push(*pair);
            }
        }
        ended.iter().for_each(|pair| {
            self.open.remove(pair);
        });
        Ok(())
    }

    /// True when road and lane are done with it; then every output has a keeper of its own.
    fn has_ended(&self, pair: Pair) -> Result<bool, Violation> {
        let (endpoint, offset) = pair;
        if !self.versions.exists(endpoint) || self.erased.contains(&offset) {
            return Ok(true);
        }
        let begun = self.attempts.get(&pair);
        match self.lanes.get(&LaneId::main(endpoint)) {
            Some(row) if offset >= row.cursor => {
                if begun.is_some() && offset >= row.high {
                    let words = format!("{pair:?} has begun, its lane says nothing had: {row:?}");
                    return broken("one keeper", words);
                }
                return Ok(false);
            }
            None if offset >= self.least => return Ok(false),
            _ => {}
        }
        match begun {
            None => self.may_have_dropped(pair),
            Some(rows) => self.has_all_outputs(pair, rows),
        }
    }

    /// Nothing was written of it: it had to be dropped, or a gap has to say that it is lost.
    fn may_have_dropped(&self, pair: Pair) -> Result<bool, Violation> {
        let (endpoint, offset) = pair;
        let event = &self.events[&offset].event;
        let drops = |version: &Arc<registry::Endpoint>| {
            !wants(version, event) || fate(version.chain.as_deref(), event) == Fate::Dropped
        };
        let own = self.versions.at(endpoint, offset);
        // Attempt rows below the floor are not read back after a crash: what keeps the event, or
        // a person who has purged it, stands for them.
        let stands_for_rows = self.rows_of(pair).next().is_some() || self.was_purged(pair);
        let is_below_floor = offset < self.floor && stands_for_rows;
        if own.is_none_or(drops) || self.has_gap(pair) || is_below_floor {
            return Ok(true);
        }
        let later = self.versions.from(endpoint, offset);
        if self.was_behind(pair) && later.into_iter().any(drops) {
            return Ok(true);
        }
        let number = crate::guests::number_of(event);
        let words = format!(
            "event {number} at {offset:?} has no keeper at {endpoint:?}: W={:?} lane={:?}",
            self.least,
            self.lanes.get(&LaneId::main(endpoint))
        );
        broken("no loss", words)
    }

    fn has_all_outputs(&self, pair: Pair, rows: &BTreeMap<u32, Ended>) -> Result<bool, Violation> {
        let outputs = rows.values().map(|row| row.outputs).max().unwrap_or(0);
        for k in 0..outputs {
            // A power cut may take the attempt row that a lower one below the floor gave way to.
            let has_row = self.rows_of(pair).any(|delivery| delivery.k == k);
            let is_kept = rows.contains_key(&k) || has_row || self.has_gap(pair);
            if !is_kept && !self.is_unwanted_since(pair, k) {
                let words = format!("output {k} of {outputs} of {pair:?} has no keeper: {rows:?}");
                return broken("no loss", words);
            }
        }
        Ok(true)
    }

    /// The version that began it was replaced in place, or has stopped and a newer one is asked
    /// instead, and the one in its stead has no such output: after a crash nothing is left that
    /// could make it.
    fn is_unwanted_since(&self, pair: Pair, k: u32) -> bool {
        let event = &self.events[&pair.1].event;
        let lacks = |version: &Arc<registry::Endpoint>| {
            let fate = fate(version.chain.as_deref(), event);
            let has_it = matches!(fate, Fate::Outputs(bodies) if bodies.len() > k as usize);
            !wants(version, event) || !has_it
        };
        let mut versions = self.versions.from(pair.0, pair.1).into_iter();
        let has_another = || self.versions.has_replaced(pair.0) || self.has_stopped(pair);
        self.was_behind(pair) && has_another() && versions.any(lacks)
    }

    /// A version that may have begun it stops before some event, and a newer one has come.
    fn has_stopped(&self, pair: Pair) -> bool {
        let versions = self.versions.from(pair.0, pair.1);
        let stops = |version: &Arc<registry::Endpoint>| {
            let mut events = self.events.values();
            events.any(|known| {
                wants(version, &known.event)
                    && fate(version.chain.as_deref(), &known.event) == Fate::Stopped
            })
        };
        let newest = versions.iter().map(|version| version.since).max();
        versions.into_iter().filter(|version| Some(version.since) < newest).any(stops)
    }

    /// What the rows of one pair say of each output agrees.
    pub(super) fn check_rows(&self, pair: Pair) -> Result<(), Violation> {
        let (endpoint, offset) = pair;
        if !self.versions.exists(endpoint) {
            return Ok(());
        }
        let lane = LaneId::main(endpoint);
        let rows = self.attempts.get(&pair);
        for delivery in self.rows_of(pair) {
            let has_row = rows.is_some_and(|rows| rows.contains_key(&delivery.k));
            if !has_row && offset >= self.floor {
                let words = format!("{delivery:?} is in trouble or dead without an attempt row");
                return broken("one keeper", words);
            }
            if !self.parcels.contains(&delivery) {
                return broken("one keeper", format!("{delivery:?} is kept without its bytes"));
            }
        }
        for (k, row) in rows.into_iter().flatten() {
            let delivery = DeliveryId { lane, offset, k: *k };
            let has_retry = self.retries.contains_key(&delivery);
            let has_dead = self.dead.contains_key(&delivery);
            let is_sound = match row.state {
                // Damage to its bytes makes a dead letter of what was to be sent once more.
                AttemptState::Delivered => {
                    (!has_retry && !has_dead) || self.ever_resent.contains(&delivery)
                }
                // What cannot be read becomes a letter without bytes.
                _ if self.erased.contains(&offset) => !has_dead || self.damaged.contains(&delivery),
                _ if self.purged.contains(&delivery) => !has_retry && !has_dead,
                _ => has_retry != has_dead || self.is_replaced(pair, row),
            };
            if !is_sound {
                let words = format!("{delivery:?} {row:?}: retry row {has_retry}, dead {has_dead}");
                return broken("one keeper", words);
            }
        }
        Ok(())
    }

    /// The deliveries of a pair that retry and dead rows keep.
    fn rows_of(&self, pair: Pair) -> impl Iterator<Item = DeliveryId> {
        let retries = self.retries.range(outputs_of(pair)).map(|(d, _)| *d);
        retries.chain(self.dead.range(outputs_of(pair)).map(|(d, _)| *d))
    }

    fn was_purged(&self, pair: Pair) -> bool {
        self.purged.range(outputs_of(pair)).next().is_some()
    }

    /// A postponed input that its chain has dropped since leaves nothing but its first row.
    fn is_replaced(&self, pair: Pair, row: &Ended) -> bool {
        let is_input = row.number == 0 && row.outputs == 1;
        let event = &self.events[&pair.1].event;
        let mut versions = self.versions.from(pair.0, pair.1).into_iter();
        is_input && versions.any(|v| fate(v.chain.as_deref(), event) == Fate::Dropped)
    }
}

/// Every delivery that a pair may have on the main lane.
fn outputs_of((endpoint, offset): Pair) -> RangeInclusive<DeliveryId> {
    let lane = LaneId::main(endpoint);
    DeliveryId { lane, offset, k: 0 }..=DeliveryId { lane, offset, k: u32::MAX }
}
