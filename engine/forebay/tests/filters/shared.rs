//! Endpoints with one filter between them and conditions of their own.

use crate::engine::{arrival, run, shutdown};
use crate::receiver::Receiver;
use crate::request::{ADMIN, ask, listening, text};
use crate::{SINGLE, push, until};
use forebay::Engine;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

const ENDPOINTS: usize = 12;

async fn put_up(at: SocketAddr, url: &str) {
    push(at, "/v1/filter/f/version", &wat::parse_str(SINGLE).unwrap()).await;
    let settings = json!({ "onError": "drop" });
    assert_eq!(ask(at, ADMIN, "PATCH", "/v1/filter/f", settings).await.0, 200);
    let filtered = (0..ENDPOINTS).map(|n| {
        let condition = format!("key = 'all' OR key = 'k{n}'");
        json!({ "url": url, "where": condition, "filters": ["f"] })
    });
    let bare = [1, 2].map(|n| json!({ "url": url, "where": format!("data.n = {n}") }));
    for endpoint in filtered.chain(bare) {
        let (status, made) = ask(at, ADMIN, "POST", "/api/v1/app/default/endpoint", endpoint).await;
        assert_eq!(status, 201, "{made}");
    }
}

/// Waits until the metrics say each of these.
async fn counted(at: SocketAddr, lines: &[&str]) {
    loop {
        let metrics = text(at, ADMIN, "/metrics").await;
        if lines.iter().all(|line| metrics.lines().any(|told| told == *line)) {
            return;
        }
        runtime::tasks::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn a_filter_runs_once_for_all_whose_conditions_match_and_not_where_none_does() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| 200);
    run(async {
        let mut plan = listening(data.path());
        plan.shards = 1;
        plan.guard.allow_loopback = true;
        let engine = Engine::open(plan).unwrap();
        let at = engine.addr().unwrap();
        put_up(at, &receiver.url()).await;
        for (key, body) in [
            ("k3", "keep for one"),
            ("all", "keep for all"),
            ("none", "keep for none"),
            ("all", "x"),
            ("none", "x"),
            ("none", r#"{"n":1}"#),
        ] {
            engine.publish(arrival("note", Some(key), body)).await.unwrap();
        }
        receiver.wait_for(ENDPOINTS + 2).await;
        let log = until(at, "/v1/filter/f/log", |log| log["data"] != json!([])).await;
        let failed: Vec<&Value> =
            log["data"].as_array().unwrap().iter().map(|line| &line["fault"]).collect();
        assert_eq!(failed, ["trap"], "once for all, and not for what nobody wants");
        counted(
            at,
            &[
                "forebay_filter_events_total{filter=\"f\",verdict=\"pass\"} 2",
                "forebay_filter_events_total{filter=\"f\",verdict=\"drop\"} 4",
                "forebay_filter_events_total{filter=\"where\",verdict=\"pass\"} 1",
                "forebay_filter_events_total{filter=\"where\",verdict=\"drop\"} 11",
            ],
        )
        .await;
        let log = until(at, "/v1/filter/f/log", |_| true).await;
        assert_eq!(log["data"].as_array().unwrap().len(), 1, "{log}");
        shutdown(engine).await;
    });
    let counts = ["keep for one", "keep for all", "keep for none", "x", "{\"n\":1}"]
        .map(|begin| receiver.count_of(begin));
    assert_eq!(counts, [1, ENDPOINTS, 0, 0, 1]);
}
