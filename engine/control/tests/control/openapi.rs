//! The document that the table of operations comes to.

use serde_json::Value;
use std::collections::BTreeSet;

const COMMITTED: &str = include_str!("../../../docs/openapi.json");

#[test]
fn the_committed_document_is_that_of_the_code() {
    let written = format!("{:#}\n", control::openapi());
    let mut lines = written.lines().zip(COMMITTED.lines()).enumerate();
    let differs = lines.find(|(_, (new, old))| new != old).map(|(n, (new, _))| (n + 1, new));
    assert!(
        written == COMMITTED,
        "it differs at {differs:?}: run `cargo run --release -- openapi > engine/docs/openapi.json`"
    );
}

#[test]
fn every_reference_leads_to_a_schema_and_every_schema_is_used() {
    let document = control::openapi();
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    let known = document["components"]["schemas"].as_object().unwrap().keys();
    let known: BTreeSet<String> =
        known.map(|name| format!("#/components/schemas/{name}")).collect();
    assert_eq!(used, known);
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(all) => all.iter().for_each(|entry| references(entry, found)),
        _ => {}
    }
}
