use crate::child::small;
use crate::support::{event_at, group, open, scratch};
use event::Offset;
use log::{Log, Sync};
use std::fs;
use std::path::{Path, PathBuf};
use store::salvage;

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The files in which the frame of `offset` stands, each with the place.
fn places_of(dir: &Path, offset: u64) -> Vec<(PathBuf, usize)> {
    let mut frame = Vec::new();
    log::codec::encode_event(&event_at(offset), &mut frame);
    let mut places = Vec::new();
    for path in files(&dir.join("log")) {
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(frame.len()).enumerate().filter(|(_, bytes)| *bytes == frame);
        places.extend(found.map(|(at, _)| (path.clone(), at)));
    }
    places
}

#[test]
fn every_intact_event_is_salvaged() {
    let dir = scratch();
    let log = open(small(dir.path()));
    let lease = log.claim().unwrap();
    // Enough that some are in tables, some in journals and some in both.
    let count = 1500;
    for first in (0..count).step_by(5) {
        log.commit(lease, &group(first, 5), Sync::Now).unwrap();
    }
    drop(log);
    let mut damaged = Vec::new();
    for offset in [3, 700, 701, 1499] {
        for (path, at) in places_of(dir.path(), offset) {
            let mut bytes = fs::read(&path).unwrap();
            bytes[at + 40] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
        damaged.push(offset);
    }
    // The manifests are gone too: nothing that fjall needs is left.
    for path in files(&dir.path().join("log")) {
        if path.file_name().is_some_and(|name| name == "current") {
            fs::remove_file(path).unwrap();
        }
    }
    let mut next = 0;
    let salvaged = salvage(dir.path(), &mut |event| {
        next += u64::from(damaged.contains(&next));
        next += u64::from(damaged.contains(&next));
        assert_eq!(event, *event_at(next));
        next += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(next, 1499);
    assert_eq!(salvaged.events, 1496);
    assert_eq!((salvaged.first, salvaged.last), (Some(Offset(0)), Some(Offset(1498))));
    assert_eq!(salvaged.missing, [Offset(3)..Offset(4), Offset(700)..Offset(702)]);
}
