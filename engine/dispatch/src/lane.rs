//! The work of one endpoint, as a machine of its own: entries in offset order from the road or
//! from the log, deliveries in trouble, and at every moment one keeper for each.

mod behind;
mod entry;
mod feed;
mod missing;
mod settle;
mod start;
mod trouble;

use crate::{Breaker, Effects, Ordering, RateLimit, Rules, Window};
use behind::Behind;
use entry::{Entry, Stage};
use event::{
    Change, DeliveryId, Event, LaneId, LaneRow, Offset, PlaceInLine, RetryKey, RetryRow, Throttle,
    Time, Why,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use trouble::Trouble;

/// Entries that a lane holds at most, as a rule.
pub const ENTRIES_MAX: usize = 1024;
/// A lane that reads the log asks for more below this many entries.
const ENTRIES_LOW: usize = 256;

pub struct Lane {
    id: LaneId,
    rules: Rules,
    place: Place,
    /// Grows when entries are forgotten, so that late answers about them are known as such.
    turn: u64,
    /// Lives as long as the turn.
    waits: Arc<()>,
    /// In offset order. The first `taken` have had their verdicts take effect.
    entries: VecDeque<Entry>,
    taken: usize,
    trouble: Trouble,
    breaker: Breaker,
    /// The attempt that a half-open breaker waits for. What was in flight when it opened says
    /// nothing new by failing.
    probe: Option<(Offset, u32)>,
    window: Window,
    rate: RateLimit,
    /// Of all endpoints of the tenant.
    throttle: Option<Arc<Throttle>>,
    /// From when on the throttle lets it begin the next attempt.
    place_in_line: Option<PlaceInLine>,
    in_flight: u32,
    /// Events of what is in trouble and in flight that were erased meanwhile.
    erased_in_flight: BTreeSet<(Offset, u32)>,
    /// When the failures began that no success has ended, as far as this process has seen: a clock
    /// that was wrong, or a time that nothing ran in, disables no endpoint.
    failing_since: Option<Time>,
    /// What a restart found of entries that it has still to read.
    remembered: BTreeMap<Offset, Remembered>,
    /// One past the last offset that was pushed.
    pushed: Offset,
    /// Alternates, so that neither retries nor new entries starve the other.
    is_retry_turn: bool,
    last_used: Time,
}

#[derive(Clone, Debug)]
enum Place {
    /// Fed by the router; the road keeps what it owes.
    Level,
    /// Fed from its own cursor; its row keeps what it owes.
    Behind(Behind),
    /// As behind, and fed by the router from `from` on.
    Joining { behind: Behind, from: Offset },
}

/// Outputs that had ended before a restart.
#[derive(Clone, Copy, Debug, Default)]
struct Remembered {
    /// Bit k: output k.
    done: u64,
    outputs: u32,
}

impl Remembered {
    /// Nothing of it is left to begin, whatever its chain would say today.
    fn is_whole(self) -> bool {
        (0..self.outputs).all(|k| self.done & entry::bit(k) != 0)
    }
}

/// An owed event on its way into a lane.
#[derive(Clone, Debug)]
pub struct Offer {
    pub event: Arc<Event>,
    pub ruled_by: Offset,
    /// Without a chain an owed event passes.
    pub has_chain: bool,
}

/// What a lane wants done next. Each comes back by the method named.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Send it: `settle`.
    Attempt { delivery: DeliveryId, number: u32, event: Arc<Event> },
    /// Bring the parcel of a delivery that is due: `fetched`.
    Fetch(DeliveryId),
    /// Run the chain over an entry: `judge`, under the turn told here.
    Ask { turn: u64, event: Arc<Event>, ruled_by: Offset },
    /// Run the chain over a delivery in trouble: `judge_retry`. `runs`: how often it was run over
    /// the event before, each time but the first because it had asked for that.
    AskAgain { delivery: DeliveryId, event: Arc<Event>, ruled_by: Offset, runs: u32 },
}

impl Lane {
    /// A lane that starts level: the router feeds it. Its first turn must lie above all turns of
    /// a lane of the same id that was forgotten, whose late answers may still come.
    pub fn new(id: LaneId, rules: Rules, turn: u64, now: Time) -> Lane {
        let window = Window::new(rules.window_start, rules.window_max);
        let rate = RateLimit::new(rules.rate);
        Lane {
            id,
            place: Place::Level,
            turn,
            waits: Arc::default(),
            entries: VecDeque::new(),
            taken: 0,
            trouble: Trouble::new(rules.ordering),
            rules,
            breaker: Breaker::default(),
            probe: None,
            window,
            rate,
            throttle: None,
            place_in_line: None,
            in_flight: 0,
            erased_in_flight: BTreeSet::new(),
            failing_since: None,
            remembered: BTreeMap::new(),
            pushed: Offset::ZERO,
            is_retry_turn: false,
            last_used: now,
        }
    }

    /// A lane that a restart found behind.
    pub fn resume(id: LaneId, row: LaneRow, rules: Rules, turn: u64, now: Time) -> Lane {
        let is_disabled = rules.is_disabled;
        let mut lane = Lane::new(id, rules, turn, now);
        let mut behind = Behind::resume(row);
        if is_disabled {
            behind.why = Why::Disabled;
        } else if !behind.why.is_pause() || behind.why == Why::Disabled {
            behind.why = lane.calm();
        }
        lane.place = Place::Behind(behind);
        lane
    }

    pub fn id(&self) -> LaneId {
        self.id
    }

    pub fn is_level(&self) -> bool {
        matches!(self.place, Place::Level)
    }

    /// The router pushes to a lane that is level or joining, from here on.
    pub fn takes_pushes(&self) -> bool {
        matches!(self.place, Place::Level | Place::Joining { .. })
    }

    pub fn is_paused(&self) -> bool {
        self.behind().is_some_and(|behind| behind.why.is_pause())
    }

    pub fn why(&self) -> Option<Why> {
        self.behind().map(|behind| behind.why)
    }

    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Entries that it holds in memory.
    pub fn held(&self) -> usize {
        self.entries.len()
    }

    pub fn troubled(&self) -> usize {
        self.trouble.len()
    }

    pub fn is_breaker_closed(&self) -> bool {
        self.breaker.is_closed()
    }

    /// Nothing to do, nothing to remember: the lane may cease to exist.
    pub fn is_idle_since(&self, time: Time, routed: Offset) -> bool {
        self.is_level()
            && self.remembered.keys().next_back().is_none_or(|last| *last < routed)
            && self.entries.is_empty()
            && self.trouble.is_empty()
            && self.in_flight == 0
            && self.breaker.is_closed()
            && self.last_used <= time
    }

    /// What its tenant's endpoints share. True when it is another than before.
    pub fn hold_to(&mut self, throttle: Option<&Arc<Throttle>>) -> bool {
        let is_same = match (&self.throttle, throttle) {
            (None, None) => true,
            (Some(own), Some(given)) => Arc::ptr_eq(own, given),
            _ => false,
        };
        if !is_same {
            self.throttle = throttle.cloned();
            self.place_in_line = None;
        }
        !is_same
    }

    /// When, after `now`, time alone may give the lane something to do.
    pub fn wake_at(&self, now: Time) -> Option<Time> {
        if self.is_paused() {
            return None;
        }
        let due = self.trouble.next_due();
        let times = match self.breaker.probe_at() {
            Some(probe) => [Some(probe), due.map(|due| due.max(probe))],
            None => [due.filter(|_| self.breaker.is_closed()), None],
        };
        let has_work = !self.entries.is_empty() || !self.trouble.is_empty();
        let opens = (has_work && !self.rate.allows(now)).then(|| self.rate.opens_at());
        let place = self.place_in_line.as_ref().filter(|_| has_work).map(PlaceInLine::at);
        times.into_iter().chain([opens, place]).flatten().filter(|time| *time > now).min()
    }

    /// The first owed event that the road still keeps for this lane, and since when.
    pub fn oldest_hot(&self) -> Option<(Offset, Time)> {
        let entry = self.entries.iter().find(|entry| entry.is_hot)?;
        Some((entry.offset(), entry.matched_at))
    }

    /// A retry row that a restart found or a person made by a redrive.
    pub fn add_trouble(&mut self, key: RetryKey, row: RetryRow) {
        assert_eq!(key.delivery.lane, self.id, "a lane keeps its own rows only");
        self.trouble.add(key, row);
    }

    /// All effects so far are about to be reported. True when the lane is to hear of it by
    /// `reported` once they are on disk.
    pub fn report(&mut self) -> bool {
        self.trouble.report_buried()
    }

    pub fn reported(&mut self) {
        self.trouble.buried_for_good(self.id);
    }

    /// These events are erased: what of them was not sent by now is not sent any more. True when
    /// the lane has one of them among its entries.
    ///
    /// What is in trouble ends when it is due, by its parcel, which is a stub then.
    pub fn erase(&mut self, stubs: &BTreeMap<Offset, Arc<Event>>) -> bool {
        let in_flight: BTreeSet<_> = self.trouble.outputs_in_flight().collect();
        self.erased_in_flight.retain(|output| in_flight.contains(output));
        let is_erased = |(offset, _): &(Offset, u32)| stubs.contains_key(offset);
        self.erased_in_flight.extend(in_flight.into_iter().filter(is_erased));
        let (Some(first), Some(last)) = (self.entries.front(), self.entries.back()) else {
            return false;
        };
        let mut has_some = false;
        for (offset, stub) in stubs.range(first.offset()..=last.offset()) {
            if let Some(at) = self.find(*offset) {
                self.entries[at].erase(stub.clone());
                has_some = true;
            }
        }
        has_some
    }

    /// The events whose parcels are on their way, or whose chains are asked once more.
    pub fn fetching(&self) -> impl Iterator<Item = Offset> + '_ {
        self.trouble.outputs_in_flight().map(|(offset, _)| offset)
    }

    /// An attempt row that a restart found: this output, of so many, has ended, or another row
    /// keeps it.
    pub fn remember(&mut self, offset: Offset, k: u32, outputs: u32) {
        let remembered = self.remembered.entry(offset).or_default();
        remembered.done |= entry::bit(k);
        remembered.outputs = remembered.outputs.max(outputs);
    }

    /// All of the entry had ended before the restart.
    fn has_ended_before(&self, offset: Offset) -> bool {
        self.remembered.get(&offset).is_some_and(|remembered| remembered.is_whole())
    }

    fn behind(&self) -> Option<&Behind> {
        match &self.place {
            Place::Level => None,
            Place::Behind(behind) | Place::Joining { behind, .. } => Some(behind),
        }
    }

    fn behind_mut(&mut self) -> Option<&mut Behind> {
        match &mut self.place {
            Place::Level => None,
            Place::Behind(behind) | Place::Joining { behind, .. } => Some(behind),
        }
    }

    /// Removes ended entries from the front, and tells the ring of all that have ended.
    fn sweep(&mut self, effects: &mut Effects) {
        while self.entries.front().is_some_and(Entry::is_ended) {
            self.entries.pop_front();
            self.taken = self.taken.saturating_sub(1);
        }
        self.rise(effects);
        self.forget_ended();
    }

    /// What lies below everything that the lane has still to do need not be remembered.
    fn forget_ended(&mut self) {
        if self.remembered.is_empty() {
            return;
        }
        let next = self.behind().map_or(self.pushed, |behind| self.cursor(behind));
        let front = self.entries.front().map_or(next, Entry::offset);
        self.remembered = self.remembered.split_off(&front.min(next));
    }

    fn end_entry(&mut self, at: usize, effects: &mut Effects) {
        let entry = &mut self.entries[at];
        entry.stage = Stage::Ended;
        if std::mem::take(&mut entry.is_hot) {
            effects.released.push(entry.offset());
        }
    }

    fn find(&self, offset: Offset) -> Option<usize> {
        self.entries.binary_search_by_key(&offset, Entry::offset).ok()
    }
}
