//! What a filter costs: run with `cargo run --release -p filter --example cost`.
//!
//! Prints nanoseconds for each event with a reused and with a fresh instance, at several batch
//! sizes, and the time of a million units of fuel for the guests that use it worst. The time is
//! this thread's on a processor (Linux), so a busy machine spoils it less.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use event::{Envelope, Event, EventId, Headers, Offset, StreamId, TenantId, Time};
use filter::{
    ChainSpec, ErrorPolicy, FilterEngine, FilterLimits, FilterSpec, InProcess, ModuleLimits,
    NoCache, Purpose, Runner, SealKey,
};
use std::sync::Arc;

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
        let begin = busy_ns();
        let answer = runner.run(&chain, &[event(1, b"x")], Purpose::Live);
        let millions = answer.fuel as f64 / 1e6;
        let ms = (busy_ns() - begin) / 1e6;
        println!("{name:<36} {millions:>5.0} M units: {:>6.3} ms a million", ms / millions);
    }
}

fn busy_ns() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

fn time(engine: &FilterEngine, chain: &ChainSpec, events: &[Arc<Event>]) -> f64 {
    let runner = Runner::new(engine.clone());
    runner.run(chain, events, Purpose::Live);
    let rounds =
        200_000 / if chain.filters[0].is_isolated() { 20 } else { 1 } / events.len().max(1) as u32
            + 1;
    let best = (0..5).map(|_| {
        let begin = busy_ns();
        for _ in 0..rounds {
            assert!(runner.run(chain, events, Purpose::Live).faults.is_empty());
        }
        (busy_ns() - begin) / f64::from(rounds) / events.len() as f64
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
    ChainSpec { condition: None, filters: vec![Arc::new(spec)] }
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
