use crate::node::{Node, Reply, key, request, tenant};
use control::Role;
use event::{EndpointId, Why};
use registry::DeclaredEndpoint;
use serde_json::{Value, json};

const ENDPOINTS: &str = "/api/v1/app/default/endpoint";

fn node() -> Node {
    let node = Node::new();
    let made = node.send("POST", "/api/v1/app", r#"{"name":"Other","uid":"second"}"#, &[]);
    assert_eq!(made.status, 201);
    node
}

fn create(node: &Node, body: Value) -> Value {
    let reply = node.send("POST", ENDPOINTS, &body.to_string(), &[]);
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.json()
}

fn delete(node: &Node, path: &str) -> Reply {
    node.one(request("DELETE", path, &[&node.bearer()]))
}

#[test]
fn an_endpoint_lives_its_life() {
    let node = node();
    let full = json!({
        "url": "https://example.com/in", "uid": "first", "description": "d",
        "eventTypes": ["a.b", "c.*"], "channels": ["blue"], "disabled": true,
        "metadata": { "k": "v" }, "throttleRate": 7, "where": "data.n > 1",
        "ordering": "fifo", "schedule": ["5s", "90s", "2h"], "timeoutMs": 1500,
    });
    let made = create(&node, full.clone());
    for (member, value) in full.as_object().unwrap() {
        let expected = match member.as_str() {
            "schedule" => json!(["5s", "1m 30s", "2h"]),
            _ => value.clone(),
        };
        assert_eq!(made[member], expected, "{member}");
    }
    assert_eq!(made["id"], "ep_1");
    for name in ["ep_1", "first"] {
        assert_eq!(node.get(&format!("{ENDPOINTS}/{name}")).json(), made);
        let elsewhere = node.get(&format!("/api/v1/app/second/endpoint/{name}"));
        assert_eq!(elsewhere.status, 404);
    }
    let path = format!("{ENDPOINTS}/first");
    let patch = r#"{"channels":null,"eventTypes":[],"disabled":false,"description":"e"}"#;
    let patched = node.send("PATCH", &path, patch, &[]).json();
    let members = ["channels", "eventTypes", "disabled", "description", "where", "ordering"];
    let told: Vec<&Value> = members.iter().map(|member| &patched[member]).collect();
    assert_eq!(json!(told), json!([null, null, false, "e", "data.n > 1", "fifo"]));
    let put = node.send("PUT", &path, r#"{"url":"https://example.com/2"}"#, &[]).json();
    assert_eq!(
        (&put["uid"], &put["where"], &put["ordering"]),
        (&json!(null), &json!(null), &json!("none"))
    );
    assert_eq!(put["schedule"].as_array().unwrap().len(), 9, "the node's own");
    assert_eq!(delete(&node, &format!("{ENDPOINTS}/ep_1")).status, 204);
    assert_eq!(node.get(&format!("{ENDPOINTS}/ep_1")).status, 404);
    assert_eq!(create(&node, json!({ "url": "http://example.com" }))["id"], "ep_2");
}

#[test]
fn pages_go_through_all_endpoints() {
    let node = node();
    for n in 0..5 {
        create(&node, json!({ "url": format!("https://example.com/{n}") }));
    }
    let ids = |query: &str| {
        let page = node.get(&format!("{ENDPOINTS}?{query}")).json();
        let ids = page["data"].as_array().unwrap().iter().map(|e| e["id"].clone());
        (json!(ids.collect::<Vec<_>>()), page["done"].clone(), page["iterator"].clone())
    };
    assert_eq!(ids("limit=2"), (json!(["ep_1", "ep_2"]), json!(false), json!("ep_2")));
    assert_eq!(ids("limit=2&iterator=ep_4"), (json!(["ep_5"]), json!(true), json!("ep_5")));
    assert_eq!(ids("limit=2&iterator=-ep_4").0, json!(["ep_2", "ep_3"]));
    assert_eq!(ids("limit=2&order=descending").0, json!(["ep_5", "ep_4"]));
    assert_eq!(node.get(&format!("{ENDPOINTS}?iterator=x")).status, 422);
    assert_eq!(node.get(&format!("{ENDPOINTS}?limit=251")).status, 422);
}

#[test]
fn what_older_clients_send_is_taken() {
    let node = node();
    let url = "https://example.com";
    let made = create(&node, json!({ "url": url, "filterTypes": ["a"], "version": 1 }));
    assert_eq!((&made["eventTypes"], &made["version"]), (&json!(["a"]), &json!(1)));
    let path = format!("{ENDPOINTS}/ep_1");
    let patched = node.send("PATCH", &path, r#"{"version":2,"description":"d"}"#, &[]).json();
    assert_eq!((&patched["description"], &patched["version"]), (&json!("d"), &json!(1)));
    let put = json!({ "url": url, "version": 1 }).to_string();
    assert_eq!(node.send("PUT", &path, &put, &[]).status, 200);
}

#[test]
fn a_polled_endpoint_is_sent_nothing_that_it_missed() {
    let node = node();
    create(&node, json!({ "url": "poll:" }));
    let since = r#"{"since":"2023-11-14T00:00:00Z"}"#;
    let reply = node.send("POST", &format!("{ENDPOINTS}/ep_1/replay-missing"), since, &[]);
    assert_eq!((reply.status, &reply.json()["code"]), (409, &json!("conflict")));
    assert!(node.commands.given.borrow().is_empty());
}

#[test]
fn bad_members_are_told_and_nothing_is_made() {
    let node = node();
    let url = "https://example.com";
    let cases = [
        (json!({ "url": "ftp://example.com" }), "url"),
        (json!({ "url": "inproc:default/x" }), "url"),
        (json!({ "url": "/in" }), "url"),
        (json!({ "url": url, "eventTypes": [] }), "eventTypes"),
        (json!({ "url": url, "eventTypes": ["a b"] }), "eventTypes"),
        (json!({ "url": url, "channels": [] }), "channels"),
        (json!({ "url": url, "secret": "short" }), "secret"),
        (json!({ "url": url, "secret": format!("whsec_{}", "A".repeat(44)) }), "secret"),
        (json!({ "url": url, "headers": { "Host": "x" } }), "headers"),
        (json!({ "url": url, "headers": { "webhook-id": "x" } }), "headers"),
        (json!({ "url": url, "headers": { "a": "b\n" } }), "headers"),
        (json!({ "url": url, "where": "data.n >" }), "where"),
        (json!({ "url": url, "where": "TRUE) OR (TRUE", "channels": ["a"] }), "where"),
        (json!({ "url": url, "filters": ["nowhere"] }), "filters"),
        (json!({ "url": url, "schedule": ["soon"] }), "schedule"),
        (json!({ "url": url, "timeoutMs": 0 }), "timeoutMs"),
        (json!({ "url": url, "wheer": "TRUE" }), "wheer"),
    ];
    for (body, member) in cases {
        let reply = node.send("POST", ENDPOINTS, &body.to_string(), &[]);
        let place = &reply.json()["detail"][0]["loc"];
        assert_eq!(
            (reply.status, place),
            (422, &json!(["body", member])),
            "{body}: {}",
            reply.body
        );
    }
    assert_eq!(node.get(ENDPOINTS).json()["data"], json!([]));
}

#[test]
fn what_the_file_declares_is_read_here_and_changed_there() {
    let node = node();
    let mut declared = DeclaredEndpoint::new(tenant(), "ci", "https://example.com/ci");
    declared.condition = Some("data.a = 1".into());
    node.declare(vec![declared]);
    assert_eq!(node.get(&format!("{ENDPOINTS}/ci")).json()["declared"], true);
    let path = format!("{ENDPOINTS}/ci");
    let shown = node.get(&path).json();
    assert_eq!((&shown["uid"], &shown["where"]), (&json!("ci"), &json!("data.a = 1")));
    for reply in [node.send("PATCH", &path, r#"{"disabled":true}"#, &[]), delete(&node, &path)] {
        assert_eq!(reply.status, 409, "{}", reply.body);
        assert!(reply.body.contains("configuration file"), "{}", reply.body);
    }
    let taken = node.send("POST", ENDPOINTS, r#"{"url":"https://a.example","uid":"ci"}"#, &[]);
    assert_eq!(taken.status, 409, "{}", taken.body);
    assert_eq!(node.get(&path).json(), shown);
}

#[test]
fn a_secret_is_made_shown_and_rotated() {
    let node = node();
    create(&node, json!({ "url": "https://example.com" }));
    let path = format!("{ENDPOINTS}/ep_1/secret");
    let first = node.get(&path).json()["key"].as_str().unwrap().to_owned();
    assert!(first.starts_with("whsec_") && first.len() == 50, "{first}");
    let rotate = |body: &str| node.send("POST", &format!("{path}/rotate"), body, &[]).status;
    assert_eq!(rotate("{}"), 200);
    let second = node.get(&path).json()["key"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    let own = "C".repeat(32);
    assert_eq!(rotate(&json!({ "key": own, "gracePeriodSeconds": 60 }).to_string()), 200);
    let secrets: Vec<(String, Option<u64>)> = {
        let history = node.history.borrow();
        let secrets = history.latest().endpoint(node.endpoint("ep_1")).unwrap().secrets.clone();
        let now = crate::node::NOW;
        let of = |s: &registry::Secret| {
            (s.expose().to_owned(), s.retires().map(|t| t.since(now).as_secs()))
        };
        secrets.iter().map(of).collect()
    };
    // The first secret had a day left and gets no more than the grace of the second rotation.
    assert_eq!(secrets, [(format!("whsec_{own}"), None), (second, Some(60)), (first, Some(60))]);
    assert_eq!(rotate(&json!({ "key": own }).to_string()), 422, "the same again");
    assert_eq!(rotate(r#"{"gracePeriodSeconds":604801}"#), 422);
    assert_eq!(rotate(r#"{"gracePeriodSeconds":0}"#), 200);
    let left =
        node.history.borrow().latest().endpoint(node.endpoint("ep_1")).unwrap().secrets.clone();
    assert_eq!(left.iter().count(), 1, "without grace the old ones go at once");
}

#[test]
fn readers_see_no_secret() {
    let mut node = node();
    create(&node, json!({ "url": "https://example.com" }));
    let path = format!("{ENDPOINTS}/ep_1/secret");
    let roles =
        [(Role::Reader(None), 403), (Role::portal(tenant()), 200), (Role::Manager(tenant()), 200)];
    for (role, status) in roles {
        let bearer = format!("authorization: Bearer {}", key(&mut node, role.clone(), u64::MAX));
        assert_eq!(node.one(request("GET", &path, &[&bearer])).status, status, "{role:?}");
    }
}

#[test]
fn headers_are_set_and_sensitive_ones_are_named_alone() {
    let mut node = node();
    let headers = json!({ "X-Team": "a", "Authorization": "Bearer marker" });
    create(&node, json!({ "url": "https://example.com", "headers": headers }));
    let path = format!("{ENDPOINTS}/ep_1/headers");
    let shown = node.get(&path);
    assert!(!shown.body.contains("marker"));
    assert_eq!(
        shown.json(),
        json!({ "headers": { "X-Team": "a" }, "sensitive": ["Authorization"] })
    );
    let whole = node.get(&format!("{path}?sensitive=true")).json();
    assert_eq!(whole["headers"]["Authorization"], "Bearer marker");
    assert_eq!(whole["sensitive"], json!(["Authorization"]));
    for role in [Role::Manager(tenant()), Role::Reader(None), Role::portal(tenant())] {
        let bearer = format!("authorization: Bearer {}", key(&mut node, role.clone(), u64::MAX));
        let asked = request("GET", &format!("{path}?sensitive=true"), &[&bearer]);
        assert_eq!(node.one(asked).status, 403, "{role:?}");
    }
    let patch = r#"{"headers":{"x-team":"b","X-New":"c","authorization":null}}"#;
    assert_eq!(node.send("PATCH", &path, patch, &[]).status, 204);
    let expected = json!({ "headers": { "x-team": "b", "X-New": "c" }, "sensitive": [] });
    assert_eq!(node.get(&path).json(), expected);
    assert_eq!(node.send("PATCH", &path, r#"{"deleteHeaders":["X-NEW"]}"#, &[]).status, 204);
    assert_eq!(node.send("PATCH", &path, r#"{"headers":{"host":"x"}}"#, &[]).status, 422);
    assert_eq!(node.get(&path).json()["headers"], json!({ "x-team": "b" }));
    assert_eq!(node.send("PUT", &path, r#"{"headers":{}}"#, &[]).status, 204);
    assert_eq!(node.get(&path).json()["headers"], json!({}));
    let secret = node.get(&format!("{ENDPOINTS}/ep_1/secret")).json();
    assert!(secret["key"].as_str().unwrap().starts_with("whsec_"), "the secret is as it was");
}

#[test]
fn a_late_request_brings_no_application_back() {
    let node = node();
    let set = {
        let history = node.history.borrow();
        let mut edit = history.latest().edit();
        let late = DeclaredEndpoint::new(event::TenantId::new("gone"), "e", "https://example.com/");
        edit.create_endpoint(&late);
        edit.finish()
    };
    let why = set.unwrap_err();
    assert_eq!(why.0[0].wrong, registry::Wrong::Missing, "{why}");
}

#[test]
fn a_patch_leaves_what_no_member_says() {
    let node = node();
    let mut declared = DeclaredEndpoint::new(tenant(), "e", "https://example.com/");
    declared.terms.concurrency.max = 77;
    declared.terms.jitter = 0.5;
    let set = {
        let history = node.history.borrow();
        let mut edit = history.latest().edit();
        edit.create_endpoint(&declared);
        edit.finish().unwrap()
    };
    node.history.borrow_mut().apply(set, log::Log::head(&*node.log)).unwrap();
    let patch = r#"{"description":"d","timeoutMs":7}"#;
    assert_eq!(node.send("PATCH", &format!("{ENDPOINTS}/e"), patch, &[]).status, 200);
    let history = node.history.borrow();
    let terms = &history.latest().endpoint_named(&tenant(), "e").unwrap().terms;
    assert_eq!((terms.concurrency.max, terms.jitter, terms.timeout.as_millis()), (77, 0.5, 7));
}

#[test]
fn a_description_is_bounded() {
    let node = node();
    let body = json!({ "url": "https://example.com/", "description": "x".repeat((16 << 10) + 1) });
    assert_eq!(node.send("POST", ENDPOINTS, &body.to_string(), &[]).status, 422);
}

#[test]
fn what_no_delivery_could_reach_is_refused_at_once() {
    let mut node = node();
    let body = r#"{"url":"http://10.0.0.7/x"}"#;
    let told = node.send("POST", ENDPOINTS, body, &[]);
    assert_eq!(told.status, 422);
    assert!(told.body.contains("private; if it is meant, say so"), "{}", told.body);
    let made = create(&node, json!({ "url": "https://example.com/" }));
    let path = format!("{ENDPOINTS}/{}", made["id"].as_str().unwrap());
    assert_eq!(node.send("PATCH", &path, body, &[]).status, 422);
    let portal = key(&mut node, Role::portal(tenant()), u64::MAX);
    let bearer = format!("authorization: Bearer {portal}");
    let theirs = node.one(crate::node::with_body("POST", ENDPOINTS, body, &[&bearer]));
    assert!(theirs.status == 422 && !theirs.body.contains("private"), "{}", theirs.body);
}

#[test]
fn what_is_usual_is_told_as_endpoints_tell_it() {
    let node = node();
    let usual = node.get("/v1/defaults").json();
    let plain = create(&node, json!({ "url": "https://example.com" }));
    assert_eq!(plain["declared"], false);
    for member in ["schedule", "timeoutMs", "throttleRate"] {
        assert_eq!(usual["endpoint"][member], plain[member], "{member}");
    }
    assert!(usual["filter"]["fuel"].as_u64() > Some(0), "{usual}");
    assert_eq!(node.one(request("GET", "/v1/defaults", &[])).status, 401);
}

#[test]
fn what_its_deliveries_have_paused_is_shown_as_disabled_with_the_reason() {
    let node = node();
    create(&node, json!({ "url": "https://example.com" }));
    let path = format!("{ENDPOINTS}/ep_1");
    let shown = || {
        let told = node.get(&path).json();
        json!([told["disabled"], told["paused"]])
    };
    assert_eq!(shown(), json!([false, null]));
    let tag = node.get(&path).headers["etag"].clone();
    for (why, word) in
        [(Why::Gone, "gone"), (Why::Failing, "failing"), (Why::FilterStopped, "filter")]
    {
        node.commands.pauses.borrow_mut().insert(EndpointId(1), why);
        assert_eq!(shown(), json!([true, word]));
        let listed = node.get(ENDPOINTS).json()["data"][0].clone();
        assert_eq!((&listed["disabled"], &listed["paused"]), (&json!(true), &json!(word)));
    }
    // Who patches something else does not disable it for good.
    let patch = |body: &str, tag: &str| {
        node.send("PATCH", &path, body, &[&format!("if-match: {tag}")]).status
    };
    assert_eq!(patch(r#"{"description":"d"}"#, &tag), 412, "it was enabled then");
    let now = node.get(&path).headers["etag"].clone();
    assert_eq!(patch(r#"{"description":"d"}"#, &now), 200);
    node.commands.pauses.borrow_mut().clear();
    assert_eq!(shown(), json!([false, null]));
}
