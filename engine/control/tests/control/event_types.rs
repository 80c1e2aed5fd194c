use crate::node::{Node, key, request, tenant, with_body};
use control::Role;
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
        "schemas": { "1": { "type": "object" } }, "groupName": null, "featureFlag": null,
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
