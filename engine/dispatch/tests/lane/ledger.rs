//! The rows that a log holds, and what they say of each owed event.

use crate::plan::{Plan, Said, Version};
use dispatch::Effects;
use event::{
    AttemptRow, AttemptState, Change, DeadRow, DeliveryId, LaneRow, Offset, Parcel, RetryKey,
    RetryRow, Stage,
};
use std::collections::BTreeMap;

/// What is on disk, or will be once all that was said is.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub watermark: Offset,
    pub lane: Option<LaneRow>,
    pub attempts: BTreeMap<(Offset, u32, u32), AttemptRow>,
    pub retries: BTreeMap<RetryKey, RetryRow>,
    pub parcels: BTreeMap<DeliveryId, Parcel>,
    pub dead: BTreeMap<DeliveryId, DeadRow>,
}

/// Where a delivery stands by its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Unknown,
    Trouble(Stage),
    Dead(Stage),
    Delivered,
}

impl Ledger {
    pub fn apply(&mut self, effects: &Effects) {
        for row in &effects.attempts {
            let delivery = row.delivery;
            self.attempts.insert((delivery.offset, delivery.k, row.number()), row.clone());
        }
        effects.retries.iter().for_each(|change| change_in(&mut self.retries, change));
        effects.parcels.iter().for_each(|change| change_in(&mut self.parcels, change));
        effects.dead.iter().for_each(|change| change_in(&mut self.dead, change));
        for change in &effects.lanes {
            self.lane = match change {
                Change::Put(_, row) => Some(row.clone()),
                Change::Remove(_) => None,
            };
        }
    }

    pub fn standing(&self, offset: Offset, k: u32) -> Standing {
        let is_it = |delivery: &DeliveryId| (delivery.offset, delivery.k) == (offset, k);
        let of_it = self.attempts.range((offset, k, 0)..=(offset, k, u32::MAX));
        let is_delivered = of_it.map(|(_, row)| row.state).any(|s| s == AttemptState::Delivered);
        let dead = self.dead.iter().find(|(delivery, _)| is_it(delivery));
        let mut retries = self.retries.iter().filter(|(key, _)| is_it(&key.delivery));
        let retry = retries.next();
        assert!(retries.next().is_none(), "two retry rows keep {offset:?}-{k}");
        let keepers = u8::from(is_delivered) + u8::from(dead.is_some()) + u8::from(retry.is_some());
        assert!(keepers <= 1, "{keepers} keepers of {offset:?}-{k}: {self:?}");
        let has_parcel = self.parcels.keys().any(is_it);
        assert_eq!(has_parcel, dead.is_some() || retry.is_some(), "the parcel of {offset:?}-{k}");
        match (retry, dead) {
            (Some((_, row)), _) => Standing::Trouble(row.stage),
            (_, Some((_, row))) => Standing::Dead(row.stage),
            _ if is_delivered => Standing::Delivered,
            _ => Standing::Unknown,
        }
    }

    /// Every delivery that this version owes has ended, or is in trouble when that counts.
    pub fn is_settled(&self, offset: Offset, plan: Plan, by: &Version, in_trouble: bool) -> bool {
        if !by.wants(offset, plan) {
            return self.is_untouched(offset);
        }
        self.has_come_to(offset, by.says(offset, plan), in_trouble)
    }

    /// All that a chain's answer leads to has ended, or is in trouble when that counts.
    pub fn has_come_to(&self, offset: Offset, said: Said, in_trouble: bool) -> bool {
        let counts = |standing| match standing {
            Standing::Unknown => false,
            Standing::Trouble(_) => in_trouble,
            Standing::Dead(stage) => (stage == Stage::Output) != (said == Said::Reject),
            Standing::Delivered => said != Said::Reject,
        };
        // An input that was postponed may be given up on before it is let through.
        let first = self.standing(offset, 0);
        if said == Said::Postpone && first == Standing::Dead(Stage::Input) {
            return true;
        }
        let is_none_more = self.standing(offset, said.outputs()) == Standing::Unknown;
        is_none_more && (0..said.outputs()).all(|k| counts(self.standing(offset, k)))
    }

    /// As many deliveries as this version owes have ended, or are in trouble when that counts,
    /// whichever version began them.
    pub fn has_as_many(&self, offset: Offset, plan: Plan, by: &Version, in_trouble: bool) -> bool {
        let count = if by.wants(offset, plan) { by.says(offset, plan).outputs() } else { 0 };
        (0..count).all(|k| match self.standing(offset, k) {
            Standing::Unknown => false,
            Standing::Trouble(_) => in_trouble,
            Standing::Dead(_) | Standing::Delivered => true,
        })
    }

    fn is_untouched(&self, offset: Offset) -> bool {
        self.standing(offset, 0) == Standing::Unknown
    }

    /// The road or the lane still begins what is here, also after a crash.
    pub fn is_kept(&self, offset: Offset) -> bool {
        match &self.lane {
            Some(row) => offset >= row.cursor,
            None => offset >= self.watermark,
        }
    }
}

fn change_in<K: Ord + Clone, V: Clone>(rows: &mut BTreeMap<K, V>, change: &Change<K, V>) {
    match change {
        Change::Put(key, row) => drop(rows.insert(key.clone(), row.clone())),
        Change::Remove(key) => drop(rows.remove(key)),
    }
}
