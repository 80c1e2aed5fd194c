//! Data directories that earlier versions have left. `examples/golden.rs` makes them.

use crate::support::{copy_dir, options, scratch};
use log::contract::listing;
use std::path::{Path, PathBuf};
use store::Store;

fn directories() -> Vec<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut paths: Vec<_> =
        std::fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

#[test]
fn what_an_earlier_version_wrote_is_read_row_by_row() {
    for path in directories() {
        let dir = scratch();
        copy_dir(&path.join("data"), dir.path());
        // Tables without a file of their own: a repository keeps no empty directory.
        for table in std::fs::read_dir(dir.path().join("log/keyspaces")).unwrap() {
            std::fs::create_dir_all(table.unwrap().path().join("tables")).unwrap();
        }
        let known = std::fs::read_to_string(path.join("rows.txt")).unwrap();
        // Twice: also what this version has made of it.
        for _ in 0..2 {
            let (log, recovered) = Store::open(options(dir.path())).unwrap();
            assert!(recovered.was_clean, "{}: {recovered:?}", path.display());
            log.check_rows().unwrap();
            log.check_events().unwrap();
            let found = listing(&log).unwrap();
            for (found, known) in found.lines().zip(known.lines()) {
                assert_eq!(found, known, "{}", path.display());
            }
            assert_eq!(found.lines().count(), known.lines().count(), "{}", path.display());
        }
    }
}
