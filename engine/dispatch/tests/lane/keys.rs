//! Parcels tell of which key their events came in, where a chain made it another.

use crate::plan::{Plan, Version, event};
use crate::world::{ID, failure};
use dispatch::{Effects, Lane, Offer, Order, Ordering};
use event::{Attempted, Change, Event, Offset, Time, Verdict, hash_of};
use std::sync::Arc;
use std::time::Duration;

const NOW: Time = Time::from_secs(1_000);
const PLAN: Plan = Plan { key: Some(7), salt: 0 };

fn lane() -> Lane {
    let version = Version {
        since: Offset::ZERO,
        ordering: Ordering::Key,
        window_max: 2,
        retries: 1,
        is_disabled: false,
        has_chain: true,
        salt: 0,
    };
    Lane::new(ID, version.rules(), 0, NOW)
}

/// What a chain makes of an event that gives it this key.
fn emitted(from: &Arc<Event>, key: Option<&str>) -> Verdict {
    let mut output = Event::clone(from);
    output.envelope.key = key.map(Box::from);
    Verdict::Emit(vec![Arc::new(output)])
}

/// Lets an event in with what its chain says, and answers the number of attempts that began and
/// failed.
fn fail(lane: &mut Lane, offset: Offset, key: Option<&str>, effects: &mut Effects) -> usize {
    let (input, routed) = (event(offset, PLAN), offset.next());
    let offer = Offer { event: input.clone(), ruled_by: Offset::ZERO, has_chain: true };
    assert!(matches!(lane.push(offer, NOW), Ok(true)));
    assert_eq!(lane.asks().len(), 1);
    let turn = lane.turn();
    lane.judge(turn, offset, emitted(&input, key));
    let mut failed = 0;
    while let Some(order) = lane.next_order(NOW, routed, effects) {
        let Order::Attempt { delivery, number, .. } = order else { panic!("{order:?}") };
        let (took, outcome) = (Duration::from_millis(1), failure(None));
        let attempt = Attempted { number, at: NOW, took, outcome };
        lane.settle(delivery, attempt, NOW, 0.5, routed, effects);
        failed += 1;
    }
    failed
}

/// What the parcels say, in the order in which they were written.
fn told(effects: &Effects) -> Vec<Option<u64>> {
    let put = effects.parcels.iter().filter_map(|change| match change {
        Change::Put(_, parcel) => Some(parcel.input_key),
        Change::Remove(_) => None,
    });
    put.collect()
}

#[test]
fn what_failed_and_what_is_parked_behind_it_tell_the_key_that_came_in() {
    let came = Some(hash_of(b"7"));
    for (key, expected) in [(Some("other"), came), (None, came), (Some("7"), None)] {
        let (mut lane, mut effects) = (lane(), Effects::default());
        assert_eq!(fail(&mut lane, Offset(0), key, &mut effects), 1);
        assert_eq!(told(&effects), [expected], "{key:?}");
        if key.is_some() {
            assert_eq!(fail(&mut lane, Offset(1), key, &mut effects), 0, "it is parked");
            assert_eq!(told(&effects), [expected; 2], "{key:?}");
        }
    }
}

#[test]
fn what_a_search_finds_tells_the_key_that_came_in() {
    for (key, expected) in [(Some("other"), Some(hash_of(b"7"))), (Some("7"), None)] {
        let (mut lane, mut effects) = (lane(), Effects::default());
        let input = event(Offset(0), PLAN);
        let verdict = emitted(&input, key);
        assert!(lane.add_missing(&input, Offset(0), verdict, NOW, Offset(1), &mut effects));
        assert_eq!(told(&effects), [expected], "{key:?}");
    }
}
