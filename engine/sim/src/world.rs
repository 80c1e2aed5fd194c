//! Everything that one run has: the engine's pumps, the far sides, the checkers.

mod carry;
mod crash;

pub use crash::Crash;

use crate::check::{Checks, Violation};
use crate::client::{Client, Wish};
use crate::dice::Dice;
use crate::guests::Guests;
use crate::network::Network;
use crate::plan::Plan;
use crate::tap::Tap;
use crate::trace::{START_MS, Trace};
use event::{Attempted, DeliveryId, EndpointId, Offset, Time};
use log::{Log, MemLog};
use pipeline::writer::{Command, Desk};
use pipeline::{Attempt, FromWriter, Question, Reader, Shard, ToShard, ToWriter, Writer};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

pub struct World {
    pub plan: Plan,
    pub(crate) dice: Dice,
    pub now: Time,
    /// The wall clock is ahead by so much, or behind.
    pub(crate) wall_ahead_ms: i64,
    pub log: Arc<MemLog>,
    tap: Arc<Tap>,
    pub(crate) engine: Option<Engine>,
    pub network: Network,
    guests: Guests,
    pub client: Client,
    pub(crate) checks: Checks,
    pub trace: Trace,
    pub(crate) violation: Option<Violation>,
    /// Only so many of the next step's actions come to pass, then the process ends.
    pub(crate) cut_after: Option<usize>,
    pub(crate) was_cut: bool,
}

/// What a process has, and loses when it ends.
pub(crate) struct Engine {
    pub writer: Writer,
    desk: Desk<u64>,
    pub arrivals: VecDeque<ToWriter<u64>>,
    pub reports: VecDeque<ToWriter<u64>>,
    pub shards: Vec<Seat>,
    pub reader: Reader,
    /// With the time at which the guests will have answered.
    pub questions: Vec<(Time, Question)>,
    pub flights: Vec<Flight>,
    /// The commit under way ends then, and says this.
    commit: Option<(Time, Vec<FromWriter<u64>>)>,
}

pub(crate) struct Seat {
    pub shard: Shard,
    pub inbox: VecDeque<ToShard>,
    /// A batch was lost to this shard, which is still to learn so.
    pub missed: Option<Arc<pipeline::Batch>>,
}

pub(crate) struct Flight {
    pub lands: Time,
    pub delivery: DeliveryId,
    pub attempted: Attempted,
    pub shard: usize,
}

/// Where a step can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Writer,
    Shard(usize),
    Reader,
    Guests,
    Network,
}

impl World {
    pub fn new(plan: Plan, has_words: bool) -> World {
        let log = Arc::new(MemLog::new(plan.generation_events));
        let mut world = World {
            dice: Dice::seeded(plan.seed),
            now: Time::from_millis(START_MS),
            wall_ahead_ms: 0,
            tap: Arc::new(Tap::new(log.clone())),
            log,
            engine: None,
            network: Network::default(),
            guests: Guests::default(),
            client: Client::default(),
            checks: Checks::default(),
            trace: Trace::new(has_words),
            violation: None,
            cut_after: None,
            was_cut: false,
            plan,
        };
        world.checks.ledger.duplicate_window = world.plan.duplicate_window;
        world.start(world.plan.shards);
        world
    }

    pub fn wall(&self) -> Time {
        let ran_ms = (self.now.millis() - START_MS) as i64;
        let ahead_ms = self.wall_ahead_ms + ran_ms * self.plan.wall_drift_ppm / 1_000_000;
        Time::from_millis(self.now.millis().saturating_add_signed(ahead_ms))
    }

    pub fn counts(&self) -> &crate::Counts {
        &self.checks.counts
    }

    /// What far sides have taken, in their order.
    pub fn received(&self) -> &[DeliveryId] {
        &self.checks.received
    }

    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    pub(crate) fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().expect("a process runs")
    }

    pub(crate) fn violate(&mut self, found: Result<(), Violation>) {
        if let Err(violation) = found {
            let text = violation.to_string();
            self.trace.note(self.now, 0, 0, || format!("VIOLATION {text}"));
            self.violation.get_or_insert(violation);
        }
    }

    /// Sends an event of this number, for the first time or again.
    pub fn send(&mut self, number: u64) {
        let arrival = self.client.arrival(number, self.wall());
        let ticket = self.client.ticket(Wish::Publish(number));
        self.trace.note(self.now, 1, number, || format!("send event {number}"));
        self.engine().arrivals.push_back(ToWriter::Publish { ticket, arrival });
    }

    /// Makes what the client has declared true.
    pub fn apply_declared(&mut self) {
        let declared = self.client.declared();
        let set = self.engine().writer.history().latest().diff(&declared);
        let set = set.expect("what the client declares is sound");
        if set.is_empty() {
            return;
        }
        let names: Vec<_> =
            set.changed().iter().map(|c| format!("{:?} {}", c.how, c.name)).collect();
        self.trace.note(self.now, 2, names.len() as u64, || format!("change: {names:?}"));
        self.command(Wish::Change, Command::Change(set));
    }

    pub fn redrive(&mut self, delivery: DeliveryId) {
        self.client.redrives.insert(delivery);
        self.command(Wish::Redrive(delivery), Command::Redrive(delivery));
    }

    /// Asks for what has arrived once more; the engine refuses what has not.
    pub fn resend(&mut self, delivery: DeliveryId) {
        let event = self.checks.ledger.events[&delivery.offset].event.clone();
        let endpoint = delivery.lane.endpoint;
        if !self.engine().writer.history().has_taken_as_it_is(endpoint, &event) {
            return;
        }
        self.client.resends.insert(delivery);
        self.command(Wish::Resend(delivery), Command::Resend { endpoint, event: event.id });
    }

    pub fn purge(&mut self, delivery: DeliveryId) {
        self.client.purges.insert(delivery);
        self.command(Wish::Purge(delivery), Command::Purge(delivery));
    }

    pub fn resume(&mut self, name: &str) {
        let latest = self.engine().writer.history().latest().clone();
        if let Some(endpoint) = latest.endpoint_named(&crate::client::owner_of(name), name) {
            self.resume_id(endpoint.id);
        }
    }

    pub(crate) fn resume_id(&mut self, id: EndpointId) {
        self.command(Wish::Resume(id), Command::Resume(id));
    }

    /// Looks for what an endpoint wants and was never sent.
    pub fn search(&mut self, id: EndpointId, range: Range<Offset>) {
        let wish = Wish::Search(id, range.clone());
        self.command(wish, Command::Search { endpoint: id, range });
    }

    /// Takes the content of these events, whatever is under way with them.
    pub fn erase(&mut self, offsets: Vec<Offset>) {
        let ledger = &self.checks.ledger;
        let stub = |offset: &Offset| Arc::new(ledger.events[offset].event.stub(self.now));
        let stubs = offsets.iter().map(stub).collect();
        let kept = ledger.retries.keys().chain(ledger.dead.keys());
        let deliveries = kept.filter(|d| offsets.contains(&d.offset)).copied().collect();
        self.command(Wish::Erase(offsets), Command::Erase { stubs, deliveries });
    }

    fn command(&mut self, wish: Wish, command: Command) {
        self.trace.note(self.now, 3, 0, || format!("ask {wish:?}"));
        let ticket = self.client.ticket(wish);
        self.engine().arrivals.push_back(ToWriter::Command { ticket, command });
    }

    pub fn advance(&mut self, span: Duration) {
        self.now = self.now + span;
    }

    /// Every door behind which something can be done now.
    pub fn open_doors(&mut self) -> Vec<Door> {
        let now = self.now;
        let engine = self.engine();
        let mut doors = Vec::new();
        let is_called = !engine.arrivals.is_empty() || !engine.reports.is_empty();
        let is_open = match &engine.commit {
            Some((ends, _)) => *ends <= now,
            None => is_called || engine.writer.wake_at() <= now,
        };
        if is_open {
            doors.push(Door::Writer);
        }
        for (i, seat) in engine.shards.iter().enumerate() {
            if !seat.inbox.is_empty() || seat.missed.is_some() || seat.shard.wake_at() <= now {
                doors.push(Door::Shard(i));
            }
        }
        if !engine.reader.is_idle() {
            doors.push(Door::Reader);
        }
        if engine.questions.iter().any(|(at, _)| *at <= now) {
            doors.push(Door::Guests);
        }
        if engine.flights.iter().any(|flight| flight.lands <= now) {
            doors.push(Door::Network);
        }
        doors
    }

    /// When time alone opens the next door.
    pub(crate) fn next_time(&mut self) -> Time {
        let engine = self.engine();
        let shards = engine.shards.iter().map(|seat| seat.shard.wake_at());
        let questions = engine.questions.iter().map(|(at, _)| *at);
        let flights = engine.flights.iter().map(|flight| flight.lands);
        let all = shards.chain(questions).chain(flights).min().unwrap_or(Time::NEVER);
        let commit = engine.commit.as_ref().map(|(ends, _)| *ends);
        all.min(commit.unwrap_or_else(|| engine.writer.wake_at()))
    }

    /// Takes one step at a door. `all` takes everything that waits there, in order.
    pub fn step(&mut self, door: Door, all: bool) {
        match door {
            Door::Writer => self.step_writer(all),
            Door::Shard(i) => self.step_shard(i, all),
            Door::Reader => self.step_reader(),
            Door::Guests => self.step_guests(all),
            Door::Network => self.step_network(all),
        }
    }

    /// Goes on in a plain order until `is_done`, at most for so long. True when it was.
    pub fn run_until(&mut self, span: Duration, is_done: impl Fn(&mut World) -> bool) -> bool {
        let end = self.now + span;
        loop {
            if self.violation.is_some() || is_done(self) {
                return self.violation.is_none();
            }
            match self.open_doors().first() {
                Some(door) => self.step(*door, true),
                None if self.next_time() > end => return false,
                None => self.now = self.next_time().max(self.now),
            }
        }
    }

    /// Nothing is owed any more, save by lanes that a person must free.
    pub fn is_at_rest(&mut self) -> bool {
        let head = self.log.head();
        let engine = self.engine();
        let is_busy = !engine.arrivals.is_empty()
            || !engine.reports.is_empty()
            || engine.commit.is_some()
            || !engine.questions.is_empty()
            || !engine.flights.is_empty()
            || !engine.reader.is_idle()
            || engine.shards.iter().any(|seat| !seat.inbox.is_empty() || seat.missed.is_some());
        if is_busy || engine.shards.iter().any(|seat| seat.shard.watermark() < head) {
            return false;
        }
        self.checks.ledger.is_at_rest(head)
    }

    pub(crate) fn number_of(attempt: &Attempt) -> u64 {
        crate::guests::number_of(&attempt.event)
    }
}
