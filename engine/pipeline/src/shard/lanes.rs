use super::*;
use crate::{Attempt, ReadRequest, Wish};
use dispatch::{Order, Ordering, RetrySchedule, Rules};
use event::{LaneId, Why};
use registry::Endpoint;

pub(super) fn rules_of(endpoint: &Endpoint) -> Rules {
    let terms = &endpoint.terms;
    Rules {
        ordering: match terms.ordering {
            registry::Ordering::None => Ordering::None,
            registry::Ordering::Key => Ordering::Key,
            registry::Ordering::Fifo => Ordering::Fifo,
        },
        schedule: RetrySchedule::new(&terms.schedule, terms.jitter),
        window_start: terms.concurrency.start,
        window_max: terms.concurrency.max,
        disable_after: terms.disable_after,
        is_disabled: endpoint.is_disabled,
    }
}

impl Shard {
    /// The lane of an endpoint of the newest snapshot, made if there is none.
    pub(super) fn lane(&mut self, id: EndpointId, now: Time) -> &mut Lane {
        let latest = self.history.latest();
        self.lanes.entry(id).or_insert_with(|| {
            let endpoint = latest.endpoint(id).expect("lanes are made for endpoints that exist");
            Lane::new(LaneId::main(id), rules_of(endpoint), now)
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
            self.is_held |= self.effects.attempts.len() > ROWS_WAITING_MAX;
            if self.is_draining || self.is_held {
                break;
            }
            let Some(order) = lane.next_order(now, routed, &mut self.effects) else { break };
            self.carry_out(&mut lane, order, now, out);
        }
        if lane.may_join(routed) {
            lane.join(routed, &mut self.effects);
        }
        if !self.is_draining
            && let Some(range) = lane.wants_read(now, routed)
        {
            let wish = Wish::Lane { lane: lane.id(), turn: lane.turn(), range };
            out.push(FromShard::Read(ReadRequest { shard: self.id, wish }));
        }
        if let Some(time) = lane.wake_at() {
            self.alarms.insert((time.max(now + Duration::from_millis(1)), id));
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
                let wish = Wish::Parcel { delivery };
                out.push(FromShard::Read(ReadRequest { shard: self.id, wish }));
            }
            Order::Ask { .. } => unreachable!("asks are told by `asks`"),
            Order::AskAgain { delivery, event, ruled_by } => {
                let endpoint = self.history.endpoint_at(lane.id().endpoint, ruled_by);
                let Some(chain) = endpoint.and_then(|endpoint| endpoint.chain.clone()) else {
                    let (routed, effects) = (self.ring.next(), &mut self.effects);
                    let pass = event::Verdict::Pass;
                    return lane.judge_retry(delivery, &event, pass, now, routed, effects);
                };
                self.asked_again.insert(delivery, event.clone());
                self.questions.ask_again(chain, delivery, event);
            }
        }
    }

    fn ask(&mut self, lane: &mut Lane, ask: Order) {
        let Order::Ask { turn, event, ruled_by } = ask else {
            unreachable!("`asks` tells asks alone")
        };
        let id = lane.id().endpoint;
        let endpoint = self.history.endpoint_at(id, ruled_by);
        match endpoint.and_then(|endpoint| endpoint.chain.clone()) {
            Some(chain) => self.questions.ask(chain, id, turn, event),
            None => lane.judge(turn, event.offset(), event::Verdict::Pass),
        }
    }

    pub(super) fn ring_alarms(&mut self, now: Time) {
        while self.alarms.first().is_some_and(|(time, _)| *time <= now) {
            let (_, id) = self.alarms.pop_first().expect("it was seen");
            self.dirty.insert(id);
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
        self.lanes.retain(|_, lane| !lane.is_idle_since(limit));
    }
}
