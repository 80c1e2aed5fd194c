use crate::node::{Node, request};
use control::Phase;

#[test]
fn the_notice_lets_nothing_in() {
    let reply = Node::new().one(request("GET", "/", &[]));
    assert_eq!(reply.headers["content-type"], "text/html; charset=utf-8");
    let policy = &reply.headers["content-security-policy"];
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(reply.body.contains("<h1>Forebay 1.2.3</h1>") && !reply.body.contains("<script"));
}

#[test]
fn a_node_is_ready_when_nothing_keeps_it_from_taking_events() {
    let node = Node::new();
    let ask = || node.one(request("GET", "/readyz", &[]));
    let ready = ask();
    assert_eq!((ready.status, &ready.json()["durability"]), (200, &"fsync".into()));

    node.health.disk_is_below_floor(true);
    node.health.storage_refuses(true);
    node.health.enter(Phase::Stopping);
    let reply = ask();
    assert_eq!(reply.status, 503);
    assert_eq!(reply.headers["content-type"], "application/problem+json");
    let expected = serde_json::json!(["stopping", "storage", "disk_floor"]);
    assert_eq!(reply.json()["reasons"], expected);
    assert!(reply.json()["detail"].as_str().unwrap().contains("the node is stopping"));
    assert_eq!(node.one(request("GET", "/livez", &[])).status, 200, "it lives all the same");

    node.health.disk_is_below_floor(false);
    node.health.storage_refuses(false);
    node.health.enter(Phase::Starting);
    assert_eq!(ask().json()["reasons"], serde_json::json!(["starting"]));
    node.health.enter(Phase::Serving);
    assert_eq!(ask().status, 200);
}

#[test]
fn every_answer_bears_an_id_and_is_not_sniffed_or_kept() {
    let node = Node::new();
    for path in ["/", "/livez", "/metrics", "/nowhere", "/v1/dead-letter"] {
        let reply = node.one(request("GET", path, &[]));
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
        assert_eq!(reply.headers["cache-control"], "no-store");
        let id = &reply.headers["x-request-id"];
        assert!(id.starts_with("req_") && id.len() == 36, "{id}");
    }
}

#[test]
fn a_request_keeps_an_id_that_may_stand_in_a_log() {
    let node = Node::new();
    let given = |id: &str| {
        let line = format!("x-request-id: {id}");
        node.one(request("GET", "/livez", &[&line])).headers["x-request-id"].clone()
    };
    assert_eq!(given("a.b_c:D-1"), "a.b_c:D-1");
    assert!(given("two words").starts_with("req_"));
    assert!(given("a;b=\"c\"").starts_with("req_"));
    assert!(given(&"x".repeat(129)).starts_with("req_"));
}

#[test]
fn a_backup_that_breaks_off_is_no_whole_answer() {
    let node = Node::new();
    let whole = node.get("/v1/backup");
    assert_eq!((whole.status, &*whole.headers["content-type"]), (200, "application/x-tar"));
    assert!(whole.body.contains("one ") && whole.body.ends_with("\r\n0\r\n\r\n"), "{}", whole.body);
    let broken = node.get("/v1/backup?keys=false");
    assert!(!broken.body.contains("\r\n0\r\n"), "{}", broken.body);
}
