use super::take::Take;
use bytes::Bytes;
use condition::{Condition, Joining, NODES_MAX, ParsedBody};
use event::{Envelope, Event, EventId, Headers, Offset, TenantId, Time};

pub const WORDS: &[&str] = &[
    " AND ",
    " OR ",
    "NOT ",
    "data.",
    "data",
    "data['a']",
    "[0]",
    "headers['x-a']",
    "type",
    "key",
    "time",
    "id",
    " = ",
    " <> ",
    " <= ",
    " LIKE '%a_'",
    " ILIKE ",
    " ESCAPE '!'",
    " BETWEEN 1 AND 2",
    " IN (1, 'a')",
    " IS NOT NULL",
    " IS TRUE",
    "lower(",
    "length(",
    "coalesce(",
    "exists(data.a)",
    "contains(data.a, ",
    "starts_with(",
    "TRUE",
    "NULL",
    "'2026-01-31'",
    "(",
    ")",
    "''",
    "{\"a\":",
    "[1,2]",
    "\\u0000",
    "1e308",
    "-0.0",
    "18446744073709551615",
    "\n\n",
];

/// An expression, an empty line, the body of an event.
pub fn conditions(bytes: &[u8]) {
    let mut take = Take(bytes);
    let Ok(text) = std::str::from_utf8(take.until(b"\n\n")) else { return };
    let event = event(take.rest());
    let condition = match Condition::compile(text) {
        Ok(condition) => condition,
        Err(error) => {
            assert!(!error.reason.is_empty());
            let lines = text.split('\n').count() as u64;
            let columns = text.split('\n').map(|line| line.chars().count()).max().unwrap_or(0);
            assert!((1..=lines).contains(&error.line), "line {} of {lines}", error.line);
            assert!((1..=columns as u64 + 1).contains(&error.column), "column {}", error.column);
            return;
        }
    };
    assert_eq!(condition.text(), text);
    let mut body = ParsedBody::new();
    let is_true = condition.matches(&event, &mut body);
    assert_eq!(condition.matches(&event, &mut body), is_true, "asked again");
    assert_eq!(condition.matches(&event, &mut ParsedBody::new()), is_true, "read again");
    if !condition.needs_body() {
        let bare = Event { body: Bytes::new(), ..event.clone() };
        assert_eq!(condition.matches(&bare, &mut body), is_true, "it needs a body after all");
    }
    let mut joining = Joining::default();
    let others = ["data.a[0] = 1", "length(data) > 1", "contains(data.a, 'b')"];
    others.iter().filter_map(|text| Condition::compile(text).ok()).for_each(|other| {
        joining.add(other.into());
    });
    joining.add(condition.into());
    let (joint, mut body) = (joining.done(), ParsedBody::new());
    (0..others.len()).for_each(|number| {
        joint.matches(number, &event, &mut body);
    });
    assert_eq!(joint.matches(others.len(), &event, &mut body), is_true, "among others");
    let mut inquiry = joint.ask(others.len(), &event);
    let stepped = (0..2 * NODES_MAX).find_map(|_| inquiry.step(&mut body, 0));
    assert_eq!(stepped, Some(is_true), "in steps");
    let also = |form: &str| {
        let text = form.replace('?', &format!("({text}\n)"));
        let condition = Condition::compile(&text).ok()?;
        Some(condition.matches(&event, &mut ParsedBody::new()))
    };
    for form in ["?", "? AND ?", "? OR ?", "? IS TRUE", "NOT (NOT ?)", "? AND TRUE", "? OR FALSE"] {
        assert!(also(form).is_none_or(|other| other == is_true), "{form}");
    }
    assert!(also("? IS NOT TRUE").is_none_or(|other| other != is_true), "? IS NOT TRUE");
    assert!(also("NOT ?").is_none_or(|other| !(other && is_true)), "true and not");
    assert!(!also("? AND FALSE").unwrap_or(false));
    assert!(also("? OR TRUE").unwrap_or(true));
}

fn event(body: &[u8]) -> Event {
    let mut headers = Headers::new();
    headers.push("x-a", b"one");
    headers.push("x-b", b"\xff");
    let time = Time::from_millis(1_790_000_000_000);
    let envelope = Envelope {
        key: Some("customer-1".into()),
        headers,
        ..Envelope::new(TenantId::new("acme"), "shop", "order.paid", time)
    };
    let id = EventId::new(1_790_000_000_000, Offset(7));
    Event { id, envelope, body: Bytes::copy_from_slice(body) }
}
