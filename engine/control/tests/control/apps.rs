use crate::node::{Node, key, request, with_body};
use control::Role;
use event::TenantId;
use log::Log as _;
use registry::Declared;
use serde_json::{Value, json};

const APPS: &str = "/api/v1/app";

fn create(node: &Node, body: Value) -> Value {
    let reply = node.send("POST", APPS, &body.to_string(), &[]);
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.json()
}

#[test]
fn an_application_lives_its_life() {
    let node = Node::new();
    let made = create(&node, json!({ "name": "Shop", "uid": "shop-1", "metadata": { "a": "b" } }));
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("app_") && id.len() == 26, "{id}");
    assert_eq!(made["createdAt"], "2023-11-14T22:13:20Z");
    for name in [id, "shop-1"] {
        assert_eq!(node.get(&format!("{APPS}/{name}")).json(), made);
    }
    let path = format!("{APPS}/shop-1");
    let patched = node.send("PATCH", &path, r#"{"name":"Store","throttleRate":5}"#, &[]).json();
    assert_eq!((&patched["name"], &patched["uid"]), (&json!("Store"), &json!("shop-1")));
    assert_eq!((&patched["throttleRate"], &patched["metadata"]["a"]), (&json!(5), &json!("b")));
    let put = node.send("PUT", &path, r#"{"name":"Last"}"#, &[]).json();
    assert_eq!((&put["uid"], &put["metadata"], &put["id"]), (&json!(null), &json!({}), &json!(id)));
    assert_eq!(node.get(&path).status, 404, "the uid is free again");
    let gone = node.one(request("DELETE", &format!("{APPS}/{id}"), &[&node.bearer()]));
    assert_eq!((gone.status, &*gone.body), (204, ""));
    assert_eq!(node.get(&format!("{APPS}/{id}")).status, 404);
}

#[test]
fn a_uid_is_given_once() {
    let node = Node::new();
    let first = create(&node, json!({ "name": "a", "uid": "u" }));
    let other = create(&node, json!({ "name": "b" }));
    let again = node.send("POST", APPS, r#"{"name":"c","uid":"u"}"#, &[]);
    assert_eq!((again.status, &again.json()["code"]), (409, &json!("conflict")));
    let get =
        node.send("POST", &format!("{APPS}?get_if_exists=true"), r#"{"name":"c","uid":"u"}"#, &[]);
    assert_eq!((get.status, get.json()), (200, first));
    let path = format!("{APPS}/{}", other["id"].as_str().unwrap());
    assert_eq!(node.send("PATCH", &path, r#"{"uid":"u"}"#, &[]).status, 409);
    let put = node.send("PUT", &format!("{APPS}/new"), r#"{"name":"n"}"#, &[]);
    assert_eq!((put.status, &put.json()["uid"]), (201, &json!("new")));
}

#[test]
fn no_uid_is_the_id_of_a_removed_application_of_which_events_may_be_left() {
    let node = Node::new();
    let declare = |tenants: Vec<TenantId>| {
        let mut history = node.history.borrow_mut();
        let declared = Declared { tenants, ..Declared::default() };
        let set = history.latest().diff(&declared).unwrap();
        history.apply(set, node.log.head()).unwrap();
    };
    let tries = || {
        let body = r#"{"name":"n","uid":"shop"}"#;
        let at = |method, path: &str| node.send(method, &format!("{APPS}{path}"), body, &[]);
        [at("PUT", "/own"), at("PUT", "/shop"), at("POST", "?get_if_exists=true"), at("POST", "")]
    };
    declare(vec![TenantId::new("shop")]);
    node.publish("t", "{}");
    create(&node, json!({ "name": "n", "uid": "own" }));
    declare(Vec::new());
    for refused in tries() {
        assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("conflict")));
        assert!(refused.body.contains("take another uid"), "{}", refused.body);
    }
    let renamed = node.send("PUT", &format!("{APPS}/own"), r#"{"name":"m","uid":"own"}"#, &[]);
    assert_eq!(renamed.status, 200, "it keeps its own: {}", renamed.body);
    node.history.borrow_mut().forget_below(node.log.head());
    assert_eq!(tries().map(|reply| reply.status), [200, 200, 200, 409]);
}

#[test]
fn what_is_wrong_with_a_body_is_told_by_its_place() {
    let node = Node::new();
    let place = |body: &str| {
        let reply = node.send("POST", APPS, body, &[]);
        assert_eq!(reply.status, 422, "{}", reply.body);
        reply.json()["detail"][0]["loc"].clone()
    };
    assert_eq!(place(r#"{"name":""}"#), json!(["body", "name"]));
    assert_eq!(place(r#"{"name":"a","uid":"a b"}"#), json!(["body", "uid"]));
    assert_eq!(place(r#"{"name":"a","uid":"app_1"}"#), json!(["body", "uid"]));
    assert_eq!(place(r#"{"name":"a","uid":".."}"#), json!(["body", "uid"]));
    assert_eq!(place(r#"{"name":"a","throttleRate":0}"#), json!(["body", "throttleRate"]));
    assert_eq!(place(r#"{"name":"a","metadata":{"x":1}}"#), json!(["body", "metadata", "x"]));
    assert_eq!(place(r#"{"nam":"a"}"#), json!(["body", "nam"]));
    assert_eq!(place("{"), json!(["body"]));
    assert_eq!(node.get(APPS).json()["data"], json!([]), "nothing was made");
}

#[test]
fn a_change_is_held_to_the_version_that_its_sender_saw() {
    let node = Node::new();
    let made = node.send("POST", APPS, r#"{"name":"a","uid":"u"}"#, &[]);
    let seen = format!("if-match: {}", made.headers["etag"]);
    let path = format!("{APPS}/u");
    assert_eq!(node.send("PATCH", &path, r#"{"name":"b"}"#, &[&seen]).status, 200);
    assert_eq!(node.send("PATCH", &path, r#"{"name":"c"}"#, &[&seen]).status, 412);
    assert_eq!(node.get(&path).json()["name"], "b");
}

#[test]
fn whoever_is_bound_to_an_application_lists_it_alone() {
    let mut node = Node::new();
    let (a, b) = (create(&node, json!({ "name": "a" })), create(&node, json!({ "name": "b" })));
    assert_eq!(node.get(APPS).json()["data"].as_array().unwrap().len(), 2);
    let own = || TenantId::new(b["id"].as_str().unwrap());
    let manager = key(&mut node, Role::Manager(own()), u64::MAX);
    let bearer = format!("authorization: Bearer {manager}");
    let page = node.one(request("GET", APPS, &[&bearer])).json();
    assert_eq!((&page["data"], &page["done"]), (&json!([b]), &json!(true)));
    let other = format!("{APPS}/{}", a["id"].as_str().unwrap());
    for method in ["GET", "DELETE"] {
        assert_eq!(node.one(request(method, &other, &[&bearer])).status, 404, "{method}");
    }
    for role in [Role::portal(own()), Role::Producer { tenant: own(), types: None }] {
        let bearer = format!("authorization: Bearer {}", key(&mut node, role, u64::MAX));
        assert_eq!(node.one(request("GET", APPS, &[&bearer])).status, 403, "notes are not theirs");
    }
    let refused = node.one(with_body("POST", APPS, r#"{"name":"c"}"#, &[&bearer]));
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("insufficient_access")));
}

#[test]
fn an_application_gets_its_uid_of_an_admin_alone() {
    let mut node = Node::new();
    let own = create(&node, json!({ "name": "a", "uid": "mine" }));
    let path = format!("{APPS}/{}", own["id"].as_str().unwrap());
    let manager =
        key(&mut node, Role::Manager(TenantId::new(own["id"].as_str().unwrap())), u64::MAX);
    let bearer = format!("authorization: Bearer {manager}");
    let patch = |body: &str| node.one(with_body("PATCH", &path, body, &[&bearer])).status;
    assert_eq!(patch(r#"{"uid":"another"}"#), 403);
    assert_eq!(patch(r#"{"uid":null}"#), 403);
    assert_eq!(patch(r#"{"uid":"mine","name":"b"}"#), 200);
    let put = |body: &str| node.one(with_body("PUT", &path, body, &[&bearer])).status;
    assert_eq!([put(r#"{"name":"c"}"#), put(r#"{"name":"c","uid":"other"}"#)], [200, 403]);
    assert_eq!(node.get(&path).json()["uid"], "mine");
    assert_eq!(node.send("PATCH", &path, r#"{"uid":"default"}"#, &[]).status, 422);
    assert_eq!(node.send("PATCH", &path, r#"{"uid":"another"}"#, &[]).status, 200);
}

#[test]
fn the_default_application_is_always_there() {
    let node = Node::new();
    let path = format!("{APPS}/default");
    let before = node.get(&path);
    assert_eq!((before.status, before.json()["name"].as_str().unwrap()), (200, "default"));
    let seen = format!("if-match: {}", before.headers["etag"]);
    assert_eq!(node.send("PUT", &path, r#"{"name":"Ours"}"#, &[&seen]).status, 200);
    assert_eq!(node.get(&path).json()["name"], "Ours");
    assert_eq!(node.send("PUT", &path, r#"{"name":"Mine"}"#, &[&seen]).status, 412);
    assert_eq!(node.get(APPS).json()["data"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_not_there_is_not_made_for_who_knew_a_version_of_it() {
    let node = Node::new();
    let url = r#"{"url":"https://example.com/"}"#;
    for (path, body) in [
        ("/api/v1/app/new", r#"{"name":"n"}"#),
        ("/api/v1/app/default/endpoint/new", url),
        ("/api/v1/event-type/new", r#"{"description":"d"}"#),
        ("/v1/filter/new", r#"{"module":"forebay/redact"}"#),
    ] {
        for tag in ["\"0\"", "*"] {
            let put = node.send("PUT", path, body, &[&format!("if-match: {tag}")]);
            assert_eq!(put.status, 412, "{path} {tag}: {}", put.body);
            assert_eq!(node.get(path).status, 404, "{path}");
        }
        let put = node.send("PUT", path, body, &[]);
        assert_eq!(put.status, 201, "{path}: {}", put.body);
    }
    for (path, body) in
        [("/api/v1/app/app_1", r#"{"name":"n"}"#), ("/api/v1/app/default/endpoint/ep_9", url)]
    {
        assert_eq!(
            node.send("PUT", path, body, &[]).status,
            404,
            "{path} is nobody's name to give"
        );
    }
}
