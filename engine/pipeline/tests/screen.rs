//! The fair queue before a guest thread, under any mix of questions.

#![allow(clippy::unwrap_used, reason = "tests")]

use event::{TenantId, Verdict};
use pipeline::screen::{Guests, Screen};
use pipeline::{Answer, Question};
use proptest::prelude::*;
use registry::{Chain, ChainId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What a chain may burn in a round, and what a question may burn at most in these tests.
const QUANTUM: u64 = 10_000_000;
const FUEL_MAX: u64 = 3 * QUANTUM;
/// What a question costs beside its fuel.
const BASE_COST: u64 = 20_000;

struct Burning(BTreeMap<u64, u64>);

impl Guests for Burning {
    fn judge(&mut self, question: &Question) -> Answer {
        let Question { id, shard, .. } = *question;
        Answer { id, shard, verdicts: Vec::<Verdict>::new(), fuel: self.0[&id] }
    }
}

fn question(id: u64, chain: u8) -> Question {
    let chain = Chain {
        id: ChainId([chain; 16]),
        tenant: TenantId::new("acme"),
        condition: None,
        filters: Vec::new(),
    };
    Question { id, shard: 0, chain: Arc::new(chain), events: Vec::new() }
}

/// Takes one step. What is answered must be the first of its chain.
fn answers(
    screen: &mut Screen,
    guests: &mut Burning,
    open: &mut BTreeMap<u8, VecDeque<u64>>,
) -> bool {
    let Some(answer) = screen.step(guests) else { return false };
    let queue = open.values_mut().find(|queue| queue.front() == Some(&answer.id));
    queue.expect("it is out of turn, or was answered before").pop_front();
    true
}

proptest! {
    #[test]
    fn each_question_is_answered_once_and_those_of_a_chain_in_turn(
        steps in prop::collection::vec((0..6u8, 0..FUEL_MAX), 1..200),
    ) {
        let mut screen = Screen::default();
        let mut guests = Burning(BTreeMap::new());
        let mut open: BTreeMap<u8, VecDeque<u64>> = BTreeMap::new();
        for (id, (chain, fuel)) in steps.into_iter().enumerate() {
            let id = id as u64;
            if chain == 5 {
                let is_any = open.values().any(|queue| !queue.is_empty());
                prop_assert_eq!(answers(&mut screen, &mut guests, &mut open), is_any);
                continue;
            }
            guests.0.insert(id, fuel);
            open.entry(chain).or_default().push_back(id);
            screen.push(question(id, chain));
        }
        while open.values().any(|queue| !queue.is_empty()) {
            prop_assert!(answers(&mut screen, &mut guests, &mut open));
        }
        prop_assert!(screen.is_idle());
        prop_assert!(screen.step(&mut guests).is_none());
    }

    /// A chain that always has a question waiting gets no less than any other, also than one
    /// that asks its next only once it has the answer.
    #[test]
    fn no_way_of_asking_buys_more_than_a_share(
        chains in prop::collection::vec((1..FUEL_MAX, 1..5usize), 2..5),
    ) {
        let mut screen = Screen::default();
        let mut guests = Burning(BTreeMap::new());
        let mut burnt = vec![0u64; chains.len()];
        let mut asked: Vec<usize> = Vec::new();
        let mut to_ask: Vec<usize> = Vec::new();
        for (chain, (_, waiting)) in chains.iter().enumerate() {
            to_ask.resize(to_ask.len() + waiting, chain);
        }
        while burnt.iter().sum::<u64>() < 100 * FUEL_MAX {
            for chain in to_ask.drain(..) {
                let id = asked.len() as u64;
                asked.push(chain);
                guests.0.insert(id, chains[chain].0);
                screen.push(question(id, chain as u8));
            }
            let answer = screen.step(&mut guests).unwrap();
            let chain = asked[answer.id as usize];
            burnt[chain] += answer.fuel + BASE_COST;
            to_ask.push(chain);
        }
        let most = burnt.iter().max().unwrap();
        for (burnt, (_, waiting)) in burnt.iter().zip(&chains) {
            let is_short = *waiting > 1 && burnt + 2 * (FUEL_MAX + QUANTUM) < *most;
            prop_assert!(!is_short, "{burnt} of {most} with {chains:?}");
        }
    }
}
