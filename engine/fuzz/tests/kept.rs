//! Every target over its kept corpus, and over a fixed number of inputs made from it.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests meet the machine")]

use fuzz::{Session, TARGETS, corpus};

#[test]
fn no_target_is_broken_by_what_is_kept_or_made_from_it() {
    for target in TARGETS {
        let mut session = Session::new(target, 1).unwrap();
        let found = session.run_corpus().and_then(|()| session.run_changed(target.tries));
        if let Err(finding) = found {
            let path = Session::report(&finding, &std::env::temp_dir(), target.name).unwrap();
            panic!("{}: {}\ninput: {}", target.name, finding.message, path.display());
        }
        let tally = session.tally();
        assert!(tally.executions > target.tries as u64, "{}", target.name);
    }
}

#[test]
fn every_target_has_seeds_and_every_folder_a_target() {
    for target in TARGETS {
        let seeds = corpus::read(&corpus::folder(target.name)).unwrap();
        assert!(seeds.len() >= 3, "{} has {} seeds", target.name, seeds.len());
        let largest = seeds.iter().map(Vec::len).max().unwrap();
        assert!(largest <= target.bytes_max, "{}: {largest} bytes", target.name);
    }
    for entry in std::fs::read_dir(corpus::folder("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(TARGETS.iter().any(|target| target.name == name), "{name} is no target");
    }
}
