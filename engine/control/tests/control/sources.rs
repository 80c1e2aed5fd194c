use crate::node::{Node, Reply, key, request, with_body};
use control::Role;
use event::TenantId;
use serde_json::json;

const GITHUB: &str = r#"{"name":"github","scheme":"github","secret":"s3cret"}"#;

fn create(node: &Node, body: &str) -> Reply {
    node.send("POST", "/v1/source", body, &[])
}

#[test]
fn a_source_is_made_changed_and_removed() {
    let node = Node::new();
    let made = create(&node, GITHUB);
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(
        (&made.json()["path"], &made.json()["settings"]),
        (&json!("/in/github"), &json!({}))
    );
    assert!(!made.body.contains("s3cret"));
    assert_eq!(create(&node, GITHUB).status, 409);
    let patch = r#"{"path":"/hooks/gh","settings":{"headers":["x-a"]}}"#;
    let tag = format!("if-match: {}", made.headers["etag"]);
    let changed = node.send("PATCH", "/v1/source/github", patch, &[&tag]);
    assert_eq!((changed.status, &changed.json()["path"]), (200, &json!("/hooks/gh")));
    assert_eq!(node.send("PATCH", "/v1/source/github", "{}", &[&tag]).status, 412);
    let listed = node.get("/v1/source").json();
    assert_eq!(listed["data"][0]["settings"]["headers"], json!(["x-a"]));
    assert_eq!(node.get("/v1/source/github/secret").json()["secret"], "s3cret");
    let delete = || node.one(request("DELETE", "/v1/source/github", &[&node.bearer()]));
    assert_eq!((delete().status, delete().status), (204, 404));
}

#[test]
fn a_secret_that_is_not_given_is_made_and_rotated_with_grace() {
    let node = Node::new();
    assert_eq!(create(&node, r#"{"name":"a","scheme":"github"}"#).status, 201);
    let secret = || node.get("/v1/source/a/secret").json()["secret"].as_str().unwrap().to_owned();
    let first = secret();
    assert!(first.starts_with("whsec_"));
    let path = "/v1/source/a/secret/rotate";
    let rotated = node.send("POST", path, r#"{"gracePeriodSeconds":60}"#, &[]);
    assert_eq!(rotated.json()["secret"], secret());
    assert_ne!(first, secret());
    let history = node.history.borrow();
    let source = history.latest().source(&TenantId::new("default"), "a").unwrap().clone();
    let texts: Vec<_> = source.secrets.iter().map(|secret| secret.expose().to_owned()).collect();
    assert_eq!(texts, [secret(), first]);
    assert_eq!(source.secrets.at(crate::node::NOW + std::time::Duration::from_secs(61)).count(), 1);
    drop(history);
    assert_eq!(create(&node, r#"{"name":"b","scheme":"none"}"#).status, 201);
    assert_eq!(node.get("/v1/source/b/secret").status, 404);
}

#[test]
fn what_could_let_nobody_in_is_refused() {
    let node = Node::new();
    let refused = create(&node, r#"{"name":"a","scheme":"nonesuch"}"#);
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("unknown scheme `nonesuch`"), "{}", refused.body);
    for bad in [r#"{"name":"..","scheme":"none"}"#, r#"{"name":"a"}"#, r#"{"name":"a","x":1}"#] {
        assert_eq!(create(&node, bad).status, 422, "{bad}");
    }
    assert_eq!(node.get("/v1/source").json()["data"], json!([]));
}

#[test]
fn an_applications_key_takes_no_path_of_another() {
    let mut node = Node::new();
    node.make_app("other");
    let other = key(&mut node, Role::Manager(TenantId::new("other")), u64::MAX);
    let default = key(&mut node, Role::Manager(TenantId::new("default")), u64::MAX);
    let make = |key: &str, name: &str, path: &str| {
        let mut body = json!({ "name": name, "scheme": "none" });
        if !path.is_empty() {
            body["path"] = path.into();
        }
        let bearer = format!("authorization: Bearer {key}");
        node.one(with_body("POST", "/v1/source", &body.to_string(), &[&bearer]))
    };
    assert_eq!(make(&other, "a", "").json()["path"], "/in/other/a");
    assert_eq!(make(&other, "b", "/in/other/{shop}/b").status, 201);
    assert_eq!(make(&default, "a", "").json()["path"], "/in/a");
    for (key, path) in [
        (&other, "/in/github"),
        (&other, "/in/otherwise/x"),
        (&other, "/hooks"),
        (&other, "/in/other/"),
        (&default, "/in/other/x"),
        (&default, "/in/{a}/{b}"),
    ] {
        let refused = make(key, "x", path);
        assert_eq!(
            (refused.status, refused.json()["errors"][0]["loc"][1].clone()),
            (422, json!("path"))
        );
    }
    assert_eq!(
        node.send("POST", "/v1/source", r#"{"name":"z","scheme":"none","path":"/z"}"#, &[]).status,
        201
    );
    let bearer = format!("authorization: Bearer {other}");
    let moved = with_body("PATCH", "/v1/source/a", r#"{"path":"/in/github"}"#, &[&bearer]);
    assert_eq!(node.one(moved).status, 422);
    let readable = node.one(request("GET", "/v1/source/a/secret?app=default", &[&bearer]));
    assert_eq!(readable.status, 404);
}

#[test]
fn a_source_that_let_anybody_in_gets_a_secret_with_its_scheme() {
    let node = Node::new();
    assert_eq!(create(&node, r#"{"name":"a","scheme":"none"}"#).status, 201);
    let patch = |body: &str| node.send("PATCH", "/v1/source/a", body, &[]);
    assert_eq!(patch(r#"{"scheme":"github","secret":"s3cret"}"#).status, 200);
    assert_eq!(node.get("/v1/source/a/secret").json()["secret"], "s3cret");
    let again = patch(r#"{"secret":"other"}"#);
    assert_eq!((again.status, &again.json()["errors"][0]["loc"][1]), (422, &json!("secret")));
    assert_eq!(create(&node, r#"{"name":"b","scheme":"none"}"#).status, 201);
    assert_eq!(node.send("PATCH", "/v1/source/b", r#"{"scheme":"github"}"#, &[]).status, 200);
    let made = node.get("/v1/source/b/secret").json();
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"), "{made}");
}

#[test]
fn a_secret_that_was_retired_may_come_back() {
    let node = Node::new();
    assert_eq!(create(&node, GITHUB).status, 201);
    let rotate = |secret: &str| {
        let body = json!({ "secret": secret }).to_string();
        node.send("POST", "/v1/source/github/secret/rotate", &body, &[])
    };
    assert_eq!(rotate("second").status, 200);
    assert_eq!(rotate("s3cret").status, 200);
    let history = node.history.borrow();
    let source = history.latest().source(&TenantId::new("default"), "github").unwrap().clone();
    let texts: Vec<_> = source.secrets.iter().map(|secret| secret.expose().to_owned()).collect();
    assert_eq!(texts, ["s3cret", "second"]);
    drop(history);
    let same = rotate("s3cret");
    assert_eq!((same.status, &same.json()["errors"][0]["loc"][1]), (422, &json!("secret")));
}

#[test]
fn a_repeat_of_a_rotation_is_not_shown_the_secret() {
    let node = Node::new();
    assert_eq!(create(&node, GITHUB).status, 201);
    let rotate =
        || node.send("POST", "/v1/source/github/secret/rotate", "{}", &["idempotency-key: k"]);
    let length = "content-length: 2";
    let lines = [&*node.bearer(), length, "idempotency-key: k"];
    let twice = request("POST", "/v1/source/github/secret/rotate", &lines) + "{}";
    let statuses = node.ask(&[twice.clone(), twice]).iter().map(|r| r.status).collect::<Vec<_>>();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(rotate().status, 200, "another process knows nothing of it");
}
