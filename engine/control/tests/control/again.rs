use crate::node::{NOW, Node, dead, delivery, tenant};
use event::{AttemptRow, AttemptState, Attempted, Cause, Change, Offset, Outcome};
use log::Group;
use registry::DeclaredEndpoint;
use serde_json::json;
use std::time::Duration;

const APP: &str = "/api/v1/app/default";

/// Five messages a second apart, of which 0, 1 and 3 died at the endpoint `a`; 2 arrived, and 4 is
/// being tried. Message 1 died at `b` too, and 2 arrived at `made`, whose condition now takes none.
fn node() -> Node {
    let node = Node::new();
    let endpoint = |name: &str| DeclaredEndpoint::new(tenant(), name, "https://a.example/in");
    let made = DeclaredEndpoint { condition: Some("data.a = 1".into()), ..endpoint("made") };
    node.declare(vec![endpoint("a"), endpoint("b"), made]);
    let mut group = Group::default();
    for n in 0..5 {
        let id = event::EventId::new(NOW.millis() + n * 1000, Offset(n));
        group.events.push(std::sync::Arc::new(crate::node::event(id, "t", "{}")));
    }
    let (a, b, made) = (node.endpoint("a"), node.endpoint("b"), node.endpoint("made"));
    let outcome = || Outcome::Failed { cause: Cause::Timeout, retry_after: None };
    for (id, n, state) in [
        (a, 0, AttemptState::Dead),
        (a, 1, AttemptState::Dead),
        (b, 1, AttemptState::Dead),
        (a, 2, AttemptState::Delivered),
        (made, 2, AttemptState::Delivered),
        (a, 3, AttemptState::Dead),
        (a, 4, AttemptState::Trouble),
    ] {
        let delivery = delivery(id, Offset(n));
        let attempt = Attempted { number: 1, at: NOW, took: Duration::ZERO, outcome: outcome() };
        group.attempts.push(AttemptRow { delivery, outputs: 1, attempt: Some(attempt), state });
        let row = dead("gave up", 1);
        if state == AttemptState::Dead {
            group.dead.push(Change::Put(delivery, row));
        }
    }
    node.commit(group);
    node
}

fn given(node: &Node) -> Vec<String> {
    node.commands.given.borrow().clone()
}

#[test]
fn dead_letters_of_a_time_are_recovered() {
    let node = node();
    let recover = |body: serde_json::Value| {
        node.send("POST", &format!("{APP}/endpoint/a/recover"), &body.to_string(), &[])
    };
    let reply =
        recover(json!({ "since": "2023-11-14T22:13:21Z", "until": "2023-11-14T22:13:23Z" }));
    assert_eq!(reply.status, 202, "{}", reply.body);
    let told = reply.json();
    assert_eq!((&told["status"], &told["task"]), (&json!("running"), &json!("endpoint.recover")));
    assert!(told["id"].as_str().unwrap().starts_with("qtask_"));
    assert_eq!(given(&node), ["redrive ep1/0@1.0"]);
    node.commands.given.borrow_mut().clear();
    assert_eq!(recover(json!({ "since": "2023-11-14T00:00:00Z" })).status, 202);
    assert_eq!(given(&node), ["redrive ep1/0@0.0", "redrive ep1/0@1.0", "redrive ep1/0@3.0"]);
    let wrong = json!({ "since": "2023-11-14T00:00:01Z", "until": "2023-11-14T00:00:00Z" });
    for (body, member) in [(json!({ "since": "now" }), "since"), (wrong, "until")] {
        let reply = recover(body);
        assert_eq!((reply.status, &reply.json()["detail"][0]["loc"][1]), (422, &json!(member)));
    }
}

#[test]
fn a_message_is_sent_again_where_it_died() {
    let node = node();
    let ids: Vec<String> = {
        let page = node.get(&format!("{APP}/msg")).json();
        let ids = page["data"].as_array().unwrap().iter().rev();
        ids.map(|message| message["id"].as_str().unwrap().to_owned()).collect()
    };
    let resend = |n: usize, endpoint: &str| {
        node.post(&format!("{APP}/msg/{}/endpoint/{endpoint}/resend", ids[n])).status
    };
    assert_eq!(resend(1, "b"), 202);
    assert_eq!(given(&node), ["redrive ep2/0@1.0"]);
    node.commands.given.borrow_mut().clear();
    assert_eq!(resend(2, "a"), 202, "it has arrived");
    assert_eq!(resend(4, "a"), 409, "it is being tried");
    assert_eq!(resend(4, "b"), 409, "nothing was sent");
    assert_eq!(resend(2, "made"), 409, "what was sent was another one's");
    assert_eq!(resend(1, "c"), 404);
    assert_eq!(node.post(&format!("{APP}/msg/evt_x/endpoint/a/resend")).status, 404);
    assert_eq!(given(&node), ["resend @2 to ep1"]);
    *node.commands.answer.borrow_mut() = Some(control::Denied::NotFound);
    assert_eq!(resend(2, "a"), 409, "the road knows better");
}

#[test]
fn what_was_never_sent_is_looked_for_in_a_time() {
    let node = node();
    let replay = |endpoint: &str, body: serde_json::Value| {
        let path = format!("{APP}/endpoint/{endpoint}/replay-missing");
        node.send("POST", &path, &body.to_string(), &[])
    };
    let reply =
        replay("a", json!({ "since": "2023-11-14T22:13:21Z", "until": "2023-11-14T22:13:23Z" }));
    assert_eq!(reply.status, 202, "{}", reply.body);
    let told = reply.json();
    assert_eq!((&told["status"], &told["task"]), (&json!("running"), &json!("endpoint.replay")));
    assert!(told["id"].as_str().unwrap().starts_with("qtask_"));
    assert!(told["updatedAt"].is_string());
    assert_eq!(replay("b", json!({ "since": "2023-11-14T00:00:00Z" })).status, 202);
    assert_eq!(given(&node), ["search @1..@3 for ep1", "search @0..@5 for ep2"]);
    assert_eq!(replay("c", json!({ "since": "2023-11-14T00:00:00Z" })).status, 404);
    let wrong = json!({ "since": "2023-11-14T00:00:01Z", "until": "2023-11-14T00:00:00Z" });
    for (body, member) in [(json!({ "since": "now" }), "since"), (wrong, "until")] {
        let reply = replay("a", body);
        assert_eq!((reply.status, &reply.json()["detail"][0]["loc"][1]), (422, &json!(member)));
    }
    *node.commands.answer.borrow_mut() = Some(control::Denied::TooMany);
    assert_eq!(replay("a", json!({ "since": "2023-11-14T00:00:00Z" })).status, 409);
}
