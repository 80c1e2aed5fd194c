//! The filters that ship with Forebay, on this engine, against the cases beside their sources.

use crate::kit::*;
use event::{Event, Verdict};
use filter::{FaultKind, Purpose, Runner};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

type Members = BTreeMap<String, Box<RawValue>>;

fn members(raw: &RawValue) -> Members {
    serde_json::from_str(raw.get()).unwrap()
}

/// A body: a string's characters, or any other JSON as it is written.
fn body(raw: &RawValue) -> Vec<u8> {
    match serde_json::from_str(raw.get()) {
        Ok(Value::String(text)) => text.into_bytes(),
        _ => raw.get().as_bytes().to_vec(),
    }
}

fn text(raw: &RawValue) -> String {
    serde_json::from_str(raw.get()).unwrap()
}

fn sample(raw: &RawValue) -> Arc<Event> {
    let given = members(raw);
    let mut sample = (*event(7, &given.get("body").map_or(Vec::new(), |raw| body(raw)))).clone();
    sample.envelope.event_type = text(&given["type"]).into();
    sample.envelope.key = given.get("key").map(|raw| text(raw).into());
    sample.envelope.headers = event::Headers::new();
    if let Some(headers) = given.get("headers") {
        for (name, value) in serde_json::from_str::<Map<String, Value>>(headers.get()).unwrap() {
            sample.envelope.headers.push(&name, value.as_str().unwrap().as_bytes());
        }
    }
    Arc::new(sample)
}

fn check_outputs(name: &str, outputs: &[Arc<Event>], wanted: &RawValue) {
    let wanted: Vec<Box<RawValue>> = serde_json::from_str(wanted.get()).unwrap();
    assert_eq!(outputs.len(), wanted.len(), "{name}");
    for (output, wanted) in outputs.iter().zip(wanted) {
        let wanted = members(&wanted);
        if let Some(raw) = wanted.get("body") {
            assert_eq!(output.body, body(raw), "{name}");
        }
        if let Some(raw) = wanted.get("type") {
            assert_eq!(*output.envelope.event_type, *text(raw), "{name}");
        }
        if let Some(raw) = wanted.get("key") {
            assert_eq!(output.envelope.key.as_deref(), Some(&*text(raw)), "{name}");
        }
        if let Some(raw) = wanted.get("headers") {
            let mut headers = BTreeMap::new();
            for (name, value) in output.envelope.headers.iter() {
                headers.insert(name.to_string(), String::from_utf8(value.to_vec()).unwrap());
            }
            let wanted: BTreeMap<String, String> = serde_json::from_str(raw.get()).unwrap();
            assert_eq!(headers, wanted, "{name}");
        }
    }
}

fn check(wasm: &[u8], cases: &str) {
    let module = admit_bytes(wasm).unwrap();
    let runner = Runner::new(engine().clone());
    let cases: Vec<Members> = serde_json::from_str(cases).unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let name = text(&case["name"]);
        let config = case.get("config").map_or("", |raw| raw.get());
        let filter = Setting::default().configured(&module, config);
        let answer = runner.run(&chain(&[filter]), &[sample(&case["event"])], Purpose::Live);
        let (verdict, want) = (&answer.verdicts[0], &case["want"]);
        if let Ok(word) = serde_json::from_str::<String>(want.get()) {
            let expected = if word == "pass" { Verdict::Pass } else { Verdict::Drop };
            assert_eq!(*verdict, expected, "{name}");
            continue;
        }
        let (word, rest) = members(want).pop_first().unwrap();
        match word.as_str() {
            "emit" => check_outputs(&name, emitted(verdict), &rest),
            "reject" | "refuse" | "trap" => {
                let part = text(&members(&rest)["reason"]);
                assert!(rejected(verdict).contains(&part), "{name}: {verdict:?}");
                let kinds: Vec<_> = answer.faults.iter().map(|note| note.kind).collect();
                let expected = match word.as_str() {
                    "reject" => vec![],
                    "refuse" => vec![FaultKind::Start],
                    _ => vec![FaultKind::Trap],
                };
                assert_eq!(kinds, expected, "{name}");
            }
            other => panic!("{name}: a case wants {other}"),
        }
    }
}

fn check_shipped(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../filters").join(name);
    let wasm = fs::read(folder.join(format!("{name}.wasm"))).unwrap();
    check(&wasm, &fs::read_to_string(folder.join("cases.json")).unwrap());
}

#[test]
fn every_shipped_filter_does_what_its_cases_say() {
    let names = [
        "chat-message",
        "cloudevents",
        "fields",
        "github-push-to-slack",
        "pushes-to-main",
        "redact",
        "route",
        "sample",
        "sanitise",
        "template",
        "xml-to-json",
    ];
    names.into_iter().for_each(check_shipped);
}
