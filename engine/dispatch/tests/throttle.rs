//! Lanes of one tenant under one throttle.
#![allow(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use dispatch::{Effects, Lane, Offer, Order, Ordering, RetrySchedule, Rules};
use event::{
    Attempted, EndpointId, Envelope, Event, EventId, LaneId, Offset, Outcome, TenantId, Throttle,
    Time,
};
use std::sync::Arc;
use std::time::Duration;

const START: Time = Time::from_secs(1_000_000);

fn event(n: u64) -> Arc<Event> {
    let envelope = Envelope::new(TenantId::new("acme"), "shop", "order.paid", START);
    Arc::new(Event { id: EventId::new(n, Offset(n)), envelope, body: Bytes::new() })
}

fn rules(ordering: Ordering) -> Rules {
    Rules {
        since: Offset::ZERO,
        ordering,
        schedule: RetrySchedule::new(&[], 0.0),
        window_start: 8,
        window_max: 8,
        rate: None,
        disable_after: Duration::from_secs(3600),
        is_disabled: false,
        entries_max: 1024,
    }
}

fn lane(id: u64, events: u64) -> Lane {
    lane_of(id, events, Ordering::None)
}

fn lane_of(id: u64, events: u64, ordering: Ordering) -> Lane {
    let rules = rules(ordering);
    let mut lane = Lane::new(LaneId::main(EndpointId(id)), rules, 1, START);
    for n in 0..events {
        let offer = Offer { event: event(n), ruled_by: Offset::ZERO, has_chain: false };
        lane.push(offer, START).unwrap();
    }
    lane
}

/// Begins what may begin now, each of which arrives at once; how many those are.
fn begin(lane: &mut Lane, now: Time) -> usize {
    let (mut effects, routed, mut begun) = (Effects::default(), Offset(1_000), 0);
    while let Some(order) = lane.next_order(now, routed, &mut effects) {
        let Order::Attempt { delivery, number, .. } = order else { panic!("{order:?}") };
        let outcome = Outcome::Delivered { status: 200 };
        let attempt = Attempted { number, at: now, took: Duration::ZERO, outcome };
        lane.settle(delivery, attempt, now, 0.0, routed, &mut effects);
        begun += 1;
    }
    begun
}

#[test]
fn lanes_share_a_rate_and_take_turns() {
    let throttle = Arc::new(Throttle::new(10));
    // The last two have nothing to begin, and take nobody's place.
    let mut lanes = [lane(1, 100), lane(2, 100), lane(3, 0), lane(4, 0)];
    lanes.iter_mut().for_each(|lane| assert!(lane.hold_to(Some(&throttle))));
    let mut begun = [0; 4];
    for ms in 0..5_000 {
        let now = START + Duration::from_millis(ms);
        for (lane, begun) in lanes.iter_mut().zip(&mut begun) {
            *begun += self::begin(lane, now);
        }
    }
    let all: usize = begun.iter().sum();
    assert!((48..=52).contains(&all), "{begun:?}");
    assert!(begun[0].abs_diff(begun[1]) <= 2, "the first is not always first: {begun:?}");
}

#[test]
fn a_lane_wakes_when_its_place_has_come() {
    let throttle = Arc::new(Throttle::new(1));
    let mut lane = lane(1, 3);
    lane.hold_to(Some(&throttle));
    assert_eq!(begin(&mut lane, START), 1);
    let wakes = lane.wake_at(START).unwrap();
    assert!(wakes > START + Duration::from_millis(900), "{:?}", wakes.since(START));
    assert_eq!(begin(&mut lane, wakes), 1);
    assert!(!lane.hold_to(Some(&throttle)), "it is the same one");
    assert!(lane.hold_to(None));
    assert_eq!(begin(&mut lane, wakes), 1, "nothing holds it any more");
}

/// When whoever comes next may begin.
fn next_place(throttle: &Arc<Throttle>) -> Time {
    throttle.take_place(START).at()
}

#[test]
fn a_lane_that_may_begin_nothing_keeps_no_place() {
    let throttle = Arc::new(Throttle::new(1));
    let hold = |lane: &mut Lane| {
        lane.hold_to(Some(&throttle));
        assert_eq!(begin(lane, START), 0, "the first place is taken");
    };
    let mut first = lane(1, 1);
    first.hold_to(Some(&throttle));
    assert_eq!(begin(&mut first, START), 1);
    let free = next_place(&throttle);
    assert!(free > START);

    let mut paused = lane(2, 1);
    hold(&mut paused);
    assert!(next_place(&throttle) > free, "it waits for the place");
    let mut rules = rules(Ordering::None);
    rules.is_disabled = true;
    paused.take_version(rules, Offset(1_000), Offset(1_000), &mut Effects::default());
    assert_eq!(next_place(&throttle), free, "and gives it back when it is paused");

    let mut deleted = lane(3, 1);
    hold(&mut deleted);
    assert!(next_place(&throttle) > free);
    drop(deleted);
    assert_eq!(next_place(&throttle), free, "and when it goes");

    let mut strict = lane_of(4, 2, Ordering::Fifo);
    strict.hold_to(Some(&throttle));
    let mut effects = Effects::default();
    let order = strict.next_order(free, Offset(1_000), &mut effects);
    assert!(order.is_some(), "its turn has come");
    let free = next_place(&throttle);
    assert!(strict.next_order(START, Offset(1_000), &mut effects).is_none(), "one is in flight");
    assert_eq!(next_place(&throttle), free, "so it is not in line for the second");
}
