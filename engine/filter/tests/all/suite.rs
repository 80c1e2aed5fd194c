//! All of the hostile suite, over and over on one runner: what comes of each file is what it says,
//! a healthy filter beside it answers right, and what it takes it gives back.

use crate::hostile::{quick, resident_bytes};
use crate::kit::*;
use event::Verdict;
use filter::{ChainSpec, FilterLimits, Purpose, Runner};
use std::fs;
use std::path::{Path, PathBuf};
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

/// A file of the suite, and what it says is to come of it.
struct Attack {
    name: String,
    /// `refused`, `answered`, or the label of a fault.
    outcome: String,
    /// Part of the text of the refusal or the fault.
    words: String,
    wasm: Vec<u8>,
    /// None: it is to be refused.
    chain: Option<ChainSpec>,
}

impl Attack {
    fn read(path: &Path) -> Attack {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(path).unwrap();
        let said = text.lines().find_map(|line| line.strip_prefix(";; Expect: "));
        let said = said.unwrap_or_else(|| panic!("{name} does not say what is to come of it"));
        let (outcome, words) = said.split_once(", ").unwrap_or((said, ""));
        let wasm = wat::parse_str(expanded(&text)).unwrap_or_else(|e| panic!("{name}: {e}"));
        // Enough for a guest to fill all of its memory.
        let limits = FilterLimits { fuel_batch: 40_000_000, ..quick() };
        let chain = (outcome != "refused").then(|| {
            let module = admit_bytes(&wasm).unwrap_or_else(|e| panic!("{name}: {e}"));
            chain(&[Setting { limits, ..Setting::default() }.of(&module)])
        });
        Attack { outcome: outcome.to_owned(), words: words.to_owned(), name, wasm, chain }
    }

    fn make(&self, runner: &Runner) {
        let Attack { name, outcome, words, .. } = self;
        let Some(chain) = &self.chain else {
            let said = refusal(&self.wasm);
            assert!(said.contains(words), "{name}: {said}");
            return;
        };
        let answer = runner.run(chain, &events(&[b"x"]), Purpose::Live);
        assert_eq!(answer.verdicts.len(), 1, "{name}");
        match &answer.faults[..] {
            [] => assert_eq!(outcome, "answered", "{name}: {:?}", answer.verdicts),
            [fault] => {
                assert_eq!(outcome, fault.kind.label(), "{name}: {}", fault.text);
                assert!(fault.text.contains(words), "{name}: {}", fault.text);
                assert!(!fault.text.chars().any(char::is_control), "{name}: {:?}", fault.text);
                assert_eq!(rejected(&answer.verdicts[0]), fault.text, "{name}");
            }
            more => panic!("{name}: one event failed {} times: {more:?}", more.len()),
        }
    }
}

fn suite() -> Vec<Attack> {
    let entries = fs::read_dir(SUITE).unwrap().map(|entry| entry.unwrap().path());
    let is_text = |path: &PathBuf| path.extension().is_some_and(|end| end == "wat");
    let mut paths: Vec<_> = entries.filter(is_text).collect();
    paths.sort();
    paths.iter().map(|path| Attack::read(path)).collect()
}

fn round(runner: &Runner, healthy: &ChainSpec, suite: &[Attack]) {
    let both = events(&[b"p", b"d"]);
    for attack in suite {
        attack.make(runner);
        let verdicts = runner.run(healthy, &both, Purpose::Live).verdicts;
        assert_eq!(verdicts, [Verdict::Pass, Verdict::Drop], "after {}", attack.name);
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
    let suite = suite();
    let refused = suite.iter().filter(|attack| attack.chain.is_none()).count();
    assert!(suite.len() - refused > 60 && refused > 50, "{refused} of {}", suite.len());
    let (runner, healthy) = (Runner::new(engine().clone()), only(BY_BODY));
    let mut resident = Vec::new();
    for _ in 0..ROUNDS {
        round(&runner, &healthy, &suite);
        resident.push(resident_bytes());
    }
    let (settled, last) = (resident[SETTLED - 1], resident[ROUNDS - 1]);
    assert!(last < settled + GROWTH_BYTES_MAX, "{resident:?}");
}
