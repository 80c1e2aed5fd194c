use event::Offset;
use std::collections::VecDeque;

/// Offsets that the road may hold open at once, as a rule.
pub const SLOTS: usize = 65_536;

/// How many owed events of each offset have not ended, from the watermark on.
///
/// Below the watermark the road owes nothing: every event there has ended at every endpoint, or
/// another keeper has it.
#[derive(Debug)]
pub struct Ring {
    watermark: Offset,
    slots: VecDeque<Slot>,
    slots_max: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    owed: u32,
    weight: u32,
}

impl Ring {
    pub fn new(watermark: Offset, slots_max: usize) -> Ring {
        Ring { watermark, slots: VecDeque::new(), slots_max, bytes: 0 }
    }

    /// The first offset that is not routed or not at rest.
    pub fn watermark(&self) -> Offset {
        self.watermark
    }

    /// The next offset to be routed.
    pub fn next(&self) -> Offset {
        Offset(self.watermark.0 + self.slots.len() as u64)
    }

    /// What the events that are owed weigh, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_full(&self) -> bool {
        self.slots.len() >= self.slots_max
    }

    /// Where the upper half begins: a lane that holds something below is in the way.
    pub fn middle(&self) -> Offset {
        Offset(self.watermark.0 + (self.slots_max as u64).div_ceil(2))
    }

    pub fn span(&self) -> usize {
        self.slots.len()
    }

    /// The next offset was routed, and `owed` lanes took its event.
    pub fn route(&mut self, owed: u32, weight: usize) {
        assert!(!self.is_full(), "the router stays inside the ring");
        let weight = if owed == 0 { 0 } else { u32::try_from(weight).unwrap_or(u32::MAX) };
        self.bytes += weight as usize;
        self.slots.push_back(Slot { owed, weight });
        self.rise();
    }

    /// One lane is done with an offset, or another keeper has it.
    pub fn release(&mut self, offset: Offset) {
        assert!(offset >= self.watermark, "what is released was owed");
        let slot = &mut self.slots[offset.distance_from(self.watermark) as usize];
        slot.owed = slot.owed.checked_sub(1).expect("what is released was owed");
        if slot.owed == 0 {
            self.bytes -= std::mem::take(&mut slot.weight) as usize;
            self.rise();
        }
    }

    fn rise(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.owed == 0) {
            self.slots.pop_front();
            self.watermark = self.watermark.next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_watermark_stops_at_the_first_that_is_owed() {
        let mut ring = Ring::new(Offset(10), SLOTS);
        ring.route(0, 100);
        ring.route(2, 100);
        ring.route(1, 50);
        assert_eq!((ring.watermark(), ring.next(), ring.bytes()), (Offset(11), Offset(13), 150));
        ring.release(Offset(12));
        ring.release(Offset(11));
        assert_eq!((ring.watermark(), ring.bytes()), (Offset(11), 100));
        ring.release(Offset(11));
        assert_eq!((ring.watermark(), ring.next(), ring.bytes()), (Offset(13), Offset(13), 0));
    }

    /// How many are owed, what the event weighs, and which one ends when the ring is full.
    fn step() -> impl Strategy<Value = (u32, usize, prop::sample::Index)> {
        (0..4u32, 0..500usize, any::<prop::sample::Index>())
    }

    proptest! {
        #[test]
        fn the_watermark_is_the_first_offset_that_is_not_routed_or_not_at_rest(
            start in 0..1_000u64,
            slots_max in 1..40usize,
            steps in prop::collection::vec(step(), 0..300),
        ) {
            let mut ring = Ring::new(Offset(start), slots_max);
            let mut next = start;
            // All that is owed: offset → lanes, and what its event weighs.
            let mut owed: BTreeMap<u64, (u32, usize)> = BTreeMap::new();
            for (count, weight, which) in steps {
                if ring.is_full() || (count == 3 && !owed.is_empty()) {
                    let at = *owed.keys().nth(which.index(owed.len())).unwrap();
                    ring.release(Offset(at));
                    let left = owed.get_mut(&at).unwrap();
                    left.0 -= 1;
                    owed.retain(|_, (count, _)| *count > 0);
                } else {
                    ring.route(count, weight);
                    if count > 0 {
                        owed.insert(next, (count, weight));
                    }
                    next += 1;
                }
                let watermark = owed.keys().next().copied().unwrap_or(next);
                prop_assert_eq!(ring.watermark(), Offset(watermark));
                prop_assert_eq!(ring.next(), Offset(next));
                prop_assert_eq!(ring.bytes(), owed.values().map(|(_, w)| w).sum::<usize>());
                prop_assert_eq!(ring.is_full(), (next - watermark) as usize >= slots_max);
            }
        }
    }
}
