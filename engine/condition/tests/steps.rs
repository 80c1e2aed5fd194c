//! A condition that reads much can be asked in steps, and each is short.

#![allow(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use condition::{Condition, Joining, Joint, ParsedBody};
use event::limits::SLICE_FUEL;
use event::{Envelope, Event, EventId, Offset, TenantId, Time};

fn event(body: String) -> Event {
    let envelope = Envelope::new(TenantId::new("t"), "s", "note", Time::ZERO);
    Event { id: EventId::new(0, Offset(0)), envelope, body: Bytes::from(body) }
}

fn joint(text: &str) -> Joint {
    let mut joining = Joining::default();
    joining.add(Condition::compile(text).unwrap().into());
    joining.done()
}

/// The answer, and the fuel of each step.
fn asked(text: &str, event: &Event, fuel_max: u64) -> (bool, Vec<u64>) {
    let (joint, mut body, mut steps) = (joint(text), ParsedBody::new(), Vec::new());
    let mut inquiry = joint.ask(0, event);
    loop {
        let answer = inquiry.step(&mut body, fuel_max);
        steps.push(inquiry.fuel());
        assert!(steps.len() < 10_000, "{text} has no end");
        if let Some(answer) = answer {
            return (answer, steps);
        }
    }
}

/// A hundred looks at long texts, in each way that many of them can stand in one condition.
fn hundreds() -> Vec<String> {
    let list =
        |of: fn(usize) -> String, glue: &str| (0..100).map(of).collect::<Vec<_>>().join(glue);
    vec![
        list(|n| format!("data.a ILIKE '%y{n}%'"), " OR "),
        list(|n| format!("NOT data.a LIKE '%_y{n}%'"), " AND "),
        format!("lower(data.a) IN ({})", list(|n| format!("lower(data.a{n})"), ", ")),
        format!("coalesce({})", list(|_| "(lower(data.a) = 1)".into(), ", ")),
        format!("coalesce({}, 1) = 1", list(|_| "starts_with(upper(data.a), 1)".into(), ", ")),
        format!("TRUE IN ({})", list(|n| format!("contains(data.a, 'y{n}')"), ", ")),
    ]
}

#[test]
fn a_step_ends_at_the_first_look_that_takes_more_than_it_has() {
    let long = "x".repeat(16 << 10);
    let members: String = (0..100).map(|n| format!(",\"a{n}\":\"{long}y\"")).collect();
    let event = event(format!("{{\"a\":\"{long}\"{members}}}"));
    let (_, dearest) = asked("data.a ILIKE '%y%'", &event, u64::MAX);
    let most = SLICE_FUEL + dearest[0];
    for text in hundreds() {
        let (answer, steps) = asked(&text, &event, SLICE_FUEL);
        let (_, all) = asked(&text, &event, u64::MAX);
        assert_eq!(all.len(), 1, "{text}");
        let whole = joint(&text).matches(0, &event, &mut ParsedBody::new());
        assert_eq!(answer, whole, "{text}");
        assert!(steps.iter().all(|fuel| *fuel <= most), "{steps:?} at {most} at most: {text}");
        assert!(steps.len() > 10, "{} steps: {text}", steps.len());
    }
}

#[test]
fn what_was_learnt_is_not_looked_at_again() {
    let event = event(format!("{{\"a\":\"{}\"}}", "x".repeat(64 << 10)));
    let text = &hundreds()[0];
    let (_, steps) = asked(text, &event, SLICE_FUEL);
    let (_, all) = asked(text, &event, u64::MAX);
    assert_eq!(steps.iter().sum::<u64>(), all[0]);
}

#[test]
fn one_that_reads_little_takes_one_step() {
    let event = event("{\"a\":\"some text\",\"n\":1}".into());
    for text in ["type = 'note' AND data.n = 1", "data.a ILIKE '%TEXT'", "lower(data.a) <> 'b'"] {
        let (answer, steps) = asked(text, &event, SLICE_FUEL);
        assert!(answer && steps.len() == 1, "{text}");
        assert!(steps[0] < 1000, "{} units: {text}", steps[0]);
    }
}
