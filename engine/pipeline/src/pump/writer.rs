use super::publisher::{Queued, Reply, Ticket};
use super::returns::Answers;
use crate::door::{Bell, Door};
use crate::writer::{Desk, Loss, Pauses};
use crate::{Batch, FromWriter, Report, ToShard, ToWriter, Writer};
use arc_swap::ArcSwap;
use event::{Event, LaneId, Offset, Time};
use log::Failure;
use registry::History;
use runtime::Clock;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The thread that commits.
pub(super) struct WriterPump {
    pub writer: Writer,
    pub clock: Arc<dyn Clock>,
    pub bell: Arc<Bell>,
    pub arrivals: Arc<Door<ToWriter<Ticket>>>,
    pub commands: Arc<Door<ToWriter<Ticket>>>,
    pub reports: Arc<Door<Report>>,
    pub queued: Arc<Queued>,
    pub shards: Vec<ShardDoor>,
    pub stop: Arc<AtomicBool>,
    /// The newest history that is durable, for all to see.
    pub history: Arc<ArcSwap<History>>,
    pub pauses: Arc<ArcSwap<Pauses>>,
    pub on_loss: Box<dyn Fn(Loss, LaneId, Offset, Offset) + Send>,
    pub on_commit: OnCommit,
}

/// Told of each commit with events: which, and how long its step took.
pub type OnCommit = Box<dyn FnMut(&[Arc<Event>], Duration) + Send>;

/// The way to one shard, which must never hold the writer up.
pub(super) struct ShardDoor {
    pub door: Arc<Door<ToShard>>,
    /// Messages that may not be lost, waiting for room.
    waiting: VecDeque<ToShard>,
    /// The newest batch, without its events, when the shard has missed some: it reads the log.
    missed: Option<Arc<Batch>>,
}

impl ShardDoor {
    pub fn new(door: Arc<Door<ToShard>>) -> ShardDoor {
        ShardDoor { door, waiting: VecDeque::new(), missed: None }
    }

    fn commit(&mut self, batch: &Arc<Batch>) {
        let is_open = self.waiting.is_empty() && self.missed.is_none();
        if !is_open || self.door.push(ToShard::Committed(batch.clone())).is_err() {
            let (head, history) = (batch.head, batch.history.clone());
            self.missed = Some(Arc::new(Batch { events: Vec::new(), head, history }));
        }
    }

    fn tell(&mut self, message: ToShard) {
        self.waiting.push_back(message);
        self.flush();
    }

    fn flush(&mut self) {
        while let Some(message) = self.waiting.pop_front() {
            if let Err(message) = self.door.push(message) {
                return self.waiting.push_front(message);
            }
        }
        if let Some(batch) = self.missed.take()
            && let Err(ToShard::Committed(batch)) = self.door.push(ToShard::Committed(batch))
        {
            self.missed = Some(batch);
        }
    }

    fn is_waiting(&self) -> bool {
        !self.waiting.is_empty() || self.missed.is_some()
    }
}

impl WriterPump {
    /// Runs until it is told to stop and all doors are empty, or the log fails.
    pub fn run(mut self) -> Result<(), Failure> {
        let mut desk = Desk::default();
        let mut out = Vec::new();
        let mut answers = Answers::default();
        loop {
            let is_stopping = self.stop.load(Ordering::Acquire);
            let inbox = self.take();
            let is_idle = inbox.is_empty();
            let now = self.clock.now();
            self.writer.step(now, self.clock.wall(), inbox, &mut desk, &mut out);
            for action in out.drain(..) {
                if let FromWriter::Fatal(failure) = action {
                    answers.send();
                    self.queued.is_closed.store(true, Ordering::Release);
                    return Err(failure);
                }
                if let FromWriter::Committed(batch) = &action {
                    self.show(batch, now);
                }
                carry_out(action, &mut self.shards, &mut answers, &*self.on_loss);
            }
            if !Arc::ptr_eq(self.writer.pauses(), &self.pauses.load()) {
                self.pauses.store(self.writer.pauses().clone());
            }
            answers.send();
            self.shards.iter_mut().for_each(ShardDoor::flush);
            if is_idle && is_stopping && self.is_quiet() {
                return self.writer.finish(self.clock.now());
            }
            if is_idle {
                let wait = self.wait(now);
                let quiet = (&self.arrivals, &self.commands, &self.reports, &self.stop);
                let (arrivals, commands, reports, stop) = quiet;
                self.bell.sleep(wait, || {
                    arrivals.is_empty()
                        && commands.is_empty()
                        && reports.is_empty()
                        && stop.load(Ordering::Acquire) == is_stopping
                });
            }
        }
    }

    fn show(&mut self, batch: &Batch, step_started: Time) {
        if !batch.events.is_empty() {
            let took = self.clock.now().since(step_started);
            (self.on_commit)(&batch.events, took);
        }
        if !Arc::ptr_eq(&batch.history, &self.history.load()) {
            self.history.store(batch.history.clone());
        }
    }

    /// What is queued, as much as one group holds. Rows of the shards come first and all of them:
    /// a flood of arrivals cannot starve them.
    fn take(&mut self) -> Vec<ToWriter<Ticket>> {
        let mut inbox = Vec::new();
        while let Some(report) = self.reports.pop() {
            inbox.push(ToWriter::Report(report));
        }
        inbox.extend(self.commands.pop());
        let (bytes_max, events_max) = self.writer.limits();
        let (mut bytes, mut events) = (0, 0);
        while bytes < bytes_max && events < events_max {
            let Some(message) = self.arrivals.pop() else { break };
            if let ToWriter::Publish { arrival, .. } = &message {
                bytes += arrival.weight();
                events += 1;
            }
            inbox.push(message);
        }
        self.queued.bytes.fetch_sub(bytes, Ordering::AcqRel);
        inbox
    }

    fn is_quiet(&self) -> bool {
        self.arrivals.is_empty() && self.commands.is_empty() && self.reports.is_empty()
    }

    fn wait(&self, now: Time) -> Duration {
        let has_waiting = self.shards.iter().any(ShardDoor::is_waiting);
        let most = Duration::from_millis(if has_waiting { 1 } else { 1000 });
        self.writer.wake_at().since(now).min(most)
    }
}

fn carry_out(
    action: FromWriter<Ticket>,
    shards: &mut [ShardDoor],
    answers: &mut Answers,
    on_loss: &dyn Fn(Loss, LaneId, Offset, Offset),
) {
    match action {
        FromWriter::Receipt { ticket, receipt } => answers.add(ticket, Reply::Receipt(receipt)),
        FromWriter::Done { ticket, outcome } => answers.add(ticket, Reply::Done(outcome)),
        FromWriter::Committed(batch) => shards.iter_mut().for_each(|shard| shard.commit(&batch)),
        FromWriter::Tell { shard, message } => shards[shard as usize].tell(message),
        FromWriter::Lost { loss, lane, from, until } => on_loss(loss, lane, from, until),
        FromWriter::Fatal(_) => unreachable!("the caller ends on it"),
    }
}
