use crate::node::{NOW, Node, Reply, event, key, request, tenant};
use control::Role;
use event::{EventId, Offset};
use log::{Group, Log};
use serde_json::{Value, json};
use std::sync::Arc;

const POLLER: &str = "/api/v1/app/default/poller/p";

/// A node with a polled endpoint that wants orders over 2.
fn node() -> Node {
    let node = Node::new();
    let body = json!({
        "url": "poll:", "uid": "p", "eventTypes": ["order.*"], "where": "data.n > 2",
    });
    let made = node.send("POST", "/api/v1/app/default/endpoint", &body.to_string(), &[]);
    assert_eq!(made.status, 201, "{}", made.body);
    node
}

fn fill(node: &Node, count: u64) {
    for n in 0..count {
        node.publish(if n % 2 == 0 { "order.paid" } else { "user.new" }, &format!("{{\"n\":{n}}}"));
    }
}

fn numbers(page: &Value) -> Vec<u64> {
    let all = page["data"].as_array().unwrap().iter();
    all.map(|message| message["payload"]["n"].as_u64().unwrap()).collect()
}

fn after(node: &Node, path: &str, page: &Value) -> Value {
    let iterator = page["iterator"].as_str().unwrap();
    let mark = if path.contains('?') { '&' } else { '?' };
    node.get(&format!("{path}{mark}iterator={iterator}")).json()
}

#[test]
fn what_the_endpoint_wants_is_fetched_in_order() {
    let node = node();
    let empty = node.get(POLLER).json();
    assert_eq!((numbers(&empty), &empty["done"]), (vec![], &json!(true)));
    fill(&node, 12);
    assert_eq!(numbers(&after(&node, POLLER, &empty)), [4, 6, 8, 10]);
    let limited = format!("{POLLER}?limit=3");
    let first = node.get(&limited).json();
    assert_eq!((numbers(&first), &first["done"]), (vec![4, 6, 8], &json!(false)));
    let second = after(&node, &limited, &first);
    assert_eq!((numbers(&second), &second["done"]), (vec![10], &json!(true)));
    assert_eq!(second["gap"], Value::Null);
    let third = after(&node, &limited, &second);
    assert_eq!((numbers(&third), &third["iterator"]), (vec![], &second["iterator"]));
    let message = &first["data"][0];
    assert_eq!((&message["eventType"], &message["channels"]), (&json!("order.paid"), &Value::Null));
    assert_eq!(numbers(&node.get(&format!("{POLLER}?event_type=order.other")).json()), [0; 0]);
    assert_eq!(numbers(&node.get(&format!("{POLLER}?after=2023-11-14T23:00:00Z")).json()), [0; 0]);
    for bad in ["iterator=evt_x", "iterator=evt_00000000000000000000zzz", "limit=0"] {
        assert_eq!(node.get(&format!("{POLLER}?{bad}")).status, 422, "{bad}");
    }
}

#[test]
fn a_consumer_goes_on_where_it_gave_back_what_it_had() {
    let node = node();
    fill(&node, 12);
    let path = format!("{POLLER}/consumer/c?limit=2");
    let first = node.get(&path).json();
    assert_eq!(numbers(&first), [4, 6]);
    assert_eq!(numbers(&node.get(&path).json()), [4, 6], "nobody said that they were received");
    assert_eq!(numbers(&after(&node, &path, &first)), [8, 10]);
    assert_eq!(numbers(&node.get(&path).json()), [8, 10]);
    let other = format!("{POLLER}/consumer/d?limit=1");
    assert_eq!(numbers(&node.get(&other).json()), [4], "each has a place of its own");
    let seek = |after: &str| {
        let body = json!({ "after": after }).to_string();
        node.send("POST", &format!("{POLLER}/consumer/c/seek"), &body, &[])
    };
    let sought = seek("2023-11-14T00:00:00Z").json();
    assert_eq!(sought["iterator"], EventId::new(0, Offset(0)).to_string());
    assert_eq!(numbers(&node.get(&path).json()), [4, 6]);
    seek("2123-11-14T00:00:00Z");
    assert_eq!(numbers(&node.get(&path).json()), [0; 0]);
    assert_eq!(seek("soon").status, 422);
    assert_eq!(node.get(&format!("{POLLER}/consumer/a%20b")).status, 404);
}

#[test]
fn what_is_erased_does_not_appear_and_what_is_lost_is_told() {
    let node = node();
    fill(&node, 12);
    let first = node.get(&format!("{POLLER}?limit=1")).json();
    let erased = node.log.event(Offset(6)).unwrap().unwrap().stub(NOW);
    node.commit(Group { erased: vec![Arc::new(erased)], ..Group::default() });
    assert_eq!(numbers(&after(&node, POLLER, &first)), [8, 10]);
    node.commit(Group { floor: Some(Offset(9)), ..Group::default() });
    let lossy = after(&node, POLLER, &first);
    let at: EventId = first["iterator"].as_str().unwrap().parse().unwrap();
    let floor = node.log.floor().0;
    assert_eq!(lossy["gap"], json!({ "from": at.offset().0, "until": floor }));
    assert!(floor > at.offset().0);
}

#[test]
fn another_application_and_another_kind_of_endpoint_have_no_poller() {
    let mut node = node();
    fill(&node, 6);
    let theirs = Arc::new({
        let mut theirs =
            event(EventId::new(NOW.millis(), node.log.head()), "order.paid", "{\"n\":9}");
        theirs.envelope.tenant = event::TenantId::new("other");
        theirs
    });
    node.commit(Group { events: vec![theirs], ..Group::default() });
    assert_eq!(numbers(&node.get(POLLER).json()), [4]);
    assert_eq!(node.get("/api/v1/app/other/poller/p").status, 404);
    let endpoints = "/api/v1/app/default/endpoint";
    let create = |body: Value| node.send("POST", endpoints, &body.to_string(), &[]);
    assert_eq!(create(json!({ "url": "https://example.com/", "uid": "sent" })).status, 201);
    assert_eq!(node.get("/api/v1/app/default/poller/sent").status, 404);
    let refused = create(json!({ "url": "poll:", "filters": ["forebay/redact"] }));
    assert_eq!(refused.json()["detail"][0]["loc"], json!(["body", "filters"]));
    for (uid, url) in [("p", "https://example.com/"), ("sent", "poll:")] {
        let body = json!({ "url": url }).to_string();
        let reply: Reply = node.send("PATCH", &format!("{endpoints}/{uid}"), &body, &[]);
        assert_eq!(
            (reply.status, &reply.json()["detail"][0]["loc"]),
            (422, &json!(["body", "url"]))
        );
    }
    // Who may only read moves nobody's place.
    let bearer = key(&mut node, Role::Reader(Some(tenant())), u64::MAX);
    let bearer = format!("authorization: Bearer {bearer}");
    assert_eq!(node.one(request("GET", POLLER, &[&bearer])).status, 200);
    assert_eq!(node.one(request("GET", &format!("{POLLER}/consumer/c"), &[&bearer])).status, 403);
    node.send("PATCH", &format!("{endpoints}/p"), r#"{"disabled":true}"#, &[]);
    assert_eq!(node.get(POLLER).status, 404);
}
