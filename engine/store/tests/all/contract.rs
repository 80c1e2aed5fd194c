//! The suite that every log must pass, on the real files.

use crate::support::{open, options, rounds, scratch, spawn};
use log::contract::{Subject, check};
use store::{Durability, Store, StoreOptions};
use tempfile::TempDir;

struct OnDisk {
    durability: Durability,
    dirs: Vec<TempDir>,
}

impl OnDisk {
    fn options(&self) -> StoreOptions {
        let dir = self.dirs.last().unwrap().path();
        StoreOptions {
            durability: self.durability,
            generation_bytes: 16 << 10,
            memtable_bytes: 32 << 10,
            spawn: self.dirs.len().is_multiple_of(2).then_some(spawn),
            ..options(dir)
        }
    }
}

impl Subject for OnDisk {
    type Log = Store;

    fn empty(&mut self) -> Store {
        self.dirs.push(scratch());
        open(self.options())
    }

    fn reopen(&mut self, log: Store) -> Store {
        drop(log);
        open(self.options())
    }

    fn wait(&mut self) {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }

    fn seeds(&self) -> u64 {
        rounds(6)
    }

    fn shows_unsynced(&self) -> bool {
        self.durability == Durability::Os
    }
}

#[test]
fn the_log_on_disk_keeps_the_contract() {
    for durability in [Durability::Fsync, Durability::Os] {
        check(&mut OnDisk { durability, dirs: Vec::new() });
    }
}
