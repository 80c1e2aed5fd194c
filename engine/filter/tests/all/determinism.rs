//! W10: the same events give the same answers, however they are cut into batches.

use crate::kit::*;
use filter::{ChainSpec, Purpose, Runner};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::OnceLock;

fn twice() -> &'static ChainSpec {
    static TWICE: OnceLock<ChainSpec> = OnceLock::new();
    TWICE.get_or_init(|| {
        let module = admit(BY_BODY);
        let second = Setting { config: "{\"second\":true}", ..Setting::default() };
        chain(&[Setting::default().of(&module), second.of(&module)])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_cut_changes_an_answer(
        bodies in prop::collection::vec("[dprakye3n0xfg][dpn3]{0,3}", 1..60),
        cuts in prop::collection::vec(1usize..20, 1..20),
    ) {
        let bodies: Vec<&[u8]> = bodies.iter().map(String::as_bytes).collect();
        let events = events(&bodies);
        let whole = ask(twice(), &events).verdicts;
        let runner = Runner::new(engine().clone());
        let mut pieces = Vec::new();
        let mut rest = &events[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, later) = rest.split_at((*cut).min(rest.len()));
            pieces.extend(runner.run(twice(), piece, Purpose::Live).verdicts);
            rest = later;
        }
        prop_assert_eq!(whole, pieces);
    }
}

#[test]
fn a_thousand_runs_agree() {
    let runner = Runner::new(engine().clone());
    let events = events(&[b"n", b"nn", b"3n", b"an"]);
    let first = runner.run(twice(), &events, Purpose::Live).verdicts;
    for _ in 0..1000 {
        assert_eq!(runner.run(twice(), &events, Purpose::Replay).verdicts, first);
    }
}

#[test]
fn time_is_the_events_own_and_randomness_differs_between_events_and_configurations() {
    let module = admit(BY_BODY);
    let mut seen = BTreeSet::new();
    for config in ["{}", "{\"a\":1}"] {
        let chain = chain(&[Setting { config, ..Setting::default() }.of(&module)]);
        let events = events(&[&b"n"[..]; 8]);
        for (event, verdict) in events.iter().zip(ask(&chain, &events).verdicts) {
            let body = &emitted(&verdict)[0].body;
            assert_eq!(body[..8], event.envelope.time.nanos().to_le_bytes());
            assert!(seen.insert(body[8..16].to_vec()) && seen.insert(body[16..24].to_vec()));
        }
    }
    assert_eq!(seen.len(), 32);
}

#[test]
fn every_nan_has_the_same_bits() {
    let wat = guest!("w10-nan");
    assert_eq!(ask(&only(wat), &events(&[b"x"])).verdicts, [event::Verdict::Pass]);
}
