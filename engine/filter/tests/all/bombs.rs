//! W6: modules that are small to upload and costly to compile.

use crate::generated::{leb, module};
use crate::kit::*;
use std::time::{Duration, Instant};

#[test]
fn bombs_are_refused_before_they_are_compiled() {
    let many_locals = [&[1][..], &leb(9_000), &[0x7f, 0x0b]].concat();
    let made = [
        (module(1_000_000, &[0, 0x0b]), "functions, the limit is 50000"),
        (module(40_000, &many_locals), "locals in all functions"),
    ];
    let written = [
        (guest!("w6-functions"), "functions, the limit is 50000"),
        (guest!("w6-locals"), "50000 locals in one function"),
        (guest!("w6-locals-of-all"), "locals in all functions"),
        (guest!("w6-jump-table"), "bytes in one function"),
        (guest!("w6-blocks"), "bytes in one function"),
        (guest!("w6-large-function"), "bytes in one function"),
        (guest!("w6-large"), "the module has 9000"),
        (guest!("w6-types"), "types, the limit is 10000"),
        (guest!("w6-imports"), "imports, the limit is 256"),
        (guest!("w6-exports"), "exports, the limit is 10000"),
        (guest!("w6-globals"), "globals, the limit is 10000"),
        (guest!("w6-data-segments"), "data segments, the limit is 50000"),
        (guest!("w6-element-segments"), "element segments, the limit is 10000"),
    ];
    let written = written.map(|(wat, text)| (wat::parse_str(expanded(wat)).unwrap(), text));
    let started = Instant::now();
    for (wasm, text) in made.iter().chain(&written) {
        let refusal = refusal(wasm);
        assert!(refusal.contains(text), "{text}: {refusal}");
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn what_is_just_below_the_limits_compiles() {
    let nested = wat::parse_str(expanded(guest!("w6-blocks-that-are-few"))).unwrap();
    for (name, wasm) in [
        ("functions", module(20_000, &[0, 0x0b])),
        ("nesting", nested),
        ("locals", module(50, &[&[1][..], &leb(9_000), &[0x7f, 0x0b]].concat())),
    ] {
        let started = Instant::now();
        admit_bytes(&wasm).unwrap();
        println!("{name}: {:?}", started.elapsed());
    }
}
