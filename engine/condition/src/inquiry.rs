use crate::node::Node;
use crate::wanted::Wanted;
use crate::{ParsedBody, eval};
use event::Event;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A condition that is asked about one event in steps, so that others can have their turn between
/// one look at a long text and the next.
pub struct Inquiry<'a> {
    root: &'a Node,
    wanted: &'a Arc<Wanted>,
    slots: Option<&'a [usize]>,
    event: &'a Event,
    progress: Progress,
}

/// What the steps of an inquiry have come to.
#[derive(Default)]
pub(crate) struct Progress {
    /// What the step under way has taken, and may take.
    fuel: Cell<u64>,
    fuel_max: u64,
    /// Something was learnt in this step: there is an end of them.
    has_learnt: Cell<bool>,
    /// What that took: a step that learnt little of what it read goes on, for the next one would
    /// have to read the rest again.
    learnt_fuel: Cell<u64>,
    /// The step has ended early, and what it gives says nothing.
    is_cut: Cell<bool>,
    /// By the node's place in memory, where it stays as long as the inquiry borrows it.
    learnt: RefCell<BTreeMap<(usize, Asked), Option<bool>>>,
}

/// What is learnt of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asked {
    Truth,
    /// Whether it equals what is looked for in the list that it stands in.
    Equality,
}

/// What has taken less than this part of a step is found out anew by the next one.
const LEARNT_PART: u64 = 64;

impl<'a> Inquiry<'a> {
    pub(crate) fn of(
        root: &'a Node,
        wanted: &'a Arc<Wanted>,
        slots: Option<&'a [usize]>,
        event: &'a Event,
    ) -> Inquiry<'a> {
        Inquiry { root, wanted, slots, event, progress: Progress::default() }
    }

    /// Whether the expression is TRUE for the event. None when that is not known yet after so much
    /// fuel; then the next step goes on from there. A single comparison, test or call is never
    /// broken off, nor is the reading of the body, so that a step may take more.
    pub fn step(&mut self, body: &mut ParsedBody, fuel_max: u64) -> Option<bool> {
        body.turn_to(&self.event.body, self.wanted);
        self.progress.begin(fuel_max);
        let truth = eval::truth(self.root, self.event, body, self.slots, &self.progress);
        (!self.progress.is_cut()).then_some(truth == Some(true))
    }

    /// All of it in one step.
    pub(crate) fn finish(mut self, body: &mut ParsedBody) -> bool {
        self.step(body, u64::MAX).expect("no condition takes so much")
    }

    /// What the last step took for what it read of texts and lists, in the units that guests are
    /// paid by. What the reading of the body took is not in it.
    pub fn fuel(&self) -> u64 {
        self.progress.fuel.get()
    }
}

impl Progress {
    fn begin(&mut self, fuel_max: u64) {
        let learnt = std::mem::take(&mut self.learnt);
        *self = Progress { fuel_max, learnt, ..Progress::default() };
    }

    pub fn is_cut(&self) -> bool {
        self.is_cut.get()
    }

    pub fn charge(&self, fuel: u64) {
        self.fuel.set(self.fuel.get() + fuel);
    }

    /// What an earlier step has learnt, else what is found now.
    pub fn learn(
        &self,
        node: &Node,
        asked: Asked,
        find: impl FnOnce() -> Option<bool>,
    ) -> Option<bool> {
        let key = (std::ptr::from_ref(node).addr(), asked);
        if let Some(known) = self.learnt.borrow().get(&key) {
            return *known;
        }
        let (before, learnt) = (self.fuel.get(), self.learnt_fuel.get());
        if self.has_learnt.get() && before >= self.fuel_max && learnt >= before / 2 {
            self.is_cut.set(true);
            return None;
        }
        let found = find();
        let taken = self.fuel.get() - before;
        if !self.is_cut() && taken >= self.fuel_max / LEARNT_PART {
            self.learnt.borrow_mut().insert(key, found);
            self.has_learnt.set(true);
            // What it asked in turn is in it.
            self.learnt_fuel.set(learnt + taken);
        }
        found
    }
}
