use crate::node::{Node, dead, delivery, request};
use event::{Change, DeliveryId, EventId, Offset, Parcel, Stage};
use log::{Group, Log};
use registry::DeclaredEndpoint;
use serde_json::Value;
use std::sync::Arc;

/// A letter at each offset, at each of two endpoints.
fn node_with(letters: u64) -> Node {
    let node = Node::new();
    let endpoint = |name| DeclaredEndpoint::new(crate::node::tenant(), name, "https://x.example");
    node.declare(vec![endpoint("one"), endpoint("two")]);
    for _ in 0..letters {
        let id = node.publish("order.paid", "{\"a\": 1}");
        for name in ["one", "two"] {
            bury(&node, delivery(node.endpoint(name), id.offset()), id);
        }
    }
    node
}

fn bury(node: &Node, letter: DeliveryId, id: EventId) {
    let row = dead("answered 500", 10);
    let event = Arc::new(crate::node::event(id, "order.paid", "{\"a\": 1}"));
    node.commit(Group {
        dead: vec![Change::Put(letter, row)],
        parcels: vec![Change::Put(letter, Parcel { stage: Stage::Output, event, input_key: None })],
        ..Group::default()
    });
}

#[test]
fn letters_are_told_with_what_a_person_needs() {
    let node = node_with(1);
    let page = node.get("/v1/dead-letter/").json();
    let letter = &page["data"][0];
    let one = node.endpoint("one");
    assert_eq!(letter["id"], format!("dl_{}-0-0-0", one.0));
    assert_eq!(letter["endpoint"], "one");
    assert_eq!(letter["reason"], "answered 500");
    assert_eq!(letter["eventType"], "order.paid");
    assert_eq!(letter["diedAt"], "2023-11-14T22:13:20Z");
    assert_eq!(letter["attempts"], 10);
    assert_eq!(page["done"], true);

    let whole = node.get(&format!("/v1/dead-letter/{}", letter["id"].as_str().unwrap())).json();
    assert_eq!(whole["bodyBase64"], "eyJhIjogMX0=");
    assert_eq!(whole["headers"][0], serde_json::json!(["content-type", "application/json"]));
}

#[test]
fn damage_to_one_letter_hides_no_other() {
    let node = node_with(2);
    let one = node.endpoint("one");
    node.log.damage_parcel(delivery(one, Offset(0)));
    let page = node.get("/v1/dead-letter").json();
    let letters = page["data"].as_array().unwrap();
    let damaged: Vec<bool> = letters.iter().map(|letter| letter["damaged"] == true).collect();
    assert_eq!(damaged, [true, false, false, false]);
    assert_eq!(letters[0]["reason"], "answered 500");
    let shown = node.get(&format!("/v1/dead-letter/dl_{}-0-0-0", one.0)).json();
    assert_eq!((&shown["damaged"], shown.get("bodyBase64")), (&true.into(), None));
}

#[test]
fn a_letter_whose_row_is_damaged_is_told_and_hides_no_other() {
    let node = node_with(3);
    let [one, two] = ["one", "two"].map(|name| node.endpoint(name));
    node.log.damage_dead(delivery(one, Offset(1)));
    let page = node.get("/v1/dead-letter").json();
    let letters = page["data"].as_array().unwrap();
    let reasons: Vec<&str> = letters.iter().map(|l| l["reason"].as_str().unwrap()).collect();
    let (whole, damaged) = ("answered 500", "not known: its row is damaged");
    assert_eq!(reasons, [whole, damaged, whole, whole, whole, whole]);
    assert_eq!((&letters[1]["damaged"], &letters[1]["attempts"]), (&true.into(), &Value::Null));
    assert_eq!(letters[1]["eventType"], "order.paid", "its bytes are as they were");
    let shown = node.get(&format!("/v1/dead-letter/dl_{}-0-1-0", one.0)).json();
    assert_eq!((&shown["reason"], &shown["bodyBase64"]), (&damaged.into(), &"eyJhIjogMX0=".into()));
    let others = node.get(&format!("/v1/dead-letter?endpoint=ep_{}", two.0)).json();
    assert_eq!(others["data"].as_array().unwrap().len(), 3);
    let counted = node.one(request("GET", "/metrics", &[])).body;
    assert!(counted.lines().any(|line| line == "forebay_dead_letters 6"), "{counted}");
}

#[test]
fn pages_hold_every_letter_once() {
    let node = node_with(7);
    let (mut seen, mut path) = (Vec::new(), "/v1/dead-letter?limit=4".to_owned());
    loop {
        let page = node.get(&path).json();
        let letters = page["data"].as_array().unwrap();
        assert!(letters.len() <= 4);
        seen.extend(letters.iter().map(|letter| letter["id"].as_str().unwrap().to_owned()));
        assert_eq!(page["done"], page["iterator"].is_null());
        let Some(next) = page["iterator"].as_str() else { break };
        path = format!("/v1/dead-letter?limit=4&iterator={next}");
    }
    let all: Vec<String> =
        node.log.dead(None, 100).unwrap().iter().map(|(id, _)| name(id)).collect();
    assert_eq!((seen.len(), seen), (14, all));
}

#[test]
fn one_endpoints_letters_can_be_had_alone() {
    let node = node_with(3);
    let two = node.endpoint("two");
    let page = node.get(&format!("/v1/dead-letter?limit=2&endpoint=ep_{}", two.0)).json();
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
    assert!(page["data"].as_array().unwrap().iter().all(|letter| letter["endpoint"] == "two"));
    let next = page["iterator"].as_str().unwrap();
    let rest = node.get(&format!("/v1/dead-letter?endpoint=ep_{}&iterator={next}", two.0)).json();
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["done"]), (1, &true.into()));
}

#[test]
fn hostile_wishes_are_refused() {
    let node = node_with(1);
    for query in ["limit=0", "limit=1000000000", "iterator=dl_9", "endpoint=%27", "x=1"] {
        let reply = node.get(&format!("/v1/dead-letter?{query}"));
        assert_eq!((reply.status, reply.json()["code"].as_str()), (400, Some("bad_request")));
    }
}

fn name(id: &DeliveryId) -> String {
    format!("dl_{}-{}-{}-{}", id.lane.endpoint.0, id.lane.n, id.offset.0, id.k)
}
