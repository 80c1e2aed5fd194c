use crate::node::{Node, key, with_body};
use control::Role;
use event::{EventId, Offset};
use serde_json::{Value, json};

const MESSAGES: &str = "/api/v1/app/default/msg";

fn send(node: &Node, body: &Value, more: &[&str]) -> (u16, Value) {
    let reply = node.send("POST", MESSAGES, &body.to_string(), more);
    (reply.status, reply.json())
}

fn create(node: &Node, body: Value) -> Value {
    let (status, made) = send(node, &body, &[]);
    assert_eq!(status, 202, "{made}");
    made
}

#[test]
fn a_message_is_kept_byte_for_byte_and_read_back() {
    let node = Node::new();
    let payload = r#"{ "b": 1.0,  "a" : [1e2, "\u00e9"] }"#;
    let body = format!(
        r#"{{"eventType":"user.signup","eventId":"own-1","channels":["blue","red"],"key":"k",
            "payload":{payload}}}"#
    );
    let reply = node.send("POST", MESSAGES, &body, &["traceparent: 00-a-b-01"]);
    assert_eq!(reply.status, 202, "{}", reply.body);
    let made = reply.json();
    assert_eq!(
        (&made["eventType"], &made["eventId"], &made["channels"]),
        (&json!("user.signup"), &json!("own-1"), &json!(["blue", "red"]))
    );
    assert_eq!(made["timestamp"], "2023-11-14T22:13:20Z");
    let id = made["id"].as_str().unwrap();
    for name in [id, "own-1"] {
        let read = node.get(&format!("{MESSAGES}/{name}"));
        assert_eq!(read.json(), made);
        assert!(read.body.contains(payload), "{}", read.body);
    }
    let bare = node.get(&format!("{MESSAGES}/{id}?with_content=false")).json();
    assert_eq!(bare["payload"], json!({}));
    let event = log::Log::read(&*node.log, Offset(0)..Offset(1), log::contract::ALL).unwrap();
    let envelope = &event[0].envelope;
    assert_eq!(&event[0].body[..], payload.as_bytes());
    assert_eq!((&*envelope.source, envelope.key.as_deref()), ("api", Some("k")));
    assert_eq!(envelope.headers.first("traceparent"), Some(&b"00-a-b-01"[..]));
}

#[test]
fn messages_of_others_are_not_found() {
    let node = Node::new();
    let id =
        create(&node, json!({ "eventType": "a", "eventId": "x", "payload": {} }))["id"].clone();
    let id = id.as_str().unwrap();
    for name in [id, "x", "evt_0", &EventId::new(1, Offset(0)).to_string()] {
        let reply = node.get(&format!("/api/v1/app/other/msg/{name}"));
        assert_eq!(reply.status, 404, "{name}");
    }
    assert_eq!(node.get(&format!("{MESSAGES}/unknown")).status, 404);
}

#[test]
fn repeats_are_told_from_other_messages() {
    let node = Node::new();
    let body = json!({ "eventType": "a", "payload": { "n": 1 } });
    let other = json!({ "eventType": "a", "payload": { "n": 2 } });
    let (_, first) = send(&node, &body, &["idempotency-key: k1"]);
    assert_eq!(send(&node, &body, &["idempotency-key: k1"]), (202, first.clone()));
    assert_ne!(send(&node, &body, &["idempotency-key: k2"]).1["id"], first["id"]);
    assert_ne!(send(&node, &body, &[]).1["id"], first["id"]);
    assert_eq!(send(&node, &other, &["idempotency-key: k1"]).0, 409);
    let own = json!({ "eventType": "a", "eventId": "own", "payload": {} });
    let (_, first) = send(&node, &own, &["idempotency-key: k3"]);
    assert_eq!(send(&node, &own, &["idempotency-key: k3"]), (202, first.clone()));
    for (body, more) in [(&own, &["idempotency-key: k4"][..]), (&own, &[])] {
        let (status, told) = send(&node, body, more);
        assert_eq!((status, &told["code"]), (409, &json!("conflict")));
        assert!(told["detail"].as_str().unwrap().contains(first["id"].as_str().unwrap()));
    }
    assert_eq!(
        send(&node, &json!({ "eventType": "a", "eventId": "two", "payload": {} }), &[]).0,
        202
    );
    assert_eq!(
        send(&node, &json!({ "eventType": "a", "eventId": "two", "payload": {} }), &[]).0,
        409
    );
}

#[test]
fn what_is_wrong_with_a_message_is_told() {
    let node = Node::new();
    let cases = [
        (json!({ "eventType": "a b", "payload": {} }), "eventType"),
        (json!({ "eventType": "a", "payload": [1] }), "payload"),
        (json!({ "eventType": "a", "payload": {}, "channels": [] }), "channels"),
        (
            json!({ "eventType": "a", "payload": {}, "channels": ["a", "b", "c", "d", "e", "f"] }),
            "channels",
        ),
        (json!({ "eventType": "a", "payload": {}, "key": "" }), "key"),
        (json!({ "eventType": "a", "payload": {}, "eventId": "a/b" }), "eventId"),
        (json!({ "eventType": "a", "payload": {}, "deliverAt": "2026-01-01" }), "deliverAt"),
        (
            json!({ "eventType": "a", "payload": {}, "payloadRetentionPeriod": 30 }),
            "payloadRetentionPeriod",
        ),
    ];
    for (body, member) in cases {
        let (status, told) = send(&node, &body, &[]);
        assert_eq!((status, &told["detail"][0]["loc"]), (422, &json!(["body", member])), "{told}");
    }
    assert_eq!(log::Log::head(&*node.log), Offset(0), "nothing was stored");
}

#[test]
fn a_retention_that_asks_for_nothing_is_taken() {
    let node = Node::new();
    create(&node, json!({ "eventType": "a", "payload": {}, "payloadRetentionPeriod": 90 }));
}

#[test]
fn a_message_can_bring_its_application() {
    let node = Node::new();
    let path = "/api/v1/app/fresh/msg";
    let bare = json!({ "eventType": "a", "payload": {} }).to_string();
    assert_eq!(node.send("POST", path, &bare, &[]).status, 404);
    let full = json!({ "eventType": "a", "payload": {}, "application": { "name": "Fresh" } });
    for _ in 0..2 {
        assert_eq!(node.send("POST", path, &full.to_string(), &[]).status, 202);
    }
    assert_eq!(node.get("/api/v1/app/fresh").json()["name"], "Fresh");
    assert_eq!(node.get(path).json()["data"].as_array().unwrap().len(), 2);
}

#[test]
fn a_producer_publishes_its_types_alone() {
    let mut node = Node::new();
    let types = Some([registry::TypePattern::parse("order.*").unwrap()].into());
    let role = Role::Producer { tenant: crate::node::tenant(), types };
    let bearer = format!("authorization: Bearer {}", key(&mut node, role, u64::MAX));
    for (event_type, status) in [("order.paid", 202), ("user.signup", 403)] {
        let body = json!({ "eventType": event_type, "payload": {} }).to_string();
        let reply = node.one(with_body("POST", MESSAGES, &body, &[&bearer]));
        assert_eq!(reply.status, status, "{event_type}: {}", reply.body);
    }
}

#[test]
fn the_newest_come_first_and_pages_go_both_ways() {
    let node = Node::new();
    for n in 0..7 {
        let channel = if n % 2 == 0 { "even" } else { "odd" };
        create(
            &node,
            json!({ "eventType": format!("t.{n}"), "payload": { "n": n }, "channels": [channel] }),
        );
        node.send("POST", "/api/v1/app/other/msg", r#"{"eventType":"x","payload":{}}"#, &[]);
    }
    let list = |query: &str| {
        let page = node.get(&format!("{MESSAGES}?{query}")).json();
        let types = page["data"].as_array().unwrap().iter().map(|m| m["payload"]["n"].as_u64());
        (types.flatten().collect::<Vec<_>>(), page)
    };
    let (first, page) = list("limit=3");
    assert_eq!((first, &page["done"]), (vec![6, 5, 4], &json!(false)));
    let next = page["iterator"].as_str().unwrap();
    let (second, page) = list(&format!("limit=3&iterator={next}"));
    assert_eq!((second, &page["done"]), (vec![3, 2, 1], &json!(false)));
    let (last, end) = list(&format!("limit=3&iterator={}", page["iterator"].as_str().unwrap()));
    assert_eq!((last, &end["done"]), (vec![0], &json!(true)));
    let (back, _) = list(&format!("limit=3&iterator={}", page["prevIterator"].as_str().unwrap()));
    assert_eq!(back, [6, 5, 4]);
    assert_eq!(list("channel=odd").0, [5, 3, 1]);
    assert_eq!(list("event_types=t.1,t.4").0, [4, 1]);
    assert_eq!(list("event_types=t.1&event_types=t.2").0, [2, 1]);
    assert!(list("before=2023-11-14T22:13:20Z").0.is_empty());
    assert_eq!(list("after=2023-11-14T22:13:19.999Z").0.len(), 7);
    assert!(list("after=2023-11-14T22:13:20%2B00:00").0.is_empty());
    for bad in ["iterator=x", "before=yesterday", "with_content=maybe", "order=ascending"] {
        assert_eq!(node.get(&format!("{MESSAGES}?{bad}")).status, 422, "{bad}");
    }
}

#[test]
fn a_body_that_is_no_object_is_shown_as_bytes() {
    let node = Node::new();
    let id = node.publish("raw", "[1,2]");
    let shown = node.get(&format!("{MESSAGES}/{id}")).json();
    assert_eq!(shown["payload"], json!({ "bodyBase64": "WzEsMl0=" }));
    let id = node.publish("json", r#" {"a":1} "#);
    assert_eq!(node.get(&format!("{MESSAGES}/{id}")).json()["payload"], json!({ "a": 1 }));
}
