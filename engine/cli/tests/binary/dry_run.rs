//! Filters that are tried on events that a server has.

use crate::nobody::nobody;
use crate::resources::{PUSHES, Place, ask_with, until};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Traps in a function of its own at a body that is a list, and keeps all else.
const FAILS: &str = "(module (memory (export \"memory\") 1)
  (func (export \"forebay_buffer\") (param i32) (result i32) (i32.const 4096))
  (func $check_order unreachable)
  (func $look (export \"forebay_filter_v1\") (param $body i32) (param $bytes i32) (result i32)
    (if (i32.eq (i32.load8_u (local.get $body)) (i32.const 91)) (then (call $check_order)))
    (i32.const 1)))";

/// Returns when all are in the log.
fn send_lines(place: &Place, count: usize) {
    let line = |n| format!("{{\"type\":\"note\",\"data\":{{\"n\":{n}}}}}\n");
    let lines: String = (0..count).map(line).collect();
    let headers = "content-type: application/x-ndjson\r\n";
    ask_with(&place.serving.url, "POST", "/v1/events", headers, &lines);
}

#[test]
fn what_a_filter_fails_at_is_told_with_kind_and_function() {
    let place = Place::new();
    std::fs::write(place.folder.path().join("fails.wasm"), wat::parse_str(FAILS).unwrap()).unwrap();
    let send = |data: &str| {
        let event = place.out(&format!("send --type note --data {data}"));
        event.trim().to_owned()
    };
    let ids = ["[1]", "{}", "[2]"].map(send);
    let run = "filter dry-run f --module fails.wasm";
    let told = place.json(&format!("{run} --on-error drop"));
    let counts = ["events", "passed", "dropped", "rejected", "faultCount"].map(|of| &told[of]);
    assert_eq!(counts, [3, 1, 2, 0, 2].map(|count| json!(count)).each_ref(), "{told}");
    let faults = told["faults"].as_array().unwrap();
    let failed: BTreeSet<&str> = faults.iter().map(|of| of["eventId"].as_str().unwrap()).collect();
    assert_eq!(failed, BTreeSet::from([&*ids[0], &*ids[2]]));
    for fault in faults {
        assert_eq!(fault["kind"], "trap");
        let text = fault["text"].as_str().unwrap();
        assert!(text.contains("`unreachable`"), "{text}");
        assert!(text.contains("; at check_order < look"), "{text}");
    }
    let told = place.out(run);
    assert!(told.starts_with("3 events, 1 passed, 2 rejected, "), "the usual policy: {told}");
    let line = format!("\n{}  failed (trap): filter f: ", ids[2]);
    assert!(told.contains(&line) && told.contains("check_order"), "{told}");
    let missing = ["filter dry-run f", "filter candidate try f"];
    for line in missing.map(|of| format!("{of} --module nothere.wasm")) {
        place.run(&line).expect(2, "").says("--module nothere.wasm: there is no such file");
    }
    let digest = "0".repeat(64);
    let unknown = place.run(&format!("filter dry-run f --module {digest}"));
    unknown.expect(1, "").says("no module of this SHA-256 was uploaded");
    assert_eq!(place.serving.stop(), 0);
}

#[test]
fn many_events_are_asked_for_in_parts_and_what_is_left_out_is_told() {
    let place = Place::new();
    send_lines(&place, 1_003);
    let run = format!("filter dry-run f --module {PUSHES} --examples 1");
    let shown = |told: &Value| {
        assert_eq!(told["events"], told["dropped"]);
        (told["events"].clone(), told["cutShort"].clone())
    };
    for (events, count, is_cut_short) in
        [("", 100, true), (" --events 1001", 1_001, true), (" --events 5000", 1_003, false)]
    {
        let told = place.json(&format!("{run}{events}"));
        assert_eq!(shown(&told), (json!(count), json!(is_cut_short)), "{events}");
        assert_eq!(told["examples"].as_array().unwrap().len(), 1);
    }
    let words = "\nthe newest 3 of this range; --events N looks at more\n";
    let told = place.out(&format!("{run} --events 3"));
    assert!(told.contains(words), "{told}");
    assert!(!place.out(&format!("{run} --events 1003")).contains("of this range"));
    assert_eq!(place.serving.stop(), 0);
}

#[test]
fn a_candidate_is_shown_with_what_differs_in_its_outputs() {
    let place = Place::new();
    place.out(&format!("filter push main {PUSHES} --config {{\"branch\":\"main\"}}"));
    place.out(&format!("endpoint create --to {} --filter main", nobody()));
    place.out("filter candidate try main --module forebay/redact --config {}");
    let note = "x".repeat(300);
    let data =
        format!("{{\"ref\":\"refs/heads/main\",\"a\":\"{note}\",\"mail\":\"a@example.com\"}}");
    place.out(&format!("send --type push --data {data}"));
    let show = || place.out("filter candidate show main");
    let seen = until(|| Some(show()).filter(|seen| seen.contains("pass → emit")));
    let changed = "\n  - /mail: \"a@example.com\"\n  + /mail: \"[redacted]\"\n";
    assert!(seen.contains(changed), "however far inside: {seen}");
    let told = place.json("filter candidate show main");
    let change = json!({
        "part": "json", "at": "/mail", "old": "\"a@example.com\"", "new": "\"[redacted]\"",
    });
    let wanted = json!([{ "output": 0, "of": "both", "changes": [change], "further": 0 }]);
    assert_eq!(told["examples"][0]["differences"], wanted);
    assert_eq!(place.serving.stop(), 0);
}

#[test]
fn a_filter_is_tried_before_it_is_put_in_force() {
    let place = Place::new();
    for n in [1, 2, 3] {
        let data = format!("{{\"n\":{n},\"mail\":\"a{n}@example.com\"}}");
        place.out(&format!("send --type order.paid --data {data}"));
    }
    let tried = place.out("filter dry-run private --module forebay/redact --examples 1");
    let first = tried.lines().next().unwrap();
    assert!(first.starts_with("3 events, 3 replaced, 3 outputs, "), "{tried}");
    assert!(first.ends_with(" of memory") && !first.contains(", 0 bytes"), "{tried}");
    assert!(
        tried.contains(
            "  {\"n\":3,\"mail\":\"a3@example.com\"}\n  - /mail: \"a3@example.com\"\n  \
             + /mail: \"[redacted]\"\n"
        ),
        "{tried}"
    );
    place.run("filter get private").expect(1, "").says("404");
    let refused = "filter dry-run private --module forebay/redact --config {\"odd\":1}";
    place.run(refused).expect(1, "").says("the filter does not start");
    let put = "filter update private --module forebay/redact --config {\"odd\":1}";
    place.run(put).expect(1, "");
    let module =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../filters/pushes-to-main/pushes-to-main.wasm");
    place.out(&format!("filter push main {module}"));
    let told = place.json(&format!("filter dry-run main --module {module} --events 2"));
    assert_eq!(
        (&told["events"], &told["dropped"], &told["differing"]),
        (&json!(2), &json!(2), &json!(null))
    );
    let other = place.json("filter dry-run main --module forebay/redact");
    assert_eq!((&other["differing"], &other["before"]["dropped"]), (&json!(3), &json!(3)));
    assert!([&other, &other["before"]].iter().all(|of| of["memoryBytes"].as_u64() > Some(0)));
    assert_eq!(place.serving.stop(), 0);
}
