use crate::filters::push;
use crate::node::{Node, Reply, key, request, tenant, with_body};
use control::Role;
use serde_json::{Value, json};

const ENDPOINTS: &str = "/api/v1/app/default/endpoint";
const FILTER: &str = "/v1/filter/f";

/// Puts a module in force as the filter `f`. Gives the version.
fn put(node: &Node, wasm: &str) -> Value {
    let put = push(node, &format!("{FILTER}/version"), wasm, &[]);
    assert!(put.status < 202, "{}", put.body);
    put.json()
}

/// What names a version by the first digits of its module.
fn pin(version: &Value) -> String {
    format!("f@{}", &version["module"].as_str().unwrap()[..8])
}

fn make(node: &Node, uid: &str, filters: &[&str]) -> Reply {
    let endpoint = json!({ "url": "https://example.com/", "uid": uid, "filters": filters });
    node.send("POST", ENDPOINTS, &endpoint.to_string(), &[])
}

fn versions(node: &Node) -> Vec<Value> {
    node.get(&format!("{FILTER}/version")).json()["data"].as_array().unwrap().clone()
}

/// The module that an event which comes now is judged by at an endpoint.
fn judges(node: &Node, uid: &str) -> Value {
    let told = node.get(&format!("/v1/explain/{}", node.publish("a", "{}"))).json();
    let mut endpoints = told["endpoints"].as_array().unwrap().iter();
    endpoints.find(|endpoint| endpoint["name"] == uid).unwrap()["filters"][0]["module"].clone()
}

#[test]
fn what_is_pinned_is_kept_and_told_until_it_is_let_go_of() {
    let node = Node::new();
    let first = put(&node, "\0asm-1");
    put(&node, "\0asm-2");
    let made = make(&node, "e", &[&pin(&first)]);
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.json()["filters"], json!([pin(&first)]));
    assert_eq!(make(&node, "other", &["f"]).status, 201);
    for n in 3..30 {
        put(&node, &format!("\0asm-{n}"));
    }
    assert_eq!(judges(&node, "e"), first["module"]);
    assert_eq!(judges(&node, "other"), node.get(FILTER).json()["module"]);

    let all = versions(&node);
    assert_eq!(all.len(), 18, "what is pinned goes beyond the sixteen");
    let last = &all[17];
    assert_eq!((&last["module"], &last["since"]), (&first["module"], &json!(null)));
    assert_eq!(last["pinnedBy"], json!(["ep_1"]));
    assert!(all[..17].iter().all(|version| version["pinnedBy"] == json!([])));
    assert_eq!(node.get(FILTER).json().get("pinnedBy"), None, "a pin is no change of a filter");

    let endpoint = format!("{ENDPOINTS}/e");
    let patched = node.send("PATCH", &endpoint, r#"{"description":"d"}"#, &[]);
    assert_eq!((patched.status, &patched.json()["filters"]), (200, &json!([pin(&first)])));
    assert_eq!(judges(&node, "e"), first["module"]);
    let one = first["version"].as_str().unwrap();
    assert_eq!(node.post(&format!("{FILTER}/version/{one}/restore")).status, 200);
    assert_eq!(versions(&node)[0]["pinnedBy"], json!(["ep_1"]), "it is in force and pinned");
    put(&node, "\0asm-30");

    let delete = || node.one(request("DELETE", FILTER, &[&node.bearer()]));
    let let_go = |uid: &str| {
        let path = format!("{ENDPOINTS}/{uid}");
        assert_eq!(node.send("PATCH", &path, r#"{"filters":[]}"#, &[]).status, 200);
    };
    let_go("other");
    let needed = delete();
    assert!(needed.status == 409 && needed.body.contains("`e`"), "{}", needed.body);
    let_go("e");
    assert_eq!(delete().status, 204);
}

#[test]
fn versions_of_one_module_are_told_apart_by_their_own_digits() {
    let node = Node::new();
    let made = node.send("PUT", FILTER, r#"{"module":"forebay/redact","config":{"n":1}}"#, &[]);
    let first = made.json();
    assert_eq!(node.send("PATCH", FILTER, r#"{"config":{"n":2}}"#, &[]).status, 200);
    assert_eq!(node.send("PATCH", FILTER, r#"{"config":{"n":3}}"#, &[]).status, 200);
    let own = format!("f@{}", &first["version"].as_str().unwrap()[..12]);
    assert_eq!(make(&node, "own", &[&own]).status, 201);
    let module = format!("f@sha256:{}", first["module"].as_str().unwrap());
    assert_eq!(make(&node, "module", &[&module]).status, 201);
    assert_eq!(node.send("PATCH", FILTER, r#"{"config":{"n":4}}"#, &[]).status, 200);
    let all = versions(&node);
    let pinned: Vec<_> = all.iter().map(|one| (&one["config"]["n"], &one["pinnedBy"])).collect();
    let nobody = json!([]);
    assert_eq!(
        pinned,
        [
            (&json!(4), &nobody),
            (&json!(3), &json!(["ep_2"])),
            (&json!(2), &nobody),
            (&json!(1), &json!(["ep_1"])),
        ]
    );
}

#[test]
fn what_is_not_kept_is_refused_with_what_is() {
    let node = Node::new();
    let gone = put(&node, "\0asm-0");
    for n in 1..=17 {
        put(&node, &format!("\0asm-{n}"));
    }
    let refused = make(&node, "e", &[&pin(&gone)]);
    let told = refused.json();
    assert_eq!(
        (refused.status, &told["detail"][0]["loc"]),
        (422, &json!(["body", "filters"])),
        "{told}"
    );
    for version in versions(&node) {
        let module = &version["module"].as_str().unwrap()[..12];
        assert!(refused.body.contains(module), "{module} in {told}");
    }
    for (entry, why) in [
        ("f@123", "8 to 64 hexadecimal digits"),
        ("g@12345678", "no filter `g`"),
        ("forebay/nothing@12345678", "does not come with the engine"),
    ] {
        let refused = make(&node, "e", &[entry]);
        assert!(refused.status == 422 && refused.body.contains(why), "{entry}: {}", refused.body);
    }
    assert_eq!(make(&node, "e", &["f", &pin(&node.get(FILTER).json())]).status, 422);
}

#[test]
fn what_comes_with_the_engine_is_pinned_without_making_it_first() {
    let node = Node::new();
    assert_eq!(node.send("PUT", FILTER, r#"{"module":"forebay/redact"}"#, &[]).status, 201);
    let module = node.get(FILTER).json()["module"].as_str().unwrap().to_owned();
    let entry = format!("forebay/redact@{module}");
    let made = make(&node, "e", &[&entry]);
    assert_eq!((made.status, &made.json()["filters"]), (201, &json!([entry])), "{}", made.body);
    assert_eq!(node.get("/v1/filter/forebay%2Fredact").status, 200);
}

/// A few bytes of a request pin what is large, and each version of the endpoint has it.
#[test]
fn what_customers_pin_counts_as_what_they_write() {
    let mut node = Node::new();
    let config = json!({ "module": "forebay/redact", "config": { "x": "y".repeat(60_000) } });
    let first = node.send("PUT", FILTER, &config.to_string(), &[]);
    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!(make(&node, "e", &[]).status, 201);
    let customer = key(&mut node, Role::portal(tenant()), u64::MAX);
    let bearer = format!("authorization: Bearer {customer}");
    let patch = |n: usize| {
        let body = json!({ "description": n.to_string(), "filters": [pin(&first.json())] });
        with_body("PATCH", &format!("{ENDPOINTS}/e"), &body.to_string(), &[&bearer])
    };
    let replies = node.ask(&(0..60).map(patch).collect::<Vec<_>>());
    let done = replies.iter().take_while(|reply| reply.status == 200).count();
    assert!((30..45).contains(&done), "{done} of twice as much are 4 MiB: {}", replies[0].body);
    assert!(replies[done..].iter().all(|reply| reply.status == 429));
}
