use crate::node::{NOW, Node, dead, delivery, event, key, request, tenant, with_body};
use control::Role;
use event::{
    Change, Due, EndpointId, EventId, Offset, Parcel, RetryKey, RetryRow, Stage, TenantId, hash_of,
};
use log::{Group, Log, Sync};
use registry::DeclaredEndpoint;
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

/// A letter of an event that retention has taken. Its filter had made another key of `k`, or none.
fn bury(node: &Node, offset: u64, key: Option<&str>) {
    let letter = delivery(EndpointId(1), Offset(offset));
    let mut output = event(id(offset), "t", "marker");
    output.envelope.key = key.map(Box::from);
    let input_key = Some(hash_of(b"k"));
    let parcel = Parcel { stage: Stage::Output, event: Arc::new(output), input_key };
    node.commit(Group {
        dead: vec![Change::Put(letter, dead("answered 500", 1))],
        parcels: vec![Change::Put(letter, parcel)],
        ..Group::default()
    });
}

/// Asks until it is done; gives how many were erased, and how many could not be read.
fn erase_all(node: &Node, path: &str, mut body: Value) -> (u64, u64) {
    let (mut erased, mut damaged) = (0, 0);
    loop {
        let reply = node.send("POST", path, &body.to_string(), &[]);
        assert_eq!(reply.status, 200, "{}", reply.body);
        let told = reply.json();
        erased += told["erased"].as_u64().unwrap();
        damaged += told["damaged"].as_u64().unwrap();
        match told["iterator"].as_str() {
            Some(next) => body["iterator"] = json!(next),
            None => return (erased, damaged),
        }
    }
}

#[test]
fn a_key_that_a_filter_changed_is_found_by_the_one_that_came_in() {
    let node = node(4);
    bury(&node, 0, None);
    bury(&node, 1, Some("pseudonym"));
    node.commit(Group { floor: Some(Offset(4)), ..Group::default() });
    assert_eq!(erase_all(&node, "/v1/erase", json!({ "key": "other" })), (0, 0));
    assert_eq!(erase_all(&node, "/v1/erase", json!({ "key": "k" })), (2, 0));
    let given = node.commands.given.borrow().join("\n");
    assert!(given.contains("erase [0, 1]"), "{given}");
}

#[test]
fn what_cannot_be_read_is_told_each_time_and_once() {
    let node = node(600);
    for damaged in [1, 2, 400, 599] {
        node.log.damage(Offset(damaged));
    }
    // Of the readable ones without those of another application: 1, 2 and 599 are no multiples
    // of five, and 400 is one.
    assert_eq!(erase_all(&node, "/v1/erase", json!({ "everything": true })), (480 - 3, 4));
    assert_eq!(erase_all(&node, "/v1/erase", json!({ "key": "k" })), (0, 4));
    let reply = node.send("DELETE", &format!("/v1/event/{}", id(1)), "", &[]);
    assert_eq!(reply.status, 409, "{}", reply.body);
}

#[test]
fn a_letter_that_cannot_be_read_is_told_too() {
    let node = node(4);
    bury(&node, 1, None);
    node.log.damage_parcel(delivery(EndpointId(1), Offset(1)));
    node.commit(Group { floor: Some(Offset(4)), ..Group::default() });
    assert_eq!(erase_all(&node, "/v1/erase", json!({ "key": "k" })), (0, 1));
}

#[test]
fn a_letter_of_a_damaged_event_is_erased() {
    let node = node(4);
    bury(&node, 1, None);
    node.log.damage(Offset(1));
    // The other one is event 3.
    assert_eq!(erase_all(&node, "/v1/erase", json!({ "key": "k" })), (2, 1));
    let is_given = || {
        let given = node.commands.given.take().join("\n");
        given.contains("erase [1] [") && !given.contains("erase [1] []")
    };
    assert!(is_given());
    assert_eq!(node.send("DELETE", &format!("/v1/event/{}", id(1)), "", &[]).status, 204);
    assert!(is_given());
}

#[test]
fn a_damaged_row_of_an_attempt_keeps_its_event_and_no_other() {
    let node = node(10);
    node.log.damage_attempts(Offset(1));
    assert_eq!(erase_all(&node, "/v1/erase", json!({ "everything": true })), (7, 1));
    assert!((0..10).all(|n| is_erased(&node, n) == (!n.is_multiple_of(5) && n != 1)));
    assert_eq!(node.send("DELETE", &format!("/v1/event/{}", id(1)), "", &[]).status, 409);
}

#[test]
fn a_damaged_row_of_a_retry_hides_neither_those_before_it_nor_the_dead() {
    let node = node(4);
    let (stage, since, ruled_by) = (Stage::Output, NOW, Offset::ZERO);
    let row = RetryRow { attempts: 1, stage, outputs: 1, since, ruled_by, key_hash: None };
    for n in 0..3 {
        let delivery = delivery(EndpointId(2), Offset(n));
        let output = Arc::new(event(id(n), "t", "marker"));
        let parcel = Parcel { stage, event: output, input_key: None };
        node.commit(Group {
            retries: vec![Change::Put(RetryKey { due: Due::At(NOW), delivery }, row)],
            parcels: vec![Change::Put(delivery, parcel)],
            ..Group::default()
        });
    }
    bury(&node, 3, None);
    node.log.damage_retry(delivery(EndpointId(2), Offset(1)));
    node.commit(Group { floor: Some(Offset(4)), ..Group::default() });
    assert_eq!(erase_all(&node, "/v1/erase", json!({ "everything": true })), (2, 1));
    let given = node.commands.given.borrow().join("\n");
    assert!(given.contains("erase [0]") && given.contains("erase [3]"), "{given}");
}

#[test]
fn an_event_may_be_where_letters_cannot_be_read() {
    let mut node = node(4);
    let bearer = key(&mut node, Role::Manager(tenant()), u64::MAX);
    bury(&node, 1, None);
    node.log.lose_dead(delivery(EndpointId(1), Offset(1)));
    node.commit(Group { floor: Some(Offset(4)), ..Group::default() });
    let path = format!("/v1/event/{}", id(1));
    assert_eq!(node.send("DELETE", &path, "", &[]).status, 409);
    let line = format!("authorization: Bearer {bearer}");
    assert_eq!(node.one(request("DELETE", &path, &[&line])).status, 404);
}

#[test]
fn a_manager_is_told_of_damage_in_its_own_application_alone() {
    let mut node = node(4);
    node.declare(vec![DeclaredEndpoint::new(tenant(), "e", "https://example.com/in")]);
    assert_eq!(node.endpoint("e"), EndpointId(1), "whose letter is buried");
    bury(&node, 1, None);
    node.log.damage_parcel(delivery(EndpointId(1), Offset(1)));
    node.log.damage(Offset(1));
    node.log.damage(Offset(2));
    let own = key(&mut node, Role::Manager(tenant()), u64::MAX);
    let other = key(&mut node, Role::Manager(TenantId::new("other")), u64::MAX);
    let ask = |method: &str, path: &str, body: &str, bearer: &str| {
        let line = format!("authorization: Bearer {bearer}");
        node.one(with_body(method, path, body, &[&line]))
    };
    let damaged = |bearer: &str| {
        let (mut body, mut damaged) = (json!({ "key": "none" }), 0);
        loop {
            let told = ask("POST", "/v1/erase", &body.to_string(), bearer).json();
            damaged += told["damaged"].as_u64().unwrap();
            match told["iterator"].as_str() {
                Some(next) => body["iterator"] = json!(next),
                None => return damaged,
            }
        }
    };
    assert_eq!([&node.key, &own, &other].map(|bearer| damaged(bearer)), [3, 1, 0]);
    let one =
        |n: u64, bearer: &str| ask("DELETE", &format!("/v1/event/{}", id(n)), "", bearer).status;
    assert_eq!([&node.key, &own, &other].map(|bearer| one(1, bearer)), [409, 409, 404]);
    assert_eq!([&node.key, &own, &other].map(|bearer| one(2, bearer)), [409, 404, 404]);
}

#[test]
fn an_admin_erases_what_is_left_of_a_removed_application() {
    let mut node = node(10);
    node.make_app("app_gone");
    let gone = |n: u64| {
        let mut event = event(EventId::new(1_000 + n, Offset(n)), "t", "marker");
        event.envelope.tenant = TenantId::new("app_gone");
        Arc::new(event)
    };
    node.commit(Group { events: (10..14).map(gone).collect(), ..Group::default() });
    assert_eq!(node.send("DELETE", "/api/v1/app/app_gone", "", &[]).status, 204);
    let bearer = key(&mut node, Role::Manager(tenant()), u64::MAX);
    let line = format!("authorization: Bearer {bearer}");
    let (path, body) = ("/v1/erase?app=app_gone", json!({ "everything": true }));
    assert_eq!(node.one(with_body("POST", path, &body.to_string(), &[&line])).status, 404);
    let of_one = format!("/v1/event/{}?app=app_gone", id(11));
    assert_eq!(node.send("DELETE", &of_one, "", &[]).status, 204);
    let told = node.send("POST", path, &body.to_string(), &[]).json();
    assert_eq!((&told["erased"], &told["isRemoved"]), (&json!(3), &json!(true)));
    assert!((0..14).all(|n| is_erased(&node, n) == (n >= 10)));
    // Whatever else is asked about it is not there.
    assert_eq!(node.get("/v1/tail?app=app_gone&follow=false").status, 404);
    let known = node.send("POST", "/v1/erase", r#"{"key":"none"}"#, &[]).json();
    assert_eq!(known["isRemoved"], false);
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
