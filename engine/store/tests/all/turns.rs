//! What comes and goes with time: generations, their indexes, duplicate and attempt tables.

use crate::child::small;
use crate::support::{check_whole, event_at, group, open, options, scratch};
use event::{Change, DeliveryId, EndpointId, EventId, LaneId, Offset, StreamId, TenantId, Time};
use log::{DeadRow, DuplicateRow, Failure, Group, Log, ReadLimit, Sync, Watermarks, contract};
use std::fs;
use std::path::Path;
use std::time::Duration;
use store::{Store, StoreOptions, key_hash};

fn fill(log: &Store, range: std::ops::Range<u64>) {
    let lease = log.claim().unwrap();
    for first in range.step_by(10) {
        log.commit(lease, &group(first, 10), Sync::Later).unwrap();
    }
    log.sync(lease).unwrap();
}

#[test]
fn a_sealed_generation_knows_its_events_by_tenant() {
    let dir = scratch();
    let log = open(small(dir.path()));
    fill(&log, 0..300);
    // A restart in the middle of a generation must not leave a hole in its index.
    drop(log);
    let log = open(small(dir.path()));
    fill(&log, 300..900);
    let generations = log.generations().unwrap();
    let sealed: Vec<_> = generations.iter().filter(|g| g.is_sealed).collect();
    assert!(sealed.len() >= 3, "{generations:?}");
    let tenant = TenantId::new("default");
    let mut next = Offset::ZERO;
    for generation in sealed {
        let entries = log.index(generation.first, StreamId(0), &tenant).unwrap().unwrap();
        for entry in entries {
            let event = event_at(next.0);
            assert_eq!((entry.offset, &entry.event_type), (next, &event.envelope.event_type));
            assert_eq!(entry.key_hash, key_hash(event.envelope.key.as_deref()));
            next = next.next();
        }
        assert_eq!(next, generation.end, "every event is in the index");
        let none = log.index(generation.first, StreamId(0), &TenantId::new("nobody")).unwrap();
        assert_eq!(none, Some(Vec::new()));
    }
    assert_eq!(log.index(log.head(), StreamId(0), &tenant).unwrap(), None, "still open");
    log.check_events().unwrap();
}

/// A start that finds tables which a drop left behind finishes the drop.
#[test]
fn what_retention_took_does_not_come_back() {
    let dir = scratch();
    let log = open(small(dir.path()));
    fill(&log, 0..600);
    let lease = log.claim().unwrap();
    let floor = log.generations().unwrap()[1].end;
    let group = Group { floor: Some(floor), ..Group::default() };
    log.commit(lease, &group, Sync::Now).unwrap();
    assert_eq!(log.generations().unwrap()[0].first, Offset::ZERO, "not dropped yet");
    drop(log);
    let log = open(small(dir.path()));
    assert_eq!(log.generations().unwrap()[0].first, floor, "dropped by the start");
    check_whole(&log);
    fill(&log, 600..700);
    check_whole(&log);
}

fn duplicate(ms: u64) -> DuplicateRow {
    DuplicateRow {
        tenant: TenantId::new("t"),
        source: "s".into(),
        key: ms.to_be_bytes().into(),
        digest: [1; 16],
        id: EventId::new(ms, Offset(0)),
    }
}

fn known(log: &Store, ms: u64) -> bool {
    log.duplicate(&TenantId::new("t"), "s", &ms.to_be_bytes()).unwrap().is_some()
}

fn tables(dir: &Path) -> usize {
    fs::read_dir(dir.join("log/keyspaces")).unwrap().count()
}

#[test]
fn duplicates_are_forgotten_by_the_table() {
    let dir = scratch();
    let timed =
        || StoreOptions { duplicate_window: Duration::from_millis(600), ..options(dir.path()) };
    let log = open(timed());
    let lease = log.claim().unwrap();
    let before = tables(dir.path());
    for ms in (1000..2000).step_by(10) {
        let group = Group { duplicates: vec![duplicate(ms)], ..Group::default() };
        log.commit(lease, &group, Sync::Later).unwrap();
        log.expire_duplicates(lease, Time::from_millis(ms.saturating_sub(600))).unwrap();
        let oldest = 1000.max(ms.saturating_sub(600));
        assert!((oldest..=ms).step_by(10).all(|ms| known(&log, ms)), "the window holds at {ms}");
        assert!(tables(dir.path()) - before <= 8);
    }
    assert!(!known(&log, 1000), "the oldest are gone");
    assert!(log.duplicates_since() > Time::from_millis(1000));
    drop(log);
    let log = open(timed());
    assert!(known(&log, 1990) && !known(&log, 1000));
}

#[test]
fn no_more_duplicates_are_kept_than_are_allowed() {
    let dir = scratch();
    let log = open(StoreOptions { duplicates_max: 60, ..options(dir.path()) });
    let lease = log.claim().unwrap();
    for ms in 1000..1200 {
        let group = Group { duplicates: vec![duplicate(ms)], ..Group::default() };
        log.commit(lease, &group, Sync::Later).unwrap();
    }
    let kept = (1000..1200).filter(|ms| known(&log, *ms)).count();
    assert!((60..=90).contains(&kept), "{kept}");
    assert!(known(&log, 1199) && !known(&log, 1000));
    assert!(log.duplicates_since() > Time::from_millis(1000), "the real window is told");
}

#[test]
fn attempts_go_below_the_floor_and_never_from_the_least_watermark_on() {
    let dir = scratch();
    let log = open(StoreOptions { generation_bytes: 8 << 10, ..small(dir.path()) });
    fill(&log, 0..1500);
    assert!(log.generations().unwrap().len() > 20);
    let all = log.attempts(Offset::ZERO..Offset::MAX).unwrap();
    assert_eq!(all.len(), 150);
    let lease = log.claim().unwrap();
    let watermarks = Watermarks { shards: vec![Offset(900), Offset(700)] };
    let floor = Some(Offset(1400));
    let group = Group { floor, watermarks: Some(watermarks), ..Group::default() };
    log.commit(lease, &group, Sync::Now).unwrap();
    log.reclaim(lease).unwrap();
    let kept = log.attempts(Offset::ZERO..Offset::MAX).unwrap();
    assert!(kept.len() < all.len(), "some are gone");
    let needed = |rows: &[log::AttemptRow]| {
        rows.iter().filter(|row| row.delivery.offset >= Offset(700)).count()
    };
    assert_eq!(needed(&kept), needed(&all));
    assert_eq!(kept[..], all[all.len() - kept.len()..], "in order");
}

fn tables_of(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let keyspaces = fs::read_dir(dir.join("log/keyspaces")).unwrap();
    let tables = keyspaces.map(|entry| entry.unwrap().path().join("tables"));
    let files = tables.flat_map(|tables| fs::read_dir(tables).into_iter().flatten());
    files.map(|table| table.unwrap().path()).collect()
}

/// Closes a log once fjall has written `part` to a table, and changes one byte behind its beginning
/// in each that has it. What a log has not written before it is closed may stay in journals.
fn damage_tables(log: Store, dir: &Path, part: &[u8], at: usize, mask: u8) {
    let find = |path: &Path| {
        let bytes = fs::read(path).ok()?;
        let found = bytes.windows(part.len()).position(|bytes| bytes == part)?;
        Some((bytes, found))
    };
    let mut waits = 0;
    while !tables_of(dir).iter().any(|path| find(path).is_some()) {
        assert!(waits < 1_200, "it is in no table");
        waits += 1;
        std::thread::park_timeout(Duration::from_millis(50));
    }
    drop(log);
    for path in tables_of(dir) {
        if let Some((mut bytes, found)) = find(&path) {
            bytes[found + at] ^= mask;
            fs::write(&path, bytes).unwrap();
        }
    }
}

/// Damage that comes after the start: that event alone is lost, and named.
#[test]
fn a_damaged_event_in_a_table_is_set_apart() {
    let dir = scratch();
    let log = open(small(dir.path()));
    fill(&log, 0..900);
    let mut frame = Vec::new();
    log::codec::encode_event(&event_at(100), &mut frame);
    damage_tables(log, dir.path(), &frame, 60, 4);
    let (log, recovered) = Store::open(small(dir.path())).unwrap();
    assert!(recovered.damaged.contains(&Offset(100)), "{recovered:?}");
    assert!(recovered.damaged.len() < 200, "{recovered:?}");
    let limit = ReadLimit { events: usize::MAX, bytes: usize::MAX };
    let found = log.read(Offset(100)..Offset(101), limit);
    assert!(matches!(found, Err(Failure::Damaged { offset: Offset(100) })), "{found:?}");
    let before = log.read(Offset(0)..Offset(900), limit).unwrap();
    assert!(!before.is_empty() && before.len() <= 100, "{} events", before.len());
    let after = log.read(Offset(500)..Offset(900), limit).unwrap();
    assert_eq!(after.len(), 400);
    assert_eq!(after[0], event_at(500));
    assert!(log.check_events().is_err());
    assert_eq!(contract::event(500).id, after[0].id);
}

/// A scan of fjall's that meets an unreadable block loses intact rows beside it too.
#[test]
fn an_unreadable_block_costs_only_the_events_in_it() {
    let large = |offset: u64| {
        let body = bytes::Bytes::from(vec![offset as u8; 90 << 10]);
        std::sync::Arc::new(event::Event { body, ..event::Event::clone(&event_at(offset)) })
    };
    let dir = scratch();
    let log = open(small(dir.path()));
    let lease = log.claim().unwrap();
    for offset in 0..40 {
        let group = Group { events: vec![large(offset)], ..Group::default() };
        log.commit(lease, &group, Sync::Now).unwrap();
    }
    let mut frame = Vec::new();
    log::codec::encode_event(&large(10), &mut frame);
    damage_tables(log, dir.path(), &frame, 500, 1);
    let (log, recovered) = Store::open(small(dir.path())).unwrap();
    assert_eq!(recovered.damaged, [Offset(10)]);
    let limit = ReadLimit { events: usize::MAX, bytes: usize::MAX };
    let before = log.read(Offset(0)..Offset(40), limit).unwrap();
    assert_eq!(before.len(), 10, "all that lies before it");
    let after = log.read(Offset(11)..Offset(40), limit).unwrap();
    assert_eq!(after.len(), 29, "all that lies behind it");
}

/// A block holds many letters, and only what is on both sides of it tells where it ends.
#[test]
fn an_unreadable_block_costs_only_the_letters_beside_it() {
    const LETTERS: u64 = 2_000;
    let delivery =
        |offset| DeliveryId { lane: LaneId::main(EndpointId(7)), offset: Offset(offset), k: 0 };
    let letter = |offset: u64| DeadRow {
        reason: format!("letter {offset:05} {}", "is dead ".repeat(10)).into(),
        at: Time::from_secs(offset),
        attempts: 3,
        stage: log::Stage::Output,
        outputs: 1,
        ruled_by: Offset(0),
        key_hash: None,
    };
    let dir = scratch();
    let log = open(small(dir.path()));
    let lease = log.claim().unwrap();
    let dead = (0..LETTERS).map(|n| Change::Put(delivery(n), letter(n))).collect();
    log.commit(lease, &Group { dead, ..Group::default() }, Sync::Now).unwrap();
    // Rows go to a table once there is enough of anything.
    fill(&log, 0..900);
    drop(log);
    let log = open(small(dir.path()));
    fill(&log, 900..1_800);
    damage_tables(log, dir.path(), b"letter 01000", 3, 1);
    let log = open(small(dir.path()));
    assert!(matches!(log.dead(None, usize::MAX), Err(Failure::DamagedRow { table: "dead", .. })));
    assert!(matches!(log.letter(delivery(1_000)), Err(Failure::DamagedRow { .. })));
    assert_eq!(log.letter(delivery(0)).unwrap(), Some(letter(0)));
    let all = log.letters(None, usize::MAX).unwrap();
    assert!(all.is_incomplete);
    let lost = LETTERS - all.rows.len() as u64;
    assert!((1..200).contains(&lost), "{lost} of {LETTERS} are lost");
    let mut last = None;
    for (id, row) in &all.rows {
        assert_eq!((id, row), (&delivery(id.offset.0), &Some(letter(id.offset.0))));
        assert!(last.replace(id.offset) < Some(id.offset), "in order, each once");
    }
    // Page by page it comes to the same.
    let (mut paged, mut from) = (Vec::new(), Some(delivery(0)));
    while let Some(start) = from {
        let page = log.letters(Some(start), 64).unwrap().rows;
        assert!(page.len() <= 64);
        from = page.last().map(|(id, _)| id.next());
        paged.extend(page);
    }
    assert_eq!(paged, all.rows);
}
