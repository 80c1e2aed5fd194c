//! A single owner's loop: the router, the lanes of the endpoints that hash here, and the ring that
//! says how far the road is done.

mod erased;
mod inbox;
mod lanes;
mod questions;
pub mod ring;
mod router;
mod search;
mod start;
mod unwritten;

pub use router::EVERY_LANE;
pub use start::{ShardLimits, ShardStart, shard_of};

use crate::{Batch, FromShard, Report, ToShard};
use dispatch::bug::{self, Bug};
use dispatch::{Effects, Lane};
use event::{DeliveryId, EndpointId, Event, LaneId, Offset, Rng, Time};
use questions::Questions;
use registry::{History, Snapshot};
use ring::Ring;
use search::Search;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use unwritten::Unwritten;

/// A lane that holds the watermark for longer is handed over to its own cursor.
const HOLD_MAX: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(50);
/// Idle lanes are looked at so often.
const UPKEEP: Duration = Duration::from_secs(5);
/// An idle lane ceases to exist after this long.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// As a rule: see `ShardLimits`.
const ROWS_WAITING_MAX: usize = 8192;

pub struct Shard {
    id: u32,
    shards: u32,
    history: Arc<History>,
    /// What rules the next offset to be routed.
    snapshot: Arc<Snapshot>,
    next_change: Option<Offset>,
    ring: Ring,
    /// One past the last durable event that the shard knows of.
    head: Offset,
    /// The router waits for a read.
    is_catching_up: bool,
    /// Batches that came while the router was reading what lies before them.
    waiting: VecDeque<Arc<Batch>>,
    hot_bytes_max: usize,
    limits: ShardLimits,
    /// Turns given out to lanes.
    turns: u64,
    /// Parcels that the log does not have yet.
    unwritten: Unwritten,
    lanes: BTreeMap<EndpointId, Lane>,
    /// For what endpoints were never sent.
    searches: BTreeMap<LaneId, Search>,
    /// The endpoint whose search was given the last page.
    searched: Option<EndpointId>,
    effects: Effects,
    questions: Questions,
    /// Lanes that may have something to do.
    dirty: BTreeSet<EndpointId>,
    /// Lanes whose row may have changed since the last report.
    moved: BTreeSet<EndpointId>,
    /// Lanes that are to hear when the report under way is on disk.
    burying: BTreeSet<EndpointId>,
    alarms: BTreeSet<(Time, EndpointId)>,
    /// Chains are being asked about these retries.
    asked_again: BTreeMap<DeliveryId, Arc<Event>>,
    /// Events that were erased, as long as a read from before may still bring one of them.
    erased: BTreeSet<Offset>,
    /// The writer waits for a report that knows what was erased.
    has_heard: bool,
    is_reporting: bool,
    /// So many rows wait that lanes were held up.
    is_held: bool,
    reported: Offset,
    /// Where a restart would walk the road again from, as far as this shard knows.
    least: Offset,
    next_tick: Time,
    next_upkeep: Time,
    is_draining: bool,
    rng: Rng,
}

impl Shard {
    pub fn watermark(&self) -> Offset {
        self.ring.watermark()
    }

    /// One past the last offset that was routed.
    pub fn routed(&self) -> Offset {
        self.ring.next()
    }

    pub fn lanes(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.values()
    }

    /// Bytes of events that the road keeps in memory for this shard.
    pub fn hot_bytes(&self) -> usize {
        self.ring.bytes()
    }

    /// Nothing is in flight and nothing is left to report.
    pub fn is_drained(&self) -> bool {
        let in_flight = self.lanes.values().any(|lane| lane.in_flight() > 0);
        let is_reported = !self.is_reporting && self.effects.has_no_rows();
        self.is_draining && !in_flight && (is_reported || bug::is(Bug::StopUnreported))
    }

    /// When the next step is due if nothing is heard before.
    pub fn wake_at(&self) -> Time {
        let has_word = self.has_heard || !self.effects.has_no_rows();
        let has_rows = !self.is_reporting && (has_word || self.has_new_search());
        if has_rows || !self.dirty.is_empty() || self.may_catch_up() {
            // It has just started, and nobody has told it anything yet.
            return Time::ZERO;
        }
        let alarm = self.alarms.first().map_or(Time::NEVER, |(time, _)| *time);
        let has_holders = self.ring.span() > 0;
        let tick = match self.lanes.is_empty() {
            _ if has_holders => self.next_tick,
            true => Time::NEVER,
            false => self.next_upkeep,
        };
        alarm.min(tick)
    }

    /// Takes in what has happened, and says what to do next.
    pub fn step(&mut self, now: Time, inbox: Vec<ToShard>, out: &mut Vec<FromShard>) {
        for message in inbox {
            self.take(message, now, out);
        }
        self.ring_alarms(now);
        if now >= self.next_tick {
            self.next_tick = now + TICK;
            self.hand_over_holders(now);
        }
        if now >= self.next_upkeep {
            self.next_upkeep = now + UPKEEP;
            self.forget_idle(now);
            self.forget_erased();
        }
        self.catch_up(out);
        self.release();
        self.pump_lanes(now, out);
        self.release();
        self.report(out);
        self.pump_searches(out);
        self.questions.flush(self.id, out);
    }

    /// One report is under way at a time: what happens meanwhile goes with the next.
    fn report(&mut self, out: &mut Vec<FromShard>) {
        if self.is_reporting {
            return;
        }
        for id in std::mem::take(&mut self.moved) {
            if let Some(lane) = self.lanes.get_mut(&id) {
                lane.write_row(&mut self.effects);
                if lane.report() {
                    self.burying.insert(id);
                }
            }
        }
        self.release();
        let mut watermark = self.ring.watermark();
        if bug::is(Bug::WatermarkAhead) && watermark < self.ring.next() {
            watermark = watermark.next();
        }
        let has_heard = std::mem::take(&mut self.has_heard);
        self.note_passed(watermark);
        if self.effects.has_no_rows() && watermark == self.reported && !has_heard {
            return self.passed_is_on_disk();
        }
        self.is_reporting = true;
        self.reported = watermark;
        // The next report will be about as long: growing row by row would copy them over and over.
        let attempts = Vec::with_capacity(self.effects.attempts.len());
        let next = Effects { attempts, ..Effects::default() };
        let effects = std::mem::replace(&mut self.effects, next);
        self.unwritten.report(&effects.parcels);
        out.push(FromShard::Report(Report { shard: self.id, effects, watermark }));
    }

    /// Tells the ring what has left the road. The rows that it left for go with the same report.
    fn release(&mut self) {
        for offset in std::mem::take(&mut self.effects.released) {
            self.ring.release(offset);
        }
    }

    fn is_mine(&self, endpoint: EndpointId) -> bool {
        shard_of(endpoint, self.shards) == self.id
    }
}
