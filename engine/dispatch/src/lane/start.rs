use super::entry::{Outputs, bit};
use super::*;
use crate::bug::{self, Bug};
use event::{
    AttemptRow, AttemptState, DeadRow, Due, Parcel, PlaceInLine, Stage as ParcelStage, Verdict,
    hash_of,
};
use std::collections::BTreeSet;

/// What the entry whose turn it is has to say.
enum Turn {
    Start {
        k: u32,
        event: Arc<Event>,
    },
    /// The entry needs nothing more started: look at the next.
    Past,
    /// Nothing can be started from the entries now.
    Wait,
    Stop,
}

impl Lane {
    /// The next thing to do, until there is none. Entries start strictly in offset order.
    pub fn next_order(
        &mut self,
        now: Time,
        routed: Offset,
        effects: &mut Effects,
    ) -> Option<Order> {
        if self.is_paused() {
            return None;
        }
        if !self.breaker.allows(now) {
            // Others need not wait for a place that comes to nothing.
            self.place_in_line = None;
            return None;
        }
        if !self.window.has_place(self.in_flight) {
            return None;
        }
        if !self.rate.allows(now) && !bug::is(Bug::RateForgotten) {
            return None;
        }
        if !self.has_place_by(now) {
            return None;
        }
        let is_retry_turn = std::mem::replace(&mut self.is_retry_turn, false);
        let mut order = if is_retry_turn { self.retry(now) } else { None };
        if order.is_none() {
            order = self.advance(now, routed, effects);
        }
        if order.is_none() {
            // Also when they had their turn: entries may just have become retries that are due.
            order = self.retry(now);
        }
        let started = match &order {
            Some(Order::Attempt { delivery, .. } | Order::Fetch(delivery)) => *delivery,
            _ => {
                self.place_in_line = None;
                return None;
            }
        };
        self.place_in_line.take().into_iter().for_each(PlaceInLine::take);
        self.is_retry_turn = matches!(order, Some(Order::Attempt { .. }));
        self.in_flight += 1;
        if !self.breaker.is_closed() {
            self.probe = Some((started.offset, started.k));
        }
        self.breaker.attempt_started();
        self.rate.attempt_started(now);
        self.last_used = now;
        order
    }

    /// Whether the tenant's throttle lets an attempt begin. A lane that may have one to begin gets
    /// in line, once.
    fn has_place_by(&mut self, now: Time) -> bool {
        let Some(throttle) = self.throttle.clone() else { return true };
        self.place_in_line.take_if(|place| place.is_past(now));
        if self.place_in_line.is_none() && !self.may_start(now) {
            return true;
        }
        self.place_in_line.get_or_insert_with(|| throttle.take_place(now)).at() <= now
    }

    /// False when there is nothing that it could begin now, whatever its verdicts say.
    fn may_start(&self, now: Time) -> bool {
        if self.rules.ordering == Ordering::Fifo && self.in_flight > 0 {
            return false;
        }
        let mut entries = self.entries.iter().skip(self.taken);
        let next = entries.find(|entry| !entry.is_ended());
        let is_judged = |entry: &Entry| !matches!(entry.stage, Stage::Matched | Stage::Asked);
        let may_advance = !self.is_held_by_order() && next.is_some_and(is_judged);
        may_advance || self.trouble.has_due(now)
    }

    fn retry(&mut self, now: Time) -> Option<Order> {
        if self.rules.ordering == Ordering::Fifo && self.in_flight > 0 {
            return None;
        }
        let busy = match self.rules.ordering {
            Ordering::Key if !self.trouble.is_empty() => self.keys_in_flight(),
            _ => BTreeSet::new(),
        };
        self.trouble.take_due(now, &busy).map(|(delivery, _)| Order::Fetch(delivery))
    }

    /// The keys of entries that are in flight: what is in trouble under one of them came later.
    fn keys_in_flight(&self) -> BTreeSet<u64> {
        let mut keys = BTreeSet::new();
        for entry in self.entries.iter().take(self.taken + 1) {
            if let Stage::Running(outputs) = &entry.stage {
                keys.extend(outputs.in_flight().filter_map(key_hash));
            }
        }
        keys
    }

    /// Lets verdicts take effect in offset order until one has something to send.
    fn advance(&mut self, now: Time, routed: Offset, effects: &mut Effects) -> Option<Order> {
        let order = loop {
            match self.turn_of_entry(now, effects) {
                Turn::Past => self.taken += 1,
                Turn::Wait => break None,
                Turn::Stop => {
                    let ruled_by = self.entries[self.taken].ruled_by;
                    self.stop(ruled_by, routed, effects);
                    break None;
                }
                Turn::Start { k, event } => {
                    let entry = &mut self.entries[self.taken];
                    let delivery = DeliveryId { lane: self.id, offset: entry.offset(), k };
                    let Stage::Running(outputs) = &mut entry.stage else {
                        unreachable!("only running entries start outputs")
                    };
                    outputs.start(k);
                    break Some(Order::Attempt { delivery, number: 1, event });
                }
            }
        };
        self.sweep(effects);
        order
    }

    fn turn_of_entry(&mut self, now: Time, effects: &mut Effects) -> Turn {
        let at = self.taken;
        if at >= self.entries.len() || self.is_waiting_to_join(at) || self.is_held_by_order() {
            return Turn::Wait;
        }
        match std::mem::replace(&mut self.entries[at].stage, Stage::Ended) {
            stage @ (Stage::Matched | Stage::Asked) => {
                self.entries[at].stage = stage;
                return Turn::Wait;
            }
            Stage::Ended => return Turn::Past,
            Stage::Running(outputs) => self.entries[at].stage = Stage::Running(outputs),
            Stage::Judged(Verdict::Stop { reason }) => {
                self.entries[at].stage = Stage::Judged(Verdict::Stop { reason });
                return Turn::Stop;
            }
            Stage::Judged(verdict @ Verdict::Retry { .. })
                if self.has_key_in_flight(key_hash(&self.entries[at].event)) =>
            {
                self.entries[at].stage = Stage::Judged(verdict);
                return Turn::Wait;
            }
            Stage::Judged(verdict) => {
                let outputs = self.take_effect(at, verdict, now, effects);
                if outputs.events.is_empty() || outputs.all_ended() {
                    self.end_entry(at, effects);
                    return Turn::Past;
                }
                self.entries[at].stage = Stage::Running(outputs);
            }
        }
        self.start_output(at, now, effects)
    }

    /// Hot entries wait until the log below them has been read.
    fn is_waiting_to_join(&self, at: usize) -> bool {
        match &self.place {
            Place::Joining { behind, from } => self.entries[at].is_hot && behind.next < *from,
            _ => false,
        }
    }

    fn is_held_by_order(&self) -> bool {
        let has_trouble = !self.trouble.is_empty() && !bug::is(Bug::FifoOvertakes);
        let is_busy = self.in_flight > 0 || has_trouble;
        self.rules.ordering == Ordering::Fifo && is_busy
    }

    /// The outputs that a verdict leads to; rejected and postponed entries have none left.
    fn take_effect(
        &mut self,
        at: usize,
        verdict: Verdict,
        now: Time,
        effects: &mut Effects,
    ) -> Outputs {
        let event = self.entries[at].event.clone();
        let done = self.remembered.remove(&event.offset()).unwrap_or_default().done;
        let is_kept_already = done & bit(0) != 0;
        match verdict {
            _ if event.is_erased() => Outputs::new(Vec::new(), 0),
            Verdict::Drop | Verdict::Stop { .. } => Outputs::new(Vec::new(), 0),
            Verdict::Pass => Outputs::new(vec![event], done),
            Verdict::Emit(events) => Outputs::new(events, done),
            Verdict::Reject { reason } => {
                if !is_kept_already {
                    let row = input_row(&event, self.entries[at].ruled_by, now);
                    self.reject(&event, &row, reason, now, effects);
                }
                Outputs::new(Vec::new(), 0)
            }
            Verdict::Retry { delay, .. } => {
                if !is_kept_already {
                    let row = input_row(&event, self.entries[at].ruled_by, now);
                    self.keep(&event, 0, row, Due::At(now + delay), None, effects);
                }
                Outputs::new(Vec::new(), 0)
            }
        }
    }

    pub(super) fn reject(
        &self,
        event: &Arc<Event>,
        row: &RetryRow,
        reason: Box<str>,
        now: Time,
        effects: &mut Effects,
    ) {
        let delivery = DeliveryId { lane: self.id, offset: event.offset(), k: 0 };
        effects.attempts.push(never_sent(delivery, row, AttemptState::Dead));
        let (stage, event) = (ParcelStage::Input, event.clone());
        let parcel = Parcel { stage, event, input_key: None };
        effects.parcels.push(Change::Put(delivery, parcel));
        effects.dead.push(Change::Put(delivery, dead_row(row, reason, now)));
    }

    /// Starts the entry's next output, or parks those whose key is blocked.
    fn start_output(&mut self, at: usize, now: Time, effects: &mut Effects) -> Turn {
        loop {
            let entry = &mut self.entries[at];
            let Stage::Running(outputs) = &mut entry.stage else { return Turn::Past };
            let Some((k, event)) = outputs.next_to_start() else {
                if outputs.all_ended() {
                    self.end_entry(at, effects);
                }
                return Turn::Past;
            };
            let key_hash = key_hash(&event);
            if self.has_key_in_flight(key_hash) {
                return Turn::Wait;
            }
            if self.trouble.blocks(key_hash) {
                self.park(at, k, &event, now, effects);
                continue;
            }
            return Turn::Start { k, event };
        }
    }

    fn park(&mut self, at: usize, k: u32, event: &Arc<Event>, now: Time, effects: &mut Effects) {
        let entry = &self.entries[at];
        let mut row = input_row(&entry.event, entry.ruled_by, now);
        let Stage::Running(outputs) = &mut self.entries[at].stage else {
            unreachable!("only outputs of running entries are parked")
        };
        outputs.end(k);
        let input_key = input_key(row.key_hash, event);
        row.stage = ParcelStage::Output;
        row.outputs = outputs.count();
        row.key_hash = key_hash(event);
        self.keep(event, k, row, Due::Parked, input_key, effects);
    }

    /// Hands a delivery that was never sent to a retry row.
    pub(super) fn keep(
        &mut self,
        event: &Arc<Event>,
        k: u32,
        row: RetryRow,
        due: Due,
        input_key: Option<u64>,
        effects: &mut Effects,
    ) {
        let delivery = DeliveryId { lane: self.id, offset: event.offset(), k };
        effects.attempts.push(never_sent(delivery, &row, AttemptState::Trouble));
        let parcel = Parcel { stage: row.stage, event: event.clone(), input_key };
        effects.parcels.push(Change::Put(delivery, parcel));
        let key = RetryKey { due, delivery };
        effects.retries.push(Change::Put(key, row));
        self.trouble.add(key, row);
    }

    /// In key order: an entry of the key is being attempted. Nothing of the key may go on before
    /// that has ended, not even into trouble, where a crash would let it overtake.
    fn has_key_in_flight(&self, key: Option<u64>) -> bool {
        if self.rules.ordering != Ordering::Key || key.is_none() {
            return false;
        }
        self.entries.iter().take(self.taken + 1).any(|entry| match &entry.stage {
            Stage::Running(outputs) => outputs.in_flight().any(|event| key_hash(event) == key),
            _ => false,
        })
    }
}

pub(super) fn key_hash(event: &Event) -> Option<u64> {
    event.envelope.key.as_deref().map(|key| hash_of(key.as_bytes()))
}

/// What the parcel of an output says of its input's key.
pub(super) fn input_key(input: Option<u64>, output: &Event) -> Option<u64> {
    input.filter(|input| key_hash(output) != Some(*input))
}

/// Of an event whose chain has still to say what it comes to.
pub(super) fn input_row(event: &Event, ruled_by: Offset, now: Time) -> RetryRow {
    RetryRow {
        attempts: 0,
        stage: ParcelStage::Input,
        outputs: 1,
        since: now,
        ruled_by,
        key_hash: key_hash(event),
    }
}

pub(super) fn dead_row(row: &RetryRow, reason: Box<str>, now: Time) -> DeadRow {
    DeadRow {
        reason,
        at: now,
        attempts: row.attempts,
        stage: row.stage,
        outputs: row.outputs,
        ruled_by: row.ruled_by,
        key_hash: row.key_hash,
    }
}

pub(super) fn never_sent(delivery: DeliveryId, row: &RetryRow, state: AttemptState) -> AttemptRow {
    AttemptRow { delivery, outputs: row.outputs, attempt: None, state }
}
