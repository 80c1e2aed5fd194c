//! Filters that are tried on events that a server has.

use crate::nobody::nobody;
use crate::resources::{PUSHES, Place, until};
use serde_json::json;

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
