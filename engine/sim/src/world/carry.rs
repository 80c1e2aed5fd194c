//! Between the pumps: what each step says is carried where it belongs.

use super::{Flight, World};
use crate::client::Wish;
use crate::guests::is_met;
use event::{Attempted, Outcome};
use pipeline::writer::Receipt;
use pipeline::{Answer, Attempt, Batch, FromShard, FromWriter, Pairs, Report, ToShard, ToWriter};
use std::sync::Arc;

impl World {
    pub(super) fn step_writer(&mut self, all: bool) {
        if let Some((_, said)) = self.engine().commit.take() {
            return self.end_commit(said);
        }
        let (now, wall) = (self.now, self.wall());
        let ledger = &mut self.checks.ledger;
        ledger.furthest_wall = ledger.furthest_wall.max(wall);
        let arrivals = take(&mut self.engine.as_mut().expect("runs").arrivals, all, &mut self.dice);
        let reports = take(&mut self.engine.as_mut().expect("runs").reports, all, &mut self.dice);
        let inbox: Vec<_> = if self.dice.permille(500) {
            arrivals.into_iter().chain(reports).collect()
        } else {
            reports.into_iter().chain(arrivals).collect()
        };
        let engine = self.engine.as_mut().expect("runs");
        let mut out = Vec::new();
        engine.writer.step(now, wall, inbox, &mut engine.desk, &mut out);
        self.hear_commits();
        let takes = self.plan.commit_takes;
        if takes.is_zero() || out.is_empty() || !self.dice.permille(500) {
            return self.end_commit(out);
        }
        let ends = now + self.dice.micros(0, takes.as_micros() as u64);
        self.engine().commit = Some((ends, out));
    }

    fn end_commit(&mut self, said: Vec<FromWriter<u64>>) {
        for action in self.cut(said) {
            self.carry_from_writer(action);
        }
        self.end_if_cut();
    }

    /// Groups that were committed go to the checkers.
    pub(super) fn hear_commits(&mut self) {
        for group in self.tap.take() {
            let (events, rows) = (group.events.len(), group.attempts.len());
            self.trace.note(self.now, 10, events as u64, || describe(&group));
            let _ = rows;
            let heard = self.checks.committed(&group, self.now, &self.client);
            self.violate(heard);
        }
    }

    fn carry_from_writer(&mut self, action: FromWriter<u64>) {
        match action {
            FromWriter::Receipt { ticket, receipt } => self.take_receipt(ticket, &receipt),
            FromWriter::Done { ticket, outcome } => {
                let wish = self.client.waiting.remove(&ticket).expect("answered once");
                self.trace.note(self.now, 12, 0, || format!("done {wish:?}: {outcome:?}"));
                if outcome.is_err() {
                    self.unask(&wish);
                }
            }
            FromWriter::Committed(batch) => self.carry_batch(&batch),
            FromWriter::Tell { shard, message } => {
                self.engine().shards[shard as usize].inbox.push_back(message);
            }
            FromWriter::Lost { lane, from, until, .. } => {
                self.trace.note(self.now, 13, from.0, || {
                    format!("lost for {lane:?}: {from:?}..{until:?}")
                });
            }
            FromWriter::Fatal(failure) => {
                self.trace.note(self.now, 14, 0, || format!("fatal: {failure}"));
                self.checks.counts.failed_syncs += 1;
                self.was_cut = true;
            }
        }
    }

    fn unask(&mut self, wish: &Wish) {
        match wish {
            Wish::Redrive(delivery) => self.client.redrives.remove(delivery),
            Wish::Purge(delivery) => self.client.purges.remove(delivery),
            _ => false,
        };
    }

    fn take_receipt(&mut self, ticket: u64, receipt: &Receipt) {
        let wish = self.client.waiting.remove(&ticket).expect("answered once");
        let Wish::Publish(number) = wish else { panic!("a receipt for {wish:?}") };
        self.trace.note(self.now, 11, number, || format!("event {number}: {receipt:?}"));
        let counts = &mut self.checks.counts;
        let found = match receipt {
            Receipt::Accepted { id, is_duplicate, is_conflict } => {
                counts.repeats += u64::from(*is_duplicate);
                counts.conflicts += u64::from(*is_conflict);
                self.client.acked.entry(number).or_default().insert(*id);
                self.checks.ledger.acked(number, *id, &self.client)
            }
            Receipt::Conflict { id } => {
                counts.conflicts += 1;
                self.checks.ledger.refused(number, *id, &self.client)
            }
            Receipt::Full => {
                counts.refusals += 1;
                Ok(())
            }
        };
        self.violate(found);
    }

    fn carry_batch(&mut self, batch: &Arc<Batch>) {
        for i in 0..self.engine().shards.len() {
            let is_lost = self.dice.permille(self.plan.overflow_permille);
            let seat = &mut self.engine().shards[i];
            if is_lost {
                let (head, history) = (batch.head, batch.history.clone());
                seat.missed = Some(Arc::new(Batch { events: Vec::new(), head, history }));
                self.trace.note(self.now, 15, i as u64, || format!("shard {i} misses a batch"));
            } else {
                seat.missed = None;
                seat.inbox.push_back(ToShard::Committed(batch.clone()));
            }
        }
    }

    pub(super) fn step_shard(&mut self, i: usize, all: bool) {
        let now = self.now;
        let engine = self.engine.as_mut().expect("runs");
        let seat = &mut engine.shards[i];
        if seat.inbox.is_empty()
            && let Some(batch) = seat.missed.take()
        {
            seat.inbox.push_back(ToShard::Committed(batch));
        }
        // Mostly one message at a time, so that what follows from what is plain.
        let is_one = !all && self.dice.permille(700);
        let inbox: Vec<_> = if is_one {
            seat.inbox.pop_front().into_iter().collect()
        } else {
            take(&mut seat.inbox, all, &mut self.dice)
        };
        self.checks.breakers.before_step();
        for message in &inbox {
            self.trace.note(now, 20 + i as u64, 0, || format!("shard {i} takes {}", name(message)));
            let found = self.checks.shard_takes(i, message, now);
            self.violate(found);
        }
        let mut out = Vec::new();
        let erased: Vec<_> = inbox.iter().filter_map(erased_in).flatten().collect();
        let engine = self.engine.as_mut().expect("runs");
        engine.shards[i].shard.step(now, inbox, &mut out);
        self.check_bounds(i);
        for action in self.cut(out) {
            self.carry_from_shard(i, action);
        }
        // What it took in just before may have been on its way out.
        self.checks.ledger.told(i, erased.into_iter());
        self.end_if_cut();
    }

    fn check_bounds(&mut self, i: usize) {
        let bound = self.plan.hot_bytes_max / self.engine().shards.len();
        let shard = &self.engine.as_ref().expect("runs").shards[i].shard;
        let found = self.checks.bounds(shard, bound, &self.plan);
        self.violate(found);
    }

    fn carry_from_shard(&mut self, i: usize, action: FromShard) {
        match action {
            FromShard::Attempt(attempt) => self.fly(i, attempt),
            FromShard::Ask(question) => {
                let wait = match self.dice.between(0, 9) {
                    0 => self.dice.millis(100, 5_000),
                    _ => self.dice.micros(10, 20_000),
                };
                self.trace.note(self.now, 30, question.events.len() as u64, || {
                    let offsets: Vec<_> = question.events.iter().map(|e| e.offset()).collect();
                    format!("shard {i} asks about {offsets:?}")
                });
                let at = self.now + wait;
                self.engine().questions.push((at, question));
            }
            FromShard::Read(request) => {
                self.trace.note(self.now, 31, 0, || format!("shard {i} reads {:?}", request.wish));
                if let pipeline::Wish::Parcel { delivery } = request.wish {
                    let found = self.checks.reads(delivery, self.now);
                    self.violate(found);
                }
                self.engine().reader.push(request);
            }
            FromShard::Report(report) => self.carry_report(i, report),
            FromShard::Judged { .. } => {}
        }
    }

    fn carry_report(&mut self, i: usize, report: Report) {
        self.trace.note(self.now, 32, report.watermark.0, || {
            let effects = &report.effects;
            format!("shard {i} reports W={:?} lanes={:?}", report.watermark, effects.lanes)
        });
        self.engine().reports.push_back(ToWriter::Report(report));
    }

    fn fly(&mut self, shard: usize, attempt: Attempt) {
        let found = self.checks.attempted(shard, &attempt, self.now);
        self.violate(found);
        let timeout = attempt.endpoint.terms.timeout;
        let url = attempt.endpoint.url.clone();
        let (outcome, took) = self.network.answer(&url, timeout, &mut self.dice);
        self.trace.note(self.now, 33, Self::number_of(&attempt), || {
            let Attempt { delivery, number, .. } = &attempt;
            format!("attempt {delivery:?} number {number} to {url}: will be {outcome:?}")
        });
        let at = self.wall();
        let attempted = Attempted { number: attempt.number, at, took, outcome };
        let lands = self.now + took;
        let flight = Flight { lands, delivery: attempt.delivery, attempted, shard };
        self.engine().flights.push(flight);
    }

    pub(super) fn step_reader(&mut self) {
        let tap = self.tap.clone();
        let Some(answer) = self.engine().reader.step(&*tap) else { return };
        self.trace.note(self.now, 34, 0, || format!("read done: {:?}", answer.wish));
        let shard = answer.shard as usize;
        self.engine().shards[shard].inbox.push_back(ToShard::Read(answer));
    }

    /// One answer, in any order.
    pub(super) fn step_guests(&mut self, is_plain: bool) {
        let now = self.now;
        let engine = self.engine.as_mut().expect("runs");
        let ready: Vec<_> =
            (0..engine.questions.len()).filter(|i| engine.questions[*i].0 <= now).collect();
        let at = if is_plain { ready[0] } else { *self.dice.pick(&ready) };
        let (_, question) = engine.questions.remove(at);
        let mut verdicts = Vec::new();
        let mut unmet = Pairs::new(question.events.len(), question.chains.len());
        for (row, event) in question.events.iter().enumerate() {
            let lets_in = |column: &usize| is_met(&question.chains[*column], event);
            let (met, others): (Vec<_>, Vec<_>) = question.asking.of(row).partition(lets_in);
            others.iter().for_each(|column| unmet.add(row, *column));
            let verdict = match met.is_empty() {
                true => event::Verdict::Drop,
                false => self.guests.judge(&question, event, &mut self.dice),
            };
            if matches!(verdict, event::Verdict::Retry { .. }) {
                for column in met {
                    let chain = question.chains[column].id;
                    self.checks.ledger.postponed(chain, event.offset());
                }
            }
            verdicts.push(verdict);
        }
        self.trace.note(now, 35, question.id, || {
            let said: Vec<_> = verdicts.iter().map(verdict_name).collect();
            format!("guests answer shard {}'s question {}: {said:?}", question.shard, question.id)
        });
        let (id, shard) = (question.id, question.shard);
        let answer = Answer { id, shard, verdicts, unmet, fuel: 1 };
        let shard = question.shard as usize;
        self.engine().shards[shard].inbox.push_back(ToShard::Answer(answer));
    }

    pub(super) fn step_network(&mut self, is_plain: bool) {
        let now = self.now;
        let engine = self.engine.as_mut().expect("runs");
        let ready: Vec<_> =
            (0..engine.flights.len()).filter(|i| engine.flights[*i].lands <= now).collect();
        let at = if is_plain { ready[0] } else { *self.dice.pick(&ready) };
        let Flight { delivery, attempted, shard, .. } = engine.flights.remove(at);
        self.trace.note(now, 36, delivery.offset.0, || {
            format!("attempt {delivery:?} ended: {:?}", attempted.outcome)
        });
        if matches!(attempted.outcome, Outcome::Delivered { .. }) {
            self.checks.received(delivery);
        }
        let message = ToShard::Outcome { delivery, attempt: attempted };
        self.engine().shards[shard].inbox.push_back(message);
    }

    /// What of a step's actions comes to pass, when the process ends in the middle of them.
    fn cut<T>(&mut self, mut actions: Vec<T>) -> Vec<T> {
        if let Some(kept) = self.cut_after.take() {
            actions.truncate(kept.min(actions.len()));
            self.was_cut = true;
        }
        actions
    }
}

/// Some of a queue from its front, or all of it.
fn take<T>(
    queue: &mut std::collections::VecDeque<T>,
    all: bool,
    dice: &mut crate::dice::Dice,
) -> Vec<T> {
    let count = match queue.len() {
        len if all || len == 0 => len,
        len => dice.between(0, len as u64) as usize,
    };
    queue.drain(..count).collect()
}

fn erased_in(message: &ToShard) -> Option<Vec<event::Offset>> {
    match message {
        ToShard::Erased(stubs) => Some(stubs.keys().copied().collect()),
        _ => None,
    }
}

fn describe(group: &log::Group) -> String {
    let first = group.events.first().map(|event| event.offset());
    let w = group.watermarks.as_ref().map(|w| w.shards.clone());
    let rows: Vec<_> =
        group.attempts.iter().map(|r| (r.delivery, r.number(), r.state, r.outputs)).collect();
    let keys: Vec<_> = group.registry.iter().map(registry_name).collect();
    format!(
        "commit {} events from {first:?} W={w:?} attempts={rows:?} retries={:?} lanes={:?} \
         dead={} gaps={:?} floor={:?} registry={keys:?} erased={:?}",
        group.events.len(),
        group.retries.iter().map(retry_name).collect::<Vec<_>>(),
        group.lanes,
        group.dead.len(),
        group.gaps,
        group.floor,
        group.erased.iter().map(|stub| stub.offset()).collect::<Vec<_>>()
    )
}

fn registry_name(change: &log::Change<log::RegistryKey, Vec<u8>>) -> String {
    let (log::Change::Put(key, _) | log::Change::Remove(key)) = change;
    format!("{}/{:?}@{}", key.kind, key.id, key.since.0)
}

fn retry_name(change: &log::Change<log::RetryKey, log::RetryRow>) -> String {
    match change {
        log::Change::Put(key, row) => {
            format!("+{:?} {:?} {:?}#{}", key.delivery, key.due, row.stage, row.attempts)
        }
        log::Change::Remove(key) => format!("-{:?} {:?}", key.delivery, key.due),
    }
}

fn verdict_name(verdict: &event::Verdict) -> String {
    match verdict {
        event::Verdict::Emit(events) => format!("emit {}", events.len()),
        event::Verdict::Retry { delay, .. } => format!("retry in {delay:?}"),
        other => format!("{other:?}"),
    }
}

fn name(message: &ToShard) -> String {
    match message {
        ToShard::Committed(batch) => {
            let events = batch.events.len();
            format!("a batch of {events}, head {:?}", batch.head)
        }
        ToShard::Answer(answer) => format!("answer {}", answer.id),
        ToShard::Outcome { delivery, attempt } => {
            format!("the outcome of {delivery:?}: {:?}", attempt.outcome)
        }
        ToShard::Read(answer) => match &answer.found {
            pipeline::Found::Events { events, until } => {
                format!("{} events until {until:?} for {:?}", events.len(), answer.wish)
            }
            other => format!("{other:?} for {:?}", answer.wish),
        },
        other => format!("{other:?}"),
    }
}
