//! What the language means, case by case.

#![allow(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use condition::{Condition, Joining, ParsedBody};
use event::{Envelope, Event, EventId, Headers, Offset, TenantId, Time};

fn event(body: &str) -> Event {
    let mut headers = Headers::new();
    headers.push("X-GitHub-Event", b"push");
    headers.push("traceparent", b"00-1");
    headers.push("x-binary", &[0xff]);
    let time = Time::from_millis(1_769_853_600_500);
    let envelope = Envelope {
        key: Some("repo-7".into()),
        headers,
        ..Envelope::new(TenantId::new("acme"), "github", "pull_request.opened", time)
    };
    Event {
        id: EventId::new(5, Offset(9)),
        envelope,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

const BODY: &str = r#"{
  "n": 5, "big": 18446744073709551615, "half": 0.5, "text": "Main", "yes": true, "no": false,
  "null": null, "list": [1, "a", {"deep": [true]}], "object": {"a": 1, "odd name": 2},
  "refs": "refs/heads/main", "uni": "Grüße", "empty": "", "order": {"select": 1}, "twice": 1,
  "twice": 2
}"#;

/// TRUE, FALSE, or NULL.
fn truth(text: &str, event: &Event) -> Option<bool> {
    let matches = |text: &str| {
        let condition = Condition::compile(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        condition.matches(event, &mut ParsedBody::new())
    };
    let is_true = matches(text);
    let is_false = matches(&format!("NOT ({text})"));
    let is_null = matches(&format!("({text}) IS NULL"));
    assert_eq!(u8::from(is_true) + u8::from(is_false) + u8::from(is_null), 1, "{text}");
    if is_null { None } else { Some(is_true) }
}

fn check(table: &[(&str, Option<bool>)]) {
    let event = event(BODY);
    for (text, expected) in table {
        assert_eq!(truth(text, &event), *expected, "{text}");
    }
}

const TRUE: Option<bool> = Some(true);
const FALSE: Option<bool> = Some(false);

#[test]
fn logic_has_three_values() {
    let event = event("{}");
    let values = [("TRUE", TRUE), ("FALSE", FALSE), ("NULL", None), ("data.x = 1", None)];
    for (a, av) in values {
        for (b, bv) in values {
            let and = match (av, bv) {
                (FALSE, _) | (_, FALSE) => FALSE,
                (TRUE, TRUE) => TRUE,
                _ => None,
            };
            let or = match (av, bv) {
                (TRUE, _) | (_, TRUE) => TRUE,
                (FALSE, FALSE) => FALSE,
                _ => None,
            };
            assert_eq!(truth(&format!("{a} AND {b}"), &event), and, "{a} AND {b}");
            assert_eq!(truth(&format!("{a} OR {b}"), &event), or, "{a} OR {b}");
        }
        assert_eq!(truth(&format!("NOT ({a})"), &event), av.map(|v| !v), "NOT {a}");
        assert_eq!(truth(&format!("({a}) IS TRUE"), &event), Some(av == TRUE));
        assert_eq!(truth(&format!("({a}) IS NOT TRUE"), &event), Some(av != TRUE));
        assert_eq!(truth(&format!("({a}) IS FALSE"), &event), Some(av == FALSE));
        assert_eq!(truth(&format!("({a}) IS NOT FALSE"), &event), Some(av != FALSE));
    }
}

#[test]
fn the_envelope_is_in_reach() {
    check(&[
        ("type = 'pull_request.opened'", TRUE),
        ("TYPE LIKE 'pull\\_request.%'", TRUE),
        ("source = 'github'", TRUE),
        ("key = 'repo-7'", TRUE),
        ("id LIKE 'evt\\_%'", TRUE),
        ("length(id) = 27", TRUE),
        ("headers['X-GitHub-Event'] = 'push'", TRUE),
        ("headers.traceparent = '00-1'", TRUE),
        ("headers['x-missing'] = 'a'", None),
        ("headers['x-binary'] IS NULL", TRUE),
        ("exists(headers['x-binary'])", TRUE),
        ("exists(headers['x-missing'])", FALSE),
        ("exists(key)", TRUE),
        ("time >= '2026-01-31'", TRUE),
        ("time > '2026-01-31T10:00:00Z'", TRUE),
        ("time = '2026-01-31T11:00:00.5+01:00'", TRUE),
        ("time BETWEEN '2026-01-31' AND '2026-01-31T10:00:00Z'", FALSE),
        ("'2026-02-01' > time", TRUE),
        ("time IN ('2026-01-31T10:00:00.500Z')", TRUE),
        ("time = data.n", None),
    ]);
}

#[test]
fn paths_lead_into_the_body() {
    check(&[
        ("data.n = 5", TRUE),
        ("data['n'] = 5", TRUE),
        ("data.\"n\" = 5", TRUE),
        ("data.N = 5", None),
        ("data.list[0] = 1", TRUE),
        ("data.list[2].deep[0]", TRUE),
        ("data['list'][2]['deep'][0] = TRUE", TRUE),
        ("data.list[3] IS NULL", TRUE),
        ("data.list.x IS NULL", TRUE),
        ("data.n.x IS NULL", TRUE),
        ("data.object[0] IS NULL", TRUE),
        ("data.object['odd name'] = 2", TRUE),
        ("data.order.select = 1", TRUE),
        ("data.null IS NULL", TRUE),
        ("data.missing IS NULL", TRUE),
        ("exists(data.null)", TRUE),
        ("exists(data.missing)", FALSE),
        ("exists(data)", TRUE),
        ("data IS NOT NULL", TRUE),
        ("data.twice = 2", TRUE),
    ]);
}

#[test]
fn values_compare_within_their_type() {
    check(&[
        ("data.n <> 6", TRUE),
        ("data.n != 5", FALSE),
        ("data.n = 5.0", TRUE),
        ("data.n < 5.5 AND data.n > 4.5 AND data.n >= 5 AND data.n <= 5", TRUE),
        ("data.big = 18446744073709551615", TRUE),
        ("data.big > 18446744073709551614", TRUE),
        ("data.half = 0.5", TRUE),
        ("data.half = 5e-1", TRUE),
        ("data.half > -0.5", TRUE),
        ("data.text = 'Main'", TRUE),
        ("data.text < 'main'", TRUE),
        ("data.yes", TRUE),
        ("data.no", FALSE),
        ("data.yes = TRUE", TRUE),
        ("data.yes <> data.no", TRUE),
        ("data.n = '5'", None),
        ("data.n <> '5'", None),
        ("data.n < '6'", None),
        ("data.yes = 'true'", None),
        ("data.yes = 1", None),
        ("data.no < data.yes", None),
        ("data.null = NULL", None),
        ("data.null <> 1", None),
        ("data.list = data.list", None),
        ("data.object = data.object", None),
        ("NOT data.n", None),
        ("data.n AND TRUE", None),
        ("data.text = 'It''s'", FALSE),
    ]);
}

#[test]
fn lists_ranges_and_patterns() {
    check(&[
        ("data.n IN (1, 5)", TRUE),
        ("data.n IN (1, 2)", FALSE),
        ("data.n IN (1, NULL)", None),
        ("data.n IN (5, NULL)", TRUE),
        ("data.n NOT IN (1, 2)", TRUE),
        ("data.n NOT IN (1, NULL)", None),
        ("data.n IN (1, 'a')", None),
        ("data.missing IN (1)", None),
        ("5 IN (data.n)", TRUE),
        ("data.n BETWEEN 5 AND 6", TRUE),
        ("data.n NOT BETWEEN 6 AND 7", TRUE),
        ("data.n BETWEEN 6 AND NULL", FALSE),
        ("data.n BETWEEN 5 AND NULL", None),
        ("data.text BETWEEN 'A' AND 'Z'", TRUE),
        ("data.refs LIKE 'refs/heads/%'", TRUE),
        ("data.refs NOT LIKE 'refs/tags/%'", TRUE),
        ("data.refs LIKE 'refs/heads'", FALSE),
        ("data.text LIKE 'main'", FALSE),
        ("data.text ILIKE 'm_IN'", TRUE),
        ("data.uni ILIKE 'GRÜ_E'", TRUE),
        ("data.refs LIKE 'refs!/%' ESCAPE '!'", TRUE),
        ("data.n LIKE '5'", None),
        ("data.missing NOT LIKE '5'", None),
    ]);
}

#[test]
fn functions() {
    check(&[
        ("lower(data.text) = 'main'", TRUE),
        ("UPPER(data.text) = 'MAIN'", TRUE),
        ("lower(data.n) IS NULL", TRUE),
        ("length(data.uni) = 5", TRUE),
        ("length(data.empty) = 0", TRUE),
        ("length(data.list) = 3", TRUE),
        ("length(data.object) = 2", TRUE),
        ("length(data.n) IS NULL", TRUE),
        ("coalesce(data.missing, data.null, data.n) = 5", TRUE),
        ("coalesce(data.missing) IS NULL", TRUE),
        ("coalesce(data.missing, FALSE) = FALSE", TRUE),
        ("starts_with(data.refs, 'refs/')", TRUE),
        ("ends_with(data.refs, data.text)", FALSE),
        ("ends_with(data.refs, lower(data.text))", TRUE),
        ("contains(data.refs, 'heads')", TRUE),
        ("contains(data.list, 'a')", TRUE),
        ("contains(data.list, 1.0)", TRUE),
        ("contains(data.list, 'b')", FALSE),
        ("contains(data.list, NULL)", None),
        ("contains(data.missing, 'a')", None),
        ("contains(data.refs, 1)", None),
        ("contains(data.object, 'a')", None),
        ("starts_with(data.refs, NULL)", None),
    ]);
}

#[test]
fn operators_bind_as_in_sql() {
    check(&[
        ("TRUE OR TRUE AND FALSE", TRUE),
        ("(TRUE OR TRUE) AND FALSE", FALSE),
        ("NOT FALSE AND FALSE", FALSE),
        ("NOT data.n = 6", TRUE),
        ("NOT data.n = 5 OR TRUE", TRUE),
        ("data.n = 5 = TRUE", TRUE),
        ("data.n IN (5) AND data.yes", TRUE),
        ("data.n BETWEEN 1 AND 9 AND data.no", FALSE),
        ("data.n = 5 -- and so on\n /* AND FALSE */ AND data.yes", TRUE),
    ]);
}

#[test]
fn what_is_not_json_is_null() {
    let deep = format!("{}1{}", "[".repeat(129), "]".repeat(129));
    for body in ["", "plain text", "{\"a\":", "{} {}", "\u{feff}{}", &deep, "{\"a\": 1e999}"] {
        let event = event(body);
        assert_eq!(truth("data IS NULL", &event), TRUE, "{body}");
        assert_eq!(truth("data.a = 1", &event), None, "{body}");
        assert_eq!(truth("exists(data)", &event), FALSE, "{body}");
        assert_eq!(truth("type = 'pull_request.opened'", &event), TRUE, "{body}");
    }
    let not_utf8 = Event { body: Bytes::from_static(b"{\"a\":\"\xff\"}"), ..event("") };
    assert_eq!(truth("data IS NULL", &not_utf8), TRUE);
    let deepest = format!("{}1{}", "[".repeat(127), "]".repeat(127));
    assert_eq!(truth("exists(data[0][0])", &event(&deepest)), TRUE);
    assert_eq!(truth("data = 7", &event("7")), TRUE);
}

#[test]
fn a_body_is_asked_for_only_when_needed() {
    let needs = |text| Condition::compile(text).unwrap().needs_body();
    assert!(!needs(
        "type = 'a' AND headers['x'] IS NULL AND lower(key) = 'b' OR time > '2026-01-01'"
    ));
    for text in
        ["data", "exists(data.a)", "1 IN (1, data.a)", "type = 'a' OR NOT lower(data.a) LIKE 'b'"]
    {
        assert!(needs(text), "{text}");
    }
}

#[test]
fn conditions_that_are_asked_together_read_a_body_once() {
    let texts = ["data.a = 1", "type = 'x'", "length(data.o) = 2", "data.o.n = 3", "data.a = 2"];
    let mut joining = Joining::default();
    for text in texts {
        joining.add(Condition::compile(text).unwrap().into());
    }
    let joint = joining.done();
    let event = event("{\"a\":1,\"o\":{\"n\":3,\"m\":4}}");
    let mut body = ParsedBody::new();
    assert!(!joint.matches(1, &event, &mut body));
    assert!(!body.is_read(), "nobody has asked for it");
    let answers = [0, 1, 2, 3, 4].map(|number| {
        let is_met = joint.matches(number, &event, &mut body);
        assert!(body.is_read(), "what the first has read is kept for condition {number}");
        is_met
    });
    assert_eq!(answers, [true, false, true, true, false]);
    assert!(Condition::compile("TRUE").unwrap().matches(&event, &mut body));
    assert!(!body.is_read(), "one that is no part of it does not see what they have read");
}

#[test]
fn a_parsed_body_is_that_of_the_event_at_hand() {
    let condition = Condition::compile("data.a = 1").unwrap();
    let mut body = ParsedBody::new();
    for (text, expected) in [("{\"a\":1}", true), ("{\"a\":2}", false), ("{\"a\":1}", true)] {
        assert_eq!(condition.matches(&event(text), &mut body), expected, "{text}");
    }
    let first = event("{\"a\":1}");
    assert!(condition.matches(&first, &mut body));
    let cut = Event { body: first.body.slice(..0), ..first.clone() };
    assert!(!condition.matches(&cut, &mut body));
}
