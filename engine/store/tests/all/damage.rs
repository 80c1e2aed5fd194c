//! Bytes that change at rest. Whatever changes, either everything that was synced is there or the
//! start is refused with a name; what was never synced may be cut, and is told.

use crate::support::{check_whole, copy_dir, group, open, options, scratch, tell};
use event::Offset;
use fjall::Database;
use log::{Failure, Log, Sync};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use store::Store;
use tempfile::TempDir;

/// A directory as a dead process left it, and where one group is in its journal.
struct Image {
    dir: TempDir,
    journal: PathBuf,
    group: Range<usize>,
    synced: Offset,
    /// A copy that a refused start has left as it was.
    spare: RefCell<Option<TempDir>>,
}

const GROUPS: u64 = 8;
const EVENTS: u64 = 1;

impl Image {
    /// Eight groups, the last one synced or not; the range is of group `nth`.
    fn new(nth: u64, last: Sync) -> Image {
        let home = scratch();
        drop(open(options(home.path())));
        // From here on the journal is as long as what was written.
        let log = open(options(home.path()));
        let lease = log.claim().unwrap();
        let journal = journal_of(home.path());
        let length = |path: &Path| fs::metadata(path).unwrap().len() as usize;
        let mut range = 0..0;
        for n in 0..GROUPS {
            let start = length(&journal);
            let sync = if n + 1 == GROUPS { last } else { Sync::Now };
            log.commit(lease, &group(n * EVENTS, EVENTS), sync).unwrap();
            if n == nth {
                range = start..length(&journal);
            }
        }
        assert!(range.len() > 500, "{range:?}");
        let dir = scratch();
        copy_dir(home.path(), dir.path());
        let lost = if last == Sync::Now { 0 } else { EVENTS };
        let journal = journal.file_name().unwrap().into();
        Image {
            dir,
            journal,
            group: range,
            synced: Offset(GROUPS * EVENTS - lost),
            spare: RefCell::default(),
        }
    }

    fn journal(&self) -> Vec<u8> {
        fs::read(self.dir.path().join("log").join(&self.journal)).unwrap()
    }

    /// A copy of the directory whose journal is `bytes`.
    fn with(&self, bytes: &[u8]) -> (TempDir, PathBuf) {
        let dir = self.spare.take().unwrap_or_else(|| {
            let dir = scratch();
            copy_dir(self.dir.path(), dir.path());
            dir
        });
        let journal = dir.path().join("log").join(&self.journal);
        fs::write(&journal, bytes).unwrap();
        (dir, journal)
    }
}

fn journal_of(dir: &Path) -> PathBuf {
    let entries = fs::read_dir(dir.join("log")).unwrap().map(|entry| entry.unwrap().path());
    let mut journals: Vec<_> =
        entries.filter(|p| p.extension().is_some_and(|e| e == "jnl")).collect();
    assert_eq!(journals.len(), 1);
    journals.remove(0)
}

/// How a start over `bytes` ends; anything but the three right ways is a failed test.
fn outcome(image: &Image, bytes: &[u8]) -> &'static str {
    let (dir, journal) = image.with(bytes);
    match Store::open(options(dir.path())) {
        Ok((log, recovered)) => {
            check_whole(&log);
            assert!(
                log.head() >= image.synced,
                "{} of {}: a silent loss",
                log.head(),
                image.synced
            );
            let all = Offset(GROUPS * EVENTS);
            match recovered.torn {
                None if log.head() == all => "every row is there",
                Some(torn) => {
                    let (cut, aside) = (&bytes[torn.at as usize..], fs::read(&torn.aside).unwrap());
                    let (kept, rest) = cut.split_at(aside.len());
                    assert!(kept == aside && rest.iter().all(|byte| *byte == 0), "{torn:?}");
                    "all that was synced is there, a torn tail is told"
                }
                None if cut_at_a_group(image, bytes) => "cut between two groups",
                None => panic!("{} of {all}, and nothing is told", log.head()),
            }
        }
        Err(failure) => {
            assert_eq!(failure.exit_code(), 3, "{failure}");
            let Failure::Corrupt { path, last_intact, accepted } = &failure else {
                panic!("{failure}");
            };
            assert_eq!(path, &journal);
            assert_eq!(*accepted, Offset(image.synced.0 - 1));
            assert!(last_intact.is_none_or(|last| last < *accepted), "{failure}");
            assert_eq!(fs::read(&journal).unwrap(), bytes, "a refused start changes nothing");
            image.spare.replace(Some(dir));
            "refused (exit 3), naming the file and the last intact offset"
        }
    }
}

/// No byte is left of a group that was never synced: nobody can know of it.
fn cut_at_a_group(image: &Image, bytes: &[u8]) -> bool {
    bytes.len() == image.group.start
}

fn tally(what: &str, endings: impl Iterator<Item = &'static str>) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    endings.for_each(|ending| *counts.entry(ending).or_default() += 1);
    tell(&format!("{what}:"));
    counts.iter().for_each(|(ending, count)| tell(&format!("  {count:6} {ending}")));
    counts
}

fn flips(image: &Image) -> impl Iterator<Item = Vec<u8>> + '_ {
    let whole = image.journal();
    image.group.clone().map(move |at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        bytes
    })
}

#[test]
fn one_flipped_byte_is_never_a_silent_loss() {
    for (what, nth, last) in [
        ("one byte flipped in a synced group amid others", 3, Sync::Now),
        ("one byte flipped in the last group, synced", GROUPS - 1, Sync::Now),
        ("one byte flipped in the last group, never synced", GROUPS - 1, Sync::Later),
        ("one byte flipped in the first group", 0, Sync::Now),
    ] {
        let image = Image::new(nth, last);
        let counts = tally(what, flips(&image).map(|bytes| outcome(&image, &bytes)));
        let refused = counts.keys().any(|ending| ending.starts_with("refused"));
        assert_eq!(refused, last == Sync::Now, "the flips have to be seen at all");
    }
}

#[test]
fn a_cut_tail_is_told_or_refused() {
    for (what, last) in [
        ("the tail cut at each byte of the last group, synced", Sync::Now),
        ("the tail cut at each byte of the last group, never synced", Sync::Later),
    ] {
        let image = Image::new(GROUPS - 1, last);
        let whole = image.journal();
        let cuts = image.group.clone().map(|at| outcome(&image, &whole[..at]));
        let counts = tally(what, cuts);
        let refused = counts.keys().any(|ending| ending.starts_with("refused"));
        assert_eq!(refused, last == Sync::Now);
    }
}

#[test]
fn a_page_of_zeros_is_told_or_refused() {
    for last in [Sync::Now, Sync::Later] {
        let image = Image::new(GROUPS - 1, last);
        let whole = image.journal();
        let starts = (image.group.start..image.group.end).step_by(512);
        let holes = starts.map(|start| {
            let mut bytes = whole.clone();
            let end = (start + 4096).min(bytes.len());
            bytes[start..end].fill(0);
            // Zeros to the end of the file are what an unwritten journal looks like.
            bytes.resize(bytes.len() + 100, 0);
            outcome_of_hole(&image, &bytes)
        });
        tally(&format!("4 KiB of the last group zeroed ({last:?})"), holes);
    }
}

fn outcome_of_hole(image: &Image, bytes: &[u8]) -> &'static str {
    let (dir, _) = image.with(bytes);
    match Store::open(options(dir.path())) {
        Ok((log, _)) => {
            check_whole(&log);
            assert!(log.head() >= image.synced, "a silent loss");
            "all that was synced is there"
        }
        Err(failure) => {
            assert_eq!((failure.exit_code(), image.synced), (3, Offset(GROUPS * EVENTS)));
            "refused (exit 3)"
        }
    }
}

/// Why all this: what fjall makes of the same bytes when nobody looks before it does.
#[test]
fn fjall_alone_would_lose_in_silence() {
    let image = Image::new(3, Sync::Now);
    let endings = flips(&image).step_by(3).map(|bytes| {
        let (dir, journal) = image.with(&bytes);
        let database = Database::builder(dir.path().join("log")).worker_threads(1).open();
        let Ok(database) = database else { return "refuses to open, naming no place" };
        let events = database.keyspace("log-0", Default::default).unwrap();
        match events.len().unwrap() as u64 {
            events if events == GROUPS * EVENTS => "every event is there",
            _ if fs::metadata(&journal).unwrap().len() < bytes.len() as u64 => {
                "opens without synced events, and has cut the journal"
            }
            _ => "opens without synced events",
        }
    });
    let counts = tally("every third of the same flips amid others, fjall alone", endings);
    let lost = counts.iter().filter(|(ending, _)| ending.starts_with("opens without"));
    assert!(lost.map(|(_, count)| count).sum::<u64>() > 0, "then the pre-scan could go");
}

/// HEAD is the only witness of the last sync; without it the marks still know the one before.
#[test]
fn a_lost_head_file_is_told() {
    let image = Image::new(GROUPS - 1, Sync::Now);
    let (dir, _) = image.with(&image.journal());
    fs::write(dir.path().join("HEAD"), [7; 5000]).unwrap();
    let (log, recovered) = Store::open(options(dir.path())).unwrap();
    assert!(recovered.head_was_lost);
    assert_eq!(log.head(), image.synced);
    drop(log);
    // The group before the last was synced too, but nothing intact is left to say so.
    let (dir, _) = image.with(&image.journal()[..image.group.start - 1]);
    fs::remove_file(dir.path().join("HEAD")).unwrap();
    let (_, recovered) = Store::open(options(dir.path())).unwrap();
    assert!(recovered.head_was_lost && recovered.torn.is_some(), "{recovered:?}");
}

/// A table without its manifest looks unfinished to fjall, which then deletes it.
#[test]
fn a_table_without_its_manifest_is_refused_not_deleted() {
    let home = scratch();
    let small = || store::StoreOptions { memtable_bytes: 16 << 10, ..options(home.path()) };
    let log = open(small());
    let lease = log.claim().unwrap();
    let mut head = 0;
    let tables = || {
        let keyspaces = fs::read_dir(home.path().join("log/keyspaces")).unwrap();
        let paths = keyspaces.map(|entry| entry.unwrap().path());
        let mut full = paths.filter(|path| {
            path.file_name().unwrap() != "0"
                && fs::read_dir(path.join("tables")).map_or(0, Iterator::count) > 0
        });
        full.next()
    };
    let table = loop {
        log.commit(lease, &group(head, 5), Sync::Now).unwrap();
        head += 5;
        assert!(head < 100_000, "no table was ever flushed");
        if let Some(table) = tables() {
            break table;
        }
    };
    drop(log);
    fs::remove_file(table.join("current")).unwrap();
    let failure = Store::open(small()).err().unwrap();
    assert_eq!(failure.exit_code(), 3);
    assert!(failure.to_string().contains(table.to_str().unwrap()), "{failure}");
    assert!(fs::read_dir(table.join("tables")).unwrap().count() > 0);
}
