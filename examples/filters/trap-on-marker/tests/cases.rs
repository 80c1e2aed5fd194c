//! The filter's fault is the contract's test: who is blamed, and with what words.

use cases::{Guest, Trapped};
use forebay_filter::{IntoVerdict, Sample};
use trap_on_marker::{MARKER, keep};

#[test]
fn every_case_holds_natively_and_in_wasm() {
    cases::check(env!("CARGO_MANIFEST_DIR"), |_, event| Ok(keep(event).into_verdict()));
}

#[test]
fn a_trap_names_its_event_and_its_reason() {
    let wasm = include_bytes!("../trap-on-marker.wasm");
    let mut guest = Guest::start(wasm, b"{}").expect("it keeps the contract");
    let events = [b"fine", MARKER, b"also fine"].map(|body| Sample::new("x", body));
    let Err(Trapped { event, reason }) = guest.filter(&events) else {
        panic!("the marker traps");
    };
    assert_eq!(event, 1);
    assert!(reason.contains("the body has the marker on which this filter breaks"), "{reason}");
    assert!(reason.contains("trap-on-marker/src/lib.rs"), "{reason}");
}

#[test]
fn a_batch_larger_than_the_buffer_gets_a_larger_one() {
    let wasm = include_bytes!("../trap-on-marker.wasm");
    let mut guest = Guest::start(wasm, b"{}").expect("it keeps the contract");
    for bytes in [10, 70_000, 300_000, 10] {
        let events = [Sample::new("x", &vec![b'a'; bytes]), Sample::new("y", b"b")];
        let answers = guest.filter(&events).expect("nothing traps");
        assert_eq!(answers, [cases::Answer::Pass, cases::Answer::Pass]);
    }
}
