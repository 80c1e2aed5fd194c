use bytes::Bytes;
use event::{Event, Offset};
use log::{Change, Group, LaneRow, Log, ReadLimit, Why, contract};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use store::{Store, StoreOptions};
use tempfile::TempDir;

/// In memory where the machine has that: these tests are not about the speed of a disk.
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory).unwrap() } else { TempDir::new().unwrap() }
}

pub fn options(dir: &Path) -> StoreOptions {
    StoreOptions { disk_floor_bytes: 0, ballast_bytes: 0, ..StoreOptions::new(dir) }
}

/// As `runtime` does it.
pub fn spawn(name: &str, work: Box<dyn FnOnce() + Send>) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(work)
}

pub fn open(options: StoreOptions) -> Store {
    Store::open(options).unwrap().0
}

/// Past the capture of the test harness.
pub fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

pub fn rounds(short: u64) -> u64 {
    let factor = std::env::var("FOREBAY_STORE_ROUNDS");
    short * factor.map_or(1, |text| text.parse::<u64>().expect("a number of rounds"))
}

/// Numbers that look random and are the same in every run.
pub struct Dice(pub u64);

impl Dice {
    /// From 0 to below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// The event that belongs at `offset` in these tests; some are larger than a page.
pub fn event_at(offset: u64) -> Arc<Event> {
    let event = contract::event(offset);
    let times = match offset % 13 {
        5 => 60,
        9 => 7,
        _ => 1,
    };
    let body = Bytes::from(event.body.repeat(times));
    Arc::new(Event { body, ..Event::clone(&event) })
}

/// `count` events from `first` on, and one row of several kinds that names where they end.
pub fn group(first: u64, count: u64) -> Group {
    let end = Offset(first + count);
    let delivery = contract::delivery(first % 5, first);
    let lane = LaneRow { cursor: end, high: end, since: Offset(first), why: Why::Slow };
    let full = contract::full_group();
    let mut duplicate = full.duplicates[0].clone();
    duplicate.key = first.to_be_bytes().into();
    duplicate.id = event::EventId::new(1_790_000_000_000 + first, Offset(first));
    let mut attempt = full.attempts[1].clone();
    attempt.delivery = delivery;
    Group {
        events: (first..first + count).map(event_at).collect(),
        duplicates: vec![duplicate],
        attempts: vec![attempt],
        lanes: vec![Change::Put(contract::delivery(0, 0).lane, lane)],
        ..Group::default()
    }
}

/// All that `group` has written up to the head must be there, whole groups only.
pub fn check_whole(log: &Store) {
    let head = log.head();
    let mut next = log.floor();
    while next < head {
        let limit = ReadLimit { events: 1000, bytes: 8 << 20 };
        for event in log.read(next..head, limit).unwrap() {
            assert_eq!(event, event_at(next.0), "offset {next}");
            next = next.next();
        }
    }
    let lanes = log.lanes().unwrap();
    let cursor = lanes.first().map_or(Offset::ZERO, |(_, row)| row.cursor);
    assert_eq!(cursor, head, "the rows of the last group are there exactly if its events are");
    for start in log.attempts(log.floor()..head).unwrap().iter().map(|row| row.delivery.offset) {
        let default = event::TenantId::new("default");
        let found = log.duplicate(&default, "github", &start.0.to_be_bytes()).unwrap();
        assert_eq!(found.map(|row| row.id.offset()), Some(start), "an attempt without its group");
    }
}

pub fn copy_dir(from: &Path, to: &Path) {
    copied(from, to).unwrap();
}

fn copied(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copied(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// The directory of an open log, as a kill at this moment leaves it. A worker removes files when
/// it likes, so what changed while it was copied is copied again.
pub fn image_of(dir: &Path) -> TempDir {
    for _ in 0..1000 {
        let (before, image) = (files(dir), scratch());
        let is_whole = before.is_ok() && copied(dir, image.path()).is_ok();
        if is_whole && before.ok() == files(dir).ok() {
            return image;
        }
    }
    panic!("it never stands still");
}

/// Their names and sizes.
fn files(dir: &Path) -> std::io::Result<BTreeMap<PathBuf, u64>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let about = std::fs::metadata(&path)?;
        if about.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.insert(path, about.len());
        }
    }
    Ok(found)
}
