use super::start::{dead_row, input_key, key_hash, never_sent};
use super::*;
use crate::bug::{self, Bug};
use event::{
    AttemptRow, AttemptState, Attempted, Due, Outcome, Parcel, Stage as ParcelStage, Verdict,
};

/// A delivery whose attempt has ended, from an entry or from trouble.
struct Landed {
    delivery: DeliveryId,
    row: RetryRow,
    /// The row on disk that keeps it.
    kept_as: Option<RetryKey>,
    /// The bytes, where no parcel holds them yet.
    event: Option<Arc<Event>>,
    /// As their parcel is to say it.
    input_key: Option<u64>,
}

impl Lane {
    /// The outcome of an attempt that `next_order` or `fetched` ordered. `draw` is uniform in
    /// [0, 1).
    pub fn settle(
        &mut self,
        delivery: DeliveryId,
        attempt: Attempted,
        now: Time,
        draw: f64,
        routed: Offset,
        effects: &mut Effects,
    ) {
        let Some(mut landed) = self.land(delivery, effects) else { return };
        let before = landed.row;
        let in_flight = self.in_flight;
        self.in_flight -= 1;
        let is_probe = self.is_probe(delivery);
        landed.row.attempts = attempt.number;
        match attempt.outcome.clone() {
            Outcome::Delivered { .. } => {
                self.window.attempt_succeeded(in_flight);
                self.breaker.attempt_succeeded();
                self.probe = None;
                self.failing_since = None;
                record(&landed, attempt, AttemptState::Delivered, effects);
            }
            Outcome::Failed { cause, retry_after } => {
                self.window.attempt_failed();
                self.note_at_breaker(is_probe, now, draw);
                let wait = self.rules.schedule.wait_after(attempt.number, retry_after, draw);
                let reason = format!("{cause} (attempt {}, the last)", attempt.number);
                self.postpone_or_bury(landed, attempt, wait, &reason, now, effects);
                self.note_failure(now, routed, effects);
            }
            Outcome::Gone => {
                self.note_at_breaker(is_probe, now, draw);
                let reason = "the endpoint answered 410 Gone";
                self.postpone_or_bury(landed, attempt, None, reason, now, effects);
                self.demote(Why::Gone, routed, effects);
            }
        }
        self.settle_why(routed, effects);
        self.trouble.release(self.id, &before);
        self.sweep(effects);
    }

    fn is_probe(&mut self, delivery: DeliveryId) -> bool {
        self.probe.take_if(|probe| *probe == (delivery.offset, delivery.k)).is_some()
    }

    fn note_at_breaker(&mut self, is_probe: bool, now: Time, draw: f64) {
        if is_probe || self.breaker.is_closed() {
            self.breaker.attempt_failed(now, draw);
        }
    }

    /// The parcel of a delivery that `next_order` wanted fetched; `None` when the log has none.
    pub fn fetched(
        &mut self,
        delivery: DeliveryId,
        parcel: Option<Parcel>,
        now: Time,
        effects: &mut Effects,
    ) -> Option<Order> {
        if !self.trouble.is_in_flight(delivery.offset, delivery.k) {
            return None;
        }
        let Some(Parcel { stage, event, .. }) = parcel else {
            let (key, row) = self.land_unsent(delivery, now)?;
            effects.retries.push(Change::Remove(key));
            self.bury(delivery, &row, "its bytes are gone from the log", now, effects);
            self.trouble.release(self.id, &row);
            return None;
        };
        if event.is_erased() {
            let (key, row) = self.land_unsent(delivery, now)?;
            effects.retries.push(Change::Remove(key));
            effects.parcels.push(Change::Remove(delivery));
            effects.attempts.push(never_sent(delivery, &row, AttemptState::Dead));
            self.trouble.release(self.id, &row);
            return None;
        }
        let is_probe = self.probe == Some((delivery.offset, delivery.k));
        if self.is_paused() || !(is_probe || self.breaker.is_closed()) {
            // The breaker opened, or the endpoint was paused, while the bytes were on their way.
            self.trouble.put_back(delivery.offset, delivery.k);
            self.withdraw(delivery, now);
            return None;
        }
        let row = self.trouble.row_in_flight(delivery.offset, delivery.k);
        Some(match stage {
            ParcelStage::Output => Order::Attempt { delivery, number: row.attempts + 1, event },
            // The first time was before there was a row.
            ParcelStage::Input => {
                let (ruled_by, runs) = (row.ruled_by, row.attempts.saturating_add(1));
                Order::AskAgain { delivery, event, ruled_by, runs }
            }
        })
    }

    /// The chain's answer about an event that it, or an earlier run of it, had postponed.
    pub fn judge_retry(
        &mut self,
        delivery: DeliveryId,
        event: &Arc<Event>,
        verdict: Verdict,
        now: Time,
        routed: Offset,
        effects: &mut Effects,
    ) {
        let Some((key, row)) = self.land_unsent(delivery, now) else { return };
        let outputs = match verdict {
            Verdict::Drop => Vec::new(),
            Verdict::Pass => vec![event.clone()],
            Verdict::Emit(events) => events,
            Verdict::Stop { .. } if self.rules.since > row.ruled_by => {
                // The version that it waited for is broken, and a newer one has come.
                let row = RetryRow { ruled_by: self.rules.since, ..row };
                effects.retries.push(Change::Remove(key));
                return self.put_retry(delivery, row, now, effects);
            }
            Verdict::Stop { .. } => {
                self.trouble.add(key, row);
                return self.demote(Why::FilterStopped, routed, effects);
            }
            Verdict::Reject { reason } => {
                effects.retries.push(Change::Remove(key));
                self.bury(delivery, &row, &reason, now, effects);
                return self.trouble.release(self.id, &row);
            }
            Verdict::Retry { delay, reason } => {
                effects.retries.push(Change::Remove(key));
                let before = row;
                let row = RetryRow { attempts: row.attempts + 1, ..row };
                if row.attempts >= self.rules.schedule.attempts_max() {
                    let reason = format!("the filter asked to wait too often: {reason}");
                    self.bury(delivery, &row, &reason, now, effects);
                } else {
                    self.put_retry(delivery, row, now + delay, effects);
                }
                return self.trouble.release(self.id, &before);
            }
        };
        effects.retries.push(Change::Remove(key));
        effects.parcels.push(Change::Remove(delivery));
        self.expand(delivery, &row, outputs, now, effects);
        self.trouble.release(self.id, &row);
        self.sweep(effects);
    }

    /// Replaces a postponed input by its outputs, each of them due now.
    pub(super) fn expand(
        &mut self,
        delivery: DeliveryId,
        input: &RetryRow,
        outputs: Vec<Arc<Event>>,
        now: Time,
        effects: &mut Effects,
    ) {
        let count = outputs.len() as u32;
        for (k, event) in outputs.into_iter().enumerate() {
            let delivery = DeliveryId { k: k as u32, ..delivery };
            let row = RetryRow {
                attempts: 0,
                stage: ParcelStage::Output,
                outputs: count,
                key_hash: key_hash(&event),
                ..*input
            };
            effects.attempts.push(never_sent(delivery, &row, AttemptState::Trouble));
            let input_key = input_key(input.key_hash, &event);
            let parcel = Parcel { stage: ParcelStage::Output, event, input_key };
            effects.parcels.push(Change::Put(delivery, parcel));
            self.put_retry(delivery, row, now, effects);
        }
    }

    /// Finds what was in flight. `None` when the endpoint was deleted meanwhile.
    fn land(&mut self, delivery: DeliveryId, effects: &mut Effects) -> Option<Landed> {
        if let Some((key, row)) = self.trouble.land(delivery.offset, delivery.k) {
            let (kept_as, event) = (Some(key), None);
            return Some(Landed { delivery, row, kept_as, event, input_key: None });
        }
        let at = self.find(delivery.offset)?;
        let Entry { event, ruled_by, .. } = &self.entries[at];
        let (stub, ruled_by) = (event.is_erased().then(|| event.clone()), *ruled_by);
        let came_with = key_hash(event);
        let Stage::Running(outputs) = &mut self.entries[at].stage else { return None };
        let event = outputs.events[delivery.k as usize].clone();
        let row = RetryRow {
            attempts: 0,
            stage: ParcelStage::Output,
            outputs: outputs.count(),
            since: Time::ZERO,
            ruled_by,
            key_hash: key_hash(&event),
        };
        outputs.end(delivery.k);
        if outputs.all_ended() {
            self.end_entry(at, effects);
        }
        let input_key = input_key(came_with, &event);
        let event = Some(stub.unwrap_or(event));
        Some(Landed { delivery, row, kept_as: None, event, input_key })
    }

    /// Takes a delivery back from flight without an attempt.
    fn land_unsent(&mut self, delivery: DeliveryId, now: Time) -> Option<(RetryKey, RetryRow)> {
        let landed = self.trouble.land(delivery.offset, delivery.k)?;
        self.withdraw(delivery, now);
        Some(landed)
    }

    /// What `next_order` counted was not sent.
    fn withdraw(&mut self, delivery: DeliveryId, now: Time) {
        self.in_flight -= 1;
        if self.is_probe(delivery) {
            self.breaker.attempt_withdrawn(now);
        }
    }

    fn postpone_or_bury(
        &mut self,
        landed: Landed,
        attempt: Attempted,
        wait: Option<Duration>,
        reason: &str,
        now: Time,
        effects: &mut Effects,
    ) {
        if self.was_erased(&landed) {
            // Nothing is left to be tried, and no letter to be kept.
            record(&landed, attempt, AttemptState::Dead, effects);
            return effects.parcels.push(Change::Remove(landed.delivery));
        }
        let state = if wait.is_some() { AttemptState::Trouble } else { AttemptState::Dead };
        record(&landed, attempt, state, effects);
        let Landed { delivery, mut row, event, input_key, .. } = landed;
        if let Some(event) = event {
            row.since = now;
            let parcel = Parcel { stage: ParcelStage::Output, event, input_key };
            effects.parcels.push(Change::Put(delivery, parcel));
        }
        match wait {
            Some(wait) => {
                let wait = if bug::is(Bug::RetryEarly) { wait / 2 } else { wait };
                self.put_retry(delivery, row, now + wait, effects);
            }
            None => {
                let dead = dead_row(&row, reason.into(), now);
                effects.dead.push(Change::Put(delivery, dead));
                self.trouble.bury(delivery.offset, delivery.k, &row);
            }
        }
    }

    /// Its content was erased while it was in flight.
    fn was_erased(&mut self, landed: &Landed) -> bool {
        let is_erased = landed.event.as_ref().is_some_and(|event| event.is_erased());
        let DeliveryId { offset, k, .. } = landed.delivery;
        self.erased_in_flight.remove(&(offset, k)) || is_erased
    }

    fn put_retry(&mut self, delivery: DeliveryId, row: RetryRow, due: Time, effects: &mut Effects) {
        let key = RetryKey { due: Due::At(due), delivery };
        let attempts = if bug::is(Bug::AttemptsForgotten) { 0 } else { row.attempts };
        let row = RetryRow { attempts, ..row };
        effects.retries.push(Change::Put(key, row));
        self.trouble.add(key, row);
    }

    /// Gives up on a delivery whose parcel is on disk and whose retry row is being removed.
    fn bury(
        &mut self,
        delivery: DeliveryId,
        row: &RetryRow,
        reason: &str,
        now: Time,
        effects: &mut Effects,
    ) {
        effects.attempts.push(never_sent(delivery, row, AttemptState::Dead));
        effects.dead.push(Change::Put(delivery, dead_row(row, reason.into(), now)));
        self.trouble.bury(delivery.offset, delivery.k, row);
    }

    fn note_failure(&mut self, now: Time, routed: Offset, effects: &mut Effects) {
        let since = *self.failing_since.get_or_insert(now);
        if now.since(since) >= self.rules.disable_after && !self.is_paused() {
            self.demote(Why::Failing, routed, effects);
        }
    }

    /// Brings place and reason in line with the breaker.
    fn settle_why(&mut self, routed: Offset, effects: &mut Effects) {
        if self.takes_pushes() && !self.breaker.is_closed() {
            return self.demote(Why::Breaker, routed, effects);
        }
        let calm = self.calm();
        if let Some(behind) = self.behind_mut().filter(|behind| !behind.why.is_pause()) {
            behind.why = calm;
        }
    }
}

fn record(landed: &Landed, attempt: Attempted, state: AttemptState, effects: &mut Effects) {
    let (delivery, outputs) = (landed.delivery, landed.row.outputs);
    effects.attempts.push(AttemptRow { delivery, outputs, attempt: Some(attempt), state });
    let Some(key) = landed.kept_as else { return };
    if state == AttemptState::Delivered && bug::is(Bug::RetryRowStays) {
        return;
    }
    effects.retries.push(Change::Remove(key));
    if state == AttemptState::Delivered || bug::is(Bug::ParcelDroppedEarly) {
        effects.parcels.push(Change::Remove(landed.delivery));
    }
}
