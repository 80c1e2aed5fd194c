use crate::node::{NOW, Node, Reply, request, with_body};
use serde_json::{Value, json};
use std::time::Duration;

const KEYS: &str = "/v1/key";

fn make(node: &Node, body: Value) -> (String, String) {
    let reply = node.send("POST", KEYS, &body.to_string(), &[]);
    assert_eq!(reply.status, 201, "{}", reply.body);
    named(&reply)
}

/// The id and the token of a key that was just made.
fn named(reply: &Reply) -> (String, String) {
    let made = reply.json();
    let text = |member: &str| made[member].as_str().unwrap().to_owned();
    assert!(text("token").starts_with(&format!("fbk_{}_", text("id"))), "{made}");
    (text("id"), text("token"))
}

fn with(token: &str, method: &str, path: &str) -> String {
    request(method, path, &[&format!("authorization: Bearer {token}"), "content-length: 0"])
}

fn status(node: &Node, token: &str, path: &str) -> u16 {
    node.one(with(token, "GET", path)).status
}

fn is_known(node: &Node, token: &str) -> bool {
    status(node, token, "/api/v1/app") != 401
}

fn after(span: Duration) -> String {
    let now = jiff::Timestamp::from_millisecond(NOW.millis() as i64).unwrap();
    (now + span).to_string()
}

#[test]
fn a_key_lives_its_life() {
    let node = Node::new();
    let reply = node.send("POST", KEYS, r#"{"name":"ci","role":"admin"}"#, &[]);
    let (id, token) = named(&reply);
    let path = format!("{KEYS}/{id}");
    let got = node.get(&path);
    let expected = json!({
        "id": id, "name": "ci", "role": "admin", "app": null, "types": null,
        "createdAt": "2023-11-14T22:13:20Z", "updatedAt": "2023-11-14T22:13:20Z",
        "expiresAt": null, "previousUntil": null, "lastUsedAt": null,
    });
    assert_eq!((got.status, got.json()), (200, expected.clone()));
    assert_eq!(reply.headers["etag"], got.headers["etag"]);
    assert_eq!(node.get(KEYS).json()["data"], json!([expected]));
    assert!(is_known(&node, &token) && status(&node, &token, KEYS) == 200);

    let old = format!("if-match: {}", got.headers["etag"]);
    let patch = json!({ "name": "cd", "expiresAt": after(Duration::from_secs(60)) }).to_string();
    let patched = node.send("PATCH", &path, &patch, &[&old]);
    assert_eq!((patched.status, &patched.json()["name"]), (200, &json!("cd")));
    assert_eq!(patched.json()["expiresAt"], "2023-11-14T22:14:20Z");
    assert_eq!(node.send("PATCH", &path, "{}", &[&old]).status, 412);
    node.clock.advance(Duration::from_secs(59));
    assert!(is_known(&node, &token));
    node.clock.advance(Duration::from_secs(1));
    assert!(!is_known(&node, &token));
    assert_eq!(node.send("PATCH", &path, r#"{"expiresAt":null}"#, &[]).status, 200);
    assert!(is_known(&node, &token));

    assert_eq!(node.one(request("DELETE", &path, &[&node.bearer(), &old])).status, 412);
    assert_eq!(node.one(request("DELETE", &path, &[&node.bearer()])).status, 204);
    assert!(!is_known(&node, &token));
    for method in ["GET", "DELETE"] {
        assert_eq!(node.one(request(method, &path, &[&node.bearer()])).status, 404);
    }
}

#[test]
fn a_key_does_what_its_role_may() {
    let node = Node::new();
    let bound = |role: &str| make(&node, json!({ "name": "n", "role": role, "app": "default" })).1;
    let whole = make(&node, json!({ "name": "n", "role": "reader" })).1;
    let (here, there) = ("/api/v1/app/default/endpoint", "/api/v1/app/other/endpoint");
    for (token, expected) in [
        (bound("manager"), [200, 404, 403]),
        (bound("producer"), [403, 404, 403]),
        (bound("reader"), [200, 404, 403]),
        (whole, [200, 200, 403]),
    ] {
        let statuses = [here, there, KEYS].map(|path| status(&node, &token, path));
        assert_eq!(statuses, expected);
    }
}

#[test]
fn a_rotated_key_has_two_tokens_for_a_while() {
    let node = Node::new();
    let (id, first) = make(&node, json!({ "name": "n", "role": "admin" }));
    let path = format!("{KEYS}/{id}/rotate");
    let rotate = |body: &str| {
        let reply = node.send("POST", &path, body, &[]);
        assert_eq!(reply.status, 200, "{}", reply.body);
        (named(&reply).1, reply.json()["previousUntil"].clone())
    };
    let (second, until) = rotate("");
    assert_eq!(until, "2023-11-15T22:13:20Z", "a day");
    assert!(is_known(&node, &first) && is_known(&node, &second));
    let (third, _) = rotate(r#"{"gracePeriodSeconds":60}"#);
    let known = || [&first, &second, &third].map(|token| is_known(&node, token));
    assert_eq!(known(), [false, true, true], "two at most");
    node.clock.advance(Duration::from_secs(60));
    assert_eq!(known(), [false, false, true]);
    let (fourth, until) = rotate(r#"{"gracePeriodSeconds":0}"#);
    assert!(until.is_null() && is_known(&node, &fourth) && !is_known(&node, &third));
    let bad = node.send("POST", &path, r#"{"gracePeriodSeconds":604801}"#, &[]);
    assert_eq!((bad.status, is_known(&node, &fourth)), (422, true));
}

#[test]
fn what_cannot_be_a_key_says_why() {
    let node = Node::new();
    for (body, place) in [
        (json!({ "name": "", "role": "admin" }), "body.name"),
        (json!({ "name": "a\nb", "role": "admin" }), "body.name"),
        (json!({ "name": "n", "role": "owner" }), "body.role"),
        (json!({ "name": "n", "role": "portal", "app": "default" }), "body.role"),
        (json!({ "name": "n", "role": "admin", "app": "default" }), "body.app"),
        (json!({ "name": "n", "role": "manager" }), "body.app"),
        (json!({ "name": "n", "role": "producer" }), "body.app"),
        (json!({ "name": "n", "role": "reader", "app": "nowhere" }), "body.app"),
        (json!({ "name": "n", "role": "reader", "types": ["a"] }), "body.types"),
        (json!({ "name": "n", "role": "producer", "app": "default", "types": [] }), "body.types"),
        (
            json!({ "name": "n", "role": "producer", "app": "default", "types": ["a", "b*"] }),
            "body.types.1",
        ),
        (json!({ "name": "n", "role": "admin", "expiresAt": "soon" }), "body.expiresAt"),
        (
            json!({ "name": "n", "role": "admin", "expiresAt": "2023-11-14T22:13:20Z" }),
            "body.expiresAt",
        ),
        (json!({ "name": "n", "role": "admin", "token": "mine" }), "body.token"),
    ] {
        let reply = node.send("POST", KEYS, &body.to_string(), &[]);
        let place_told: Vec<String> =
            serde_json::from_value(reply.json()["errors"][0]["loc"].clone()).unwrap();
        assert_eq!((reply.status, &*place_told.join(".")), (422, place), "{body}");
    }
    assert_eq!(node.get(KEYS).json()["data"], json!([]));
}

#[test]
fn a_token_is_shown_once_and_kept_nowhere() {
    let node = Node::new();
    let body = r#"{"name":"n","role":"admin"}"#;
    let line = |key: &str| format!("idempotency-key: {key}");
    let ask = |path: &str, body: &str, key: &str| {
        with_body("POST", path, body, &[&node.bearer(), &line(key)])
    };
    let replies = node.ask(&[
        ask(KEYS, body, "a"),
        ask(KEYS, body, "a"),
        ask(KEYS, r#"{"name":"m","role":"admin"}"#, "a"),
        request("GET", KEYS, &[&node.bearer()]),
    ]);
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [201, 409, 409, 200]);
    let (id, token) = named(&replies[0]);
    assert_ne!(replies[1].json()["detail"], replies[2].json()["detail"]);
    assert!(replies[1].json()["detail"].as_str().unwrap().contains("not kept"));
    assert_eq!(replies[3].json()["data"].as_array().unwrap().len(), 1, "it was made once");

    let path = format!("{KEYS}/{id}/rotate");
    let rotated = node.ask(&[ask(&path, "{}", "b"), ask(&path, "{}", "b")]);
    let second = named(&rotated[0]).1;
    assert_eq!(rotated[1].status, 409);
    assert!(is_known(&node, &token) && is_known(&node, &second), "it was rotated once");

    let shown = [node.get(KEYS).body, node.get(&format!("{KEYS}/{id}")).body];
    let rows = node.commands.rows.borrow();
    let rows = rows.iter().map(|row| String::from_utf8_lossy(&row.value).into_owned());
    let kept: Vec<String> = rows.chain(shown).collect();
    assert_eq!(kept.iter().filter(|text| text.contains("digest")).count(), 2, "{kept:?}");
    for token in [token, second] {
        let secret = token.rsplit_once(&format!("{id}_")).unwrap().1;
        assert!(kept.iter().all(|text| !text.contains(secret)));
    }
}

#[test]
fn a_use_is_seen_and_changes_no_version() {
    let node = Node::new();
    let (id, token) = make(&node, json!({ "name": "n", "role": "admin" }));
    let path = format!("{KEYS}/{id}");
    let get = || request("GET", &path, &[&node.bearer()]);
    let replies = node.ask(&[get(), with(&token, "GET", "/v1/dead-letter"), get()]);
    assert_eq!(replies[0].json()["lastUsedAt"], Value::Null);
    assert_eq!(replies[2].json()["lastUsedAt"], "2023-11-14T22:13:20Z");
    assert_eq!(replies[0].headers["etag"], replies[2].headers["etag"]);
    let wrong = format!("{}x", &token[..token.len() - 1]);
    let replies = node.ask(&[with(&wrong, "GET", "/v1/dead-letter"), get()]);
    assert_eq!((replies[0].status, &replies[1].json()["lastUsedAt"]), (401, &Value::Null));
}

#[test]
fn pages_go_through_all_keys() {
    let node = Node::new();
    let mut made: Vec<String> =
        (0..5).map(|_| make(&node, json!({ "name": "n", "role": "admin" })).0).collect();
    made.sort();
    let page = |query: &str| node.get(&format!("{KEYS}?{query}")).json();
    let ids = |page: &Value| -> Vec<String> {
        let data = page["data"].as_array().unwrap().iter();
        data.map(|key| key["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = page("limit=3");
    assert_eq!((ids(&first), &first["done"]), (made[..3].to_vec(), &json!(false)));
    let rest = page(&format!("limit=3&iterator={}", first["iterator"].as_str().unwrap()));
    assert_eq!((ids(&rest), &rest["done"]), (made[3..].to_vec(), &json!(true)));
    assert_eq!(node.get("/v1/key/short").status, 404);
}

const ACCESS: &str = "/api/v1/auth/app-portal-access";

fn session(node: &Node, app: &str, body: &str) -> String {
    let reply = node.send("POST", &format!("{ACCESS}/{app}"), body, &[]);
    assert_eq!(reply.status, 200, "{}", reply.body);
    let token = reply.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(reply.json()["url"], format!("https://hooks.example.com/#key={token}"));
    token
}

fn may(node: &Node, token: &str) -> [u16; 3] {
    let endpoint = r#"{"url":"https://example.com"}"#;
    let path = "/api/v1/app/default/endpoint";
    let bearer = format!("authorization: Bearer {token}");
    let write = node.one(with_body("POST", path, endpoint, &[&bearer])).status;
    let secret = format!("{path}/ep_1/secret");
    [status(node, token, path), write, status(node, token, &secret)]
}

#[test]
fn a_session_of_the_portal_is_its_applications_own() {
    let node = Node::new();
    let token = session(&node, "default", "");
    assert_eq!(may(&node, &token), [200, 201, 200]);
    assert_eq!(status(&node, &token, "/api/v1/app/other/endpoint"), 404);
    assert_eq!(status(&node, &token, "/v1/dead-letter"), 403);
    let reads = session(&node, "default", r#"{"readOnly":true}"#);
    assert_eq!(may(&node, &reads), [200, 403, 403]);
    let body = r#"{"capabilities":["ViewBase","ViewEndpointSecret"],"featureFlags":["a"]}"#;
    assert_eq!(may(&node, &session(&node, "default", body)), [200, 403, 200]);

    let nowhere = format!("{ACCESS}/nowhere");
    assert_eq!(node.send("POST", &nowhere, "{}", &[]).status, 404);
    let made = session(&node, "nowhere", r#"{"application":{"name":"Now"}}"#);
    assert_eq!(status(&node, &made, "/api/v1/app/nowhere/endpoint"), 200);
    assert_eq!(node.get("/api/v1/app/nowhere").json()["name"], "Now");
    session(&node, "nowhere", r#"{"application":{"name":"Then"}}"#);
    assert_eq!(node.get("/api/v1/app/nowhere").json()["name"], "Now", "it was there");

    for bad in [r#"{"expiry":3599}"#, r#"{"expiry":604801}"#, r#"{"capabilities":["All"]}"#] {
        assert_eq!(node.send("POST", &format!("{ACCESS}/default"), bad, &[]).status, 422, "{bad}");
    }
    assert_eq!(node.get(KEYS).json()["data"], json!([]), "sessions stand apart");
    let sessions = node.get(&format!("{KEYS}?portal=true")).json();
    assert_eq!(sessions["data"].as_array().unwrap().len(), 5);
    assert_eq!(sessions["data"][0]["role"], "portal");
}

#[test]
fn a_session_ends() {
    let node = Node::new();
    let path = "/api/v1/app/default/endpoint";
    let lives = |token: &str| status(&node, token, path) == 200;
    let week = session(&node, "default", "{}");
    let hour = session(&node, "default", r#"{"expiry":3600}"#);
    node.clock.advance(Duration::from_secs(3600));
    assert!(lives(&week) && !lives(&hour));
    let count = || {
        let page = node.get(&format!("{KEYS}?portal=true")).json();
        page["data"].as_array().unwrap().len()
    };
    let other = session(&node, "default", "{}");
    assert_eq!(count(), 2, "the one that is over makes room");

    let logout = |token: &str| node.one(with(token, "POST", "/api/v1/auth/logout")).status;
    assert_eq!(
        [logout(&week), logout(&week), logout(&hour), logout(&node.key)],
        [204, 401, 401, 400]
    );
    assert!(!lives(&week) && lives(&other));
    let id = other[4..14].to_owned();
    let sole = format!("{KEYS}/{id}");
    assert_eq!(node.send("PATCH", &sole, r#"{"expiresAt":null}"#, &[]).status, 409);
    assert_eq!(node.send("POST", &format!("{sole}/rotate"), "{}", &[]).status, 409);
    assert_eq!(node.one(request("DELETE", &sole, &[&node.bearer()])).status, 204);
    assert!(!lives(&other) && count() == 0);
}

#[test]
fn all_sessions_of_an_application_end_together() {
    let node = Node::new();
    let [a, b, plain] = [r#"{"sessionId":"a"}"#, r#"{"sessionId":"b"}"#, "{}"]
        .map(|body| session(&node, "default", body));
    let elsewhere = session(&node, "other", r#"{"sessionId":"a"}"#);
    let key = make(&node, json!({ "name": "n", "role": "manager", "app": "default" })).1;
    let lives = |token: &str| status(&node, token, "/api/v1/app/default/endpoint") == 200;
    let known = || [&a, &b, &plain, &key].map(|token| lives(token));
    let expire =
        |body: &str| node.send("POST", "/api/v1/auth/app/default/expire-all", body, &[]).status;
    assert_eq!((expire(r#"{"sessionIds":["a"]}"#), known()), (204, [false, true, true, true]));
    assert_eq!((expire(r#"{"expiry":60,"sessionIds":["b"]}"#), known()[1]), (204, true));
    node.clock.advance(Duration::from_secs(60));
    assert_eq!(known(), [false, false, true, true]);
    assert_eq!((expire(""), known()), (204, [false, false, false, true]));
    assert_eq!(status(&node, &elsewhere, "/api/v1/app/other/endpoint"), 200);
    assert_eq!(node.send("POST", "/api/v1/auth/app/nowhere/expire-all", "{}", &[]).status, 404);
}

#[test]
fn a_client_that_asks_again_gets_another_session() {
    let node = Node::new();
    let path = format!("{ACCESS}/default");
    let ask = || with_body("POST", &path, "{}", &[&node.bearer(), "idempotency-key: a"]);
    let replies = node.ask(&[ask(), ask()]);
    assert_eq!([replies[0].status, replies[1].status], [200, 200]);
    assert_ne!(replies[0].json()["token"], replies[1].json()["token"]);
}

#[test]
fn a_removed_application_takes_its_keys_along() {
    let node = Node::new();
    let made = node.send("POST", "/api/v1/app", r#"{"name":"A","uid":"a"}"#, &[]);
    assert_eq!(made.status, 201);
    let (id, token) = make(&node, json!({ "name": "n", "role": "reader", "app": "a" }));
    let visit = session(&node, "a", "{}");
    let kept = make(&node, json!({ "name": "n", "role": "reader", "app": "default" })).1;
    assert!([&token, &visit, &kept].iter().all(|token| is_known(&node, token)));
    assert_eq!(node.get(&format!("{KEYS}/{id}")).json()["app"], made.json()["id"]);
    assert_eq!(node.one(request("DELETE", "/api/v1/app/a", &[&node.bearer()])).status, 204);
    assert!(!is_known(&node, &token) && !is_known(&node, &visit) && is_known(&node, &kept));
}
