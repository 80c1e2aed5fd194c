//! All of the hostile suite, over and over on one runner: what it takes it gives back.

use crate::hostile::{quick, resident_bytes};
use crate::kit::*;
use event::Verdict;
use filter::{ChainSpec, FilterLimits, Purpose, Runner};
use std::fs;
use std::process::Command;

const SUITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile");
const ROUNDS: usize = 15;
/// By then what is kept for good has been made: instances, code and the allocator's own.
const SETTLED: usize = 5;
/// Three of the guests fill 31 or 32 MiB at each call. In the ten rounds after, a host that kept
/// the memory of any one of them would grow by ten times as much.
const GROWTH_BYTES_MAX: usize = 32 << 20;
const ALONE: &str = "FOREBAY_TEST_ALONE";
const NAME: &str = "suite::memory_stays_flat_under_the_whole_suite";

/// Those that are taken, and the bytes of those that are refused.
fn suite() -> (Vec<ChainSpec>, Vec<Vec<u8>>) {
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(SUITE).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "wat") {
            continue;
        }
        let wasm = wat::parse_str(fs::read_to_string(&path).unwrap()).unwrap();
        // Enough for a guest to fill all of its memory.
        let limits = FilterLimits { fuel_batch: 40_000_000, ..quick() };
        match admit_bytes(&wasm) {
            Ok(module) => {
                let filter = Setting { limits, ..Setting::default() }.of(&module);
                taken.push(chain(&[filter]));
            }
            Err(_) => refused.push(wasm),
        }
    }
    (taken, refused)
}

fn round(runner: &Runner, healthy: &ChainSpec, taken: &[ChainSpec], refused: &[Vec<u8>]) {
    let (bad, good) = (events(&[b"x"]), events(&[b"p"]));
    for hostile in taken {
        assert_eq!(runner.run(hostile, &bad, Purpose::Live).verdicts.len(), 1);
        assert_eq!(runner.run(healthy, &good, Purpose::Live).verdicts, [Verdict::Pass]);
    }
    for wasm in refused {
        refusal(wasm);
    }
}

#[test]
fn memory_stays_flat_under_the_whole_suite() {
    if std::env::var_os(ALONE).is_none() {
        // In a process of its own: what other tests take meanwhile would be counted here.
        let mut alone = Command::new(std::env::current_exe().unwrap());
        let told = alone.args(["--exact", NAME]).env(ALONE, "1").output().unwrap();
        let text = String::from_utf8_lossy(&told.stdout);
        assert!(told.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let (taken, refused) = suite();
    assert!(taken.len() > 20 && refused.len() > 20, "{} {}", taken.len(), refused.len());
    let (runner, healthy) = (Runner::new(engine().clone()), only(BY_BODY));
    let mut resident = Vec::new();
    for _ in 0..ROUNDS {
        round(&runner, &healthy, &taken, &refused);
        resident.push(resident_bytes());
    }
    let (settled, last) = (resident[SETTLED - 1], resident[ROUNDS - 1]);
    assert!(last < settled + GROWTH_BYTES_MAX, "{resident:?}");
}
