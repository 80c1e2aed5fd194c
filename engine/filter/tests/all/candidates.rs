//! What becomes of events at which a candidate fails.

use crate::kit::*;
use event::{Event, TenantId, Verdict};
use filter::{Candidate, ChainSpec, ErrorPolicy, FilterLimits, FilterSpec, Share};
use std::sync::Arc;

/// Fails at everything.
const TRAP: &str = r#"(module (memory (export "memory") 1)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "forebay_filter_v1") (param i32 i32) (result i32) unreachable))"#;

/// Of one key each.
fn keyed(bodies: [&[u8]; 64]) -> Vec<Arc<Event>> {
    let with_key = |(n, body)| {
        let mut event = Arc::into_inner(event(n, body)).unwrap();
        event.envelope.key = Some(format!("key-{n}").into());
        Arc::new(event)
    };
    (1..).zip(bodies).map(with_key).collect()
}

/// The filter by itself, and with a canary of half of the keys that fails at everything.
fn doubted(on_error: ErrorPolicy) -> (ChainSpec, ChainSpec) {
    let own = || Setting { on_error, ..Setting::default() }.of(&admit(SINGLE));
    let (tenant, limits) = (TenantId::new("tenant"), FilterLimits::default());
    let canary = FilterSpec::new(&tenant, "new", admit(TRAP), "", limits, on_error, false).unwrap();
    let candidate = Candidate { spec: Arc::new(canary), share: Share::Canary { percent: 50 } };
    let with_canary = Arc::into_inner(own()).unwrap().with_candidate(candidate);
    (chain(&[own()]), chain(&[Arc::new(with_canary)]))
}

#[test]
fn what_a_canary_fails_at_follows_the_error_policy() {
    let events = keyed([b"k"; 64]);
    let (_, with_canary) = doubted(ErrorPolicy::Reject);
    let answer = ask(&with_canary, &events);
    let seen = &answer.comparisons[0];
    let is_rejected = |verdict: &&Verdict| matches!(verdict, Verdict::Reject { .. });
    assert_eq!(answer.verdicts.iter().filter(is_rejected).count(), seen.judged);
    assert!((10..55).contains(&seen.judged) && seen.faults == seen.judged, "{seen:?}");
}

#[test]
fn what_a_canary_stops_at_is_judged_by_its_filter() {
    let bodies: [&[u8]; 64] = std::array::from_fn(|n| [&b"d"[..], b"k", b"k"][n % 3]);
    let events = keyed(bodies);
    let (alone, with_canary) = doubted(ErrorPolicy::Stop);
    let answer = ask(&with_canary, &events);
    assert_eq!(answer.verdicts, ask(&alone, &events).verdicts);
    let seen = &answer.comparisons[0];
    assert!((10..55).contains(&seen.judged) && seen.faults == seen.judged, "{seen:?}");
    assert_eq!(answer.faults.len(), seen.faults);
    assert!(answer.faults.iter().all(|fault| &*fault.filter == "new"));
    assert_eq!(answer.fuel, seen.fuel + seen.fuel_in_force);
}

#[test]
fn a_filter_that_fails_as_well_stops_by_its_own_word() {
    let (_, with_canary) = doubted(ErrorPolicy::Stop);
    for verdict in ask(&with_canary, &keyed([b"x"; 64])).verdicts {
        let Verdict::Stop { reason } = &verdict else { panic!("no stop: {verdict:?}") };
        assert!(reason.starts_with("filter f: "), "{reason}");
    }
}
