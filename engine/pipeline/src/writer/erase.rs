//! Erasure: stubs take the place of events, and nothing that holds their content stays on record.

use super::*;
use dispatch::Effects;
use event::{Change, DeliveryId, Event, Parcel, Stage};
use std::collections::BTreeSet;

/// An erasure that the next report of these shards may not know of.
pub(super) struct Unheard {
    stubs: Arc<BTreeMap<Offset, Arc<Event>>>,
    shards: BTreeSet<u32>,
}

impl Writer {
    /// The group is empty: all that is on record is in the log.
    pub(super) fn erase<T>(
        &mut self,
        stubs: Vec<Arc<Event>>,
        deliveries: Vec<DeliveryId>,
        pending: &mut Pending<T>,
    ) -> Result<Result<(), CommandError>, Failure> {
        let stubs: BTreeMap<_, _> = stubs.into_iter().map(|stub| (stub.offset(), stub)).collect();
        if stubs.keys().next_back().is_some_and(|last| *last >= self.log.head()) {
            return Ok(Err(CommandError::NotFound));
        }
        let mut concerned: BTreeSet<DeliveryId> = deliveries.into_iter().collect();
        for offset in stubs.keys() {
            let Some(rows) = readable(self.log.attempts(offset.only()))? else {
                // Which deliveries keep its content is not known.
                return Ok(Err(CommandError::Damaged));
            };
            concerned.extend(rows.iter().map(|row| row.delivery));
        }
        for delivery in concerned {
            if let Some(stub) = stubs.get(&delivery.offset) {
                self.erase_delivery(delivery, stub)?;
            }
        }
        let shards = 0..self.watermarks.shards.len() as u32;
        self.group.erased = stubs.values().cloned().collect();
        let stubs = Arc::new(stubs);
        self.unheard.push(Unheard { stubs: stubs.clone(), shards: shards.clone().collect() });
        pending.tell.extend(shards.map(|shard| (shard, ToShard::Erased(stubs.clone()))));
        Ok(Ok(()))
    }

    /// A dead letter goes whole. What is in trouble ends at its lane, by its stub.
    fn erase_delivery(&mut self, delivery: DeliveryId, stub: &Arc<Event>) -> Result<(), Failure> {
        // A row that cannot be read is one that is there.
        let is_dead = readable(self.log.letter(delivery))?.is_none_or(|row| row.is_some());
        if is_dead {
            self.group.dead.push(Change::Remove(delivery));
            self.group.parcels.push(Change::Remove(delivery));
            return Ok(());
        }
        let parcel = readable(self.log.parcel(delivery))?;
        let stage = parcel.map_or(Some(Stage::Output), |parcel| parcel.map(|kept| kept.stage));
        if let Some(stage) = stage {
            let parcel = Parcel { stage, event: stub.clone(), input_key: None };
            self.group.parcels.push(Change::Put(delivery, parcel));
        }
        Ok(())
    }

    /// A shard that had not heard of an erasure when it reported must not bring content back. Its
    /// next report knows of it: one is under way at a time, and it hears in order.
    pub(super) fn keep_erased(&mut self, shard: u32, effects: &mut Effects) {
        for Unheard { stubs, shards } in &mut self.unheard {
            shards.remove(&shard);
            if !bug::is(Bug::ErasedStillKept) {
                effects.erase(stubs);
            }
        }
        self.unheard.retain(|unheard| !unheard.shards.is_empty());
    }

    pub(super) fn stub_in_group(&self, offset: Offset) -> Option<&Arc<Event>> {
        let stubs = &self.group.erased;
        stubs.binary_search_by_key(&offset, |stub| stub.offset()).ok().map(|at| &stubs[at])
    }
}

/// Nothing where one row or record is damaged: that says nothing of the others.
fn readable<T>(found: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match found {
        Err(Failure::Damaged { .. } | Failure::DamagedRow { .. }) => Ok(None),
        found => found.map(Some),
    }
}
