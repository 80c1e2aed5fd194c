use super::Setting;
use super::filters::{chain, guest, module, shipped};
use crate::events::{body, envelope, event, events, small_body};
use crate::measure::{Case, Contender, compare};
use event::{Envelope, Event};
use filter::{ChainSpec, FilterEngine};
use serde_json::json;
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

/// What the filter `pushes-to-main` says, which is in Rust, as a script of each. The other SDKs
/// read no JSON.
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

/// Types of events that the conformance filter knows, and what becomes of them.
const TYPES: [(&str, &str); 2] =
    [("pass", "passed as they are"), ("headers", "one header more, 64 B")];

pub fn cases(setting: &Setting<'_>) -> anyhow::Result<Vec<Case>> {
    let engine = FilterEngine::new()?;
    let script = |text: &str| json!({ "script": text }).to_string();
    let mut all = Vec::new();
    for (name, file) in LANGUAGES {
        let wasm = module(&format!("sdk/conformance/modules/{file}.wasm"))?;
        all.push((name, chain(&engine, &wasm, "", false)?));
    }
    let mut of_json = vec![("Rust", chain(&engine, &shipped("pushes-to-main")?, "", false)?)];
    for ((name, runner, conformance), pushes) in SCRIPTS.into_iter().zip(PUSHES) {
        let runner = module(runner)?;
        all.push((name, chain(&engine, &runner, &script(conformance), false)?));
        of_json.push((name, chain(&engine, &runner, &script(pushes), false)?));
    }
    let mut cases = Vec::new();
    for (event_type, about) in TYPES {
        for count in [1, 16, 256] {
            let events = typed(count, event_type);
            cases.push(case(setting, &engine, about, &all, &events)?);
        }
    }
    for count in [1, 16, 256] {
        let events = events(count, &body(1024));
        cases.push(case(setting, &engine, "a JSON predicate, 1 KiB", &of_json, &events)?);
    }
    Ok(cases)
}

fn case(
    setting: &Setting<'_>,
    engine: &FilterEngine,
    about: &str,
    languages: &[(&'static str, ChainSpec)],
    events: &[Arc<Event>],
) -> anyhow::Result<Case> {
    let mut contenders: Vec<Contender<'_>> = Vec::new();
    for (name, chain) in languages {
        contenders.push(guest(name, engine, chain, events));
    }
    compare(format!("{about}, {} a call", events.len()), setting.brief(), contenders)
}

fn typed(count: usize, event_type: &str) -> Vec<Arc<Event>> {
    let envelope = Envelope { event_type: event_type.into(), ..envelope() };
    (0..count as u64).map(|offset| event(offset, &envelope, &small_body())).collect()
}
