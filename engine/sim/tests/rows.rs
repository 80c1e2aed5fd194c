//! One scenario for each row of the delivery table: what is written, and what holds then.
#![allow(clippy::unwrap_used, reason = "tests")]

use event::AttemptState::{Dead, Delivered, Trouble};
use event::{Offset, Why};
use log::{Log, Stage};
use registry::{Concurrency, Ordering};
use sim::scenario::*;
use sim::{Crash, Door, Mode, Plan, World};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn routed_and_unwanted_writes_nothing() {
    let mut world = world(Plan::calm(1), |e| e.types = vec!["b.*".into()]);
    publish(&mut world, 3, None);
    rest(&mut world);
    assert_eq!((attempts(&world), lane(&world), least(&world)), (vec![], None, 3));
}

#[test]
fn routed_and_wanted_is_kept_by_the_road_alone() {
    let mut world = plain();
    set(&mut world, Mode::Hangs);
    publish(&mut world, 2, None);
    pass(&mut world, SECOND);
    assert_eq!((attempts(&world), lane(&world), least(&world)), (vec![], None, 0));
}

#[test]
fn dropped_by_its_filter_writes_nothing() {
    let mut world = filtered("drop 1");
    publish(&mut world, 3, None);
    rest(&mut world);
    assert_eq!((attempts(&world), retries(&world), least(&world)), (vec![], vec![], 3));
}

#[test]
fn delivered_writes_one_final_attempt_row() {
    let mut world = plain();
    publish(&mut world, 2, None);
    rest(&mut world);
    assert_eq!(attempts(&world), [(0, 0, 1, Delivered), (1, 0, 1, Delivered)]);
    assert!(!has_parcel(&world, 0));
    assert_eq!(least(&world), 2);
}

#[test]
fn a_fan_out_is_delivered_output_by_output() {
    let mut world = filtered("emit 2");
    publish(&mut world, 2, None);
    rest(&mut world);
    let all = [(0, 0, 1, Delivered), (1, 0, 1, Delivered), (1, 1, 1, Delivered)];
    assert_eq!(attempts(&world), all);
}

#[test]
fn delivered_in_trouble_removes_retry_row_and_parcel() {
    let mut world = plain();
    set(&mut world, Mode::Down(500));
    publish(&mut world, 1, None);
    until(&mut world, |w| !retries(w).is_empty());
    world.network.heal();
    rest(&mut world);
    assert_eq!(attempts(&world), [(0, 0, 1, Trouble), (0, 0, 2, Delivered)]);
    assert_eq!((retries(&world), has_parcel(&world, 0)), (vec![], false));
}

#[test]
fn a_first_failure_leaves_the_road_for_trouble() {
    let mut world = plain();
    set(&mut world, Mode::Down(500));
    publish(&mut world, 1, None);
    until(&mut world, |w| least(w) == 1);
    assert_eq!(attempts(&world), [(0, 0, 1, Trouble)]);
    assert_eq!(retries(&world), [(0, 0, 1, Stage::Output)]);
    assert!(has_parcel(&world, 0));
}

#[test]
fn a_later_failure_takes_the_place_of_the_retry_row_before() {
    let mut world = plain();
    set(&mut world, Mode::Down(500));
    publish(&mut world, 1, None);
    until(&mut world, |w| attempts(w).len() == 2);
    assert_eq!(attempts(&world), [(0, 0, 1, Trouble), (0, 0, 2, Trouble)]);
    assert_eq!(retries(&world), [(0, 0, 2, Stage::Output)], "one row, and the bytes of the first");
    assert!(has_parcel(&world, 0) && dead(&world).is_empty());
}

#[test]
fn a_last_failure_leaves_trouble_for_the_dead_letters() {
    let mut world = plain();
    set(&mut world, Mode::Down(500));
    publish(&mut world, 1, None);
    until(&mut world, |w| !dead(w).is_empty());
    let states = [Trouble, Trouble, Trouble, Dead];
    let numbered: Vec<_> = states.into_iter().zip(1..).map(|(s, n)| (0, 0, n, s)).collect();
    assert_eq!(attempts(&world), numbered);
    assert_eq!((retries(&world), has_parcel(&world, 0)), (vec![], true));
}

#[test]
fn rejected_goes_to_the_dead_letters_as_it_came_in() {
    let mut world = filtered("reject 1");
    publish(&mut world, 1, None);
    rest(&mut world);
    assert_eq!(attempts(&world), [(0, 0, 0, Dead)]);
    assert_eq!(dead(&world), [(0, "unwanted".to_owned())]);
    assert_eq!(world.log.parcel(delivery(0)).unwrap().unwrap().stage, Stage::Input);
}

#[test]
fn postponed_by_its_filter_waits_in_trouble_as_it_came_in() {
    let mut world = filtered("never 1");
    publish(&mut world, 1, None);
    until(&mut world, |w| !attempts(w).is_empty());
    assert_eq!(world.log.parcel(delivery(0)).unwrap().unwrap().stage, Stage::Input);
    until(&mut world, |w| !dead(w).is_empty());
    assert!(dead(&world)[0].1.contains("too often"), "{:?}", dead(&world));
}

#[test]
fn later_events_of_a_key_in_trouble_are_parked_and_follow_in_order() {
    let mut world = world(Plan::calm(1), |e| e.terms.ordering = Ordering::Key);
    set(&mut world, Mode::Down(500));
    publish(&mut world, 3, Some("k1"));
    until(&mut world, |w| retries(w).len() == 3);
    let parked = [(0, 0, 1, Stage::Output), (1, 0, 0, Stage::Output), (2, 0, 0, Stage::Output)];
    assert_eq!(retries(&world), parked);
    assert_eq!(attempts(&world), [(0, 0, 1, Trouble), (1, 0, 0, Trouble), (2, 0, 0, Trouble)]);
    world.network.heal();
    rest(&mut world);
    assert_eq!((retries(&world), delivered(&world)), (vec![], 3));
}

#[test]
fn an_open_breaker_puts_the_lane_behind_and_lets_probes_through_alone() {
    let mut world = world(Plan::calm(1), |e| {
        e.terms.concurrency = Concurrency { start: 1, max: 1 };
        e.terms.schedule = vec![Duration::from_secs(3_600)];
    });
    set(&mut world, Mode::Down(503));
    publish(&mut world, 20, None);
    until(&mut world, |w| lane(w).is_some_and(|row| row.3 == Why::Breaker));
    assert_eq!(world.counts().attempts, 5);
    assert_eq!(least(&world), 20, "an open breaker holds nothing up");
    pass(&mut world, 7 * SECOND);
    assert_eq!(world.counts().attempts, 6, "one probe");
    world.network.heal();
    until(&mut world, |w| lane(w).is_none());
}

#[test]
fn a_disabled_endpoint_rests_on_its_cursor_and_loses_nothing() {
    let mut world = plain();
    reshape(&mut world, |e| e.is_disabled = true);
    publish(&mut world, 3, None);
    until(&mut world, |w| least(w) == 3);
    let (cursor, high, _, why) = lane(&world).unwrap();
    assert_eq!((cursor, high, why, delivered(&world)), (0, 0, Why::Disabled, 0));
    world.resume("e0");
    pass(&mut world, SECOND);
    assert_eq!(delivered(&world), 0, "a resume does not undo what was declared");
    reshape(&mut world, |e| e.is_disabled = false);
    rest(&mut world);
    assert_eq!(delivered(&world), 3);
}

#[test]
fn gone_pauses_until_a_person_resumes() {
    let mut world = plain();
    set(&mut world, Mode::Gone);
    publish(&mut world, 1, None);
    until(&mut world, |w| lane(w).is_some_and(|row| row.3 == Why::Gone));
    publish(&mut world, 2, None);
    world.network.heal();
    pass(&mut world, 20 * SECOND);
    assert_eq!(delivered(&world), 0);
    world.resume("e0");
    rest(&mut world);
    until(&mut world, |w| delivered(w) == 2);
    assert_eq!(dead(&world).len(), 1);
}

/// Also of an endpoint that was changed before, when its lane was level.
#[test]
fn a_pause_outlives_a_restart() {
    let mut world = plain();
    publish(&mut world, 1, None);
    reshape(&mut world, |e| e.terms.timeout = 7 * SECOND);
    rest(&mut world);
    set(&mut world, Mode::Gone);
    publish(&mut world, 1, None);
    until(&mut world, |w| lane(w).is_some_and(|row| row.3 == Why::Gone));
    world.network.heal();
    world.crash(Crash::Kill, 1);
    publish(&mut world, 1, None);
    pass(&mut world, 20 * SECOND);
    assert_eq!(lane(&world).map(|row| row.3), Some(Why::Gone));
    assert_eq!(delivered(&world), 1, "what came before the pause");
    world.resume("e0");
    rest(&mut world);
    assert_eq!(delivered(&world), 2);
}

#[test]
fn a_lane_that_holds_the_watermark_for_two_seconds_is_handed_over() {
    let mut world = world(Plan::calm(1), |e| e.terms.timeout = 30 * SECOND);
    set(&mut world, Mode::Hangs);
    publish(&mut world, 6, None);
    pass(&mut world, 3 * SECOND);
    assert_eq!(lane(&world), Some((0, 4, 0, Why::Slow)));
    assert_eq!(least(&world), 6);
}

#[test]
fn a_full_ring_hands_over_what_holds_its_lower_half() {
    let plan = Plan { ring_slots: 8, ..Plan::calm(1) };
    let mut world = world(plan, |_| {});
    set(&mut world, Mode::Hangs);
    publish(&mut world, 12, None);
    pass(&mut world, SECOND);
    assert_eq!(lane(&world).map(|row| row.0), Some(0));
    world.network.heal();
    rest(&mut world);
}

#[test]
fn behind_moves_its_cursor_and_joins_without_a_row_of_its_own() {
    let plan = Plan { entries_max: 3, read_events: 2, ..Plan::calm(1) };
    let mut world = world(plan, |e| e.terms.concurrency = Concurrency { start: 1, max: 1 });
    set(&mut world, Mode::Slow);
    publish(&mut world, 12, None);
    until(&mut world, |w| lane(w).is_some_and(|row| row.0 >= 4));
    rest(&mut world);
    until(&mut world, |w| lane(w).is_none() && delivered(w) == 12);
}

#[test]
fn a_join_is_void_when_the_lane_overflows_again() {
    let plan = Plan { entries_max: 2, ..Plan::calm(1) };
    let mut world = world(plan, |e| e.terms.concurrency = Concurrency { start: 1, max: 1 });
    set(&mut world, Mode::Slow);
    for _ in 0..6 {
        publish(&mut world, 3, None);
        pass(&mut world, SECOND / 2);
    }
    until(&mut world, |w| attempts(w).iter().filter(|row| row.3 == Delivered).count() == 18);
    rest(&mut world);
}

#[test]
fn each_event_is_ruled_by_the_version_at_its_offset() {
    let mut world = filtered("pass 1");
    publish(&mut world, 2, None);
    world.client.set_filter("f0", "drop 1");
    change(&mut world);
    publish(&mut world, 2, None);
    rest(&mut world);
    assert_eq!(attempts(&world), [(0, 0, 1, Delivered), (1, 0, 1, Delivered)]);
}

#[test]
fn a_second_change_from_the_same_offset_takes_the_first_ones_place() {
    let mut world = filtered("pass 1");
    world.client.set_filter("f0", "reject 1");
    change(&mut world);
    world.client.set_filter("f0", "drop 1");
    change(&mut world);
    publish(&mut world, 2, None);
    rest(&mut world);
    assert_eq!((attempts(&world), dead(&world).len()), (vec![], 0));
}

#[test]
fn a_lane_that_is_behind_takes_the_new_version_for_what_it_has_not_begun() {
    let mut world = filtered("pass 1");
    reshape(&mut world, |e| e.is_disabled = true);
    publish(&mut world, 4, None);
    until(&mut world, |w| lane(w).is_some());
    world.client.set_filter("f0", "drop 1");
    reshape(&mut world, |e| e.is_disabled = false);
    rest(&mut world);
    assert_eq!((attempts(&world), delivered(&world)), (vec![], 0));
}

#[test]
fn a_mended_filter_ends_what_the_broken_one_stopped() {
    let mut world = filtered("stop 1");
    publish(&mut world, 2, None);
    until(&mut world, |w| lane(w).is_some_and(|row| row.3 == Why::FilterStopped));
    world.client.set_filter("f0", "pass 1");
    change(&mut world);
    rest(&mut world);
    assert_eq!(delivered(&world), 2);
}

#[test]
fn a_new_endpoint_is_owed_what_comes_after_it() {
    let mut world = World::new(Plan::calm(1), true);
    publish(&mut world, 2, None);
    world.client.endpoints.insert("e0".into(), sim::endpoint("e0"));
    change(&mut world);
    publish(&mut world, 2, None);
    rest(&mut world);
    assert_eq!(attempts(&world), [(2, 0, 1, Delivered), (3, 0, 1, Delivered)]);
}

#[test]
fn a_deleted_endpoint_takes_its_lane_and_its_trouble_with_it() {
    let mut world = plain();
    set(&mut world, Mode::Down(500));
    publish(&mut world, 8, None);
    until(&mut world, |w| lane(w).is_some() && !retries(w).is_empty());
    world.client.endpoints.clear();
    change(&mut world);
    rest(&mut world);
    assert_eq!((lane(&world), retries(&world), has_parcel(&world, 0)), (None, vec![], false));
}

#[test]
fn a_namesake_of_a_deleted_endpoint_is_another_endpoint() {
    let mut world = plain();
    set(&mut world, Mode::Down(500));
    publish(&mut world, 2, None);
    until(&mut world, |w| retries(w).len() == 2);
    world.client.endpoints.clear();
    change(&mut world);
    world.network.heal();
    world.client.endpoints.insert("e0".into(), sim::endpoint("e0"));
    change(&mut world);
    publish(&mut world, 1, None);
    rest(&mut world);
    assert_eq!((delivered(&world), retries(&world)), (1, vec![]));
}

#[test]
fn what_was_sealed_is_read_by_a_lane_that_is_behind() {
    let mut world = world(Plan { generation_events: 4, ..Plan::calm(1) }, |_| {});
    reshape(&mut world, |e| e.is_disabled = true);
    publish(&mut world, 14, None);
    until(&mut world, |w| least(w) == 14);
    let sealed: Vec<_> =
        world.log.generations().unwrap().iter().map(|turn| turn.is_sealed).collect();
    assert_eq!(sealed, [true, true, true, false]);
    assert!(world.log.gaps().unwrap().is_empty(), "to seal takes nothing from anybody");
    reshape(&mut world, |e| e.is_disabled = false);
    rest(&mut world);
    assert_eq!(attempts(&world).len(), 14);
    assert_eq!(delivered(&world), 14);
}

#[test]
fn retention_takes_whole_generations_and_says_what_was_unread() {
    let plan = Plan { generation_events: 4, retention_bytes: 1_500, ..Plan::calm(1) };
    let mut world = world(plan, |_| {});
    reshape(&mut world, |e| e.is_disabled = true);
    publish(&mut world, 16, None);
    until(&mut world, |w| w.log.floor() > Offset::ZERO);
    pass(&mut world, 5 * SECOND);
    let gaps = world.log.gaps().unwrap();
    assert_eq!(gaps[0].from, Offset::ZERO);
    assert_eq!(gaps.last().unwrap().until, world.log.floor());
    assert_eq!(lane(&world).unwrap().0, world.log.floor().0);
    let kept = 16 - world.log.floor().0;
    reshape(&mut world, |e| e.is_disabled = false);
    rest(&mut world);
    assert_eq!(delivered(&world), kept);
}

#[test]
fn a_dead_letter_is_redriven_once_and_its_attempts_go_on_counting() {
    let mut world = world(Plan::calm(1), |e| e.terms.schedule.clear());
    set(&mut world, Mode::Down(500));
    publish(&mut world, 2, None);
    until(&mut world, |w| dead(w).len() == 2);
    world.network.heal();
    world.redrive(delivery(0));
    world.purge(delivery(1));
    until(&mut world, |w| w.client.waiting.is_empty() && delivered(w) == 1);
    rest(&mut world);
    assert_eq!(attempts(&world), [(0, 0, 1, Dead), (0, 0, 2, Delivered), (1, 0, 1, Dead)]);
    assert_eq!((dead(&world), has_parcel(&world, 1)), (vec![], false));
}

#[test]
fn a_letter_whose_row_is_damaged_is_not_redriven_but_purged_and_the_road_goes_on() {
    let mut world = world(Plan::calm(1), |e| e.terms.schedule.clear());
    set(&mut world, Mode::Down(500));
    publish(&mut world, 2, None);
    until(&mut world, |w| dead(w).len() == 2);
    world.network.heal();
    world.log.damage_dead(delivery(0));
    world.redrive(delivery(0));
    until(&mut world, |w| w.client.waiting.is_empty());
    assert!(!world.client.redrives.contains(&delivery(0)), "it was refused");
    world.redrive(delivery(1));
    world.purge(delivery(0));
    until(&mut world, |w| w.client.waiting.is_empty() && delivered(w) == 1);
    rest(&mut world);
    assert_eq!((dead(&world), has_parcel(&world, 0)), (vec![], false));
}

#[test]
fn what_has_arrived_is_sent_again_and_its_attempts_go_on_counting() {
    let mut world = plain();
    publish(&mut world, 2, None);
    rest(&mut world);
    world.resend(delivery(0));
    world.resend(delivery(0));
    until(&mut world, |w| w.client.waiting.is_empty());
    rest(&mut world);
    let all = [(0, 0, 1, Delivered), (0, 0, 2, Delivered), (1, 0, 1, Delivered)];
    assert_eq!(attempts(&world), all, "asked for twice at a time, it is sent once more");
    assert_eq!((retries(&world), has_parcel(&world, 0)), (vec![], false));
    set(&mut world, Mode::Down(500));
    world.resend(delivery(1));
    until(&mut world, |w| retries(w) == [(1, 0, 2, Stage::Output)]);
    world.network.heal();
    rest(&mut world);
    assert_eq!(attempts(&world).last(), Some(&(1, 0, 3, Delivered)));
}

#[test]
fn what_a_filter_made_is_not_sent_again() {
    let mut world = filtered("emit 1");
    publish(&mut world, 1, None);
    rest(&mut world);
    let before = attempts(&world);
    world.resend(delivery(0));
    until(&mut world, |w| w.client.waiting.is_empty());
    rest(&mut world);
    assert_eq!(attempts(&world), before);
}

#[test]
fn what_no_version_would_send_as_it_is_is_not_sent_again() {
    let mut world = world(Plan::calm(1), |e| {
        e.condition = Some("data.n = 1".into());
        e.is_disabled = true;
    });
    publish(&mut world, 1, None);
    until(&mut world, |w| lane(w).is_some());
    world.client.set_filter("f0", "pass 1");
    reshape(&mut world, |e| {
        (e.condition, e.filters, e.is_disabled) = (None, vec!["f0".into()], false);
    });
    rest(&mut world);
    let before = attempts(&world);
    assert_eq!(before, [(0, 0, 1, Delivered)], "as the filter made it");
    // From the same offset, so that nothing is left of the version with the filter.
    reshape(&mut world, |e| (e.condition, e.filters) = (Some("data.n = 1".into()), vec![]));
    world.resend(delivery(0));
    until(&mut world, |w| w.client.waiting.is_empty());
    rest(&mut world);
    assert_eq!(attempts(&world), before);
}

#[test]
fn a_record_that_is_damaged_is_passed_over_and_that_is_on_record() {
    let mut world = plain();
    reshape(&mut world, |e| e.is_disabled = true);
    publish(&mut world, 3, None);
    until(&mut world, |w| least(w) == 3);
    world.log.damage(Offset(1));
    reshape(&mut world, |e| e.is_disabled = false);
    rest(&mut world);
    let gaps = world.log.gaps().unwrap();
    assert_eq!((gaps.len(), gaps[0].from, gaps[0].until), (1, Offset(1), Offset(2)));
    assert_eq!(delivered(&world), 2);
}

#[test]
fn a_batch_lost_on_the_hot_path_is_read_from_the_log() {
    let plan = Plan { overflow_permille: 1_000, ..Plan::calm(1) };
    let mut world = world(plan, |_| {});
    publish(&mut world, 5, None);
    run_without(&mut world, Door::Network);
    rest(&mut world);
    assert_eq!(delivered(&world), 5);
}
