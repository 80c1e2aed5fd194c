use crate::node::Node;
use control::Denied;

#[test]
fn commands_reach_the_road() {
    let node = Node::new();
    let reply = node.post("/v1/admin/reload");
    let expected = serde_json::json!({ "changes": 3, "needsRestart": ["server.listen"] });
    assert_eq!((reply.status, reply.json()), (200, expected));
    let reply = node.post("/v1/dead-letter/dl_7-0-1042-3/redrive");
    assert_eq!((reply.status, &reply.json()["id"]), (202, &"dl_7-0-1042-3".into()));
    let reply = node.post("/v1/dead-letter/dl_7-2-1042-0/purge/");
    assert_eq!((reply.status, &*reply.body), (204, ""));
    let given = node.commands.given.borrow();
    assert_eq!(*given, ["reload", "redrive ep7/0@1042.3", "purge ep7/2@1042.0"]);
}

#[test]
fn what_was_denied_says_why() {
    let node = Node::new();
    for (denied, status, code) in [
        (Denied::NotFound, 404, "not_found"),
        (Denied::Stale, 409, "conflict"),
        (Denied::Rejected("line 3: unknown key `sorce`".into()), 422, "rejected"),
        (Denied::Busy, 503, "busy"),
        (Denied::Stopping, 503, "stopping"),
    ] {
        *node.commands.answer.borrow_mut() = Some(denied.clone());
        for path in ["/v1/admin/reload", "/v1/dead-letter/dl_7-0-1-0/redrive"] {
            let reply = node.post(path);
            assert_eq!((reply.status, reply.json()["code"].as_str()), (status, Some(code)));
            assert_eq!(reply.json()["status"], status);
            assert_eq!(reply.headers.contains_key("retry-after"), status == 503);
            if let Denied::Rejected(why) = &denied {
                assert_eq!(reply.json()["detail"], why.as_str());
            }
        }
    }
}

#[test]
fn a_reading_that_nobody_runs_is_told_as_busy() {
    let mut node = Node::new();
    node.reads = false;
    assert_eq!(node.get("/v1/dead-letter").status, 503);
    let metrics = node.get("/metrics");
    assert_eq!(metrics.status, 200, "what was counted is told all the same");
    assert!(!metrics.body.contains("forebay_dead_letters"), "not known is not zero");
}
