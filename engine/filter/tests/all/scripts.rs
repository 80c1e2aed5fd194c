//! What the runners of scripts have in common: how a script becomes a filter, and what is expected
//! of one in any language.

use crate::kit::*;
use bytes::Bytes;
use event::{Event, Verdict};
use filter::{AdmitFailure, ChainAnswer, ChainSpec, FaultKind, FilterModule};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};

type Admit = fn(&[u8]) -> Result<Arc<FilterModule>, AdmitFailure>;

/// A language that scripts are written in.
pub struct Language {
    /// Below `sdk/`.
    folder: &'static str,
    admit: Admit,
    runner: OnceLock<Arc<FilterModule>>,
}

impl Language {
    pub const fn new(folder: &'static str, admit: Admit) -> Language {
        Language { folder, admit, runner: OnceLock::new() }
    }

    fn runner(&self) -> &Arc<FilterModule> {
        self.runner.get_or_init(|| {
            let sdk = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk");
            let wasm = std::fs::read(format!("{sdk}/{}/runner.wasm", self.folder)).unwrap();
            (self.admit)(&wasm).unwrap()
        })
    }

    pub fn configured(&self, config: &Value) -> ChainSpec {
        chain(&[Setting::default().configured(self.runner(), &config.to_string())])
    }

    pub fn script(&self, text: &str) -> ChainSpec {
        self.configured(&json!({ "script": text }))
    }
}

/// What a chain says of one event with this body.
pub fn judged(chain: &ChainSpec, body: &[u8]) -> Verdict {
    ask(chain, &events(&[body])).verdicts.remove(0)
}

/// Of an order with the id 7 and two items, each of which becomes an event.
pub fn are_items(outputs: &[Arc<Event>]) {
    assert_eq!(outputs.len(), 2);
    assert_eq!(outputs[1].body, &br#"{"sku":"b","order":7}"#[..]);
    assert_eq!(outputs[1].envelope.key.as_deref(), Some("7/1"));
    assert_eq!(&*outputs[1].envelope.event_type, "order.item");
    let headers: Vec<_> = outputs[1].envelope.headers.iter().collect();
    assert_eq!(headers, [("content-type", &b"application/json"[..]), ("x-items", b"2")]);
}

/// Of three events the second is rejected by what the script threw, and the others pass.
pub fn the_second_is_no_good(answer: &ChainAnswer) {
    assert_eq!(answer.verdicts[0], Verdict::Pass);
    assert_eq!(rejected(&answer.verdicts[1]), "no good");
    assert_eq!(answer.verdicts[2], Verdict::Pass);
    assert!(answer.faults.is_empty());
}

/// Of three events the second ran out of fuel, and the others pass.
pub fn the_second_spun(answer: &ChainAnswer) {
    assert_eq!((&answer.verdicts[0], &answer.verdicts[2]), (&Verdict::Pass, &Verdict::Pass));
    assert!(rejected(&answer.verdicts[1]).contains("out of fuel"));
    assert_eq!(answer.faults.len(), 1);
    assert_eq!(answer.faults[0].kind, FaultKind::OutOfFuel);
}

/// One script emits what it was configured with. Gives why the other, which writes to it, is
/// rejected.
pub fn keeps_its_configuration(language: &Language, emits: &str, writes: &str) -> String {
    let config = |script: &str| json!({ "script": script, "min": 5, "list": [1, { "a": null }] });
    let told = judged(&language.configured(&config(emits)), b"");
    assert_eq!(emitted(&told)[0].body, &br#"{"list":[1,{"a":null}],"min":5}"#[..]);
    rejected(&judged(&language.configured(&config(writes)), b"")).to_owned()
}

/// What it makes of an event is the same alone and after another, and another for each. Gives what
/// it made of the first.
pub fn is_of_each_event(chain: &ChainSpec) -> Bytes {
    let together = events(&[b"a", b"b"]);
    let all = ask(chain, &together);
    let alone = ask(chain, &together[1..]);
    let body = |verdict: &Verdict| emitted(verdict)[0].body.clone();
    assert_eq!(body(&all.verdicts[1]), body(&alone.verdicts[0]));
    assert_ne!(body(&all.verdicts[0]), body(&all.verdicts[1]));
    body(&all.verdicts[0])
}

/// Level and text of each line that it wrote.
pub fn lines(answer: &ChainAnswer) -> Vec<(u8, String)> {
    answer.logs.iter().map(|line| (line.level, line.text.clone())).collect()
}

/// It counted `seen` once, and set `depth` to 1.5.
pub fn has_measures(answer: &ChainAnswer) {
    let metrics: Vec<_> = answer.metrics.iter().map(|m| (&*m.name, m.kind, m.value)).collect();
    assert_eq!(metrics, [("seen", 0, 1.0), ("depth", 1, 1.5)]);
}
