use crate::child::small;
use crate::support::{Dice, check_whole, group, open, rounds, scratch, tell};
use event::Offset;
use log::{Log, Sync};
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use store::{Snapshot, Store};

fn lay_out(snapshot: &Snapshot, dir: &Path) -> u64 {
    snapshot.folders.iter().for_each(|folder| fs::create_dir(dir.join(folder)).unwrap());
    let mut bytes = 0;
    for file in &snapshot.files {
        let mut copy = File::create_new(dir.join(&file.name)).unwrap();
        let copied = std::io::copy(&mut file.reader(), &mut copy);
        assert_eq!(copied.unwrap(), file.bytes, "{:?}", file.name);
        bytes += file.bytes;
    }
    bytes
}

/// Also when an assertion fails.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Of which a snapshot is taken at some moment.
const GROUPS_A_ROUND: u64 = 400;

/// Writes as a node does, as fast as it can, so many groups a round, until it is told to stop.
fn write(log: &Store, acknowledged: &AtomicU64, round: &AtomicU64, stop: &AtomicBool) {
    let lease = log.claim().unwrap();
    let mut dice = Dice(7);
    let (mut head, mut groups) = (log.head().0, 0);
    while !stop.load(Ordering::Acquire) {
        if groups == GROUPS_A_ROUND * (1 + round.load(Ordering::Acquire)) {
            std::thread::park_timeout(Duration::from_millis(1));
            continue;
        }
        groups += 1;
        let mut group = group(head, 1 + dice.roll(6));
        head += group.events.len() as u64;
        if dice.roll(20) == 0 {
            group.floor = Some(Offset(head.saturating_sub(300)));
        }
        log.commit(lease, &group, Sync::Now).unwrap();
        acknowledged.store(head, Ordering::Release);
        if dice.roll(30) == 0 {
            log.reclaim(lease).unwrap();
        }
    }
}

/// Tables are made, flushed, merged and dropped all the while.
#[test]
fn a_snapshot_is_the_log_of_one_moment() {
    let dir = scratch();
    let log = open(small(dir.path()));
    let (acknowledged, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let (begun, count) = (AtomicU64::new(0), rounds(20));
    let (mut files, mut bytes, mut longest, mut latest) = (0, 0, Duration::ZERO, Offset::ZERO);
    std::thread::scope(|scope| {
        scope.spawn(|| write(&log, &acknowledged, &begun, &stop));
        let _stopping = Stopping(&stop);
        for round in 0..count {
            begun.store(round, Ordering::Release);
            let least = Offset(acknowledged.load(Ordering::Acquire));
            let start = Instant::now();
            let snapshot = log.snapshot(100_000).unwrap();
            longest = longest.max(start.elapsed());
            assert!(snapshot.head >= least, "{} of {least}", snapshot.head);
            // The writer goes on while the files are read.
            let copy = scratch();
            bytes += lay_out(&snapshot, copy.path());
            files += snapshot.files.len();
            let (copied, recovered) = Store::open(small(copy.path())).unwrap();
            assert_eq!(copied.head(), snapshot.head, "round {round}: {recovered:?}");
            assert_eq!(copied.floor(), snapshot.floor);
            assert!(recovered.torn.is_none() && recovered.damaged.is_empty(), "{recovered:?}");
            check_whole(&copied);
            copied.check_rows().unwrap();
            copied.check_events().unwrap();
            latest = snapshot.head;
        }
    });
    assert!(latest > Offset(1000), "little was written meanwhile: {latest}");
    tell(&format!(
        "snapshots under load: {count}, of {files} files and {bytes} bytes, up to offset {latest}; \
         the longest took {longest:?}; all opened whole"
    ));
}

#[test]
fn a_log_of_more_files_than_may_be_open_is_refused() {
    let dir = scratch();
    let log = open(small(dir.path()));
    let refused = log.snapshot(3).err().unwrap();
    assert!(refused.to_string().contains("ulimit"), "{refused}");
    assert!(log.snapshot(100_000).is_ok());
}
