use super::*;
use crate::{Attempt, ReadRequest, Wish};
use dispatch::{Order, Ordering, RetrySchedule, Rules};
use event::{LaneId, Throttle, Why};
use registry::{Chain, Endpoint};

pub(super) fn rules_of(endpoint: &Endpoint, entries_max: usize) -> Rules {
    let terms = &endpoint.terms;
    Rules {
        since: endpoint.since,
        ordering: match terms.ordering {
            registry::Ordering::None => Ordering::None,
            registry::Ordering::Key => Ordering::Key,
            registry::Ordering::Fifo => Ordering::Fifo,
        },
        schedule: RetrySchedule::new(&terms.schedule, terms.jitter),
        window_start: terms.concurrency.start,
        window_max: terms.concurrency.max,
        rate: terms.rate,
        disable_after: terms.disable_after,
        is_disabled: endpoint.is_disabled,
        entries_max,
    }
}

pub(super) fn throttle_of<'a>(
    latest: &'a Snapshot,
    endpoint: &Endpoint,
) -> Option<&'a Arc<Throttle>> {
    latest.tenant(&endpoint.tenant)?.throttle.as_ref()
}

/// A lane has fewer turns than this, so those of its successor never meet them.
pub(super) const TURNS_OF_A_LANE: u64 = 1 << 32;

impl Shard {
    /// The lane of an endpoint of the newest snapshot, made if there is none.
    pub(super) fn lane(&mut self, id: EndpointId, now: Time) -> &mut Lane {
        let latest = self.history.latest();
        let entries_max = self.limits.lane_entries_max;
        let turns = &mut self.turns;
        self.lanes.entry(id).or_insert_with(|| {
            let endpoint = latest.endpoint(id).expect("lanes are made for endpoints that exist");
            *turns += TURNS_OF_A_LANE;
            let rules = rules_of(endpoint, entries_max);
            let mut lane = Lane::new(LaneId::main(id), rules, *turns, now);
            lane.hold_to(throttle_of(latest, endpoint));
            lane
        })
    }

    pub(super) fn pump_lanes(&mut self, now: Time, out: &mut Vec<FromShard>) {
        while let Some(id) = self.dirty.pop_first() {
            self.moved.insert(id);
            self.pump_lane(id, now, out);
        }
    }

    /// Lets a lane start all that it may start now.
    fn pump_lane(&mut self, id: EndpointId, now: Time, out: &mut Vec<FromShard>) {
        let routed = self.ring.next();
        let Some(mut lane) = self.lanes.remove(&id) else { return };
        loop {
            for ask in lane.asks() {
                self.ask(&mut lane, ask);
            }
            self.is_held |= self.effects.attempts.len() > self.limits.rows_waiting_max;
            if self.is_draining || self.is_held {
                break;
            }
            let Some(order) = lane.next_order(now, routed, &mut self.effects) else { break };
            self.carry_out(&mut lane, order, now, out);
        }
        if lane.may_join(routed, self.least) {
            lane.join(routed, &mut self.effects);
        }
        if !self.is_draining
            && let Some(range) = lane.wants_read(now, routed)
        {
            let wish = Wish::Lane { lane: lane.id(), turn: lane.turn(), range };
            out.push(FromShard::Read(ReadRequest { shard: self.id, wish }));
        }
        if let Some(time) = lane.wake_at(now) {
            self.alarms.insert((time, id));
        }
        self.lanes.insert(id, lane);
    }

    pub(super) fn carry_out(
        &mut self,
        lane: &mut Lane,
        order: Order,
        now: Time,
        out: &mut Vec<FromShard>,
    ) {
        match order {
            Order::Attempt { delivery, number, event } => {
                let latest = self.history.latest().endpoint(lane.id().endpoint);
                let endpoint = latest.expect("lanes go with their endpoints").clone();
                out.push(FromShard::Attempt(Attempt { delivery, number, event, endpoint }));
            }
            Order::Fetch(delivery) => {
                match self.unwritten.parcel(delivery, &self.effects.parcels) {
                    Some(parcel) => {
                        let fetched = lane.fetched(delivery, Some(parcel), now, &mut self.effects);
                        if let Some(order) = fetched {
                            self.carry_out(lane, order, now, out);
                        }
                    }
                    None => {
                        let wish = Wish::Parcel { delivery };
                        out.push(FromShard::Read(ReadRequest { shard: self.id, wish }));
                    }
                }
            }
            Order::Ask { .. } => unreachable!("asks are told by `asks`"),
            Order::AskAgain { delivery, event, ruled_by, runs } => {
                let Some(chain) = self.chain_at(lane.id().endpoint, ruled_by) else {
                    let (routed, effects) = (self.ring.next(), &mut self.effects);
                    let pass = event::Verdict::Pass;
                    return lane.judge_retry(delivery, &event, pass, now, routed, effects);
                };
                self.asked_again.insert(delivery, event.clone());
                self.questions.ask_again(chain, delivery, event, runs);
            }
        }
    }

    fn ask(&mut self, lane: &mut Lane, ask: Order) {
        let Order::Ask { turn, event, ruled_by } = ask else {
            unreachable!("`asks` tells asks alone")
        };
        let id = lane.id().endpoint;
        match self.chain_at(id, ruled_by) {
            Some(chain) => self.questions.ask(chain, id, (turn, lane.waits()), event),
            None => lane.judge(turn, event.offset(), event::Verdict::Pass),
        }
    }

    /// The chain of a version. One that retention has let go is stood in for by the newest:
    /// nothing passes a filter only because it waited for long.
    fn chain_at(&self, id: EndpointId, ruled_by: Offset) -> Option<Arc<Chain>> {
        let ruling = self.history.endpoint_at(id, ruled_by);
        let endpoint = ruling.or_else(|| self.history.latest().endpoint(id).cloned());
        let chain = endpoint.and_then(|endpoint| endpoint.chain.clone());
        chain.map(|chain| self.history.latest().without_ended(chain))
    }

    pub(super) fn ring_alarms(&mut self, now: Time) {
        while self.alarms.first().is_some_and(|(time, _)| *time <= now) {
            let (_, id) = self.alarms.pop_first().expect("it was seen");
            if self.dirty.is_empty() || !bug::is(Bug::LostWakeUp) {
                self.dirty.insert(id);
            }
        }
    }

    /// Lanes that hold the watermark too long, or too much memory, go their own way.
    pub(super) fn hand_over_holders(&mut self, now: Time) {
        let limit = now - HOLD_MAX;
        let is_stale = |lane: &Lane| lane.oldest_hot().is_some_and(|(_, since)| since <= limit);
        let stale: Vec<_> =
            self.lanes.iter().filter(|(_, lane)| is_stale(lane)).map(|(id, _)| *id).collect();
        stale.into_iter().for_each(|id| self.hand_over(id));
    }

    pub(super) fn hand_over(&mut self, id: EndpointId) {
        let routed = self.ring.next();
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.demote(Why::Slow, routed, &mut self.effects);
            self.dirty.insert(id);
        }
        self.release();
    }

    pub(super) fn forget_idle(&mut self, now: Time) {
        let limit = now - IDLE_MAX;
        let routed = self.ring.next();
        self.lanes.retain(|_, lane| !lane.is_idle_since(limit, routed));
        self.keep_up(Offset::MAX);
    }

    /// Lanes that stand below `until` only because nothing was for them move on.
    pub(super) fn keep_up(&mut self, until: Offset) {
        let routed = self.ring.next();
        for (id, lane) in self.lanes.iter_mut().filter(|(_, lane)| !lane.takes_pushes()) {
            if lane.keep_up(routed, until) {
                self.moved.insert(*id);
            }
            if lane.must_look(routed) {
                self.dirty.insert(*id);
            }
        }
    }
}
