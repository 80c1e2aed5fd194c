use crate::node::{NOW, Node, Reply, event, key, request, tenant};
use control::Role;
use event::{EventId, TenantId};
use log::{Group, Log};
use serde_json::{Value, json};
use std::sync::Arc;

const REDACT: &str = r#"{"module":"forebay/redact"}"#;

/// Uploads a module.
pub fn push(node: &Node, path: &str, module: &str, more: &[&str]) -> Reply {
    let length = format!("content-length: {}", module.len());
    let own = [&*node.bearer(), &length, "content-type: application/wasm"].map(str::to_owned);
    let lines: Vec<&str> = own.iter().map(|line| &**line).chain(more.iter().copied()).collect();
    node.one(request("POST", path, &lines) + module)
}

fn versions(node: &Node, name: &str) -> Vec<Value> {
    let page = node.get(&format!("/v1/filter/{name}/version")).json();
    page["data"].as_array().unwrap().clone()
}

#[test]
fn a_module_that_is_pushed_is_in_force_and_earlier_ones_come_back() {
    let node = Node::new();
    let made = push(&node, "/v1/filter/big/version", "\0asm-1", &[]);
    assert_eq!(made.status, 201, "{}", made.body);
    let first = made.json();
    assert_eq!(first["config"], json!({}));
    assert_eq!(first["onError"], "reject");
    let settings = r#"{"config":{"min":100.50},"onError":"drop","fuel":7}"#;
    assert_eq!(node.send("PATCH", "/v1/filter/big", settings, &[]).status, 200);
    let second = push(&node, "/v1/filter/big/version", "\0asm-2", &[]);
    assert_eq!(second.status, 200, "{}", second.body);
    let now = node.get("/v1/filter/big");
    assert!(now.body.contains(r#""config":{"min":100.50}"#), "as it was written: {}", now.body);
    assert_eq!(now.json()["onError"], "drop");
    assert_ne!(now.json()["module"], first["module"]);
    let all = versions(&node, "big");
    assert_eq!(all.len(), 3);
    assert_eq!(all[0]["version"], now.json()["version"]);
    assert_eq!(all[2]["version"], first["version"]);

    let back = format!("/v1/filter/big/version/{}/restore", first["version"].as_str().unwrap());
    assert_eq!(node.post(&back).status, 200);
    assert_eq!(node.get("/v1/filter/big").json()["version"], first["version"]);
    let all = versions(&node, "big");
    assert_eq!(all.len(), 3, "one that comes back is there once: {all:?}");
    assert_eq!(all[1]["version"], now.json()["version"]);
    let nowhere = format!("/v1/filter/big/version/{}/restore", "0".repeat(32));
    assert_eq!(node.post(&nowhere).status, 404);
}

#[test]
fn sixteen_versions_are_kept_beside_the_one_in_force() {
    let node = Node::new();
    for n in 0..30 {
        assert!(push(&node, "/v1/filter/f/version", &format!("\0asm-{n}"), &[]).status < 202);
    }
    let all = versions(&node, "f");
    assert_eq!(all.len(), 17);
    assert_eq!(all[0]["version"], node.get("/v1/filter/f").json()["version"]);
}

#[test]
fn a_module_that_is_staged_comes_into_force_with_its_settings() {
    let node = Node::new();
    let staged = push(&node, "/v1/filter/f/version?stage=true", "\0asm", &[]);
    assert_eq!(staged.status, 202, "{}", staged.body);
    assert_eq!(node.get("/v1/filter/f").status, 404);
    let module = staged.json()["module"].as_str().unwrap().to_owned();
    let whole = json!({ "module": module, "config": { "min": 1 } }).to_string();
    assert_eq!(node.send("PUT", "/v1/filter/f", &whole, &[]).status, 201);
    assert_eq!(versions(&node, "f").len(), 1);
}

#[test]
fn what_is_the_same_makes_no_version() {
    let node = Node::new();
    assert_eq!(push(&node, "/v1/filter/f/version", "\0asm", &[]).status, 201);
    let rows = node.commands.rows.borrow().len();
    assert_eq!(push(&node, "/v1/filter/f/version", "\0asm", &[]).status, 200);
    assert_eq!(node.send("PATCH", "/v1/filter/f", "{}", &[]).status, 200);
    assert_eq!(node.commands.rows.borrow().len(), rows);
}

#[test]
fn what_is_no_module_changes_nothing() {
    let node = Node::new();
    let refused = push(&node, "/v1/filter/f/version", "MZ", &[]);
    assert_eq!((refused.status, refused.json()["detail"].as_str().unwrap()), (422, "not a module"));
    assert_eq!(push(&node, "/v1/filter/f/version", "", &[]).status, 400);
    let as_json = node.send("POST", "/v1/filter/f/version", "{}", &[]);
    assert_eq!(as_json.status, 415, "{}", as_json.body);
    assert_eq!(node.get("/v1/filter/f").status, 404);
    let bad_name = push(&node, "/v1/filter/a%20b/version", "\0asm", &[]);
    assert_eq!(bad_name.status, 404, "{}", bad_name.body);
}

#[test]
fn a_filter_is_made_of_a_module_that_is_there() {
    let node = Node::new();
    let unknown = json!({ "module": "0".repeat(64) }).to_string();
    let refused = node.send("PUT", "/v1/filter/f", &unknown, &[]);
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json()["errors"][0]["loc"], json!(["body", "module"]));
    assert_eq!(node.send("PUT", "/v1/filter/mine", REDACT, &[]).status, 201);
    let digest = node.get("/v1/filter/mine").json()["module"].as_str().unwrap().to_owned();
    let again = json!({ "module": digest, "config": [1], "memoryBytes": 65_536 }).to_string();
    let other = node.send("PUT", "/v1/filter/other", &again, &[]);
    assert_eq!((other.status, other.json()["memoryBytes"].clone()), (201, json!(65_536)));
    let listed = node.get("/v1/filter?limit=1").json();
    assert_eq!(
        (listed["data"][0]["name"].as_str(), &listed["done"]),
        (Some("mine"), &json!(false))
    );
}

#[test]
fn no_filter_is_given_more_than_the_node_gives() {
    let node = Node::new();
    for (member, value) in [("fuel", 100_000_001_u64), ("fuel", 0), ("memoryBytes", 1 << 30)] {
        let body = json!({ "module": "forebay/redact", member: value }).to_string();
        let refused = node.send("PUT", "/v1/filter/f", &body, &[]);
        assert_eq!(refused.status, 422, "{member} {value}");
        assert_eq!(refused.json()["errors"][0]["loc"][1], member);
    }
    let long = json!({ "module": "forebay/redact", "config": "x".repeat(70_000) }).to_string();
    assert_eq!(node.send("PUT", "/v1/filter/f", &long, &[]).status, 422);
}

#[test]
fn a_version_that_the_sender_did_not_see_is_not_replaced() {
    let node = Node::new();
    let made = push(&node, "/v1/filter/f/version", "\0asm", &[]);
    let tag = made.headers["etag"].clone();
    let known = format!("if-match: {tag}");
    assert_eq!(push(&node, "/v1/filter/f/version", "\0asm-2", &[&known]).status, 200);
    assert_eq!(push(&node, "/v1/filter/f/version", "\0asm-3", &[&known]).status, 412);
    assert_eq!(node.modules.borrow().len(), 2, "what cannot come into force is not compiled");
    assert_eq!(node.one(request("DELETE", "/v1/filter/f", &[&node.bearer(), &known])).status, 412);
    let put = |path: &str| {
        node.send("PUT", path, r#"{"module":"forebay/redact"}"#, &["if-none-match: *"]).status
    };
    assert_eq!((put("/v1/filter/f"), put("/v1/filter/g"), put("/v1/filter/g")), (412, 201, 412));
}

#[test]
fn a_filter_goes_when_no_endpoint_needs_it() {
    let node = Node::new();
    push(&node, "/v1/filter/f/version", "\0asm", &[]);
    let endpoint = r#"{"url":"https://example.com/","uid":"e","filters":["f"]}"#;
    let path = "/api/v1/app/default/endpoint";
    assert_eq!(node.send("POST", path, endpoint, &[]).status, 201);
    let delete = || node.one(request("DELETE", "/v1/filter/f", &[&node.bearer()]));
    let needed = delete();
    assert_eq!(needed.status, 409, "{}", needed.body);
    let why = "endpoint `e`, filters: filter `f` cannot be removed: this endpoint needs it";
    assert!(needed.body.contains(why), "{}", needed.body);
    assert_eq!(node.one(request("DELETE", &format!("{path}/e"), &[&node.bearer()])).status, 204);
    assert_eq!(delete().status, 204);
    assert_eq!(delete().status, 404);
}

#[test]
fn endpoints_name_what_comes_with_the_engine() {
    let node = Node::new();
    let path = "/api/v1/app/default/endpoint";
    let endpoint = r#"{"url":"https://example.com/","uid":"e","filters":["forebay/redact"]}"#;
    let made = node.send("POST", path, endpoint, &[]);
    assert_eq!(made.status, 201, "{}", made.body);
    let other = r#"{"url":"https://example.com/","uid":"o"}"#;
    assert_eq!(node.send("POST", path, other, &[]).status, 201);
    let named = r#"{"filters":["forebay/redact"]}"#;
    assert_eq!(node.send("PATCH", &format!("{path}/o"), named, &[]).status, 200);
    let unknown = r#"{"filters":["forebay/nothing"]}"#;
    let refused = node.send("PATCH", &format!("{path}/o"), unknown, &[]);
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("does not come with the engine"), "{}", refused.body);
    assert_eq!(node.get("/v1/filter").json()["data"].as_array().unwrap().len(), 1);
}

#[test]
fn a_filter_is_its_applications_own() {
    let mut node = Node::new();
    node.make_app("other");
    let manager = key(&mut node, Role::Manager(TenantId::new("other")), u64::MAX);
    push(&node, "/v1/filter/f/version?app=other", "\0asm", &[]);
    assert_eq!(node.get("/v1/filter/f").status, 404, "that of `default` is meant");
    assert_eq!(node.get("/v1/filter/f?app=other").status, 200);
    assert_eq!(node.get("/v1/filter/f?app=nowhere").status, 404);
    let bearer = format!("authorization: Bearer {manager}");
    let as_manager = |path: &str| node.one(request("GET", path, &[&bearer])).status;
    assert_eq!(as_manager("/v1/filter/f"), 200, "its own is meant");
    assert_eq!(as_manager("/v1/filter?app=other"), 200);
    assert_eq!(as_manager(&format!("/v1/filter?app={}", tenant().as_str())), 404);
    assert_eq!(as_manager("/v1/filter?app=other&app=default"), 400);
    assert_eq!(as_manager("/v1/filter?nonsense"), 400);
}

#[test]
fn a_filter_that_does_not_start_is_not_put_in_force() {
    let node = Node::new();
    let no_start = r#"{"module":"forebay/redact","config":{"no-start":1}}"#;
    let refused = node.send("PUT", "/v1/filter/f", no_start, &[]);
    assert_eq!(
        (refused.status, refused.json()["detail"].as_str().unwrap()),
        (422, "it does not start")
    );
    assert_eq!(node.get("/v1/filter/f").status, 404);
    let unknown = node.send("PUT", "/v1/filter/f", r#"{"module":"forebay/nothing"}"#, &[]);
    assert_eq!(unknown.status, 422);
    assert!(unknown.body.contains("does not come with the engine"), "{}", unknown.body);
    assert_eq!(node.send("PUT", "/v1/filter/f", REDACT, &[]).status, 201);
    assert_eq!(node.send("PATCH", "/v1/filter/f", r#"{"config":{"no-start":1}}"#, &[]).status, 422);
    assert_eq!(versions(&node, "f").len(), 1);
}

#[test]
fn what_comes_with_the_engine_is_configured_under_its_own_name() {
    let node = Node::new();
    let endpoint = r#"{"url":"https://example.com/","filters":["forebay/redact"]}"#;
    assert_eq!(node.send("POST", "/api/v1/app/default/endpoint", endpoint, &[]).status, 201);
    let path = "/v1/filter/forebay%2Fredact";
    assert_eq!(node.get(path).json()["name"], "forebay/redact");
    let patched = node.send("PATCH", path, r#"{"config":{"emails":true}}"#, &[]);
    assert_eq!((patched.status, &patched.json()["config"]["emails"]), (200, &json!(true)));
    assert_eq!(push(&node, &format!("{path}/version"), "\0asm-other", &[]).status, 422);
    let other = node.get("/v1/filter/forebay%2Fredact").json()["module"].clone();
    let named = json!({ "module": other }).to_string();
    assert_eq!(node.send("PATCH", path, &named, &[]).status, 422, "its name alone says its module");
    assert_eq!(node.send("PUT", path, REDACT, &[]).status, 200);
    assert_eq!(node.one(request("DELETE", path, &[&node.bearer()])).status, 409);
    assert_eq!(node.send("PUT", "/v1/filter/forebay%2Fother", REDACT, &[]).status, 404);
    assert_eq!(node.get("/v1/filter/a%2Fb%2Fc").status, 404);
    assert_eq!(node.get("/v1/source/a%2Fb").status, 404);
}

#[test]
fn a_dry_run_shows_a_filter_what_the_log_has() {
    let node = Node::new();
    for n in 0..30 {
        node.publish(if n % 3 == 0 { "a" } else { "b" }, &format!("{{\"n\":{n}}}"));
    }
    let run = |body: &str| node.send("POST", "/v1/filter/f/dry-run", body, &[]);
    assert_eq!(run("{}").status, 404);
    let untried = run(r#"{"filter":{"module":"forebay/redact","config":{"drop":":7}"}}}"#);
    assert_eq!(untried.status, 200, "{}", untried.body);
    let told = untried.json();
    assert_eq!(
        (&told["events"], &told["dropped"], &told["passed"]),
        (&json!(30), &json!(1), &json!(29))
    );
    assert_eq!(told["examples"][0]["body"]["text"], "{\"n\":7}");
    assert_eq!((&told["differing"], &told["cutShort"]), (&json!(null), &json!(false)));
    assert_eq!(told["examples"][0]["differences"], json!([]), "a dropped event has no outputs");
    assert_eq!(node.get("/v1/filter/f").status, 404, "nothing was made");

    let made = r#"{"module":"forebay/redact","config":{"drop":":1"}}"#;
    assert_eq!(node.send("PUT", "/v1/filter/f", made, &[]).status, 201);
    assert_eq!(run("").json()["dropped"], 11, "1, and 10 to 19");
    let newest = run(r#"{"events":5,"eventTypes":["a"],"filter":{"config":{"drop":"27"}}}"#).json();
    assert_eq!((&newest["events"], &newest["dropped"]), (&json!(5), &json!(1)));
    assert_eq!((&newest["differing"], &newest["before"]["dropped"]), (&json!(3), &json!(2)));
    let example = &newest["examples"][1];
    assert_eq!(
        (&example["eventId"].is_string(), &example["body"]["text"]),
        (&true, &json!("{\"n\":18}"))
    );
    let verdicts = [&example["after"]["verdict"], &example["before"]["verdict"]];
    assert_eq!(verdicts, ["pass", "drop"]);
    let small = run(r#"{"filter":{"memoryBytes":65536}}"#).json();
    assert_eq!(
        (&small["memoryBytes"], &small["before"]["memoryBytes"]),
        (&json!(65_536), &json!(32 << 20))
    );
    for bad in [r#"{"events":0}"#, r#"{"events":1001}"#, r#"{"since":"x"}"#, r#"{"x":1}"#] {
        assert_eq!(run(bad).status, 422, "{bad}");
    }
    let nothing = run(r#"{"until":"2001-01-01T00:00:00Z"}"#).json();
    assert_eq!(nothing["events"], 0);
}

#[test]
fn a_dry_run_is_of_events_of_a_time() {
    let node = Node::new();
    // One each ten seconds, from 22:13:20 on.
    for n in 0..6 {
        let id = EventId::new(NOW.millis() + n * 10_000, node.log.head());
        let event = Arc::new(event(id, "a", &format!("{{\"n\":{n}}}")));
        node.commit(Group { events: vec![event], ..Group::default() });
    }
    let shown = |range: &str| -> Vec<String> {
        let tried = r#""filter":{"module":"forebay/redact","config":{"drop":"n"}}"#;
        let body = format!("{{{tried}{range}}}");
        let run = node.send("POST", "/v1/filter/f/dry-run", &body, &[]);
        assert_eq!(run.status, 200, "{}", run.body);
        let told = run.json();
        let examples = told["examples"].as_array().unwrap();
        assert_eq!(told["events"], examples.len());
        let bodies = examples.iter().map(|one| one["body"]["text"].as_str().unwrap());
        bodies.map(|body| body["{\"n\":".len()..].trim_end_matches('}').to_owned()).collect()
    };
    let (since, until) =
        (r#","since":"2023-11-14T22:13:30Z""#, r#","until":"2023-11-14T22:14:00Z""#);
    assert_eq!(shown(""), ["5", "4", "3", "2", "1", "0"], "the newest first");
    assert_eq!(shown(since), ["5", "4", "3", "2", "1"]);
    assert_eq!(shown(until), ["3", "2", "1", "0"], "its end is not in it");
    assert_eq!(shown(&format!("{since}{until}")), ["3", "2", "1"]);
    assert_eq!(shown(&format!(r#"{since}{until},"events":2"#)), ["3", "2"]);
}

#[test]
fn a_dry_run_says_when_it_was_not_shown_all_and_goes_on_there() {
    let node = Node::new();
    for n in 0..14 {
        node.publish(if n % 2 == 0 { "a" } else { "b" }, &format!("{{\"n\":{n}}}"));
    }
    let run = |events: usize, iterator: &Value| {
        let tried = json!({ "module": "forebay/redact", "config": { "drop": "n" } });
        let body = json!({
            "filter": tried, "events": events, "eventTypes": ["a"], "iterator": iterator,
        });
        node.send("POST", "/v1/filter/f/dry-run", &body.to_string(), &[])
    };
    let (mut iterator, mut seen) = (json!(null), Vec::new());
    for (count, is_cut_short) in [(3, true), (3, true), (1, false)] {
        let told = run(3, &iterator).json();
        assert_eq!((&told["events"], &told["cutShort"]), (&json!(count), &json!(is_cut_short)));
        assert_eq!(told["iterator"].is_string(), is_cut_short);
        let examples = told["examples"].as_array().unwrap();
        seen.extend(examples.iter().map(|one| one["body"]["text"].clone()));
        iterator = told["iterator"].clone();
    }
    let wanted = (0..7).rev().map(|n| json!(format!("{{\"n\":{}}}", 2 * n)));
    assert_eq!(seen, wanted.collect::<Vec<_>>(), "each once, the newest first");
    let whole = run(7, &json!(null)).json();
    assert_eq!((&whole["events"], &whole["cutShort"]), (&json!(7), &json!(false)), "just all");
    assert_eq!(run(3, &json!("evt_1")).status, 422);
}

#[test]
fn a_dry_run_is_of_events_of_ones_own() {
    let mut node = Node::new();
    node.publish("a", "{}");
    let bearer = format!(
        "authorization: Bearer {}",
        key(&mut node, Role::Manager(TenantId::new("other")), u64::MAX)
    );
    let body = r#"{"filter":{"module":"forebay/redact"}}"#;
    let run = node.one(crate::node::with_body("POST", "/v1/filter/f/dry-run", body, &[&bearer]));
    assert_eq!((run.status, &run.json()["events"]), (200, &json!(0)));
}

#[test]
fn a_candidate_differs_from_what_is_in_force_and_is_ended_by_what_replaces_it() {
    let node = Node::new();
    assert_eq!(push(&node, "/v1/filter/f/version", "\0asm", &[]).status, 201);
    let path = "/v1/filter/f/candidate";
    let put = |body: &str, more: &[&str]| node.send("PUT", path, body, more);
    assert_eq!(put("{}", &[]).status, 422);
    assert_eq!(put(r#"{"config":{"n":1},"canary":100}"#, &[]).status, 422);
    assert_eq!(put(r#"{"module":"forebay/none"}"#, &[]).status, 422);
    assert_eq!(put(r#"{"config":{"n":1},"stopAfterFaults":3}"#, &[]).status, 422);
    let often = r#"{"config":{"n":1},"canary":7,"stopAfterFaults":10001}"#;
    assert_eq!(put(often, &[]).status, 422);
    assert_eq!(node.send("PUT", "/v1/filter/g/candidate", "{}", &[]).status, 422);
    let nowhere = node.send("PUT", "/v1/filter/g/candidate", r#"{"config":{}}"#, &[]);
    assert_eq!(nowhere.status, 404);
    let version = node.get("/v1/filter/f").json()["version"].clone();
    let stale = put(r#"{"config":{"n":1}}"#, &["if-match: \"0\""]);
    assert_eq!(stale.status, 412);
    let begun = put(r#"{"config":{"n":1},"canary":7}"#, &[]);
    assert_eq!(begun.status, 201, "{}", begun.body);
    assert_eq!(begun.json()["canary"], 7);
    assert_eq!(
        (&begun.json()["stopAfterFaults"], &begun.json()["ended"]),
        (&json!(20), &json!(null))
    );
    assert_eq!(put(r#"{"config":{"n":2}}"#, &[]).status, 200);
    assert_eq!(node.get(path).json()["config"], json!({ "n": 2 }));
    assert_eq!(node.get(path).json()["stopAfterFaults"], json!(null), "of a shadow");
    let now = node.get("/v1/filter/f").json();
    assert_eq!((&now["version"], &now["hasCandidate"]), (&version, &json!(true)));
    assert_eq!(versions(&node, "f").len(), 1, "a trial is no version");
    assert_eq!(node.send("PATCH", "/v1/filter/f", "{}", &[]).status, 200);
    assert_eq!(node.get(path).status, 404, "whatever is put in force ends it");
    let told = node.get("/v1/filter/f/log").json();
    let lines = told["data"].as_array().unwrap();
    assert_eq!((lines.len(), &lines[0]["level"]), (1, &json!("info")), "{told}");
    assert!(lines[0]["text"].as_str().unwrap().starts_with("what was on trial"), "{told}");
    assert_eq!(node.send("PATCH", "/v1/filter/f", "{}", &[]).status, 200);
    let again = node.get("/v1/filter/f/log").json();
    assert_eq!(again, told, "there was none to end");
    assert_eq!(versions(&node, "f").len(), 1);
    assert_eq!(node.send("DELETE", path, "", &[]).status, 404);
    assert_eq!(put(r#"{"config":{"n":3}}"#, &[]).status, 201);
    let promoted = node.post(&format!("{path}/promote"));
    assert_eq!((promoted.status, &promoted.json()["config"]), (200, &json!({ "n": 3 })));
    assert_eq!(versions(&node, "f")[1]["version"], version);
    assert_eq!(node.post(&format!("{path}/promote")).status, 404);
}

#[test]
fn a_circuit_opens_at_one_failure_at_least() {
    let node = Node::new();
    assert_eq!(push(&node, "/v1/filter/f/version", "\0asm", &[]).status, 201);
    let patch = |body: &str| node.send("PATCH", "/v1/filter/f", body, &[]);
    assert_eq!(patch(r#"{"circuit":{"faults":0,"withinMs":1000}}"#).status, 422);
    assert_eq!(patch(r#"{"circuit":{"faults":1,"withinMs":999}}"#).status, 422);
    let set = patch(r#"{"circuit":{"faults":1,"withinMs":1000}}"#);
    assert_eq!(set.json()["circuit"], json!({ "faults": 1, "withinMs": 1000 }), "{}", set.body);
    assert_eq!(patch(r#"{"onError":"drop"}"#).json()["circuit"]["faults"], 1);
    assert_eq!(patch(r#"{"circuit":null}"#).json()["circuit"], json!(null));
}
