use super::{Engine, Seat, World};
use crate::trace::START_MS;
use event::Time;
use log::{MemLog, Survivors};
use pipeline::shard::ShardLimits;
use pipeline::writer::{Desk, StartError, Started};
use pipeline::{Reader, Shard, ShardStart, ToShard, Writer};
use std::collections::VecDeque;
use std::time::Duration;

/// How a process ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// kill -9: what was written stays.
    Kill,
    /// The power goes: of what was not synced only so many groups had reached the disk.
    PowerCut(usize),
}

impl World {
    /// Of the next step's actions only so many come to pass; then the process is killed.
    pub fn cut_next_step_after(&mut self, actions: usize) {
        self.cut_after = Some(actions);
    }

    /// Ends the process, and starts the next one with so many shards.
    pub fn crash(&mut self, crash: Crash, shards: u32) {
        self.hear_commits();
        self.trace.note(self.now, 40, u64::from(shards), || {
            format!("CRASH {crash:?}, {} groups not synced", self.log.unsynced())
        });
        self.checks.counts.power_cuts += u64::from(crash != Crash::Kill);
        self.engine = None;
        self.client.waiting.clear();
        self.cut_after = None;
        self.was_cut = false;
        let lost = match crash {
            Crash::Kill => 0,
            Crash::PowerCut(kept) => self.log.unsynced().saturating_sub(kept) as u64,
        };
        self.log.crash(match crash {
            Crash::Kill => Survivors::All,
            Crash::PowerCut(kept) => Survivors::Unsynced(kept),
        });
        let may_lose = matches!(crash, Crash::PowerCut(_))
            && self.plan.durability == pipeline::writer::Durability::Os;
        let log: &MemLog = &self.log;
        let found = self.checks.crashed(log, may_lose, lost, &mut self.client);
        self.violate(found);
        self.now = self.now + Duration::from_millis(250);
        self.set_clock();
        self.start(shards);
    }

    /// A process takes its clock from the wall when it starts, wherever that has got to.
    fn set_clock(&mut self) {
        let (old, wall) = (self.now, self.wall().max(Time::from_millis(START_MS)));
        self.now = wall;
        self.wall_ahead_ms = 0;
        let drifted = self.wall().millis() as i64 - wall.millis() as i64;
        self.wall_ahead_ms = -drifted;
        self.checks.schedule.turned_back(old.since(wall));
    }

    /// A kill, and a next process whose clock is so far behind this one's.
    pub fn crash_and_turn_back(&mut self, span: Duration) {
        self.now = self.now - span;
        self.checks.schedule.turned_back(span);
        self.crash(Crash::Kill, 1);
    }

    /// Ends the process in order, as far as `grace` goes, and starts the next one.
    pub fn stop(&mut self, grace: Duration, shards: u32) {
        self.trace.note(self.now, 41, u64::from(shards), || "STOP".into());
        self.checks.counts.stops += 1;
        let is_written = |w: &mut World| {
            let engine = w.engine();
            engine.arrivals.is_empty() && engine.commit.is_none()
        };
        self.run_until(grace, is_written);
        for seat in &mut self.engine().shards {
            seat.inbox.push_back(ToShard::Drain);
        }
        let has_drained =
            self.run_until(grace, |w| w.engine().shards.iter().all(|seat| seat.shard.is_drained()));
        let now = self.now;
        let ended = self.engine().writer.finish(now);
        self.hear_commits();
        if has_drained && ended.is_ok() {
            let found = self.checks.ledger.stopped();
            self.violate(found);
        }
        self.crash(Crash::Kill, shards);
    }

    pub(super) fn start(&mut self, shards: u32) {
        assert!(self.now >= Time::from_millis(START_MS), "time only goes on");
        let options = self.plan.writer_options(shards);
        let declared = self.client.declared();
        let started = Writer::start(self.tap.clone(), options, &declared, self.now);
        let Started { writer, shards } = match started {
            Ok(started) => started,
            Err(StartError::Log(failure)) => panic!("the log does not open: {failure}"),
            Err(StartError::Registry(error)) => panic!("the registry does not open: {error}"),
            Err(StartError::Declared(bad)) => panic!("what is declared is refused: {bad}"),
        };
        // What is declared came into force with a group of its own, before the first step.
        self.hear_commits();
        for shard in 0..shards.len() {
            self.checks.breakers.versions(shard, writer.history());
        }
        let limits = ShardLimits {
            ring_slots: self.plan.ring_slots,
            lane_entries_max: self.plan.entries_max,
            rows_waiting_max: self.plan.rows_waiting_max,
        };
        let read = log::ReadLimit { events: self.plan.read_events, bytes: 1 << 20 };
        let seat = |start| Seat {
            shard: Shard::start(ShardStart { limits, ..start }, self.now),
            inbox: VecDeque::new(),
            missed: None,
        };
        self.engine = Some(Engine {
            writer,
            desk: Desk::default(),
            arrivals: VecDeque::new(),
            reports: VecDeque::new(),
            shards: shards.into_iter().map(seat).collect(),
            reader: Reader::limited(read),
            questions: Vec::new(),
            flights: Vec::new(),
            commit: None,
        });
        self.hear_commits();
    }

    /// The process ended in the middle of what the last step had said.
    pub(super) fn end_if_cut(&mut self) {
        if !self.was_cut {
            return;
        }
        let crash = match self.plan.has_power_cuts && self.dice.permille(500) {
            true => Crash::PowerCut(self.dice.between(0, 3) as usize),
            false => Crash::Kill,
        };
        let shards = self.dice.between(1, 3) as u32;
        self.crash(crash, shards);
    }
}
