//! The suite that every log must pass, on the real files.

use crate::support::{open, options, scratch};
use log::contract::{Subject, check};
use store::{Store, StoreOptions};
use tempfile::TempDir;

struct OnDisk {
    dirs: Vec<TempDir>,
}

impl OnDisk {
    fn options(&self) -> StoreOptions {
        let dir = self.dirs.last().unwrap().path();
        StoreOptions { generation_bytes: 16 << 10, ..options(dir) }
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
}

#[test]
fn the_log_on_disk_keeps_the_contract() {
    check(&mut OnDisk { dirs: Vec::new() });
}
