//! What was erased is in no file once the log says so, wherever it had been and whatever cut in.

use crate::support::{image_of, open, options, scratch, spawn};
use bytes::Bytes;
use event::{Event, Time};
use log::{Change, Group, Log, Parcel, ReadLimit, Stage, Sync, contract};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::{Store, StoreOptions};

const MARKER: &[u8] = b"this-must-not-be-found-anywhere";
/// Steps of `reclaim`; a round takes some twenty and waits for the thread now and then.
const STEPS_MAX: usize = 2_000;

fn small(dir: &Path, has_thread: bool) -> StoreOptions {
    StoreOptions {
        generation_bytes: 64 << 10,
        memtable_bytes: 32 << 10,
        spawn: has_thread.then_some(spawn),
        ..options(dir)
    }
}

fn marked(offset: u64) -> Arc<Event> {
    let event = contract::event(offset);
    Arc::new(Event { body: Bytes::from(MARKER.repeat(3)), ..Event::clone(&event) })
}

/// Every seventh event has the marker, and a parcel of it too, some of which go again.
fn fill(log: &Store, from: u64, count: u64) {
    let lease = log.claim().unwrap();
    for first in (from..from + count).step_by(10) {
        let is_marked = |offset: &u64| offset.is_multiple_of(7);
        let offsets = first..first + 10;
        let event = |n| if is_marked(&n) { marked(n) } else { contract::event(n) };
        let kept = offsets.clone().filter(is_marked);
        let parcel = |n| Parcel { stage: Stage::Output, event: marked(n), input_key: None };
        let mut group = Group {
            events: offsets.clone().map(event).collect(),
            parcels: kept.map(|n| Change::Put(contract::delivery(1, n), parcel(n))).collect(),
            ..Group::default()
        };
        let gone = offsets.filter(|n| n.is_multiple_of(14)).map(|n| n.saturating_sub(21));
        group.parcels.extend(gone.map(|n| Change::Remove(contract::delivery(1, n))));
        log.commit(lease, &group, Sync::Now).unwrap();
    }
}

fn erase(log: &Store) {
    erase_those(log, |offset| offset.is_multiple_of(7));
}

fn erase_those(log: &Store, is_one: impl Fn(u64) -> bool) {
    let marked = (0..log.head().0).filter(|offset| is_one(*offset));
    let stub = |n: u64| Arc::new(contract::event(n).stub(Time::from_secs(1)));
    let mut group = Group { erased: marked.map(stub).collect(), ..Group::default() };
    for event in group.erased.clone() {
        let delivery = contract::delivery(1, event.offset().0);
        let change = match log.parcel(delivery).unwrap() {
            Some(parcel) => Change::Put(delivery, Parcel { event, ..parcel }),
            None => Change::Remove(delivery),
        };
        group.parcels.push(change);
    }
    log.commit(log.claim().unwrap(), &group, Sync::Now).unwrap();
}

/// Goes on until the log says that it is done; what `at` does comes between two steps.
fn go_on(log: &Store, mut at: impl FnMut(usize)) {
    let lease = log.claim().unwrap();
    for step in 0..STEPS_MAX {
        if !log.is_erasing() {
            return;
        }
        log.reclaim(lease).unwrap();
        at(step);
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("it does not come to its end");
}

fn files_with_marker(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with_marker(&path));
        } else if memmem(&std::fs::read(&path).unwrap(), MARKER) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn memmem(bytes: &[u8], wanted: &[u8]) -> bool {
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == wanted[0]);
    starts.into_iter().any(|(at, _)| bytes[at..].starts_with(wanted))
}

fn holds(log: &Store) {
    log.check_rows().unwrap();
    log.check_events().unwrap();
    let limit = ReadLimit { events: usize::MAX, bytes: usize::MAX };
    let all = log.read(log.floor()..log.head(), limit).unwrap();
    assert_eq!(all.len() as u64, log.head().0);
    for event in &all {
        assert_eq!(event.is_erased(), event.offset().0.is_multiple_of(7));
        let delivery = contract::delivery(1, event.offset().0);
        let parcel = log.parcel(delivery).unwrap();
        assert!(parcel.is_none_or(|parcel| parcel.event.is_erased()));
    }
}

#[test]
fn what_was_erased_is_in_no_file() {
    for has_thread in [false, true] {
        let dir = scratch();
        let log = open(small(dir.path(), has_thread));
        fill(&log, 0, 900);
        std::fs::create_dir_all(dir.path().join("aside")).unwrap();
        std::fs::write(dir.path().join("aside/0.jnl-1-0"), MARKER).unwrap();
        assert!(log.generations().unwrap().len() > 3);
        assert!(files_with_marker(dir.path()).len() >= 3, "it is in journal, tables, and aside");
        erase(&log);
        holds(&log);
        go_on(&log, |_| {});
        assert_eq!(files_with_marker(dir.path()), [] as [&str; 0]);
        holds(&log);
        drop(log);
        let log = open(small(dir.path(), has_thread));
        assert!(!log.is_erasing());
        holds(&log);
        fill(&log, 900, 20);
        drop(log);
        assert_eq!(store::salvage(dir.path(), &mut |_| Ok(())).unwrap().events, 920);
    }
}

#[test]
fn what_waits_for_room_says_how_much_has_to_be_free() {
    let dir = scratch();
    let log = open(small(dir.path(), false));
    fill(&log, 0, 900);
    erase(&log);
    // Rows still go in.
    let floor = log.room().unwrap().free_bytes.saturating_mul(2);
    drop(log);
    let log = open(StoreOptions { disk_floor_bytes: floor, ..small(dir.path(), false) });
    let lease = log.claim().unwrap();
    (0..10).for_each(|_| log.reclaim(lease).unwrap());
    assert!(log.is_erasing());
    let shortage = log.erasing_shortage().unwrap().expect("there is no room");
    assert!(shortage.free_bytes < floor && shortage.needed_bytes > floor, "{shortage:?}");
    drop(log);
    let log = open(small(dir.path(), false));
    log.reclaim(log.claim().unwrap()).unwrap();
    assert_eq!(log.erasing_shortage().unwrap(), None, "there is room");
    go_on(&log, |_| {});
    assert_eq!(files_with_marker(dir.path()), [] as [&str; 0]);
}

/// The directory as a kill leaves it after each few steps of a round, opened and taken to the end.
#[test]
fn a_kill_at_any_step_of_a_round_is_made_good() {
    let dir = scratch();
    let log = open(small(dir.path(), false));
    fill(&log, 0, 300);
    erase(&log);
    let mut killed = Vec::new();
    go_on(&log, |step| {
        if step % 5 == 0 {
            killed.push(image_of(dir.path()));
        }
    });
    assert!(killed.len() >= 3, "a round has several steps");
    for image in killed {
        let log = open(small(image.path(), false));
        holds(&log);
        go_on(&log, |_| {});
        assert_eq!(files_with_marker(image.path()), [] as [&str; 0]);
        holds(&log);
    }
}

thread_local! {
    /// What a log without a thread of its own told.
    static TOLD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn tell(text: &str) {
    TOLD.with_borrow_mut(|told| told.push(text.to_owned()));
}

fn told() -> Vec<String> {
    TOLD.with_borrow(Clone::clone)
}

/// Goes on until something cannot be done.
fn go_on_to_trouble(log: &Store) -> String {
    let lease = log.claim().unwrap();
    for _ in 0..STEPS_MAX {
        log.reclaim(lease).unwrap();
        if let Some(trouble) = log.erasing_trouble() {
            return trouble;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("it has no trouble");
}

/// Sorted files of this log that hold some bytes.
fn sorted_files_with(dir: &Path, wanted: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for keyspace in std::fs::read_dir(dir.join("log/keyspaces")).unwrap() {
        let Ok(files) = std::fs::read_dir(keyspace.unwrap().path().join("tables")) else {
            continue;
        };
        let paths = files.map(|file| file.unwrap().path());
        // A worker may take one away meanwhile.
        found.extend(paths.filter(|path| std::fs::read(path).is_ok_and(|b| memmem(&b, wanted))));
    }
    found
}

/// Flips a bit of an event that is not erased, beside others that are.
fn damage_a_generation(dir: &Path) -> PathBuf {
    let mut record = Vec::new();
    log::codec::encode_event(&contract::event(1), &mut record);
    let path = sorted_files_with(dir, &record).remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(record.len()).position(|window| window == record).unwrap();
    bytes[at + record.len() / 2] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_block_that_cannot_be_read_keeps_what_is_in_its_table_alone() {
    let dir = scratch();
    let log = open(StoreOptions { tell: Some(tell), ..small(dir.path(), false) });
    fill(&log, 0, 900);
    // After this each generation is one sorted file, and the markers are still there.
    erase_those(&log, |offset| offset % 7 == 3);
    go_on(&log, |_| {});
    let damaged = damage_a_generation(dir.path());
    assert!(sorted_files_with(dir.path(), MARKER).len() > 2, "other tables have it too");
    erase(&log);
    let trouble = go_on_to_trouble(&log);
    assert!(trouble.contains("log-") && trouble.contains("--salvage"), "{trouble}");
    let table = damaged.parent().unwrap();
    let elsewhere = || {
        let mut found = files_with_marker(dir.path());
        found.retain(|path| !Path::new(path).starts_with(table));
        found
    };
    assert_eq!(elsewhere(), [] as [&str; 0]);
    assert!(log.is_erasing(), "it does not say that all is gone");
    // It is tried again, and what everybody knows is not told again.
    let lease = log.claim().unwrap();
    for _ in 0..200 {
        log.reclaim(lease).unwrap();
    }
    assert_eq!(told(), [trouble]);
    // What is erased later goes all the same, but for what is in that table.
    fill(&log, 900, 300);
    erase(&log);
    let (lease, erased) = (log.claim().unwrap(), log.hurry_erasing());
    assert!(!log.is_off_disk(erased) && !elsewhere().is_empty());
    for _ in 0..STEPS_MAX {
        if log.is_off_disk(erased) {
            break;
        }
        log.reclaim(lease).unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(log.is_off_disk(erased) && log.is_erasing());
    assert_eq!(elsewhere(), [] as [&str; 0]);
}

#[test]
fn what_cannot_be_removed_from_aside_is_told_and_keeps_an_erasure_from_its_end() {
    let dir = scratch();
    let log = open(StoreOptions { tell: Some(tell), ..small(dir.path(), false) });
    fill(&log, 0, 100);
    // A folder is none that is removed, whoever runs this.
    let stays = dir.path().join("aside/stays");
    std::fs::create_dir_all(&stays).unwrap();
    std::fs::write(dir.path().join("aside/0.jnl-1-0"), MARKER).unwrap();
    erase(&log);
    let trouble = go_on_to_trouble(&log);
    assert!(trouble.contains("aside"), "{trouble}");
    assert_eq!(files_with_marker(dir.path()), [] as [&str; 0], "the rest is gone");
    assert!(log.is_erasing());
    drop(log);
    // A start finds it again, and ends it once it can.
    let log = open(small(dir.path(), false));
    assert!(log.is_erasing());
    std::fs::remove_dir(stays).unwrap();
    go_on(&log, |_| {});
    assert_eq!((log.erasing_trouble(), told().len()), (None, 1));
}

#[test]
fn a_salvage_prefers_the_stub() {
    let dir = scratch();
    let log = open(small(dir.path(), false));
    fill(&log, 0, 100);
    erase(&log);
    drop(log);
    assert!(!files_with_marker(dir.path()).is_empty());
    let mut erased = 0;
    let mut look = |event: Event| {
        assert_eq!(event.is_erased(), event.offset().0.is_multiple_of(7), "{}", event.offset());
        erased += u64::from(event.is_erased());
        Ok(())
    };
    store::salvage(dir.path(), &mut look).unwrap();
    assert_eq!(erased, 15);
}
