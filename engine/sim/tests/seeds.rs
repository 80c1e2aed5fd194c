//! Runs by seed. The command line runs many more of them.

use sim::{Counts, Verdict};

const SEEDS: u64 = 400;

#[test]
fn no_promise_is_broken_and_every_kind_of_thing_happens() {
    let mut counts = Counts::default();
    for verdict in (0..SEEDS).map(|seed| sim::run(seed, false)) {
        let Verdict { seed, violation, .. } = &verdict;
        assert_eq!(*violation, None, "sim --seed {seed} --trace");
        counts.add(&verdict.counts);
    }
    for (name, count) in counts.list() {
        assert!(count > 0, "{SEEDS} runs and no {name}");
    }
}

/// Retention had taken the attempt row of a dead letter when a person purged it: that was told as
/// a loss.
#[test]
fn what_a_person_purged_below_the_floor_is_no_loss() {
    let verdict = sim::run(1432403131142404352, false);
    assert_eq!(verdict.violation, None);
}

#[test]
fn the_same_seed_goes_the_same_way() {
    for seed in 0..40 {
        let (once, again) = (sim::run(seed, false), sim::run(seed, true));
        assert_eq!((once.digest, once.steps), (again.digest, again.steps), "seed {seed}");
    }
}
