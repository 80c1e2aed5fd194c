use super::*;
use dispatch::bug::{self, Bug};
use event::Parcel;

/// What was erased, by offset.
type Stubs = BTreeMap<Offset, Arc<Event>>;

impl Shard {
    /// The log gives stubs from now on; whatever is in memory from before becomes one here.
    pub(super) fn take_erased(&mut self, stubs: &Stubs) {
        self.has_heard = true;
        if bug::is(Bug::ErasedStillSent) {
            return;
        }
        let (from, fetching) = (self.may_still_come(), self.fetching());
        let may_come = |offset: &&Offset| **offset >= from || fetching.contains(offset);
        self.erased.extend(stubs.keys().filter(may_come));
        for (id, lane) in &mut self.lanes {
            if lane.erase(stubs) {
                self.dirty.insert(*id);
            }
        }
        self.searches.values_mut().for_each(|search| search.erase(stubs));
        self.effects.erase(stubs);
        self.unwritten.erase(stubs);
        for (delivery, event) in &mut self.asked_again {
            if let Some(stub) = stubs.get(&delivery.offset) {
                *event = stub.clone();
            }
        }
    }

    /// Whether nobody is owed an event any more because its content is gone.
    pub(super) fn is_erased(&self, event: &Event) -> bool {
        event.is_erased() || self.erased.contains(&event.offset())
    }

    /// A parcel as the log would give it now.
    pub(super) fn as_erased(&self, parcel: Parcel, now: Time) -> Parcel {
        match self.is_erased(&parcel.event) {
            true => {
                let event = Arc::new(parcel.event.stub(now));
                Parcel { stage: parcel.stage, event, input_key: None }
            }
            false => parcel,
        }
    }

    pub(super) fn forget_erased(&mut self) {
        let (from, fetching) = (self.may_still_come(), self.fetching());
        self.erased.retain(|offset| *offset >= from || fetching.contains(offset));
    }

    /// No read that is under way brings an event below it.
    fn may_still_come(&self) -> Offset {
        let reads = self.lanes.values().filter_map(Lane::reads_from);
        reads.min().map_or(self.ring.next(), |from| from.min(self.ring.next()))
    }

    fn fetching(&self) -> BTreeSet<Offset> {
        self.lanes.values().flat_map(Lane::fetching).collect()
    }
}
