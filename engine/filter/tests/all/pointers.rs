//! What guests say of their memory is never believed: result blocks and host calls.

use crate::kit::*;
use event::Verdict;
use filter::{ChainSpec, FaultKind, Purpose, Row, Runner, read_rows};
use proptest::prelude::*;
use std::sync::OnceLock;

const MEMORY: u32 = 16 << 16;

/// (ptr, len) of which every one lies partly or wholly outside 16 pages of memory.
const OUTSIDE: [(u32, u32); 12] = [
    (MEMORY, 1),
    (MEMORY - 1, 2),
    (MEMORY - 4, 8),
    (0, MEMORY + 1),
    (1, MEMORY),
    (u32::MAX, 1),
    (u32::MAX, u32::MAX),
    (0, u32::MAX),
    (0x8000_0000, 4),
    (0x7fff_ffff, 0x7fff_ffff),
    (MEMORY / 2, u32::MAX - MEMORY / 2 + 1),
    (16, 0x8000_0000),
];

fn reason_of(wat: &str) -> String {
    let answer = ask(&only(wat), &events(&[b"{}"]));
    assert_eq!(answer.faults[0].kind, FaultKind::Broken, "{:?}", answer.faults);
    rejected(&answer.verdicts[0]).to_string()
}

#[test]
fn w4_a_result_outside_memory_is_a_broken_rule() {
    for (ptr, len) in OUTSIDE.into_iter().filter(|(ptr, _)| *ptr < 1 << 31) {
        let reason = reason_of(&answering(b"", ptr, len));
        assert!(reason.contains("outside memory"), "{ptr} {len}: {reason}");
    }
    for (outs, stride) in OUTSIDE.map(|(ptr, _)| (ptr, 64)).into_iter().chain([(8224, 1 << 31)]) {
        let words = [0x3152_4246u32, 64, outs, stride, 0, 0, 0, 0];
        let header: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        if u64::from(outs) + 64 * u64::from(stride) > u64::from(MEMORY) {
            assert!(reason_of(&answering(&header, 8192, 32)).contains("outside memory"));
        }
    }
    assert!(reason_of(guest!("w4-buffer")).contains("forebay_buffer("));
}

#[test]
fn w4_every_pointer_of_a_row_is_checked() {
    for (ptr, len) in OUTSIDE {
        for (field, mask) in [(4, 1), (6, 2), (8, 4), (10, 8)] {
            let mut out = row(0, 2, mask, 0);
            (out[field], out[field + 1]) = (ptr, len);
            let reason = reason_of(&answering(&block(&[out]), 8192, 32));
            assert!(reason.contains("outside memory"), "{field}: {reason}");
        }
        let mut out = row(0, 3, 0, 0);
        (out[12], out[13]) = (ptr, len);
        assert!(reason_of(&answering(&block(&[out]), 8192, 32)).contains("the reason lies"));
    }
}

#[test]
fn w4_and_w5_rules_of_rows() {
    let fails = |rows: &[[u32; 16]], text: &str| {
        let reason = reason_of(&answering(&block(rows), 8192, 32));
        assert!(reason.contains(text), "{text}: {reason}");
    };
    fails(&[row(1, 1, 0, 0)], "a row is for event 1 of 1");
    fails(&[row(0, 5, 0, 0)], "there is no verdict 5");
    fails(&[row(0, 1, 1, 0)], "only EMIT may have a mask");
    fails(&[row(0, 0, 0, 1)], "only EMIT may have a mask or a route");
    fails(&[row(0, 2, 16, 0)], "there is no mask");
    fails(&[row(0, 2, 0, 3)], "there is no route 3");
    fails(&[row(0, 1, 0, 0), row(0, 2, 0, 0)], "must be the only row");
    fails(&[row(0, 2, 0, 0), row(0, 0, 0, 0)], "must be the only row");
    fails(&vec![row(0, 2, 0, 0); 65], "65 rows for 1 events");
    let mut no_utf8 = row(0, 2, 2, 0);
    (no_utf8[6], no_utf8[7]) = (8192, 64);
    no_utf8[2] = 0xffff_ffff;
    fails(&[no_utf8], "the type is not UTF-8");
    let memory = [vec![0; 8192], block(&[row(1, 1, 0, 0), row(0, 1, 0, 0)])].concat();
    let unordered = read_rows(&memory, 8192, 32, 2).unwrap_err();
    assert!(unordered.rule.contains("not in the order of the events"), "{unordered:?}");
}

#[test]
fn w4_too_much_output_halves_the_batch_and_blames_one_event_at_last() {
    let chain = only(guest!("w4-huge-outputs"));
    let reason = rejected(&ask(&chain, &events(&[b"{}"])).verdicts[0]).to_string();
    assert_eq!(reason, "filter f: its outputs are larger than a batch's may be");
}

fn calls() -> &'static ChainSpec {
    static CALLS: OnceLock<ChainSpec> = OnceLock::new();
    CALLS.get_or_init(|| only(guest!("w4-host-calls")))
}

#[test]
fn w4_host_calls_refuse_bad_pointers_and_answer() {
    let runner = Runner::new(engine().clone());
    let call = |words: [u32; 5]| {
        let body: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        runner.run(calls(), &[event(1, &body)], Purpose::Live).verdicts.remove(0)
    };
    for (ptr, len) in OUTSIDE {
        assert_eq!(call([0, 1, ptr, len, 0]), Verdict::Drop, "log {ptr} {len}");
        assert_eq!(call([1, ptr, len, 0, 0]), Verdict::Drop, "fail {ptr} {len}");
        assert_eq!(call([2, ptr, len, 0, 16]), Verdict::Drop, "config_get {ptr} {len}");
        assert_eq!(call([3, ptr, len, 0, 0]), Verdict::Drop, "metric {ptr} {len}");
    }
    assert_eq!(call([4, 0, 1, 0, 1]), Verdict::Drop, "state is denied");
    assert_eq!(call([0, 1, 0, 16, 0]), Verdict::Pass, "a good call is good");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn w13_no_host_call_harms_the_host(
        calls_made in prop::collection::vec((0u32..11, place(), place(), place(), place()), 1..40)
    ) {
        let body: Vec<u8> = calls_made
            .iter()
            .flat_map(|(call, a, b, c, d)| [*call, *a, *b, *c, *d])
            .flat_map(u32::to_le_bytes)
            .collect();
        let answer = ask(calls(), &[event(1, &body)]);
        prop_assert_eq!(answer.verdicts.len(), 1);
    }

    #[test]
    fn no_memory_makes_the_reader_stumble(
        mut memory in prop::collection::vec(any::<u8>(), 0..4096),
        (ptr, len, count) in (0u32..4200, 0u32..4200, 0usize..8),
        words in prop::collection::vec((0usize..1024, place()), 0..64),
        is_full in any::<bool>(),
    ) {
        for (at, word) in words {
            if let Some(four) = memory.get_mut(at * 4..at * 4 + 4) {
                four.copy_from_slice(&word.to_le_bytes());
            }
        }
        let magic = if is_full { b"FBR1" } else { b"FBV1" };
        if let Some(four) = memory.get_mut(ptr as usize..ptr as usize + 4) {
            four.copy_from_slice(magic);
        }
        if let Ok(rows) = read_rows(&memory, ptr, len, count) {
            check(&rows, count);
        }
    }

    #[test]
    fn rows_that_keep_the_rules_are_read_as_written(
        verdicts in prop::collection::vec(0u8..5, 1..100)
    ) {
        let rows: Vec<_> = verdicts.iter().zip(0..).map(|(v, n)| row(n, *v, 0, 0)).collect();
        let memory = [vec![0; 8192], block(&rows)].concat();
        let read = read_rows(&memory, 8192, 32, rows.len()).unwrap();
        prop_assert_eq!(read.len(), rows.len());
        for ((at, row), (n, verdict)) in read.iter().zip(verdicts.iter().enumerate()) {
            let number = match row {
                Row::Drop => 0,
                Row::Pass => 1,
                Row::Emit { .. } => 2,
                Row::Reject(_) => 3,
                Row::Retry { .. } => 4,
            };
            prop_assert_eq!((*at, number), (n, *verdict));
        }
    }
}

/// Words that are near the ends of something as often as not.
fn place() -> impl Strategy<Value = u32> {
    prop_oneof![
        0u32..8,
        0u32..4096,
        Just(64),
        Just(4 << 16),
        (4u32 << 16) - 64..(4 << 16) + 64,
        Just(u32::MAX),
        any::<u32>(),
    ]
}

/// The rules, told a second time.
fn check(rows: &[(usize, Row<'_>)], count: usize) {
    for pair in rows.windows(2) {
        assert!(pair[0].0 <= pair[1].0);
        if pair[0].0 == pair[1].0 {
            assert!(pair.iter().all(|(_, row)| matches!(row, Row::Emit { .. })));
        }
    }
    for at in 0..count {
        assert!(rows.iter().filter(|(source, _)| *source == at).count() <= 64);
    }
    assert!(rows.iter().all(|(source, _)| *source < count));
}
