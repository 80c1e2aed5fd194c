use crate::kit::*;
use event::Verdict;
use filter::{ErrorPolicy, FaultKind, FilterLimits, Purpose, Runner};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn every_verdict_means_what_the_contract_says() {
    let events = events(&[
        b"drop",
        b"pass",
        b"reject me",
        b"try again",
        b"alias \xff\x00",
        b"key-2",
        b"yorder.sent",
        b"3x",
        b"e",
        b"0",
        b"",
    ]);
    let answer = ask(&only(BY_BODY), &events);
    let v = &answer.verdicts;
    assert_eq!(v[0], Verdict::Drop);
    assert_eq!(v[1], Verdict::Pass);
    assert_eq!(rejected(&v[2]), "reject me");
    assert_eq!(v[3], Verdict::Retry { delay: Duration::from_millis(7), reason: "".into() });
    let out = &emitted(&v[4])[0];
    assert_eq!((&out.body[..], &out.envelope), (&b"lias \xff\x00"[..], &events[4].envelope));
    assert_eq!(emitted(&v[5])[0].envelope.key.as_deref(), Some("ey-2"));
    assert_eq!(&*emitted(&v[6])[0].envelope.event_type, "order.sent");
    let fan: Vec<&[u8]> = emitted(&v[7]).iter().map(|out| &out.body[..]).collect();
    assert_eq!(fan, [&b"3x"[..], b"x", b""]);
    assert!(emitted(&v[7]).iter().all(|out| out.id == events[7].id));
    assert_eq!(v[8], Verdict::Pass, "one unchanged output is the event itself");
    assert_eq!(rejected(&v[9]), "no verdict");
    assert_eq!(v[10], Verdict::Pass);
    assert!(answer.fuel > 100 && answer.faults.is_empty());
}

/// As for messages that are published.
#[test]
fn no_key_and_no_type_has_control_characters() {
    for body in [&b"ka\nb"[..], b"k\0", b"k\x7f", b"k\xc2\x85", b"ya\nb", b"y\0"] {
        let answer = ask(&only(BY_BODY), &events(&[body]));
        let reason = rejected(&answer.verdicts[0]);
        assert!(reason.contains("control characters"), "{}: {reason}", body.escape_ascii());
    }
}

#[test]
fn batches_of_none_one_many_and_large() {
    let (chain, runner) = (only(BY_BODY), Runner::new(engine().clone()));
    assert!(runner.run(&chain, &[], Purpose::Live).verdicts.is_empty());
    let many: Vec<_> = (0..1000).map(|n| event(n, if n % 3 == 0 { b"d" } else { b"a" })).collect();
    for count in [1, 255, 256, 257, 1000] {
        let answer = runner.run(&chain, &many[..count], Purpose::Live);
        let dropped = answer.verdicts.iter().filter(|v| **v == Verdict::Drop).count();
        assert_eq!((answer.verdicts.len(), dropped), (count, count.div_ceil(3)));
    }
    let mut body = vec![0x80u8; 1 << 20];
    body[0] = b'a';
    let large = [event(1, b"p"), event(2, &body), event(3, b"d")];
    let answer = runner.run(&chain, &large, Purpose::Live);
    assert_eq!(emitted(&answer.verdicts[1])[0].body, body[1..]);
    assert_eq!((&answer.verdicts[0], &answer.verdicts[2]), (&Verdict::Pass, &Verdict::Drop));
    assert_eq!(runner.idle_instances(), 1);
}

#[test]
fn an_event_that_is_too_large_for_the_filter_is_rejected_alone() {
    let mut body = vec![b'a'; 20 << 20];
    body[0] = b'p';
    let events = [event(1, b"p"), event(2, &body), event(3, b"d")];
    let limits = FilterLimits { memory_bytes: 8 << 20, ..FilterLimits::default() };
    let chain = chain(&[Setting { limits, ..Setting::default() }.of(&admit(BY_BODY))]);
    let answer = ask(&chain, &events);
    assert_eq!(rejected(&answer.verdicts[1]), "filter f: too large for the filter");
    assert_eq!((&answer.verdicts[0], &answer.verdicts[2]), (&Verdict::Pass, &Verdict::Drop));
    assert_eq!(answer.faults[0].kind, FaultKind::TooLarge);
}

#[test]
fn the_single_form_keeps_and_drops() {
    let events = events(&[b"keep", b"drop", b"fail", b"x", b"", b"7", b"keep"]);
    let answer = ask(&only(SINGLE), &events);
    let v = &answer.verdicts;
    assert_eq!(
        (&v[0], &v[1], &v[4], &v[6]),
        (&Verdict::Pass, &Verdict::Drop, &Verdict::Pass, &Verdict::Pass)
    );
    assert_eq!(rejected(&v[2]), "filter f: failed with -5, without a message");
    assert!(rejected(&v[3]).contains("unreachable"), "{}", rejected(&v[3]));
    assert!(rejected(&v[5]).contains("answered 7"));
}

#[test]
fn the_compact_form_and_zero() {
    let events = events(&[b"1", b"2", b"3", b"4"]);
    let compact = answering(b"FBV1\x03\0\0\0\x00\x01\x03", 8192, 11);
    let v = ask(&only(&compact), &events).verdicts;
    assert_eq!(v[..2], [Verdict::Drop, Verdict::Pass]);
    assert_eq!((rejected(&v[2]), rejected(&v[3])), ("rejected by the filter", "no verdict"));
    let full = answering(&block(&[row(0, 3, 0, 0)]), 8192, 32);
    let unreasoned = ask(&only(&full), &events[..1]).verdicts;
    assert_eq!(rejected(&unreasoned[0]), "rejected by the filter", "as in the compact form");
    assert_eq!(ask(&only(&answering(b"", 0, 0)), &events).verdicts, vec![Verdict::Pass; 4]);
}

#[test]
fn headers_are_rewritten_under_rules() {
    let headers = |pairs: &[(&str, &[u8])]| {
        let mut block = (pairs.len() as u32).to_le_bytes().to_vec();
        for (name, value) in pairs {
            block.extend((name.len() as u32).to_le_bytes());
            block.extend((value.len() as u32).to_le_bytes());
            block.extend([name.as_bytes(), value].concat());
            block.resize(block.len().next_multiple_of(4), 0);
        }
        let mut out = row(0, 2, 4, 0);
        (out[8], out[9]) = (8192 + 96, block.len() as u32);
        let answer = [self::block(&[out]), block].concat();
        ask(&only(&answering(&answer, 8192, 32)), &events(&[b"{}"])).verdicts.remove(0)
    };
    let v = headers(&[("X-Team", b"blue"), ("ce-source", b"shop"), ("content-type", b"a/b")]);
    let got: Vec<_> = emitted(&v)[0].envelope.headers.iter().collect();
    assert_eq!(got, [("x-team", &b"blue"[..]), ("content-type", b"a/b")]);
    assert_eq!(emitted(&headers(&[]))[0].envelope.headers.len(), 0);
    let v = headers(&[("x", b"a\t\x80\xff")]);
    assert_eq!(emitted(&v)[0].envelope.headers.first("x"), Some(&b"a\t\x80\xff"[..]));
    for (name, value) in [
        ("webhook-id", &b"x"[..]),
        ("Host", b"x"),
        ("content-length", b"1"),
        ("x", b"a\r\nb: c"),
        ("transfer-encoding", b"chunked"),
        ("x", b"a\0"),
        ("x", b"a\x01"),
        ("x", b"a\x7f"),
        ("a b", b"c"),
        ("", b"c"),
        ("a:", b"c"),
    ] {
        let v = headers(&[(name, value)]);
        assert!(rejected(&v).starts_with("filter f: broke the contract"), "{name}: {v:?}");
    }
}

#[test]
fn a_chain_feeds_outputs_on_and_ends_an_event_as_a_whole() {
    let filter = Setting::default().of(&admit(BY_BODY));
    let twice = chain(&[filter.clone(), filter.clone()]);
    let v =
        ask(&twice, &events(&[b"ad", b"aax", b"3p", b"3d", b"3rno", b"3ttt", b"3x", b"d", b"p"]));
    let v = v.verdicts;
    assert_eq!(v[0], Verdict::Drop);
    assert_eq!(emitted(&v[1])[0].body, "x");
    // The first output of a fan-out is the event itself, which the second filter fans out again.
    let bodies = |v: &Verdict| emitted(v).iter().map(|o| o.body.clone()).collect::<Vec<_>>();
    assert_eq!(bodies(&v[2]), ["3p", "p", "", "p", ""]);
    assert_eq!(bodies(&v[3]), ["3d", "d", "", ""]);
    assert_eq!(rejected(&v[4]), "rno");
    assert!(matches!(v[5], Verdict::Retry { .. }));
    assert!(rejected(&v[6]).contains("unreachable"));
    assert_eq!(v[7..], [Verdict::Drop, Verdict::Pass]);
    let wide = chain(&vec![filter; 6]);
    assert_eq!(
        rejected(&ask(&wide, &events(&[b"333"])).verdicts[0]),
        "the chain made 83 outputs of one event"
    );
}

#[test]
fn a_guest_reads_how_often_it_was_given_an_event() {
    let runner = Runner::new(engine().clone());
    let patient = Setting::default().of(&admit(PATIENT));
    let after_fan = chain(&[Setting::default().of(&admit(BY_BODY)), patient.clone()]);
    let alone = chain(&[patient]);
    let events = events(&[b"p", b"p", b"3x", b"3y"]);
    let ask =
        |chain, runs| runner.run_in(chain, &events, filter::Setting { runs, ..live() }).verdicts;
    let later = || Verdict::Retry { delay: Duration::from_millis(5), reason: "".into() };
    assert_eq!(ask(&alone, &[]), vec![later(); 4], "at first it was given none");
    assert_eq!(ask(&alone, &[0, 1, 2, 3]), [later(), later(), Verdict::Pass, Verdict::Pass]);
    let fanned = ask(&after_fan, &[0, 2, 1, 2]);
    assert_eq!(fanned[..3], [later(), Verdict::Pass, later()]);
    assert_eq!(emitted(&fanned[3]).len(), 3, "outputs have the number of their source");
}

#[test]
fn the_culprit_follows_the_policy_and_the_others_run_again() {
    let bodies: [&[u8]; 6] = [b"a1", b"p", b"x", b"d", b"gline", b"a2"];
    for (on_error, expected) in [
        (ErrorPolicy::Drop, Some(Verdict::Drop)),
        (ErrorPolicy::Pass, Some(Verdict::Pass)),
        (ErrorPolicy::Reject, None),
        (ErrorPolicy::Stop, None),
        (ErrorPolicy::Retry(Duration::from_secs(3)), None),
    ] {
        let chain = chain(&[Setting { on_error, ..Setting::default() }.of(&admit(BY_BODY))]);
        let answer = ask(&chain, &events(&bodies));
        let v = &answer.verdicts;
        match (&v[2], on_error) {
            (Verdict::Reject { reason }, ErrorPolicy::Reject)
            | (Verdict::Stop { reason }, ErrorPolicy::Stop) => {
                assert!(reason.contains("unreachable") && reason.contains("; at "), "{reason}");
            }
            (Verdict::Retry { delay, .. }, ErrorPolicy::Retry(asked)) => assert_eq!(*delay, asked),
            (verdict, _) => assert_eq!(Some(verdict), expected.as_ref()),
        }
        assert_eq!((&v[1], &v[3], &v[4]), (&Verdict::Pass, &Verdict::Drop, &Verdict::Pass));
        assert_eq!(
            (&emitted(&v[0])[0].body[..], &emitted(&v[5])[0].body[..]),
            (&b"1"[..], &b"2"[..])
        );
        assert_eq!((answer.faults.len(), answer.faults[0].event), (1, 2));
        assert_eq!(answer.logs.len(), 1, "a line is not told twice");
    }
}

#[test]
fn several_culprits_are_all_found() {
    let bodies: Vec<&[u8]> =
        (0..256).map(|n| if n % 50 == 7 { &b"x"[..] } else { &b"p"[..] }).collect();
    let answer = ask(&only(BY_BODY), &events(&bodies));
    for (n, verdict) in answer.verdicts.iter().enumerate() {
        assert_eq!(matches!(verdict, Verdict::Reject { .. }), n % 50 == 7, "{n}: {verdict:?}");
    }
    assert_eq!(answer.faults.len(), 5);
}

#[test]
fn a_failure_by_its_own_word_carries_its_message() {
    let answer = ask(&only(BY_BODY), &events(&[b"p", b"f", b"p"]));
    assert_eq!(rejected(&answer.verdicts[1]), "filter f: no good");
    assert_eq!(answer.faults[0].kind, FaultKind::Failed);
    assert_eq!(answer.verdicts[2], Verdict::Pass);
}

#[test]
fn configuration_reaches_init_and_config_get() {
    let wat = include_str!("../guests/configured.wat");
    let with = |config| chain(&[Setting { config, ..Setting::default() }.of(&admit(wat))]);
    let v = |config| rejected(&ask(&with(config), &events(&[b""])).verdicts[0]).to_string();
    assert_eq!(v(r#"{"branch":"main"}"#), "filter f: main");
    assert_eq!(v(r#"{"branch":[1,2]}"#), "filter f: [1,2]");
    assert_eq!(v(r#"{"a":1}"#), "filter f: did not start: refused its configuration: {\"a\":1}");
    let answer = ask(&with("{}"), &events(&[b"", b""]));
    assert!(answer.faults.iter().all(|note| note.kind == FaultKind::Start));
    assert_eq!(answer.faults.len(), 2);
}

#[test]
fn state_timers_and_tables_answer_that_they_are_not_there() {
    let wat = include_str!("../guests/stateless.wat");
    assert_eq!(ask(&only(wat), &events(&[b""])).verdicts, [Verdict::Pass]);
}

#[test]
fn two_questions_take_turns_on_one_runner() {
    let runner = Runner::new(engine().clone());
    let (slow, quick) = (only(BY_BODY), only(SINGLE));
    let (long, short) = (events(&[b"l"]), events(&[b"keep"]));
    let mut looping = Box::pin(runner.run_sliced(&slow, &long, live()));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut turns = 0;
    while looping.as_mut().poll(&mut context).is_pending() {
        turns += 1;
        let answer = runner.run(&quick, &short, Purpose::Live);
        assert_eq!(answer.verdicts, [Verdict::Pass]);
    }
    assert!(turns >= 8, "a loop of 101 million units gave way only {turns} times");
    drop(Box::pin(runner.run_sliced(&slow, &long, live())).as_mut().poll(&mut context));
    let again: Vec<Arc<_>> = events(&[b"p"]);
    assert_eq!(runner.run(&slow, &again, Purpose::Live).verdicts, [Verdict::Pass]);
}

/// It passes the first event that it sees, and takes its time for one of many bytes.
#[test]
fn no_instance_outlives_that_it_was_forgotten_but_for_its_batch() {
    let wat = r#"(module (memory (export "memory") 1) (global $seen (mut i32) (i32.const 0))
        (func (export "forebay_buffer") (param i32) (result i32) (i32.const 1024))
        (func (export "forebay_filter_v1") (param i32 i32) (result i32) (local $n i32)
          (if (global.get $seen) (then (return (i32.const 0))))
          (global.set $seen (i32.const 1))
          (if (i32.gt_u (local.get 1) (i32.const 4)) (then
            (loop $again
              (local.set $n (i32.add (local.get $n) (i32.const 1)))
              (br_if $again (i32.lt_u (local.get $n) (i32.const 2000000))))))
          (i32.const 1)))"#;
    let (runner, marker) = (Runner::new(engine().clone()), only(wat));
    let (short, long) = (events(&[b"1"]), events(&[b"one of many bytes"]));
    let at = |age| filter::Setting { age, ..live() };
    let first = |age| runner.run_in(&marker, &short, at(age)).verdicts == [Verdict::Pass];
    assert!(first(0) && !first(0), "it remembers");
    assert!(first(1) && !first(1), "nothing from the age before");
    assert_eq!(runner.idle_instances(), 1, "that of the age before has ended");
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut asked = Box::pin(runner.run_sliced(&marker, &long, at(2)));
    assert!(asked.as_mut().poll(&mut context).is_pending(), "it is under way");
    assert!(first(3));
    while asked.as_mut().poll(&mut context).is_pending() {}
    assert!(first(3), "the one of the age before was put back last");
}

/// Memory that grows is never given back, so the last call says what an instance had at most.
#[test]
fn the_largest_memory_of_an_instance_is_told_also_of_one_that_failed() {
    const PAGE: usize = 1 << 16;
    let wat = r#"(module (memory (export "memory") 1)
        (func (export "forebay_buffer") (param i32) (result i32) (i32.const 1024))
        (func (export "forebay_filter_v1") (param i32 i32) (result i32)
          (drop (memory.grow (local.get 1)))
          (if (i32.gt_u (local.get 1) (i32.const 4)) (then unreachable))
          (i32.const 1)))"#;
    let alone = Setting { isolate: true, ..Setting::default() }.of(&admit(wat));
    let (runner, alone) = (Runner::new(engine().clone()), chain(&[alone]));
    assert_eq!(runner.memory_bytes_max(), 0);
    runner.run(&alone, &events(&[b"x", b"xxx", b"x"]), Purpose::Live);
    assert_eq!(runner.memory_bytes_max(), 4 * PAGE, "each event has an instance of its own");
    let answer = runner.run(&alone, &events(&[b"xxxxx", b"x"]), Purpose::Live);
    assert_eq!((answer.faults.len(), runner.memory_bytes_max()), (1, 6 * PAGE));
}
