//! One lane between a router, a reader, guests, an endpoint and a writer, all played by hand.

use crate::ledger::{Ledger, Standing};
use crate::plan::{JITTER, Plan, STEP, Said, Version, event};
use crate::watch::Watch;
use dispatch::{Effects, Lane, Offer, Order, Ordering};
use event::{
    Attempted, Cause, Change, DeliveryId, Due, EndpointId, Event, LaneId, Offset, Outcome,
    RetryKey, RetryRow, Stage, Time, Verdict, Why,
};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Weak};
use std::time::Duration;

pub const ID: LaneId = LaneId { endpoint: EndpointId(1), n: 0 };

/// What is under way outside the lane.
#[derive(Default)]
pub struct Outside {
    pub questions: Vec<Asked>,
    pub retry_questions: Vec<(DeliveryId, Arc<Event>, Offset)>,
    pub attempts: Vec<(DeliveryId, u32)>,
    pub fetches: Vec<DeliveryId>,
    pub read: Option<(u64, Range<Offset>)>,
    pub report: Option<(Effects, Offset, bool)>,
}

/// What the guests were asked in a turn of the lane.
pub struct Asked {
    turn: u64,
    waits: Weak<()>,
    offset: Offset,
    ruled_by: Offset,
}

pub struct World {
    pub now: Time,
    pub plans: Vec<Plan>,
    pub versions: Vec<Version>,
    pub lane: Lane,
    turns: u64,
    pub routed: Offset,
    /// What the road owes, above its watermark.
    hot: BTreeSet<Offset>,
    gathered: Effects,
    pub outside: Outside,
    /// What is on disk, and what will be.
    pub disk: Ledger,
    pub view: Ledger,
    pub watch: Watch,
    /// The filter fails at some events until it is mended.
    pub is_filter_broken: bool,
    is_dirty: bool,
    alarms: BTreeSet<Time>,
    /// Begun under other rules of order: what came before them may come after.
    excused: BTreeSet<Offset>,
    /// Postponed, and asked about again while the filter was broken.
    stopped: BTreeSet<Offset>,
    /// Begun, and asked about again while the filter was broken: a newer version is asked instead,
    /// of whose outputs those that are there already count as its own.
    left: BTreeSet<Offset>,
}

impl World {
    pub fn new(first: Version) -> World {
        let now = Time::from_secs(1_000);
        World {
            now,
            plans: Vec::new(),
            versions: vec![first],
            lane: Lane::new(ID, first.rules(), 0, now),
            turns: 0,
            routed: Offset::ZERO,
            hot: BTreeSet::new(),
            gathered: Effects::default(),
            outside: Outside::default(),
            disk: Ledger::default(),
            view: Ledger::default(),
            watch: Watch::default(),
            is_filter_broken: false,
            is_dirty: true,
            alarms: BTreeSet::new(),
            excused: BTreeSet::new(),
            stopped: BTreeSet::new(),
            left: BTreeSet::new(),
        }
    }

    pub fn head(&self) -> Offset {
        Offset(self.plans.len() as u64)
    }

    pub fn newest(&self) -> Version {
        *self.versions.last().expect("there is a first version")
    }

    pub fn version_at(&self, offset: Offset) -> Version {
        let in_force = self.versions.iter().rev().find(|version| version.since <= offset);
        *in_force.expect("the first version rules from the start on")
    }

    pub fn plan(&self, offset: Offset) -> Plan {
        self.plans[offset.0 as usize]
    }

    fn watermark(&self) -> Offset {
        self.hot.first().copied().unwrap_or(self.routed)
    }

    /// Lets the lane do something, and takes in what it changed.
    pub fn with<T>(&mut self, act: impl FnOnce(&mut Lane, &mut Effects) -> T) -> T {
        let mut effects = Effects::default();
        let answer = act(&mut self.lane, &mut effects);
        self.take_in(effects);
        self.is_dirty = true;
        answer
    }

    fn take_in(&mut self, effects: Effects) {
        self.view.apply(&effects);
        for offset in &effects.released {
            assert!(self.hot.remove(offset), "{offset:?} is released and was not owed");
        }
        let all = &mut self.gathered;
        all.attempts.extend(effects.attempts);
        all.retries.extend(effects.retries);
        all.parcels.extend(effects.parcels);
        all.dead.extend(effects.dead);
        all.lanes.extend(effects.lanes);
    }

    pub fn route(&mut self) {
        let offset = self.routed;
        if offset >= self.head() {
            return;
        }
        let version = self.version_at(offset);
        if version.wants(offset, self.plan(offset)) {
            self.offer(offset, &version);
        }
        self.routed = offset.next();
    }

    fn offer(&mut self, offset: Offset, version: &Version) {
        if !self.lane.takes_pushes() {
            self.is_dirty |= self.lane.note_owed();
            return;
        }
        let newest = self.newest();
        let offer = self.offer_of(offset, version);
        let now = self.now;
        let pushed = if newest.is_disabled {
            Err(Why::Disabled)
        } else if newest.ordering == Ordering::Fifo {
            Err(Why::Fifo)
        } else {
            self.with(|lane, _| lane.push(offer, now).map_err(|_| Why::Slow))
        };
        match pushed {
            Ok(true) => assert!(self.hot.insert(offset)),
            Ok(false) => {}
            Err(why) => self.with(|lane, effects| lane.demote(why, offset, effects)),
        }
    }

    fn offer_of(&self, offset: Offset, version: &Version) -> Offer {
        let event = event(offset, self.plan(offset));
        Offer { event, ruled_by: version.since, has_chain: version.has_chain }
    }

    /// As a shard goes about it: only when something has happened.
    pub fn pump(&mut self, orders_max: usize) {
        if !std::mem::take(&mut self.is_dirty) {
            return;
        }
        self.ask();
        for _ in 0..orders_max {
            if !self.order() {
                break;
            }
            self.ask();
        }
        let (now, routed) = (self.now, self.routed);
        let is_cut_short = orders_max < 8;
        if self.lane.may_join(routed, self.disk.watermark) {
            self.with(|lane, effects| lane.join(routed, effects));
        }
        if let Some(range) = self.lane.wants_read(now, routed) {
            self.outside.read = Some((self.lane.turn(), range));
        }
        self.alarms.extend(self.lane.wake_at(now));
        self.is_dirty = is_cut_short;
    }

    fn ask(&mut self) {
        for ask in self.lane.asks() {
            let Order::Ask { turn, event, ruled_by } = ask else { panic!("no question: {ask:?}") };
            let (waits, offset) = (Arc::downgrade(self.lane.waits()), event.offset());
            self.outside.questions.push(Asked { turn, waits, offset, ruled_by });
        }
    }

    fn order(&mut self) -> bool {
        let (now, routed, rows) = (self.now, self.routed, self.gathered.attempts.len());
        let order = self.with(|lane, effects| lane.next_order(now, routed, effects));
        for row in &self.gathered.attempts[rows..] {
            self.watch.begins(row.delivery.offset, row.delivery.k);
        }
        let delivery = match &order {
            None => return false,
            Some(Order::Attempt { delivery, number, .. }) => {
                self.watch.begins(delivery.offset, delivery.k);
                assert_eq!(*number, 1, "an entry's first attempt");
                self.outside.attempts.push((*delivery, 1));
                *delivery
            }
            Some(Order::Fetch(delivery)) => {
                self.outside.fetches.push(*delivery);
                *delivery
            }
            Some(other) => panic!("out of place: {other:?}"),
        };
        let key = self.plan(delivery.offset).key;
        self.keeps_order(delivery, key);
        self.watch.starts(delivery, key, self.newest().window_max, now);
        true
    }

    /// Of all that come before it in its queue, none has still to end.
    fn keeps_order(&self, delivery: DeliveryId, key: Option<u8>) {
        let place = (delivery.offset, delivery.k);
        assert_ne!(self.view.standing(place.0, place.1), Standing::Delivered, "sent once more");
        let is_alike = |other: Option<u8>| match self.newest().ordering {
            Ordering::None => false,
            Ordering::Key => key.is_some() && other == key,
            Ordering::Fifo => true,
        };
        let mut in_flight = self.watch.in_flight.iter();
        let rival = in_flight.find(|(_, other)| is_alike(**other));
        assert!(rival.is_none(), "{delivery:?} beside {rival:?}");
        if self.excused.contains(&delivery.offset) {
            return;
        }
        let earlier = (0..delivery.offset.0).map(Offset).filter(|o| is_alike(self.plan(*o).key));
        for offset in earlier {
            let has_ended = self.is_settled(offset, &self.view, false);
            assert!(has_ended, "{delivery:?} overtakes {offset:?}");
            // What a crash would bring back has not ended.
            let is_safe = self.excused.contains(&offset) || !self.is_dying(offset);
            assert!(is_safe, "{delivery:?} overtakes {offset:?}, whose end is not on disk");
        }
    }

    fn has_begun(&self, offset: Offset) -> bool {
        let in_flight = self.watch.in_flight.keys().any(|(other, _)| *other == offset);
        in_flight || (0..3).any(|k| self.view.standing(offset, k) != Standing::Unknown)
    }

    fn is_dying(&self, offset: Offset) -> bool {
        (0..3).any(|k| match (self.view.standing(offset, k), self.disk.standing(offset, k)) {
            (Standing::Dead(_), Standing::Dead(_)) => false,
            (Standing::Dead(stage), before) => {
                // A rejected event is rejected again, by whatever way it comes back.
                stage == Stage::Output || matches!(before, Standing::Trouble(_))
            }
            _ => false,
        })
    }

    /// By one of the versions that may have ruled it, and by that one alone.
    pub fn is_settled(&self, offset: Offset, ledger: &Ledger, in_trouble: bool) -> bool {
        let first = self.version_at(offset).since;
        let mut may_rule = self.versions.iter().filter(|version| version.since >= first);
        let plan = self.plan(offset);
        // What was postponed and then met a filter that stops is any newer chain's, wanted or not.
        let is_moved = self.stopped.contains(&offset);
        let is_left = self.left.contains(&offset);
        may_rule.any(|by| {
            ledger.is_settled(offset, plan, by, in_trouble)
                || (is_left && ledger.has_as_many(offset, plan, by, in_trouble))
                || (is_moved && ledger.has_come_to(offset, by.says(offset, plan), in_trouble))
        })
    }

    pub fn answer(&mut self, at: usize) {
        if let Some(at) = pick(&self.outside.questions, at) {
            let Asked { turn, waits, offset, ruled_by } = self.outside.questions.remove(at);
            let is_waited_for = waits.strong_count() > 0;
            assert_eq!(is_waited_for, turn == self.lane.turn(), "it ends with its turn");
            let version = self.version_at(ruled_by);
            let said = version.says(offset, self.plan(offset));
            let is_stopped = self.is_filter_broken && offset.0.is_multiple_of(3);
            if is_stopped && self.has_begun(offset) {
                self.left.insert(offset);
            }
            let verdict = match is_stopped {
                true => Verdict::Stop { reason: "broken".into() },
                false => said.verdict(&event(offset, self.plan(offset))),
            };
            self.with(|lane, _| lane.judge(turn, offset, verdict));
        }
    }

    pub fn answer_retry(&mut self, at: usize, again: bool) {
        if let Some(at) = pick(&self.outside.retry_questions, at) {
            let (delivery, event, ruled_by) = self.outside.retry_questions.remove(at);
            let said = self.version_at(ruled_by).says(delivery.offset, self.plan(delivery.offset));
            let is_let_through = said == Said::Postpone && !again;
            if self.is_filter_broken && !is_let_through {
                self.stopped.insert(delivery.offset);
            }
            let verdict = match said {
                Said::Postpone if !again => Verdict::Pass,
                _ if self.is_filter_broken => Verdict::Stop { reason: "broken".into() },
                _ => said.verdict(&event),
            };
            self.watch.withdrawn(delivery);
            let (now, routed) = (self.now, self.routed);
            self.with(|lane, effects| {
                lane.judge_retry(delivery, &event, verdict, now, routed, effects);
            });
        }
    }

    pub fn read(&mut self, count: u64, fails: bool) {
        let Some((turn, range)) = self.outside.read.take() else { return };
        self.is_dirty = true;
        if fails {
            return self.lane.read_failed(turn);
        }
        let until = Offset(range.end.0.min(range.start.0 + count.max(1)));
        let mut offers = Vec::new();
        for offset in (range.start.0..until.0).map(Offset) {
            let version = self.version_at(self.lane.rule_offset(offset));
            if version.wants(offset, self.plan(offset)) {
                offers.push(self.offer_of(offset, &version));
            }
        }
        let now = self.now;
        self.with(|lane, effects| lane.read(turn, offers, until, now, effects));
    }

    pub fn fetch(&mut self, at: usize) {
        let Some(at) = pick(&self.outside.fetches, at) else { return };
        let delivery = self.outside.fetches.remove(at);
        let parcel = self.view.parcels.get(&delivery).cloned();
        assert!(parcel.is_some(), "no bytes of {delivery:?}");
        let now = self.now;
        match self.with(|lane, effects| lane.fetched(delivery, parcel, now, effects)) {
            None => self.watch.withdrawn(delivery),
            Some(Order::Attempt { number, .. }) => self.outside.attempts.push((delivery, number)),
            Some(Order::AskAgain { event, ruled_by, runs, .. }) => {
                let mut rows = self.view.retries.iter();
                let row = rows.find(|(key, _)| key.delivery == delivery);
                assert_eq!(row.map(|(_, row)| row.attempts + 1), Some(runs), "{delivery:?}");
                self.outside.retry_questions.push((delivery, event, ruled_by));
            }
            Some(other) => panic!("out of place: {other:?}"),
        }
    }

    pub fn settle(&mut self, at: usize, outcome: Outcome, draw: f64) {
        let Some(at) = pick(&self.outside.attempts, at) else { return };
        let (delivery, number) = self.outside.attempts.remove(at);
        let place = (delivery.offset, delivery.k);
        let made = self.view.attempts.range((place.0, place.1, 1)..=(place.0, place.1, u32::MAX));
        assert_eq!(made.map(|(at, _)| at.2).max().unwrap_or(0) + 1, number, "{delivery:?}");
        let (now, routed) = (self.now, self.routed);
        match &outcome {
            Outcome::Delivered { .. } => self.watch.succeeded(delivery),
            _ => self.watch.failed(delivery, now),
        }
        let took = Duration::from_millis(1);
        let attempt = Attempted { number, at: now, took, outcome };
        let is_failure = matches!(attempt.outcome, Outcome::Failed { .. });
        self.with(|lane, effects| lane.settle(delivery, attempt, now, draw, routed, effects));
        if is_failure {
            self.watch.not_before.insert(place, now + STEP.mul_f64(1.0 - JITTER));
        }
        assert_eq!(self.lane.is_breaker_closed(), self.watch.is_breaker_closed(), "the breaker");
    }

    /// All so far goes to the writer, with the watermark that then holds.
    pub fn report(&mut self) {
        if self.outside.report.is_some() {
            return;
        }
        let is_dirty = self.is_dirty;
        self.with(|lane, effects| lane.write_row(effects));
        self.is_dirty = is_dirty;
        let is_to_hear = self.lane.report();
        let gathered = std::mem::take(&mut self.gathered);
        self.outside.report = Some((gathered, self.watermark(), is_to_hear));
    }

    pub fn commit(&mut self) {
        let Some((effects, watermark, is_to_hear)) = self.outside.report.take() else { return };
        self.write(&effects, watermark);
        if is_to_hear {
            self.with(|lane, _| lane.reported());
        }
    }

    fn write(&mut self, effects: &Effects, watermark: Offset) {
        self.disk.apply(effects);
        assert!(watermark >= self.disk.watermark, "the watermark falls");
        self.disk.watermark = watermark;
        self.view.watermark = watermark;
        for offset in (0..self.head().0).map(Offset) {
            let is_well = self.disk.is_kept(offset) || self.is_settled(offset, &self.disk, true);
            assert!(is_well, "nobody keeps {offset:?} of {:#?}", self.disk);
        }
    }

    pub fn change(&mut self, version: Version) {
        // The later of two changes at one offset would take the place of the earlier.
        if self.newest().since == self.head() {
            self.plans.push(Plan { key: None, salt: 0 });
        }
        let version = Version { since: self.head(), ..version };
        if version.ordering != self.newest().ordering {
            let all = (0..self.head().0).map(Offset);
            let begun: Vec<_> = all.filter(|offset| self.has_begun(*offset)).collect();
            self.excused.extend(begun);
        }
        // The version that stopped is not asked again, whatever it had begun.
        if self.view.lane.as_ref().is_some_and(|row| row.why == Why::FilterStopped) {
            let begun: Vec<_> =
                (0..self.head().0).map(Offset).filter(|offset| self.has_begun(*offset)).collect();
            self.left.extend(begun);
        }
        self.versions.push(version);
        let (rules, since, routed) = (version.rules(), version.since, self.routed);
        if self.lane.is_paused() && !version.is_disabled {
            self.watch.calm();
        }
        self.with(|lane, effects| lane.take_version(rules, since, routed, effects));
    }

    pub fn resume(&mut self) {
        self.watch.calm();
        self.with(|lane, effects| lane.resume_work(effects));
    }

    pub fn demote(&mut self) {
        if self.lane.takes_pushes() {
            let routed = self.routed;
            self.with(|lane, effects| lane.demote(Why::Slow, routed, effects));
        }
    }

    /// A person sends a dead letter again.
    pub fn redrive(&mut self, at: usize) {
        let dead: Vec<_> = self.disk.dead.iter().collect();
        let Some(at) = pick(&dead, at) else { return };
        let (delivery, dead) = (*dead[at].0, dead[at].1.clone());
        let row = RetryRow {
            attempts: dead.attempts,
            stage: dead.stage,
            outputs: dead.outputs,
            since: self.now,
            ruled_by: dead.ruled_by,
            key_hash: dead.key_hash,
        };
        let key = RetryKey { due: Due::At(self.now), delivery };
        let change = Effects {
            dead: vec![Change::Remove(delivery)],
            retries: vec![Change::Put(key, row)],
            ..Effects::default()
        };
        self.disk.apply(&change);
        self.view.apply(&change);
        self.watch.not_before.remove(&(delivery.offset, delivery.k));
        self.with(|lane, _| lane.add_trouble(key, row));
    }

    pub fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
        while self.alarms.first().is_some_and(|alarm| *alarm <= self.now) {
            self.alarms.pop_first();
            self.is_dirty = true;
        }
    }

    /// What a shard does once a second.
    pub fn upkeep(&mut self) {
        let (now, routed) = (self.now, self.routed);
        if self.lane.is_idle_since(now - Duration::from_secs(60), routed) {
            self.turns += 1 << 32;
            self.lane = Lane::new(ID, self.newest().rules(), self.turns, now);
            // With an idle lane goes what it knew of failures.
            self.watch.calm();
            self.is_dirty = true;
        }
        if self.lane.takes_pushes() {
            return;
        }
        self.lane.keep_up(routed, Offset::MAX);
        self.is_dirty |= self.lane.must_look(routed);
    }

    /// The process ends; another one begins with what is on disk. A report that was under way
    /// may be there or not.
    pub fn crash(&mut self, is_report_kept: bool) {
        if let Some((effects, watermark, _)) = self.outside.report.take().filter(|_| is_report_kept)
        {
            self.write(&effects, watermark);
        }
        self.view = self.disk.clone();
        self.watch = Watch::default();
        self.outside = Outside::default();
        self.gathered = Effects::default();
        self.hot.clear();
        self.alarms.clear();
        self.routed = self.disk.watermark;
        self.turns += 1 << 32;
        self.is_dirty = true;
        let (newest, now) = (self.newest(), self.now);
        self.lane = match self.disk.lane.clone() {
            None => Lane::new(ID, newest.rules(), self.turns, now),
            Some(row) => {
                let since = row.since;
                let mut lane = Lane::resume(ID, row, newest.rules(), self.turns, now);
                let mut effects = Effects::default();
                if newest.since > since {
                    lane.take_version(newest.rules(), newest.since, self.routed, &mut effects);
                }
                self.view.apply(&effects);
                self.gathered = effects;
                lane
            }
        };
        let first = self.disk.lane.as_ref().map_or(self.disk.watermark, |row| row.cursor);
        for (key, row) in &self.disk.retries {
            self.lane.add_trouble(*key, *row);
        }
        for row in self.disk.attempts.values().filter(|row| row.delivery.offset >= first) {
            self.lane.remember(row.delivery.offset, row.delivery.k, row.outputs);
        }
    }

    /// Everything that is owed has ended and nothing is left to say.
    pub fn is_at_rest(&self) -> bool {
        self.routed == self.head() && self.hot.is_empty() && self.lane.troubled() == 0
    }
}

fn pick<T>(all: &[T], at: usize) -> Option<usize> {
    (!all.is_empty()).then(|| at % all.len())
}

/// What the endpoint answers when it fails.
pub fn failure(retry_after: Option<Duration>) -> Outcome {
    Outcome::Failed { cause: Cause::Status(500), retry_after }
}
