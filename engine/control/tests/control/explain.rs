use crate::filters::push;
use crate::node::{NOW, Node, dead, delivery, tenant};
use condition::{Condition, ParsedBody};
use event::{
    AttemptRow, AttemptState, Attempted, Cause, Change, DeadRow, DeliveryId, Due, EventId, GapRow,
    LaneId, LaneRow, Offset, Outcome, Parcel, Refusal, RetryKey, RetryRow, Stage, Watermarks, Why,
};
use log::{Group, Log as _};
use registry::DeclaredEndpoint;
use serde_json::{Value, json};
use std::time::Duration;

fn node() -> Node {
    let node = Node::new();
    let endpoint = |name: &str, types: &[&str], condition: Option<&str>| DeclaredEndpoint {
        types: types.iter().map(|t| (*t).to_owned()).collect(),
        condition: condition.map(str::to_owned),
        ..DeclaredEndpoint::new(tenant(), name, "https://x.example")
    };
    node.declare(vec![
        endpoint("plain", &["order.*"], None),
        endpoint("choosy", &[], Some("data.total > 100")),
        endpoint("other", &["invoice.sent"], None),
    ]);
    node
}

/// The node's whole answer, and what it says of one endpoint.
fn explain(node: &Node, id: EventId, name: &str) -> (Value, Value) {
    let reply = node.get(&format!("/v1/explain/{id}"));
    assert_eq!(reply.status, 200, "{}", reply.body);
    let story = reply.json();
    let endpoints = story["endpoints"].as_array().unwrap();
    let of = endpoints.iter().find(|endpoint| endpoint["name"] == name).unwrap().clone();
    (story, of)
}

fn state(node: &Node, id: EventId, name: &str) -> String {
    explain(node, id, name).1["state"].as_str().unwrap().to_owned()
}

fn passed(node: &Node, until: Offset) {
    let watermarks = Some(Watermarks { shards: vec![until] });
    node.commit(Group { watermarks, ..Group::default() });
}

fn attempt(number: u32, outcome: Outcome) -> Option<Attempted> {
    Some(Attempted { number, at: NOW, took: Duration::from_millis(12), outcome })
}

fn row(delivery: DeliveryId, attempt: Option<Attempted>, state: AttemptState) -> AttemptRow {
    AttemptRow { delivery, outputs: 1, attempt, state }
}

fn failed(cause: Cause) -> Outcome {
    Outcome::Failed { cause, retry_after: None }
}

fn retry(due: Due, delivery: DeliveryId) -> Change<RetryKey, RetryRow> {
    Change::Put(RetryKey { due, delivery }, retry_row(Offset::ZERO))
}

fn retry_row(ruled_by: Offset) -> RetryRow {
    RetryRow { attempts: 1, stage: Stage::Output, outputs: 1, since: NOW, ruled_by, key_hash: None }
}

#[test]
fn a_road_that_has_not_been_travelled_is_told_so() {
    let node = node();
    let id = node.publish("order.paid", "{}");
    let (story, plain) = explain(&node, id, "plain");
    assert_eq!(plain["state"], "in_flight");
    assert_eq!(story["event"]["id"], id.to_string());
    assert_eq!(story["event"]["type"], "order.paid");
    let unwanted = story["unwanted"].as_array().unwrap();
    assert_eq!(unwanted.len(), 1);
    assert_eq!(
        (&unwanted[0]["name"], &unwanted[0]["why"]),
        (&"other".into(), &"it wants invoice.sent".into())
    );
}

#[test]
fn a_delivery_is_told_from_its_first_attempt_to_its_end() {
    let node = node();
    let id = node.publish("order.paid", "{}");
    let to = delivery(node.endpoint("plain"), id.offset());
    let first = row(to, attempt(1, failed(Cause::Status(500))), AttemptState::Trouble);
    let due = Due::At(NOW + Duration::from_secs(5));
    node.commit(Group { attempts: vec![first], retries: vec![retry(due, to)], ..Group::default() });
    passed(&node, id.offset().next());
    let (_, plain) = explain(&node, id, "plain");
    assert_eq!(plain["state"], "retrying");
    assert_eq!(plain["deliveries"][0]["due"], "2023-11-14T22:13:25Z");
    let second = row(to, attempt(2, Outcome::Delivered { status: 204 }), AttemptState::Delivered);
    node.commit(Group {
        attempts: vec![second],
        retries: vec![Change::Remove(RetryKey { due, delivery: to })],
        ..Group::default()
    });
    let (_, plain) = explain(&node, id, "plain");
    assert_eq!(plain["state"], "delivered");
    let attempts = plain["deliveries"][0]["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2);
    assert_eq!(
        (&attempts[0]["status"], &attempts[0]["cause"]),
        (&500.into(), &"answered 500".into())
    );
    assert_eq!((&attempts[1]["outcome"], &attempts[1]["number"]), (&"delivered".into(), &2.into()));
    assert_eq!(plain["deliveries"][0]["webhookId"], id.to_string());
}

#[test]
fn a_dead_letter_says_why_and_a_purged_one_that_it_was() {
    let node = node();
    let id = node.publish("order.paid", "{}");
    let to = delivery(node.endpoint("plain"), id.offset());
    let refusal = Refusal { rule: "loopback".into(), allow: "allow_networks = [\"::1\"]".into() };
    let dead = dead("the schedule ended", 1);
    node.commit(Group {
        attempts: vec![row(to, attempt(1, failed(Cause::Refused(refusal))), AttemptState::Dead)],
        dead: vec![Change::Put(to, dead)],
        ..Group::default()
    });
    let (_, plain) = explain(&node, id, "plain");
    assert_eq!(plain["state"], "dead");
    assert_eq!(plain["deliveries"][0]["why"], "the schedule ended");
    assert_eq!(plain["why"], "1 of 1 outputs: the schedule ended");
    let told = &plain["deliveries"][0]["attempts"][0];
    assert_eq!(told["cause"], "address refused: loopback");
    assert_eq!(told["allow"], "allow_networks = [\"::1\"]");
    node.commit(Group { dead: vec![Change::Remove(to)], ..Group::default() });
    let (_, plain) = explain(&node, id, "plain");
    assert_eq!(
        (&plain["state"], &plain["why"]),
        (&"purged".into(), &"1 of 1 outputs: a person forgot it".into())
    );
    node.commit(Group { retries: vec![retry(Due::At(NOW), to)], ..Group::default() });
    assert_eq!(state(&node, id, "plain"), "retrying", "redriven");
}

#[test]
fn outputs_that_died_of_different_reasons_are_told_with_the_first_few_of_them() {
    let node = node();
    let id = node.publish("order.paid", "{}");
    let first = delivery(node.endpoint("plain"), id.offset());
    let rows = |reasons: &[&str]| {
        let outputs = (0..).zip(reasons);
        let all = outputs.map(|(k, reason)| (DeliveryId { k, ..first }, dead(reason, 1)));
        let all: Vec<(DeliveryId, DeadRow)> = all.collect();
        let row = |to: &DeliveryId| AttemptRow {
            outputs: u32::try_from(all.len()).unwrap(),
            ..row(*to, None, AttemptState::Dead)
        };
        let attempts = all.iter().map(|(to, _)| row(to)).collect();
        let dead = all.into_iter().map(|(to, row)| Change::Put(to, row)).collect();
        node.commit(Group { attempts, dead, ..Group::default() });
        explain(&node, id, "plain").1["why"].clone()
    };
    assert_eq!(rows(&["b", "a", "b"]), "3 of 3 outputs: a; b");
    let five = rows(&["e", "d", "c", "b", "a"]);
    assert_eq!(five, "5 of 5 outputs: a; b; c; further reasons: 2");
}

/// What this thread has had of a processor, in nanoseconds, where the machine says so.
fn processor_time() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split_whitespace().next()?.parse().ok()
}

#[test]
fn a_long_condition_is_not_asked_by_the_thread_that_answers() {
    let looks: Vec<String> = (0..100).map(|n| format!("data.a ILIKE '%yz{n}%'")).collect();
    let long = looks.join(" OR ");
    let node = Node::new();
    node.declare(vec![DeclaredEndpoint {
        condition: Some(long.clone()),
        ..DeclaredEndpoint::new(tenant(), "long", "https://x.example")
    }]);
    let id = node.publish("note", &format!(r#"{{"a":"{}"}}"#, "xy".repeat(512 << 10)));
    passed(&node, id.offset().next());
    let Some(start) = processor_time() else {
        eprintln!("NOT TESTED: a long condition, for no thread is told what it took here");
        return;
    };
    assert_eq!(state(&node, id, "long"), "dropped");
    let answered = processor_time().unwrap() - start;
    let (event, condition) =
        (node.log.event(id.offset()).unwrap().unwrap(), Condition::compile(&long).unwrap());
    let start = processor_time().unwrap();
    assert!(!condition.matches(&event, &mut ParsedBody::new()));
    let asked = processor_time().unwrap() - start;
    assert!(answered < asked / 2, "{answered} ns to answer, {asked} to ask the condition");
}

/// More retry rows are before its own than are looked at: its bytes tell that it waits.
#[test]
fn what_was_redriven_is_retrying_behind_however_many() {
    let node = node();
    let id = node.publish("order.paid", "{}");
    let to = delivery(node.endpoint("plain"), id.offset());
    let event = std::sync::Arc::new(crate::node::event(id, "order.paid", "{}"));
    let others = (0..30_000).map(|k| DeliveryId { offset: Offset(9), k, ..to });
    let later = Due::At(NOW + Duration::from_secs(1));
    node.commit(Group {
        attempts: vec![row(to, attempt(1, failed(Cause::Timeout)), AttemptState::Dead)],
        retries: others.map(|other| retry(Due::At(NOW), other)).chain([retry(later, to)]).collect(),
        parcels: vec![Change::Put(to, Parcel { stage: Stage::Output, event, input_key: None })],
        ..Group::default()
    });
    assert_eq!(state(&node, id, "plain"), "retrying");
    let kept = vec![Change::Remove(to)];
    let gone = vec![Change::Remove(RetryKey { due: later, delivery: to })];
    node.commit(Group { parcels: kept, retries: gone, ..Group::default() });
    assert_eq!(state(&node, id, "plain"), "purged");
}

#[test]
fn a_parked_delivery_waits_for_its_key() {
    let node = node();
    let id = node.publish("order.paid", "{}");
    let to = delivery(node.endpoint("plain"), id.offset());
    node.commit(Group {
        attempts: vec![row(to, None, AttemptState::Trouble)],
        retries: vec![retry(Due::Parked, to)],
        ..Group::default()
    });
    let (_, plain) = explain(&node, id, "plain");
    assert_eq!(
        (&plain["state"], plain["deliveries"][0]["attempts"].as_array().unwrap().len()),
        (&"parked".into(), 0)
    );
}

#[test]
fn what_left_no_row_is_known_by_who_keeps_it() {
    let node = node();
    let ids: Vec<EventId> = (0..6).map(|_| node.publish("order.paid", "{}")).collect();
    let wanted = node.publish("order.paid", r#"{"total":101}"#);
    passed(&node, Offset(7));
    assert_eq!(state(&node, ids[0], "choosy"), "dropped", "it has a condition");
    let (_, choosy) = explain(&node, ids[0], "choosy");
    assert_eq!(choosy["where"], "data.total > 100");
    assert_eq!(choosy["why"], "its condition (`where`) did not want it");
    assert_eq!(state(&node, wanted, "choosy"), "ended", "its condition wants it");
    assert_eq!(state(&node, ids[0], "plain"), "ended", "nothing could have dropped it");

    let lane = LaneId::main(node.endpoint("plain"));
    let behind =
        LaneRow { cursor: Offset(2), high: Offset(3), since: Offset::ZERO, why: Why::Breaker };
    let gap = GapRow { lane, from: Offset(0), until: Offset(1), at: NOW };
    node.commit(Group {
        lanes: vec![Change::Put(lane, behind)],
        gaps: vec![gap],
        ..Group::default()
    });
    let states: Vec<String> = ids.iter().map(|id| state(&node, *id, "plain")).collect();
    assert_eq!(states, ["expired", "ended", "in_flight", "waiting", "waiting", "waiting"]);
    let (_, plain) = explain(&node, ids[5], "plain");
    let why = plain["why"].as_str().unwrap();
    assert!(why.contains("breaker is open; 3 events"), "{why}");
}

#[test]
fn what_waits_for_a_filter_is_told_with_all_that_may_have_paused_its_endpoint() {
    let node = node();
    let id = node.publish("order.paid", "{}");
    let lane = LaneId::main(node.endpoint("plain"));
    let (cursor, why) = (id.offset(), Why::FilterStopped);
    let behind = LaneRow { cursor, high: cursor, since: Offset::ZERO, why };
    node.commit(Group { lanes: vec![Change::Put(lane, behind)], ..Group::default() });
    let (_, plain) = explain(&node, id, "plain");
    assert_eq!(plain["state"], "waiting");
    let why = plain["why"].as_str().unwrap();
    for part in ["is paused", "its policy is to stop", "its circuit is open", "cannot be run"] {
        assert!(why.contains(part), "{part}: {why}");
    }
}

#[test]
fn events_that_are_not_there_are_told_apart() {
    let node = node();
    let id = node.publish("order.paid", "{}");
    let later = EventId::new(id.millis(), id.offset().next());
    let lost = EventId::new(id.millis() - 1, id.offset());
    for absent in [later, lost] {
        let reply = node.get(&format!("/v1/explain/{absent}"));
        assert_eq!(reply.status, 404);
        assert_eq!(reply.json()["detail"], "there is no such event");
    }
    node.publish("order.paid", "{}");
    node.commit(Group { floor: Some(Offset(1)), ..Group::default() });
    let reply = node.get(&format!("/v1/explain/{id}"));
    assert_eq!(
        (reply.status, reply.json()["detail"].as_str()),
        (404, Some("retention has taken this event"))
    );
}

#[test]
fn a_damaged_record_is_told_as_such() {
    let node = node();
    let id = node.publish("order.paid", "{}");
    node.log.damage(id.offset());
    let reply = node.get(&format!("/v1/explain/{id}"));
    let told = reply.json();
    assert_eq!(
        (reply.status, &told["damaged"], &told["event"]["id"]),
        (200, &true.into(), &id.to_string().into())
    );
}

/// A node whose one endpoint runs the filter `f`, and what puts a module in force there.
fn filtered() -> (Node, impl Fn(&Node, &str) -> Value) {
    let node = Node::new();
    let put = |node: &Node, wasm: &str| {
        let put = push(node, "/v1/filter/f/version", wasm, &[]);
        assert!(put.status < 202, "{}", put.body);
        put.json()
    };
    put(&node, "\0asm-0");
    let endpoint = r#"{"url":"https://example.com/","uid":"e","filters":["f"]}"#;
    let made = node.send("POST", "/api/v1/app/default/endpoint", endpoint, &[]);
    assert_eq!(made.status, 201, "{}", made.body);
    (node, put)
}

#[test]
fn the_filters_that_ruled_are_told_with_their_modules() {
    let (node, put) = filtered();
    let first = put(&node, "\0asm-1");
    let before = node.publish("order.paid", "{}");
    let second = put(&node, "\0asm-2");
    let after = node.publish("order.paid", "{}");
    assert_ne!(first["module"], second["module"]);
    for (id, filter) in [(before, &first), (after, &second)] {
        let (_, told) = explain(&node, id, "e");
        let expected = json!([{
            "name": "f",
            "version": filter["version"],
            "module": filter["module"],
            "candidate": null,
        }]);
        assert_eq!((&told["filters"], &told["version"]), (&expected, &id.offset().0.into()));
    }
    // The same module with another configuration, for some of the keys. None has a key, so their
    // shares are those of their offsets: 52, 46 and 21.
    for (percent, faults, judged) in
        [(7, 20, json!(false)), (60, 20, json!(null)), (60, 0, json!(true))]
    {
        let config = json!({ "n": 1 });
        let canary = json!({ "config": config, "canary": percent, "stopAfterFaults": faults });
        let put = node.send("PUT", "/v1/filter/f/candidate", &canary.to_string(), &[]);
        assert!(put.status < 202, "{}", put.body);
        let (_, told) = explain(&node, node.publish("order.paid", "{}"), "e");
        let module = &second["module"];
        let expected = json!({ "module": module, "canary": percent, "judged": judged });
        assert_eq!(told["filters"][0]["candidate"], expected, "unless it was left out");
        assert_eq!(told["filters"][0]["version"], second["version"], "a trial is no version");
    }
}

/// Its lane was behind, so a version judged it that came after it: its rows say so.
#[test]
fn what_is_in_trouble_or_dead_names_the_version_that_judged_it() {
    let (node, put) = filtered();
    let first = put(&node, "\0asm-1");
    let id = node.publish("order.paid", "{}");
    let second = put(&node, "\0asm-2");
    let ruled_by = id.offset().next();
    let to = delivery(node.endpoint("e"), id.offset());
    let modules = || {
        let (_, told) = explain(&node, id, "e");
        let of_delivery = &told["deliveries"][0];
        assert_eq!(told["version"], of_delivery["version"]);
        (told["filters"][0]["module"].clone(), of_delivery["filters"][0]["module"].clone())
    };
    let both = |filter: &Value| (filter["module"].clone(), filter["module"].clone());
    let key = RetryKey { due: Due::At(NOW), delivery: to };
    node.commit(Group {
        attempts: vec![row(to, attempt(1, failed(Cause::Timeout)), AttemptState::Trouble)],
        retries: vec![Change::Put(key, retry_row(ruled_by))],
        ..Group::default()
    });
    assert_eq!(modules(), both(&second));
    node.commit(Group {
        retries: vec![Change::Remove(key)],
        dead: vec![Change::Put(to, DeadRow { ruled_by, ..dead("it is over", 1) })],
        ..Group::default()
    });
    assert_eq!(modules(), both(&second));
    node.commit(Group {
        dead: vec![Change::Put(to, DeadRow { ruled_by: id.offset(), ..dead("so it is", 1) })],
        ..Group::default()
    });
    assert_eq!(modules(), both(&first));
}

/// The module of what judged it by itself, and those of what may have done so in its place.
fn modules(told: &Value) -> (Value, Vec<Value>) {
    let module = |of: &Value| of["filters"][0]["module"].clone();
    (module(told), told["or"].as_array().unwrap().iter().map(module).collect())
}

/// Its lane may have been behind.
#[test]
fn where_no_row_tells_every_version_that_may_have_judged_is_named() {
    let (node, put) = filtered();
    let [first, second] = ["\0asm-1", "\0asm-2"].map(|wasm| {
        let module = put(&node, wasm)["module"].clone();
        (node.publish("order.paid", "{}"), module)
    });
    let at = |id: EventId| modules(&explain(&node, id, "e").1);
    let either = (first.1.clone(), vec![second.1.clone()]);
    assert_eq!(at(first.0), (first.1.clone(), vec![]), "a lane on the road is level");
    passed(&node, Offset(2));
    assert_eq!(at(first.0), either);
    assert_eq!(at(second.0), (second.1.clone(), vec![]), "no other ever ruled it");
    let (_, told) = explain(&node, first.0, "e");
    let why = "its filter `f` did not want it";
    assert_eq!((&told["state"], &told["why"]), (&"dropped".into(), &why.into()));

    let to = delivery(node.endpoint("e"), first.0.offset());
    let sent = attempt(1, Outcome::Delivered { status: 204 });
    let sent = row(to, sent, AttemptState::Delivered);
    node.commit(Group { attempts: vec![sent], ..Group::default() });
    assert_eq!(at(first.0), either);
    let (_, told) = explain(&node, first.0, "e");
    assert_eq!(modules(&told["deliveries"][0]), either, "it is not known when the second came");
}

#[test]
fn what_was_sent_before_a_version_came_was_not_judged_by_it() {
    let (node, put) = filtered();
    let first = put(&node, "\0asm-1")["module"].clone();
    let id = node.publish("order.paid", "{}");
    let second = put(&node, "\0asm-2")["module"].clone();
    let later = EventId::new(NOW.millis() + 10_000, node.log.head());
    let event = std::sync::Arc::new(crate::node::event(later, "order.paid", "{}"));
    node.commit(Group { events: vec![event], ..Group::default() });
    let third = put(&node, "\0asm-3")["module"].clone();
    passed(&node, Offset(2));
    let to = delivery(node.endpoint("e"), id.offset());
    let at = |seconds: u64| {
        let mut sent = attempt(1, Outcome::Delivered { status: 204 });
        sent.as_mut().unwrap().at = NOW + Duration::from_secs(seconds);
        sent
    };
    let sent = row(to, at(5), AttemptState::Delivered);
    node.commit(Group { attempts: vec![sent], ..Group::default() });
    let told = |id| modules(&explain(&node, id, "e").1);
    assert_eq!(told(id), (first, vec![second.clone()]), "the third came after it was sent");
    let to = delivery(node.endpoint("e"), later.offset());
    let sent = row(to, at(11), AttemptState::Delivered);
    node.commit(Group { attempts: vec![sent], ..Group::default() });
    assert_eq!(told(later), (second, vec![third]), "that may have been there");
}

#[test]
fn what_waits_is_to_be_judged_by_the_newest_and_what_is_begun_by_none_that_came_later() {
    let (node, put) = filtered();
    let first = put(&node, "\0asm-1")["module"].clone();
    let id = node.publish("order.paid", "{}");
    let second = put(&node, "\0asm-2")["module"].clone();
    node.publish("order.paid", "{}");
    let third = put(&node, "\0asm-3")["module"].clone();
    passed(&node, Offset(2));
    let lane = LaneId::main(node.endpoint("e"));
    let behind = |high, since| {
        let row = LaneRow { cursor: Offset(0), high, since, why: Why::Breaker };
        node.commit(Group { lanes: vec![Change::Put(lane, row)], ..Group::default() });
        modules(&explain(&node, id, "e").1)
    };
    assert_eq!(behind(Offset(0), Offset(0)), (third, vec![]));
    assert_eq!(behind(Offset(1), Offset(0)), (first.clone(), vec![]));
    assert_eq!(behind(Offset(1), Offset(1)), (first, vec![second]));
}
