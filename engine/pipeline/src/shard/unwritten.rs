use event::{Change, DeliveryId, Event, Offset, Parcel};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Parcels on their way to the log. A delivery may be due again before its parcel is there.
#[derive(Default)]
pub(super) struct Unwritten {
    /// Of the report that is under way.
    reported: BTreeMap<DeliveryId, Option<Parcel>>,
    /// Of the next one, as far as somebody has looked.
    gathered: BTreeMap<DeliveryId, Option<Parcel>>,
    seen: usize,
}

impl Unwritten {
    /// `gathering` is what the next report will hold. None: the log has what there is.
    pub fn parcel(
        &mut self,
        delivery: DeliveryId,
        gathering: &[Change<DeliveryId, Parcel>],
    ) -> Option<Parcel> {
        self.gather(gathering);
        let newest = self.gathered.get(&delivery).or_else(|| self.reported.get(&delivery))?;
        newest.clone()
    }

    pub fn report(&mut self, gathering: &[Change<DeliveryId, Parcel>]) {
        self.gather(gathering);
        self.reported = std::mem::take(&mut self.gathered);
        self.seen = 0;
    }

    /// The report is on disk.
    pub fn reported(&mut self) {
        self.reported.clear();
    }

    /// Parcels of these events are stubs.
    pub fn erase(&mut self, stubs: &BTreeMap<Offset, Arc<Event>>) {
        let all = self.reported.iter_mut().chain(&mut self.gathered);
        for (delivery, parcel) in all {
            if let (Some(parcel), Some(stub)) = (parcel, stubs.get(&delivery.offset)) {
                parcel.event = stub.clone();
            }
        }
    }

    fn gather(&mut self, gathering: &[Change<DeliveryId, Parcel>]) {
        for change in &gathering[self.seen..] {
            match change {
                Change::Put(delivery, parcel) => {
                    self.gathered.insert(*delivery, Some(parcel.clone()));
                }
                Change::Remove(delivery) => {
                    self.gathered.insert(*delivery, None);
                }
            }
        }
        self.seen = gathering.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{EndpointId, Envelope, EventId, LaneId, Stage, TenantId, Time};
    use proptest::prelude::*;

    fn delivery(n: u8) -> DeliveryId {
        let lane = LaneId { endpoint: EndpointId(1), n: 0 };
        DeliveryId { lane, offset: Offset(u64::from(n)), k: 0 }
    }

    fn parcel(ms: u64) -> Parcel {
        let envelope = Envelope::new(TenantId::new("acme"), "shop", "order.paid", Time::ZERO);
        let id = EventId::new(ms, Offset(0));
        let body = bytes::Bytes::new();
        let event = Arc::new(Event { id, envelope, body });
        Parcel { stage: Stage::Output, event, input_key: None }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Put(u8),
        Remove(u8),
        Report,
        Reported,
        Look(u8),
    }

    fn steps() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..4u8).prop_map(Step::Put),
            2 => (0..4u8).prop_map(Step::Remove),
            1 => Just(Step::Report),
            1 => Just(Step::Reported),
            4 => (0..4u8).prop_map(Step::Look),
        ]
    }

    proptest! {
        /// The log knows a report once it is on disk; until then the shard has to know it.
        #[test]
        fn log_and_unwritten_together_always_know_the_newest_parcel(
            steps in prop::collection::vec(steps(), 1..120),
        ) {
            let mut unwritten = Unwritten::default();
            let mut gathering = Vec::new();
            let mut under_way: Option<Vec<Change<DeliveryId, Parcel>>> = None;
            let mut on_disk: BTreeMap<DeliveryId, Parcel> = BTreeMap::new();
            let mut newest: BTreeMap<DeliveryId, Parcel> = BTreeMap::new();
            for (n, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Put(at) => {
                        newest.insert(delivery(at), parcel(n as u64));
                        gathering.push(Change::Put(delivery(at), parcel(n as u64)));
                    }
                    Step::Remove(at) => {
                        newest.remove(&delivery(at));
                        gathering.push(Change::Remove(delivery(at)));
                    }
                    Step::Report if under_way.is_none() => {
                        unwritten.report(&gathering);
                        under_way = Some(std::mem::take(&mut gathering));
                    }
                    Step::Reported if under_way.is_some() => {
                        for change in under_way.take().into_iter().flatten() {
                            match change {
                                Change::Put(id, parcel) => drop(on_disk.insert(id, parcel)),
                                Change::Remove(id) => drop(on_disk.remove(&id)),
                            }
                        }
                        unwritten.reported();
                    }
                    Step::Report | Step::Reported => {}
                    Step::Look(at) => {
                        // What is removed nobody asks for.
                        if let Some(expected) = newest.get(&delivery(at)) {
                            let here = unwritten.parcel(delivery(at), &gathering);
                            let found = here.as_ref().or(on_disk.get(&delivery(at)));
                            prop_assert_eq!(found, Some(expected));
                        }
                    }
                }
            }
        }
    }
}
