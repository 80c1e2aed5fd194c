//! W6: modules that are small to upload and costly to compile.

use crate::kit::*;
use std::time::{Duration, Instant};

fn leb(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn section(id: u8, content: Vec<u8>) -> Vec<u8> {
    [vec![id], leb(content.len() as u32), content].concat()
}

/// `functions` copies of one body, beside the exports that a filter needs.
fn module(functions: u32, body: &[u8]) -> Vec<u8> {
    let sized = |body: &[u8]| [leb(body.len() as u32), body.to_vec()].concat();
    let types = [&[3, 0x60, 0, 0, 0x60, 1, 0x7f, 1, 0x7f][..], &[0x60, 2, 0x7f, 0x7f, 1, 0x7e]];
    let mut declared = leb(functions + 2);
    declared.extend([1, 2]);
    declared.extend(vec![0; functions as usize]);
    let name = |name: &str, rest: [u8; 2]| [&[name.len() as u8], name.as_bytes(), &rest].concat();
    let exports = [
        vec![3],
        name("memory", [2, 0]),
        name("forebay_buffer", [0, 0]),
        name("forebay_process_v1", [0, 1]),
    ];
    let mut code = leb(functions + 2);
    code.extend(sized(&[0, 0x41, 16, 0x0b]));
    code.extend(sized(&[0, 0x42, 0, 0x0b]));
    for _ in 0..functions {
        code.extend(sized(body));
    }
    let header = b"\0asm\x01\0\0\0".to_vec();
    let sections = [
        section(1, types.concat()),
        section(3, declared),
        section(5, vec![1, 0, 1]),
        section(7, exports.concat()),
        section(10, code),
    ];
    [header, sections.concat()].concat()
}

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
