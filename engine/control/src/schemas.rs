//! The JSON Schemas that messages are held to: compiled once for each version of an event type.

use crate::problem::Flaw;
use boon::{Compiler, SchemaIndex, UrlLoader, ValidationError};
use registry::{Record, RecordKind, Snapshot};
use runtime::on_stack;
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;

/// A schema as it is applied.
pub(crate) struct Schema {
    compiled: boon::Schemas,
    root: SchemaIndex,
    /// How many schemas it is made of, at most.
    parts: usize,
}

/// What was compiled on this thread.
#[derive(Default)]
pub(crate) struct Schemas {
    kept: BTreeMap<Arc<str>, Kept>,
    compiled: usize,
}

/// The record that was looked at, and its schema where it asks for one.
type Kept = (Arc<Record>, Option<Rc<Schema>>);

/// More event types than this are forgotten together and compiled again when they are asked for.
const COMPILED_MAX: usize = 256;
const KEPT_MAX: usize = 10_000;
/// Of one payload, the first few.
const FLAWS_MAX: usize = 10;
const TEXT_LETTERS_MAX: usize = 300;
const PARTS_MAX: usize = 1_000;
const DEPTH_MAX: usize = 64;
/// No part is applied to a value from within itself, so a payload of depth d is looked at through
/// d × parts calls at most, each of which takes less than this of the stack.
const CALL_BYTES: usize = 16 << 10;
/// What the stack of any thread has to spare.
const HERE_BYTES: usize = 512 << 10;

/// Nothing outside of a schema is ever read.
struct Nowhere;

impl UrlLoader for Nowhere {
    fn load(&self, url: &str) -> Result<Value, Box<dyn Error>> {
        Err(format!("a schema refers to nothing outside of itself: {url}").into())
    }
}

impl Schema {
    /// What is wrong with it is told in words for its author. Its patterns take a time that grows
    /// with the text alone: no look-ahead, no back-reference.
    pub fn compile(schema: &Value) -> Result<Schema, String> {
        let parts = parts_of(schema);
        if parts > PARTS_MAX {
            return Err(format!("it is made of {PARTS_MAX} schemas at most"));
        }
        let compile = || {
            let mut compiler = Compiler::new();
            compiler.use_loader(Box::new(Nowhere));
            compiler.add_resource(NAME, schema.clone()).map_err(|why| why.to_string())?;
            let mut compiled = boon::Schemas::new();
            let root = compiler.compile(NAME, &mut compiled).map_err(|why| why.to_string())?;
            Ok(Schema { compiled, root, parts })
        };
        let compiled = on_stack(STACK_OF_A_COMPILER, compile);
        compiled.unwrap_or_else(|error| Err(error.to_string())).map_err(|why: String| cut(&why))
    }

    /// Where a payload is not as the schema says, with the way below `payload`.
    pub fn flaws(&self, payload: &Value) -> Vec<Flaw> {
        let depth = depth_of(payload);
        if depth > DEPTH_MAX {
            return vec![flaw("", &format!("it has {DEPTH_MAX} levels at most"))];
        }
        let look = || match self.compiled.validate(payload, self.root) {
            Ok(()) => Vec::new(),
            Err(error) => {
                let mut flaws = Vec::new();
                gather(&error, &mut flaws);
                flaws
            }
        };
        match depth * self.parts * CALL_BYTES {
            small if small <= HERE_BYTES => look(),
            large => on_stack(large + HERE_BYTES, look)
                .unwrap_or_else(|_| vec![flaw("", "there is no memory to look at it")]),
        }
    }
}

/// Stands for the schema's own place.
const NAME: &str = "schema:event";
const STACK_OF_A_COMPILER: usize = 64 << 20;

/// Those that have causes are told by them.
fn gather(error: &ValidationError<'_, '_>, flaws: &mut Vec<Flaw>) {
    for cause in &error.causes {
        gather(cause, flaws);
    }
    if error.causes.is_empty() && flaws.len() < FLAWS_MAX {
        let place = error.instance_location.to_string();
        flaws.push(flaw(&place, &error.kind.to_string()));
    }
}

fn flaw(place: &str, text: &str) -> Flaw {
    let way = place.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"));
    let place = ["body", "payload"].map(str::to_owned).into_iter().chain(way).collect();
    Flaw { place, text: cut(text), kind: "value_error.schema" }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_LETTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Whatever may be a schema is an object or a boolean; more are counted than there are.
fn parts_of(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(parts_of).sum::<usize>(),
        Value::Array(all) => all.iter().map(parts_of).sum(),
        Value::Bool(_) => 1,
        _ => 0,
    }
}

fn depth_of(value: &Value) -> usize {
    let deepest = match value {
        Value::Object(members) => members.values().map(depth_of).max(),
        Value::Array(all) => all.iter().map(depth_of).max(),
        _ => None,
    };
    1 + deepest.unwrap_or(0)
}

impl Schemas {
    /// What messages of this type are held to, if to anything. `enforced` reads the schema of a
    /// record that asks for it.
    pub fn of(
        &mut self,
        snapshot: &Snapshot,
        event_type: &str,
        enforced: impl FnOnce(&Record) -> Option<Value>,
    ) -> Option<Rc<Schema>> {
        let record = snapshot.record(RecordKind::EventType, event_type)?;
        if let Some((known, schema)) = self.kept.get(event_type)
            && (Arc::ptr_eq(known, record) || known == record)
        {
            return schema.clone();
        }
        if self.compiled >= COMPILED_MAX || self.kept.len() >= KEPT_MAX {
            *self = Schemas::default();
        }
        // It was compiled before it was kept; what cannot be any more holds nobody up.
        let schema = enforced(record).and_then(|schema| Schema::compile(&schema).ok()).map(Rc::new);
        self.compiled += usize::from(schema.is_some());
        self.kept.insert(record.name.clone(), (record.clone(), schema.clone()));
        schema
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;
    use serde_json::json;

    fn is_fit(schema: &Value, payload: &Value) -> bool {
        Schema::compile(schema).unwrap().flaws(payload).is_empty()
    }

    #[test]
    fn nothing_is_fetched_and_no_pattern_takes_for_ever() {
        for bad in [
            json!({ "$ref": "http://127.0.0.1:59009/x.json" }),
            json!({ "$ref": "file:///etc/hostname" }),
            json!({ "$id": "file:///etc/", "$ref": "hostname" }),
            json!({ "$schema": "https://example.com/own" }),
            json!({ "pattern": "(?=a)b" }),
            json!({ "pattern": "(a)\\1" }),
            json!({ "pattern": "a{1000}{1000}" }),
            json!({ "type": "nonsense" }),
            json!(3),
            json!({ "enum": vec![true; PARTS_MAX] }),
        ] {
            let told = Schema::compile(&bad).err().unwrap();
            assert!(told.chars().count() <= TEXT_LETTERS_MAX + 1, "{told}");
        }
        assert!(!is_fit(&json!({ "pattern": "^(a+)+$" }), &json!("a".repeat(100_000) + "b")));
    }

    #[test]
    fn a_schema_that_refers_to_itself_comes_to_an_end() {
        for round in [
            json!({ "$ref": "#" }),
            json!({ "allOf": [{ "$ref": "#" }] }),
            json!({ "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } },
                    "$ref": "#/$defs/a" }),
        ] {
            assert!(!is_fit(&round, &json!({ "a": 1 })), "{round}");
        }
    }

    /// As deep as may be, through as many parts as may be, at every level.
    #[test]
    fn no_payload_is_too_deep_for_the_stack() {
        let chain = PARTS_MAX - 10;
        let mut defs: serde_json::Map<String, Value> = (0..chain)
            .map(|n| (format!("d{n}"), json!({ "$ref": format!("#/$defs/d{}", n + 1) })))
            .collect();
        let end = json!({ "properties": { "a": { "$ref": "#/$defs/d0" } }, "type": "object" });
        defs.insert(format!("d{chain}"), end);
        let schema = json!({ "$defs": defs, "$ref": "#/$defs/d0" });
        let deep =
            |levels: usize, last: Value| (1..levels).fold(last, |inner, _| json!({ "a": inner }));
        assert!(is_fit(&schema, &deep(DEPTH_MAX, json!({}))));
        assert!(!is_fit(&schema, &deep(DEPTH_MAX, json!(1))));
        let flaws = Schema::compile(&schema).unwrap().flaws(&deep(DEPTH_MAX + 1, json!({})));
        assert!(flaws[0].text.contains("64 levels"), "{flaws:?}");
        let nested = (0..100).fold(json!({}), |inner, _| json!({ "not": inner }));
        assert!(is_fit(&nested, &json!(1)));
    }

    #[test]
    fn flaws_have_their_places() {
        let schema = json!({
            "properties": { "a/b": { "items": { "type": "integer" } } }, "required": ["c"],
        });
        let schema = Schema::compile(&schema).unwrap();
        let mut found = schema.flaws(&json!({ "a/b": [1, "x"] }));
        found.sort_by_key(|flaw| flaw.place.len());
        assert_eq!(found[0].place, ["body", "payload"]);
        assert_eq!(found[1].place, ["body", "payload", "a/b", "1"]);
        let many = json!({ "c": 1, "a/b": vec!["x"; 1_000] });
        assert_eq!(schema.flaws(&many).len(), FLAWS_MAX);
    }
}
