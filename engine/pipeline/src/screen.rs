use crate::{Answer, Question};
use event::TenantId;
use registry::ChainId;
use std::collections::{BTreeMap, VecDeque};

/// Fuel that each chain may burn in a round, about two milliseconds of work.
const QUANTUM: i64 = 10_000_000;
/// What a question costs beside its fuel, so that conditions, which burn none, are charged too.
const BASE_COST: i64 = 20_000;

/// Evaluates chains. Lives on one guest thread, and may take as long as its limits allow.
pub trait Guests {
    fn judge(&mut self, question: &Question) -> Answer;
}

/// The fair queue before a guest thread: deficit round robin over (tenant, chain), charged in
/// fuel. A chain that burns more than its share waits for the others; none waits for ever.
#[derive(Default)]
pub struct Screen {
    /// Those with questions, and those that are empty and have burned more than their share.
    queues: BTreeMap<Place, Queue>,
    waiting: usize,
    turn: Option<Place>,
}

type Place = (TenantId, ChainId);

#[derive(Default)]
struct Queue {
    questions: VecDeque<Question>,
    /// What it may still burn; below zero it has to wait for its next rounds.
    credit: i64,
}

impl Queue {
    fn may_burn(&self) -> bool {
        self.credit > 0 && !self.questions.is_empty()
    }

    /// It has nothing to ask and owes nothing.
    fn is_spent(&self) -> bool {
        self.credit >= 0 && self.questions.is_empty()
    }
}

impl Screen {
    pub fn push(&mut self, question: Question) {
        let place = (question.chain.tenant.clone(), question.chain.id);
        self.queues.entry(place).or_default().questions.push_back(question);
        self.waiting += 1;
    }

    pub fn is_idle(&self) -> bool {
        self.waiting == 0
    }

    /// Answers one question, if there is one.
    pub fn step(&mut self, guests: &mut dyn Guests) -> Option<Answer> {
        let place = self.next_place()?;
        let queue = self.queues.get_mut(&place).expect("it was found here");
        let question = queue.questions.pop_front().expect("a turn is that of a question");
        let answer = guests.judge(&question);
        queue.credit -= BASE_COST + i64::try_from(answer.fuel).unwrap_or(i64::MAX / 2);
        if queue.questions.is_empty() && queue.credit >= 0 {
            self.queues.remove(&place);
        }
        self.turn = Some(place);
        self.waiting -= 1;
        if self.waiting == 0 {
            // Nobody waited for what was burned.
            self.queues.clear();
        }
        Some(answer)
    }

    /// The chain whose turn it is: the same one while it has credit, else the next that has.
    fn next_place(&mut self) -> Option<Place> {
        if let Some(place) = &self.turn
            && self.queues.get(place).is_some_and(Queue::may_burn)
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
            let (may_burn, is_spent) = (queue.may_burn(), queue.is_spent());
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
