use crate::node::{Node, Reply, key, request};
use control::Role;
use event::TenantId;
use serde_json::{Value, json};

/// A text of which the node's reader makes as many bytes as it says.
fn load(node: &Node, path: &str, text: &str, more: &[&str]) -> Reply {
    let length = format!("content-length: {}", text.len());
    let own = [&*node.bearer(), &length, "content-type: text/csv"].map(str::to_owned);
    let lines: Vec<&str> = own.iter().map(|line| &**line).chain(more.iter().copied()).collect();
    node.one(request("PUT", path, &lines) + text)
}

fn versions(node: &Node, name: &str) -> Vec<Value> {
    let page = node.get(&format!("/v1/table/{name}/version")).json();
    page["data"].as_array().unwrap().clone()
}

const MIB: usize = 1 << 20;

#[test]
fn a_table_that_is_loaded_is_in_force_and_earlier_ones_come_back() {
    let node = Node::new();
    let made = load(&node, "/v1/table/countries", "10 one", &[]);
    assert_eq!(made.status, 201, "{}", made.body);
    let first = made.json();
    assert_eq!((&first["name"], &first["bytes"]), (&json!("countries"), &json!(10)));
    assert_eq!(load(&node, "/v1/table/countries", "10 one", &[]).status, 200, "it is the same");
    assert_eq!(versions(&node, "countries").len(), 1);
    let second = load(&node, "/v1/table/countries", "20 two", &[]);
    assert_eq!(second.status, 200, "{}", second.body);
    let second = second.json();
    assert_ne!(second["version"], first["version"]);
    assert_eq!(second["createdAt"], first["createdAt"]);
    let restore = |version: &Value| {
        let version = version.as_str().unwrap();
        node.post(&format!("/v1/table/countries/version/{version}/restore"))
    };
    assert_eq!(restore(&first["version"]).status, 200);
    assert_eq!(node.get("/v1/table/countries").json()["version"], first["version"]);
    let all = versions(&node, "countries");
    assert_eq!(all.len(), 2, "one that comes back is there once: {all:?}");
    assert_eq!(all[1]["version"], second["version"]);
    assert_eq!(restore(&json!("0".repeat(32))).status, 404);

    let found = node.get("/v1/table/countries/entry?key=known");
    assert_eq!(found.json(), json!({ "key": "known", "value": "countries of default" }));
    assert_eq!(node.get("/v1/table/countries/entry?key=other").status, 404);
    assert_eq!(node.get("/v1/table/countries/entry").status, 400);
    assert_eq!(node.get("/v1/table/nowhere/entry?key=known").status, 404);
    assert_eq!(node.send("DELETE", "/v1/table/countries", "", &[]).status, 204);
    assert_eq!(node.get("/v1/table/countries").status, 404);
    assert_eq!(node.get("/v1/table").json()["data"], json!([]));
}

#[test]
fn a_change_of_a_table_is_held_to_the_version_that_its_sender_saw() {
    let node = Node::new();
    assert_eq!(load(&node, "/v1/table/t", "1 a", &["if-match: \"x\""]).status, 412);
    let made = load(&node, "/v1/table/t", "1 a", &[]);
    let tag = format!("if-match: {}", made.headers["etag"]);
    assert_eq!(load(&node, "/v1/table/t", "1 b", &[&tag]).status, 200);
    let late = load(&node, "/v1/table/t", "1 c", &[&tag]);
    assert_eq!((late.status, &late.json()["code"]), (412, &json!("precondition")));
    assert_eq!(node.send("DELETE", "/v1/table/t", "", &[&tag]).status, 412);
}

#[test]
fn what_cannot_be_a_table_is_refused() {
    let node = Node::new();
    let bad = load(&node, "/v1/table/t", "nonsense", &[]);
    assert_eq!(bad.status, 422, "{}", bad.body);
    assert!(bad.body.contains("line 1: it has no number"), "{}", bad.body);
    assert_eq!(load(&node, "/v1/table/a%20b", "1 a", &[]).status, 404);
    let lines = [&*node.bearer(), "content-length: 3", "content-type: text/plain"];
    let other = node.one(request("PUT", "/v1/table/t", &lines) + "1 a");
    assert_eq!(other.status, 415);
    assert!(other.body.contains("text/csv or application/json"), "{}", other.body);
    assert_eq!(load(&node, "/v1/table/t?app=nobody", "1 a", &[]).status, 404);
}

#[test]
fn an_application_sees_its_own_tables() {
    let mut node = Node::new();
    node.make_app("acme");
    node.make_app("zeta");
    for app in ["acme", "zeta"] {
        let made = load(&node, &format!("/v1/table/t?app={app}"), "1 a", &[]);
        assert_eq!(made.status, 201, "{}", made.body);
    }
    let token = key(&mut node, Role::Manager(TenantId::new("acme")), u64::MAX);
    let as_acme = |method: &str, path: &str| {
        let bearer = format!("authorization: Bearer {token}");
        node.one(request(method, path, &[&bearer])).status
    };
    assert_eq!(as_acme("GET", "/v1/table/t"), 200);
    assert_eq!(as_acme("GET", "/v1/table/t/entry?key=known"), 200);
    for path in ["/v1/table/t?app=zeta", "/v1/table/t/entry?key=known&app=zeta"] {
        assert_eq!(as_acme("GET", path), 404, "{path}");
    }
    assert_eq!(as_acme("DELETE", "/v1/table/t?app=zeta"), 404);
    assert_eq!(as_acme("DELETE", "/v1/table/t"), 204);
    assert_eq!(node.get("/v1/table/t?app=zeta").status, 200);
}

#[test]
fn tables_keep_to_their_share_of_memory_and_disk() {
    let mut node = Node::new();
    node.make_app("acme");
    let token = key(&mut node, Role::Manager(TenantId::new("acme")), u64::MAX);
    let as_acme = |name: &str, text: &str| {
        let bearer = format!("authorization: Bearer {token}");
        let length = format!("content-length: {}", text.len());
        let lines = [&*bearer, &length, "content-type: text/csv"];
        node.one(request("PUT", &format!("/v1/table/{name}"), &lines) + text)
    };
    let mib = |n: usize, what: &str| format!("{} {what}", n * MIB);
    // In force: 128 MiB of an application.
    assert_eq!(as_acme("a", &mib(64, "a")).status, 201);
    assert_eq!(as_acme("b", &mib(60, "b")).status, 201);
    assert_eq!(as_acme("c", &mib(8, "c")).status, 409);
    assert_eq!(as_acme("b", &mib(64, "bb")).status, 200, "what it replaces does not count");
    // Kept: 256 MiB of it with the earlier versions: 64 + 64 + 60 are there.
    assert_eq!(versions_of(&node, "b").len(), 2);
    assert_eq!(as_acme("b", &mib(64, "bbb")).status, 200);
    assert_eq!(versions_of(&node, "b").len(), 3, "64 + 64 + 64 + 60 fit");
    assert_eq!(as_acme("b", &mib(63, "b4")).status, 200);
    assert_eq!(versions_of(&node, "b").len(), 3, "and the oldest makes room");
    for n in 0..20 {
        assert_eq!(as_acme("a", &format!("{n} a{n}")).status, 200);
    }
    assert_eq!(versions_of(&node, "a").len(), 5, "four beside the one in force");

    // The node's 512 MiB hold for its operator too.
    for n in 0..7 {
        let made = load(&node, &format!("/v1/table/t{n}"), &mib(64, "t"), &[]);
        assert_eq!(made.status, 201, "{n}: {}", made.body);
    }
    let over = load(&node, "/v1/table/t7", &mib(64, "t"), &[]);
    assert_eq!(over.status, 409, "{}", over.body);
    assert!(over.body.contains("the node's tables"), "{}", over.body);
}

fn versions_of(node: &Node, name: &str) -> Vec<Value> {
    let page = node.get(&format!("/v1/table/{name}/version?app=acme")).json();
    page["data"].as_array().unwrap().clone()
}

#[test]
fn an_application_has_a_hundred_tables() {
    let mut node = Node::new();
    node.make_app("acme");
    let token = key(&mut node, Role::Manager(TenantId::new("acme")), u64::MAX);
    let bearer = format!("authorization: Bearer {token}");
    for n in 0..=100 {
        let lines = [&*bearer, "content-length: 3", "content-type: text/csv"];
        let made = node.one(request("PUT", &format!("/v1/table/t{n}"), &lines) + "1 a");
        assert_eq!(made.status, if n < 100 { 201 } else { 409 }, "{n}: {}", made.body);
    }
}
