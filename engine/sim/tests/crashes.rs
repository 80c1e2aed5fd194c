//! One scenario for each point at which a crash was thought through.
#![allow(clippy::unwrap_used, reason = "tests")]

use event::AttemptState::{Delivered, Trouble};
use event::Offset;
use log::Log;
use pipeline::writer::Durability;
use registry::{Concurrency, Ordering};
use sim::scenario::*;
use sim::{Crash, Door, Mode, Plan, World};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn send(world: &mut World) {
    let number = world.client.compose("a.x", None, true);
    world.send(number);
}

#[test]
fn before_the_commit_there_is_no_ack_and_nothing() {
    let mut world = plain();
    send(&mut world);
    world.crash(Crash::Kill, 1);
    rest(&mut world);
    assert_eq!((world.log.head(), world.client.acked.len()), (Offset(0), 0));
}

#[test]
fn after_the_commit_and_before_the_ack_a_repeat_is_a_duplicate() {
    let mut world = plain();
    send(&mut world);
    world.cut_next_step_after(0);
    world.step(Door::Writer, true);
    assert_eq!((world.log.head(), world.client.acked.len()), (Offset(1), 0));
    world.send(1);
    rest(&mut world);
    assert_eq!((world.log.head(), delivered(&world)), (Offset(1), 1));
    assert_eq!(world.client.acked.len(), 1);
}

#[test]
fn after_the_ack_and_before_routing_the_road_keeps_it() {
    let mut world = plain();
    send(&mut world);
    world.step(Door::Writer, true);
    assert_eq!(world.client.acked.len(), 1);
    world.crash(Crash::PowerCut(0), 2);
    rest(&mut world);
    assert_eq!(delivered(&world), 1);
}

#[test]
fn after_the_post_and_before_its_row_it_is_sent_again_under_the_same_id() {
    let mut world = plain();
    publish(&mut world, 1, None);
    until(&mut world, |w| delivered(w) == 1);
    assert_eq!(attempts(&world), []);
    world.crash(Crash::Kill, 1);
    rest(&mut world);
    // The checkers hold every attempt against the event's one id.
    assert_eq!((delivered(&world), attempts(&world)), (2, vec![(0, 0, 1, Delivered)]));
}

#[test]
fn after_its_row_and_before_the_watermark_the_row_tells() {
    let mut world = plain();
    hold_watermark(&mut world, &[]);
    publish(&mut world, 2, None);
    until(&mut world, |w| delivered_rows(w) == 2);
    assert_eq!(least(&world), 0, "e1 holds the watermark");
    world.crash(Crash::Kill, 3);
    world.network.heal();
    rest(&mut world);
    assert_eq!((delivered_rows(&world), delivered(&world)), (4, 4));
}

#[test]
fn half_of_a_fan_out_sent_leaves_the_other_half_alone() {
    let mut world = filtered("emit 2");
    reshape(&mut world, |e| e.terms.concurrency = Concurrency { start: 1, max: 1 });
    set(&mut world, Mode::Slow);
    publish(&mut world, 2, None);
    until(&mut world, |w| attempts(w).contains(&(1, 0, 1, Delivered)));
    assert!(!attempts(&world).contains(&(1, 1, 1, Delivered)));
    world.crash(Crash::Kill, 1);
    rest(&mut world);
    let all = [(0, 0, 1, Delivered), (1, 0, 1, Delivered), (1, 1, 1, Delivered)];
    assert_eq!(attempts(&world), all);
}

#[test]
fn a_postponed_input_is_not_judged_again_beside_its_retry_row() {
    let mut world = filtered("retry 2");
    publish(&mut world, 2, None);
    until(&mut world, |w| !attempts(w).is_empty());
    world.crash(Crash::Kill, 2);
    rest(&mut world);
    assert_eq!(delivered_rows(&world), 2);
}

#[test]
fn in_a_hand_over_the_old_keeper_or_the_new_one_has_it() {
    for kept in 0..4 {
        let plan = Plan { entries_max: 2, ..Plan::calm(1) };
        let mut world = world(plan, |_| {});
        set(&mut world, Mode::Hangs);
        publish(&mut world, 6, None);
        until(&mut world, |w| lane(w).is_some());
        world.crash(Crash::PowerCut(kept), 2);
        world.network.heal();
        rest(&mut world);
        assert_eq!((world.log.head(), delivered_rows(&world)), (Offset(6), 6));
    }
}

#[test]
fn between_the_floor_and_the_deletion_the_next_start_finishes_it() {
    let plan = Plan { generation_events: 4, retention_bytes: 1_500, ..Plan::calm(1) };
    let mut world = world(plan, |_| {});
    reshape(&mut world, |e| e.is_disabled = true);
    publish(&mut world, 16, None);
    until(&mut world, |w| w.log.floor() > Offset::ZERO);
    let floor = world.log.floor();
    world.crash(Crash::PowerCut(0), 1);
    assert_eq!(world.log.floor(), floor, "a floor is synced before anything below it goes");
    assert!(!world.log.gaps().unwrap().is_empty());
    until(&mut world, |w| w.log.generations().unwrap()[0].first >= floor);
}

#[test]
fn a_swap_between_attempt_and_crash_leaves_the_begun_to_the_version_before() {
    let mut world = filtered("emit 3");
    reshape(&mut world, |e| e.terms.concurrency = Concurrency { start: 1, max: 1 });
    publish(&mut world, 3, None);
    until(&mut world, |w| delivered(w) == 3);
    world.client.set_filter("f0", "drop 1");
    change(&mut world);
    world.crash(Crash::Kill, 1);
    publish(&mut world, 1, None);
    rest(&mut world);
    let third = attempts(&world).iter().filter(|row| row.0 == 2).count();
    assert_eq!(third, 3, "a level lane's event keeps the version at its offset");
}

#[test]
fn under_os_durability_a_power_cut_takes_a_suffix_and_no_id_comes_back() {
    let plan = Plan { durability: Durability::Os, ..Plan::calm(1) };
    let mut world = world(plan, |_| {});
    pass(&mut world, 3 * SECOND);
    publish(&mut world, 3, None);
    world.crash(Crash::PowerCut(0), 1);
    assert_eq!(world.log.head(), Offset(0));
    // The checkers know every id that was ever given.
    publish(&mut world, 3, None);
    rest(&mut world);
    assert_eq!(world.log.head(), Offset(3));
}

#[test]
fn what_was_given_up_on_is_not_overtaken_before_that_is_on_disk() {
    let mut world = world(Plan::calm(1), |e| {
        e.terms.ordering = Ordering::Fifo;
        e.terms.schedule.clear();
    });
    set(&mut world, Mode::Down(500));
    publish(&mut world, 2, None);
    until(&mut world, |w| w.counts().attempts == 1);
    pass(&mut world, SECOND / 25);
    run_without(&mut world, Door::Writer);
    assert!(dead(&world).is_empty());
    assert_eq!(world.counts().attempts, 1, "the second waits for the first one's dead row");
    world.network.heal();
    world.crash(Crash::Kill, 1);
    rest(&mut world);
    assert_eq!(delivered(&world), 2);
}

#[test]
fn a_parked_delivery_is_there_after_a_crash() {
    let mut world = world(Plan::calm(1), |e| e.terms.ordering = Ordering::Key);
    set(&mut world, Mode::Down(500));
    publish(&mut world, 3, Some("k1"));
    until(&mut world, |w| retries(w).len() == 3);
    world.crash(Crash::Kill, 3);
    world.network.heal();
    rest(&mut world);
    assert_eq!(delivered(&world), 3);
    assert_eq!(attempts(&world)[0], (0, 0, 1, Trouble));
}

#[test]
fn a_failed_sync_ends_the_process_and_loses_nothing_that_was_acked() {
    let mut world = plain();
    publish(&mut world, 2, None);
    world.log.break_sync();
    send(&mut world);
    world.step(Door::Writer, true);
    assert_eq!(world.client.acked.len(), 2, "nobody is answered after a failed sync");
    rest(&mut world);
    assert_eq!(delivered_rows(&world), 2);
}

#[test]
fn a_full_disk_refuses_events_and_still_writes_what_became_of_the_others() {
    let mut world = plain();
    set(&mut world, Mode::Down(500));
    publish(&mut world, 2, None);
    world.log.set_full(true);
    publish(&mut world, 2, None);
    assert_eq!(world.client.acked.len(), 2);
    until(&mut world, |w| retries(w).len() == 2);
    world.log.set_full(false);
    world.network.heal();
    pass(&mut world, 3 * SECOND);
    publish(&mut world, 1, None);
    rest(&mut world);
    assert_eq!((world.log.head(), delivered(&world)), (Offset(3), 3));
}
