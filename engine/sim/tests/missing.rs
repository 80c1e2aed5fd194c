//! What an endpoint was never sent is looked for, found and sent, wherever a crash falls; and what
//! is for one endpoint alone reaches no other.
#![allow(clippy::unwrap_used, reason = "tests")]

use event::AttemptState::{Dead, Delivered, Trouble};
use event::{EndpointId, LaneId, Offset};
use log::Log;
use registry::{Concurrency, Ordering};
use sim::scenario::*;
use sim::{Crash, Mode, Plan, Sent, World, endpoint};
use std::collections::BTreeSet;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// So many events that e0 did not want when they came, and wants by now.
fn late(count: usize) -> World {
    let mut world = world(Plan::calm(1), |e| e.types = vec!["b.*".into()]);
    publish(&mut world, count, None);
    reshape(&mut world, |e| e.types.clear());
    rest(&mut world);
    assert_eq!(attempts(&world), []);
    world
}

fn search(world: &mut World) {
    let head = world.log.head();
    world.search(FIRST, Offset::ZERO..head);
    until(world, |w| w.client.waiting.is_empty());
}

fn searches(world: &World) -> usize {
    world.log.lanes().unwrap().iter().filter(|(id, _)| !id.is_main()).count()
}

/// The offsets that were delivered, in the order of their rows.
fn delivered_offsets(world: &World) -> Vec<u64> {
    let all = attempts(world).into_iter().filter(|row| row.3 == Delivered);
    all.map(|row| row.0).collect()
}

#[test]
fn what_came_before_an_endpoint_wanted_it_is_sent() {
    let mut world = late(3);
    search(&mut world);
    assert_eq!(searches(&world), 1, "the row is on disk when it is answered");
    rest(&mut world);
    let each = |n| [(n, 0, 0, Trouble), (n, 0, 1, Delivered)];
    assert_eq!(attempts(&world), [each(0), each(1), each(2)].concat());
    assert_eq!((searches(&world), retries(&world)), (0, vec![]));
    assert!(!has_parcel(&world, 0));
}

#[test]
fn what_was_sent_or_given_up_on_is_not_sent_again() {
    let mut world = world(Plan::calm(1), |e| e.terms.schedule.clear());
    publish(&mut world, 2, None);
    rest(&mut world);
    set(&mut world, Mode::Down(500));
    publish(&mut world, 1, None);
    rest(&mut world);
    world.network.heal();
    let before = attempts(&world);
    assert_eq!(before.last().unwrap().3, Dead);
    search(&mut world);
    rest(&mut world);
    assert_eq!((attempts(&world), searches(&world)), (before, 0));
}

#[test]
fn what_is_on_its_way_is_left_to_its_lane() {
    let mut world = plain();
    set(&mut world, Mode::Slow);
    publish(&mut world, 40, None);
    search(&mut world);
    rest(&mut world);
    assert_eq!(delivered_offsets(&world), (0..40).collect::<Vec<_>>());
    assert_eq!(attempts(&world).len(), 40, "nothing was taken for missing");
}

#[test]
fn filters_judge_as_they_are_by_now() {
    let mut world = filtered("drop 1");
    publish(&mut world, 4, None);
    rest(&mut world);
    world.client.set_filter("f0", "drop 2");
    change(&mut world);
    search(&mut world);
    rest(&mut world);
    assert_eq!(delivered_offsets(&world), [0, 2], "events 2 and 4 are dropped still");
}

#[test]
fn a_crash_anywhere_loses_nothing_and_repeats_no_row() {
    for steps in 0..60 {
        for shards in [1, 2] {
            let mut world = late(300);
            let head = world.log.head();
            world.search(FIRST, Offset::ZERO..head);
            let mut was_answered = false;
            for _ in 0..steps * 4 {
                let Some(door) = world.open_doors().first().copied() else { break };
                world.step(door, false);
                was_answered |= world.client.waiting.is_empty();
            }
            world.crash(Crash::Kill, shards);
            rest(&mut world);
            if was_answered {
                let offsets = delivered_offsets(&world);
                assert_eq!(offsets, (0..300).collect::<Vec<_>>(), "{steps} steps");
            }
            assert_eq!((searches(&world), retries(&world)), (0, vec![]), "{steps} steps");
        }
    }
}

#[test]
fn little_is_held_at_a_time() {
    let mut world = late(3_000);
    set(&mut world, Mode::Hangs);
    search(&mut world);
    pass(&mut world, SECOND);
    let waiting = retries(&world).len();
    assert!((1_000..=1_200).contains(&waiting), "{waiting}");
    world.network.heal();
    rest(&mut world);
    assert_eq!(delivered_offsets(&world).len(), 3_000);
}

#[test]
fn it_is_paced_as_the_endpoint_is() {
    let mut world = late(100);
    reshape(&mut world, |e| e.terms.rate = Some(10));
    let begun = world.now;
    search(&mut world);
    rest(&mut world);
    assert!(world.now.since(begun) >= 9 * SECOND, "{:?}", world.now.since(begun));
}

#[test]
fn keys_keep_their_order_among_what_is_found() {
    for ordering in [Ordering::Key, Ordering::Fifo] {
        let mut world = world(Plan::calm(1), |e| {
            e.types = vec!["b.*".into()];
            e.terms.ordering = ordering;
            e.terms.concurrency = Concurrency { start: 8, max: 8 };
        });
        publish(&mut world, 20, Some("k"));
        reshape(&mut world, |e| e.types.clear());
        rest(&mut world);
        search(&mut world);
        set(&mut world, Mode::Flaky);
        pass(&mut world, 9 * SECOND);
        world.network.heal();
        rest(&mut world);
        assert_eq!(searches(&world), 0);
        let done = world.received().iter().map(|delivery| delivery.offset.0);
        let firsts = done.fold(Vec::new(), |mut seen, offset| {
            if !seen.contains(&offset) {
                seen.push(offset);
            }
            seen
        });
        assert!(firsts.is_sorted(), "{ordering:?}: {firsts:?}");
    }
}

#[test]
fn a_paused_endpoint_is_searched_for_once_it_goes_on() {
    let mut world = late(3);
    reshape(&mut world, |e| e.is_disabled = true);
    search(&mut world);
    pass(&mut world, 9 * SECOND);
    assert_eq!((attempts(&world), searches(&world)), (vec![], 1));
    reshape(&mut world, |e| e.is_disabled = false);
    rest(&mut world);
    assert_eq!(delivered_offsets(&world), [0, 1, 2]);
}

#[test]
fn what_is_erased_meanwhile_is_not_sent() {
    let mut world = late(200);
    set(&mut world, Mode::Hangs);
    search(&mut world);
    world.erase(vec![Offset(0), Offset(199)]);
    pass(&mut world, SECOND);
    world.network.heal();
    rest(&mut world);
    assert!(!delivered_offsets(&world).contains(&199));
}

#[test]
fn a_search_goes_with_its_endpoint() {
    let mut world = late(3);
    set(&mut world, Mode::Hangs);
    search(&mut world);
    world.client.endpoints.remove("e0");
    change(&mut world);
    rest(&mut world);
    assert_eq!((searches(&world), retries(&world)), (0, vec![]));
}

#[test]
fn searches_take_turns_and_are_so_many_at_most() {
    let mut world = late(300);
    set(&mut world, Mode::Hangs);
    for _ in 0..20 {
        world.search(FIRST, Offset::ZERO..Offset(300));
    }
    until(&mut world, |w| w.client.waiting.is_empty());
    assert_eq!(searches(&world), 16);
    world.network.heal();
    rest(&mut world);
    assert_eq!(attempts(&world).iter().filter(|row| row.2 == 0).count(), 300, "each found once");
}

/// So many endpoints of one tenant that want nothing by themselves.
fn many(count: u64) -> World {
    let mut world = world(Plan::calm(1), |e| e.types = vec!["never".into()]);
    for n in 1..count {
        let mut other = endpoint(&format!("e{n}"));
        other.types = vec!["never".into()];
        other.tenant = sim::tenant();
        world.client.endpoints.insert(format!("e{n}"), other);
    }
    change(&mut world);
    world
}

fn search_all(world: &mut World, count: u64, times: u64, until_offset: u64) {
    for n in 0..count * times {
        world.search(EndpointId(FIRST.0 + n / times), Offset::ZERO..Offset(until_offset));
    }
    until(world, |w| w.client.waiting.is_empty());
}

#[test]
fn endpoints_take_turns_at_the_pages() {
    let mut world = many(12);
    publish(&mut world, 1_000, None);
    world.client.endpoints.values_mut().for_each(|e| e.types.clear());
    change(&mut world);
    rest(&mut world);
    search_all(&mut world, 12, 1, 1_000);
    rest(&mut world);
    assert_eq!(searches(&world), 0);
    // Of each page that was asked for, by whom.
    let pages = world.trace.words().iter().filter(|words| words.contains("reads Missing"));
    let pages: Vec<&str> = pages.filter_map(|words| words.split("lane: ").nth(1)).collect();
    let asker = |page: &&str| page.split(',').next().unwrap_or_default().to_owned();
    let askers: BTreeSet<String> = pages.iter().map(asker).collect();
    assert_eq!(askers.len(), 12, "{askers:?}");
    let early: BTreeSet<String> = pages[..30].iter().map(asker).collect();
    assert_eq!(early, askers, "none is kept waiting by the others");
}

#[test]
fn endpoints_that_are_disabled_hold_no_page() {
    let mut world = many(20);
    publish(&mut world, 200, None);
    for (name, declared) in &mut world.client.endpoints {
        declared.types.clear();
        declared.is_disabled = name != "e19";
    }
    change(&mut world);
    search_all(&mut world, 20, 1, 200);
    until(&mut world, |w| w.received().len() == 200);
    pass(&mut world, SECOND);
    assert_eq!(searches(&world), 19);
}

#[test]
fn an_application_leaves_room_for_the_searches_of_others() {
    let mut world = many(64);
    let mut other = endpoint("other");
    other.tenant = event::TenantId::new("other");
    world.client.endpoints.insert("other".into(), other);
    change(&mut world);
    publish(&mut world, 1, None);
    // They stay as long as their endpoints are disabled.
    world.client.endpoints.values_mut().for_each(|e| e.is_disabled = true);
    change(&mut world);
    search_all(&mut world, 64, 16, 1);
    assert_eq!(searches(&world), 1_000);
    world.search(EndpointId(FIRST.0 + 64), Offset::ZERO..Offset(1));
    until(&mut world, |w| w.client.waiting.is_empty());
    assert_eq!(searches(&world), 1_001);
}

/// Two endpoints, of which e0 wants nothing by itself and e1 everything.
fn two() -> World {
    let mut world = world(Plan::calm(1), |e| e.types = vec!["never".into()]);
    world.client.endpoints.insert("e1".into(), endpoint("e1"));
    change(&mut world);
    world
}

fn send_to_first(world: &mut World) {
    let sent = Sent {
        tenant: sim::tenant(),
        event_type: "a.x".into(),
        key: None,
        name: None,
        on_conflict: event::OnConflict::Refuse,
        only_for: Some(FIRST),
    };
    let number = world.client.compose_as(sent);
    world.send(number);
}

fn lanes_of_attempts(world: &World) -> Vec<LaneId> {
    let rows = world.log.attempts(Offset::ZERO..Offset::MAX).unwrap();
    rows.iter().map(|row| row.delivery.lane).collect()
}

#[test]
fn an_event_for_one_endpoint_reaches_it_alone_wherever_a_crash_falls() {
    for steps in 0..40 {
        let mut world = two();
        send_to_first(&mut world);
        let mut was_answered = false;
        for _ in 0..steps {
            let Some(door) = world.open_doors().first().copied() else { break };
            world.step(door, false);
            was_answered |= world.client.waiting.is_empty();
        }
        world.crash(Crash::Kill, 2);
        rest(&mut world);
        let lanes = lanes_of_attempts(&world);
        assert!(lanes.iter().all(|lane| *lane == LaneId::main(FIRST)), "{steps}: {lanes:?}");
        assert!(!was_answered || !lanes.is_empty(), "{steps}: it was lost");
    }
}

#[test]
fn an_event_for_one_endpoint_is_not_missing_at_another() {
    let mut world = two();
    send_to_first(&mut world);
    rest(&mut world);
    let other = EndpointId(FIRST.0 + 1);
    world.search(other, Offset::ZERO..Offset(1));
    rest(&mut world);
    assert_eq!(lanes_of_attempts(&world), [LaneId::main(FIRST)]);
}
