//! The suite that every log must pass, on the real files.
#![allow(clippy::unwrap_used, reason = "tests")]

use log::contract::{Subject, check};
use store::{Store, StoreOptions};
use tempfile::TempDir;

struct OnDisk {
    dirs: Vec<TempDir>,
}

impl OnDisk {
    fn options(&self) -> StoreOptions {
        let dir = self.dirs.last().unwrap().path();
        StoreOptions {
            generation_bytes: 16 << 10,
            disk_floor_bytes: 0,
            ballast_bytes: 0,
            ..StoreOptions::new(dir)
        }
    }
}

impl Subject for OnDisk {
    type Log = Store;

    fn empty(&mut self) -> Store {
        self.dirs.push(TempDir::new().unwrap());
        Store::open(self.options()).unwrap().0
    }

    fn reopen(&mut self, log: Store) -> Store {
        drop(log);
        Store::open(self.options()).unwrap().0
    }
}

#[test]
fn the_log_on_disk_keeps_the_contract() {
    check(&mut OnDisk { dirs: Vec::new() });
}
