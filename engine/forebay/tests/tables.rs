//! Lookup tables through the whole engine: declared in a file, swapped under load, lost.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests meet the machine"
)]

#[path = "support/engine.rs"]
mod engine;
#[path = "support/receiver.rs"]
mod receiver;

use engine::{arrival, frugal, run, shutdown};
use forebay::config::Inputs;
use forebay::{Arrival, Config, Engine, EventId, Plan};
use receiver::Receiver;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BY_KEY: &str = include_str!("../../filter/tests/guests/by-key.wat");
/// Behind each value the first offset of the guest's batch.
const OFFSET_OF_BATCH: &str = "(i64.store (i32.add (local.get $value) (local.get $len))
  (i64.load offset=32 (local.get $batch)))
  (local.set $len (i32.add (local.get $len) (i32.const 8)))";

/// An endpoint whose filter looks keys up in `countries`, and a table of another application.
fn configure(folder: &Path, url: &str, wat: &str) {
    fs::write(folder.join("by-key.wasm"), wat::parse_str(wat).unwrap()).unwrap();
    let text = format!(
        "[[filter]]\nname = \"by-key\"\nmodule = \"by-key.wasm\"\n\
         [[table]]\nname = \"countries\"\nfile = \"countries.csv\"\nvalue = \"name\"\n\
         [[table]]\nname = \"countries\"\napp = \"other\"\nfile = \"other.json\"\n\
         [[endpoint]]\nname = \"shop\"\nurl = \"{url}\"\nfilters = [\"by-key\"]\n\
         secret_env = \"SECRET\"\n"
    );
    fs::write(folder.join("forebay.toml"), text).unwrap();
    fs::write(folder.join("other.json"), "{\"theirs\": \"secret\", \"DE\": \"secret\"}").unwrap();
}

fn plan(folder: &Path, countries: &str) -> Plan {
    fs::write(folder.join("countries.csv"), countries).unwrap();
    let mut inputs = Inputs { file: Some(folder.join("forebay.toml")), ..Inputs::default() };
    inputs.environment.insert("SECRET".to_owned(), SECRET.to_owned());
    inputs.flags.dev = true;
    let mut plan = Config::load(&inputs).unwrap().plan().unwrap();
    plan.data = folder.join("data");
    plan.listen = None;
    frugal(plan)
}

fn keyed(key: &str) -> Arrival {
    arrival("order.paid", Some(key), "plain")
}

async fn send(engine: &Engine, receiver: &Receiver, key: &str, seen: &mut usize) {
    engine.publish(keyed(key)).await.unwrap();
    *seen += 1;
    receiver.wait_for(*seen).await;
}

fn contents(folder: &Path) -> usize {
    fs::read_dir(folder.join("data/tables")).unwrap().count()
}

#[test]
fn events_are_enriched_from_the_tables_of_their_own_application() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| 200);
    configure(folder.path(), &receiver.url(), BY_KEY);
    let path = folder.path();
    let first = plan(path, "code,name\nDE,Germany\nFR,France\n");
    run(async {
        let mut seen = 0;
        let engine = Engine::open(first.clone()).unwrap();
        for key in ["DE", "FR", "XX", "theirs"] {
            send(&engine, &receiver, key, &mut seen).await;
        }
        let second = plan(path, "code,name\nDE,Deutschland\n");
        assert_eq!(engine.apply(&second).await.unwrap(), 1, "the table alone is new");
        assert_eq!(engine.apply(&second).await.unwrap(), 0);
        for key in ["DE", "FR"] {
            send(&engine, &receiver, key, &mut seen).await;
        }
        shutdown(engine).await;
        let engine = Engine::open(second.clone()).unwrap();
        assert_eq!(contents(path), 2, "what no version names is gone");
        send(&engine, &receiver, "DE", &mut seen).await;
        shutdown(engine).await;
    });
    let bodies: Vec<String> = receiver.stop().iter().map(|seen| seen.body_text()).collect();
    let expected = ["Germany", "France", "plain", "plain", "Deutschland", "plain", "Deutschland"];
    assert_eq!(bodies, expected);
}

/// A filter and its table come in one change, and no event meets the one without the other.
#[test]
fn a_table_that_comes_with_its_filter_is_there_from_the_first_event_on() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| 200);
    configure(folder.path(), &receiver.url(), BY_KEY);
    let with = plan(folder.path(), "code,name\nDE,Germany\n");
    let mut without = with.clone();
    without.declared.tables.clear();
    without.declared.filters.clear();
    without.declared.endpoints.iter_mut().for_each(|endpoint| endpoint.filters.clear());
    let published = run(async {
        let engine = Rc::new(Engine::open(without.clone()).unwrap());
        let mut published = 0;
        for _ in 0..20 {
            for plan in [&with, &without] {
                let sending: Vec<_> = (0..20)
                    .map(|_| {
                        let engine = engine.clone();
                        runtime::tasks::spawn(async move {
                            engine.publish(keyed("DE")).await.unwrap();
                        })
                    })
                    .collect();
                engine.apply(plan).await.unwrap();
                for sent in sending {
                    sent.await.unwrap();
                    published += 1;
                }
            }
        }
        receiver.wait_for(published).await;
        shutdown(Rc::into_inner(engine).unwrap()).await;
        published
    });
    let seen = receiver.stop();
    assert_eq!(seen.len(), published);
    // An event that was judged without the filter is plain, and is not enriched by half.
    assert!(seen.iter().all(|seen| ["plain", "Germany"].contains(&&*seen.body_text())));
    assert!(seen.iter().any(|seen| seen.body_text() == "Germany"));
}

/// Each event is delivered once, with a version no older than the one in force when it was sent;
/// all events of a batch have the same one.
#[test]
fn fifty_swaps_under_load_lose_nothing_and_mix_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| 200);
    let wat = BY_KEY.replace("(;suffix;)", OFFSET_OF_BATCH);
    configure(folder.path(), &receiver.url(), &wat);
    let version = |n: usize| plan(folder.path(), &format!("code,name\nDE,v{n:07}\n"));
    let sent: BTreeMap<EventId, usize> = run(async {
        let engine = Rc::new(Engine::open(version(0)).unwrap());
        let mut sent = BTreeMap::new();
        for n in 1..=50 {
            let sending: Vec<_> = (0..60)
                .map(|_| {
                    let engine = engine.clone();
                    runtime::tasks::spawn(
                        async move { engine.publish(keyed("DE")).await.unwrap().id },
                    )
                })
                .collect();
            engine.apply(&version(n)).await.unwrap();
            for id in sending {
                sent.insert(id.await.unwrap(), n - 1);
            }
        }
        receiver.wait_for(sent.len()).await;
        shutdown(Rc::into_inner(engine).unwrap()).await;
        sent
    });
    let mut of_batch: BTreeMap<Vec<u8>, String> = BTreeMap::new();
    let mut arrived = BTreeMap::new();
    for seen in receiver.stop() {
        let (value, batch) = seen.body.split_at(8);
        let value = String::from_utf8(value.to_vec()).unwrap();
        let known = of_batch.entry(batch.to_vec()).or_insert_with(|| value.clone());
        assert_eq!(*known, value, "two versions in one batch");
        let version: usize = value[1..].parse().unwrap();
        let other = arrived.insert(seen.id().parse::<EventId>().unwrap(), version);
        assert_eq!(other, None, "delivered twice");
    }
    assert_eq!(arrived.len(), sent.len());
    for (id, at_least) in &sent {
        assert!(arrived[id] >= *at_least, "{id}: {} before {at_least}", arrived[id]);
    }
    assert!(of_batch.len() < sent.len(), "no batch had two events");
    assert_eq!(contents(folder.path()), 2, "what no version names is gone");
}

/// What cannot be looked up is not told to be absent: the endpoint stands still until somebody has
/// put the table back, and nothing is lost.
#[test]
fn events_wait_for_a_table_that_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| 200);
    configure(folder.path(), &receiver.url(), BY_KEY);
    let plan = plan(folder.path(), "code,name\nDE,Germany\n");
    run(async {
        let engine = Engine::open(plan.clone()).unwrap();
        shutdown(engine).await;
        for entry in fs::read_dir(folder.path().join("data/tables")).unwrap() {
            fs::write(entry.unwrap().path(), "broken").unwrap();
        }
        // The plan of this start brings no contents: the registry alone names them.
        let mut bare = plan.clone();
        bare.tables.clear();
        let engine = Engine::open(bare).unwrap();
        engine.publish(keyed("DE")).await.unwrap();
        shutdown(engine).await;
        // Somebody looks after it, and lets the endpoint go on by a change of it.
        let mut mended = plan.clone();
        mended.declared.endpoints[0].terms.timeout += Duration::from_secs(1);
        let engine = Engine::open(mended).unwrap();
        let mut seen = 1;
        send(&engine, &receiver, "DE", &mut seen).await;
        shutdown(engine).await;
    });
    let bodies: Vec<String> = receiver.stop().iter().map(|seen| seen.body_text()).collect();
    assert_eq!(bodies, ["Germany", "Germany"]);
}
