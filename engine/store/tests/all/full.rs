//! A disk that fills up, on a file system of 64 MiB.

use crate::support::{check_whole, event_at, group, options, scratch, tell};
use event::Offset;
use log::{Failure, Group, Log, Sync};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use store::{Store, StoreOptions};
use tempfile::TempDir;

const MIB: u64 = 1 << 20;

struct SmallDisk {
    dir: TempDir,
}

impl SmallDisk {
    fn mount(what: &str) -> Option<SmallDisk> {
        let dir = scratch();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64m", "none"])
            .arg(dir.path())
            .output();
        match mount {
            Ok(output) if output.status.success() => Some(SmallDisk { dir }),
            why => {
                tell(&format!("NOT TESTED: {what}, for nothing can be mounted here ({why:?})"));
                None
            }
        }
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    fn options(&self) -> StoreOptions {
        StoreOptions {
            disk_floor_bytes: 12 * MIB,
            ballast_bytes: 6 * MIB,
            generation_bytes: 4 * MIB,
            memtable_bytes: 512 << 10,
            ..options(&self.home())
        }
    }

    /// Something else takes room until only `free` bytes are left.
    fn take_room(&self, free: u64) {
        let mut filler = File::options().append(true).create(true).open(self.filler()).unwrap();
        let chunk = vec![0xff; 64 << 10];
        while free_bytes(self.dir.path()) > free {
            if filler.write_all(&chunk).is_err() {
                break;
            }
        }
    }

    fn give_room(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.dir.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.dir.path()).status();
    }
}

fn free_bytes(path: &Path) -> u64 {
    let told = rustix::fs::statvfs(path).unwrap();
    told.f_bavail * told.f_frsize
}

/// Commits until something else than success comes; how far it came, and what came.
fn commit_until(log: &Store, mut head: u64) -> (u64, Failure) {
    let lease = log.claim().unwrap();
    loop {
        match log.commit(lease, &group(head, 20), Sync::Now) {
            Ok(()) => head += 20,
            Err(failure) => return (head, failure),
        }
        assert!(head < 1_000_000, "the disk never fills");
    }
}

#[test]
fn a_full_disk_refuses_events_and_nothing_else() {
    let Some(disk) = SmallDisk::mount("a full disk") else { return };
    let (log, _) = Store::open(disk.options()).unwrap();
    disk.take_room(30 * MIB);
    let (head, failure) = commit_until(&log, 0);
    assert!(matches!(failure, Failure::Full { .. }), "{failure}");
    assert!(log.room().unwrap().is_below_floor);
    assert_eq!(log.head(), Offset(head), "what was refused left nothing");
    check_whole(&log);
    let lease = log.claim().unwrap();
    let rows = Group { events: Vec::new(), ..group(head, 0) };
    log.commit(lease, &rows, Sync::Now).unwrap();
    disk.give_room();
    let again = Group { events: vec![event_at(head)], ..Group::default() };
    log.commit(lease, &again, Sync::Now).unwrap();
    assert_eq!(log.head(), Offset(head + 1), "it goes on by itself");
    tell(&format!("full disk: {head} events before it was full, 0 lost, and it went on"));
}

#[test]
fn the_ballast_lets_a_start_find_room() {
    let Some(disk) = SmallDisk::mount("a start without room") else { return };
    let (log, _) = Store::open(disk.options()).unwrap();
    disk.take_room(30 * MIB);
    let (head, _) = commit_until(&log, 0);
    drop(log);
    disk.take_room(0);
    assert!(free_bytes(disk.dir.path()) < MIB);
    let (log, recovered) = Store::open(disk.options()).unwrap();
    assert!(recovered.freed_ballast);
    assert_eq!(log.head(), Offset(head));
    check_whole(&log);
    let refused = log.commit(log.claim().unwrap(), &group(head, 1), Sync::Now);
    assert!(matches!(refused, Err(Failure::Full { .. })), "{refused:?}");
    disk.give_room();
    drop(log);
    Store::open(disk.options()).map(drop).unwrap();
    assert!(disk.home().join("BALLAST").exists(), "laid again when there is room");
}

/// Without a floor the disk runs full in the middle of a write, here or in fjall's own thread.
#[test]
fn running_out_of_room_in_a_write_loses_nothing_acknowledged() {
    let Some(disk) = SmallDisk::mount("a disk that is full in the middle of a write") else {
        return;
    };
    let bare = || StoreOptions { disk_floor_bytes: 0, ballast_bytes: 0, ..disk.options() };
    let (log, _) = Store::open(bare()).unwrap();
    disk.take_room(20 * MIB);
    let (head, failure) = commit_until(&log, 0);
    assert!(matches!(failure, Failure::Disk { .. }), "{failure}");
    assert_eq!(failure.exit_code(), 5);
    let again = log.commit(log.claim().unwrap(), &group(head, 1), Sync::Now);
    assert!(matches!(again, Err(Failure::Disk { .. })), "nothing may be added: {again:?}");
    drop(log);
    disk.give_room();
    let (log, _) = Store::open(bare()).unwrap();
    assert!(log.head() >= Offset(head), "{} of {head}", log.head());
    check_whole(&log);
}
