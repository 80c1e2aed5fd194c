use crate::node::{NOW, Node, dead, delivery, request, tenant};
use event::{Change, DeadRow, DeliveryId, EventId, Offset, Parcel, Stage, TenantId, Time};
use log::{Group, Log};
use registry::DeclaredEndpoint;
use serde_json::{Value, json};
use std::sync::Arc;

/// A letter at each offset, at each of two endpoints.
fn node_with(letters: u64) -> Node {
    let node = Node::new();
    let endpoint = |name| DeclaredEndpoint::new(crate::node::tenant(), name, "https://x.example");
    node.declare(vec![endpoint("one"), endpoint("two")]);
    for _ in 0..letters {
        let id = node.publish("order.paid", "{\"a\": 1}");
        for name in ["one", "two"] {
            bury(&node, delivery(node.endpoint(name), id.offset()), id);
        }
    }
    node
}

fn bury(node: &Node, letter: DeliveryId, id: EventId) {
    let row = dead("answered 500", 10);
    let event = Arc::new(crate::node::event(id, "order.paid", "{\"a\": 1}"));
    node.commit(Group {
        dead: vec![Change::Put(letter, row)],
        parcels: vec![Change::Put(letter, Parcel { stage: Stage::Output, event, input_key: None })],
        ..Group::default()
    });
}

#[test]
fn letters_are_told_with_what_a_person_needs() {
    let node = node_with(1);
    let page = node.get("/v1/dead-letter/").json();
    let letter = &page["data"][0];
    let one = node.endpoint("one");
    assert_eq!(letter["id"], format!("dl_{}-0-0-0", one.0));
    assert_eq!(letter["endpoint"], "one");
    assert_eq!(letter["reason"], "answered 500");
    assert_eq!(letter["eventType"], "order.paid");
    assert_eq!(letter["diedAt"], "2023-11-14T22:13:20Z");
    assert_eq!(letter["attempts"], 10);
    assert_eq!(page["done"], true);

    let whole = node.get(&format!("/v1/dead-letter/{}", letter["id"].as_str().unwrap())).json();
    assert_eq!(whole["bodyBase64"], "eyJhIjogMX0=");
    assert_eq!(whole["headers"][0], serde_json::json!(["content-type", "application/json"]));
}

#[test]
fn damage_to_one_letter_hides_no_other() {
    let node = node_with(2);
    let one = node.endpoint("one");
    node.log.damage_parcel(delivery(one, Offset(0)));
    let page = node.get("/v1/dead-letter").json();
    let letters = page["data"].as_array().unwrap();
    let damaged: Vec<bool> = letters.iter().map(|letter| letter["damaged"] == true).collect();
    assert_eq!(damaged, [true, false, false, false]);
    assert_eq!(letters[0]["reason"], "answered 500");
    let shown = node.get(&format!("/v1/dead-letter/dl_{}-0-0-0", one.0)).json();
    assert_eq!((&shown["damaged"], shown.get("bodyBase64")), (&true.into(), None));
}

#[test]
fn a_letter_whose_row_is_damaged_is_told_and_hides_no_other() {
    let node = node_with(3);
    let [one, two] = ["one", "two"].map(|name| node.endpoint(name));
    node.log.damage_dead(delivery(one, Offset(1)));
    let page = node.get("/v1/dead-letter").json();
    let letters = page["data"].as_array().unwrap();
    let reasons: Vec<&str> = letters.iter().map(|l| l["reason"].as_str().unwrap()).collect();
    let (whole, damaged) = ("answered 500", "not known: its row is damaged");
    assert_eq!(reasons, [whole, damaged, whole, whole, whole, whole]);
    assert_eq!((&letters[1]["damaged"], &letters[1]["attempts"]), (&true.into(), &Value::Null));
    assert_eq!(letters[1]["eventType"], "order.paid", "its bytes are as they were");
    let shown = node.get(&format!("/v1/dead-letter/dl_{}-0-1-0", one.0)).json();
    assert_eq!((&shown["reason"], &shown["bodyBase64"]), (&damaged.into(), &"eyJhIjogMX0=".into()));
    let others = node.get(&format!("/v1/dead-letter?endpoint=ep_{}", two.0)).json();
    assert_eq!(others["data"].as_array().unwrap().len(), 3);
    let counted = node.one(request("GET", "/metrics", &[])).body;
    assert!(counted.lines().any(|line| line == "forebay_dead_letters 6"), "{counted}");
}

#[test]
fn pages_hold_every_letter_once() {
    let node = node_with(7);
    let (mut seen, mut path) = (Vec::new(), "/v1/dead-letter?limit=4".to_owned());
    loop {
        let page = node.get(&path).json();
        let letters = page["data"].as_array().unwrap();
        assert!(letters.len() <= 4);
        seen.extend(letters.iter().map(|letter| letter["id"].as_str().unwrap().to_owned()));
        assert_eq!(page["done"], page["iterator"].is_null());
        let Some(next) = page["iterator"].as_str() else { break };
        path = format!("/v1/dead-letter?limit=4&iterator={next}");
    }
    let all: Vec<String> =
        node.log.dead(None, 100).unwrap().iter().map(|(id, _)| name(id)).collect();
    assert_eq!((seen.len(), seen), (14, all));
}

#[test]
fn one_endpoints_letters_can_be_had_alone() {
    let node = node_with(3);
    let two = node.endpoint("two");
    let page = node.get(&format!("/v1/dead-letter?limit=2&endpoint=ep_{}", two.0)).json();
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
    assert!(page["data"].as_array().unwrap().iter().all(|letter| letter["endpoint"] == "two"));
    let next = page["iterator"].as_str().unwrap();
    let rest = node.get(&format!("/v1/dead-letter?endpoint=ep_{}&iterator={next}", two.0)).json();
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["done"]), (1, &true.into()));
}

/// Five, of two applications and three types, each a second after the one before.
fn graveyard() -> Node {
    let node = Node::new();
    node.make_app("app_shop");
    let shop = TenantId::new("app_shop");
    let endpoint = |tenant, name| DeclaredEndpoint::new(tenant, name, "https://x.example");
    node.declare(vec![
        endpoint(tenant(), "one"),
        endpoint(shop.clone(), "two"),
        endpoint(shop.clone(), "three"),
        endpoint(tenant(), "four"),
    ]);
    for (n, (of, event_type)) in [
        (tenant(), "order.paid"),
        (shop.clone(), "order.paid"),
        (shop.clone(), "order.late"),
        (shop, "user.new"),
        (tenant(), "user.new"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = EventId::new(NOW.millis(), Offset(n as u64));
        let at = Time::from_millis(NOW.millis() + 1_000 * n as u64);
        let ids = [1, 2, 2, 3, 4].map(event::EndpointId);
        let mut buried = crate::node::event(id, event_type, "{}");
        buried.envelope.tenant = of;
        let letter = delivery(ids[n], id.offset());
        let parcel = Parcel { stage: Stage::Output, event: Arc::new(buried), input_key: None };
        node.commit(Group {
            dead: vec![Change::Put(letter, DeadRow { at, ..dead("answered 500", 10) })],
            parcels: vec![Change::Put(letter, parcel)],
            ..Group::default()
        });
    }
    node
}

/// The offsets of those that are meant, over all pages.
fn meant(node: &Node, query: &str, limit: usize) -> (Vec<u64>, u64) {
    let (mut offsets, mut unknown, mut more) = (Vec::new(), 0, String::new());
    loop {
        let page = node.get(&format!("/v1/dead-letter?limit={limit}&{query}{more}")).json();
        let letters = page["data"].as_array().unwrap().iter();
        offsets.extend(letters.map(|letter| letter["offset"].as_u64().unwrap()));
        unknown += page["unknown"].as_u64().unwrap();
        assert_eq!(page["done"], page["iterator"].is_null());
        let Some(next) = page["iterator"].as_str() else { return (offsets, unknown) };
        more = format!("&iterator={next}");
    }
}

#[test]
fn letters_are_chosen_by_what_they_are() {
    let node = graveyard();
    for (query, wanted) in [
        ("", vec![0, 1, 2, 3, 4]),
        ("app=app_shop", vec![1, 2, 3]),
        ("app=default", vec![0, 4]),
        ("app=other", vec![]),
        ("app=app_shop&endpoint=ep_2", vec![1, 2]),
        ("app=app_shop&endpoint=ep_1", vec![]),
        ("type=order.paid", vec![0, 1]),
        ("type=order.*", vec![0, 1, 2]),
        ("type=order.late&type=user.new", vec![2, 3, 4]),
        ("since=2023-11-14T22:13:21Z", vec![1, 2, 3, 4]),
        ("until=2023-11-14T22:13:21Z", vec![0]),
        ("since=2023-11-14T22:13:21Z&until=2023-11-14T22:13:23Z", vec![1, 2]),
        ("app=app_shop&type=order.*&since=2023-11-14T22:13:22Z", vec![2]),
        ("app=default&type=order.late", vec![]),
    ] {
        for limit in [1, 2, 50] {
            assert_eq!(meant(&node, query, limit), (wanted.clone(), 0), "{query} by {limit}");
        }
    }
    assert_eq!(node.get("/v1/dead-letter?app=nowhere").status, 404);
}

#[test]
fn an_endpoint_that_is_gone_leaves_letters_of_its_application() {
    let node = graveyard();
    node.declare(vec![]);
    assert_eq!(meant(&node, "app=app_shop", 50), (vec![1, 2, 3], 0));
    assert_eq!(meant(&node, "app=default&type=user.new", 50), (vec![4], 0));
}

#[test]
fn a_damaged_letter_is_shown_where_enough_is_known_of_it_and_else_counted() {
    let node = graveyard();
    node.log.damage_parcel(delivery(event::EndpointId(2), Offset(1)));
    assert_eq!(meant(&node, "app=app_shop", 50), (vec![1, 2, 3], 0), "by its endpoint");
    assert_eq!(meant(&node, "type=order.*", 50), (vec![0, 2], 1));
    let later = "type=order.*&since=2023-11-14T22:13:22Z";
    assert_eq!(meant(&node, later, 50), (vec![2], 0), "its time says enough");
    assert_eq!(meant(&node, "type=order.*&app=default", 50), (vec![0], 0), "so does its endpoint");
    node.log.damage_dead(delivery(event::EndpointId(3), Offset(3)));
    assert_eq!(meant(&node, "until=2100-01-01T00:00:00Z", 50), (vec![0, 1, 2, 4], 1));
    assert_eq!(meant(&node, "type=user.new", 50), (vec![3, 4], 1), "its bytes are as they were");
}

#[test]
fn a_page_of_letters_in_vain_ends_and_is_gone_on_with() {
    let node = Node::new();
    node.make_app("app_shop");
    let id = node.publish("order.paid", "{}");
    let event = Arc::new(crate::node::event(id, "order.paid", "{}"));
    let letters =
        (0..2_500).map(|n| DeliveryId { k: n, ..delivery(event::EndpointId(1), id.offset()) });
    let letters: Vec<_> = letters.collect();
    let parcel = Parcel { stage: Stage::Output, event, input_key: None };
    node.commit(Group {
        dead: letters.iter().map(|letter| Change::Put(*letter, dead("no", 1))).collect(),
        parcels: letters.iter().map(|letter| Change::Put(*letter, parcel.clone())).collect(),
        ..Group::default()
    });
    for query in ["type=user.new", "app=app_shop"] {
        let (mut pages, mut more) = (0, String::new());
        loop {
            let page = node.get(&format!("/v1/dead-letter?{query}{more}")).json();
            assert_eq!((&page["data"], &page["unknown"]), (&json!([]), &json!(0)));
            pages += 1;
            let Some(next) = page["iterator"].as_str() else { break };
            more = format!("&iterator={next}");
        }
        assert_eq!(pages, 3, "{query}: a page opens a thousand");
    }
    assert_eq!(meant(&node, "type=order.*", 250).0.len(), 2_500);
}

#[test]
fn hostile_wishes_are_refused() {
    let node = node_with(1);
    for query in ["limit=0", "limit=1000000000", "iterator=dl_9", "endpoint=%27", "x=1"] {
        let reply = node.get(&format!("/v1/dead-letter?{query}"));
        assert_eq!((reply.status, reply.json()["code"].as_str()), (400, Some("bad_request")));
    }
}

fn name(id: &DeliveryId) -> String {
    format!("dl_{}-{}-{}-{}", id.lane.endpoint.0, id.lane.n, id.offset.0, id.k)
}
