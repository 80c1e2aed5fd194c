use super::Setting;
use crate::events::{body, envelope, event};
use crate::measure::{Case, Contender, compare};
use ::condition::{Condition, ParsedBody};
use serde::de::IgnoredAny;
use serde_json::Value;
use std::hint::black_box;

const BYTES: usize = 1024;
const CONDITIONS: [(&str, &str); 3] = [
    ("the envelope alone", "type = 'push' AND headers['x-shop'] = 'north'"),
    ("one member", "data.amount > 1000"),
    (
        "five terms",
        "data.amount BETWEEN 1000 AND 2000 AND data.\"ref\" LIKE 'refs/heads/%' \
         AND NOT data.deleted AND data.of[0].name IN ('alpha', 'beta') AND exists(data.email)",
    ),
];

pub fn cases(setting: &Setting<'_>) -> anyhow::Result<Vec<Case>> {
    let body = body(BYTES);
    let event = event(7, &envelope(), &body);
    let mut cases = Vec::new();
    for (name, text) in CONDITIONS {
        let condition = Condition::compile(text)?;
        let ours = Contender::repeated("Condition::matches", 1, || {
            assert!(black_box(&condition).matches(&event, &mut ParsedBody::new()));
        });
        let parse = Contender::repeated("serde_json parses a Value", 1, || {
            let value: Value = serde_json::from_slice(black_box(&body)).expect("it is JSON");
            drop(black_box(value));
        });
        let check = Contender::repeated("serde_json checks that it is JSON", 1, || {
            serde_json::from_slice::<IgnoredAny>(black_box(&body)).expect("it is JSON");
        });
        let contenders = if condition.needs_body() { vec![ours, parse, check] } else { vec![ours] };
        cases.push(compare(name, setting.brief(), contenders)?);
    }
    Ok(cases)
}
