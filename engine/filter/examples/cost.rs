//! What a filter costs: run with `cargo run --release -p filter --example cost`.
//!
//! Prints nanoseconds for each event with a reused and with a fresh instance, at several batch
//! sizes, and the time of a million units of fuel for the guests that use it worst.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use event::{Envelope, Event, EventId, Headers, Offset, StreamId, TenantId, Time};
use filter::{
    ChainSpec, ErrorPolicy, FilterEngine, FilterLimits, FilterSpec, InProcess, ModuleLimits,
    NoCache, Purpose, Runner, SealKey,
};
use std::sync::Arc;
use std::time::Instant;

fn main() {
    let engine = FilterEngine::new().unwrap();
    let by_body = include_str!("../tests/guests/by-body.wat");
    let single = include_str!("../tests/guests/single.wat");
    for (name, wat, isolate) in [
        ("batch form, reused", by_body, false),
        ("single form, reused", single, false),
        ("batch form, fresh for each event", by_body, true),
        ("single form, fresh for each event", single, true),
    ] {
        let chain = chain(&engine, wat, isolate);
        for count in [1, 16, 256] {
            let events: Vec<_> = (0..count).map(|n| event(n, &[b'p'; 1024])).collect();
            println!(
                "{name:<36} {count:>3} events: {:>7.0} ns an event",
                time(&engine, &chain, &events)
            );
        }
    }
    println!();
    for (name, wat) in [
        ("a plain loop", include_str!("../tests/hostile/w1-loop.wat")),
        ("only host calls", include_str!("../tests/hostile/w1-ping-pong.wat")),
        ("memory.fill of 32 MiB", include_str!("../tests/hostile/w1-bulk.wat")),
        ("memory.grow", include_str!("../tests/hostile/w2-grow.wat")),
    ] {
        let chain = chain(&engine, wat, false);
        let runner = Runner::new(engine.clone());
        let begin = Instant::now();
        let answer = runner.run(&chain, &[event(1, b"x")], Purpose::Live);
        let millions = answer.fuel as f64 / 1e6;
        let ms = begin.elapsed().as_secs_f64() * 1e3;
        println!("{name:<36} {millions:>5.0} M units: {:>6.3} ms a million", ms / millions);
    }
}

fn time(engine: &FilterEngine, chain: &ChainSpec, events: &[Arc<Event>]) -> f64 {
    let runner = Runner::new(engine.clone());
    runner.run(chain, events, Purpose::Live);
    let rounds = 40_000 / events.len().max(1) as u32 + 1;
    let best = (0..5).map(|_| {
        let begin = Instant::now();
        for _ in 0..rounds {
            assert!(runner.run(chain, events, Purpose::Live).faults.is_empty());
        }
        begin.elapsed().as_nanos() as f64 / f64::from(rounds) / events.len() as f64
    });
    best.fold(f64::INFINITY, f64::min)
}

fn chain(engine: &FilterEngine, wat: &str, isolate: bool) -> ChainSpec {
    let wasm = wat::parse_str(wat).unwrap();
    let (limits, key) = (ModuleLimits::default(), SealKey::new([0; 32]));
    let module = engine.admit(&wasm, &limits, &InProcess(engine), &NoCache, &key).unwrap();
    let (tenant, limits) = (TenantId::new("t"), FilterLimits::default());
    let policy = ErrorPolicy::default();
    let spec = FilterSpec::new(&tenant, "f", module, "", limits, policy, isolate).unwrap();
    ChainSpec { filters: vec![Arc::new(spec)] }
}

fn event(offset: u64, body: &[u8]) -> Arc<Event> {
    let mut headers = Headers::new();
    headers.push("content-type", b"application/json");
    let envelope = Envelope {
        tenant: TenantId::new("t"),
        stream: StreamId(0),
        source: "shop".into(),
        event_type: "order.paid".into(),
        key: None,
        time: Time::from_millis(1),
        headers,
    };
    let body = Bytes::copy_from_slice(body);
    Arc::new(Event { id: EventId::new(1, Offset(offset)), envelope, body })
}
