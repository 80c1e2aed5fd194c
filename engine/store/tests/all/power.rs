//! Power cuts: any subset of the pages that were not synced is gone. `kill -9` alone cannot tell
//! a store that syncs from one that does not.

use crate::child::{Role, Words, command, small};
use crate::support::{Dice, check_whole, rounds, scratch, tell};
use event::Offset;
use log::Log;
use std::path::{Path, PathBuf};
use std::process::Command;
use store::Store;
use tempfile::TempDir;

/// The layer, built by the machine's C compiler; nothing where there is none.
fn layer(dir: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/power.c");
    let object = dir.join("power.so");
    let built = Command::new("cc")
        .args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
        .args([&object, &source])
        .args(["-ldl", "-lpthread"])
        .status();
    match built {
        Ok(status) => {
            assert!(status.success(), "the layer does not compile");
            Some(object)
        }
        Err(err) => {
            tell(&format!("NOT TESTED: power cuts, for there is no C compiler here ({err})"));
            None
        }
    }
}

/// A directory, and beside it what the layer keeps for it.
struct Home {
    dir: TempDir,
    shadow: TempDir,
    lost: PathBuf,
}

impl Home {
    fn new() -> Home {
        let shadow = scratch();
        Home { dir: scratch(), lost: shadow.path().join("lost"), shadow }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A child under the layer. The shadow begins anew: what is there at its start is synced.
    fn child(&self, layer: &Path, role: Role, seed: u64) -> Command {
        for entry in std::fs::read_dir(self.shadow.path()).unwrap() {
            let path = entry.unwrap().path();
            if path != self.lost {
                std::fs::remove_file(path).unwrap();
            }
        }
        let mut child = command(role, self.path(), seed, &[]);
        child
            .env("LD_PRELOAD", layer)
            .env("POWER_CUT_ROOT", self.path())
            .env("POWER_CUT_SHADOW", self.shadow.path())
            .env("POWER_CUT_SEED", seed.to_string());
        child
    }
}

/// Runs a writer until the power goes; what it had acknowledged by then.
fn run(mut child: Command, cut_at: u64) -> Option<u64> {
    let mut child = child.env("POWER_CUT_AT", cut_at.to_string()).spawn().unwrap();
    let acknowledged = Words::of(&mut child).last();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), None, "the power went, so there is no exit code: {output:?}");
    acknowledged
}

#[test]
fn a_power_cut_takes_nothing_acknowledged() {
    let build = scratch();
    let Some(layer) = layer(build.path()) else { return };
    let (count, mut torn, mut lives, mut acknowledged) = (rounds(80), 0, 0, 0);
    let mut dir: Option<(Home, u64)> = None;
    for seed in 0..count {
        let mut dice = Dice(seed);
        // Some directories live through several cuts, others are new; the first cuts come while
        // the store is being made.
        let (home, before) = match dir.take() {
            Some(home) if dice.roll(3) > 0 => home,
            _ => (Home::new(), 0),
        };
        let cut_at = 1 + if seed < count / 4 { dice.roll(90) } else { dice.roll(1500) };
        let words = run(home.child(&layer, Role::Write, seed), cut_at);
        let promised = words.unwrap_or(0).max(before);
        let (log, recovered) = Store::open(small(home.path()))
            .unwrap_or_else(|failure| panic!("seed {seed}, cut at call {cut_at}: {failure}"));
        assert!(log.head() >= Offset(promised), "seed {seed}: {} of {promised}", log.head());
        check_whole(&log);
        torn += u64::from(recovered.torn.is_some());
        lives += u64::from(before > 0);
        acknowledged += promised - before.min(promised);
        let head = log.head().0;
        drop(log);
        dir = Some((home, head));
    }
    tell(&format!(
        "power cuts: {count}, {lives} of them in a directory that had seen one before; \
         {acknowledged} events acknowledged, 0 lost; {torn} torn tails"
    ));
    assert!(torn > 0, "then the cuts never hit a group");
}

/// After a sync that failed the pages look written, and no later sync writes them: a next process
/// that builds on them would lose what it acknowledges at the next power cut.
#[test]
fn a_failed_sync_and_then_a_power_cut_take_nothing_acknowledged() {
    let build = scratch();
    let Some(layer) = layer(build.path()) else { return };
    let (count, mut ended, mut acknowledged) = (rounds(24), 0, 0);
    for seed in 0..count {
        let home = Home::new();
        let mut dice = Dice(seed ^ 0xfa11);
        let (fail_at, cut_at) = (1 + dice.roll(300), 1 + dice.roll(900));
        let mut child = home.child(&layer, Role::Write, seed);
        child.env("POWER_FAIL_AT", fail_at.to_string()).env("POWER_FAIL_FILE", &home.lost);
        // fjall passes over a failure to tidy up its list of tables, so the power ends that one.
        let mut child = child.env("POWER_CUT_AT", "3000").spawn().unwrap();
        let mut promised = Words::of(&mut child).last().unwrap_or(0);
        let output = child.wait_with_output().unwrap();
        let code = output.status.code();
        assert!(matches!(code, Some(5) | None), "seed {seed}, sync {fail_at}: {output:?}");
        if code.is_some() {
            ended += 1;
            let mut child = home.child(&layer, Role::Write, seed + 1);
            child.env("POWER_FAIL_FILE", &home.lost);
            promised = run(child, cut_at).unwrap_or(0).max(promised);
        }
        let (log, _) = Store::open(small(home.path()))
            .unwrap_or_else(|failure| panic!("seed {seed}, {fail_at}, {cut_at}: {failure}"));
        assert!(log.head() >= Offset(promised), "seed {seed}: {} of {promised}", log.head());
        check_whole(&log);
        acknowledged += promised;
    }
    tell(&format!(
        "failed syncs: {count}, {ended} of them ended the process, and each is followed by a power \
         cut; {acknowledged} events acknowledged, 0 lost"
    ));
    assert!(ended > 0, "then no sync ever failed");
}

/// The layer must be able to show a loss, or the test above shows nothing.
#[test]
fn a_store_that_does_not_sync_loses_by_a_power_cut() {
    let build = scratch();
    let Some(layer) = layer(build.path()) else { return };
    let (count, mut losses, mut lost) = (12, 0, 0);
    for seed in 0..count {
        let home = Home::new();
        let said = run(home.child(&layer, Role::WriteUnsynced, seed), 900 + 40 * seed);
        let said = said.expect("nine hundred writes acknowledge something");
        let (log, _) = Store::open(small(home.path())).unwrap();
        check_whole(&log);
        losses += u64::from(log.head() < Offset(said));
        lost += said.saturating_sub(log.head().0);
    }
    tell(&format!(
        "power cuts without syncs: {losses} of {count} lose what was said, {lost} events in all"
    ));
    assert!(losses > 0, "the layer drops nothing, so it cannot find a missing sync");
}
