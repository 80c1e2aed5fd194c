use crate::node::{Node, tenant};
use event::Offset;
use log::Log;
use registry::DeclaredEndpoint;
use serde_json::{Value, json};

const APP: &str = "/api/v1/app/default";

fn node() -> Node {
    let node = Node::new();
    let endpoint = |name: &str| DeclaredEndpoint::new(tenant(), name, "https://a.example/in");
    node.declare(vec![endpoint("a"), endpoint("b")]);
    let new = |name: &str, schemas: Value| {
        let body = json!({ "name": name, "description": "d", "schemas": schemas });
        assert_eq!(node.send("POST", "/api/v1/event-type", &body.to_string(), &[]).status, 201);
    };
    let versions = json!({
        "2": { "examples": [{ "n": 2 }] },
        "10": { "examples": [{ "n": 10 }, { "n": 11 }] },
    });
    new("order.paid", versions);
    new("bare", json!({ "1": { "type": "object" } }));
    new("text", json!({ "1": { "examples": ["no object"] } }));
    node
}

fn send(node: &Node, endpoint: &str, event_type: &str) -> (u16, Value) {
    let path = format!("{APP}/endpoint/{endpoint}/send-example");
    let reply = node.send("POST", &path, &json!({ "eventType": event_type }).to_string(), &[]);
    (reply.status, reply.json())
}

#[test]
fn the_example_of_the_newest_schema_is_for_one_endpoint() {
    let node = node();
    let (status, message) = send(&node, "b", "order.paid");
    assert_eq!((status, &message["payload"]), (200, &json!({ "n": 10 })));
    let kept = node.log.event(Offset(0)).unwrap().unwrap();
    assert_eq!(kept.envelope.addressee(), Some(node.endpoint("b")));
    assert_eq!((&*kept.body, &*kept.envelope.event_type), (&br#"{"n":10}"#[..], "order.paid"));
    let id = message["id"].as_str().unwrap();
    assert_eq!(node.get(&format!("{APP}/msg/{id}")).json(), message);
    let told = node.get(&format!("/v1/explain/{id}")).json();
    let names = |of: &str| told[of].as_array().unwrap().iter().map(|e| e["name"].clone()).collect();
    assert_eq!((names("endpoints"), names("unwanted")), (vec![json!("b")], vec![json!("a")]));
    let destinations = node.get(&format!("{APP}/msg/{id}/endpoint")).json();
    assert_eq!(destinations["data"].as_array().unwrap().len(), 1);
    assert_eq!(send(&node, "a", "svix.ping").1["payload"], json!({ "success": true }));
}

#[test]
fn what_has_no_example_is_refused() {
    let node = node();
    for (event_type, status, code) in [
        ("nothing", 404, "not_found"),
        ("bare", 400, "invalid_scheme"),
        ("text", 400, "invalid_scheme"),
    ] {
        let (told, body) = send(&node, "a", event_type);
        assert_eq!((told, &body["code"]), (status, &json!(code)), "{event_type}");
    }
    assert_eq!(send(&node, "c", "order.paid").0, 404);
    assert_eq!(node.log.head(), Offset(0), "nothing was taken in");
}
