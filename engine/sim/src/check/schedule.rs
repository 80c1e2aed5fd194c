//! No attempt comes earlier than its schedule, or twice at once, or without a place in flight.

use crate::check::ledger::Ledger;
use crate::check::{Violation, broken};
use event::{Attempted, DeliveryId, EndpointId, Outcome, Stage, Time};
use pipeline::Attempt;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Default)]
pub struct Schedule {
    in_flight: BTreeSet<DeliveryId>,
    counts: BTreeMap<EndpointId, u32>,
    /// The number of the last attempt and when the next may come, by this process.
    last: BTreeMap<DeliveryId, (u32, Time)>,
    /// By how much clocks went back in steps that are let be.
    drift: Duration,
}

/// A step back of the clock that no start puts right.
const DRIFT_MAX: Duration = Duration::from_secs(60);

impl Schedule {
    pub fn attempted(
        &mut self,
        attempt: &Attempt,
        now: Time,
        ledger: &Ledger,
    ) -> Result<(), Violation> {
        let (delivery, number) = (attempt.delivery, attempt.number);
        if !self.in_flight.insert(delivery) {
            return broken("one at a time", format!("{delivery:?} is in flight already"));
        }
        let endpoint = delivery.lane.endpoint;
        let count = self.counts.entry(endpoint).or_default();
        *count += 1;
        let most = ledger.versions.all(endpoint).map(|v| v.terms.concurrency.max).max();
        if *count > most.unwrap_or(0) {
            return broken("bounded in flight", format!("{count} of {most:?} at {endpoint:?}"));
        }
        let Some((last, earliest)) = self.last.get(&delivery).copied() else { return Ok(()) };
        if number != last + 1 {
            let words = format!("{delivery:?} is attempt {number} after {last}");
            return broken("attempts are counted", words);
        }
        if now < earliest {
            let early = earliest.since(now);
            return broken("schedule", format!("{delivery:?} #{number} is {early:?} too early"));
        }
        Ok(())
    }

    pub fn ended(
        &mut self,
        delivery: DeliveryId,
        attempted: &Attempted,
        now: Time,
        ledger: &Ledger,
    ) {
        self.in_flight.remove(&delivery);
        let count = self.counts.entry(delivery.lane.endpoint).or_default();
        *count = count.saturating_sub(1);
        let Outcome::Failed { retry_after, .. } = &attempted.outcome else {
            self.last.insert(delivery, (attempted.number, Time::NEVER));
            return;
        };
        let asked = retry_after.map_or(Duration::ZERO, |wait| {
            wait.clamp(Duration::from_secs(1), Duration::from_secs(24 * 3600))
        });
        // Whichever version of the terms was in force, its shortest pause had to pass.
        let step = attempted.number as usize - 1;
        let pauses = ledger.versions.all(delivery.lane.endpoint).map(|version| {
            let pause = version.terms.schedule.get(step).copied().unwrap_or_default();
            pause.mul_f64(1.0 - version.terms.jitter)
        });
        let wait = asked.max(pauses.min().unwrap_or_default());
        // A microsecond for the rounding of fractions.
        let wait = wait.saturating_sub(Duration::from_micros(1));
        self.last.insert(delivery, (attempted.number, now + wait));
    }

    /// A person wants it now.
    pub fn redriven(&mut self, delivery: DeliveryId) {
        if let Some((_, earliest)) = self.last.get_mut(&delivery) {
            *earliest = Time::ZERO;
        }
    }

    /// The clock of the next process is so far behind this one's. What an earlier step that was
    /// let be has left in rows makes this one look longer by as much.
    pub fn turned_back(&mut self, span: Duration) {
        let seen = if span > DRIFT_MAX { span + self.drift } else { span };
        if span <= DRIFT_MAX {
            self.drift = (self.drift + span).min(DRIFT_MAX);
        }
        for (_, earliest) in self.last.values_mut().filter(|last| last.1 != Time::NEVER) {
            *earliest = *earliest - seen;
        }
    }

    /// What was not on disk is forgotten; what was still counts.
    pub fn crashed(&mut self, ledger: &Ledger) {
        self.in_flight.clear();
        self.counts.clear();
        self.last.retain(|delivery, (number, _)| {
            let row = ledger.retries.get(delivery).map(|(_, row)| (row.stage, row.attempts));
            row == Some((Stage::Output, *number))
        });
    }
}
