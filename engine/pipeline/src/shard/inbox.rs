use super::questions::Asker;
use super::*;
use crate::{Answer, Found, ReadAnswer, Ruling, Wish};
use dispatch::Offer;
use event::{Attempted, LaneId, Parcel, Verdict};

impl Shard {
    pub(super) fn take(&mut self, message: ToShard, now: Time, out: &mut Vec<FromShard>) {
        match message {
            ToShard::Committed(batch) => self.take_batch(&batch, now),
            ToShard::Reported { least } => self.take_reported(least),
            ToShard::Expiring(floor) => self.keep_up(floor),
            ToShard::Floor(floor) => self.lose_below(floor),
            ToShard::Answer(answer) => self.take_answer(answer, now, out),
            ToShard::Outcome { delivery, attempt } => self.take_outcome(delivery, attempt, now),
            ToShard::Read(answer) => self.take_read(answer, now, out),
            ToShard::Drain => self.is_draining = true,
            ToShard::Resume(id) => {
                if let Some(lane) = self.lanes.get_mut(&id) {
                    lane.resume_work(&mut self.effects);
                    self.dirty.insert(id);
                }
            }
            ToShard::Erased(stubs) => self.take_erased(&stubs),
            ToShard::Search { lane, row } => self.begin_search(lane, &row),
            ToShard::Redriven { key, row } => {
                let id = key.delivery.lane.endpoint;
                if self.history.latest().endpoint(id).is_some() {
                    self.lane(id, now).add_trouble(key, row);
                    self.dirty.insert(id);
                } else {
                    self.drop_retry(key);
                }
            }
        }
    }

    fn take_reported(&mut self, least: Offset) {
        self.is_reporting = false;
        self.least = least;
        self.unwritten.reported();
        self.passed_is_on_disk();
        for id in std::mem::take(&mut self.burying) {
            if let Some(lane) = self.lanes.get_mut(&id) {
                lane.reported();
                self.dirty.insert(id);
            }
        }
        if std::mem::take(&mut self.is_held) {
            self.dirty.extend(self.lanes.keys());
        }
    }

    fn take_outcome(&mut self, delivery: DeliveryId, attempt: Attempted, now: Time) {
        let id = delivery.lane.endpoint;
        let routed = self.ring.next();
        let draw = self.rng.f64();
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        lane.settle(delivery, attempt, now, draw, routed, &mut self.effects);
        self.dirty.insert(id);
    }

    fn take_answer(&mut self, answer: Answer, now: Time, out: &mut Vec<FromShard>) {
        let asked = self.questions.close(answer.id);
        assert_eq!(asked.len(), answer.verdicts.len(), "a verdict for each event");
        for (row, (asked, verdict)) in asked.into_iter().zip(answer.verdicts).enumerate() {
            for (column, asker) in asked.askers {
                let is_unmet = answer.unmet.has(row, column as usize);
                let is_unmet = is_unmet && !bug::is(Bug::UnmetForgotten);
                let verdict = if is_unmet { Verdict::Drop } else { verdict.clone() };
                out.extend(ruling_of(&verdict).map(|ruling| judged(asker, &asked.event, ruling)));
                self.judge(asker, asked.event.offset(), verdict, now);
            }
        }
    }

    fn judge(&mut self, asker: Asker, offset: Offset, verdict: Verdict, now: Time) {
        match asker {
            Asker::Entry { endpoint, turn } => {
                let Some(lane) = self.lanes.get_mut(&endpoint) else { return };
                lane.judge(turn, offset, verdict);
                self.dirty.insert(endpoint);
            }
            Asker::Retry(delivery) => self.judge_retry(delivery, verdict, now),
            Asker::Search { lane, turn } => self.judge_missing(lane, turn, offset, verdict, now),
        }
    }

    fn judge_retry(&mut self, delivery: DeliveryId, verdict: Verdict, now: Time) {
        let routed = self.ring.next();
        let Some(event) = self.asked_again.remove(&delivery) else { return };
        let verdict = if event.is_erased() { Verdict::Drop } else { verdict };
        let id = delivery.lane.endpoint;
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        lane.judge_retry(delivery, &event, verdict, now, routed, &mut self.effects);
        self.dirty.insert(id);
    }

    fn take_read(&mut self, answer: ReadAnswer, now: Time, out: &mut Vec<FromShard>) {
        match (answer.wish, answer.found) {
            (Wish::Route { .. }, found) => self.take_routing_read(found, now),
            (Wish::Lane { lane, turn, .. }, found) => self.take_lane_read(lane, turn, found, now),
            (Wish::Missing { lane, turn, .. }, found) => self.take_missing(lane, turn, found, now),
            (Wish::Parcel { delivery }, Found::Parcel(parcel)) => {
                self.take_parcel(delivery, parcel, now, out);
            }
            (Wish::Parcel { delivery }, _) => self.take_parcel(delivery, None, now, out),
        }
    }

    fn take_routing_read(&mut self, found: Found, now: Time) {
        self.is_catching_up = false;
        match found {
            Found::Events { events, until } => {
                let next = self.ring.next();
                let events: Vec<_> = events.into_iter().filter(|e| e.offset() >= next).collect();
                // Retention is ahead of a road that was never walked: nothing is owed there.
                let first = events.first().map_or(until, |event| event.offset());
                while self.ring.next() < first && !self.ring.is_full() {
                    self.ring.route(0, 0);
                }
                self.route(&events, now);
                self.refresh_snapshot();
                self.route_waiting(now);
            }
            Found::Damaged { offset } => self.pass_over(offset, now),
            Found::Failed(_) | Found::Parcel(_) => {}
        }
    }

    fn take_lane_read(&mut self, id: LaneId, turn: u64, found: Found, now: Time) {
        let Some(known) = self.lanes.get(&id.endpoint).map(Lane::turn) else { return };
        self.dirty.insert(id.endpoint);
        let (events, until) = match found {
            Found::Events { events, until } => (events, until),
            Found::Damaged { offset } => {
                if known == turn {
                    self.note_gap(id, offset, now);
                }
                (Vec::new(), offset.next())
            }
            Found::Failed(_) | Found::Parcel(_) => {
                let lane = self.lanes.get_mut(&id.endpoint).expect("it was found");
                return lane.read_failed(turn);
            }
        };
        let lane = &self.lanes[&id.endpoint];
        let offers = events.iter().filter_map(|event| self.offer_to(lane, event)).collect();
        let lane = self.lanes.get_mut(&id.endpoint).expect("it was found");
        lane.read(turn, offers, until, now, &mut self.effects);
    }

    /// The event as the lane is owed it, by the version that rules it there.
    fn offer_to(&self, lane: &Lane, event: &Arc<Event>) -> Option<Offer> {
        let rule = lane.rule_offset(event.offset());
        let endpoint = self.history.endpoint_at(lane.id().endpoint, rule)?;
        let is_owed = endpoint.wants(&event.envelope) || bug::is(Bug::StrangersEvents);
        let is_owed = is_owed && !self.is_erased(event);
        is_owed.then(|| Offer {
            event: event.clone(),
            ruled_by: endpoint.since,
            has_chain: endpoint.chain.is_some(),
        })
    }

    fn take_parcel(
        &mut self,
        delivery: DeliveryId,
        parcel: Option<Parcel>,
        now: Time,
        out: &mut Vec<FromShard>,
    ) {
        let id = delivery.lane.endpoint;
        let parcel = parcel.map(|parcel| self.as_erased(parcel, now));
        let Some(mut lane) = self.lanes.remove(&id) else { return };
        if let Some(order) = lane.fetched(delivery, parcel, now, &mut self.effects) {
            self.carry_out(&mut lane, order, now, out);
        }
        self.lanes.insert(id, lane);
        self.dirty.insert(id);
    }

    fn lose_below(&mut self, floor: Offset) {
        self.searches.values_mut().for_each(|search| search.lose_below(floor));
        let routed = self.ring.next();
        for (id, lane) in &mut self.lanes {
            lane.lose_below(floor, routed, &mut self.effects);
            self.dirty.insert(*id);
        }
    }
}

fn ruling_of(verdict: &Verdict) -> Option<Ruling> {
    match verdict {
        Verdict::Pass | Verdict::Emit(_) => Some(Ruling::Sent),
        Verdict::Drop => Some(Ruling::Dropped),
        Verdict::Reject { .. } => Some(Ruling::Rejected),
        Verdict::Retry { .. } => Some(Ruling::Postponed),
        Verdict::Stop { .. } => None,
    }
}

fn judged(asker: Asker, event: &Arc<Event>, ruling: Ruling) -> FromShard {
    let (endpoint, is_again) = match asker {
        Asker::Entry { endpoint, .. } => (endpoint, false),
        Asker::Retry(delivery) => (delivery.lane.endpoint, true),
        Asker::Search { lane, .. } => (lane.endpoint, false),
    };
    FromShard::Judged { endpoint, event: event.clone(), ruling, is_again }
}
