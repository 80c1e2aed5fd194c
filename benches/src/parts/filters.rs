use super::Setting;
use crate::events::{body, events, small_body};
use crate::measure::{Case, Contender, Meter, compare};
use anyhow::Context;
use event::{Event, TenantId, Verdict};
use filter::{
    ChainSpec, ErrorPolicy, FilterEngine, FilterLimits, FilterModule, FilterSpec, InProcess,
    ModuleLimits, NoCache, Purpose, Runner, SealKey,
};
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A filter, and the same thing said in Rust.
struct Kind {
    name: &'static str,
    wasm: Vec<u8>,
    config: &'static str,
    native: fn(&Event) -> Verdict,
}

const HOSTILE: [(&str, &str); 4] = [
    ("a plain loop", include_str!("../../../engine/filter/tests/hostile/w1-loop.wat")),
    ("only host calls", include_str!("../../../engine/filter/tests/hostile/w1-ping-pong.wat")),
    ("memory.fill of 32 MiB", include_str!("../../../engine/filter/tests/hostile/w1-bulk.wat")),
    ("memory.grow", include_str!("../../../engine/filter/tests/hostile/w2-grow.wat")),
];

pub fn cases(setting: &Setting<'_>) -> anyhow::Result<Vec<Case>> {
    let engine = FilterEngine::new()?;
    let sizes = [("64 B", small_body()), ("1 KiB", body(1024)), ("64 KiB", body(64 << 10))];
    let mut cases = Vec::new();
    for kind in kinds()? {
        let chain = |isolate| chain(&engine, &kind.wasm, kind.config, isolate);
        let [reused, fresh] = [false, true].map(chain);
        let (reused, fresh) = (reused?, fresh?);
        for (size, body) in &sizes {
            for count in [1, 16, 256] {
                if count * body.len() > 1 << 20 {
                    continue;
                }
                let events = events(count, body);
                let native = kind.native;
                let mut contenders = vec![
                    guest("a reused instance", &engine, &reused, &events),
                    Contender::repeated("a closure in Rust", count as u64, || {
                        let verdicts = events.iter().map(|event| native(event));
                        drop(black_box(verdicts.collect::<Vec<_>>()));
                    }),
                ];
                if count == 1 {
                    contenders.push(guest("a fresh instance each", &engine, &fresh, &events));
                }
                let name = format!("{}, {size}, {count} a call", kind.name);
                cases.push(compare(name, setting.brief(), contenders)?);
            }
        }
    }
    cases.extend(fuel(&engine)?);
    Ok(cases)
}

/// Guests that spend all they have on what costs most time a unit. A turn is one such call.
fn fuel(engine: &FilterEngine) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (name, wat) in HOSTILE {
        let chain = chain(engine, &wat::parse_str(wat)?, "", false)?;
        let events = events(1, &small_body());
        let burn = Contender::new("a million units of fuel", |_| {
            let runner = Runner::new(engine.clone());
            let meter = Meter::start();
            let answer = runner.run(&chain, &events, Purpose::Live);
            Ok(meter.stop(answer.fuel / 1_000_000))
        });
        cases.push(compare(name, Duration::ZERO, vec![burn])?);
    }
    Ok(cases)
}

pub fn guest<'a>(
    name: &str,
    engine: &FilterEngine,
    chain: &'a ChainSpec,
    events: &'a [Arc<Event>],
) -> Contender<'a> {
    let runner = Runner::new(engine.clone());
    Contender::repeated(name, events.len() as u64, move || {
        let answer = runner.run(chain, events, Purpose::Live);
        assert!(answer.faults.is_empty(), "{:?}", answer.faults);
        let is_wanted = |verdict| matches!(verdict, &Verdict::Pass | &Verdict::Emit(_));
        assert!(answer.verdicts.iter().all(is_wanted), "all are wanted");
    })
}

pub fn chain(
    engine: &FilterEngine,
    wasm: &[u8],
    config: &str,
    isolate: bool,
) -> anyhow::Result<ChainSpec> {
    configured(&admitted(engine, wasm)?, config, isolate)
}

/// Compiles it.
pub fn admitted(engine: &FilterEngine, wasm: &[u8]) -> anyhow::Result<Arc<FilterModule>> {
    let bounds = ModuleLimits { module_bytes: wasm.len(), ..ModuleLimits::default() };
    let key = SealKey::new([0; 32]);
    Ok(engine.admit(wasm, &bounds, &InProcess(engine), &NoCache, &key)?)
}

pub fn configured(
    module: &Arc<FilterModule>,
    config: &str,
    isolate: bool,
) -> anyhow::Result<ChainSpec> {
    let (module, limits) = (Arc::clone(module), FilterLimits::default());
    let (tenant, policy) = (TenantId::new("default"), ErrorPolicy::default());
    let spec = FilterSpec::new(&tenant, "f", module, config, limits, policy, isolate)?;
    Ok(ChainSpec { filters: vec![Arc::new(spec)] })
}

fn kinds() -> anyhow::Result<[Kind; 4]> {
    Ok([
        Kind {
            name: "pass",
            wasm: wat::parse_str(include_str!("../../guests/pass.wat"))?,
            config: "",
            native: |_| Verdict::Pass,
        },
        Kind {
            name: "a header",
            wasm: wat::parse_str(include_str!("../../guests/header.wat"))?,
            config: "",
            native: of_the_north,
        },
        Kind {
            name: "a JSON predicate",
            wasm: shipped("pushes-to-main")?,
            config: "",
            native: pushed_to_main,
        },
        Kind {
            name: "a JSON map",
            wasm: shipped("redact")?,
            config: r#"{"pointers":["/email"],"patterns":[]}"#,
            native: without_email,
        },
    ])
}

pub fn shipped(name: &str) -> anyhow::Result<Vec<u8>> {
    module(&format!("filters/{name}/{name}.wasm"))
}

/// Of a place in the repository.
pub fn module(place: &str) -> anyhow::Result<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(place);
    std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

fn of_the_north(event: &Event) -> Verdict {
    let is_wanted = event.envelope.headers.first("x-shop").is_some_and(|v| v.starts_with(b"n"));
    if is_wanted { Verdict::Pass } else { Verdict::Drop }
}

#[derive(Deserialize)]
struct Push<'a> {
    #[serde(borrow)]
    r#ref: Cow<'a, str>,
    #[serde(default)]
    deleted: bool,
}

pub fn pushed_to_main(event: &Event) -> Verdict {
    let push: Push<'_> = serde_json::from_slice(&event.body).expect("ours is JSON");
    let is_wanted = push.r#ref == "refs/heads/main" && !push.deleted;
    if is_wanted { Verdict::Pass } else { Verdict::Drop }
}

pub fn without_email(event: &Event) -> Verdict {
    let mut value: Value = serde_json::from_slice(&event.body).expect("ours is JSON");
    value["email"] = "[redacted]".into();
    let body = serde_json::to_vec(&value).expect("a value can be written").into();
    Verdict::Emit(vec![Arc::new(Event { id: event.id, envelope: event.envelope.clone(), body })])
}
