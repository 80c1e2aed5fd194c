//! Ordered lanes stay ordered.

use crate::check::ledger::Ledger;
use crate::check::{Violation, broken};
use event::{DeliveryId, EndpointId, Offset};
use registry::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// An endpoint and a key, or none for all that it gets.
type Row = (EndpointId, Option<Box<str>>);

/// First successes, in the order in which they were heard of.
#[derive(Default)]
pub struct Order {
    seen: BTreeSet<DeliveryId>,
    /// The furthest success of each key; fifo endpoints have one for all.
    furthest: BTreeMap<Row, (Offset, u32)>,
}

impl Order {
    pub fn succeeded(&mut self, delivery: DeliveryId, ledger: &Ledger) -> Result<(), Violation> {
        let is_first = self.seen.insert(delivery);
        let endpoint = delivery.lane.endpoint;
        let Some(place) = place(delivery, ledger) else { return Ok(()) };
        let here = (delivery.offset, delivery.k);
        let is_late = ledger.was_dead(delivery) || ledger.was_missing(delivery);
        let furthest = self.furthest.entry((endpoint, place)).or_insert(here);
        if is_first && here < *furthest && !is_late {
            let words = format!("{delivery:?} came after {furthest:?} of the same order");
            return broken("order", words);
        }
        if !is_late {
            *furthest = here.max(*furthest);
        }
        Ok(())
    }

    /// Offsets from here on may be given to other events.
    ///
    /// A version that came meanwhile may want what the one before had passed over, and the lane
    /// goes by it where it had not begun: then order begins anew.
    pub fn crashed(&mut self, lost_from: Offset, ledger: &Ledger) {
        self.seen.retain(|delivery| delivery.offset < lost_from);
        self.furthest.retain(|(id, _), (offset, _)| {
            *offset < lost_from && ledger.versions.all(*id).count() < 2
        });
    }

    pub fn changed(&mut self) {
        self.furthest.clear();
    }
}

/// What the delivery is ordered with; none when its endpoint has not always kept one order.
fn place(delivery: DeliveryId, ledger: &Ledger) -> Option<Option<Box<str>>> {
    let mut orderings = ledger.versions.all(delivery.lane.endpoint).map(|v| v.terms.ordering);
    let ordering = orderings.next()?;
    if orderings.any(|other| other != ordering) {
        return None;
    }
    let event = &ledger.events.get(&delivery.offset)?.event;
    match (ordering, &event.envelope.key) {
        (Ordering::Fifo, _) => Some(None),
        (Ordering::Key, Some(key)) => Some(Some(key.clone())),
        _ => None,
    }
}
