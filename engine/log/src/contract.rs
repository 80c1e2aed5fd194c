//! The suite that every log must pass. A store runs it with its own way to open and to crash.

use crate::{
    AttemptRow, AttemptState, Change, DeadRow, Due, DuplicateRow, Failure, GapRow, Group, LaneRow,
    Log, Parcel, ReadLimit, RegistryKey, RetryKey, RetryRow, Stage, Sync, Watermarks, Why,
};
use bytes::Bytes;
use event::{
    Attempted, Cause, DeliveryId, EndpointId, Envelope, Event, EventId, Headers, LaneId, Offset,
    Outcome, TenantId, Time,
};
use std::sync::Arc;
use std::time::Duration;

mod edges;
mod erased;
mod likeness;
mod listing;
mod random;

pub use likeness::{Unlike, compare, compare_events, compare_rows};
pub use listing::listing;
pub use random::random_group;

/// How the suite gets at a log of the kind under test.
pub trait Subject {
    type Log: Log;

    /// A log with nothing in it, whose generations seal after few events.
    fn empty(&mut self) -> Self::Log;

    /// Ends the process that holds `log`, and opens what it left.
    fn reopen(&mut self, log: Self::Log) -> Self::Log;

    /// Lets a thread of the log go on, where it has one.
    fn wait(&mut self) {}

    /// How many sequences of random groups it is to take.
    fn seeds(&self) -> u64 {
        10
    }

    /// Whether events can be read before they are synced.
    fn shows_unsynced(&self) -> bool;
}

/// Runs every clause, each on an empty log.
pub fn check(subject: &mut impl Subject) {
    an_empty_log_has_nothing(&subject.empty());
    a_group_is_read_back_whole(subject);
    reads_are_clamped_and_limited(&subject.empty());
    the_last_claim_alone_may_write(&subject.empty());
    removed_rows_are_gone(subject);
    retries_come_by_due_time_the_parked_last(&subject.empty());
    duplicates_are_found_until_they_expire(subject);
    the_floor_takes_whole_generations(subject);
    erased::what_is_erased_is_read_as_its_stub(subject);
    erased::nothing_below_the_floor_is_erased(subject);
    edges::check(subject);
}

/// An event with a body of 200 bytes that depends on its offset.
pub fn event(offset: u64) -> Arc<Event> {
    let headers = [("content-type", &b"application/json"[..]), ("x-odd", &[0xff, 0, b'\n'][..])];
    let time = Time::from_millis(1_790_000_000_000 + offset);
    let envelope = Envelope {
        key: (offset.is_multiple_of(2)).then(|| format!("key-{}", offset % 7).into()),
        headers: headers.into_iter().collect::<Headers>(),
        ..Envelope::new(TenantId::new("default"), "github", "push", time)
    };
    let body: Vec<u8> = (0..200).map(|i| (offset.wrapping_mul(31) + i) as u8).collect();
    let id = EventId::new(1_790_000_000_000 + offset, Offset(offset));
    Arc::new(Event { id, envelope, body: Bytes::from(body) })
}

pub fn delivery(endpoint: u64, offset: u64) -> DeliveryId {
    let lane = LaneId { endpoint: EndpointId(endpoint), n: 0 };
    DeliveryId { lane, offset: Offset(offset), k: 0 }
}

pub const ALL: ReadLimit = ReadLimit { events: usize::MAX, bytes: usize::MAX };

fn events(range: std::ops::Range<u64>) -> Group {
    Group { events: range.map(event).collect(), ..Group::default() }
}

fn an_empty_log_has_nothing(log: &impl Log) {
    assert_eq!((log.head(), log.floor()), (Offset::ZERO, Offset::ZERO));
    assert_eq!(log.read(Offset::ZERO..Offset::MAX, ALL).unwrap(), []);
    assert_eq!(log.watermarks().unwrap(), None);
    assert_eq!(log.lanes().unwrap(), []);
    assert_eq!(log.duplicate(&TenantId::new("t"), "s", b"k").unwrap(), None);
    assert_eq!(log.generations().unwrap().len(), 1, "the open generation is always there");
}

/// One of every kind of row, with values at the edges of their types.
pub fn full_group() -> Group {
    let d = delivery(u64::MAX, 1);
    let failed = Attempted {
        number: 3,
        at: Time::from_millis(5),
        took: Duration::from_millis(1234),
        outcome: Outcome::Failed {
            cause: Cause::Status(503),
            retry_after: Some(Duration::from_secs(9)),
        },
    };
    let row = |attempt, state| AttemptRow { delivery: d, outputs: 2, attempt, state };
    let retry = RetryRow {
        attempts: 3,
        stage: Stage::Output,
        outputs: 2,
        since: Time::from_millis(4),
        ruled_by: Offset(1),
        key_hash: Some(u64::MAX),
    };
    let due = RetryKey { due: Due::At(Time::from_secs(77)), delivery: d };
    let parcel = Parcel { stage: Stage::Output, event: event(1), input_key: Some(u64::MAX) };
    let dead = DeadRow {
        reason: "gave up: ü".into(),
        at: Time::from_secs(1),
        attempts: 10,
        stage: Stage::Input,
        outputs: 1,
        ruled_by: Offset(0),
        key_hash: None,
    };
    let lane = LaneRow { cursor: Offset(1), high: Offset(2), since: Offset(0), why: Why::Breaker };
    let registry =
        RegistryKey { kind: 1, id: Box::from(&b"\x00id\xff"[..]), since: Offset(u64::MAX) };
    Group {
        events: (0..3).map(event).collect(),
        duplicates: vec![duplicate(b"k1", 1)],
        attempts: vec![row(None, AttemptState::Trouble), row(Some(failed), AttemptState::Dead)],
        retries: vec![Change::Put(due, retry)],
        parcels: vec![Change::Put(d, parcel)],
        dead: vec![Change::Put(delivery(0, 2), dead)],
        lanes: vec![Change::Put(d.lane, lane)],
        gaps: vec![GapRow {
            lane: d.lane,
            from: Offset(0),
            until: Offset(1),
            at: Time::from_secs(3),
        }],
        registry: vec![Change::Put(registry, vec![0, 1, 255])],
        watermarks: Some(Watermarks { shards: vec![Offset(3), Offset(2)] }),
        floor: None,
        erased: Vec::new(),
    }
}

fn duplicate_tenant() -> TenantId {
    TenantId::new("default")
}

fn duplicate_source() -> &'static str {
    "github"
}

fn duplicate(key: &[u8], offset: u64) -> DuplicateRow {
    DuplicateRow {
        tenant: duplicate_tenant(),
        source: duplicate_source().into(),
        key: key.into(),
        digest: [7; 16],
        id: EventId::new(1_790_000_000_000 + offset, Offset(offset)),
    }
}

fn a_group_is_read_back_whole(subject: &mut impl Subject) {
    let log = subject.empty();
    let group = full_group();
    log.commit(log.claim().unwrap(), &group, Sync::Now).unwrap();
    holds(&log, &group);
    let log = subject.reopen(log);
    holds(&log, &group);
    let more = events(3..5);
    log.commit(log.claim().unwrap(), &more, Sync::Later).unwrap();
    log.sync(log.claim().unwrap()).unwrap();
    let log = subject.reopen(log);
    assert_eq!(log.head(), Offset(5));
    assert_eq!(log.read(Offset(3)..Offset(5), ALL).unwrap(), more.events);
}

fn holds(log: &impl Log, group: &Group) {
    assert_eq!(log.head(), Offset(group.events.len() as u64));
    assert_eq!(log.read(Offset::ZERO..Offset::MAX, ALL).unwrap(), group.events);
    assert_eq!(log.attempts(Offset(1)..Offset(2)).unwrap(), group.attempts);
    assert_eq!(log.attempts(Offset(2)..Offset::MAX).unwrap(), []);
    assert_eq!(puts(log.retries(None, 9).unwrap()), group.retries);
    assert_eq!(puts(log.dead(None, 9).unwrap()), group.dead);
    let letters = log.letters(None, 9).unwrap();
    assert!(!letters.is_incomplete);
    let whole = letters.rows.into_iter().map(|(delivery, row)| (delivery, row.unwrap()));
    assert_eq!(puts(whole.collect()), group.dead);
    for change in &group.dead {
        let Change::Put(delivery, row) = change else { continue };
        assert_eq!(log.letter(*delivery).unwrap().as_ref(), Some(row));
        assert_eq!(log.letter(delivery.next()).unwrap(), None);
    }
    assert_eq!(puts(log.lanes().unwrap()), group.lanes);
    assert_eq!(puts(log.registry().unwrap()), group.registry);
    assert_eq!(log.gaps().unwrap(), group.gaps);
    assert_eq!(log.watermarks().unwrap(), group.watermarks);
    for change in &group.parcels {
        let Change::Put(delivery, parcel) = change else { continue };
        assert_eq!(log.parcel(*delivery).unwrap().as_ref(), Some(parcel));
    }
    for row in &group.duplicates {
        let found = log.duplicate(&row.tenant, &row.source, &row.key).unwrap();
        assert_eq!(found.as_ref(), Some(row));
    }
}

fn puts<K, V>(rows: Vec<(K, V)>) -> Vec<Change<K, V>> {
    rows.into_iter().map(|(k, v)| Change::Put(k, v)).collect()
}

fn reads_are_clamped_and_limited(log: &impl Log) {
    log.commit(log.claim().unwrap(), &events(0..10), Sync::Now).unwrap();
    let read = |range: std::ops::Range<u64>, limit| {
        let events = log.read(Offset(range.start)..Offset(range.end), limit).unwrap();
        events.iter().map(|e| e.offset().0).collect::<Vec<_>>()
    };
    assert_eq!(read(3..6, ALL), [3, 4, 5]);
    assert_eq!(read(8..99, ALL), [8, 9]);
    assert_eq!(read(6..6, ALL), []);
    assert_eq!(read(50..60, ALL), []);
    assert_eq!(read(2..9, ReadLimit { events: 2, bytes: usize::MAX }), [2, 3]);
    assert_eq!(read(2..9, ReadLimit { events: 9, bytes: 1 }), [2], "one always comes");
}

fn the_last_claim_alone_may_write(log: &impl Log) {
    let old = log.claim().unwrap();
    let new = log.claim().unwrap();
    let refused = log.commit(old, &events(0..1), Sync::Now);
    assert!(matches!(refused, Err(Failure::LeaseLost)), "{refused:?}");
    log.commit(new, &events(0..1), Sync::Now).unwrap();
}

fn removed_rows_are_gone(subject: &mut impl Subject) {
    let log = subject.empty();
    let lease = log.claim().unwrap();
    let group = full_group();
    log.commit(lease, &group, Sync::Now).unwrap();
    let removal = Group {
        retries: removals(&group.retries),
        parcels: removals(&group.parcels),
        dead: removals(&group.dead),
        lanes: removals(&group.lanes),
        registry: removals(&group.registry),
        ..Group::default()
    };
    log.commit(lease, &removal, Sync::Now).unwrap();
    let log = subject.reopen(log);
    assert_eq!(log.retries(None, 9).unwrap(), []);
    assert_eq!(log.dead(None, 9).unwrap(), []);
    assert_eq!(log.lanes().unwrap(), []);
    assert_eq!(log.registry().unwrap(), []);
    assert_eq!(log.parcel(delivery(u64::MAX, 1)).unwrap(), None);
    assert_eq!(log.attempts(Offset::ZERO..Offset::MAX).unwrap().len(), 2, "history stays");
}

fn removals<K: Clone, V>(changes: &[Change<K, V>]) -> Vec<Change<K, V>> {
    let key = |change: &Change<K, V>| match change {
        Change::Put(key, _) | Change::Remove(key) => key.clone(),
    };
    changes.iter().map(|change| Change::Remove(key(change))).collect()
}

fn retries_come_by_due_time_the_parked_last(log: &impl Log) {
    let row = RetryRow {
        attempts: 1,
        stage: Stage::Output,
        outputs: 1,
        since: Time::ZERO,
        ruled_by: Offset::ZERO,
        key_hash: None,
    };
    let key = |due, offset| RetryKey { due, delivery: delivery(1, offset) };
    let at = |secs| Due::At(Time::from_secs(secs));
    let keys = [key(Due::Parked, 0), key(at(300), 1), key(at(2), 9), key(at(2), 3)];
    let group =
        Group { retries: keys.iter().map(|k| Change::Put(*k, row)).collect(), ..Group::default() };
    log.commit(log.claim().unwrap(), &group, Sync::Now).unwrap();
    let order = |from, count| -> Vec<RetryKey> {
        log.retries(from, count).unwrap().into_iter().map(|(k, _)| k).collect()
    };
    assert_eq!(order(None, 9), [keys[3], keys[2], keys[1], keys[0]]);
    assert_eq!(order(None, 2), [keys[3], keys[2]]);
    let later = RetryKey::first_at(Time::from_secs(3));
    assert_eq!(order(Some(later), 9), [keys[1], keys[0]]);
}

fn duplicates_are_found_until_they_expire(subject: &mut impl Subject) {
    let log = subject.empty();
    let lease = log.claim().unwrap();
    let mut group = events(0..2);
    group.duplicates = vec![duplicate(b"a", 0), duplicate(b"b", 1)];
    log.commit(lease, &group, Sync::Now).unwrap();
    let find = |log: &dyn Log, source: &str, key: &[u8]| {
        log.duplicate(&TenantId::new("default"), source, key).unwrap()
    };
    assert_eq!(find(&log, "github", b"a"), Some(duplicate(b"a", 0)));
    assert_eq!(find(&log, "stripe", b"a"), None, "keys are the source's own");
    assert_eq!(find(&log, "github", b""), None);
    log.expire_duplicates(lease, Time::ZERO).unwrap();
    let log = subject.reopen(log);
    assert_eq!(find(&log, "github", b"b"), Some(duplicate(b"b", 1)), "nothing was due to go");
}

fn the_floor_takes_whole_generations(subject: &mut impl Subject) {
    let log = subject.empty();
    let lease = log.claim().unwrap();
    let mut next = 0;
    while log.generations().unwrap().len() < 4 {
        log.commit(lease, &events(next..next + 50), Sync::Now).unwrap();
        next += 50;
        assert!(next < 100_000, "generations of the log under test are too large");
    }
    let before = log.generations().unwrap();
    assert!(before.windows(2).all(|pair| pair[0].end == pair[1].first), "{before:?}");
    assert!(before[..3].iter().all(|g| g.is_sealed) && !before[3].is_sealed, "{before:?}");
    let floor = before[1].end;
    let group = Group { floor: Some(floor), ..Group::default() };
    log.commit(lease, &group, Sync::Now).unwrap();
    assert_eq!(log.floor(), floor);
    assert_eq!(first(&log), floor, "nothing below the floor is read, dropped or not");
    log.reclaim(lease).unwrap();
    log.reclaim(lease).unwrap();
    assert_eq!(log.generations().unwrap(), before[2..]);
    let log = subject.reopen(log);
    assert_eq!((log.floor(), log.head()), (floor, Offset(next)));
    assert_eq!(first(&log), floor, "what was dropped does not come back");
    assert_eq!(log.generations().unwrap(), before[2..]);
}

fn first(log: &impl Log) -> Offset {
    log.read(Offset::ZERO..Offset::MAX, ReadLimit { events: 1, bytes: 1 }).unwrap()[0].offset()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemLog, Survivors};

    struct Memory;

    impl Subject for Memory {
        type Log = MemLog;

        fn empty(&mut self) -> MemLog {
            MemLog::new(64)
        }

        fn reopen(&mut self, log: MemLog) -> MemLog {
            log.crash(Survivors::All);
            log
        }

        fn shows_unsynced(&self) -> bool {
            true
        }

        fn seeds(&self) -> u64 {
            100
        }
    }

    #[test]
    fn the_log_in_memory_keeps_the_contract() {
        check(&mut Memory);
    }

    #[test]
    fn a_power_cut_takes_a_suffix_of_what_was_not_synced() {
        let log = MemLog::new(64);
        let lease = log.claim().unwrap();
        log.commit(lease, &events(0..1), Sync::Now).unwrap();
        for n in 1..4 {
            log.commit(lease, &events(n..n + 1), Sync::Later).unwrap();
        }
        assert_eq!(log.unsynced(), 3);
        log.crash(Survivors::Unsynced(2));
        assert_eq!(log.head(), Offset(3));
    }
}
