//! Guests that mean harm. After each of them the same runner still serves a healthy filter.

use crate::kit::*;
use event::Verdict;
use filter::{ChainAnswer, ErrorPolicy, FaultKind, FilterLimits, Purpose, Runner};

/// Less fuel than by default, so that the suite is quick; the paths are the same.
pub fn quick() -> FilterLimits {
    FilterLimits {
        fuel_batch: 20_000_000,
        fuel_event: 100_000,
        fuel_byte: 0,
        fuel_start: 20_000_000,
        ..FilterLimits::default()
    }
}

/// Asks the guest about four events, then a healthy filter on the same runner.
fn assault(wat: &str) -> ChainAnswer {
    let runner = Runner::new(engine().clone());
    let healthy = only(BY_BODY);
    let hostile = chain(&[Setting { limits: quick(), ..Setting::default() }.of(&admit(wat))]);
    let four = events(&[b"d", b"p", b"x", b"a"]);
    let answer = runner.run(&hostile, &four, Purpose::Live);
    assert_eq!(answer.verdicts.len(), 4);
    let after = runner.run(&healthy, &four, Purpose::Live);
    assert_eq!(after.verdicts[..2], [Verdict::Drop, Verdict::Pass]);
    answer
}

fn all_fail(wat: &str, kind: FaultKind, text: &str) -> ChainAnswer {
    let answer = assault(wat);
    assert_eq!(answer.faults.len(), 4, "{:?}", answer.faults);
    for (verdict, note) in answer.verdicts.iter().zip(&answer.faults) {
        assert!(rejected(verdict).contains(text), "{verdict:?}");
        assert_eq!(note.kind, kind);
    }
    answer
}

#[test]
fn w1_loops_run_out_of_fuel_wherever_they_are() {
    for wat in [guest!("w1-loop"), guest!("w1-loop-in-buffer"), guest!("w1-ping-pong")] {
        let answer = all_fail(wat, FaultKind::OutOfFuel, "out of fuel");
        assert!(answer.fuel < 16 * 21_000_000, "{}", answer.fuel);
    }
    all_fail(guest!("w1-loop-in-start"), FaultKind::Start, "did not start: out of fuel");
    all_fail(guest!("w1-bulk"), FaultKind::OutOfFuel, "out of fuel");
    all_fail(guest!("w1-sleep"), FaultKind::Trap, "its clock stands still");
}

#[test]
fn w1_every_kind_of_loop_gives_way_to_others() {
    let runner = Runner::new(engine().clone());
    let (healthy, event) = (only(SINGLE), events(&[b"keep"]));
    for wat in [guest!("w1-loop"), guest!("w1-ping-pong"), guest!("w1-loop-in-start")] {
        let hostile = only(wat);
        let mut asked = Box::pin(runner.run_sliced(&hostile, &event, live()));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let mut turns = 0;
        while asked.as_mut().poll(&mut context).is_pending() {
            turns += 1;
            assert_eq!(runner.run(&healthy, &event, Purpose::Live).verdicts, [Verdict::Pass]);
        }
        assert!(turns >= 8, "gave way only {turns} times");
    }
}

/// Each event has an instance of its own: none of the calls takes a slice.
#[test]
fn w1_many_short_calls_give_way_like_a_long_one() {
    let runner = Runner::new(engine().clone());
    let module = admit(SINGLE);
    let isolated = chain(&[Setting { isolate: true, ..Setting::default() }.of(&module)]);
    let many = events(&[b"keep".as_slice(); 200]);
    let mut asked = Box::pin(runner.run_sliced(&isolated, &many, live()));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut turns = 0;
    while asked.as_mut().poll(&mut context).is_pending() {
        turns += 1;
    }
    assert!((100..=400).contains(&turns), "gave way {turns} times in 200 starts");
}

#[test]
fn w2_memory_has_an_end_and_is_given_back() {
    all_fail(guest!("w2-grow"), FaultKind::OutOfFuel, "out of fuel");
    let runner = Runner::new(engine().clone());
    let leaking = only(guest!("w2-grow-and-return"));
    let mut resident = Vec::new();
    for round in 0..60 {
        let answer = runner.run(&leaking, &events(&[b"p"]), Purpose::Live);
        assert_eq!(answer.verdicts, [Verdict::Pass]);
        assert_eq!(runner.idle_instances(), 0, "an instance near its limit is not kept");
        if round >= 20 {
            resident.push(resident_bytes());
        }
    }
    let (first, last) = (resident[0], resident[resident.len() - 1]);
    assert!(last < first + (64 << 20), "{first} grew to {last}");
}

/// Of the whole process, other tests' threads included.
pub fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn w3_recursion_ends_at_the_stack_limit() {
    all_fail(guest!("w3-recursion"), FaultKind::Trap, "call stack exhausted");
    let answer = all_fail(guest!("w3-deep-host-call"), FaultKind::Trap, "call stack exhausted");
    assert!(!answer.logs.is_empty());
}

#[test]
fn w5_every_trap_is_a_typed_fault_with_the_guests_frames() {
    let kind = FaultKind::Trap;
    let answer = all_fail(guest!("w5-unreachable"), kind, "`unreachable`");
    assert!(answer.faults[0].text.contains("at parse_order < "), "{}", answer.faults[0].text);
    all_fail(guest!("w5-divide"), kind, "integer divide by zero");
    all_fail(guest!("w5-out-of-bounds"), kind, "out of bounds memory access");
    all_fail(guest!("w5-exit"), kind, "proc_exit(3)");
    all_fail(guest!("w5-abort"), kind, "abort: no! (:3:4)");
}

#[test]
fn w8_an_isolated_filter_sees_no_trace_of_other_events() {
    let module = admit(guest!("w8-marker"));
    let three = events(&[b"1", b"2", b"3"]);
    let runner = Runner::new(engine().clone());
    let shared = chain(&[Setting::default().of(&module)]);
    let seen = runner.run(&shared, &three, Purpose::Live).verdicts;
    assert_eq!(seen, [Verdict::Pass, Verdict::Drop, Verdict::Drop], "the marker works");
    let isolated = chain(&[Setting { isolate: true, ..Setting::default() }.of(&module)]);
    for _ in 0..3 {
        assert_eq!(runner.run(&isolated, &three, Purpose::Live).verdicts, vec![Verdict::Pass; 3]);
    }
}

#[test]
fn w8_tenants_and_configurations_never_share_an_instance() {
    let module = admit(guest!("w8-marker"));
    let runner = Runner::new(engine().clone());
    let one = events(&[b"1"]);
    for (tenant, config) in [("a", "{}"), ("b", "{}"), ("a", "{\"x\":1}")] {
        let filter = Setting { tenant, config, ..Setting::default() }.of(&module);
        assert_eq!(runner.run(&chain(&[filter]), &one, Purpose::Live).verdicts, [Verdict::Pass]);
    }
    assert_eq!(runner.idle_instances(), 3);
}

#[test]
fn w9_logs_are_capped_and_escaped_for_each_event() {
    let events = events(&[b"1", b"2"]);
    let limits = FilterLimits { fuel_batch: 1 << 40, ..FilterLimits::default() };
    let filter = Setting { limits, ..Setting::default() }.of(&admit(guest!("w9-log-spam")));
    let answer = ask(&chain(&[filter]), &events);
    assert_eq!(answer.verdicts, vec![Verdict::Pass; 2]);
    for event in 0..2 {
        let lines: Vec<_> = answer.logs.iter().filter(|line| line.event == Some(event)).collect();
        let bytes: usize = lines.iter().map(|line| line.text.len()).sum();
        assert!((1..=20).contains(&lines.len()) && bytes <= 4096, "{} {bytes}", lines.len());
        assert!(lines.iter().all(|line| !line.text.chars().any(char::is_control)));
        assert!(lines[0].text.starts_with("a\\nb\\u{1b}[2Jc"), "{}", lines[0].text);
    }
}

#[test]
fn w12_who_lies_about_progress_hurts_nobody() {
    let bodies: Vec<&[u8]> =
        (0..40).map(|n| if n == 17 || n == 30 { &b"x"[..] } else { &b"ok"[..] }).collect();
    for wat in [guest!("w12-liar"), guest!("w12-silent"), guest!("w12-far-liar")] {
        let answer = ask(&only(wat), &events(&bodies));
        for (n, verdict) in answer.verdicts.iter().enumerate() {
            let is_bad = n == 17 || n == 30;
            assert_eq!(matches!(verdict, Verdict::Reject { .. }), is_bad, "{n}: {verdict:?}");
        }
        let mut blamed: Vec<usize> = answer.faults.iter().map(|note| note.event).collect();
        blamed.sort_unstable();
        assert_eq!(blamed, [17, 30]);
    }
}

#[test]
fn w12_a_filter_that_fails_at_everything_costs_a_bounded_amount() {
    let bodies: Vec<&[u8]> = vec![b"l"; 256];
    let limits = FilterLimits {
        fuel_batch: 1_000_000,
        fuel_event: 1000,
        fuel_byte: 0,
        ..FilterLimits::default()
    };
    let on_error = ErrorPolicy::Drop;
    let filter = Setting { limits, on_error, ..Setting::default() }.of(&admit(BY_BODY));
    let answer = ask(&chain(&[filter]), &events(&bodies));
    assert_eq!(answer.verdicts, vec![Verdict::Drop; 256]);
    assert_eq!(answer.faults.len(), 256);
    assert!(answer.fuel < 18 * 1_256_000 + 256 * 1_001_000, "{}", answer.fuel);
}

#[test]
fn w12_however_many_loop_the_others_are_judged() {
    let is_loop = |n: usize| n.is_multiple_of(11);
    let bodies: Vec<&[u8]> =
        (0..256).map(|n| if is_loop(n) { &b"l"[..] } else { &b"p"[..] }).collect();
    let filter = Setting { limits: quick(), ..Setting::default() }.of(&admit(BY_BODY));
    let answer = ask(&chain(&[filter]), &events(&bodies));
    let mut blamed: Vec<usize> = answer.faults.iter().map(|note| note.event).collect();
    blamed.sort_unstable();
    assert_eq!(blamed, (0..256).filter(|n| is_loop(*n)).collect::<Vec<_>>());
    for (n, verdict) in answer.verdicts.iter().enumerate() {
        assert_eq!(matches!(verdict, Verdict::Reject { .. }), is_loop(n), "{n}: {verdict:?}");
    }
}

#[test]
fn w12_a_batch_of_heavy_events_is_judged_one_by_one_at_last() {
    let limits = FilterLimits {
        fuel_batch: fuel_of_work() * 3 / 2,
        fuel_event: 0,
        fuel_byte: 0,
        ..FilterLimits::default()
    };
    let filter = Setting { limits, ..Setting::default() }.of(&admit(BY_BODY));
    let answer = ask(&chain(&[filter]), &events(&[&b"w"[..]; 256]));
    assert_eq!(answer.verdicts, vec![Verdict::Pass; 256]);
    assert!(answer.faults.is_empty(), "{:?}", answer.faults.first());
}

/// What one working event of `BY_BODY` takes, nearly.
fn fuel_of_work() -> u64 {
    ask(&only(BY_BODY), &events(&[b"w"])).fuel
}

#[test]
fn w12_nobody_is_blamed_for_the_fuel_that_all_took_together() {
    let work = fuel_of_work();
    for events_in_budget in [4, 10] {
        let limits = FilterLimits {
            fuel_batch: work * events_in_budget + work / 2,
            fuel_event: 0,
            fuel_byte: 0,
            ..FilterLimits::default()
        };
        let filter = Setting { limits, ..Setting::default() }.of(&admit(BY_BODY));
        let bodies = vec![&b"w"[..]; 11];
        let answer = ask(&chain(&[filter]), &events(&bodies));
        assert_eq!(answer.verdicts, vec![Verdict::Pass; 11], "{events_in_budget}");
        assert!(answer.faults.is_empty(), "{:?}", answer.faults);
    }
}

#[test]
fn w12_who_does_burn_the_fuel_alone_is_found() {
    let limits = FilterLimits { fuel_batch: fuel_of_work() * 30, ..quick() };
    let filter = Setting { limits, ..Setting::default() }.of(&admit(BY_BODY));
    let bodies: Vec<&[u8]> =
        (0..20).map(|n| if n == 7 || n == 12 { &b"l"[..] } else { &b"w"[..] }).collect();
    let answer = ask(&chain(&[filter]), &events(&bodies));
    let mut blamed: Vec<usize> = answer.faults.iter().map(|note| note.event).collect();
    blamed.sort_unstable();
    assert_eq!(blamed, [7, 12]);
}

#[test]
fn fuel_grows_with_the_bytes_of_the_events() {
    let limits =
        FilterLimits { fuel_batch: 0, fuel_event: 1_000, fuel_byte: 1, ..FilterLimits::default() };
    let filter = Setting { limits, ..Setting::default() }.of(&admit(BY_BODY));
    let large = [&b"w"[..], &vec![b' '; 1 << 20]].concat();
    let verdicts = ask(&chain(&[filter]), &events(&[&large, b"w"])).verdicts;
    assert_eq!(verdicts[0], Verdict::Pass);
    assert!(rejected(&verdicts[1]).contains("out of fuel"));
}
