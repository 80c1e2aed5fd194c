use super::cases::{Because, Body, Made, Values, Want};
use super::{plain, shortened, words};
use event::{Event, Verdict};
use forebay::{FaultKind, FaultNote};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of an event.
pub enum Got<'a> {
    Pass,
    Drop,
    Emit(&'a [Arc<Event>]),
    Reject(&'a str),
    Retry(u128, &'a str),
    Trap(&'a FaultNote),
    Refuse(&'a FaultNote),
    /// The host is at fault.
    Nothing(&'a str),
}

/// Differences of one body that are told; what is wrong is mostly seen by the first.
const DIFFERENCES_MAX: usize = 12;
const CHARACTERS_MAX: usize = 160;

impl<'a> Got<'a> {
    pub fn of(verdict: &'a Verdict, fault: Option<&'a FaultNote>) -> Got<'a> {
        match (fault, verdict) {
            (Some(fault), _) => match fault.kind {
                FaultKind::Start => Got::Refuse(fault),
                FaultKind::Host => Got::Nothing(words(fault)),
                _ => Got::Trap(fault),
            },
            (None, Verdict::Pass) => Got::Pass,
            (None, Verdict::Drop) => Got::Drop,
            (None, Verdict::Emit(outputs)) => Got::Emit(outputs),
            (None, Verdict::Reject { reason }) => Got::Reject(reason),
            (None, Verdict::Retry { delay, reason }) => Got::Retry(delay.as_millis(), reason),
            (None, Verdict::Stop { reason }) => Got::Nothing(reason),
        }
    }

    pub fn word(&self) -> &'static str {
        match self {
            Got::Pass => "pass",
            Got::Drop => "drop",
            Got::Emit(_) => "emit",
            Got::Reject(_) => "reject",
            Got::Retry(..) => "retry",
            Got::Trap(_) => "trap",
            Got::Refuse(_) => "refuse",
            Got::Nothing(_) => "no answer",
        }
    }

    pub fn reason(&self) -> Option<&str> {
        match self {
            Got::Pass | Got::Drop | Got::Emit(_) => None,
            Got::Reject(reason) | Got::Retry(_, reason) | Got::Nothing(reason) => Some(reason),
            Got::Trap(fault) | Got::Refuse(fault) => Some(words(fault)),
        }
    }
}

/// Where an answer is not the wanted one, a line each; none when it is.
pub fn differences(event: &Arc<Event>, want: &Want, got: &Got<'_>) -> Vec<String> {
    let itself = std::slice::from_ref(event);
    match (want, got) {
        (Want::Pass, Got::Pass) | (Want::Drop, Got::Drop) => Vec::new(),
        // An output that changes nothing is the event, passed.
        (Want::Emit(wanted), Got::Pass) => outputs(event, wanted, itself),
        (Want::Emit(wanted), Got::Emit(outputs_got)) => outputs(event, wanted, outputs_got),
        (Want::Reject(because), Got::Reject(reason)) => part(because, reason),
        (Want::Trap(because), Got::Trap(fault)) => part(because, words(fault)),
        (Want::Refuse(because), Got::Refuse(fault)) => part(because, words(fault)),
        (Want::Retry { delay_ms, reason }, Got::Retry(delay, given)) => {
            let wrong = delay_ms.filter(|wanted| u128::from(*wanted) != *delay);
            let wrong =
                wrong.map(|wanted| two("delay_ms", &wanted.to_string(), &delay.to_string()));
            wrong.into_iter().chain(part(&Because { reason: reason.clone() }, given)).collect()
        }
        _ => {
            let mut lines = vec![two("verdict", word(want), got.word())];
            lines.extend(got.reason().map(|why| format!("because: {}", plain(why))));
            if let Got::Emit(outputs) = got {
                let shown = outputs.iter().map(|output| shown(&output.body));
                lines.extend(shown.map(|body| format!("output: {body}")));
            }
            lines
        }
    }
}

fn word(want: &Want) -> &'static str {
    match want {
        Want::Pass => "pass",
        Want::Drop => "drop",
        Want::Emit(_) => "emit",
        Want::Reject(_) => "reject",
        Want::Retry { .. } => "retry",
        Want::Trap(_) => "trap",
        Want::Refuse(_) => "refuse",
    }
}

fn two(what: &str, wanted: &str, got: &str) -> String {
    format!("{what}: wanted {wanted}, got {got}")
}

fn part(wanted: &Because, given: &str) -> Vec<String> {
    match given.contains(&wanted.reason) {
        true => Vec::new(),
        false => vec![two("reason", &format!("…{}…", plain(&wanted.reason)), &plain(given))],
    }
}

fn outputs(event: &Event, wanted: &[Made], got: &[Arc<Event>]) -> Vec<String> {
    let mut lines = Vec::new();
    if wanted.len() != got.len() {
        lines.push(two("outputs", &wanted.len().to_string(), &got.len().to_string()));
    }
    for (k, (made, output)) in wanted.iter().zip(got).enumerate() {
        let place = if wanted.len() == 1 { String::new() } else { format!("output {k}: ") };
        lines.extend(
            output_lines(event, made, output).into_iter().map(|line| place.clone() + &line),
        );
    }
    lines.extend(got.iter().skip(wanted.len()).map(|extra| {
        format!("output that is not wanted: {}, {}", extra.envelope.event_type, shown(&extra.body))
    }));
    lines
}

fn output_lines(event: &Event, made: &Made, output: &Event) -> Vec<String> {
    let mut lines = Vec::new();
    let (before, after) = (&event.envelope, &output.envelope);
    let of = made.event_type.as_deref().unwrap_or(&before.event_type);
    if of != &*after.event_type {
        lines.push(two("type", &plain(of), &plain(&after.event_type)));
    }
    let (own, found) = (before.key.as_deref().unwrap_or(""), after.key.as_deref().unwrap_or(""));
    let key = made.key.as_deref().unwrap_or(own);
    if key != found {
        lines.push(two("key", &format!("{key:?}"), &format!("{found:?}")));
    }
    let found = by_name(after.headers.iter());
    match &made.headers {
        Some(wanted) => lines.extend(header_lines(&texts(wanted), &found, true)),
        None if made.headers_include.is_none() => {
            lines.extend(header_lines(&by_name(before.headers.iter()), &found, true));
        }
        None => {}
    }
    if let Some(wanted) = &made.headers_include {
        lines.extend(header_lines(&texts(wanted), &found, false));
    }
    match made.body() {
        Some(body) => lines.extend(body_lines(&body, &output.body)),
        None if event.body != output.body => {
            lines.push(two("body", "the event's own", &shown(&output.body)));
        }
        None => {}
    }
    lines
}

type ByName = BTreeMap<String, Vec<String>>;

fn by_name<'a>(headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> ByName {
    let mut found = ByName::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value).into_owned();
        found.entry(name.to_owned()).or_default().push(value);
    }
    found
}

fn texts(wanted: &BTreeMap<String, Values>) -> ByName {
    let texts = |values: &Values| values.iter().map(str::to_owned).collect();
    wanted.iter().map(|(name, values)| (name.to_ascii_lowercase(), texts(values))).collect()
}

fn header_lines(wanted: &ByName, found: &ByName, is_all: bool) -> Vec<String> {
    let shown = |values: &[String]| plain(&values.join(", "));
    let mut lines = Vec::new();
    for (name, values) in wanted {
        match found.get(name) {
            None => lines.push(two(&format!("header {name}"), &shown(values), "none")),
            Some(other) if other != values => {
                lines.push(two(&format!("header {name}"), &shown(values), &shown(other)));
            }
            Some(_) => {}
        }
    }
    let others = found.iter().filter(|(name, _)| is_all && !wanted.contains_key(*name));
    lines.extend(
        others
            .map(|(name, values)| two(&format!("header {}", plain(name)), "none", &shown(values))),
    );
    lines
}

fn body_lines(wanted: &Body, got: &[u8]) -> Vec<String> {
    match wanted {
        Body::Bytes(bytes) if bytes == got => Vec::new(),
        Body::Bytes(bytes) => bytes_lines(bytes, got),
        Body::Json(text) if text.as_bytes() == got => Vec::new(),
        Body::Json(text) => {
            let found = serde_json::from_slice::<Value>(got);
            let (Ok(wanted), Ok(found)) = (serde_json::from_str::<Value>(text), found) else {
                return vec![two("body", &shortened(text, CHARACTERS_MAX), &shown(got))];
            };
            let mut lines = Vec::new();
            json_lines("", &wanted, &found, &mut lines);
            let count = lines.len();
            lines.truncate(DIFFERENCES_MAX);
            if count > DIFFERENCES_MAX {
                lines.push(format!("body: {} further differences", count - DIFFERENCES_MAX));
            }
            lines
        }
    }
}

/// From the first byte that differs.
fn bytes_lines(wanted: &[u8], got: &[u8]) -> Vec<String> {
    let same = wanted.iter().zip(got).take_while(|(a, b)| a == b).count();
    // A little of what is alike shows where it is.
    let from = same.saturating_sub(20);
    let rest = |bytes: &[u8]| {
        let lead = if from > 0 { "…" } else { "" };
        format!("{lead}{}", shown(&bytes[from.min(bytes.len())..]))
    };
    let line = format!("body, from byte {same}");
    vec![two(&line, &rest(wanted), &rest(got))]
}

/// `at` is a JSON pointer.
fn json_lines(at: &str, wanted: &Value, got: &Value, lines: &mut Vec<String>) {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => {
            for (name, value) in wanted {
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                match got.get(name) {
                    Some(found) => json_lines(&at, value, found, lines),
                    None => lines.push(two(&place(&at), &json(value), "nothing")),
                }
            }
            let others = got.iter().filter(|(name, _)| !wanted.contains_key(*name));
            lines.extend(others.map(|(name, value)| {
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                two(&place(&at), "nothing", &json(value))
            }));
        }
        (Value::Array(wanted), Value::Array(got)) => {
            for n in 0..wanted.len().max(got.len()) {
                let at = format!("{at}/{n}");
                match (wanted.get(n), got.get(n)) {
                    (Some(value), Some(found)) => json_lines(&at, value, found, lines),
                    (value, found) => {
                        let shown = |one: Option<&Value>| one.map_or("nothing".to_owned(), json);
                        lines.push(two(&place(&at), &shown(value), &shown(found)));
                    }
                }
            }
        }
        (wanted, got) if is_equal(wanted, got) => {}
        (wanted, got) => lines.push(two(&place(at), &json(wanted), &json(got))),
    }
}

/// 1 and 1.0 are one number; whole ones are compared as such.
fn is_equal(wanted: &Value, got: &Value) -> bool {
    let is_number = wanted.is_number() && got.is_number();
    let has_fraction = wanted.is_f64() || got.is_f64();
    wanted == got || (is_number && has_fraction && wanted.as_f64() == got.as_f64())
}

fn place(at: &str) -> String {
    if at.is_empty() { "body".to_owned() } else { format!("body {}", plain(at)) }
}

fn json(value: &Value) -> String {
    shortened(&value.to_string(), CHARACTERS_MAX)
}

/// A body on one line.
pub fn shown(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) => shortened(text, CHARACTERS_MAX),
        Err(_) => {
            let hex: String = body.iter().take(24).map(|byte| format!("{byte:02x} ")).collect();
            format!("{hex}({} bytes)", body.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body(wanted: Value, got: &str) -> Vec<String> {
        body_lines(&Body::Json(wanted.to_string()), got.as_bytes())
    }

    #[test]
    fn json_is_compared_as_json() {
        assert!(body(json!({ "a": 1, "b": [1, 2] }), r#"{ "b":[1.0,2], "a":1 }"#).is_empty());
        let lines = body(json!({ "a": { "x/y": 1 }, "b": [1] }), r#"{"a":{"x/y":2},"b":[1,2]}"#);
        assert_eq!(lines, ["body /a/x~1y: wanted 1, got 2", "body /b/1: wanted nothing, got 2"]);
        assert_eq!(body(json!({}), "{"), ["body: wanted {}, got {"]);
        assert_eq!(body(json!(1_u64 << 60), "1152921504606846977").len(), 1);
    }

    #[test]
    fn text_is_compared_by_its_bytes() {
        let text = |wanted: &str, got: &str| {
            body_lines(&Body::Bytes(wanted.as_bytes().to_vec()), got.as_bytes())
        };
        assert!(text("{\"a\":1}", "{\"a\":1}").is_empty());
        assert_eq!(text("{}", "{ }"), ["body, from byte 1: wanted {}, got { }"]);
    }
}
