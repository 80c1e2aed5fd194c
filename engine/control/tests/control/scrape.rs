use crate::node::{NOW, Node, delivery, request, tenant};
use control::CodeClass;
use event::{Cause, Change, Due, LaneId, LaneRow, Offset, Outcome, Verdict, Watermarks, Why};
use event::{RetryKey, RetryRow, Stage};
use log::Group;
use registry::DeclaredEndpoint;
use std::time::Duration;

/// What the public surface promises, each with the type that it has.
const FAMILIES: &[(&str, &str)] = &[
    ("forebay_ingest_requests", "counter"),
    ("forebay_ingest_seconds", "histogram"),
    ("forebay_commit_events", "histogram"),
    ("forebay_fsync_seconds", "histogram"),
    ("forebay_ingest_refused", "counter"),
    ("forebay_ingest_duplicates", "counter"),
    ("forebay_deliveries", "counter"),
    ("forebay_delivery_seconds", "histogram"),
    ("forebay_end_to_end_seconds", "histogram"),
    ("forebay_lane_lag_events", "gauge"),
    ("forebay_lane_lag_seconds", "gauge"),
    ("forebay_retries_scheduled", "gauge"),
    ("forebay_dead_letters", "gauge"),
    ("forebay_filter_seconds", "histogram"),
    ("forebay_filter_events", "counter"),
    ("forebay_filter_traps", "counter"),
    ("forebay_breaker_open", "gauge"),
    ("forebay_log_bytes", "gauge"),
    ("forebay_disk_free_bytes", "gauge"),
    ("forebay_build", "info"),
    ("process_cpu_seconds", "counter"),
    ("process_resident_memory_bytes", "gauge"),
];

fn scrape(node: &Node) -> String {
    let reply = node.one(request("GET", "/metrics", &[]));
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!((reply.status, &*reply.headers["content-type"]), (200, media));
    reply.body
}

/// Whether one line is this, whole.
fn has(page: &str, line: &str) -> bool {
    page.lines().any(|l| l == line)
}

#[test]
fn every_promised_family_is_there_from_the_start() {
    let page = scrape(&Node::new());
    for (family, kind) in FAMILIES {
        assert!(has(&page, &format!("# TYPE {family} {kind}")), "{family} in\n{page}");
    }
    assert!(page.ends_with("# EOF\n"));
    let build = "forebay_build_info{version=\"1.2.3\",revision=\"abc\",durability=\"fsync\"} 1";
    assert!(has(&page, build), "{page}");
    assert!(has(&page, "process_cpu_seconds_total 1.5"), "{page}");
    assert!(!page.contains("process_open_fds"), "not known is not zero");
}

#[test]
fn what_happened_is_counted() {
    let node = Node::new();
    let metrics = &node.metrics;
    let ms = Duration::from_millis;
    metrics.ingest_answered("shop", 202, ms(2));
    metrics.ingest_answered("shop", 202, ms(2));
    metrics.ingest_duplicate("shop");
    metrics.ingest_conflict("shop");
    metrics.ingest_answered("", 401, ms(1));
    metrics.ingest_refused("", "unknown_source");
    metrics.committed(3, Some(ms(4)));
    metrics.committed(0, None);
    metrics.attempt_ended(CodeClass::Success, ms(20), Some(ms(30)));
    let timeout = Outcome::Failed { cause: Cause::Timeout, retry_after: None };
    metrics.attempt_ended(CodeClass::of(&timeout), Duration::from_secs(15), None);
    metrics.filter_judged("only-paid", &Verdict::Drop);
    metrics.filter_ran(ms(1));
    metrics.filter_trapped("out_of_fuel");
    metrics.gap(true, 3);
    let page = scrape(&node);
    for line in [
        "forebay_ingest_requests_total{source=\"shop\",code=\"202\"} 2",
        "forebay_ingest_requests_total{source=\"(none)\",code=\"401\"} 1",
        "forebay_ingest_refused_total{source=\"(none)\",reason=\"unknown_source\"} 1",
        "forebay_ingest_duplicates_total{source=\"shop\"} 1",
        "forebay_ingest_conflicts_total{source=\"shop\"} 1",
        "forebay_ingest_seconds_count 3",
        "forebay_ingest_seconds_sum 0.005",
        "forebay_ingest_seconds_bucket{le=\"0.001\"} 1",
        "forebay_ingest_seconds_bucket{le=\"+Inf\"} 3",
        "forebay_commit_events_count 1",
        "forebay_commit_events_bucket{le=\"4.0\"} 1",
        "forebay_fsync_seconds_sum 0.004",
        "forebay_deliveries_total{code_class=\"2xx\"} 1",
        "forebay_deliveries_total{code_class=\"timeout\"} 1",
        "forebay_deliveries_total{code_class=\"5xx\"} 0",
        "forebay_delivery_seconds_count 2",
        "forebay_end_to_end_seconds_count 1",
        "forebay_filter_events_total{filter=\"only-paid\",verdict=\"drop\"} 1",
        "forebay_filter_events_total{filter=\"only-paid\",verdict=\"pass\"} 0",
        "forebay_gap_events_total{reason=\"damage\"} 3",
        "forebay_gap_events_total{reason=\"retention\"} 0",
        "forebay_filter_traps_total{reason=\"out_of_fuel\"} 1",
    ] {
        assert!(has(&page, line), "{line} in\n{page}");
    }
}

#[test]
fn a_hundred_thousand_hostile_names_do_not_swell_a_scrape() {
    let node = Node::new();
    let zero = Duration::ZERO;
    for n in 0..100_000_u32 {
        node.metrics.ingest_answered(&format!("s{n}\"\\\n}} 1"), 100 + (n % 900) as u16, zero);
        node.metrics.ingest_refused(&format!("s{n}"), &format!("r{n}"));
        node.metrics.filter_judged(&format!("f{n}"), &Verdict::Pass);
        node.metrics.filter_trapped(&format!("t{n}"));
    }
    let page = scrape(&node);
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("{source=\"(other)\",code=\"(other)\"}"));
    assert!(page.contains("filter_events_total{filter=\"(other)\",verdict=\"pass\"} 99744"));
    assert!(page.contains("source=\"s0\\\"\\\\\\n} 1\""), "names are escaped");
    let is_whole = |line: &str| line.starts_with(['#', 'f', 'p']);
    assert!(page.lines().all(is_whole), "no name begins a line of its own");
}

#[test]
fn states_are_read_when_somebody_asks() {
    let node = Node::new();
    node.declare(vec![DeclaredEndpoint::new(tenant(), "one", "https://x.example")]);
    let ids: Vec<_> = (0..5).map(|_| node.publish("order.paid", "{}")).collect();
    let lane = LaneId::main(node.endpoint("one"));
    let row = LaneRow { cursor: Offset(2), high: Offset(2), since: Offset(0), why: Why::Breaker };
    let retry = RetryRow {
        attempts: 1,
        stage: Stage::Output,
        outputs: 1,
        since: NOW,
        ruled_by: Offset(0),
        key_hash: None,
    };
    let keys = ids.iter().map(|id| delivery(lane.endpoint, id.offset()));
    let keys = keys.map(|delivery| RetryKey { due: Due::Parked, delivery });
    node.commit(Group {
        lanes: vec![Change::Put(lane, row)],
        retries: keys.map(|key| Change::Put(key, retry)).collect(),
        watermarks: Some(Watermarks { shards: vec![Offset(5)] }),
        ..Group::default()
    });
    let page = scrape(&node);
    for line in [
        "forebay_lane_lag_events 3",
        "forebay_breaker_open 1",
        "forebay_retries_scheduled 5",
        "forebay_dead_letters 0",
    ] {
        assert!(has(&page, line), "{line} in\n{page}");
    }
}
