use event::{Event, Offset, Time, Verdict};
use std::sync::Arc;

/// One owed event in a lane.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub event: Arc<Event>,
    /// The endpoint's version that rules it.
    pub ruled_by: Offset,
    /// The ring counts it: the road is its keeper, or becomes it when the lane has joined.
    pub is_hot: bool,
    pub matched_at: Time,
    pub stage: Stage,
}

#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Its chain is still to be asked.
    Matched,
    Asked,
    /// Waits for the entries before it, so that verdicts take effect in order.
    Judged(Verdict),
    Running(Outputs),
    Ended,
}

/// The outputs of an entry whose verdict has taken effect.
#[derive(Clone, Debug)]
pub(super) struct Outputs {
    pub events: Vec<Arc<Event>>,
    /// The first that was never started.
    pub next: u32,
    /// Bit k: attempt at output k is in flight.
    pub open: u64,
    /// Bit k: output k ended, or trouble keeps it.
    pub ended: u64,
}

impl Entry {
    pub fn offset(&self) -> Offset {
        self.event.offset()
    }

    /// Its verdict has taken effect: it may not be forgotten. Such entries come first in a lane.
    pub fn is_begun(&self) -> bool {
        matches!(self.stage, Stage::Running(_) | Stage::Ended)
    }

    pub fn is_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended)
    }

    /// Nothing more of it is sent. An attempt that is in flight lands as it is.
    pub fn erase(&mut self, stub: Arc<Event>) {
        self.event = stub;
        match &mut self.stage {
            Stage::Matched => self.stage = Stage::Judged(Verdict::Drop),
            Stage::Running(outputs) => outputs.end_unstarted(),
            // Whatever the verdict says, it will have no effect.
            Stage::Asked | Stage::Judged(_) | Stage::Ended => {}
        }
    }
}

impl Outputs {
    pub fn new(events: Vec<Arc<Event>>, done: u64) -> Outputs {
        Outputs { events, next: 0, open: 0, ended: done }
    }

    pub fn count(&self) -> u32 {
        self.events.len() as u32
    }

    /// The next output to start, past those that have ended already.
    pub fn next_to_start(&mut self) -> Option<(u32, Arc<Event>)> {
        while self.next < self.count() && self.ended & bit(self.next) != 0 {
            self.next += 1;
        }
        (self.next < self.count()).then(|| (self.next, self.events[self.next as usize].clone()))
    }

    pub fn start(&mut self, k: u32) {
        self.open |= bit(k);
        self.next = k + 1;
    }

    pub fn end(&mut self, k: u32) {
        self.open &= !bit(k);
        self.ended |= bit(k);
        self.next = self.next.max(k + 1);
    }

    fn end_unstarted(&mut self) {
        for k in self.next..self.count() {
            self.ended |= bit(k);
        }
    }

    /// The outputs that are being attempted.
    pub fn in_flight(&self) -> impl Iterator<Item = &Event> {
        let open = (0..self.count()).filter(|k| self.open & bit(*k) != 0);
        open.map(|k| &*self.events[k as usize])
    }

    pub fn all_ended(&self) -> bool {
        (0..self.count()).all(|k| self.ended & bit(k) != 0)
    }
}

/// A chain has at most 64 outputs an event.
pub(super) fn bit(k: u32) -> u64 {
    1u64.checked_shl(k).expect("k is below OUTPUTS_MAX")
}
