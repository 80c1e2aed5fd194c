//! Lanes between road and log: who feeds them, and what their rows then say.
#![allow(clippy::unwrap_used, reason = "tests")]

use event::AttemptState::{Delivered, Trouble};
use event::{Offset, Why};
use log::Log;
use registry::{Concurrency, Ordering};
use sim::scenario::*;
use sim::{Crash, Door, Mode, Plan};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn one_at_a_time(endpoint: &mut registry::DeclaredEndpoint) {
    endpoint.terms.concurrency = Concurrency { start: 1, max: 1 };
}

#[test]
fn a_full_lane_falls_behind_at_once_and_keeps_its_first_entry() {
    let plan = Plan { entries_max: 2, ..Plan::calm(1) };
    let mut world = world(plan, one_at_a_time);
    set(&mut world, Mode::Hangs);
    publish(&mut world, 6, None);
    until(&mut world, |w| lane(w) == Some((0, 0, 0, Why::Slow)));
    until(&mut world, |w| lane(w) == Some((0, 1, 0, Why::Slow)) && least(w) == 6);
    world.network.heal();
    rest(&mut world);
    assert_eq!(delivered_rows(&world), 6);
}

#[test]
fn a_lane_ahead_of_the_router_after_a_restart_is_not_fed_again() {
    let plan = Plan { entries_max: 2, ..Plan::calm(1) };
    let mut world = world(plan, one_at_a_time);
    hold_watermark(&mut world, &["b.*"]);
    let first = world.client.compose("b.x", None, false);
    world.send(first);
    publish(&mut world, 8, None);
    until(&mut world, |w| lane(w).is_some_and(|row| row.0 >= 3));
    assert_eq!(least(&world), 0, "e1 holds the watermark below e0's cursor");
    let (cursor, ..) = lane(&world).unwrap();
    let before = delivered_rows(&world);
    world.crash(Crash::Kill, 1);
    world.network.heal();
    let attempts_before = world.counts().attempts;
    rest(&mut world);
    assert_eq!(delivered_rows(&world), 10, "nine for e0, one for e1");
    let again = world.counts().attempts - attempts_before;
    assert_eq!(again as usize, 10 - before, "nothing below {cursor} is sent again");
}

#[test]
fn a_joining_lane_begins_nothing_under_two_versions() {
    let mut world = filtered("emit 2");
    reshape(&mut world, |e| {
        one_at_a_time(e);
        e.is_disabled = true;
    });
    // After the crash the router has to walk from where e1 holds the watermark.
    hold_watermark(&mut world, &[]);
    publish(&mut world, 5, None);
    until(&mut world, |w| lane(w).is_some());
    // What is behind takes this version, though it lies above all that it has to do.
    world.client.set_filter("f0", "pass 1");
    reshape(&mut world, |e| e.is_disabled = false);
    run_without(&mut world, Door::Network);
    world.crash(Crash::Kill, 1);
    world.network.heal();
    run_without(&mut world, Door::Network);
    world.crash(Crash::Kill, 2);
    rest(&mut world);
    let of_e0 = |row: &log::AttemptRow| row.delivery.lane.endpoint == FIRST;
    let rows = world.log.attempts(Offset::ZERO..Offset::MAX).unwrap();
    let outputs: Vec<_> = rows.iter().filter(|row| of_e0(row)).map(|row| row.outputs).collect();
    assert_eq!(outputs, [1; 5], "each by the version that its lane's row names");
}

#[test]
fn a_lane_under_a_later_version_looks_at_what_the_router_passes_over() {
    let mut world = world(Plan::calm(1), |e| {
        e.types = vec!["b.*".into()];
        e.is_disabled = true;
    });
    // After the crash the router has to walk from where e1 holds the watermark.
    hold_watermark(&mut world, &[]);
    let first = world.client.compose("b.x", None, false);
    world.send(first);
    publish(&mut world, 4, None);
    until(&mut world, |w| lane(w).is_some());
    // No event below was for e0 by the version in force there; all are by this one.
    reshape(&mut world, |e| {
        e.types.clear();
        e.is_disabled = false;
    });
    world.crash(Crash::Kill, 1);
    world.network.heal();
    rest(&mut world);
    assert_eq!(attempts(&world).len(), 10);
}

#[test]
fn a_quiet_fifo_lane_keeps_up_and_retention_takes_nothing_from_it() {
    let plan = Plan { generation_events: 4, retention_bytes: 1_500, ..Plan::calm(1) };
    let mut world = world(plan, |e| e.terms.ordering = Ordering::Fifo);
    publish(&mut world, 1, None);
    rest(&mut world);
    reshape(&mut world, |e| e.types = vec!["b.*".into()]);
    for _ in 0..6 {
        publish(&mut world, 4, None);
        pass(&mut world, 7 * SECOND);
    }
    assert!(world.log.floor() > Offset(4), "retention is at work");
    assert_eq!(world.log.gaps().unwrap(), []);
    let (cursor, ..) = lane(&world).unwrap();
    assert!(cursor >= world.log.floor().0);
}

#[test]
fn fifo_holds_everything_behind_the_one_in_trouble() {
    let mut world = world(Plan::calm(1), |e| {
        e.terms.ordering = Ordering::Fifo;
        e.terms.schedule = vec![10 * SECOND];
    });
    set(&mut world, Mode::Down(500));
    publish(&mut world, 5, None);
    until(&mut world, |w| !retries(w).is_empty());
    set(&mut world, Mode::Fine);
    pass(&mut world, 9 * SECOND);
    assert_eq!(attempts(&world), [(0, 0, 1, Trouble)], "the second waits for the first");
    assert_eq!(retries(&world).len(), 1, "what waits behind it is not in trouble itself");
    assert_eq!(lane(&world).map(|row| row.3), Some(Why::Fifo));
    assert_eq!(least(&world), 5, "a fifo lane never holds the watermark");
    rest(&mut world);
    let order: Vec<_> = attempts(&world).iter().map(|row| (row.0, row.3)).collect();
    let mut wanted = vec![(0, Trouble)];
    wanted.extend((0..5).map(|offset| (offset, Delivered)));
    assert_eq!(order, wanted);
}

#[test]
fn what_a_later_version_dropped_is_not_routed_again_after_a_crash() {
    let mut world = filtered("pass 1");
    reshape(&mut world, |e| e.is_disabled = true);
    hold_watermark(&mut world, &[]);
    publish(&mut world, 5, None);
    until(&mut world, |w| lane(w).is_some());
    world.client.set_filter("f0", "drop 1");
    reshape(&mut world, |e| e.is_disabled = false);
    pass(&mut world, SECOND);
    assert_eq!(least(&world), 0, "e1 holds the watermark below all that was dropped");
    world.crash(Crash::Kill, 1);
    world.network.heal();
    rest(&mut world);
    let rows = world.log.attempts(Offset::ZERO..Offset::MAX).unwrap();
    assert!(rows.iter().all(|row| row.delivery.lane.endpoint != FIRST), "{rows:?}");
}

#[test]
fn a_version_that_stops_gives_way_to_one_that_has_come_already() {
    let mut world = filtered("stop 2");
    reshape(&mut world, |e| {
        one_at_a_time(e);
        e.terms.timeout = SECOND;
    });
    set(&mut world, Mode::Hangs);
    publish(&mut world, 3, None);
    world.client.set_filter("f0", "pass 1");
    change(&mut world);
    world.network.heal();
    assert_eq!(attempts(&world), [], "the second is still ruled by the filter that stops");
    rest(&mut world);
    assert_eq!(delivered(&world), 3);
}

#[test]
fn a_rate_spreads_attempts_and_is_kept_to_after_a_change() {
    let mut world = world(Plan::calm(1), |e| e.terms.rate = Some(5));
    publish(&mut world, 30, None);
    pass(&mut world, SECOND);
    let first = attempts(&world).len();
    assert!((4..=6).contains(&first), "{first} in a second");
    pass(&mut world, 2 * SECOND);
    let third = attempts(&world).len();
    assert!((14..=16).contains(&third), "{third} in three seconds");
    assert_eq!(least(&world), 30, "a lane that waits for its rate does not hold the watermark");
    reshape(&mut world, |e| e.terms.rate = None);
    pass(&mut world, SECOND);
    assert_eq!(delivered_rows(&world), 30, "nothing waits any more");
}

#[test]
fn retries_count_towards_a_rate_too() {
    let mut world = world(Plan::calm(1), |e| {
        e.terms.rate = Some(2);
        e.terms.schedule = vec![Duration::ZERO; 60];
        e.terms.jitter = 0.0;
    });
    set(&mut world, Mode::Down(500));
    publish(&mut world, 1, None);
    pass(&mut world, 4 * SECOND);
    let count = attempts(&world).len();
    assert!((3..=9).contains(&count), "{count} in four seconds");
    set(&mut world, Mode::Fine);
    rest(&mut world);
    assert_eq!(delivered_rows(&world), 1);
}
