use crate::node::{Node, Reply, key, request};
use control::Role;
use event::{EventId, Offset, TenantId};
use registry::DeclaredEndpoint;
use serde_json::{Value, json};

/// Each event of a stream by its id, its name and its data, without the one that ends it.
fn sent(reply: &Reply) -> Vec<(String, String, Value)> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.headers["content-type"], "text/event-stream");
    let text = unchunked(&reply.body);
    let blocks = text.split("\n\n").filter(|block| !block.is_empty() && !block.starts_with(':'));
    let read = |block: &str| {
        let field = |name: &str| {
            let found = block.lines().find_map(|line| line.strip_prefix(name));
            found.unwrap_or_default().to_owned()
        };
        (field("id: "), field("event: "), serde_json::from_str(&field("data: ")).unwrap())
    };
    let mut all: Vec<_> = blocks.map(read).collect();
    let end = all.pop().map(|(_, name, _)| name);
    assert_eq!(end.as_deref(), Some("end"), "it was not cut off");
    all
}

fn unchunked(body: &str) -> String {
    let (mut rest, mut text) = (body, String::new());
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        text += &after[..size];
        rest = &after[size + 2..];
    }
    text
}

fn types(reply: &Reply) -> Vec<String> {
    sent(reply).iter().map(|(.., data)| data["eventType"].as_str().unwrap().to_owned()).collect()
}

const ALL: &str = "/v1/tail?follow=false&since=2001-01-01T00:00:00Z";

#[test]
fn what_there_is_comes_in_order_with_its_ids() {
    let node = Node::new();
    let ids: Vec<EventId> =
        (0..600).map(|n| node.publish(&format!("t.{n}"), &json!({ "n": n }).to_string())).collect();
    let all = sent(&node.get(ALL));
    let told: Vec<String> = all.iter().map(|(id, ..)| id.clone()).collect();
    assert_eq!(told, ids.iter().map(EventId::to_string).collect::<Vec<_>>());
    let (id, name, data) = &all[7];
    assert_eq!((&data["id"], &**name), (&json!(id), "event"));
    assert_eq!(
        (&data["eventType"], &data["source"], &data["bytes"]),
        (&json!("t.7"), &json!("shop"), &json!(7))
    );
    assert_eq!(data["body"], Value::Null, "not asked for");
    assert_eq!(sent(&node.get("/v1/tail?follow=false")).len(), 0, "those to come, and none come");
    let last = format!("last-event-id: {}", ids[597]);
    let rest = node.one(request("GET", "/v1/tail?follow=false", &[&node.bearer(), &last]));
    assert_eq!(types(&rest), ["t.598", "t.599"]);
    let odd = node.one(request("GET", "/v1/tail", &[&node.bearer(), "last-event-id: 7"]));
    assert_eq!(odd.status, 400);
}

#[test]
fn what_is_wanted_alone_is_sent() {
    let node = Node::new();
    let mut endpoint = DeclaredEndpoint::new(crate::node::tenant(), "big", "https://example.com/");
    endpoint.types = vec!["order.*".into()];
    endpoint.condition = Some("data.n > 1".into());
    node.declare(vec![endpoint]);
    for n in 0..4 {
        node.publish("order.paid", &json!({ "n": n }).to_string());
        node.publish("invoice.sent", &json!({ "n": n }).to_string());
    }
    let count = |more: &str| sent(&node.get(&format!("{ALL}&{more}"))).len();
    assert_eq!(count("type=order.*"), 4);
    assert_eq!(count("type=order.*&type=invoice.sent"), 8);
    assert_eq!(count("where=data.n%20%3D%202"), 2);
    assert_eq!(count("endpoint=big"), 2);
    assert_eq!(count("endpoint=big&where=data.n%20%3D%203"), 1);
    let refused = |more: &str| node.get(&format!("{ALL}&{more}")).status;
    assert_eq!(refused("endpoint=nobody"), 404);
    assert_eq!([refused("where=%28"), refused("type=a*"), refused("follow=no")], [400; 3]);
}

#[test]
fn headers_and_bodies_come_when_they_are_asked_for() {
    let node = Node::new();
    node.publish("a", "{\"text\":\"two\\nlines\"}");
    let all = sent(&node.get(&format!("{ALL}&content=true")));
    assert_eq!(all[0].2["body"], "{\"text\":\"two\\nlines\"}");
    assert_eq!(all[0].2["headers"], json!([["content-type", "application/json"]]));
}

#[test]
fn what_retention_has_taken_is_told() {
    let node = Node::new();
    let first = node.publish("a", "{}");
    node.publish("a", "{}");
    node.publish("a", "{}");
    let lease = log::Log::claim(&*node.log).unwrap();
    let trim = log::Group { floor: Some(Offset(2)), ..log::Group::default() };
    log::Log::commit(&*node.log, lease, &trim, log::Sync::Now).unwrap();
    let last = format!("last-event-id: {first}");
    let rest = sent(&node.one(request("GET", "/v1/tail?follow=false", &[&node.bearer(), &last])));
    let floor = log::Log::floor(&*node.log).0;
    assert_eq!((&*rest[0].1, &rest[0].2), ("gap", &json!({ "from": 1, "until": floor })));
    assert_eq!(rest.len() as u64, 1 + 3 - floor);
}

#[test]
fn who_comes_back_to_another_log_is_told_and_misses_nothing_of_it() {
    let node = Node::new();
    let ids: Vec<EventId> = (0..3).map(|n| node.publish(&format!("t.{n}"), "{}")).collect();
    let behind = |last: &str| {
        let last = format!("last-event-id: {last}");
        let reply = node.one(request("GET", "/v1/tail?follow=false", &[&node.bearer(), &last]));
        let all = sent(&reply).into_iter().map(|(_, name, data)| match &*name {
            "gap" => name,
            _ => data["eventType"].as_str().unwrap().to_owned(),
        });
        all.collect::<Vec<_>>()
    };
    assert_eq!(behind("start"), ["t.0", "t.1", "t.2"], "what came before all");
    assert_eq!(behind(&ids[1].to_string()), ["t.2"]);
    assert_eq!(behind(&EventId::new(0, Offset(1)).to_string()), ["t.2"], "a place without a time");
    let cut = EventId::new(ids[1].millis() + 7, Offset(1)).to_string();
    assert_eq!(behind(&cut), ["gap", "t.1", "t.2"], "another event has its place");
    let anew = EventId::new(ids[1].millis(), Offset(900)).to_string();
    assert_eq!(behind(&anew), ["gap", "t.0", "t.1", "t.2"], "the log was made anew");
}

#[test]
fn others_see_nothing_of_it() {
    let mut node = Node::new();
    node.publish("a", "{}");
    let other = key(&mut node, Role::Reader(Some(TenantId::new("other"))), u64::MAX);
    let bearer = format!("authorization: Bearer {other}");
    assert_eq!(sent(&node.one(request("GET", ALL, &[&bearer]))).len(), 0);
    assert_eq!(node.one(request("GET", &format!("{ALL}&app=default"), &[&bearer])).status, 404);
}
