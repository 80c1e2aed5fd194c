use super::erased::stub;
use super::{delivery, duplicate, event, full_group};
use crate::{
    AttemptRow, AttemptState, Change, Due, Group, LaneRow, Log, MemLog, RegistryKey, RetryKey,
    Watermarks, Why,
};
use event::{Attempted, DeliveryId, GapRow, Offset, Outcome, Rng, Time};
use std::time::Duration;

/// Names come from so few that rows meet: written again, removed, removed before they were there.
const ENDPOINTS: u64 = 4;
const RECENT: u64 = 12;

/// Any group that a log may be asked to commit after those that `model` was given.
pub fn random_group(rng: &mut Rng, model: &MemLog) -> Group {
    let (head, floor) = (model.head(), model.floor());
    let count = if chance(rng, 3) { 0 } else { rng.range(1..6) };
    let end = head.0 + count;
    let mut group = Group { events: (head.0..end).map(event).collect(), ..Group::default() };
    let full = full_group();
    for _ in 0..rng.range(0..4) {
        let d = some_delivery(rng, end);
        group.attempts.push(some_attempt(rng, d));
        let mut retry = full_put(&full.retries);
        retry.attempts = rng.range(0..9) as u32;
        let due = if chance(rng, 3) { Due::Parked } else { Due::At(some_time(rng)) };
        group.retries.push(some_change(rng, RetryKey { due, delivery: d }, retry));
        group.parcels.push(some_change(rng, d, full_put(&full.parcels)));
        let mut dead = full_put(&full.dead);
        dead.at = some_time(rng);
        group.dead.push(some_change(rng, d, dead));
        let lane = some_lane(rng, end);
        group.lanes.push(some_change(rng, d.lane, lane));
    }
    if chance(rng, 3) {
        let id = Box::from([rng.range(0..3) as u8]);
        let key = RegistryKey { kind: rng.range(0..2) as u8, id, since: Offset(rng.range(0..3)) };
        let content = vec![rng.u64() as u8; rng.range(0..40) as usize];
        group.registry.push(some_change(rng, key, content));
    }
    if chance(rng, 6) {
        let (lane, from) = (some_delivery(rng, end).lane, Offset(rng.range(0..4)));
        group.gaps.push(GapRow { lane, from, until: Offset(9), at: some_time(rng) });
    }
    for offset in head.0..end {
        if chance(rng, 2) {
            group.duplicates.push(duplicate(&[rng.range(0..20) as u8], offset));
        }
    }
    if chance(rng, 3) {
        let known = model.watermarks().expect("a log in memory can be read");
        // What retention took before the first was written has been passed over.
        let least = known.map_or(floor.0, |watermarks| watermarks.least().0);
        let shards = (0..rng.range(1..4)).map(|_| Offset(rng.range(least..end + 1))).collect();
        group.watermarks = Some(Watermarks { shards });
    }
    if chance(rng, 8) {
        // Sometimes behind the one that is there: a floor never goes back.
        let from = floor.0.saturating_sub(5);
        group.floor = Some(Offset(rng.range(from..head.0.max(from) + 1)));
    }
    if chance(rng, 5) && head.0 > 0 {
        let first = rng.range(0..head.0);
        let several = (first..head.0).take(rng.range(1..4) as usize);
        group.erased = several.map(stub).collect();
    }
    group
}

/// The keys that the duplicate rows of random groups have.
pub fn duplicate_keys() -> impl Iterator<Item = [u8; 1]> {
    (0..20).map(|key| [key])
}

/// The deliveries that the rows of random groups up to `head` have.
pub fn deliveries(head: Offset) -> impl Iterator<Item = DeliveryId> {
    let offsets = 0..head.0 + 1;
    offsets.flat_map(|offset| (0..ENDPOINTS).map(move |endpoint| delivery(endpoint, offset)))
}

fn chance(rng: &mut Rng, one_in: u64) -> bool {
    rng.range(0..one_in) == 0
}

fn some_time(rng: &mut Rng) -> Time {
    Time::from_secs(rng.range(0..5))
}

fn some_delivery(rng: &mut Rng, end: u64) -> DeliveryId {
    delivery(rng.range(0..ENDPOINTS), rng.range(end.saturating_sub(RECENT)..end + 1))
}

fn some_attempt(rng: &mut Rng, delivery: DeliveryId) -> AttemptRow {
    let attempt = (!chance(rng, 3)).then(|| Attempted {
        number: rng.range(1..3) as u32,
        at: some_time(rng),
        took: Duration::from_millis(rng.range(0..100)),
        outcome: Outcome::Delivered { status: 204 },
    });
    let state = if chance(rng, 2) { AttemptState::Delivered } else { AttemptState::Trouble };
    AttemptRow { delivery, outputs: rng.range(0..3) as u32, attempt, state }
}

fn some_lane(rng: &mut Rng, end: u64) -> LaneRow {
    let cursor = Offset(rng.range(0..end + 1));
    LaneRow { cursor, high: Offset(end), since: Offset(0), why: Why::Slow }
}

fn some_change<K, V>(rng: &mut Rng, key: K, value: V) -> Change<K, V> {
    if chance(rng, 3) { Change::Remove(key) } else { Change::Put(key, value) }
}

fn full_put<K: Clone, V: Clone>(changes: &[Change<K, V>]) -> V {
    match &changes[0] {
        Change::Put(_, value) => value.clone(),
        Change::Remove(_) => unreachable!("the full group removes nothing"),
    }
}
