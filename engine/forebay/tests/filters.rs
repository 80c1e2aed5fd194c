//! Filters at work, through a real socket, a real log and real guests: what they say, trials of
//! others beside them, and circuits.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests meet the machine"
)]

#[path = "filters/canaries.rs"]
mod canaries;
#[path = "support/engine.rs"]
mod engine;
#[path = "filters/erased.rs"]
mod erased;
#[path = "support/nobody.rs"]
mod nobody;
#[path = "filters/pins.rs"]
mod pins;
#[path = "support/receiver.rs"]
mod receiver;
#[path = "support/request.rs"]
mod request;
#[path = "filters/shared.rs"]
mod shared;
#[path = "filters/swaps.rs"]
mod swaps;

use engine::{arrival, run, shutdown};
use forebay::Engine;
use nobody::nobody;
use receiver::Receiver;
use request::{ADMIN, ask, open, send};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// `d` drops, `x` traps, what begins otherwise is kept.
const SINGLE: &str = include_str!("../../filter/tests/guests/single.wat");

/// Lets pass what it was given twice before, and puts off the rest.
const PATIENT: &str = include_str!("../../filter/tests/guests/patient.wat");

/// Drops everything, or nothing.
fn constant(keeps: bool) -> Vec<u8> {
    let text = format!(
        "(module (memory (export \"memory\") 1)
           (func (export \"forebay_buffer\") (param i32) (result i32) (i32.const 1024))
           (func (export \"forebay_filter_v1\") (param i32 i32) (result i32) (i32.const {})))",
        i32::from(keeps)
    );
    wat::parse_str(text).unwrap()
}

async fn publish(engine: &Engine, bodies: &[&str]) {
    for body in bodies {
        engine.publish(arrival("note", None, body)).await.unwrap();
    }
}

/// Puts a module in force as the filter `f`, and an endpoint behind it.
async fn put_up(at: SocketAddr, wasm: &[u8], settings: Value, url: &str) {
    push(at, "/v1/filter/f/version", wasm).await;
    assert_eq!(ask(at, ADMIN, "PATCH", "/v1/filter/f", settings).await.0, 200);
    let endpoint = json!({ "url": url, "filters": ["f"] });
    let (status, made) = ask(at, ADMIN, "POST", "/api/v1/app/default/endpoint", endpoint).await;
    assert_eq!(status, 201, "{made}");
}

async fn push(at: SocketAddr, path: &str, wasm: &[u8]) -> Value {
    let (status, made) = send(at, ADMIN, "POST", path, "application/wasm", wasm.to_vec()).await;
    assert!((200..300).contains(&status), "{status} {made}");
    made
}

async fn get(at: SocketAddr, path: &str) -> Value {
    let (status, found) = ask(at, ADMIN, "GET", path, json!(null)).await;
    assert_eq!(status, 200, "{path}: {found}");
    found
}

/// Asks until the answer is as wanted; the test's own limit of time ends it.
async fn until(at: SocketAddr, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    loop {
        let found = get(at, path).await;
        if is_so(&found) {
            return found;
        }
        runtime::tasks::sleep(Duration::from_millis(20)).await;
    }
}

/// The bytes of modules and of their compiled forms, and how many files have them.
fn kept(data: &Path) -> (u64, usize) {
    let files = std::fs::read_dir(data.join("modules")).unwrap().map(|entry| entry.unwrap());
    let files = files.filter(|file| file.file_name() != "seal.key");
    let sizes: Vec<u64> = files.map(|file| file.metadata().unwrap().len()).collect();
    (sizes.iter().sum(), sizes.len())
}

/// As if all of them had been uploaded two days ago.
fn grow_old(data: &Path) {
    let then = std::time::SystemTime::now() - Duration::from_secs(48 * 3600);
    for entry in std::fs::read_dir(data.join("modules")).unwrap() {
        let file = std::fs::File::options().append(true).open(entry.unwrap().path()).unwrap();
        file.set_modified(then).unwrap();
    }
}

#[test]
fn modules_that_nothing_names_any_more_leave_the_disk() {
    let data = tempfile::tempdir().unwrap();
    let restarted = || {
        let engine = open(data.path());
        let at = engine.addr().unwrap();
        (engine, at, kept(data.path()))
    };
    run(async {
        let (engine, at, none) = restarted();
        assert_eq!(none, (0, 0));
        let first = push(at, "/v1/filter/f/version", &wat::parse_str(SINGLE).unwrap()).await;
        push(at, "/v1/filter/f/version", &constant(false)).await;
        let (bytes, files) = kept(data.path());
        assert_eq!(files, 4, "two modules, each with its compiled form");
        push(at, "/v1/filter/gone/version", &constant(true)).await;
        assert_eq!(ask(at, ADMIN, "DELETE", "/v1/filter/gone", json!(null)).await.0, 204);
        shutdown(engine).await;

        let (engine, _, young) = restarted();
        assert_eq!(young.1, 6, "one that was uploaded lately may be about to be named");
        shutdown(engine).await;
        grow_old(data.path());
        let (engine, at, old) = restarted();
        assert_eq!(old, (bytes, 4), "earlier versions stay");
        let back = first["version"].as_str().unwrap();
        let back = format!("/v1/filter/f/version/{back}/restore");
        assert_eq!(ask(at, ADMIN, "POST", &back, json!(null)).await.0, 200);

        push(at, "/v1/filter/again/version", &wat::parse_str(SINGLE).unwrap()).await;
        for name in ["f", "again"] {
            let path = format!("/v1/filter/{name}");
            assert_eq!(ask(at, ADMIN, "DELETE", &path, json!(null)).await.0, 204);
        }
        shutdown(engine).await;
        let (engine, _, young) = restarted();
        assert_eq!(young.1, 2, "the one that was there already was uploaded again");
        shutdown(engine).await;
        grow_old(data.path());
        let (engine, _, nothing) = restarted();
        assert_eq!(nothing, (0, 0));
        shutdown(engine).await;
    });
}

#[test]
fn a_shadow_sees_everything_and_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| 200);
    run(async {
        let engine = open(data.path());
        let at = engine.addr().unwrap();
        put_up(at, &wat::parse_str(SINGLE).unwrap(), json!({}), &receiver.url()).await;
        let staged = push(at, "/v1/filter/f/version?stage=true", &constant(false)).await;
        let path = "/v1/filter/f/candidate";
        assert_eq!(ask(at, ADMIN, "GET", path, json!(null)).await.0, 404);
        let trial = json!({ "module": staged["module"] });
        let (status, begun) = ask(at, ADMIN, "PUT", path, trial).await;
        assert_eq!((status, &begun["judged"]), (201, &json!(0)), "{begun}");
        assert_eq!(get(at, "/v1/filter/f").await["hasCandidate"], true);
        publish(&engine, &["keep 1", "d", "keep 2", "x"]).await;
        receiver.wait_for(2).await;
        let seen = until(at, path, |seen| seen["judged"] == 4).await;
        assert_eq!((&seen["differing"], &seen["faults"]), (&json!(3), &json!(0)), "{seen}");
        let examples = seen["examples"].as_array().unwrap();
        let said: Vec<_> = examples.iter().map(|one| &one["inForce"]["verdict"]).collect();
        assert_eq!(said, ["reject", "pass", "pass"], "the newest first");
        assert!(examples.iter().all(|one| one["candidate"]["verdict"] == "drop"));
        assert_eq!(ask(at, ADMIN, "DELETE", path, json!(null)).await.0, 204);
        publish(&engine, &["keep 3"]).await;
        receiver.wait_for(3).await;
        assert_eq!(get(at, "/v1/filter/f").await["hasCandidate"], false);
        shutdown(engine).await;
    });
    let bodies: Vec<_> = receiver.stop().iter().map(|seen| seen.body_text()).collect();
    assert_eq!(bodies, ["keep 1", "keep 2", "keep 3"]);
}

#[test]
fn a_canary_has_its_keys_to_itself_also_after_a_restart_until_it_is_promoted() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| 200);
    let keys: Vec<String> = (0..100).map(|n| format!("key-{n}")).collect();
    let round = async |engine: &Engine, name: &str| {
        for key in &keys {
            let note = arrival("note", Some(key), &format!("{name} {key}"));
            engine.publish(note).await.unwrap();
        }
    };
    run(async {
        let engine = open(data.path());
        let at = engine.addr().unwrap();
        put_up(at, &constant(true), json!({}), &receiver.url()).await;
        let staged = push(at, "/v1/filter/f/version?stage=true", &constant(false)).await;
        let path = "/v1/filter/f/candidate";
        let trial = json!({ "module": staged["module"], "canary": 30 });
        assert_eq!(ask(at, ADMIN, "PUT", path, trial).await.0, 201);
        round(&engine, "first").await;
        let judged = until(at, path, |seen| seen["judged"].as_u64() > Some(9)).await;
        assert_eq!(judged["differing"], 0, "nothing is judged twice: {judged}");
        shutdown(engine).await;

        let engine = open(data.path());
        round(&engine, "second").await;
        shutdown(engine).await;

        let engine = open(data.path());
        let at = engine.addr().unwrap();
        let promoted = ask(at, ADMIN, "POST", &format!("{path}/promote"), json!(null)).await;
        assert_eq!((promoted.0, &promoted.1["module"]), (200, &staged["module"]));
        assert_eq!(ask(at, ADMIN, "GET", path, json!(null)).await.0, 404);
        round(&engine, "third").await;
        shutdown(engine).await;

        // Its earlier version comes back whole, without a trial.
        let engine = open(data.path());
        let at = engine.addr().unwrap();
        let versions = get(at, "/v1/filter/f/version").await;
        let before = versions["data"][1]["version"].as_str().unwrap();
        let back = format!("/v1/filter/f/version/{before}/restore");
        assert_eq!(ask(at, ADMIN, "POST", &back, json!(null)).await.0, 200);
        round(&engine, "fourth").await;
        // What a shutdown leaves is sent by the next start, and there is none.
        while receiver.count_of("fourth ") < keys.len() {
            runtime::tasks::sleep(Duration::from_millis(20)).await;
        }
        shutdown(engine).await;
    });
    let mut kept: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for seen in receiver.stop() {
        let body = seen.body_text();
        let (round, key) = body.split_once(' ').unwrap();
        kept.entry(round.to_owned()).or_default().insert(key.to_owned());
    }
    assert_eq!(kept["first"], kept["second"], "a key stays on its side");
    assert!((50..90).contains(&kept["first"].len()), "{}", kept["first"].len());
    assert!(!kept.contains_key("third"), "what was promoted judges all");
    assert_eq!(kept["fourth"].len(), 100);
}

#[test]
fn a_filter_that_fails_too_often_stops_its_endpoints_until_a_better_one_comes() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| 200);
    run(async {
        let engine = open(data.path());
        let at = engine.addr().unwrap();
        let circuit = json!({ "circuit": { "faults": 3, "withinMs": 600_000 } });
        put_up(at, &wat::parse_str(SINGLE).unwrap(), circuit, &receiver.url()).await;
        publish(&engine, &["keep 1", "x", "x"]).await;
        receiver.wait_for(1).await;
        let log = "/v1/filter/f/log?level=error";
        until(at, log, |log| log["data"].as_array().unwrap().len() == 2).await;
        assert_eq!(get(at, log).await["circuitOpenUntil"], json!(null));
        publish(&engine, &["x"]).await;
        let is_told = |log: &Value| {
            let last = log["data"].as_array().unwrap().last();
            last.is_some_and(|line| line["text"].as_str().unwrap().contains("circuit is open"))
        };
        let open = until(at, log, is_told).await;
        assert!(open["circuitOpenUntil"].is_string(), "{open}");
        assert_eq!(open["data"][0]["fault"], "trap");
        publish(&engine, &["keep 2", "keep 3"]).await;
        runtime::tasks::sleep(Duration::from_millis(300)).await;
        assert_eq!(receiver.count(), 1, "they wait in the log");
        let metrics = request::text(at, ADMIN, "/metrics").await;
        let wanted = "forebay_filter_circuits_opened_total{filter=\"f\"} 1";
        assert!(metrics.contains(wanted), "{metrics}");
        push(at, "/v1/filter/f/version", &constant(true)).await;
        receiver.wait_for(3).await;
        shutdown(engine).await;
    });
    let bodies: Vec<_> = receiver.stop().iter().map(|seen| seen.body_text()).collect();
    assert_eq!(bodies, ["keep 1", "keep 2", "keep 3"]);
}

#[test]
fn a_filter_that_waits_for_its_third_run_of_an_event_has_it() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| 200);
    run(async {
        let engine = open(data.path());
        let at = engine.addr().unwrap();
        put_up(at, &wat::parse_str(PATIENT).unwrap(), json!({}), &receiver.url()).await;
        publish(&engine, &["at last"]).await;
        receiver.wait_for(1).await;
        let metrics = request::text(at, ADMIN, "/metrics").await;
        for (verdict, count) in [("retry", 2), ("pass", 1)] {
            let of_f = format!("forebay_filter_events_total{{filter=\"f\",verdict=\"{verdict}\"}}");
            let wanted = format!("{of_f} {count}");
            assert!(metrics.lines().any(|line| line == wanted), "{metrics}");
        }
        shutdown(engine).await;
    });
    let bodies: Vec<_> = receiver.stop().iter().map(|seen| seen.body_text()).collect();
    assert_eq!(bodies, ["at last"]);
}

#[test]
fn what_a_filter_does_wrong_is_told_with_its_event() {
    let data = tempfile::tempdir().unwrap();
    run(async {
        let engine = open(data.path());
        let at = engine.addr().unwrap();
        let wasm = wat::parse_str(SINGLE).unwrap();
        put_up(at, &wasm, json!({ "onError": "drop" }), nobody()).await;
        publish(&engine, &["x", "f"]).await;
        let log = "/v1/filter/f/log";
        let told = until(at, log, |log| log["data"].as_array().unwrap().len() == 2).await;
        let kinds: Vec<_> =
            told["data"].as_array().unwrap().iter().map(|line| &line["fault"]).collect();
        assert_eq!(kinds, ["trap", "failed"]);
        let id = told["data"][0]["eventId"].as_str().unwrap();
        assert!(id.starts_with("evt_"), "{told}");
        let after = format!("{log}?after={}", told["data"][0]["number"]);
        assert_eq!(get(at, &after).await["data"].as_array().unwrap().len(), 1);
        assert_eq!(ask(at, ADMIN, "GET", "/v1/filter/g/log", json!(null)).await.0, 404);
        shutdown(engine).await;
    });
}
