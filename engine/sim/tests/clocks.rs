//! Restarts with a time of day that is not the one of before.
#![allow(clippy::unwrap_used, reason = "tests")]

use event::AttemptState::{Delivered, Trouble};
use event::{Due, RetryKey};
use log::Log;
use registry::Ordering;
use sim::scenario::*;
use sim::{Crash, Mode, Plan, World};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Two of a key: the first has failed, the second is parked behind it.
fn in_trouble_after_an_hour(wait: Duration) -> World {
    let mut world = world(Plan::calm(1), |e| {
        e.terms.ordering = Ordering::Key;
        e.terms.schedule = vec![wait; 3];
    });
    pass(&mut world, HOUR);
    set(&mut world, Mode::Down(500));
    publish(&mut world, 2, Some("key"));
    until(&mut world, |w| retries(w).len() == 2);
    set(&mut world, Mode::Fine);
    world
}

fn keys(world: &World) -> Vec<RetryKey> {
    world.log.retries(None, usize::MAX).unwrap().into_iter().map(|(key, _)| key).collect()
}

/// How long the first waits from now on; the second is parked.
fn wait(world: &World) -> Duration {
    match keys(world)[..] {
        [RetryKey { due: Due::At(due), .. }, RetryKey { due: Due::Parked, .. }] => {
            due.since(world.now)
        }
        ref other => panic!("{other:?}"),
    }
}

fn assert_both_come_in_order(world: &mut World) {
    let order: Vec<_> = attempts(world).iter().map(|row| (row.0, row.2, row.3)).collect();
    let ended = order.iter().filter(|row| row.2 == Delivered).collect::<Vec<_>>();
    assert_eq!(ended, [&(0, 2, Delivered), &(1, 1, Delivered)], "{order:?}");
    assert!(retries(world).is_empty());
}

#[test]
fn a_clock_that_goes_back_takes_due_times_with_it() {
    let mut world = in_trouble_after_an_hour(10 * SECOND);
    world.crash_and_turn_back(HOUR / 2);
    assert!(wait(&world) <= 10 * SECOND, "{:?}", wait(&world));
    pass(&mut world, 11 * SECOND);
    assert_both_come_in_order(&mut world);
}

#[test]
fn a_crash_after_due_times_were_put_right_finds_them_so() {
    let mut world = in_trouble_after_an_hour(600 * SECOND);
    world.crash_and_turn_back(HOUR / 2);
    let before = keys(&world);
    world.crash(Crash::PowerCut(0), 2);
    assert_eq!(keys(&world), before, "the start's own group was synced, and is right");
    assert!(wait(&world) <= 600 * SECOND);
    rest(&mut world);
    assert_both_come_in_order(&mut world);
}

#[test]
fn a_clock_that_goes_on_by_ten_years_makes_due_what_waits() {
    let mut world = in_trouble_after_an_hour(600 * SECOND);
    world.now = world.now + 24 * 3650 * HOUR;
    world.crash(Crash::Kill, 1);
    pass(&mut world, SECOND);
    assert_both_come_in_order(&mut world);
}

#[test]
fn a_clock_that_drifts_has_no_row_written_anew() {
    let mut world = in_trouble_after_an_hour(600 * SECOND);
    let before = keys(&world);
    world.crash_and_turn_back(30 * SECOND);
    assert_eq!(keys(&world), before);
    assert_eq!(attempts(&world)[0].3, Trouble);
    rest(&mut world);
    assert_both_come_in_order(&mut world);
}
