//! Lists of endpoints that are narrowed.

use crate::node::{Node, tenant};
use event::{EndpointId, Why};
use registry::DeclaredEndpoint;
use serde_json::{Value, json};

const ENDPOINTS: &str = "/api/v1/app/default/endpoint";

fn uids(page: &Value) -> Vec<String> {
    let all = page["data"].as_array().unwrap().iter();
    let name =
        |endpoint: &Value| endpoint["uid"].as_str().or(endpoint["id"].as_str()).map(str::to_owned);
    all.map(|endpoint| name(endpoint).unwrap()).collect()
}

fn asked(node: &Node, query: &str) -> String {
    let page = node.get(&format!("{ENDPOINTS}?{query}")).json();
    assert_eq!(page["done"], true, "{page}");
    uids(&page).join(" ")
}

/// `all` wants everything, `orders` what has one of its channels, `off` and `broken` are not sent
/// anything now, and the last has no uid.
fn node() -> Node {
    let node = Node::new();
    let channels = json!(["blue", "green"]);
    for (uid, more) in [
        ("all", json!({ "description": "Für GRÖẞE \"Kunden\"" })),
        ("orders", json!({ "eventTypes": ["order.*", "refund"], "channels": channels })),
        ("users", json!({ "eventTypes": ["user.new"], "channels": ["red"] })),
        ("off", json!({ "eventTypes": ["order.paid"], "disabled": true })),
        ("broken", json!({ "eventTypes": ["user.new", "order.late"] })),
    ] {
        let mut new = json!({ "url": format!("https://{uid}.Example.com/in"), "uid": uid });
        for (member, value) in more.as_object().unwrap() {
            new[member] = value.clone();
        }
        let made = node.send("POST", ENDPOINTS, &new.to_string(), &[]);
        assert_eq!(made.status, 201, "{}", made.body);
    }
    let other = json!({ "url": "https://nameless.example.org/" }).to_string();
    assert_eq!(node.send("POST", ENDPOINTS, &other, &[]).json()["id"], "ep_6");
    node.commands.pauses.borrow_mut().insert(EndpointId(5), Why::Failing);
    node
}

#[test]
fn endpoints_are_chosen_by_what_they_are_sent_and_what_they_are() {
    let node = node();
    for (query, wanted) in [
        ("", "all orders users off broken ep_6"),
        ("event_types=order.paid", "all orders off ep_6"),
        ("event_types=user.new,refund", "all orders users broken ep_6"),
        ("event_types=user.new&event_types=order.paid", "all orders users off broken ep_6"),
        ("event_types=user.*", "all ep_6"),
        ("channel=blue", "all orders off broken ep_6"),
        ("channel=re", "all off broken ep_6"),
        ("disabled=true", "off broken"),
        ("disabled=false", "all orders users ep_6"),
        ("search=EXAMPLE.com", "all orders users off broken"),
        ("search=USERS", "users"),
        ("search=gr%C3%B6%C3%9Fe+%22kunden", "all"),
        ("search=ep_", ""),
        ("search=nameless", "ep_6"),
        ("event_types=order.paid&disabled=true", "off"),
        ("event_types=order.paid&channel=red", "all off ep_6"),
        ("event_types=order.paid&channel=blue&disabled=false&search=orders", "orders"),
        ("event_types=order.paid&search=users", ""),
        ("order=descending&disabled=true", "broken off"),
    ] {
        assert_eq!(asked(&node, query), wanted, "{query}");
    }
}

#[test]
fn pages_of_a_choice_go_both_ways() {
    let node = node();
    let ask = |more: &str| node.get(&format!("{ENDPOINTS}?limit=2&channel=blue{more}")).json();
    let first = ask("");
    assert_eq!((uids(&first).join(" "), &first["done"]), ("all orders".into(), &json!(false)));
    let second = ask(&format!("&iterator={}", first["iterator"].as_str().unwrap()));
    assert_eq!((uids(&second).join(" "), &second["done"]), ("off broken".into(), &json!(false)));
    let back = ask(&format!("&iterator={}", second["prevIterator"].as_str().unwrap()));
    assert_eq!((uids(&back), &back["done"]), (uids(&first), &json!(true)));
    let third = ask(&format!("&iterator={}", second["iterator"].as_str().unwrap()));
    assert_eq!((uids(&third).join(" "), &third["done"]), ("ep_6".into(), &json!(true)));
}

#[test]
fn a_page_in_vain_ends_and_is_gone_on_with() {
    const COUNT: usize = 9_000;
    let node = Node::new();
    let all = (0..COUNT).map(|n| {
        let url = format!("https://{n}.example");
        let mut new = DeclaredEndpoint::new(tenant(), &format!("e{n}"), &url);
        new.types = vec!["a".into()];
        new.is_disabled = n == 0 || n == COUNT - 1;
        new
    });
    node.declare(all.collect());
    for query in ["event_types=b", "search=nowhere", "channel=x&event_types=b", "disabled=true"] {
        let wanted = if query == "disabled=true" { 2 } else { 0 };
        let (mut found, mut pages, mut more) = (Vec::new(), 0, String::new());
        loop {
            let page = node.get(&format!("{ENDPOINTS}?{query}{more}")).json();
            found.extend(uids(&page));
            pages += 1;
            let Some(next) = page["iterator"].as_str().filter(|_| page["done"] == false) else {
                break;
            };
            more = format!("&iterator={next}");
        }
        assert_eq!((found.len(), pages), (wanted, 3), "{query}");
        let (mut back, mut pages, mut at) = (Vec::new(), 0, format!("-ep_{}", COUNT + 1));
        loop {
            let page = node.get(&format!("{ENDPOINTS}?{query}&iterator={at}")).json();
            back.splice(0..0, uids(&page));
            pages += 1;
            if page["done"] == true {
                break;
            }
            at = page["prevIterator"].as_str().unwrap().to_owned();
        }
        assert_eq!((back, pages), (found, 3), "{query}, backwards");
    }
}

#[test]
fn what_is_no_choice_is_told_with_its_place() {
    let node = Node::new();
    let long = "x".repeat(257);
    let many = vec!["a"; 33].join(",");
    for (query, name) in [
        ("disabled=yes", "disabled"),
        ("disabled=", "disabled"),
        ("disabled=true&disabled=false", "disabled"),
        ("channel=a%20b", "channel"),
        ("channel=", "channel"),
        ("search=", "search"),
        (&*format!("search={long}"), "search"),
        ("event_types=", "event_types"),
        ("event_types=a,,b", "event_types"),
        (&*format!("event_types={long}"), "event_types"),
        (&*format!("event_types={many}"), "event_types"),
    ] {
        let refused = node.get(&format!("{ENDPOINTS}?{query}"));
        let place = refused.json()["detail"][0]["loc"].clone();
        assert_eq!((refused.status, place), (422, json!(["query", name])), "{query}");
    }
}

#[test]
fn a_list_says_how_large_a_script_is_and_not_what_it_says() {
    let node = node();
    let path = format!("{ENDPOINTS}/users");
    let code = "function handler(webhook) { return webhook; }";
    let script = json!({ "transformation": { "code": code, "variables": { "a": "b" } } });
    assert_eq!(node.send("PATCH", &path, &script.to_string(), &[]).status, 200);
    let listed = node.get(&format!("{ENDPOINTS}?search=users")).json();
    let told = &listed["data"][0]["transformation"];
    assert_eq!((&told["bytes"], &told["enabled"]), (&json!(code.len()), &json!(true)));
    assert_eq!(
        (told["sha256"].as_str().unwrap().len(), &told["variables"]["a"]),
        (64, &json!("b"))
    );
    assert!(told.get("code").is_none(), "{told}");
    assert_eq!(node.get(&path).json()["transformation"]["code"], code);
    assert_eq!(node.get(&format!("{path}/transformation")).json()["code"], code);
    let none = node.get(&format!("{ENDPOINTS}?search=orders")).json();
    assert_eq!(none["data"][0]["transformation"], Value::Null);
}
