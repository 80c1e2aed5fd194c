use crate::node::{Node, key, request, tenant};
use control::{ControlLimits, Role};
use std::time::Duration;

const REDRIVE: &str = "/v1/dead-letter/dl_1-0-0-0/redrive";

fn post(node: &Node, path: &str, lines: &[&str], body: &str) -> String {
    let length = format!("content-length: {}", body.len());
    let mut all = vec![length.as_str()];
    let bearer = node.bearer();
    all.push(&bearer);
    all.extend(lines);
    request("POST", path, &all) + body
}

#[test]
fn a_body_is_bounded_in_bytes_and_in_time() {
    let mut node = Node::new();
    node.limits.body_bytes_max = 10;
    node.limits.body_timeout = Duration::from_millis(50);
    let ten = post(&node, REDRIVE, &[], "0123456789");
    let eleven = post(&node, REDRIVE, &[], "01234567890");
    let chunked = ["transfer-encoding: chunked", &node.bearer()].map(str::to_owned);
    let chunked = request("POST", REDRIVE, &chunked.each_ref().map(|line| &**line));
    let in_pieces = format!("{chunked}8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n");
    let slow = request("POST", REDRIVE, &["content-length: 5", &node.bearer()]) + "0123";
    let statuses = [ten, eleven, in_pieces, slow].map(|request| node.one(request).status);
    assert_eq!(statuses, [202, 413, 413, 408]);
    assert_eq!(node.commands.given.borrow().len(), 1);
}

#[test]
fn a_body_that_may_not_come_is_not_waited_for() {
    let node = Node::new();
    let announced = request("POST", REDRIVE, &["content-length: 1000000000"]);
    assert_eq!(node.one(announced).status, 401);
}

#[test]
fn a_repeat_with_its_key_is_answered_once() {
    let node = Node::new();
    let line = "idempotency-key: a";
    let other_path = "/v1/dead-letter/dl_2-0-0-0/redrive";
    let replies = node.ask(&[
        post(&node, REDRIVE, &[line], ""),
        post(&node, REDRIVE, &[line], ""),
        post(&node, REDRIVE, &[line], "x"),
        post(&node, other_path, &[line], ""),
        post(&node, REDRIVE, &["idempotency-key: b"], ""),
        post(&node, REDRIVE, &[], ""),
        post(&node, "/v1/dead-letter/dl_1-0-0-0/purge", &[line], ""),
        post(&node, REDRIVE, &["idempotency-key: "], ""),
        post(&node, REDRIVE, &[&format!("idempotency-key: {}", "k".repeat(257))], ""),
    ]);
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [202, 202, 409, 409, 202, 202, 204, 400, 400]);
    assert_eq!(replies[0].body, replies[1].body);
    assert_ne!(replies[0].headers["x-request-id"], replies[1].headers["x-request-id"]);
    let given = node.commands.given.borrow();
    assert_eq!(given.iter().filter(|order| order.starts_with("redrive")).count(), 3);
}

#[test]
fn a_key_that_failed_is_not_kept() {
    let node = Node::new();
    *node.commands.answer.borrow_mut() = Some(control::Denied::Busy);
    let again = || post(&node, REDRIVE, &["idempotency-key: a"], "");
    let statuses: Vec<u16> = node.ask(&[again(), again()]).iter().map(|r| r.status).collect();
    assert_eq!(statuses, [503, 503]);
    assert_eq!(node.commands.given.borrow().len(), 2, "each was tried");
}

#[test]
fn whoever_shows_wrong_keys_has_to_wait() {
    let mut node = Node::new();
    node.key = "sixteen-letters!".into();
    node.limits = ControlLimits::default();
    let wrong = || request("GET", "/v1/dead-letter", &["authorization: Bearer x"]);
    let right = || request("GET", "/v1/dead-letter", &[&node.bearer()]);
    let without = request("GET", "/v1/dead-letter", &[]);
    let mut requests = vec![without; 20];
    requests.push(right());
    requests.extend((0..10).map(|_| wrong()));
    requests.extend([wrong(), right(), request("GET", "/livez", &[&node.bearer()])]);
    let replies = node.ask(&requests);
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses[..20], [401; 20], "no key is no guess");
    assert_eq!(statuses[20], 200);
    assert_eq!(statuses[21..31], [401; 10]);
    assert_eq!(statuses[31..], [429, 429, 200]);
    let wait: u64 = replies[31].headers["retry-after"].parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
}

#[test]
fn a_key_ends_when_it_expires_and_opens_what_its_role_may() {
    let mut node = Node::new();
    let now = crate::node::NOW.secs();
    let live = key(&mut node, Role::Reader(None), now + 1);
    let over = key(&mut node, Role::Reader(None), now);
    let bound = key(&mut node, Role::Manager(tenant()), now + 1);
    let mut other_secret = live.clone();
    other_secret.replace_range(live.len() - 1.., "t");
    let with = |token: &str, method: &str, path: &str| {
        let bearer = format!("authorization: Bearer {token}");
        node.one(request(method, path, &[&bearer])).status
    };
    assert_eq!(with(&live, "GET", "/v1/dead-letter"), 200);
    assert_eq!(with(&over, "GET", "/v1/dead-letter"), 401);
    assert_eq!(with(&other_secret, "GET", "/v1/dead-letter"), 401);
    assert_eq!(with(&live, "POST", REDRIVE), 403);
    assert_eq!(with(&bound, "GET", "/v1/dead-letter"), 403);
    assert!(node.commands.given.borrow().is_empty());
}

#[test]
fn problems_have_the_form_of_their_api() {
    let node = Node::new();
    let ours = node.get("/v1/nothing");
    assert_eq!((ours.status, &*ours.headers["content-type"]), (404, "application/problem+json"));
    let svix = node.get("/api/v1/nothing");
    assert_eq!((svix.status, &*svix.headers["content-type"]), (404, "application/json"));
    let expected = serde_json::json!({ "code": "not_found", "detail": "there is no such path" });
    assert_eq!(svix.json(), expected);
}
