use crate::node::{NOW, Node, delivery};
use event::{AttemptRow, AttemptState, Attempted, Cause, EndpointId, Offset, Outcome, Refusal};
use log::Group;
use registry::DeclaredEndpoint;
use serde_json::{Value, json};
use std::time::Duration;

const APP: &str = "/api/v1/app/default";

/// Two endpoints, and `count` messages of the types `t.0`, `t.1`, and so on.
fn node(count: u64) -> Node {
    let node = Node::new();
    let endpoint = |name: &str| {
        DeclaredEndpoint::new(crate::node::tenant(), name, &format!("https://{name}.example/in"))
    };
    node.declare(vec![endpoint("a"), endpoint("b")]);
    for n in 0..count {
        node.publish(&format!("t.{n}"), &json!({ "n": n }).to_string());
    }
    node
}

fn row(endpoint: EndpointId, offset: u64, number: u32, outcome: Outcome) -> AttemptRow {
    let state = match outcome {
        Outcome::Delivered { .. } => AttemptState::Delivered,
        _ => AttemptState::Trouble,
    };
    let at = NOW + Duration::from_secs(offset * 10 + u64::from(number));
    let attempt = Attempted { number, at, took: Duration::from_millis(7), outcome };
    AttemptRow {
        delivery: delivery(endpoint, Offset(offset)),
        outputs: 1,
        attempt: Some(attempt),
        state,
    }
}

fn failed(cause: Cause) -> Outcome {
    Outcome::Failed { cause, retry_after: None }
}

fn ids(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap()).collect()
}

fn tried() -> Node {
    let node = node(3);
    let (a, b) = (node.endpoint("a"), node.endpoint("b"));
    let ok = || Outcome::Delivered { status: 204 };
    let never_sent = AttemptRow { attempt: None, ..row(b, 1, 1, ok()) };
    let attempts = vec![
        row(a, 0, 1, failed(Cause::Status(503))),
        row(a, 0, 2, failed(Cause::Timeout)),
        row(a, 0, 3, ok()),
        row(b, 0, 1, ok()),
        row(a, 1, 1, ok()),
        never_sent,
        row(a, 2, 1, Outcome::Gone),
    ];
    node.commit(Group { attempts, ..Group::default() });
    node
}

#[test]
fn attempts_at_an_endpoint_are_listed_by_message() {
    let node = tried();
    let list = |query: &str| node.get(&format!("{APP}/attempt/endpoint/a?{query}")).json();
    let all = list("");
    let expected = [
        "atmpt_1-0-2-0-1",
        "atmpt_1-0-1-0-1",
        "atmpt_1-0-0-0-3",
        "atmpt_1-0-0-0-2",
        "atmpt_1-0-0-0-1",
    ];
    assert_eq!((ids(&all), &all["done"]), (expected.to_vec(), &json!(true)));
    let (mut walked, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let page = list(&query);
        walked.extend(ids(&page).into_iter().map(str::to_owned));
        query = format!("limit=2&iterator={}", page["iterator"].as_str().unwrap());
        if page["done"] == true {
            break;
        }
    }
    assert_eq!(walked, expected);
    assert_eq!(ids(&list("iterator=-atmpt_1-0-0-0-2&limit=2")), expected[1..3]);
    assert_eq!(ids(&list("status=0")), [expected[1], expected[2]]);
    assert_eq!(ids(&list("status=2&status_code_class=500")), [expected[4]]);
    assert_eq!(ids(&list("status_code_class=0")), [expected[3]]);
    assert_eq!(ids(&list("event_types=t.1,t.2")), [expected[0], expected[1]]);
    let after = "after=2023-11-14T22:13:23Z";
    assert_eq!(ids(&list(after)), [expected[0], expected[1]], "by the attempt's own time");
    assert_eq!(list("with_msg=true")["data"][0]["msg"]["payload"], json!({ "n": 2 }));
    for bad in ["status=4", "status=success", "iterator=evt_0", "status_code_class=x"] {
        assert_eq!(node.get(&format!("{APP}/attempt/endpoint/a?{bad}")).status, 422, "{bad}");
    }
    assert_eq!(node.get("/api/v1/app/other/attempt/endpoint/a").status, 404);
}

#[test]
fn attempts_at_a_message_tell_how_each_went() {
    let node = tried();
    let message = node.get(&format!("{APP}/msg")).json()["data"][2]["id"].clone();
    let message = message.as_str().unwrap();
    let path = format!("{APP}/attempt/msg/{message}");
    let all = node.get(&path).json();
    let expected = ["atmpt_2-0-0-0-1", "atmpt_1-0-0-0-3", "atmpt_1-0-0-0-2", "atmpt_1-0-0-0-1"];
    assert_eq!(ids(&all), expected);
    assert_eq!(ids(&node.get(&format!("{path}?endpoint_id=b")).json()), expected[..1]);
    assert_eq!(node.get(&format!("{path}?endpoint_id=c")).status, 404);
    let first = &all["data"][3];
    let whole = json!({
        "id": expected[3], "msgId": message, "endpointId": "ep_1", "url": "https://a.example/in",
        "response": "", "responseStatusCode": 503, "responseDurationMs": 7, "status": 2,
        "statusText": "fail", "triggerType": 0, "timestamp": "2023-11-14T22:13:21Z",
    });
    assert_eq!(*first, whole);
    assert_eq!(all["data"][2]["response"], "timed out");
    assert_eq!(
        (&all["data"][1]["status"], &all["data"][1]["responseStatusCode"]),
        (&json!(0), &json!(204))
    );
    let one = node.get(&format!("{APP}/msg/{message}/attempt/{}", expected[3]));
    assert_eq!(one.json(), whole);
    for other in ["atmpt_1-0-1-0-1", "atmpt_1-0-0-0-9", "x"] {
        assert_eq!(
            node.get(&format!("{APP}/msg/{message}/attempt/{other}")).status,
            404,
            "{other}"
        );
    }
}

#[test]
fn the_rule_that_refused_an_address_is_for_the_operator() {
    let node = node(1);
    let refusal = Refusal { rule: "loopback (127.0.0.0/8)".into(), allow: "allow".into() };
    let attempts = vec![row(node.endpoint("a"), 0, 1, failed(Cause::Refused(refusal)))];
    node.commit(Group { attempts, ..Group::default() });
    let reply = node.get(&format!("{APP}/attempt/endpoint/a"));
    assert!(!reply.body.contains("127.0.0.0") && reply.body.contains("refused"), "{}", reply.body);
}

#[test]
fn an_endpoint_of_few_attempts_is_found_among_many_messages() {
    let node = node(1);
    let events = (1..5_000).map(log::contract::event).collect();
    let attempts = vec![row(node.endpoint("b"), 3, 1, Outcome::Delivered { status: 200 })];
    node.commit(Group { events, attempts, ..Group::default() });
    let page = node.get(&format!("{APP}/attempt/endpoint/b?limit=1")).json();
    assert_eq!((ids(&page), &page["done"]), (vec!["atmpt_2-0-3-0-1"], &json!(true)));
}

#[test]
fn messages_at_an_endpoint_tell_how_they_stand() {
    let node = tried();
    let list = |query: &str| {
        let page = node.get(&format!("{APP}/endpoint/a/msg?{query}")).json();
        let told = page["data"].as_array().unwrap().iter();
        let told = told.map(|m| (m["payload"]["n"].as_u64().unwrap(), m["statusText"].clone()));
        (told.collect::<Vec<_>>(), page)
    };
    let (success, pending) = (|| json!("success"), || json!("pending"));
    let (all, page) = list("");
    assert_eq!(all, [(2, pending()), (1, success()), (0, success())]);
    assert_eq!(page["data"][0]["eventType"], "t.2");
    let (first, page) = list("limit=1");
    assert_eq!((first, &page["done"]), (vec![(2, pending())], &json!(false)));
    let (rest, page) = list(&format!("limit=2&iterator={}", page["iterator"].as_str().unwrap()));
    assert_eq!((rest.len(), &page["done"]), (2, &json!(true)));
    let previous = page["prevIterator"].as_str().unwrap();
    assert_eq!(list(&format!("limit=2&iterator={previous}")).0, [(2, pending())]);
    assert_eq!(list("status=1").0.len(), 1);
    assert_eq!(list("event_types=t.0").0, [(0, success())]);
    assert_eq!(
        node.get(&format!("{APP}/endpoint/b/msg")).json()["data"].as_array().unwrap().len(),
        2
    );
}

#[test]
fn destinations_tell_how_a_message_stands_at_each() {
    let node = tried();
    let messages = node.get(&format!("{APP}/msg")).json();
    let told = |n: usize| {
        let id = messages["data"][n]["id"].as_str().unwrap();
        let page = node.get(&format!("{APP}/msg/{id}/endpoint")).json();
        let all = page["data"].as_array().unwrap().iter();
        let all = all.map(|e| json!([e["id"], e["url"], e["statusText"], e["status"]]));
        Value::Array(all.collect())
    };
    let (a, b) = ("https://a.example/in", "https://b.example/in");
    assert_eq!(told(2), json!([["ep_1", a, "success", 0], ["ep_2", b, "success", 0]]));
    // Of the newest message the road has told nothing at `b` yet.
    assert_eq!(told(0), json!([["ep_1", a, "pending", 1], ["ep_2", b, "sending", 3]]));
    assert_eq!(node.get(&format!("{APP}/msg/evt_x/endpoint")).status, 404);
}

#[test]
fn pages_that_show_payloads_are_bounded_by_their_bytes() {
    let node = node(0);
    let large = json!({ "text": "x".repeat(1 << 20) }).to_string();
    let ok = Outcome::Delivered { status: 204 };
    for n in 0..30 {
        node.publish("large", &large);
        let attempts = vec![row(node.endpoint("a"), n, 1, ok.clone())];
        node.commit(Group { attempts, ..Group::default() });
    }
    for (path, small) in [
        ("attempt/endpoint/a?limit=250&with_msg=true", "attempt/endpoint/a?limit=250"),
        ("endpoint/a/msg?limit=250", "endpoint/a/msg?limit=250&with_content=false"),
    ] {
        let (mut seen, mut pages, mut iterator) = (0, 0, String::new());
        loop {
            let reply = node.get(&format!("{APP}/{path}{iterator}"));
            assert!(reply.body.len() < 11 << 20, "{path}: {} bytes", reply.body.len());
            let page = reply.json();
            (seen, pages) = (seen + ids(&page).len(), pages + 1);
            if page["done"] == true {
                break;
            }
            iterator = format!("&iterator={}", page["iterator"].as_str().unwrap());
        }
        assert_eq!((seen, pages), (30, 4), "{path}");
        assert_eq!(ids(&node.get(&format!("{APP}/{small}")).json()).len(), 30, "{small}");
    }
}
