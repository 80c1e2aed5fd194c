use crate::filters::push;
use crate::node::{Node, key};
use control::Role;
use serde_json::{Value, json};

fn listed(node: &Node, query: &str) -> Value {
    let reply = node.get(&format!("/v1/admin/audit{query}"));
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

const APP: &str = "/api/v1/app/default";

#[test]
fn a_change_is_told_with_what_was_before_and_after() {
    let node = Node::new();
    let made = node.send(
        "POST",
        &format!("{APP}/endpoint"),
        r#"{"url":"https://a.example/in","uid":"e"}"#,
        &["x-request-id: r-1"],
    );
    assert_eq!(made.status, 201, "{}", made.body);
    let path = format!("{APP}/endpoint/e");
    let patch = r#"{"description":"two"}"#;
    assert_eq!(node.send("PATCH", &path, patch, &["x-request-id: r-2"]).status, 200);
    assert_eq!(node.send("DELETE", &path, "", &[]).status, 204);
    assert_eq!(node.send("DELETE", &path, "", &[]).status, 404, "what was refused is none");
    let told = listed(&node, "");
    let entry = |n: usize| &told["data"][n];
    assert_eq!(told["data"].as_array().unwrap().len(), 3);
    assert_eq!((&told["done"], &told["iterator"]), (&json!(true), &Value::Null));
    assert_eq!(entry(2)["what"], "v1.endpoint.create");
    assert_eq!(entry(2)["after"]["uid"], "e");
    assert_eq!((&entry(2)["who"], &entry(2)["requestId"]), (&json!("admin"), &json!("r-1")));
    assert_eq!(entry(1)["what"], "v1.endpoint.patch");
    assert_eq!(
        (&entry(1)["before"]["description"], &entry(1)["requestId"]),
        (&json!(""), &json!("r-2"))
    );
    assert_eq!(entry(1)["after"]["description"], "two");
    assert_eq!(
        (&entry(0)["before"]["description"], &entry(0)["after"]),
        (&json!("two"), &Value::Null)
    );
    assert_eq!(entry(0)["path"], path);
}

#[test]
fn no_secret_is_in_it_and_a_key_is_told_by_its_name() {
    let mut node = Node::new();
    let made = node.send("POST", "/v1/key", r#"{"name":"shop","role":"admin"}"#, &[]);
    assert_eq!(made.status, 201, "{}", made.body);
    let (token, id) = (made.json()["token"].clone(), made.json()["id"].clone());
    let line = format!("authorization: Bearer {}", token.as_str().unwrap());
    let body = r#"{"url":"https://a.example/in"}"#;
    let request = crate::node::with_body("POST", &format!("{APP}/endpoint"), body, &[&line]);
    assert_eq!(node.one(request).status, 201);
    node.send("POST", &format!("{APP}/endpoint/ep_1/secret/rotate"), r#"{"key":null}"#, &[]);
    let told = listed(&node, "");
    assert_eq!((&told["data"][1]["who"], &told["data"][1]["name"]), (&id, &json!("shop")));
    let all = node.changes.borrow().join("\n");
    assert!(!all.contains(token.as_str().unwrap()) && !all.contains("whsec_"), "{all}");
    let reader = key(&mut node, Role::Reader(None), u64::MAX);
    let line = format!("authorization: Bearer {reader}");
    let request = crate::node::request("GET", "/v1/admin/audit", &[&line]);
    assert_eq!(node.one(request).status, 403);
}

#[test]
fn a_wrong_key_is_told_by_its_public_part_and_nobody_fills_the_log_with_them() {
    let mut node = Node::new();
    node.is_loopback = false;
    node.limits.failures_max = 10;
    let secret = "s".repeat(43);
    let wrong = |id: &str, secret: &str| format!("authorization: Bearer fbk_{id}_{secret}");
    let ask = |line: &str| crate::node::request("GET", "/api/v1/app", &[line]);
    let mut requests = vec![ask("authorization: Bearer "), ask(&wrong("AAAAAAAAAA", &secret))];
    requests.extend((0..30).map(|_| ask(&wrong("BBBBBBBBBB", &secret))));
    requests.push(ask("authorization: Bearer hunter2"));
    let statuses: Vec<u16> = node.ask(&requests).iter().map(|reply| reply.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 23);
    let told = listed(&node, "");
    let entries = told["data"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "the first, and the one that shuts it out: {told}");
    let [last, first] = [&entries[0], &entries[1]];
    for entry in [last, first] {
        assert_eq!((&entry["what"], &entry["status"]), (&json!("key.refused"), &json!(401)));
        assert_eq!(
            (&entry["who"], &entry["after"]["address"]),
            (&Value::Null, &json!("127.0.0.1"))
        );
    }
    let of = |entry: &Value| {
        let after = &entry["after"];
        (after["key"].clone(), after["shutOut"].clone(), after["untold"].clone())
    };
    assert_eq!(of(first), (json!("AAAAAAAAAA"), json!(false), json!(0)));
    assert_eq!(of(last), (json!("BBBBBBBBBB"), json!(true), json!(7)));
    assert!(!node.changes.borrow().join("\n").contains(&secret));
    // What `api/refusals.rs` counts on; an address of IPv6 has 30 letters more.
    assert!(node.changes.borrow().iter().all(|line| line.len() < 270));

    let node = Node::new();
    assert_eq!(node.one(ask("authorization: Bearer hunter2")).status, 401);
    let kept = node.changes.borrow().join("\n");
    assert!(kept.contains(r#""key":null"#) && !kept.contains("hunter2"), "{kept}");
}

#[test]
fn a_long_script_hides_no_other_change_of_its_endpoint() {
    let node = Node::new();
    let code = format!("function handler(webhook) {{ return webhook; }} // {}", "x".repeat(20_000));
    let variables = json!({ "long": "y".repeat(15_000) });
    let script = json!({ "code": code, "variables": variables });
    let new = json!({ "url": "https://a.example/1", "uid": "e", "transformation": script });
    let made = node.send("POST", &format!("{APP}/endpoint"), &new.to_string(), &[]);
    assert_eq!(made.status, 201, "{}", made.body);
    let path = format!("{APP}/endpoint/e");
    let moved = r#"{"url":"https://a.example/2"}"#;
    assert_eq!(node.send("PATCH", &path, moved, &[]).status, 200);
    let off = r#"{"enabled":false}"#;
    assert_eq!(node.send("PATCH", &format!("{path}/transformation"), off, &[]).status, 204);

    let told = listed(&node, "");
    let entry = &told["data"][1];
    let urls = (&entry["before"]["url"], &entry["after"]["url"]);
    assert_eq!(urls, (&json!("https://a.example/1"), &json!("https://a.example/2")));
    let kept = &entry["after"]["transformation"];
    assert_eq!(kept["code"]["bytes"], code.len());
    assert_eq!(kept["code"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(kept["variables"]["bytes"], variables.to_string().len());
    // Of the script alone, too.
    let (before, after) = (&told["data"][0]["before"], &told["data"][0]["after"]);
    assert_eq!((&before["enabled"], &after["enabled"]), (&json!(true), &json!(false)));
    assert_eq!(before["code"], kept["code"]);
}

#[test]
fn a_message_is_told_by_its_id_whatever_its_sender_calls_it() {
    let node = Node::new();
    let body = r#"{"eventType":"a","eventId":"marker-of.a.sender","payload":{}}"#;
    let made = node.send("POST", &format!("{APP}/msg"), body, &[]);
    assert_eq!(made.status, 202, "{}", made.body);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    for name in ["marker-of.a.sender", "marker%2Dof.a.sender", &*id] {
        let path = format!("{APP}/msg/{name}/content");
        assert_eq!(node.send("DELETE", &path, "", &[]).status, 204, "{name}");
    }
    let told = listed(&node, "");
    assert_eq!(told["data"].as_array().unwrap().len(), 3);
    for entry in told["data"].as_array().unwrap() {
        assert_eq!(entry["path"], format!("{APP}/msg/{id}/content"));
    }
    assert!(!node.changes.borrow().join("\n").contains("marker"));
}

#[test]
fn a_module_that_comes_into_force_nowhere_is_not_told_as_pushed() {
    let node = Node::new();
    let path = "/v1/filter/f/version";
    assert_eq!(push(&node, &format!("{path}?stage=true"), "\0asm", &[]).status, 202);
    assert_eq!(push(&node, path, "\0asm", &[]).status, 201);
    let told = listed(&node, "");
    let (pushed, staged) = (&told["data"][0], &told["data"][1]);
    assert_eq!((&pushed["what"], &pushed["path"]), (&json!("filter.push"), &json!(path)));
    assert_eq!((&staged["what"], &staged["path"]), (&json!("filter.stage"), &json!(path)));
    assert_eq!(staged["after"], json!({ "module": pushed["after"]["module"] }));
}

#[test]
fn an_erasure_of_many_steps_is_one_change() {
    let full = || {
        let node = Node::new();
        for n in 0..3_000 {
            node.publish("order.paid", &n.to_string());
        }
        node
    };
    let bodies = |iterators: &[Value]| -> Vec<String> {
        let body = |next: &Value| json!({ "everything": true, "iterator": next }).to_string();
        iterators.iter().map(body).collect()
    };
    // What each step gives, told by a node that forgets what it gave.
    let (node, mut given) = (full(), vec![Value::Null]);
    loop {
        let last = bodies(&given).pop().unwrap();
        let told = node.send("POST", "/v1/erase", &last, &[]);
        assert_eq!(told.status, 200, "{}", told.body);
        match told.json()["iterator"].clone() {
            Value::Null => break,
            next => given.push(next),
        }
    }
    assert!(given.len() > 2 && node.changes.borrow().len() == given.len(), "{given:?}");
    let node = full();
    let bearer = node.bearer();
    let ask = |body: &String| crate::node::with_body("POST", "/v1/erase", body, &[&bearer]);
    let steps: Vec<String> = bodies(&given).iter().map(ask).collect();
    let made_up = [steps[1].clone()];
    let replies = node.ask(&[&steps[..], &made_up[..]].concat());
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(node.changes.borrow().len(), 2, "one for all, one for what nobody gave");
}

#[test]
fn it_comes_in_pages() {
    let node = Node::new();
    for n in 0..5 {
        let body = json!({ "name": format!("app {n}") });
        assert_eq!(node.send("POST", "/api/v1/app", &body.to_string(), &[]).status, 201);
    }
    let names = |page: &Value| -> Vec<String> {
        let all = page["data"].as_array().unwrap().iter();
        all.map(|entry| entry["after"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let first = listed(&node, "?limit=3");
    assert_eq!(names(&first), ["app 4", "app 3", "app 2"]);
    let next = format!("?limit=3&iterator={}", first["iterator"].as_str().unwrap());
    let meanwhile = node.send("POST", "/api/v1/app", r#"{"name":"late"}"#, &[]);
    assert_eq!(meanwhile.status, 201);
    let second = listed(&node, &next);
    assert_eq!(
        (names(&second), &second["done"]),
        (vec!["app 1".into(), "app 0".into()], &json!(true))
    );
    assert_eq!(node.get("/v1/admin/audit?iterator=x").status, 400);
}
