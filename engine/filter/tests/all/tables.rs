//! Look-ups in tables: what a guest gets, and what it cannot make the host do.

use crate::kit::*;
use event::Event;
use filter::{ChainSpec, FaultKind, Purpose, Runner, Setting, Table, Tables};
use proptest::prelude::*;
use std::sync::{Arc, OnceLock};

/// Bytes of the guest's memory.
const MEMORY: u32 = 16 << 16;
/// Where the guest keeps the table's name and a key of it, by address and length.
const NAME: (u32, u32) = (0, 7);
const RED: (u32, u32) = (16, 3);
const NOTHING: (u32, u32) = (32, 7);

type Words = [u32; 6];

fn table(entries: &[(&str, &str)]) -> Arc<Table> {
    let mut entries = entries.to_vec();
    entries.sort_unstable();
    let packed = Table::pack(entries.iter().map(|(k, v)| (k.as_bytes(), v.as_bytes())));
    Arc::new(packed.unwrap())
}

fn colours(red: &str) -> Tables {
    [("colours".into(), table(&[("green", "0f0"), ("red", red), ("blue", "")]))]
        .into_iter()
        .collect()
}

fn guest() -> &'static ChainSpec {
    static GUEST: OnceLock<ChainSpec> = OnceLock::new();
    GUEST.get_or_init(|| only(guest!("w4-table-get")))
}

fn asking(calls: &[Words]) -> Arc<Event> {
    let body: Vec<u8> = calls.iter().flatten().flat_map(|word| word.to_le_bytes()).collect();
    event(1, &body)
}

/// The statuses, and the first 4 KiB of the guest's memory.
fn look_up(runner: &Runner, tables: &Tables, calls: &[Words]) -> (Vec<i32>, Vec<u8>) {
    let setting = Setting { purpose: Purpose::Live, tables, age: 0, runs: &[] };
    let answer = runner.run_in(guest(), &[asking(calls)], setting);
    let memory = emitted(&answer.verdicts[0])[0].body.to_vec();
    let status = |n: usize| i32::from_le_bytes(memory[2048 + 4 * n..][..4].try_into().unwrap());
    ((0..calls.len()).map(status).collect(), memory)
}

fn call(table: (u32, u32), key: (u32, u32), dst: u32, cap: u32) -> Words {
    [table.0, table.1, key.0, key.1, dst, cap]
}

#[test]
fn a_guest_looks_keys_up() {
    let runner = Runner::new(engine().clone());
    let calls = [
        call(NAME, RED, 64, 64),
        call(NAME, NOTHING, 128, 64),
        call(NOTHING, RED, 128, 64),
        call(NAME, RED, 128, 2),
        call(NAME, RED, 128, 0),
        call(NAME, RED, u32::MAX, 0),
        // It lies over its own key and over the table's name.
        call(NAME, RED, 16, 64),
        call(NAME, (16, 3), 0, 3),
    ];
    let (statuses, memory) = look_up(&runner, &colours("red"), &calls);
    assert_eq!(statuses, [3, -1, -1, 3, 3, 3, 3, 3]);
    assert_eq!(&memory[64..70], b"red\0\0\0");
    assert_eq!(&memory[128..192], [0; 64], "what has no room is not written");
    assert_eq!(&memory[..7], b"redours");
}

#[test]
fn a_batch_sees_the_tables_that_it_is_given_and_an_instance_keeps_none() {
    let runner = Runner::new(engine().clone());
    let wanted = [call(NAME, RED, 64, 64)];
    let read = |tables: &Tables| {
        let (statuses, memory) = look_up(&runner, tables, &wanted);
        // The name that the guest overwrote in another test is whole here: it is a new runner.
        let start = i32::from_le_bytes(memory[2044..2048].try_into().unwrap());
        assert_eq!(start, -3, "an instance that starts is told no value that would outlive it");
        (statuses[0], memory[64..72].to_vec())
    };
    let (old, new) = (colours("f00"), colours("ff0000"));
    assert_eq!(read(&old), (3, b"f00\0\0\0\0\0".to_vec()));
    let held = old.get("colours").unwrap().clone();
    drop(old);
    assert_eq!(runner.idle_instances(), 1);
    assert_eq!(Arc::strong_count(&held), 1, "an idle instance holds an old version");
    assert_eq!(read(&new), (6, b"ff0000\0\0".to_vec()));
    assert_eq!(read(&Tables::default()), (-1, vec![0; 8]));
}

/// (ptr, len) of which every one lies partly or wholly outside memory.
const OUTSIDE: [(u32, u32); 9] = [
    (MEMORY, 1),
    (MEMORY - 1, 2),
    (0, MEMORY + 1),
    (u32::MAX, 1),
    (u32::MAX, u32::MAX),
    (0, u32::MAX),
    (0x8000_0000, 4),
    (0x7fff_ffff, 0x7fff_ffff),
    (16, u32::MAX - 8),
];

#[test]
fn w4_a_look_up_refuses_bad_pointers() {
    let runner = Runner::new(engine().clone());
    for bad in OUTSIDE {
        let calls = [
            call(bad, RED, 64, 64),
            call(NAME, bad, 64, 64),
            call(NOTHING, bad, 64, 64),
            call(NAME, NOTHING, bad.0, bad.1),
        ];
        let (statuses, _) = look_up(&runner, &colours("f00"), &calls);
        assert_eq!(statuses, [-4, -4, -4, -1], "{bad:?}");
    }
    // Where the value fits by the guest's word and lies outside by its place.
    let calls = [
        call(NAME, RED, MEMORY - 2, 3),
        call(NAME, RED, MEMORY, 3),
        call(NAME, RED, u32::MAX - 1, 64),
        call(NAME, RED, MEMORY - 3, u32::MAX),
    ];
    let (statuses, _) = look_up(&runner, &colours("f00"), &calls);
    assert_eq!(statuses, [-4, -4, -4, 3]);
    // All of memory as a name or a key, and none.
    let all = (0, MEMORY);
    let calls = [call(all, RED, 64, 64), call(NAME, all, 64, 64), call((64, 0), (64, 0), 64, 64)];
    assert_eq!(look_up(&runner, &colours("f00"), &calls).0, [-1, -1, -1]);
}

#[test]
fn w4_look_ups_cost_fuel() {
    let fuel = |calls: usize, tables: &Tables| {
        let setting = Setting { purpose: Purpose::Live, tables, age: 0, runs: &[] };
        let asked = [asking(&vec![call(NAME, RED, 64, 64); calls])];
        let runner = Runner::new(engine().clone());
        runner.run_in(guest(), &asked, setting).fuel
    };
    let large: Vec<String> = (0..1 << 16).map(|n| format!("{n:08}")).collect();
    let large: Vec<(&str, &str)> = large.iter().map(|key| (&**key, "")).collect();
    let large: Tables = [("colours".into(), table(&large))].into_iter().collect();
    let (few, many) = (fuel(1, &colours("f00")), fuel(101, &colours("f00")));
    assert!(many - few > 100 * 300, "{few} {many}");
    assert!(fuel(101, &large) > many + 100 * 14 * 50, "a larger table costs no more");
    // A guest that does nothing else ends all the same.
    let loops = guest!("w4-table-loop");
    let setting = Setting { purpose: Purpose::Live, tables: &colours("f00"), age: 0, runs: &[] };
    let answer = Runner::new(engine().clone()).run_in(&only(loops), &events(&[b"{}"]), setting);
    assert_eq!(answer.faults[0].kind, FaultKind::OutOfFuel, "{:?}", answer.faults);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn w13_no_look_up_harms_the_host(
        calls in prop::collection::vec(prop::array::uniform6(place()), 1..40)
    ) {
        let tables = &colours("f00");
        let setting = Setting { purpose: Purpose::Live, tables, age: 0, runs: &[] };
        let answer = Runner::new(engine().clone()).run_in(guest(), &[asking(&calls)], setting);
        prop_assert_eq!(answer.verdicts.len(), 1);
    }
}

fn place() -> impl Strategy<Value = u32> {
    prop_oneof![0u32..8, Just(16), 0u32..4096, MEMORY - 8..MEMORY + 8, Just(u32::MAX), any::<u32>()]
}
