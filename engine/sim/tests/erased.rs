//! What was erased is not sent any more, wherever it waits.
#![allow(clippy::unwrap_used, reason = "tests")]

use event::AttemptState::{Dead, Delivered, Trouble};
use event::Offset;
use log::Log;
use sim::scenario::*;
use sim::{Crash, Door, Mode, Plan, World};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn erase(world: &mut World, offset: u64) {
    world.erase(vec![Offset(offset)]);
    until(world, |w| w.client.waiting.is_empty());
}

fn is_gone(world: &World, offset: u64) {
    assert!(world.log.event(Offset(offset)).unwrap().unwrap().is_erased());
    assert_eq!((dead(world), retries(world)), (vec![], vec![]));
    assert!(!has_parcel(world, offset));
}

#[test]
fn what_is_in_trouble_ends_when_it_is_due() {
    let mut world = plain();
    set(&mut world, Mode::Down(503));
    publish(&mut world, 1, None);
    until(&mut world, |w| retries(w).len() == 1);
    erase(&mut world, 0);
    let kept = world.log.parcel(delivery(0)).unwrap().unwrap();
    assert!(kept.event.is_erased(), "the row waits with a stub");
    set(&mut world, Mode::Fine);
    rest(&mut world);
    assert_eq!(attempts(&world), [(0, 0, 0, Dead), (0, 0, 1, Trouble)]);
    is_gone(&world, 0);
    assert_eq!(delivered(&world), 0);
}

#[test]
fn a_dead_letter_is_forgotten() {
    let mut world = world(Plan::calm(1), |e| e.terms.schedule = vec![]);
    set(&mut world, Mode::Down(503));
    publish(&mut world, 1, None);
    until(&mut world, |w| dead(w).len() == 1);
    erase(&mut world, 0);
    is_gone(&world, 0);
    world.redrive(delivery(0));
    world.resend(delivery(0));
    until(&mut world, |w| w.client.waiting.is_empty());
    rest(&mut world);
    assert_eq!(delivered(&world), 0);
}

#[test]
fn what_a_lane_has_still_to_read_is_passed_over() {
    let mut world = world(Plan::calm(1), |e| e.is_disabled = true);
    publish(&mut world, 3, None);
    until(&mut world, |w| lane(w).is_some());
    erase(&mut world, 1);
    reshape(&mut world, |e| e.is_disabled = false);
    rest(&mut world);
    assert_eq!(attempts(&world), [(0, 0, 1, Delivered), (2, 0, 1, Delivered)]);
    is_gone(&world, 1);
}

#[test]
fn what_waits_in_memory_behind_another_is_not_sent() {
    let mut world = world(Plan::calm(1), |e| {
        e.terms.concurrency = registry::Concurrency { start: 1, max: 1 };
        e.terms.timeout = Duration::from_secs(1);
    });
    set(&mut world, Mode::Hangs);
    publish(&mut world, 2, None);
    erase(&mut world, 1);
    // The first has not even timed out.
    assert_eq!(attempts(&world), []);
    set(&mut world, Mode::Fine);
    rest(&mut world);
    assert!(attempts(&world).iter().all(|row| row.0 == 0), "{:?}", attempts(&world));
    is_gone(&world, 1);
}

#[test]
fn what_fails_after_it_was_erased_keeps_nothing() {
    let mut world = world(Plan::calm(1), |e| e.terms.timeout = SECOND);
    set(&mut world, Mode::Hangs);
    publish(&mut world, 1, None);
    until(&mut world, |w| w.counts().attempts == 1);
    erase(&mut world, 0);
    set(&mut world, Mode::Fine);
    rest(&mut world);
    assert_eq!(attempts(&world), [(0, 0, 1, Dead)]);
    is_gone(&world, 0);
    assert_eq!(delivered(&world), 0);
}

#[test]
fn a_report_from_before_brings_nothing_back() {
    let mut world = plain();
    set(&mut world, Mode::Down(503));
    publish(&mut world, 1, None);
    // Its failure is reported, and the writer hears of the erasure first.
    run_without(&mut world, Door::Writer);
    for _ in 0..100 {
        world.advance(Duration::from_millis(10));
        run_without(&mut world, Door::Writer);
    }
    erase(&mut world, 0);
    let parcel = world.log.parcel(delivery(0)).unwrap();
    assert!(parcel.is_none_or(|parcel| parcel.event.is_erased()));
    set(&mut world, Mode::Fine);
    rest(&mut world);
    is_gone(&world, 0);
}

#[test]
fn a_crash_brings_nothing_back() {
    for crash in [Crash::Kill, Crash::PowerCut(0)] {
        let mut world = world(Plan::calm(1), |e| e.is_disabled = true);
        publish(&mut world, 2, None);
        erase(&mut world, 0);
        world.crash(crash, 2);
        reshape(&mut world, |e| e.is_disabled = false);
        rest(&mut world);
        assert_eq!(attempts(&world), [(1, 0, 1, Delivered)]);
        is_gone(&world, 0);
    }
}

#[test]
fn what_a_filter_is_asked_about_is_dropped_whatever_it_says() {
    let mut world = filtered("emit 1");
    let number = world.client.compose("a.x", None, false);
    world.send(number);
    until(&mut world, |w| w.log.head() == Offset(1));
    run_without(&mut world, Door::Guests);
    world.erase(vec![Offset(0)]);
    run_without(&mut world, Door::Guests);
    rest(&mut world);
    assert_eq!(attempts(&world), []);
    is_gone(&world, 0);
}
