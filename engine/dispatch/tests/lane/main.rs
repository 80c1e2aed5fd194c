//! One lane under any sequence of what may happen to it, against what `engine/docs/semantics.md`
//! promises: each owed event is ended or has a keeper on disk at every commit, attempts go in
//! order and within their limits, and in the end nothing is left over.

mod keys;
mod ledger;
mod plan;
mod watch;
mod world;

use dispatch::Ordering;
use event::{Offset, Outcome};
use plan::{Plan, Version};
use proptest::prelude::*;
use std::time::Duration;
use world::{World, failure};

#[derive(Clone, Debug)]
enum Step {
    Append(Plan),
    Route(u8),
    Pump(usize),
    Answer(usize),
    AnswerRetry(usize, bool),
    Read(u64, bool),
    Fetch(usize),
    Delivered(usize),
    Failed(usize, u8),
    Gone(usize),
    Report,
    Commit,
    Crash(bool),
    Demote,
    Change(Version),
    Resume,
    Break(bool),
    Redrive(usize),
    Pass(u64),
    Upkeep,
}

fn plans() -> impl Strategy<Value = Plan> {
    (prop::option::weighted(0.8, 0..3u8), any::<u8>()).prop_map(|(key, salt)| Plan { key, salt })
}

fn versions() -> impl Strategy<Value = Version> {
    let ordering = prop_oneof![
        2 => Just(Ordering::None),
        3 => Just(Ordering::Key),
        1 => Just(Ordering::Fifo)
    ];
    let rest = (1..5u32, 0..3usize, prop::bool::weighted(0.1), any::<bool>(), any::<u8>());
    (ordering, rest).prop_map(|(ordering, (window_max, retries, is_disabled, has_chain, salt))| {
        let since = Offset::ZERO;
        Version { since, ordering, window_max, retries, is_disabled, has_chain, salt }
    })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => plans().prop_map(Step::Append),
        10 => (1..6u8).prop_map(Step::Route),
        14 => (1..12usize).prop_map(Step::Pump),
        10 => any::<usize>().prop_map(Step::Answer),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(at, again)| Step::AnswerRetry(at, again)),
        6 => (1..8u64, prop::bool::weighted(0.1)).prop_map(|(n, fails)| Step::Read(n, fails)),
        6 => any::<usize>().prop_map(Step::Fetch),
        8 => any::<usize>().prop_map(Step::Delivered),
        8 => (any::<usize>(), any::<u8>()).prop_map(|(at, draw)| Step::Failed(at, draw)),
        1 => any::<usize>().prop_map(Step::Gone),
        6 => Just(Step::Report),
        6 => Just(Step::Commit),
        1 => any::<bool>().prop_map(Step::Crash),
        2 => Just(Step::Demote),
        1 => versions().prop_map(Step::Change),
        1 => Just(Step::Resume),
        1 => any::<bool>().prop_map(Step::Break),
        1 => any::<usize>().prop_map(Step::Redrive),
        5 => prop_oneof![0..12u64, 100..400u64].prop_map(Step::Pass),
        1 => Just(Step::Upkeep),
    ]
}

fn take(world: &mut World, step: &Step) {
    match *step {
        Step::Append(plan) => world.plans.push(plan),
        Step::Route(count) => (0..count).for_each(|_| world.route()),
        Step::Pump(orders) => world.pump(if orders < 8 { orders } else { usize::MAX }),
        Step::Answer(at) => world.answer(at),
        Step::AnswerRetry(at, again) => world.answer_retry(at, again),
        Step::Read(count, fails) => world.read(count, fails),
        Step::Fetch(at) => world.fetch(at),
        Step::Delivered(at) => world.settle(at, Outcome::Delivered { status: 200 }, 0.5),
        Step::Failed(at, draw) => {
            let asked = (draw > 200).then_some(Duration::from_secs(30));
            world.settle(at, failure(asked), f64::from(draw) / 256.0);
        }
        Step::Gone(at) => world.settle(at, Outcome::Gone, 0.5),
        Step::Report => world.report(),
        Step::Commit => world.commit(),
        Step::Crash(is_report_kept) => world.crash(is_report_kept),
        Step::Demote => world.demote(),
        Step::Change(version) => world.change(version),
        Step::Resume => world.resume(),
        Step::Break(is_broken) => world.is_filter_broken = is_broken,
        Step::Redrive(at) => world.redrive(at),
        Step::Pass(secs) => world.pass(Duration::from_secs(secs)),
        Step::Upkeep => world.upkeep(),
    }
}

/// All is well from now on, and a person has said so: everything that is owed ends.
fn comes_to_rest(world: &mut World) {
    world.is_filter_broken = false;
    if world.newest().is_disabled {
        let version = Version { is_disabled: false, ..world.newest() };
        world.change(version);
    }
    world.resume();
    for round in 0..2_000 {
        // An answer of the broken filter may still be on its way.
        if round < 100 && world.lane.is_paused() {
            world.resume();
        }
        world.route();
        world.pump(usize::MAX);
        world.answer(0);
        world.read(64, false);
        world.fetch(0);
        world.answer_retry(0, false);
        world.settle(0, Outcome::Delivered { status: 200 }, 0.5);
        world.report();
        world.commit();
        world.pass(Duration::from_secs(1));
        world.upkeep();
    }
    assert!(world.is_at_rest(), "{:#?} of {:?}", world.view, world.lane.why());
    for offset in (0..world.head().0).map(Offset) {
        let has_ended = world.is_settled(offset, &world.disk, false);
        assert!(has_ended, "{offset:?} has not ended: {:#?}", world.disk);
    }
}

proptest! {
    #[test]
    fn whatever_happens_to_a_lane_each_owed_event_ends_or_has_a_keeper(
        first in versions(),
        steps in prop::collection::vec(steps(), 1..250),
    ) {
        let mut world = World::new(first);
        steps.iter().for_each(|step| take(&mut world, step));
        comes_to_rest(&mut world);
    }
}

#[test]
fn a_redrive_waits_for_a_later_one_of_its_key_that_is_in_flight() {
    let of_key = Plan { key: Some(0), salt: 6 };
    let version = Version {
        since: Offset::ZERO,
        ordering: Ordering::Key,
        window_max: 2,
        retries: 0,
        is_disabled: false,
        has_chain: false,
        salt: 44,
    };
    let mut world = World::new(version);
    let steps = [
        Step::Append(of_key),
        Step::Append(Plan { salt: 129, ..of_key }),
        Step::Route(2),
        Step::Pump(1),
        Step::Failed(0, 0),
        // Parked behind the one that is given up on.
        Step::Pump(1),
        Step::Report,
        // So that the window is open again.
        Step::Crash(true),
        Step::Pump(1),
        Step::Redrive(0),
        Step::Pump(1),
    ];
    steps.iter().for_each(|step| take(&mut world, step));
    assert_eq!(world.lane.in_flight(), 1, "two attempts of one key");
    comes_to_rest(&mut world);
}

/// The deliberate bugs of a lane: a property that finds none of them says nothing.
#[cfg(feature = "bugs")]
#[test]
fn deliberate_bugs_of_a_lane_are_found() {
    use dispatch::bug::{self, Bug};
    use proptest::test_runner::{Config, TestRunner};

    const BUGS: [Bug; 14] = [
        Bug::DemoteWithoutRow,
        Bug::JoinLate,
        Bug::RowGoneEarly,
        Bug::RetryRowStays,
        Bug::StaleAnswer,
        Bug::DoubleJoin,
        Bug::ProbeUncounted,
        Bug::ParcelDroppedEarly,
        Bug::FifoOvertakes,
        Bug::KeyOvertakes,
        Bug::RetryEarly,
        Bug::AttemptsForgotten,
        Bug::CursorAhead,
        Bug::GraveForgotten,
    ];
    for planted in BUGS {
        let config = Config { cases: 3_000, max_shrink_iters: 0, ..Config::default() };
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..config });
        bug::set(Some(planted));
        let found = runner.run(&(versions(), prop::collection::vec(steps(), 1..250)), |input| {
            let mut world = World::new(input.0);
            input.1.iter().for_each(|step| take(&mut world, step));
            comes_to_rest(&mut world);
            Ok(())
        });
        bug::set(None);
        assert!(found.is_err(), "{planted:?} was not found");
    }
}
