use crate::node::{Node, Reply, key, request, tenant, with_body};
use control::{Deed, Role};
use event::TenantId;
use serde_json::{Value, json};

const ENDPOINTS: &str = "/api/v1/app/default/endpoint";
const PATH: &str = "/api/v1/app/default/endpoint/ep_1/transformation";
const CODE: &str = "function handler(webhook) { return webhook; }";

fn node() -> Node {
    let node = Node::new();
    let made = node.send("POST", ENDPOINTS, r#"{"url":"https://example.com/in"}"#, &[]);
    assert_eq!(made.status, 201, "{}", made.body);
    node
}

fn patch(node: &Node, body: &Value) -> Reply {
    node.send("PATCH", PATH, &body.to_string(), &[])
}

fn is_done(node: &Node, body: &Value) {
    let reply = patch(node, body);
    assert_eq!((reply.status, &*reply.body), (204, ""));
}

/// What runs it, as the registry has it.
fn runs(node: &Node) -> Vec<String> {
    let history = node.history.borrow();
    let endpoint = history.latest().endpoint(event::EndpointId(1)).unwrap();
    endpoint.filters.iter().map(ToString::to_string).collect()
}

fn filter(node: &Node) -> Reply {
    node.get("/v1/filter/forebay%2Ftransformation-ep_1")
}

#[test]
fn a_script_is_set_enabled_and_taken_off() {
    let node = node();
    let none = json!({ "code": null, "enabled": false, "variables": {}, "updatedAt": null });
    assert_eq!(node.get(PATH).json(), none);
    is_done(&node, &json!({ "code": CODE }));
    let told = node.get(PATH).json();
    assert_eq!((&told["code"], &told["enabled"]), (&json!(CODE), &json!(false)));
    assert_eq!(told["updatedAt"], "2023-11-14T22:13:20Z");
    assert_eq!((runs(&node), filter(&node).status), (vec![], 404));

    is_done(&node, &json!({ "enabled": true, "variables": { "team": "red" } }));
    assert_eq!(runs(&node), ["forebay/transformation-ep_1"]);
    let config = filter(&node).json()["config"].clone();
    assert_eq!(config["url"], "https://example.com/in");
    assert_eq!(config["variables"], json!({ "team": "red" }));
    assert!(config["script"].as_str().unwrap().contains(CODE), "{config}");

    is_done(&node, &json!({ "code": null }));
    let told = node.get(PATH).json();
    assert_eq!((&told["code"], &told["enabled"]), (&Value::Null, &json!(true)));
    assert_eq!((runs(&node), filter(&node).status), (vec![], 404));
}

#[test]
fn what_does_not_start_or_is_too_large_is_told_with_its_place() {
    let node = node();
    is_done(&node, &json!({ "code": CODE, "enabled": true }));
    let long = "x".repeat(51_201);
    let wide = json!({ "a": "x".repeat(16 << 10) });
    for (body, place) in [
        (json!({ "code": "no-start" }), json!(["body", "code"])),
        (json!({ "code": "no-start", "enabled": false }), json!(["body", "code"])),
        (json!({ "code": long }), json!(["body", "code"])),
        (json!({ "code": 7 }), json!(["body", "code"])),
        (json!({ "variables": wide }), json!(["body", "variables"])),
        (json!({ "cod": "" }), json!(["body", "cod"])),
    ] {
        let refused = patch(&node, &body);
        assert_eq!((refused.status, &refused.json()["detail"][0]["loc"]), (422, &place));
    }
    assert_eq!(node.get(PATH).json()["code"], CODE);
    let nowhere = node.send("PATCH", &PATH.replace("ep_1", "ep_2"), "{}", &[]);
    assert_eq!(nowhere.status, 404);
}

#[test]
fn other_changes_of_the_endpoint_keep_it() {
    let node = node();
    let own = json!({ "url": "https://example.com/in", "filters": ["forebay/redact"] });
    let endpoint = format!("{ENDPOINTS}/ep_1");
    assert_eq!(node.send("PUT", &endpoint, &own.to_string(), &[]).status, 200);
    is_done(&node, &json!({ "code": CODE, "enabled": true }));
    let both = ["forebay/redact", "forebay/transformation-ep_1"];
    assert_eq!(runs(&node), both, "the script comes last");
    let told = node.get(&endpoint).json();
    assert_eq!(told["filters"], json!(["forebay/redact"]));
    assert_eq!(told["transformation"], json!({ "code": CODE, "enabled": true, "variables": {} }));

    // As clients do it that do not know of it.
    let moved = json!({ "url": "https://example.com/2", "filters": ["forebay/redact"] });
    assert_eq!(node.send("PUT", &endpoint, &moved.to_string(), &[]).status, 200);
    assert_eq!(node.send("PATCH", &endpoint, r#"{"description":"d"}"#, &[]).status, 200);
    let headers = r#"{"headers":{"X-Team":"a"}}"#;
    assert_eq!(node.send("PUT", &format!("{endpoint}/headers"), headers, &[]).status, 204);
    assert_eq!(node.send("POST", &format!("{endpoint}/secret/rotate"), "{}", &[]).status, 200);
    assert_eq!(runs(&node), both);
    let config = filter(&node).json()["config"].clone();
    let placed = (&config["url"], &config["headers"]);
    assert_eq!(placed, (&json!("https://example.com/2"), &json!(["x-team"])));

    let off = r#"{"transformation":null}"#;
    assert_eq!(node.send("PATCH", &endpoint, off, &[]).status, 200);
    assert_eq!(runs(&node), ["forebay/redact"]);
    is_done(&node, &json!({ "code": CODE, "enabled": true }));
    assert_eq!(node.one(request("DELETE", &endpoint, &[&node.bearer()])).status, 204);
    assert_eq!(filter(&node).status, 404, "it goes with its endpoint");
}

#[test]
fn an_endpoint_is_made_with_its_script_at_once() {
    let node = node();
    let script = json!({ "code": CODE, "variables": { "a": "b" } });
    let new = json!({ "url": "https://example.com/in", "transformation": script });
    let made = node.send("POST", ENDPOINTS, &new.to_string(), &[]);
    assert_eq!((made.status, &made.json()["transformation"]["enabled"]), (201, &json!(true)));
    let history = node.history.borrow().latest().clone();
    let endpoint = history.endpoint(event::EndpointId(2)).unwrap();
    assert_eq!(&*endpoint.filters[0], "forebay/transformation-ep_2");

    let bad = json!({ "url": "https://example.com/", "transformation": { "code": "no-start" } });
    let refused = node.send("POST", ENDPOINTS, &bad.to_string(), &[]);
    let place = json!(["body", "transformation", "code"]);
    assert_eq!((refused.status, &refused.json()["detail"][0]["loc"]), (422, &place));
}

#[test]
fn nobody_else_changes_or_borrows_what_runs_it() {
    let node = node();
    is_done(&node, &json!({ "code": CODE, "enabled": true }));
    assert_eq!(node.get("/v1/filter").json()["data"], json!([]));
    let path = "/v1/filter/forebay%2Ftransformation-ep_1";
    assert_eq!(node.send("PATCH", path, r#"{"config":{}}"#, &[]).status, 404);
    assert_eq!(node.one(request("DELETE", path, &[&node.bearer()])).status, 404);
    let trial = node.send("PUT", &format!("{path}/candidate"), r#"{"config":{}}"#, &[]);
    assert_eq!(trial.status, 404);
    let other = json!({ "url": "https://x/", "filters": ["forebay/transformation-ep_1"] });
    assert_eq!(node.send("POST", ENDPOINTS, &other.to_string(), &[]).status, 422);
}

#[test]
fn what_is_polled_has_none() {
    let node = node();
    let made = node.send("POST", ENDPOINTS, r#"{"url":"poll:","uid":"sink"}"#, &[]);
    assert_eq!(made.status, 201);
    let endpoint = format!("{ENDPOINTS}/sink");
    let off = json!({ "code": CODE, "enabled": false });
    let whole = json!({ "url": "poll:", "transformation": off });
    let (script, member) = (PATH.replace("ep_1", "sink"), json!({ "transformation": off }));
    for (verb, path, body, place) in [
        ("PATCH", &*script, json!({ "code": CODE, "enabled": true }), "code"),
        ("PATCH", &*script, json!({ "code": CODE }), "code"),
        ("PATCH", &*endpoint, member, "transformation"),
        ("PUT", &*endpoint, whole.clone(), "transformation"),
        ("POST", ENDPOINTS, whole, "transformation"),
    ] {
        let refused = node.send(verb, path, &body.to_string(), &[]);
        let told = (refused.status, refused.json()["detail"][0]["loc"].clone());
        assert_eq!(told, (422, json!(["body", place])), "{verb} {body}");
    }
    assert_eq!(node.get(&endpoint).json()["transformation"], Value::Null);
}

#[test]
fn what_a_file_declares_is_changed_there() {
    let node = Node::new();
    let url = "https://example.com/";
    node.declare(vec![registry::DeclaredEndpoint::new(tenant(), "e", url)]);
    let body = json!({ "code": CODE, "enabled": true });
    let refused = patch(&node, &body);
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body.contains("change it there"), "{}", refused.body);
    assert_eq!(node.get(PATH).json()["code"], Value::Null);
}

#[test]
fn a_customer_needs_leave_to_change_scripts() {
    let mut node = node();
    let endpoint = format!("{ENDPOINTS}/ep_1");
    let script = json!({ "code": CODE }).to_string();
    let member = json!({ "transformation": { "code": CODE } }).to_string();
    for (deeds, expected) in [
        (vec![Deed::Read, Deed::Transform], [200, 204, 403]),
        (vec![Deed::Read, Deed::Write], [200, 403, 403]),
        (vec![Deed::Read], [200, 403, 403]),
        (vec![Deed::Read, Deed::Write, Deed::Transform], [200, 204, 200]),
    ] {
        let role = Role::Portal { tenant: tenant(), deeds: deeds.clone() };
        let bearer = format!("authorization: Bearer {}", key(&mut node, role, u64::MAX));
        let replies = node.ask(&[
            request("GET", PATH, &[&bearer]),
            with_body("PATCH", PATH, &script, &[&bearer]),
            with_body("PATCH", &endpoint, &member, &[&bearer]),
        ]);
        let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
        assert_eq!(statuses, expected, "{deeds:?}");
    }
}

/// Each leaves a version behind that stays as long as the log has what it judged.
#[test]
fn customers_write_so_much_in_an_hour() {
    let mut node = node();
    node.make_app("app_other");
    let at_other = "/api/v1/app/app_other/endpoint";
    let made = node.send("POST", at_other, r#"{"url":"https://example.com/in"}"#, &[]);
    assert_eq!(made.json()["id"], "ep_2", "{}", made.body);
    let mut bearer = |role| format!("authorization: Bearer {}", key(&mut node, role, u64::MAX));
    let customer = bearer(Role::portal(tenant()));
    let colleague = bearer(Role::portal(tenant()));
    let of_other = bearer(Role::portal(TenantId::new("app_other")));
    let manager = bearer(Role::Manager(tenant()));
    let script =
        |n: usize| json!({ "code": format!("{CODE}//{n}{}", "x".repeat(50_000)) }).to_string();
    let patch = |path: &str, n, who: &str| with_body("PATCH", path, &script(n), &[who]);
    let mut requests: Vec<String> = (0..60).map(|n| patch(PATH, n, &customer)).collect();
    requests.extend([
        patch(PATH, 60, &colleague),
        patch(PATH, 61, &manager),
        patch(&format!("{at_other}/ep_2/transformation"), 62, &of_other),
        request("GET", PATH, &[&customer]),
    ]);
    let replies = node.ask(&requests);
    let status = |n: usize| replies[n].status;
    let done = (0..60).take_while(|n| status(*n) == 204).count();
    assert!((35..50).contains(&done), "{done} of the largest are 4 MiB with what they keep");
    assert!((done..60).all(|n| status(n) == 429));
    let refused = &replies[59];
    assert_eq!(refused.json()["code"], "rate_limited", "{}", refused.body);
    let wait: u64 = refused.headers["retry-after"].parse().unwrap();
    assert!((3_590..=3_601).contains(&wait), "{wait}");
    assert_eq!([60, 61, 62, 63].map(status), [429, 204, 204, 200]);
    let kept = replies[63].json();
    assert!(kept["code"].as_str().unwrap().starts_with(&format!("{CODE}//61")), "{kept}");
}
