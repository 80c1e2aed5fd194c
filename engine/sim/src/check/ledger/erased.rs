//! What was erased is nowhere: not in the log, not in what is kept to be sent.

use super::*;
use log::{Change, Parcel};

const PROMISE: &str = "erased is gone";

impl Ledger {
    pub(super) fn note_erased(&mut self, group: &Group) -> Result<(), Violation> {
        self.erased.extend(group.erased.iter().map(|stub| stub.offset()));
        for change in &group.parcels {
            let Change::Put(delivery, Parcel { event, .. }) = change else { continue };
            if self.erased.contains(&delivery.offset) && !event.is_erased() {
                return broken(PROMISE, format!("{delivery:?} keeps bytes of what was erased"));
            }
        }
        Ok(())
    }

    /// What was erased stays so over every crash. A crash may also bring an erasure to light that
    /// nobody was told of.
    pub(super) fn read_back_erased(&mut self, log: &MemLog) -> Result<(), Violation> {
        self.told.clear();
        let head = self.head;
        self.erased.retain(|offset| *offset < head);
        for offset in (self.floor.0..head.0).map(Offset) {
            let Ok(Some(event)) = log.event(offset) else { continue };
            if event.is_erased() {
                self.erased.insert(offset);
            } else if self.erased.contains(&offset) {
                return broken(PROMISE, format!("{offset:?} can be read again"));
            }
        }
        for delivery in self.retries.keys().chain(self.dead.keys()) {
            let Ok(Some(parcel)) = log.parcel(*delivery) else { continue };
            if self.erased.contains(&delivery.offset) && !parcel.event.is_erased() {
                return broken(PROMISE, format!("the bytes of {delivery:?} are there again"));
            }
        }
        self.erased_before = self.erased.clone();
        Ok(())
    }
}
