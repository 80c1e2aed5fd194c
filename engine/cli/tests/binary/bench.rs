use crate::run::Folder;
use serde_json::Value;

const SHORT: [&str; 5] = ["bench", "--seconds", "1", "--connections", "4"];

/// So that each number is what it is taken for: all that was accepted came to both endpoints.
#[test]
fn a_short_run_counts_every_delivery() {
    let more = ["--endpoints", "2", "--where", "type = 'push' AND data.n <> ''", "--json"];
    let ended = Folder::new().run(&[&SHORT[..], &more].concat());
    assert_eq!(ended.code, 0, "{}", ended.err);
    let report: Value = serde_json::from_str(&ended.out).unwrap();
    let events = report["events"].as_u64().unwrap();
    assert!(events > 0, "{report}");
    assert_eq!(report["deliveries"].as_u64().unwrap(), 2 * events, "{report}");
    for name in ["lost", "duplicates", "refused"] {
        assert_eq!(report["numbers"][name], 0.0, "{report}");
    }
    for name in ["accepted", "delivered", "ack.p50", "e2e.p99.9", "cpu", "rss", "floor"] {
        assert!(report["numbers"][name].as_f64().unwrap() > 0.0, "{name}: {report}");
    }
    assert_eq!(report["durability"], "fsync");
}

#[test]
fn an_open_loop_keeps_its_rate_and_a_limit_that_is_passed_fails() {
    let more =
        ["--rate", "200", "--batch", "10", "--fail-if", "accepted>150", "--fail-if", "p50<0ms"];
    let ended = Folder::new().run(&[&SHORT[..], &more].concat());
    assert_eq!(ended.code, 1, "{}", ended.err);
    ended.says("failed: accepted>150: accepted is ");
    assert!(!ended.err.contains("p50"), "{}", ended.err);
    for part in ["open loop, 200 events/s", "10 events a post", "0 lost, 0 twice", "own timer"] {
        assert!(ended.out.contains(part), "no {part:?} in {}", ended.out);
    }
}

#[test]
fn what_does_not_arrive_is_a_failure() {
    let none = ["--where", "data.ref = 'refs/heads/none'"];
    let ended = Folder::new().run(&[&SHORT[..], &none].concat());
    assert_eq!(ended.code, 1, "{}", ended.err);
    ended.says("accepted events did not arrive");
    assert!(ended.out.contains(" 0 deliveries"), "{}", ended.out);
}

#[test]
fn a_shipped_filter_can_stand_in_the_way() {
    let module = "/../../filters/pushes-to-main/pushes-to-main.wasm";
    let module = format!("{}{module}", env!("CARGO_MANIFEST_DIR"));
    let ended = Folder::new().run(&[&SHORT[..], &["--filter", &module]].concat());
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.contains("pushes-to-main.wasm"), "{}", ended.out);
    Folder::new().run(&["bench", "--filter", "none.wasm"]).expect(2, "").says("none.wasm");
}
