mod long;

pub use long::LongRuns;

use crate::{Answer, Question};
use event::TenantId;
use event::limits::SLICE_FUEL;
use registry::ChainId;
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Fuel that each run may burn in a round: a slice, so that what goes on has one a round.
const QUANTUM: i64 = SLICE_FUEL.cast_signed();
/// What a question costs beside its fuel: it is carried to the guests and back.
const BASE_COST: i64 = 20_000;
/// Questions that are begun and wait for their next slice: each holds the memory of its guest.
/// One more exists while it has its turn.
pub const BEGUN_MAX: usize = 8;
/// Those of them that may be one tenant's, so that others always find a place.
pub const TENANT_BEGUN_MAX: usize = 6;
/// What a question may burn in one turn when no further one may wait for its next slice.
pub const TRIAL: u64 = 16 * SLICE_FUEL;

/// Evaluates chains. Lives on one guest thread.
pub trait Guests {
    /// Begins a question.
    fn judge(&mut self, question: &Arc<Question>) -> Judging;
}

/// A question that is being judged: pending after each slice of fuel, and to be polled again
/// without being woken. Dropping it ends its guests.
pub type Judging = Pin<Box<dyn Future<Output = Answer>>>;

/// The fair queue before a guest thread: deficit round robin over (tenant, run), charged in fuel.
/// Chains that share a run are one chain here. One that burns more than its share waits for the
/// others; none waits for ever.
///
/// A question that takes longer than a slice goes on in its chain's next turn. Of those,
/// [`BEGUN_MAX`] are under way at once, of one tenant [`TENANT_BEGUN_MAX`]. Any further one is on
/// trial: it is dropped when it takes longer than [`TRIAL`] and begun again when there is room, and
/// so is what waits behind it until one was short. So however many are long, what is short does not
/// wait for them to end. It still waits for their turns: [`LongRuns`] says how that is avoided.
///
/// What nobody waits for any more is not begun, and not gone on with.
#[derive(Default)]
pub struct Screen {
    /// Those with questions, and those that are empty and have burned more than their share.
    queues: BTreeMap<Place, Queue>,
    waiting: usize,
    /// Whose questions are begun: one entry for each.
    begun: Vec<TenantId>,
    turn: Option<Place>,
}

/// Whose questions stand in one queue.
pub type Place = (TenantId, ChainId);

/// What a turn came to.
#[derive(Debug)]
pub struct Step {
    pub place: Place,
    /// None: the question goes on in a later turn.
    pub answer: Option<Answer>,
    /// The question has taken more than a [`TRIAL`] so far, and more than a fourth of a slice for
    /// each of its events: large batches of what is quick are not long.
    pub is_long: bool,
}

#[derive(Default)]
struct Queue {
    /// The first of them is the one that is begun.
    questions: VecDeque<Arc<Question>>,
    begun: Option<Begun>,
    /// The first question, or the one before it, took longer than a trial.
    is_long: bool,
    /// What it may still burn; below zero it has to wait for its next rounds.
    credit: i64,
}

struct Begun {
    judging: Judging,
    charged: i64,
    /// What it may burn before it is long.
    patience: i64,
}

impl Begun {
    fn is_long(&self) -> bool {
        self.charged >= self.patience
    }
}

impl Queue {
    /// `has_room` is whether one more question may go on for longer than a slice.
    fn may_burn(&self, has_room: impl FnOnce() -> bool) -> bool {
        let is_able = self.credit > 0 && !self.questions.is_empty();
        is_able && (!self.waits_for_place() || has_room())
    }

    fn waits_for_place(&self) -> bool {
        self.is_long && self.begun.is_none() && !self.questions.is_empty()
    }

    fn is_on_trial(&self) -> bool {
        self.begun.as_ref().is_some_and(|begun| begun.charged < TRIAL.cast_signed())
    }

    /// It has nothing to ask and owes nothing.
    fn is_spent(&self) -> bool {
        self.credit >= 0 && self.questions.is_empty()
    }

    /// One slice of its first question.
    fn step(&mut self, guests: &mut dyn Guests) -> Poll<Answer> {
        let question = self.questions.front().expect("a turn is that of a question");
        if !question.askers.wait() {
            let answer = question.unasked();
            self.is_long = self.begun.take().is_some_and(|begun| begun.is_long());
            self.questions.pop_front();
            return Poll::Ready(answer);
        }
        let mut begun = match self.begun.take() {
            Some(begun) => begun,
            None => Begun {
                judging: guests.judge(question),
                charged: 0,
                patience: patience_with(question),
            },
        };
        let step = begun.judging.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        match &step {
            Poll::Ready(answer) => {
                let fuel = i64::try_from(answer.fuel).unwrap_or(i64::MAX / 2);
                // What was charged too much comes back, but buys no more than a round.
                self.credit = (self.credit + begun.charged - fuel - BASE_COST).min(QUANTUM);
                self.questions.pop_front();
                self.is_long = begun.charged.max(fuel) >= begun.patience;
            }
            Poll::Pending => {
                self.credit -= QUANTUM;
                begun.charged += QUANTUM;
                self.begun = Some(begun);
            }
        }
        step
    }
}

impl Screen {
    pub fn push(&mut self, question: Question) {
        self.push_at(question.place(), question);
    }

    /// The same of a question whose place is known already.
    pub fn push_at(&mut self, place: Place, question: Question) {
        self.queues.entry(place).or_default().questions.push_back(Arc::new(question));
        self.waiting += 1;
    }

    pub fn is_idle(&self) -> bool {
        self.waiting == 0
    }

    /// Lets the chain whose turn it is burn a slice. None if it is idle.
    pub fn step(&mut self, guests: &mut dyn Guests) -> Option<Step> {
        let place = self.next_place()?;
        self.turn = Some(place.clone());
        let queue = self.queues.get_mut(&place).expect("it was found here");
        let was_begun = queue.begun.is_some();
        let is_full = !has_room(&self.begun, &place.0);
        if was_begun {
            forget(&mut self.begun, &place.0);
        }
        let answer = loop {
            match queue.step(guests) {
                Poll::Ready(answer) => break answer,
                Poll::Pending if has_room(&self.begun, &place.0) => {
                    self.begun.push(place.0.clone());
                    let is_long = queue.begun.as_ref().is_some_and(Begun::is_long);
                    return Some(Step { place, answer: None, is_long });
                }
                Poll::Pending if queue.is_on_trial() => {}
                Poll::Pending => {
                    (queue.begun, queue.is_long) = (None, true);
                    return Some(Step { place, answer: None, is_long: true });
                }
            }
        };
        let is_long = queue.is_long;
        if was_begun && is_full && self.queues.values().any(Queue::waits_for_place) {
            // Those had their turn before it begins its next one.
            let queue = self.queues.get_mut(&place).expect("it was found here");
            queue.credit = queue.credit.min(0);
        }
        self.ended(&place, 1);
        Some(Step { place, answer: Some(answer), is_long })
    }

    /// Gives up the questions of a chain, in their order. One that is begun has no effect.
    pub fn leave(&mut self, place: &Place) -> Vec<Question> {
        let Some(queue) = self.queues.get_mut(place) else { return Vec::new() };
        if queue.begun.take().is_some() {
            forget(&mut self.begun, &place.0);
        }
        let questions = std::mem::take(&mut queue.questions);
        self.ended(place, questions.len());
        questions.into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// So many questions of a chain do not wait any more.
    fn ended(&mut self, place: &Place, count: usize) {
        if self.queues.get(place).is_some_and(Queue::is_spent) {
            self.queues.remove(place);
        }
        self.waiting -= count;
        if self.waiting == 0 {
            // Nobody waited for what was burned.
            self.queues.clear();
        }
    }

    /// The chain whose turn it is: the same one while it has credit, else the next that has.
    fn next_place(&mut self) -> Option<Place> {
        let has_room = |tenant: &TenantId| has_room(&self.begun, tenant);
        if let Some(place) = &self.turn
            && self.queues.get(place).is_some_and(|queue| queue.may_burn(|| has_room(&place.0)))
        {
            return Some(place.clone());
        }
        if self.waiting == 0 {
            return None;
        }
        loop {
            let place = self.after_turn();
            let queue = self.queues.get_mut(&place).expect("it was found here");
            queue.credit = (queue.credit + QUANTUM).min(QUANTUM);
            let (may_burn, is_spent) = (queue.may_burn(|| has_room(&place.0)), queue.is_spent());
            self.turn = Some(place.clone());
            if may_burn {
                return Some(place);
            }
            if is_spent {
                self.queues.remove(&place);
            }
        }
    }

    fn after_turn(&self) -> Place {
        use std::ops::Bound::{Excluded, Unbounded};
        let later = self.turn.as_ref().and_then(|turn| {
            self.queues.range((Excluded(turn.clone()), Unbounded)).next().map(|entry| entry.0)
        });
        let first = || self.queues.keys().next().expect("there is a queue");
        later.unwrap_or_else(first).clone()
    }
}

/// Large batches of what is quick are not long: a fourth of a slice for each event is not.
fn patience_with(question: &Question) -> i64 {
    let events = question.events.len() as u64;
    TRIAL.max(events * SLICE_FUEL / 4).cast_signed()
}

/// One question of the tenant is not begun any more.
fn forget(begun: &mut Vec<TenantId>, tenant: &TenantId) {
    let own = begun.iter().position(|other| other == tenant);
    begun.swap_remove(own.expect("it is among those that are begun"));
}

/// Whether one more of the tenant's questions may go on for longer than a slice.
fn has_room(begun: &[TenantId], tenant: &TenantId) -> bool {
    let is_own = |other: &&TenantId| *other == tenant;
    begun.len() < BEGUN_MAX && begun.iter().filter(is_own).count() < TENANT_BEGUN_MAX
}
