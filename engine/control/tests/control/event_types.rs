use crate::node::{Node, key, request, tenant, with_body};
use control::Role;
use log::Log;
use serde_json::json;

const TYPES: &str = "/api/v1/event-type";

fn create(node: &Node, name: &str) -> u16 {
    let body =
        json!({ "name": name, "description": "d", "schemas": { "1": { "type": "object" } } });
    node.send("POST", TYPES, &body.to_string(), &[]).status
}

fn names(node: &Node, query: &str) -> Vec<String> {
    let page = node.get(&format!("{TYPES}?{query}")).json();
    let all = page["data"].as_array().unwrap().iter();
    all.map(|found| found["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_event_type_lives_its_life() {
    let node = Node::new();
    assert_eq!(create(&node, "user.signup"), 201);
    assert_eq!(create(&node, "user.signup"), 409);
    let path = format!("{TYPES}/user.signup");
    let shown = node.get(&path).json();
    let expected = json!({
        "name": "user.signup", "description": "d", "archived": false, "deprecated": false,
        "schemas": { "1": { "type": "object" } }, "enforcedSchema": null,
        "groupName": null, "featureFlag": null,
        "featureFlags": null, "createdAt": "2023-11-14T22:13:20Z",
        "updatedAt": "2023-11-14T22:13:20Z",
    });
    assert_eq!(shown, expected);
    let patch = r#"{"schemas":null,"groupName":"user","deprecated":true}"#;
    let patched = node.send("PATCH", &path, patch, &[]).json();
    let members = ["schemas", "groupName", "deprecated", "description"];
    let told: Vec<_> = members.iter().map(|member| patched[member].clone()).collect();
    assert_eq!(json!(told), json!([null, "user", true, "d"]));
    let put = node.send("PUT", &path, r#"{"description":"e"}"#, &[]);
    assert_eq!((put.status, &put.json()["groupName"]), (200, &json!(null)));
    let put = node.send("PUT", &format!("{TYPES}/other"), r#"{"description":"o"}"#, &[]);
    assert_eq!(put.status, 201);
    assert_eq!(
        node.send("PUT", &format!("{TYPES}/a%20b"), r#"{"description":"o"}"#, &[]).status,
        404
    );
    let long = json!({ "description": "x".repeat(16_385) }).to_string();
    let refused = node.send("PATCH", &path, &long, &[]);
    assert_eq!(
        (refused.status, &refused.json()["detail"][0]["loc"][1]),
        (422, &json!("description"))
    );
}

#[test]
fn what_is_archived_comes_back_and_what_is_expunged_is_gone() {
    let node = Node::new();
    for name in ["a", "b", "c"] {
        create(&node, name);
    }
    let delete = |path: &str| {
        node.one(request("DELETE", &format!("{TYPES}/{path}"), &[&node.bearer()])).status
    };
    assert_eq!(delete("b"), 204);
    assert_eq!(names(&node, ""), ["a", "c"]);
    assert_eq!(names(&node, "include_archived=true"), ["a", "b", "c"]);
    assert_eq!(node.get(&format!("{TYPES}/b")).json()["archived"], true);
    assert_eq!(create(&node, "b"), 201, "an archived one is taken up again");
    assert_eq!(names(&node, "order=descending&limit=2"), ["c", "b"]);
    assert_eq!(delete("b?expunge=true"), 204);
    assert_eq!(delete("b"), 404);
    assert_eq!(names(&node, "include_archived=true&iterator=a"), ["c"]);
    let schemas =
        |query: &str| node.get(&format!("{TYPES}?{query}")).json()["data"][0]["schemas"].clone();
    assert_eq!(
        (schemas(""), schemas("with_content=true")["1"]["type"].clone()),
        (json!(null), json!("object"))
    );
}

#[test]
fn whoever_has_a_key_reads_and_admins_write() {
    let mut node = Node::new();
    create(&node, "a");
    let bearer =
        format!("authorization: Bearer {}", key(&mut node, Role::Manager(tenant()), u64::MAX));
    assert_eq!(node.one(request("GET", TYPES, &[&bearer])).status, 200);
    let body = r#"{"name":"b","description":""}"#;
    assert_eq!(node.one(with_body("POST", TYPES, body, &[&bearer])).status, 403);
}

fn strict(node: &Node) {
    let schema = json!({ "required": ["n"], "properties": { "n": { "type": "integer" } } });
    let body = json!({
        "name": "strict", "description": "", "schemas": { "1": {}, "2": schema },
        "enforcedSchema": "2",
    });
    assert_eq!(node.send("POST", TYPES, &body.to_string(), &[]).status, 201);
}

#[test]
fn messages_are_held_to_the_schema_that_is_enforced() {
    let node = Node::new();
    strict(&node);
    let publish = |event_type: &str, payload: &str| {
        let body = format!(r#"{{"eventType":"{event_type}","payload":{payload}}}"#);
        node.send("POST", "/api/v1/app/default/msg", &body, &[])
    };
    assert_eq!(publish("strict", r#"{"n":1}"#).status, 202);
    let refused = publish("strict", r#"{"n":"x"}"#);
    let detail = refused.json()["detail"][0].clone();
    assert_eq!(refused.status, 422);
    assert_eq!(detail["loc"], json!(["body", "payload", "n"]));
    assert_eq!(detail["type"], "value_error.schema");
    assert_eq!(publish("strict", "{}").json()["detail"][0]["loc"], json!(["body", "payload"]));
    assert_eq!(publish("other", "{}").status, 202);
    let path = format!("{TYPES}/strict");
    // What an older client puts does not say anything of it, and takes no schema away from it.
    let put = r#"{"description":"e","schemas":{"2":{"required":["m"]}}}"#;
    assert_eq!(node.send("PUT", &path, put, &[]).json()["enforcedSchema"], "2");
    assert_eq!(
        (publish("strict", r#"{"n":1}"#).status, publish("strict", r#"{"m":1}"#).status),
        (422, 202)
    );
    assert_eq!(node.send("PUT", &path, r#"{"description":"e"}"#, &[]).status, 422);
    node.send("PATCH", &path, r#"{"enforcedSchema":null}"#, &[]);
    assert_eq!(publish("strict", "{}").status, 202);
}

#[test]
fn a_schema_that_cannot_be_kept_to_is_not_enforced() {
    let node = Node::new();
    for (schemas, enforced, place) in [
        (json!({ "1": { "type": "nonsense" } }), "1", json!(["body", "schemas", "1"])),
        (json!({ "1": { "$ref": "file:///etc/passwd" } }), "1", json!(["body", "schemas", "1"])),
        (json!({ "1": {} }), "2", json!(["body", "enforcedSchema"])),
        (json!(null), "1", json!(["body", "enforcedSchema"])),
    ] {
        let body = json!({
            "name": "a", "description": "", "schemas": schemas, "enforcedSchema": enforced,
        });
        let reply = node.send("POST", TYPES, &body.to_string(), &[]);
        assert_eq!((reply.status, &reply.json()["detail"][0]["loc"]), (422, &place));
    }
    assert_eq!(create(&node, "a"), 201, "what is not enforced is kept as it is");
}

#[test]
fn a_payload_is_checked_without_being_sent() {
    let node = Node::new();
    strict(&node);
    let check = |query: &str, payload: &str| {
        node.send("POST", &format!("/v1/event-type/strict/check{query}"), payload, &[]).json()
    };
    assert_eq!(check("", r#"{"n":1}"#), json!({ "isValid": true, "version": "2", "errors": [] }));
    let told = check("", r#"{"n":"x"}"#);
    assert_eq!((&told["isValid"], &told["errors"][0]["at"]), (&json!(false), &json!("/n")));
    assert_eq!(check("?version=1", "{}")["isValid"], true);
    assert_eq!(check("?version=3", "{}")["status"], 404);
    assert_eq!(node.log.head(), event::Offset::ZERO);
    assert_eq!(node.send("POST", "/v1/event-type/none/check", "{}", &[]).status, 404);
}
