//! The whole road through real sockets and real files.
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

use engine::{arrival, local, run, shutdown};
use forebay::{Arrival, DeclaredEndpoint, Engine, Headers, Plan, TenantId};
use receiver::Receiver;
use std::collections::BTreeMap;
use std::time::Duration;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn plan(data: &std::path::Path, url: &str) -> Plan {
    let mut plan = local(data);
    plan.guard.allow_loopback = true;
    let mut endpoint = DeclaredEndpoint::new(TenantId::new("default"), "orders", url);
    endpoint.types = vec!["order.*".into()];
    endpoint.secrets = registry::Secrets::new(vec![registry::Secret::new(SECRET)]);
    endpoint.terms.schedule = vec![Duration::from_millis(50); 5];
    plan.declared.endpoints = vec![endpoint];
    plan
}

fn numbered(n: u32, event_type: &str) -> Arrival {
    let mut arrival = arrival(event_type, None, &format!("{{\"n\":{n}}}"));
    let headers = [("content-type", &b"application/json"[..])];
    arrival.envelope.headers = headers.into_iter().collect::<Headers>();
    arrival
}

#[test]
fn what_is_published_arrives_once_signed_and_whole() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| 200);
    let plan = plan(data.path(), &receiver.url());
    let expected = run(async {
        let engine = Engine::open(plan).unwrap();
        let mut expected = BTreeMap::new();
        for n in 0..200 {
            let event_type = if n % 4 == 0 { "user.created" } else { "order.paid" };
            let published = engine.publish(numbered(n, event_type)).await.unwrap();
            if n % 4 != 0 {
                expected.insert(published.id.to_string(), format!("{{\"n\":{n}}}"));
            }
        }
        receiver.wait_for(expected.len()).await;
        shutdown(engine).await;
        expected
    });
    let seen = receiver.stop();
    assert!(seen.iter().all(|request| request.is_signed_with(SECRET)));
    let bodies: BTreeMap<_, _> =
        seen.iter().map(|request| (request.id(), request.body_text())).collect();
    assert_eq!(seen.len(), bodies.len(), "nothing came twice");
    assert_eq!(bodies, expected);
}

#[test]
fn failures_are_tried_again_under_the_same_id_also_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|earlier| if earlier < 2 { 503 } else { 200 });
    let plan = plan(data.path(), &receiver.url());
    let id = run(async {
        let engine = Engine::open(plan.clone()).unwrap();
        let published = engine.publish(numbered(7, "order.paid")).await.unwrap();
        receiver.wait_for(1).await;
        engine.shutdown(Duration::from_secs(10)).await;
        let engine = Engine::open(plan).unwrap();
        receiver.wait_for(3).await;
        engine.shutdown(Duration::from_secs(10)).await;
        published.id
    });
    let seen = receiver.stop();
    let id = id.to_string();
    assert!(seen.iter().all(|request| request.id() == id && request.body_text() == "{\"n\":7}"));
    let numbers: Vec<_> = seen.iter().map(|request| request.header("webhook-attempt")).collect();
    assert_eq!(numbers, ["1", "2", "3"]);
}

#[test]
fn two_engines_live_in_one_process_and_closures_are_endpoints() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (sender, received) = std::sync::mpsc::channel();
    let mut seen = run(async {
        let engines = [one.path(), two.path()].map(|dir| Engine::open(local(dir)).unwrap());
        for (n, engine) in engines.iter().enumerate() {
            let sender = sender.clone();
            let tenant = TenantId::new("default");
            let take = move |event: &event::Event| {
                sender.send((n, event.body.clone())).map_err(|gone| gone.to_string())
            };
            engine.on(&tenant, "audit", "order.*", take).await.unwrap();
            engine.publish(numbered(n as u32, "order.paid")).await.unwrap();
        }
        let limit = Duration::from_secs(30);
        let seen = [(); 2].map(|()| received.recv_timeout(limit).unwrap());
        for engine in engines {
            shutdown(engine).await;
        }
        seen
    });
    seen.sort();
    assert_eq!(seen, [(0, "{\"n\":0}".into()), (1, "{\"n\":1}".into())]);
}
