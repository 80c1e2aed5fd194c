use crate::node::{Node, event, key, request, tenant, with_body};
use control::Role;
use event::{EventId, Offset, TenantId};
use log::{Group, Log, Sync};
use serde_json::{Value, json};
use std::sync::Arc;

/// So many events, of which every third has the key `k`, and every fifth is another application's.
fn node(count: u64) -> Node {
    let node = Node::new();
    let made = (0..count).map(|n| {
        let mut event = event(EventId::new(1_000 + n, Offset(n)), "t", r#"{"secret":"marker"}"#);
        event.envelope.key = n.is_multiple_of(3).then(|| "k".into());
        if n.is_multiple_of(5) {
            event.envelope.tenant = TenantId::new("other");
        }
        Arc::new(event)
    });
    let group = Group { events: made.collect(), ..Group::default() };
    node.log.commit(node.log.claim().unwrap(), &group, Sync::Now).unwrap();
    node
}

fn id(n: u64) -> EventId {
    EventId::new(1_000 + n, Offset(n))
}

fn is_erased(node: &Node, n: u64) -> bool {
    node.log.event(Offset(n)).unwrap().unwrap().is_erased()
}

fn erase(node: &Node, body: &Value) -> Value {
    let reply = node.send("POST", "/v1/erase", &body.to_string(), &[]);
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

#[test]
fn one_event_is_erased_and_told_as_such() {
    let node = node(10);
    let path = format!("/v1/event/{}", id(1));
    for _ in 0..2 {
        assert_eq!(node.send("DELETE", &path, "", &[]).status, 204);
    }
    assert!(is_erased(&node, 1) && !is_erased(&node, 2));
    let app = "/api/v1/app/default/msg";
    let shown = node.get(&format!("{app}/{}", id(1))).json();
    assert_eq!(shown["payload"], json!({ "expired": true }));
    let told = node.get(&format!("/v1/explain/{}", id(1))).json();
    assert!(told["event"]["erasedAt"].is_string(), "{told}");
    for path in [app.to_owned(), format!("/v1/tail?follow=false&content=true&since={EPOCH}")] {
        let body = node.get(&path).body;
        assert_eq!(body.matches("marker").count(), 7, "{path}: {body}");
    }
    assert_eq!(node.send("DELETE", &format!("{app}/{}/content", id(2)), "", &[]).status, 204);
    assert!(is_erased(&node, 2));
}

const EPOCH: &str = "1970-01-01T00:00:00Z";

#[test]
fn what_is_not_of_the_application_is_not_found() {
    let node = node(10);
    for path in
        [format!("/v1/event/{}", id(5)), format!("/v1/event/{}", EventId::new(7, Offset(1)))]
    {
        assert_eq!(node.send("DELETE", &path, "", &[]).status, 404, "{path}");
    }
    assert_eq!(node.send("DELETE", &format!("/v1/event/{}", id(99)), "", &[]).status, 404);
    assert!((0..10).all(|n| !is_erased(&node, n)));
    let of_other = format!("/v1/event/{}?app=other", id(5));
    assert_eq!(node.send("DELETE", &of_other, "", &[]).status, 204);
    assert!(is_erased(&node, 5));
}

#[test]
fn a_key_is_erased_in_several_looks() {
    let node = node(3_000);
    let (mut body, mut erased, mut looks) = (json!({ "key": "k" }), 0, 0);
    loop {
        let told = erase(&node, &body);
        erased += told["erased"].as_u64().unwrap();
        looks += 1;
        match told["iterator"].as_str() {
            Some(next) => body["iterator"] = json!(next),
            None => break,
        }
        assert_eq!(told["done"], false);
    }
    assert!(looks > 3, "{looks}");
    assert_eq!(erased, 800, "every third, without those of another application");
    let wanted = |n: u64| n.is_multiple_of(3) && !n.is_multiple_of(5);
    assert!((0..3_000).all(|n| is_erased(&node, n) == wanted(n)));
    assert_eq!(erase(&node, &json!({ "key": "k" }))["erased"], 0);
    assert_eq!(node.get("/v1/erase").json(), json!({ "isOnDisk": false }));
}

#[test]
fn an_idempotency_key_repeats_no_erasure() {
    let node = node(10);
    let line = "idempotency-key: a";
    let body = json!({ "key": "k" }).to_string();
    let ask = with_body("POST", "/v1/erase", &body, &[&node.bearer(), line]);
    let told: Vec<u64> = node
        .ask(&[ask.clone(), ask])
        .iter()
        .map(|reply| reply.json()["erased"].as_u64().unwrap())
        .collect();
    assert_eq!(told, [3, 0], "the second looks again");
}

#[test]
fn all_of_an_application_is_erased_on_its_word_alone() {
    let node = node(20);
    for body in
        [json!({}), json!({ "everything": false }), json!({ "key": "k", "everything": true })]
    {
        let reply = node.send("POST", "/v1/erase", &body.to_string(), &[]);
        assert_eq!(reply.status, 422, "{body}: {}", reply.body);
    }
    let bad = json!({ "everything": true, "iterator": "x" });
    assert_eq!(node.send("POST", "/v1/erase", &bad.to_string(), &[]).status, 422);
    erase(&node, &json!({ "everything": true }));
    assert!((0..20).all(|n| is_erased(&node, n) != n.is_multiple_of(5)));
}

#[test]
fn a_manager_erases_in_its_own_application_alone() {
    let mut node = node(10);
    let bearer = key(&mut node, Role::Manager(tenant()), u64::MAX);
    let line = format!("authorization: Bearer {bearer}");
    let other = format!("/v1/event/{}?app=other", id(5));
    let delete = |path: &str| node.one(request("DELETE", path, &[&line])).status;
    assert_eq!(delete(&other), 404);
    assert!(!is_erased(&node, 5));
    assert_eq!(delete(&format!("/v1/event/{}", id(1))), 204);
    assert!(is_erased(&node, 1));
}
