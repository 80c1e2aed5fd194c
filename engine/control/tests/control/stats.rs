use crate::node::{NOW, Node, dead, delivery, key, request, tenant};
use control::Role;
use event::{
    Attempted, Cause, Due, LaneId, LaneRow, Offset, Outcome, RetryKey, RetryRow, Stage, TenantId,
    Time, Watermarks, Why,
};
use log::{Change, Group};
use registry::DeclaredEndpoint;
use std::time::Duration;

/// A node with an endpoint `ci` that has delivered four events and failed with one for good.
fn node() -> Node {
    let node = Node::new();
    let url = "https://example.com/in";
    node.declare(vec![
        DeclaredEndpoint::new(tenant(), "ci", url),
        DeclaredEndpoint::new(TenantId::new("other"), "theirs", url),
    ]);
    let mut tally = node.stats.tally();
    for n in 0..5 {
        let event_type = if n == 0 { "order.lost" } else { "order.paid" };
        tally.of_type(&tenant(), event_type).accepted(100);
        let counts = tally.of_endpoint(node.endpoint("ci"), &tenant(), event_type);
        counts.matched();
        counts.attempt_began();
        let outcome = match n {
            0 => Outcome::Failed { cause: Cause::Status(500), retry_after: None },
            _ => Outcome::Delivered { status: 200 },
        };
        let (at, took) = (NOW, Duration::from_millis(40));
        counts.attempt_ended(&Attempted { number: 1, at, took, outcome }, at, true);
    }
    tally.of_type(&TenantId::new("other"), "order.paid").accepted(1);
    node
}

#[test]
fn what_happened_is_told_by_minutes_with_sums_and_quantiles() {
    let node = node();
    let told = node.get("/v1/stats?by=eventType").json();
    assert_eq!(told["stepSeconds"], 60);
    assert_eq!(told["data"].as_array().unwrap().len(), 1);
    assert_eq!(told["data"][0]["at"], "2023-11-14T22:13:00Z");
    for counts in [&told["total"], &told["data"][0]] {
        let numbers = ["accepted", "acceptedBytes", "matched", "dropped", "delivered"];
        assert_eq!(numbers.map(|name| counts[name].as_u64().unwrap()), [5, 500, 5, 0, 4]);
        assert_eq!((&counts["failedAttempts"], &counts["deadLetters"]), (&1.into(), &1.into()));
        let p99 = counts["attemptMs"]["p99"].as_f64().unwrap();
        assert!((p99 / 40.0 - 1.0).abs() < 0.13, "{p99}");
    }
    let names: Vec<_> = told["groups"].as_array().unwrap().iter().map(|g| &g["name"]).collect();
    assert_eq!(names, ["order.paid", "order.lost"]);
    let of_type = node.get("/v1/stats?eventType=order.lost").json();
    assert_eq!(
        (&of_type["total"]["accepted"], &of_type["total"]["delivered"]),
        (&1.into(), &0.into())
    );
    let of_endpoint = node.get("/v1/stats?endpoint=ci&by=endpoint").json();
    assert_eq!(of_endpoint["total"]["accepted"], 0);
    assert_eq!(of_endpoint["groups"][0]["delivered"], 4);
    // Long after, in hours.
    node.clock.advance(Duration::from_secs(3 * 24 * 3600));
    assert_eq!(node.get("/v1/stats").json()["total"]["accepted"], 0);
    let old = node.get("/v1/stats?from=2023-11-14T00:00:00Z").json();
    assert_eq!((&old["stepSeconds"], &old["total"]["accepted"]), (&3600.into(), &5.into()));
    assert_eq!(old["data"][0]["at"], "2023-11-14T22:00:00Z");
}

#[test]
fn one_application_sees_nothing_of_another() {
    let mut node = node();
    let theirs = node.get("/v1/stats?app=other&by=eventType").json();
    assert_eq!((&theirs["total"]["accepted"], &theirs["total"]["matched"]), (&1.into(), &0.into()));
    assert_eq!(theirs["groups"].as_array().unwrap().len(), 1);
    assert_eq!(node.get("/v1/stats?app=other&endpoint=ci").status, 404);
    let id = node.endpoint("ci");
    assert_eq!(node.get(&format!("/v1/stats?app=other&endpoint={id}")).status, 404);
    let path = format!("/api/v1/app/other/endpoint/{id}/stats");
    assert_eq!(node.get(&path).status, 404);
    // A key that is bound to one asks about that one.
    let bearer = key(&mut node, Role::Reader(Some(TenantId::new("other"))), u64::MAX);
    let bearer = format!("authorization: Bearer {bearer}");
    let own = node.one(request("GET", "/v1/stats", &[&bearer])).json();
    assert_eq!(own["total"]["accepted"], 1);
    let foreign = node.one(request("GET", "/v1/stats?app=default", &[&bearer]));
    assert_eq!(foreign.status, 404);
}

#[test]
fn an_endpoints_lag_is_told_with_its_numbers() {
    let node = node();
    for _ in 0..3 {
        node.publish("order.paid", "{}");
        node.clock.advance(Duration::from_secs(5));
    }
    let lag = |query: &str| {
        let told = node.get(&format!("/v1/stats?{query}")).json();
        let of = if query.contains("by=endpoint") { &told["groups"][0] } else { &told };
        (of["lagEvents"].as_u64(), of["lagSeconds"].as_f64())
    };
    assert_eq!(lag("endpoint=ci"), (Some(3), Some(15.0)), "nothing has been passed");
    let passed = Some(Watermarks { shards: vec![Offset(2), Offset(3)] });
    node.commit(Group { watermarks: passed, ..Group::default() });
    assert_eq!(lag("endpoint=ci"), (Some(1), Some(15.0)));
    assert_eq!(lag("by=endpoint"), (Some(1), Some(15.0)));
    assert_eq!(lag("by=eventType"), (None, None), "types have no lanes");
    assert_eq!(lag(""), (None, None));

    let ci = node.endpoint("ci");
    let lane = |cursor| LaneRow {
        cursor: Offset(cursor),
        high: Offset(3),
        since: Offset::ZERO,
        why: Why::Breaker,
    };
    node.commit(Group {
        lanes: vec![Change::Put(LaneId::main(ci), lane(1))],
        watermarks: Some(Watermarks { shards: vec![Offset(3)] }),
        ..Group::default()
    });
    assert_eq!(lag("endpoint=ci&by=endpoint"), (Some(2), Some(15.0)));
    assert_eq!(lag("app=other&endpoint=theirs"), (Some(0), Some(0.0)), "the others are level");
    let level = Group { lanes: vec![Change::Put(LaneId::main(ci), lane(3))], ..Group::default() };
    node.commit(level);
    assert_eq!(lag("endpoint=ci"), (Some(0), Some(0.0)));

    let polled = r#"{"url":"poll:","uid":"p"}"#;
    assert_eq!(node.send("POST", "/api/v1/app/default/endpoint", polled, &[]).status, 201);
    assert_eq!(lag("endpoint=p"), (None, None), "consumers of it have places of their own");
}

#[test]
fn what_is_asked_for_wrongly_is_told() {
    let node = node();
    for bad in [
        "from=yesterday",
        "from=2023-11-15T00:00:00Z&to=2023-11-14T00:00:00Z",
        "step=90",
        "step=59",
        "from=2023-01-01T00:00:00Z&step=60",
        "by=tenant",
    ] {
        assert_eq!(node.get(&format!("/v1/stats?{bad}")).status, 400, "{bad}");
    }
}

#[test]
fn an_endpoint_has_the_numbers_that_svix_tells() {
    let node = node();
    let (ci, event) = (node.endpoint("ci"), node.publish("order.paid", "{}"));
    let row = RetryRow {
        attempts: 1,
        stage: Stage::Output,
        outputs: 1,
        since: NOW,
        ruled_by: Offset::ZERO,
        key_hash: None,
    };
    let trouble = delivery(ci, event.offset());
    let due = Due::At(Time::from_secs(NOW.secs() + 60));
    node.commit(Group {
        retries: vec![Change::Put(RetryKey { due, delivery: trouble }, row)],
        dead: vec![Change::Put(delivery(ci, Offset(9)), dead("no", 3))],
        ..Group::default()
    });
    let mut tally = node.stats.tally();
    tally.of_endpoint(ci, &tenant(), "order.paid").attempt_began();
    let path = "/api/v1/app/default/endpoint/ci/stats";
    node.clock.advance(Duration::from_secs(1));
    let told = node.get(path).json();
    let wanted = serde_json::json!(
        { "success": 4, "pending": 1, "sending": 1, "fail": 1, "canceled": 0 }
    );
    assert_eq!(told, wanted);
    let before = node.get(&format!("{path}?until=2023-11-14T20:00:00Z")).json();
    assert_eq!((&before["success"], &before["pending"]), (&0.into(), &0.into()));
    let recent = node.get(&format!("{path}?since=2023-11-14T22:13:00Z")).json();
    assert_eq!(recent["success"], 4);
    assert_eq!(node.get(&format!("{path}?since=2123-11-14T22:13:00Z")).status, 422);
}
