//! Canaries that fail too often, and canaries that a configuration file declares.

use crate::engine::{arrival, frugal, run, shutdown};
use crate::receiver::Receiver;
use crate::request::{self, ADMIN, ask, open, with_api};
use crate::{constant, get, push, put_up, until};
use forebay::config::{Config, Inputs};
use forebay::{Engine, Plan, Reread};
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Fails at everything.
const TRAP: &str = r#"(module (memory (export "memory") 1)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "forebay_filter_v1") (param i32 i32) (result i32) unreachable))"#;

const CANDIDATE: &str = "/v1/filter/f/candidate";

async fn publish(engine: &Engine, round: &str, keys: std::ops::Range<usize>) {
    for key in keys {
        let arrival = arrival("note", Some(&format!("key-{key}")), &format!("{round} {key}"));
        engine.publish(arrival).await.unwrap();
    }
}

/// Publishes events one by one until the engine has ended the canary. Gives how many there were.
async fn fail(engine: &Engine, at: SocketAddr, round: &str) -> (usize, Value) {
    for sent in 0.. {
        let told = get(at, CANDIDATE).await;
        if told["ended"].is_object() {
            return (sent, told);
        }
        publish(engine, round, sent..sent + 1).await;
    }
    unreachable!("there are numbers enough")
}

async fn all_arrive(engine: &Engine, receiver: &Receiver, round: &str) {
    publish(engine, round, 0..100).await;
    let begin = format!("{round} ");
    while receiver.count_of(&begin) < 100 {
        runtime::tasks::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[test]
fn one_that_fails_too_often_is_ended_for_good_and_nothing_is_lost() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| 200);
    run(async {
        let engine = open(data.path());
        let at = engine.addr().unwrap();
        put_up(at, &constant(true), json!({}), &receiver.url()).await;
        let trap = wat::parse_str(TRAP).unwrap();
        let staged = push(at, "/v1/filter/f/version?stage=true", &trap).await;
        let trial = json!({ "module": staged["module"], "canary": 50, "stopAfterFaults": 5 });
        let (status, begun) = ask(at, ADMIN, "PUT", CANDIDATE, trial.clone()).await;
        assert_eq!((status, &begun["stopAfterFaults"]), (201, &json!(5)), "{begun}");

        let (sent, told) = fail(&engine, at, "before").await;
        let reason = told["ended"]["reason"].as_str().unwrap();
        assert!(reason.contains("5 times") && reason.contains("`trap`"), "{reason}");
        assert!(told["faults"].as_u64() >= Some(5), "{told}");
        let letters = "/v1/dead-letter?limit=250";
        let is_whole = |page: &Value| {
            let dead = page["data"].as_array().unwrap().len();
            dead >= 5 && dead + receiver.count_of("before ") == sent
        };
        until(at, letters, is_whole).await;
        all_arrive(&engine, &receiver, "after").await;

        let log = get(at, "/v1/filter/f/log?level=error").await;
        let lines = log["data"].as_array().unwrap();
        let is_alarm = |line: &&Value| line["text"].as_str().unwrap().starts_with("ended by the");
        let alarms: Vec<&Value> = lines.iter().filter(is_alarm).collect();
        assert!(alarms.len() == 1 && alarms[0]["ofCandidate"] == true, "{log}");
        let metrics = request::text(at, ADMIN, "/metrics").await;
        let wanted = "forebay_filter_canaries_ended_total{filter=\"f\"} 1";
        assert!(metrics.contains(wanted), "{metrics}");
        let is_told = |page: &Value| {
            let mut lines = page["data"].as_array().unwrap().iter();
            lines.any(|line| line["what"] == "filter.candidate.ended" && line["who"] == "engine")
        };
        until(at, "/v1/admin/audit", is_told).await;
        let promote = format!("{CANDIDATE}/promote");
        assert_eq!(ask(at, ADMIN, "POST", &promote, json!(null)).await.0, 409);
        shutdown(engine).await;

        let engine = open(data.path());
        let at = engine.addr().unwrap();
        assert_eq!(get(at, CANDIDATE).await["ended"], told["ended"], "a restart keeps it");
        all_arrive(&engine, &receiver, "again").await;
        let (status, begun) = ask(at, ADMIN, "PUT", CANDIDATE, trial).await;
        assert_eq!((status, &begun["ended"]), (200, &json!(null)), "{begun}");
        assert_eq!(ask(at, ADMIN, "DELETE", CANDIDATE, json!(null)).await.0, 204);
        shutdown(engine).await;
    });
}

#[test]
fn one_that_fails_under_stop_pauses_nothing_and_is_ended_by_its_first_failure() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| 200);
    run(async {
        let engine = open(data.path());
        let at = engine.addr().unwrap();
        put_up(at, &constant(true), json!({ "onError": "stop" }), &receiver.url()).await;
        let trap = wat::parse_str(TRAP).unwrap();
        let staged = push(at, "/v1/filter/f/version?stage=true", &trap).await;
        let mut trial = json!({ "module": staged["module"], "canary": 50, "stopAfterFaults": 0 });
        assert_eq!(ask(at, ADMIN, "PUT", CANDIDATE, trial.clone()).await.0, 201);
        all_arrive(&engine, &receiver, "doubted").await;
        let seen = get(at, CANDIDATE).await;
        assert!(seen["faults"].as_u64() > Some(20) && seen["ended"].is_null(), "{seen}");

        trial["stopAfterFaults"] = json!(20);
        assert_eq!(ask(at, ADMIN, "PUT", CANDIDATE, trial).await.0, 200);
        all_arrive(&engine, &receiver, "ended").await;
        let told = until(at, CANDIDATE, |told| told["ended"].is_object()).await;
        assert_eq!(told["ended"]["reason"], "it failed, by `trap`");
        let letters = get(at, "/v1/dead-letter?limit=250").await;
        assert_eq!(letters["data"], json!([]), "nothing is lost");
        shutdown(engine).await;
    });
}

/// With an API, for receivers on this machine.
fn settled(plan: Plan) -> Plan {
    let mut plan = with_api(frugal(plan));
    plan.guard.allow_loopback = true;
    plan
}

/// What the file says now, for an engine on its folder.
pub fn plan_of(file: &Path) -> Result<Plan, String> {
    let inputs = Inputs { file: Some(file.to_owned()), ..Inputs::default() };
    let config = Config::load(&inputs).map_err(|error| error.to_string())?;
    config.plan().map(settled).map_err(|error| error.to_string())
}

fn write(file: &Path, candidate: &str) {
    let data = file.with_file_name("data");
    let text = format!(
        "data = {:?}\n[[filter]]\nname = \"f\"\nmodule = \"keeps.wasm\"\n{candidate}",
        data.to_str().unwrap()
    );
    fs::write(file, text).unwrap();
}

/// A file with this candidate, and an engine that reads it.
async fn from_file(file: &Path, candidate: &str, url: &str) -> Engine {
    fs::create_dir(file.with_file_name("data")).unwrap();
    write(file, candidate);
    let again: PathBuf = file.to_owned();
    let mut plan = plan_of(file).unwrap();
    plan.recipe =
        Some(Arc::new(move || plan_of(&again).map(|plan| Reread { plan, waiting: Vec::new() })));
    let engine = Engine::open(plan).unwrap();
    let endpoint = json!({ "url": url, "filters": ["f"] });
    let path = "/api/v1/app/default/endpoint";
    let made = ask(engine.addr().unwrap(), ADMIN, "POST", path, endpoint).await;
    assert_eq!(made.0, 201, "{}", made.1);
    engine
}

#[test]
fn a_file_begins_one_gives_it_another_share_and_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forebay.toml");
    fs::write(folder.path().join("keeps.wasm"), constant(true)).unwrap();
    fs::write(folder.path().join("drops.wasm"), constant(false)).unwrap();
    let receiver = Receiver::start(|_| 200);
    run(async {
        let of = |share: &str| format!("candidate = {{ module = \"drops.wasm\", {share} }}\n");
        let engine = from_file(&file, &of("canary = 50"), &receiver.url()).await;
        let at = engine.addr().unwrap();
        let begun = get(at, CANDIDATE).await;
        assert_eq!((&begun["canary"], &begun["stopAfterFaults"]), (&json!(50), &json!(20)));
        publish(&engine, "half", 0..100).await;
        let half = until(at, CANDIDATE, |seen| seen["judged"].as_u64() > Some(20)).await;
        assert_eq!(half["faults"], 0, "{half}");

        write(&file, &of("canary = 10, stop_after_faults = 0"));
        assert!(engine.reload().await.unwrap().changes > 0);
        let less = get(at, CANDIDATE).await;
        assert_eq!((&less["canary"], &less["stopAfterFaults"]), (&json!(10), &json!(0)));
        assert_eq!(engine.reload().await.unwrap().changes, 0, "the same again");

        write(&file, &of("canary = 100"));
        let told = engine.reload().await.unwrap_err().to_string();
        assert!(told.contains("from 1 to 99"), "{told}");
        assert_eq!(get(at, CANDIDATE).await["canary"], 10, "the old one stays in force");

        write(&file, "");
        assert!(engine.reload().await.unwrap().changes > 0);
        assert_eq!(ask(at, ADMIN, "GET", CANDIDATE, json!(null)).await.0, 404);
        all_arrive(&engine, &receiver, "all").await;
        shutdown(engine).await;
    });
}

#[test]
fn one_of_a_file_stays_ended_until_the_file_says_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forebay.toml");
    fs::write(folder.path().join("keeps.wasm"), constant(true)).unwrap();
    fs::write(folder.path().join("traps.wasm"), wat::parse_str(TRAP).unwrap()).unwrap();
    let receiver = Receiver::start(|_| 200);
    run(async {
        let of = |canary: u8| {
            let more = "stop_after_faults = 3";
            format!("candidate = {{ module = \"traps.wasm\", canary = {canary}, {more} }}\n")
        };
        let engine = from_file(&file, &of(50), &receiver.url()).await;
        let at = engine.addr().unwrap();
        let (_, told) = fail(&engine, at, "before").await;
        assert_eq!(engine.reload().await.unwrap().changes, 0);
        assert_eq!(get(at, CANDIDATE).await["ended"], told["ended"]);
        all_arrive(&engine, &receiver, "after").await;
        shutdown(engine).await;

        let engine = Engine::open(plan_of(&file).unwrap()).unwrap();
        let at = engine.addr().unwrap();
        assert_eq!(get(at, CANDIDATE).await["ended"], told["ended"], "nor by a restart");
        write(&file, &of(60));
        let changed = engine.apply(&plan_of(&file).unwrap()).await.unwrap();
        assert!(changed > 0);
        assert_eq!(get(at, CANDIDATE).await["ended"], json!(null));
        shutdown(engine).await;
    });
}
