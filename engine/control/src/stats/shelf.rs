use super::{Series, Totals, Wanted};
use std::collections::BTreeMap;
use std::ops::Range;

/// Counts by slot of time and series.
pub(super) type Slots = BTreeMap<u64, BTreeMap<Series, Totals>>;

/// What is kept in slots of one length.
pub(super) struct Shelf {
    slot_secs: u64,
    /// How many of them.
    kept: u64,
    cells_max: usize,
    slots: Slots,
    cells: usize,
    /// Slots below this one made room for others.
    lost: u64,
}

/// What was counted, as it was asked for.
#[derive(Default)]
pub(crate) struct Slice {
    /// By the second in which each step begins.
    pub steps: BTreeMap<u64, Totals>,
    pub of_series: BTreeMap<Series, Totals>,
}

impl Shelf {
    pub fn new(slot_secs: u64, kept: u64, cells_max: usize) -> Shelf {
        Shelf { slot_secs, kept, cells_max, slots: Slots::new(), cells: 0, lost: 0 }
    }

    pub fn slots(&self) -> &Slots {
        &self.slots
    }

    pub fn add(&mut self, slot: u64, series: &Series, totals: &Totals) {
        let cells = self.slots.entry(slot).or_default();
        match cells.get_mut(series) {
            Some(cell) => cell.add(totals),
            None => {
                cells.insert(series.clone(), totals.clone());
                self.cells += 1;
            }
        }
        while self.cells > self.cells_max && self.slots.len() > 1 {
            self.drop_first();
        }
    }

    /// Slots that are too old at the slot `now` go.
    pub fn expire(&mut self, now: u64) {
        let first = now.saturating_sub(self.kept);
        while self.slots.first_key_value().is_some_and(|(slot, _)| *slot <= first) {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some((slot, cells)) = self.slots.pop_first() {
            self.cells -= cells.len();
            self.lost = self.lost.max(slot + 1);
        }
    }

    /// The second from which on nothing has gone.
    pub fn kept_from(&self, now: u64) -> u64 {
        let first = (now / self.slot_secs).saturating_sub(self.kept) + 1;
        first.max(self.lost) * self.slot_secs
    }

    pub fn read(&self, span: Range<u64>, step: u64, wanted: &Wanted) -> Slice {
        let mut slice = Slice::default();
        let slots = span.start / self.slot_secs..span.end.div_ceil(self.slot_secs);
        for (slot, cells) in self.slots.range(slots) {
            let at = (slot * self.slot_secs).max(span.start);
            let at = span.start + (at - span.start) / step * step;
            for (series, totals) in cells.iter().filter(|(series, _)| wanted.is(series)) {
                slice.steps.entry(at).or_default().add(totals);
                slice.of_series.entry(series.clone()).or_default().add(totals);
            }
        }
        slice
    }
}
