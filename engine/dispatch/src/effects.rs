use event::{
    AttemptRow, Change, DeadRow, DeliveryId, Event, GapRow, LaneId, LaneRow, Offset, Parcel,
    RetryKey, RetryRow,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What steps of lanes have changed: rows for the next commit, and owed events that the road no
/// longer keeps. All of it goes to the writer together, with the watermark that then holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// One entry for each owed event that left the road: it ended, or another keeper has it.
    pub released: Vec<Offset>,
    pub attempts: Vec<AttemptRow>,
    pub retries: Vec<Change<RetryKey, RetryRow>>,
    pub parcels: Vec<Change<DeliveryId, Parcel>>,
    pub dead: Vec<Change<DeliveryId, DeadRow>>,
    pub lanes: Vec<Change<LaneId, LaneRow>>,
    pub gaps: Vec<GapRow>,
}

impl Effects {
    /// Nothing of these events is to be written: parcels become stubs, dead letters are none.
    pub fn erase(&mut self, stubs: &BTreeMap<Offset, Arc<Event>>) {
        for change in &mut self.parcels {
            if let Change::Put(delivery, parcel) = change
                && let Some(stub) = stubs.get(&delivery.offset)
            {
                parcel.event = stub.clone();
                parcel.input_key = None;
            }
        }
        for change in &mut self.dead {
            if let Change::Put(delivery, _) = change
                && stubs.contains_key(&delivery.offset)
            {
                let delivery = *delivery;
                self.parcels.push(Change::Remove(delivery));
                *change = Change::Remove(delivery);
            }
        }
    }

    /// True when there is nothing to write; releases alone move only the watermark.
    pub fn has_no_rows(&self) -> bool {
        let rows = self.attempts.len() + self.retries.len() + self.parcels.len();
        rows + self.dead.len() + self.lanes.len() + self.gaps.len() == 0
    }
}
