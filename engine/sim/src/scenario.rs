//! What named scenarios share: a calm world with one endpoint, and words for what the log holds.

use crate::{Door, Mode, Plan, World, endpoint};
use event::{AttemptState, DeliveryId, EndpointId, LaneId, Offset, Why};
use log::{Log, Stage};
use registry::DeclaredEndpoint;
use std::time::Duration;

/// The first endpoint that is declared.
pub const FIRST: EndpointId = EndpointId(1);
pub const URL: &str = "http://e0";

/// Nothing goes wrong but what the scenario does. `shape` makes the endpoint e0 what it is to be.
pub fn world(plan: Plan, shape: impl FnOnce(&mut DeclaredEndpoint)) -> World {
    let mut world = World::new(plan, true);
    let mut declared = endpoint("e0");
    declared.terms.jitter = 0.0;
    shape(&mut declared);
    world.client.endpoints.insert("e0".into(), declared);
    change(&mut world);
    world
}

pub fn plain() -> World {
    world(Plan::calm(1), |_| {})
}

/// An endpoint whose only filter does `what`, such as `drop 2`.
pub fn filtered(what: &str) -> World {
    let mut world = World::new(Plan::calm(1), true);
    let mut declared = endpoint("e0");
    declared.filters = vec!["f0".into()];
    world.client.set_filter("f0", what);
    world.client.endpoints.insert("e0".into(), declared);
    change(&mut world);
    world
}

/// Puts what the client declares in force.
pub fn change(world: &mut World) {
    world.apply_declared();
    assert!(world.run_until(Duration::from_secs(1), |w| w.client.waiting.is_empty()));
}

/// Changes e0.
pub fn reshape(world: &mut World, shape: impl FnOnce(&mut DeclaredEndpoint)) {
    shape(world.client.endpoints.get_mut("e0").expect("it is declared"));
    change(world);
}

/// A second endpoint, e1, that never answers: it holds the watermark where the next event of these
/// types lies, or of any.
pub fn hold_watermark(world: &mut World, types: &[&str]) {
    let mut other = endpoint("e1");
    other.types = types.iter().map(|text| text.to_string()).collect();
    other.terms.timeout = Duration::from_secs(60);
    world.client.endpoints.insert("e1".into(), other);
    change(world);
    world.network.set("http://e1", Mode::Hangs);
}

/// Sends so many events, each of `key` or of none, and waits until they are acknowledged.
pub fn publish(world: &mut World, count: usize, key: Option<&str>) {
    for _ in 0..count {
        let number = world.client.compose("a.x", key, false);
        world.send(number);
    }
    assert!(world.run_until(Duration::from_secs(9), |w| w.client.waiting.is_empty()));
}

/// Goes on for so long, whatever happens.
pub fn pass(world: &mut World, span: Duration) {
    let end = world.now + span;
    world.run_until(span, |w| w.now >= end);
    world.now = world.now.max(end);
    assert_eq!(world.violation(), None);
}

/// Goes on until nothing is owed.
pub fn rest(world: &mut World) {
    let is_at_rest = world.run_until(Duration::from_secs(3_000), World::is_at_rest);
    assert!(is_at_rest, "{:?}\n{}", world.violation(), tail(world));
}

/// Goes on until the log is as the scenario wants it.
pub fn until(world: &mut World, is_done: impl Fn(&mut World) -> bool) {
    let is_done = world.run_until(Duration::from_secs(600), is_done);
    assert!(is_done, "{:?}\n{}", world.violation(), tail(world));
}

fn tail(world: &World) -> String {
    let words = world.trace.words();
    words[words.len().saturating_sub(30)..].join("\n")
}

/// Takes every step that can be taken now, save those at one kind of door.
pub fn run_without(world: &mut World, shut: Door) {
    for _ in 0..10_000 {
        let door = world.open_doors().into_iter().find(|door| *door != shut);
        match door {
            Some(door) => world.step(door, true),
            None => return,
        }
    }
}

/// (offset, k, number, state) of each attempt row, in order.
pub fn attempts(world: &World) -> Vec<(u64, u32, u32, AttemptState)> {
    let rows = world.log.attempts(Offset::ZERO..Offset::MAX).expect("memory");
    rows.iter().map(|r| (r.delivery.offset.0, r.delivery.k, r.number(), r.state)).collect()
}

/// How many attempt rows say that something was delivered.
pub fn delivered_rows(world: &World) -> usize {
    attempts(world).iter().filter(|row| row.3 == AttemptState::Delivered).count()
}

/// (cursor, high, since, why) of e0's lane row.
pub fn lane(world: &World) -> Option<(u64, u64, u64, Why)> {
    let lanes = world.log.lanes().expect("memory");
    let (_, row) = lanes.into_iter().find(|(id, _)| *id == LaneId::main(FIRST))?;
    Some((row.cursor.0, row.high.0, row.since.0, row.why))
}

/// (offset, k, attempts made, stage) of each retry row.
pub fn retries(world: &World) -> Vec<(u64, u32, u32, Stage)> {
    let rows = world.log.retries(None, usize::MAX).expect("memory");
    rows.iter().map(|(k, r)| (k.delivery.offset.0, k.delivery.k, r.attempts, r.stage)).collect()
}

/// Offsets and reasons of the dead letters.
pub fn dead(world: &World) -> Vec<(u64, String)> {
    let rows = world.log.dead(None, usize::MAX).expect("memory");
    rows.into_iter().map(|(d, row)| (d.offset.0, row.reason.into())).collect()
}

pub fn has_parcel(world: &World, offset: u64) -> bool {
    world.log.parcel(delivery(offset)).expect("memory").is_some()
}

pub fn delivery(offset: u64) -> DeliveryId {
    DeliveryId { lane: LaneId::main(FIRST), offset: Offset(offset), k: 0 }
}

/// The least watermark on disk.
pub fn least(world: &World) -> u64 {
    world.log.watermarks().expect("memory").unwrap_or_default().least().0
}

/// How often far sides have said that they took a delivery.
pub fn delivered(world: &World) -> u64 {
    world.counts().delivered
}

pub fn set(world: &mut World, mode: Mode) {
    world.network.set(URL, mode);
}
