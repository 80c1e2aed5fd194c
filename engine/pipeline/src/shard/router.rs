use super::*;
use crate::shard::lanes::{rules_of, throttle_of};
use crate::{Batch, ReadRequest, Wish};
use dispatch::Offer;
use dispatch::bug::{self, Bug};
use event::{GapRow, LaneId, Why};
use registry::Endpoint;

/// Batches of the hot path that are kept while the router reads what lies before them.
const BATCHES_WAITING_MAX: usize = 64;

/// Stands for every lane in a gap that no lane can be told of.
pub const EVERY_LANE: LaneId = LaneId { endpoint: EndpointId(u64::MAX), n: u32::MAX };

impl Shard {
    /// Takes a committed batch from the hot path. What lies before it, if the shard has missed
    /// something, is read first.
    pub(super) fn take_batch(&mut self, batch: &Arc<Batch>, now: Time) {
        self.head = self.head.max(batch.head);
        self.take_history(batch.history.clone());
        if !batch.events.is_empty() {
            self.waiting.push_back(batch.clone());
            if self.waiting.len() > BATCHES_WAITING_MAX {
                self.waiting.pop_front();
            }
        }
        self.route_waiting(now);
    }

    /// Routes the batches that follow on what was routed.
    pub(super) fn route_waiting(&mut self, now: Time) {
        while !self.is_catching_up && !self.ring.is_full() {
            let next = self.ring.next();
            let Some(batch) = self.waiting.front() else { break };
            let first = batch.events[0].offset();
            if first > next {
                break;
            }
            let batch = self.waiting.pop_front().expect("it was seen");
            let known = next.distance_from(first) as usize;
            self.route(batch.events.get(known..).unwrap_or(&[]), now);
        }
        self.refresh_snapshot();
    }

    /// Routes events in offset order, as far as the ring has slots.
    pub(super) fn route(&mut self, events: &[Arc<Event>], now: Time) {
        for event in events {
            if self.ring.is_full() {
                self.make_way();
            }
            if self.ring.is_full() {
                return;
            }
            self.refresh_snapshot();
            self.route_one(event, now);
        }
        while self.ring.bytes() > self.hot_bytes_max && self.hand_over_oldest() {}
    }

    fn route_one(&mut self, event: &Arc<Event>, now: Time) {
        let offset = event.offset();
        let snapshot = self.snapshot.clone();
        let mut owed = 0;
        let is_erased = self.is_erased(event);
        let owed_to = match &event.envelope {
            all if bug::is(Bug::AddressForgotten) => {
                snapshot.matching(&all.tenant, &all.event_type)
            }
            envelope => snapshot.owed(envelope),
        };
        for endpoint in owed_to.filter(|_| !is_erased) {
            let is_here = self.is_mine(endpoint.id);
            if is_here && self.history.latest().endpoint(endpoint.id).is_some() {
                owed += u32::from(self.offer(endpoint, event, now));
            }
        }
        self.ring.route(owed, event.weight());
        debug_assert_eq!(self.ring.next(), offset.next());
        // A lane that this very event found full has given up what it held.
        self.release();
    }

    /// True when the road keeps the event for this endpoint.
    fn offer(&mut self, endpoint: &Arc<Endpoint>, event: &Arc<Event>, now: Time) -> bool {
        let routed = event.offset();
        let latest = self.history.latest().endpoint(endpoint.id).expect("it was looked up");
        let (is_disabled, ordering) = (latest.is_disabled, latest.terms.ordering);
        let lane = self.lane(endpoint.id, now);
        if !lane.takes_pushes() {
            if lane.note_owed() {
                self.dirty.insert(endpoint.id);
            }
            return false;
        }
        let offer = Offer {
            event: event.clone(),
            ruled_by: endpoint.since,
            has_chain: endpoint.chain.is_some(),
        };
        let pushed = if is_disabled {
            Err(Why::Disabled)
        } else if ordering == registry::Ordering::Fifo {
            Err(Why::Fifo)
        } else {
            lane.push(offer, now).map_err(|_| Why::Slow)
        };
        self.dirty.insert(endpoint.id);
        pushed.unwrap_or_else(|why| {
            let lane = self.lanes.get_mut(&endpoint.id).expect("it was made above");
            lane.demote(why, routed, &mut self.effects);
            false
        })
    }

    /// Asks for what the router has missed, or has still to walk after a restart.
    pub(super) fn catch_up(&mut self, out: &mut Vec<FromShard>) {
        if !self.may_catch_up() {
            return;
        }
        self.is_catching_up = true;
        let wish = Wish::Route { range: self.ring.next()..self.head };
        out.push(FromShard::Read(ReadRequest { shard: self.id, wish }));
    }

    pub(super) fn may_catch_up(&self) -> bool {
        let is_done = self.ring.next() >= self.head;
        !(is_done || self.is_catching_up || self.ring.is_full() || self.is_draining)
    }

    /// A record that is not what was written is passed over, and that is put on record.
    pub(super) fn pass_over(&mut self, offset: Offset, now: Time) {
        if offset == self.ring.next() && !self.ring.is_full() {
            self.ring.route(0, 0);
            self.refresh_snapshot();
            self.note_gap(EVERY_LANE, offset, now);
        }
    }

    pub(super) fn note_gap(&mut self, lane: LaneId, offset: Offset, now: Time) {
        self.effects.gaps.push(GapRow { lane, from: offset, until: offset.next(), at: now });
    }

    /// Histories come in the order in which the writer made them.
    pub(super) fn take_history(&mut self, history: Arc<History>) {
        if Arc::ptr_eq(&history, &self.history) {
            return;
        }
        let before = std::mem::replace(&mut self.history, history);
        // What rules the next offset may have changed too: the change before it may have been
        // missed, or this one takes the place of another from the same offset on.
        let next = self.ruled();
        self.snapshot = self.history.at(next);
        self.next_change = self.history.next_change(next);
        self.drop_deleted();
        self.hand_out_versions(before.latest());
    }

    /// A deletion counts at once, also for what is in the past.
    fn drop_deleted(&mut self) {
        let latest = self.history.latest().clone();
        let is_gone = |id: &EndpointId| latest.endpoint(*id).is_none();
        let gone: Vec<_> = self.lanes.keys().copied().filter(is_gone).collect();
        for id in gone {
            if let Some(mut lane) = self.lanes.remove(&id) {
                lane.delete(&mut self.effects);
            }
            self.release();
        }
        self.drop_searches();
    }

    /// Brings the versions in that rule the next offset.
    pub(super) fn refresh_snapshot(&mut self) {
        let next = self.ruled();
        while self.next_change.is_some_and(|change| change <= next) {
            let change = self.next_change.expect("it was seen");
            self.snapshot = self.history.at(change);
            self.next_change = self.history.next_change(change);
        }
    }

    /// The offset whose versions rule what is routed next: its own.
    fn ruled(&self) -> Offset {
        let next = self.ring.next();
        if bug::is(Bug::SinceOff) { Offset(next.0.saturating_sub(1)) } else { next }
    }

    /// How an endpoint is served follows its newest version at once, wherever the router is.
    fn hand_out_versions(&mut self, before: &Snapshot) {
        let routed = self.ring.next();
        let latest = self.history.latest().clone();
        for (id, lane) in &mut self.lanes {
            let Some(endpoint) = latest.endpoint(*id) else { continue };
            if before.endpoint(*id).is_none_or(|old| !Arc::ptr_eq(old, endpoint)) {
                let rules = rules_of(endpoint, self.limits.lane_entries_max);
                lane.take_version(rules, endpoint.since, routed, &mut self.effects);
                self.dirty.insert(*id);
            }
            if lane.hold_to(throttle_of(&latest, endpoint)) {
                self.dirty.insert(*id);
            }
        }
        self.release();
    }

    /// The ring is full: lanes that hold something in its lower half are handed over.
    fn make_way(&mut self) {
        let middle = self.ring.middle();
        let holds = |lane: &Lane| lane.oldest_hot().is_some_and(|(offset, _)| offset < middle);
        let holders: Vec<_> =
            self.lanes.iter().filter(|(_, lane)| holds(lane)).map(|(id, _)| *id).collect();
        holders.into_iter().for_each(|id| self.hand_over(id));
    }

    fn hand_over_oldest(&mut self) -> bool {
        let oldest = |(id, lane): (&EndpointId, &Lane)| lane.oldest_hot().map(|hot| (hot.0, *id));
        let Some((_, id)) = self.lanes.iter().filter_map(oldest).min() else { return false };
        self.hand_over(id);
        true
    }
}
