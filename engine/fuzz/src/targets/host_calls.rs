use super::modules::{engine, run};
use super::take::Take;
use filter::{InProcess, ModuleLimits, NoCache, SealKey};
use std::fmt::Write;

/// What a guest may call, and what each takes: `i` 32 bits, `l` 64 bits, `d` a double.
const CALLS: &[(&str, &str, &str, &str)] = &[
    ("forebay_v1", "log", "iii", "i"),
    ("forebay_v1", "fail", "ii", "i"),
    ("forebay_v1", "now_ns", "", "l"),
    ("forebay_v1", "random", "", "l"),
    ("forebay_v1", "config_get", "iiii", "i"),
    ("forebay_v1", "state_get", "iiii", "i"),
    ("forebay_v1", "table_get", "iiiiii", "i"),
    ("forebay_v1", "metric", "iiid", "i"),
    ("env", "abort", "iiii", ""),
    ("wasi_snapshot_preview1", "args_sizes_get", "ii", "i"),
    ("wasi_snapshot_preview1", "environ_get", "ii", "i"),
    ("wasi_snapshot_preview1", "clock_res_get", "ii", "i"),
    ("wasi_snapshot_preview1", "clock_time_get", "ili", "i"),
    ("wasi_snapshot_preview1", "random_get", "ii", "i"),
    ("wasi_snapshot_preview1", "fd_write", "iiii", "i"),
    ("wasi_snapshot_preview1", "fd_fdstat_get", "ii", "i"),
    ("wasi_snapshot_preview1", "fd_seek", "ilii", "i"),
    ("wasi_snapshot_preview1", "poll_oneoff", "iiii", "i"),
    ("wasi_snapshot_preview1", "sched_yield", "", "i"),
    ("wasi_snapshot_preview1", "fd_prestat_get", "ii", "i"),
    ("wasi_snapshot_preview1", "path_open", "iiiiillii", "i"),
];

/// Places that pointers and lengths like to have: the ends of two pages of memory, and beyond.
const PLACES: [u32; 12] =
    [0, 1, 4, 64, 1024, 65_535, 65_536, 131_068, 131_071, 131_072, 0x7fff_ffff, 0xffff_ffff];

/// A script: each step stores a word in the guest's memory or calls the host with what comes.
/// In the end the guest answers with a place and a length that come too.
pub fn host_calls(bytes: &[u8]) {
    let mut take = Take(bytes);
    let answer = u64::from(number(&mut take)) << 32 | u64::from(number(&mut take));
    let mut body = String::new();
    let mut steps = 0;
    while !take.0.is_empty() && steps < 24 {
        steps += 1;
        step(&mut take, &mut body);
    }
    let wasm = wat::parse_str(module(&body, answer as i64)).expect("the module is well-formed");
    let limits = ModuleLimits::default();
    let key = SealKey::new([7; 32]);
    let module = engine().admit(&wasm, &limits, &InProcess(engine()), &NoCache, &key);
    run(module.expect("every call of the list may be imported"));
}

fn step(take: &mut Take<'_>, body: &mut String) {
    let what = usize::from(take.byte());
    let written = if what >= 128 {
        let (at, word) = (number(take) % 131_068, take.u32());
        writeln!(body, "(i32.store (i32.const {at}) (i32.const {word}))")
    } else {
        let at = what % CALLS.len();
        let (_, _, params, result) = CALLS[at];
        let arguments: String = params.chars().map(|kind| argument(kind, take)).collect();
        let call = format!("(call {at} {arguments})");
        writeln!(body, "{}", if result.is_empty() { call } else { format!("(drop {call})") })
    };
    written.expect("a string takes all that is written to it");
}

fn argument(kind: char, take: &mut Take<'_>) -> String {
    match kind {
        'i' => format!("(i32.const {}) ", number(take) as i32),
        'l' => format!("(i64.const {}) ", take.u64() as i64),
        _ => match take.byte() % 4 {
            0 => "(f64.const nan) ".into(),
            1 => "(f64.const -inf) ".into(),
            _ => format!("(f64.const {}) ", take.u32()),
        },
    }
}

/// One of the places, or one nearby, or any.
fn number(take: &mut Take<'_>) -> u32 {
    let kind = take.byte();
    let place = PLACES[usize::from(kind) % PLACES.len()];
    match kind {
        0..128 => place,
        128..224 => place.wrapping_add(u32::from(take.byte())).wrapping_sub(128),
        224.. => take.u32(),
    }
}

fn module(body: &str, answer: i64) -> String {
    let mut imports = String::new();
    for (module, name, params, result) in CALLS {
        let typed = |word: &str, kinds: &str| {
            let names = kinds.chars().map(|kind| match kind {
                'i' => " i32",
                'l' => " i64",
                _ => " f64",
            });
            let names: String = names.collect();
            if names.is_empty() { names } else { format!("({word}{names})") }
        };
        let (params, result) = (typed("param", params), typed("result", result));
        imports += &format!("(import \"{module}\" \"{name}\" (func {params} {result}))\n");
    }
    format!(
        r#"(module {imports} (memory (export "memory") 2)
        (data (i32.const 8192) "name\00FBV1\02\00\00\00\01\00")
        (func (export "forebay_buffer") (param i32) (result i32) (i32.const 65536))
        (func (export "forebay_process_v1") (param i32 i32) (result i64)
        {body} (i64.const {answer})))"#
    )
}
