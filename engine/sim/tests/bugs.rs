//! Each deliberate bug is found within a stated number of seeds.

use dispatch::bug::{self, Bug};

/// How many seeds are tried for each.
const SEEDS: u64 = 600;

#[test]
fn every_deliberate_bug_is_found() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for bug in bug::ALL {
        match seeds_until_found(bug) {
            Some((seeds, words)) => println!("{bug:?}: found after {seeds} seeds: {words}"),
            None => missed.push(bug),
        }
    }
    drop(std::panic::take_hook());
    assert!(missed.is_empty(), "not found within {SEEDS} seeds: {missed:?}");
}

fn seeds_until_found(bug: Bug) -> Option<(u64, String)> {
    bug::set(Some(bug));
    let found = (0..SEEDS).find_map(|seed| {
        let violation = sim::run(seed, false).violation?;
        Some((seed + 1, violation.to_string()))
    });
    bug::set(None);
    found
}
