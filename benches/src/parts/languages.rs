use super::Setting;
use super::filters::{
    admitted, chain, configured, guest, module, pushed_to_main, shipped, without_email,
};
use crate::events::{body, envelope, event, small_body};
use crate::measure::{Case, Contender, Place, compare};
use bytes::Bytes;
use event::{Envelope, Event, Verdict};
use filter::{ChainSpec, FilterEngine, FilterModule, Purpose, Runner};
use serde_json::json;
use std::hint::black_box;
use std::sync::Arc;

/// Whose conformance filter is a module, and the module's name.
const LANGUAGES: [(&str, &str); 6] = [
    ("Rust", "rust"),
    ("C", "c"),
    ("C++", "cpp"),
    ("Zig", "zig"),
    ("AssemblyScript", "assemblyscript"),
    ("Go", "go"),
];

/// Whose conformance filter is a script, and where its runner lies.
const SCRIPTS: [(&str, &str, &str); 2] = [
    (
        "JavaScript",
        "sdk/javascript/runner.wasm",
        include_str!("../../../sdk/conformance/javascript/conformance.js"),
    ),
    (
        "Python",
        "sdk/python/runner.wasm",
        include_str!("../../../sdk/conformance/python/conformance.py"),
    ),
];

/// What the filter `pushes-to-main` says, which is in Rust, in the other languages that have a
/// module: by their standard library, or by what is fetched for it.
const PUSHES_IN: [(&str, &str); 5] = [
    ("C", "pushes-in-c"),
    ("C++", "pushes-in-cpp"),
    ("Zig", "pushes-in-zig"),
    ("AssemblyScript", "pushes-in-assemblyscript"),
    ("Go", "pushes-in-go"),
];

/// The same as a script of each.
const PUSHES: [&str; 2] = [
    "export default (event) => {
    const push = event.json();
    return push.ref === 'refs/heads/main' && !push.deleted;
}",
    "def filter(event, config):
    push = event.json()
    return push['ref'] == 'refs/heads/main' and not push.get('deleted')
",
];

/// What `redact` says of the member `email`, where a standard library reads and writes JSON.
const REDACT_IN: [(&str, &str); 2] = [("Zig", "redact-in-zig"), ("Go", "redact-in-go")];

/// The same as a script of each.
const WITHOUT_EMAIL: [&str; 2] = [
    "export default (event) => ({ body: { ...event.json(), email: '[redacted]' } });",
    "def filter(event, config):
    order = event.json()
    order['email'] = '[redacted]'
    return Output(body=order)
",
];

const BATCHES: [usize; 3] = [1, 16, 256];
const BATCH_BYTES_MAX: usize = 1 << 20;

/// The table of what a host would pay that keeps no instance, or no compiled module: of 64 bytes,
/// passed as they are, in batches of one, for they cost the same whatever the filter does.
const STARTS: &str = "a fresh instance for each event";

/// One thing that filters do, in each language that can, and in Rust without a guest.
struct Deed {
    name: &'static str,
    event_type: &'static str,
    filters: Vec<(String, ChainSpec)>,
    native: fn(&Arc<Event>) -> Verdict,
}

/// A language's conformance filter, compiled.
struct Spoken {
    name: &'static str,
    module: Arc<FilterModule>,
    config: String,
}

impl Spoken {
    fn chain(&self, isolate: bool) -> anyhow::Result<(String, ChainSpec)> {
        Ok((self.name.to_owned(), configured(&self.module, &self.config, isolate)?))
    }
}

pub fn cases(setting: &Setting<'_>) -> anyhow::Result<Vec<Case>> {
    let engine = FilterEngine::new()?;
    let spoken = spoken(&engine)?;
    let mut cases = Vec::new();
    for deed in deeds(&engine, &spoken)? {
        for (size, body) in [("64 B", small_body()), ("1 KiB", body(1024)), ("64 KiB", body(65536))]
        {
            let body = if deed.event_type == "fan" { lines(body.len()) } else { body };
            for count in BATCHES.into_iter().filter(|count| count * body.len() <= BATCH_BYTES_MAX) {
                let column = format!("{size} ×{count}");
                if !format!("{}, {column}", deed.name).contains(setting.only) {
                    continue;
                }
                let events = typed(count, deed.event_type, &body);
                cases.push(case(setting, &engine, &deed, column, &events)?);
                if setting.is_smoke() {
                    break;
                }
            }
        }
    }
    cases.extend(starts(setting, &engine, &spoken)?);
    anyhow::ensure!(!cases.is_empty(), "no case has `{}` in its name", setting.only);
    Ok(cases)
}

fn case(
    setting: &Setting<'_>,
    engine: &FilterEngine,
    deed: &Deed,
    column: String,
    events: &[Arc<Event>],
) -> anyhow::Result<Case> {
    let count = events.len() as u64;
    let mut contenders: Vec<Contender<'_>> = Vec::new();
    for (name, chain) in &deed.filters {
        contenders.push(guest(name, engine, chain, events));
    }
    contenders.push(Contender::repeated("a closure in Rust", count, || {
        let verdicts = events.iter().map(|event| (deed.native)(event));
        drop(black_box(verdicts.collect::<Vec<_>>()));
    }));
    let case = compare(format!("{}, {column}", deed.name), setting.brief(), contenders)?;
    Ok(Case { place: Some(Place { table: deed.name, column }), ..case })
}

/// Every language beside its own instance that is kept; and Rust compiled each time.
fn starts(
    setting: &Setting<'_>,
    engine: &FilterEngine,
    spoken: &[Spoken],
) -> anyhow::Result<Vec<Case>> {
    let events = typed(1, "pass", &small_body());
    let wasm = module("sdk/conformance/modules/rust.wasm")?;
    let mut cases = Vec::new();
    for column in ["reused", "fresh", "compiled"] {
        let name = format!("{STARTS}, {column}");
        if !name.contains(setting.only) {
            continue;
        }
        let chains = spoken.iter().map(|spoken| spoken.chain(column == "fresh"));
        let chains = chains.collect::<anyhow::Result<Vec<_>>>()?;
        let guests = chains.iter().map(|(name, chain)| guest(name, engine, chain, &events));
        let compiled = || {
            let compiled = chain(engine, &wasm, "", false).expect("it was compiled before");
            black_box(Runner::new(engine.clone()).run(&compiled, &events, Purpose::Live));
        };
        let contenders = match column {
            "compiled" => vec![Contender::repeated(spoken[0].name, 1, compiled)],
            _ => guests.collect(),
        };
        let place = Some(Place { table: STARTS, column: column.to_owned() });
        cases.push(Case { place, ..compare(name, setting.brief(), contenders)? });
    }
    Ok(cases)
}

/// In the order of `LANGUAGES`, then of `SCRIPTS`.
fn spoken(engine: &FilterEngine) -> anyhow::Result<Vec<Spoken>> {
    let mut all = Vec::new();
    for (name, file) in LANGUAGES {
        let wasm = module(&format!("sdk/conformance/modules/{file}.wasm"))?;
        all.push(Spoken { name, module: admitted(engine, &wasm)?, config: String::new() });
    }
    for (name, runner, text) in SCRIPTS {
        let module = admitted(engine, &module(runner)?)?;
        all.push(Spoken { name, module, config: script(text) });
    }
    Ok(all)
}

fn script(text: &str) -> String {
    json!({ "script": text }).to_string()
}

fn deeds(engine: &FilterEngine, spoken: &[Spoken]) -> anyhow::Result<Vec<Deed>> {
    let conformance = spoken.iter().map(|spoken| spoken.chain(false));
    let conformance = conformance.collect::<anyhow::Result<Vec<_>>>()?;
    let mut predicate = vec![rust(engine, "pushes-to-main", "")?];
    for (name, folder) in PUSHES_IN {
        predicate.push(example(engine, name, folder)?);
    }
    let mut map = vec![rust(engine, "redact", r#"{"pointers":["/email"],"patterns":[]}"#)?];
    for (name, folder) in REDACT_IN {
        map.push(example(engine, name, folder)?);
    }
    for (n, Spoken { name, module, .. }) in spoken[LANGUAGES.len()..].iter().enumerate() {
        let of = |text| anyhow::Ok(((*name).to_owned(), configured(module, &script(text), false)?));
        predicate.push(of(PUSHES[n])?);
        map.push(of(WITHOUT_EMAIL[n])?);
    }
    let typed =
        |name, event_type, native| Deed { name, event_type, filters: conformance.clone(), native };
    Ok(vec![
        typed("passed as it is", "pass", |_| Verdict::Pass),
        typed("kept for a header", "kept", is_kept),
        typed("one header more", "stamp", stamped),
        typed("one output for each line: 2, 8, 32", "fan", fanned),
        Deed {
            name: "a JSON predicate",
            event_type: "push",
            filters: predicate,
            native: |event| pushed_to_main(event),
        },
        Deed {
            name: "a member of JSON replaced",
            event_type: "push",
            filters: map,
            native: |event| without_email(event),
        },
    ])
}

fn rust(engine: &FilterEngine, name: &str, config: &str) -> anyhow::Result<(String, ChainSpec)> {
    Ok((format!("Rust ({name})"), chain(engine, &shipped(name)?, config, false)?))
}

fn example(engine: &FilterEngine, name: &str, folder: &str) -> anyhow::Result<(String, ChainSpec)> {
    let wasm = module(&format!("examples/filters/{folder}/{folder}.wasm"))?;
    Ok((name.to_owned(), chain(engine, &wasm, "", false)?))
}

fn is_kept(event: &Arc<Event>) -> Verdict {
    let is_kept = event.envelope.headers.first("x-kept") == Some(b"ok");
    if is_kept { Verdict::Pass } else { Verdict::Drop }
}

fn stamped(event: &Arc<Event>) -> Verdict {
    let others = event.envelope.headers.iter().filter(|(name, _)| *name != "x-stamp");
    let mut headers: event::Headers = others.collect();
    headers.push("x-stamp", b"1");
    let envelope = Envelope { headers, ..event.envelope.clone() };
    Verdict::Emit(vec![Arc::new(Event { id: event.id, envelope, body: event.body.clone() })])
}

fn fanned(event: &Arc<Event>) -> Verdict {
    let parts = event.body.split(|byte| *byte == b'\n').enumerate();
    let output = |(n, part): (usize, &[u8])| {
        let envelope = Envelope { key: Some(n.to_string().into()), ..event.envelope.clone() };
        Arc::new(Event { id: event.id, envelope, body: event.body.slice_ref(part) })
    };
    Verdict::Emit(parts.map(output).collect())
}

/// A body of so many bytes in 2, 8 or 32 lines.
fn lines(bytes: usize) -> Bytes {
    let lines = match bytes {
        ..1024 => 2,
        1024..65536 => 8,
        _ => 32,
    };
    let line = |n: usize| if (n + 1).is_multiple_of(bytes / lines) { b'\n' } else { b'x' };
    (0..bytes - 1).map(line).collect::<Vec<u8>>().into()
}

fn typed(count: usize, event_type: &str, body: &Bytes) -> Vec<Arc<Event>> {
    let mut envelope = Envelope { event_type: event_type.into(), ..envelope() };
    envelope.headers.push("x-kept", b"ok");
    (0..count as u64).map(|offset| event(offset, &envelope, body)).collect()
}
