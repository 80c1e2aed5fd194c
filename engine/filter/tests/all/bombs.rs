//! W6: modules that are small to upload and costly to compile.

use crate::generated::{leb, module};
use crate::kit::*;
use std::time::{Duration, Instant};

#[test]
fn bombs_are_refused_before_they_are_compiled() {
    let mut table = vec![0, 0x02, 0x40, 0x41, 0, 0x0e];
    table.extend(leb(1_000_000));
    table.extend(vec![0; 1_000_001]);
    table.extend([0x0b, 0x0b]);
    let locals = [&[1][..], &leb(50_000), &[0x7f, 0x0b]].concat();
    let many_locals = [&[1][..], &leb(9_000), &[0x7f, 0x0b]].concat();
    let mut deep = vec![0];
    deep.extend([0x02, 0x40].repeat(200_000));
    deep.extend(vec![0x0b; 200_001]);
    let large = [vec![0], [0x41, 0, 0x1a].repeat(2_000_000), vec![0x0b]].concat();
    let started = Instant::now();
    for (wasm, text) in [
        (module(1_000_000, &[0, 0x0b]), "functions, the limit is 50000"),
        (module(1, &locals), "50000 locals in one function"),
        (module(40_000, &many_locals), "locals in all functions"),
        (module(1, &table), "bytes in one function"),
        (module(1, &deep), "bytes in one function"),
        (module(1, &large), "bytes in one function"),
        (module(2, &large), "the module has 12000"),
    ] {
        let refusal = refusal(&wasm);
        assert!(refusal.contains(text), "{text}: {refusal}");
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn what_is_just_below_the_limits_compiles() {
    let mut deep = vec![0];
    deep.extend([0x02, 0x40].repeat(50_000));
    deep.extend(vec![0x0b; 50_001]);
    for (name, wasm) in [
        ("functions", module(20_000, &[0, 0x0b])),
        ("nesting", module(1, &deep)),
        ("locals", module(50, &[&[1][..], &leb(9_000), &[0x7f, 0x0b]].concat())),
    ] {
        let started = Instant::now();
        admit_bytes(&wasm).unwrap();
        println!("{name}: {:?}", started.elapsed());
    }
}
