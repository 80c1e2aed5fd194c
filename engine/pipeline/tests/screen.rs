//! The fair queue before a guest thread, under any mix of questions.

#![allow(clippy::unwrap_used, reason = "tests")]

use event::limits::SLICE_FUEL;
use event::{TenantId, Verdict};
use pipeline::screen::{BEGUN_MAX, Guests, Judging, LongRuns, Screen, TENANT_BEGUN_MAX, TRIAL};
use pipeline::{Answer, Askers, Pairs, Question};
use proptest::prelude::*;
use registry::{Chain, ChainId};
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

/// What a question may burn at most in these tests.
const FUEL_MAX: u64 = 48 * SLICE_FUEL;
/// What a question costs beside its fuel.
const BASE_COST: u64 = 20_000;

/// Guests that burn what each question says, and give way after each slice.
#[derive(Default)]
struct Burning {
    fuel: BTreeMap<u64, u64>,
    /// Questions that are begun and not done.
    begun: Rc<Cell<usize>>,
    /// All that was burned, also for what was begun in vain.
    burnt: Rc<Cell<u64>>,
}

struct Begun(Rc<Cell<usize>>);

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Guests for Burning {
    fn judge(&mut self, question: &Arc<Question>) -> Judging {
        let Question { id, shard, .. } = **question;
        let (fuel, burnt) = (self.fuel[&id], self.burnt.clone());
        self.begun.set(self.begun.get() + 1);
        let begun = Begun(self.begun.clone());
        let mut left = fuel;
        Box::pin(async move {
            poll_fn(|_| {
                let slice = left.min(SLICE_FUEL);
                left -= slice;
                burnt.set(burnt.get() + slice);
                if left == 0 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            drop(begun);
            Answer { id, shard, verdicts: Vec::<Verdict>::new(), unmet: Pairs::default(), fuel }
        })
    }
}

/// What is run goes by the chain's number; each question comes with another condition before it.
fn question(id: u64, chain: u8) -> Question {
    question_of("acme", id, chain)
}

fn question_of(tenant: &str, id: u64, chain: u8) -> Question {
    let chain = Chain {
        id: ChainId((u128::from(id) << 8 | u128::from(chain)).to_le_bytes()),
        run: ChainId([chain; 16]),
        tenant: TenantId::new(tenant),
        condition: None,
        filters: Vec::new(),
    };
    let (chains, asking) = (vec![Arc::new(chain)], Pairs::default());
    let (events, runs, askers) = (Vec::new(), Vec::new(), Askers::lasting());
    Question { id, shard: 0, chains, events, runs, asking, askers }
}

fn step(screen: &mut Screen, guests: &mut Burning) -> Option<Answer> {
    screen.step(guests)?.answer
}

/// Takes steps until there is an answer. It must be to the first question of its chain.
fn answers(
    screen: &mut Screen,
    guests: &mut Burning,
    open: &mut BTreeMap<u8, VecDeque<u64>>,
) -> bool {
    while !screen.is_idle() {
        let answer = step(screen, guests);
        assert!(guests.begun.get() <= TENANT_BEGUN_MAX);
        let Some(answer) = answer else { continue };
        let queue = open.values_mut().find(|queue| queue.front() == Some(&answer.id));
        queue.expect("it is out of turn, or was answered before").pop_front();
        return true;
    }
    false
}

proptest! {
    #[test]
    fn each_question_is_answered_once_and_those_of_a_chain_in_turn(
        steps in prop::collection::vec((0..16u8, 0..FUEL_MAX), 1..200),
    ) {
        let mut screen = Screen::default();
        let mut guests = Burning::default();
        let mut open: BTreeMap<u8, VecDeque<u64>> = BTreeMap::new();
        for (id, (chain, fuel)) in steps.into_iter().enumerate() {
            let id = id as u64;
            if chain == 15 {
                let is_any = open.values().any(|queue| !queue.is_empty());
                prop_assert_eq!(answers(&mut screen, &mut guests, &mut open), is_any);
                continue;
            }
            guests.fuel.insert(id, fuel);
            open.entry(chain).or_default().push_back(id);
            screen.push(question(id, chain));
        }
        while open.values().any(|queue| !queue.is_empty()) {
            prop_assert!(answers(&mut screen, &mut guests, &mut open));
        }
        prop_assert!(screen.is_idle());
        prop_assert!(screen.step(&mut guests).is_none());
        prop_assert_eq!(guests.begun.get(), 0);
    }

    /// Among as many long ones as one tenant may have under way, a chain that always has a question
    /// waiting gets no less than any other, also than one that asks its next only once it has the
    /// answer.
    #[test]
    fn no_way_of_asking_buys_more_than_a_share(
        chains in prop::collection::vec((1..FUEL_MAX, 1..5usize), 2..=TENANT_BEGUN_MAX),
    ) {
        let mut screen = Screen::default();
        let mut guests = Burning::default();
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
                guests.fuel.insert(id, chains[chain].0);
                screen.push(question(id, chain as u8));
            }
            let Some(answer) = step(&mut screen, &mut guests) else { continue };
            let chain = asked[answer.id as usize];
            burnt[chain] += answer.fuel + BASE_COST;
            to_ask.push(chain);
        }
        let most = burnt.iter().max().unwrap();
        for (burnt, (_, waiting)) in burnt.iter().zip(&chains) {
            let is_short = *waiting > 1 && burnt + 2 * (FUEL_MAX + SLICE_FUEL) < *most;
            prop_assert!(!is_short, "{burnt} of {most} with {chains:?}");
        }
    }

    /// With more long ones than may be under way at once, each chain is still answered again and
    /// again.
    #[test]
    fn no_chain_waits_for_ever_for_a_place(
        fuels in prop::collection::vec(TRIAL..FUEL_MAX, TENANT_BEGUN_MAX + 1..3 * BEGUN_MAX),
    ) {
        let mut screen = Screen::default();
        let mut guests = Burning::default();
        let chains = fuels.len() as u64;
        let mut last = vec![0; fuels.len()];
        for id in 0..2 * chains {
            guests.fuel.insert(id, fuels[(id % chains) as usize]);
            screen.push(question(id, (id % chains) as u8));
        }
        for _ in 0..2000 {
            let Some(answer) = step(&mut screen, &mut guests) else { continue };
            let chain = answer.id % chains;
            last[chain as usize] = guests.burnt.get();
            let id = answer.id + 2 * chains;
            guests.fuel.insert(id, fuels[chain as usize]);
            screen.push(question(id, chain as u8));
            let waits = guests.burnt.get() - last.iter().min().unwrap();
            prop_assert!(waits < 4 * chains * FUEL_MAX, "{waits} with {fuels:?}");
        }
    }

    /// Whatever the others ask, a question that takes less than a slice is answered before any
    /// other chain had more than the rest of its turn and one slice; or one trial, where more of
    /// them are long than may be under way at once.
    #[test]
    fn what_is_short_waits_for_one_turn_of_each_other_chain(
        hogs in prop::collection::vec(prop::collection::vec(1..FUEL_MAX, 1..8), 1..30),
        before in 0..200usize,
        fuel in 0..SLICE_FUEL,
    ) {
        let mut screen = Screen::default();
        let mut guests = Burning::default();
        let asked = hogs.iter().enumerate();
        let asked = asked.flat_map(|(chain, fuels)| fuels.iter().map(move |fuel| (chain, fuel)));
        for (id, (chain, fuel)) in (0..).zip(asked) {
            guests.fuel.insert(id, *fuel);
            screen.push(question(id, chain as u8));
        }
        for _ in 0..before {
            screen.step(&mut guests);
        }
        guests.fuel.insert(u64::MAX, fuel);
        screen.push(question(u64::MAX, 100));
        let burnt = guests.burnt.get();
        while step(&mut screen, &mut guests).is_none_or(|answer| answer.id != u64::MAX) {}
        let waited = guests.burnt.get() - burnt;
        let turn = if hogs.len() < TENANT_BEGUN_MAX { 2 * SLICE_FUEL } else { SLICE_FUEL + TRIAL };
        let most = hogs.len() as u64 * turn + fuel;
        prop_assert!(waited <= most, "{waited} beside {} others", hogs.len());
    }

    /// However much one tenant asks, another's long question is begun at once and has its share of
    /// what is under way.
    #[test]
    fn a_tenant_leaves_places_to_others(
        hogs in prop::collection::vec(TRIAL..FUEL_MAX, 1..40),
        asked_by_each in 1..4u64,
        before in 0..400usize,
        fuel in TRIAL..FUEL_MAX,
    ) {
        let mut screen = Screen::default();
        let mut guests = Burning::default();
        let mut id = 0;
        for _ in 0..asked_by_each {
            for (chain, fuel) in hogs.iter().enumerate() {
                guests.fuel.insert(id, *fuel);
                screen.push(question(id, chain as u8));
                id += 1;
            }
        }
        for _ in 0..before {
            screen.step(&mut guests);
        }
        guests.fuel.insert(u64::MAX, fuel);
        screen.push(question_of("zeta", u64::MAX, 0));
        let burnt = guests.burnt.get();
        while step(&mut screen, &mut guests).is_none_or(|answer| answer.id != u64::MAX) {}
        let waited = guests.burnt.get() - burnt;
        let tried = hogs.len() as u64 * (TRIAL + SLICE_FUEL);
        let most = (fuel + 2 * SLICE_FUEL) * (TENANT_BEGUN_MAX as u64 + 1) + tried;
        prop_assert!(waited <= most, "{waited} of {most} beside {} others", hogs.len());
    }

    /// Whenever a chain leaves, its questions are given up in their order, also one that is begun,
    /// and all others are answered.
    #[test]
    fn what_leaves_is_given_up_whole_and_nobody_else_is(
        asked in prop::collection::vec((0..12u8, 0..FUEL_MAX), 1..60),
        before in 0..400usize,
        leaving in 0..12u8,
    ) {
        let mut screen = Screen::default();
        let mut guests = Burning::default();
        let mut open: BTreeMap<u8, VecDeque<u64>> = BTreeMap::new();
        for (id, (chain, fuel)) in (0..).zip(asked) {
            guests.fuel.insert(id, fuel);
            open.entry(chain).or_default().push_back(id);
            screen.push(question(id, chain));
        }
        for _ in 0..before {
            let Some(answer) = step(&mut screen, &mut guests) else { continue };
            let queue = open.values_mut().find(|queue| queue.front() == Some(&answer.id));
            queue.unwrap().pop_front();
        }
        let left = screen.leave(&question(0, leaving).place());
        let expected: Vec<u64> = open.remove(&leaving).into_iter().flatten().collect();
        prop_assert_eq!(left.iter().map(|question| question.id).collect::<Vec<_>>(), expected);
        while answers(&mut screen, &mut guests, &mut open) {}
        prop_assert!(open.values().all(VecDeque::is_empty));
        prop_assert_eq!(guests.begun.get(), 0);
    }
}

#[test]
fn a_run_is_long_until_many_of_its_questions_in_a_row_were_short() {
    let mut long = LongRuns::default();
    let [place, other] = [1, 2].map(|chain| question(0, chain).place());
    long.add(place.clone());
    assert!(long.has(&place) && !long.has(&other));
    for is_long in [false, true, false] {
        (0..63).for_each(|_| long.answered(&place, false));
        assert!(long.has(&place));
        long.answered(&place, is_long);
        assert_eq!(long.has(&place), is_long);
        long.add(place.clone());
    }
}

#[test]
fn what_nobody_waits_for_is_neither_begun_nor_gone_on_with() {
    let (waiting, gone) = (Arc::new(()), Arc::new(()));
    let of = |id: u64, turns: &[&Arc<()>]| {
        let turns = turns.iter().map(|turn| Arc::downgrade(turn)).collect();
        Question { askers: Askers { turns, has_lasting: false }, ..question(id, 1) }
    };
    let mut guests = Burning::default();
    let mut screen = Screen::default();
    for (id, turns) in [(1, [&gone, &gone]), (2, [&gone, &gone]), (3, [&gone, &waiting])] {
        guests.fuel.insert(id, 4 * SLICE_FUEL);
        screen.push(of(id, &turns));
    }
    assert!(step(&mut screen, &mut guests).is_none(), "the first is begun");
    assert_eq!((guests.begun.get(), guests.burnt.get()), (1, SLICE_FUEL));
    drop(gone);
    for id in [1, 2] {
        let answer = step(&mut screen, &mut guests).unwrap();
        assert_eq!((answer.id, answer.fuel), (id, 0));
    }
    assert_eq!((guests.begun.get(), guests.burnt.get()), (0, SLICE_FUEL));
    let answers: Vec<u64> =
        (0..10).filter_map(|_| step(&mut screen, &mut guests)).map(|answer| answer.id).collect();
    assert_eq!((answers, guests.burnt.get()), (vec![3], 5 * SLICE_FUEL));
    assert!(screen.is_idle());
}
