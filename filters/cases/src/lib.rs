//! Owns:    a filter's cases: events with what the filter shall say of them, as JSON.
//! Imports: forebay-filter, serde, wasmi.
//! Never:   the engine: a filter is held to the contract, not to the engine's reading of it.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

mod answer;
mod guest;

pub use answer::{Answer, Made};
pub use guest::{Guest, Trapped};

use forebay_filter::{Event, Sample, Verdict};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// The function under test: configuration, event, verdict. An error refuses the configuration.
pub type Native = for<'a> fn(&[u8], Event<'a>) -> Result<Verdict<'a>, String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    config: Option<Box<RawValue>>,
    event: Given,
    want: Answer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(rename = "type")]
    event_type: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Body,
}

/// A string is the body's text; other JSON is the body as it stands in the file, byte for byte.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Box<RawValue>")]
pub struct Body(pub Vec<u8>);

impl From<Box<RawValue>> for Body {
    fn from(raw: Box<RawValue>) -> Body {
        let text: Result<String, _> = serde_json::from_str(raw.get());
        Body(text.unwrap_or_else(|_| raw.get().into()).into_bytes())
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl Case {
    fn config(&self) -> &[u8] {
        self.config.as_ref().map_or(b"{}", |raw| raw.get().as_bytes())
    }

    fn sample(&self) -> Sample {
        let headers = self.event.headers.iter();
        let sample = Sample::new(&self.event.event_type, &self.event.body.0).key(&self.event.key);
        headers.fold(sample, |sample, (name, value)| sample.header(name, value))
    }
}

/// Runs the cases of `<folder>/cases.json` natively, in `<folder>/<name>.wasm` one by one, and
/// there again as batches of all that share a configuration.
///
/// # Panics
/// When an answer is not the wanted one.
pub fn check(folder: &str, native: Native) {
    check_all(folder, Some(native));
}

/// The same for a filter in another language than Rust.
pub fn check_module(folder: &str) {
    check_all(folder, None);
}

fn check_all(folder: &str, native: Option<Native>) {
    let folder = Path::new(folder);
    let text = std::fs::read_to_string(folder.join("cases.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    assert!(!cases.is_empty(), "there are cases");
    let name = folder.file_name().unwrap().to_str().unwrap();
    let wasm = std::fs::read(folder.join(format!("{name}.wasm"))).unwrap();

    let mut batches: BTreeMap<&[u8], Vec<&Case>> = BTreeMap::new();
    for case in &cases {
        if let Some(native) = native {
            let answer = natively(native, case);
            assert!(answer.is(&case.want), "{}, natively: {answer:?}", case.name);
        }
        let answer = alone(&wasm, case);
        assert!(answer.is(&case.want), "{}, in wasm: {answer:?}", case.name);
        if !matches!(case.want, Answer::Refuse { .. } | Answer::Trap { .. }) {
            batches.entry(case.config()).or_default().push(case);
        }
    }
    for (config, cases) in batches {
        let mut guest = Guest::start(&wasm, config).unwrap();
        let samples: Vec<_> = cases.iter().map(|case| case.sample()).collect();
        // Twice, because an instance is used again for the next batch.
        for _ in 0..2 {
            let answers = guest.filter(&samples).unwrap();
            for (case, answer) in cases.iter().zip(&answers) {
                assert!(answer.is(&case.want), "{}, in a batch: {answer:?}", case.name);
            }
        }
    }
}

fn natively(native: Native, case: &Case) -> Answer {
    let sample = case.sample();
    let call = AssertUnwindSafe(|| native(case.config(), sample.event()).map(Answer::from));
    match catch_unwind(call) {
        Ok(Ok(answer)) => answer,
        Ok(Err(reason)) => Answer::Refuse { reason },
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
            let reason = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Answer::Trap { reason: reason.unwrap_or_default() }
        }
    }
}

fn alone(wasm: &[u8], case: &Case) -> Answer {
    let mut guest = match Guest::start(wasm, case.config()) {
        Ok(guest) => guest,
        Err(reason) => return Answer::Refuse { reason },
    };
    match guest.filter(&[case.sample()]) {
        Ok(answers) => answers.into_iter().next().unwrap(),
        Err(trapped) => Answer::Trap { reason: trapped.reason },
    }
}
