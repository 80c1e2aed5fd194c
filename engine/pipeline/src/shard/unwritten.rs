use event::{Change, DeliveryId, Parcel};
use std::collections::BTreeMap;

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
