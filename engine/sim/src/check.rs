//! What must hold, told from the log's rows and from what was sent and heard, never from inside.

pub mod breakers;
pub mod ledger;
pub mod order;
pub mod rate;
pub mod schedule;

use crate::client::Client;
use crate::plan::Plan;
use breakers::Breakers;
use event::{DeliveryId, Offset, Outcome, Time};
use ledger::Ledger;
use log::{Group, MemLog};
use order::Order;
use pipeline::{Attempt, Shard, ToShard};
use rate::Rate;
use schedule::Schedule;
use std::fmt;

/// Below so many entries a lane asks for more.
const LANE_LOW: usize = 256;

/// A promise that was broken: which one, and the words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub promise: &'static str,
    pub words: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise, self.words)
    }
}

pub(crate) fn broken<T>(promise: &'static str, words: impl Into<String>) -> Result<T, Violation> {
    Err(Violation { promise, words: words.into() })
}

#[derive(Default)]
pub(crate) struct Checks {
    pub ledger: Ledger,
    pub order: Order,
    pub schedule: Schedule,
    rate: Rate,
    pub breakers: Breakers,
    pub counts: Counts,
    /// In the order in which far sides took them.
    pub received: Vec<DeliveryId>,
}

/// What a run came across, to see that runs come across much.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub events: u64,
    pub attempts: u64,
    pub delivered: u64,
    pub trouble: u64,
    pub dead: u64,
    pub gaps: u64,
    pub demotions: u64,
    pub joins: u64,
    pub changes: u64,
    pub repeats: u64,
    pub conflicts: u64,
    pub refusals: u64,
    pub crashes: u64,
    pub power_cuts: u64,
    pub stops: u64,
    pub failed_syncs: u64,
    pub erasures: u64,
}

impl Counts {
    /// Name and number of each.
    pub fn list(&self) -> [(&'static str, u64); 17] {
        [
            ("events", self.events),
            ("attempts", self.attempts),
            ("deliveries", self.delivered),
            ("retry rows", self.trouble),
            ("dead letters", self.dead),
            ("gaps", self.gaps),
            ("lanes that fell behind", self.demotions),
            ("lanes that joined", self.joins),
            ("changes of the registry", self.changes),
            ("repeated keys", self.repeats),
            ("keys with another body", self.conflicts),
            ("events refused", self.refusals),
            ("kills", self.crashes - self.power_cuts - self.stops),
            ("power cuts", self.power_cuts),
            ("clean stops", self.stops),
            ("failed syncs", self.failed_syncs),
            ("events erased", self.erasures),
        ]
    }

    pub fn add(&mut self, other: &Counts) {
        self.events += other.events;
        self.attempts += other.attempts;
        self.delivered += other.delivered;
        self.trouble += other.trouble;
        self.dead += other.dead;
        self.gaps += other.gaps;
        self.demotions += other.demotions;
        self.joins += other.joins;
        self.changes += other.changes;
        self.repeats += other.repeats;
        self.conflicts += other.conflicts;
        self.refusals += other.refusals;
        self.crashes += other.crashes;
        self.power_cuts += other.power_cuts;
        self.stops += other.stops;
        self.failed_syncs += other.failed_syncs;
        self.erasures += other.erasures;
    }
}

impl Checks {
    pub fn committed(
        &mut self,
        group: &Group,
        now: Time,
        client: &Client,
    ) -> Result<(), Violation> {
        self.count(group);
        for change in &group.dead {
            let log::Change::Remove(delivery) = change else { continue };
            self.schedule.redriven(*delivery);
        }
        for change in &group.retries {
            let log::Change::Put(key, _) = change else { continue };
            if self.ledger.is_resend(&key.delivery, client) {
                self.schedule.redriven(key.delivery);
            }
        }
        if group.registry.iter().any(|change| matches!(change, log::Change::Put(..))) {
            self.order.changed();
        }
        self.ledger.apply(group, now, client)
    }

    fn count(&mut self, group: &Group) {
        let counts = &mut self.counts;
        counts.events += group.events.len() as u64;
        for change in &group.lanes {
            match change {
                log::Change::Put(id, _) if !self.ledger.lanes.contains_key(id) => {
                    counts.demotions += 1;
                }
                log::Change::Remove(_) => counts.joins += 1,
                log::Change::Put(..) => {}
            }
        }
        let puts =
            |c: &log::Change<log::RetryKey, log::RetryRow>| matches!(c, log::Change::Put(..));
        counts.trouble += group.retries.iter().filter(|c| puts(c)).count() as u64;
        counts.dead += group.dead.len() as u64;
        counts.gaps += group.gaps.len() as u64;
        counts.erasures += group.erased.len() as u64;
        counts.changes += u64::from(!group.registry.is_empty());
    }

    pub fn attempted(
        &mut self,
        shard: usize,
        attempt: &Attempt,
        now: Time,
    ) -> Result<(), Violation> {
        self.counts.attempts += 1;
        self.ledger.attempted(shard, attempt)?;
        self.schedule.attempted(attempt, now, &self.ledger)?;
        self.rate.attempted(attempt.delivery, now, &self.ledger)?;
        self.breakers.attempted(attempt, now)
    }

    /// The bytes of what waits in trouble are asked for, to be attempted.
    pub fn reads(&mut self, delivery: DeliveryId, now: Time) -> Result<(), Violation> {
        self.rate.reads(delivery, now, &self.ledger)
    }

    /// A far side has taken a delivery and said so.
    pub fn received(&mut self, delivery: DeliveryId) {
        self.received.push(delivery);
        self.counts.delivered += 1;
    }

    pub fn shard_takes(
        &mut self,
        shard: usize,
        message: &ToShard,
        now: Time,
    ) -> Result<(), Violation> {
        match message {
            ToShard::Outcome { delivery, attempt } => {
                self.breakers.ended(*delivery, attempt, now);
                let is_success = matches!(attempt.outcome, Outcome::Delivered { .. });
                if is_success {
                    self.ledger.succeeded(*delivery)?;
                    self.order.succeeded(*delivery, &self.ledger)?;
                }
                self.schedule.ended(*delivery, attempt, now, &self.ledger);
            }
            ToShard::Resume(id) => self.breakers.reset(*id),
            ToShard::Committed(batch) => {
                self.breakers.versions(shard, &batch.history);
                self.is_told_late_enough(batch.head, self.ledger.head)?;
            }
            ToShard::Floor(floor) => self.is_told_late_enough(*floor, self.ledger.floor)?,
            _ => {}
        }
        Ok(())
    }

    /// Shards hear of nothing that is not in the log.
    fn is_told_late_enough(&self, told: Offset, written: Offset) -> Result<(), Violation> {
        if told > written {
            let words = format!("a shard hears of {told:?}, the log of {written:?}");
            return broken("written, then told", words);
        }
        Ok(())
    }

    /// What a shard holds in memory has its limits.
    pub fn bounds(&self, shard: &Shard, bytes_max: usize, plan: &Plan) -> Result<(), Violation> {
        let bytes = shard.hot_bytes();
        // One event may always be in memory, however large.
        if bytes > bytes_max.max(2_048) {
            return broken("bounded memory", format!("{bytes} hot bytes of {bytes_max}"));
        }
        let span = shard.routed().distance_from(shard.watermark());
        if span > plan.ring_slots as u64 {
            return broken("bounded memory", format!("{span} slots of {}", plan.ring_slots));
        }
        // A lane that is about to run dry may read once more.
        let entries_max = plan.entries_max.max(LANE_LOW + plan.read_events);
        match shard.lanes().find(|lane| lane.held() > entries_max) {
            None => Ok(()),
            Some(lane) => {
                let words = format!("{:?} holds {} entries", lane.id(), lane.held());
                broken("bounded memory", words)
            }
        }
    }

    pub fn crashed(
        &mut self,
        log: &MemLog,
        may_lose: bool,
        lost_commits: u64,
        client: &mut Client,
    ) -> Result<(), Violation> {
        self.counts.crashes += 1;
        let lost_from = self.ledger.crashed(log, may_lose, lost_commits, client)?;
        self.schedule.crashed(&self.ledger);
        self.rate.crashed();
        self.breakers = Breakers::default();
        self.order.crashed(lost_from.unwrap_or(Offset::MAX), &self.ledger);
        Ok(())
    }
}
