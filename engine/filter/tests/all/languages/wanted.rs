use super::Question;
use super::cases::WORDS;
use bytes::Bytes;
use event::limits::REASON_BYTES_MAX;
use event::{Envelope, Event, Headers, Verdict};
use filter::{LogLine, Metric, Purpose};
use std::sync::Arc;
use std::time::Duration;

/// How the reason of an event that never ends begins; the guest's frames follow.
pub const OUT_OF_FUEL: &str = "filter f: out of fuel";

/// What `sdk/conformance/README.md` says of an event, as the host hands it on.
pub fn verdict(question: &Question<'_>, event: &Arc<Event>) -> Verdict {
    let body = &event.body[..];
    let one =
        |envelope: Envelope, body: Vec<u8>| Verdict::Emit(vec![output(event, envelope, body)]);
    let same = || event.envelope.clone();
    match &*event.envelope.event_type {
        "pass" | "log" | "count" => Verdict::Pass,
        "drop" | "none" => Verdict::Drop,
        "reject" if body.is_empty() => reject("rejected by the filter"),
        "fail" if body.is_empty() => reject("rejected by the filter"),
        "reject" | "fail" => reject(&text(body)),
        "retry" => Verdict::Retry { delay: Duration::from_secs(60), reason: "later".into() },
        "body" => one(same(), [b"<", body, b">"].concat()),
        "alias" if body.len() < 2 => one(same(), Vec::new()),
        "alias" => one(same(), body[1..body.len() - 1].to_vec()),
        "empty" => one(same(), Vec::new()),
        "key" => {
            let key = format!("key of {}", event.envelope.key.as_deref().unwrap_or(""));
            one(Envelope { key: Some(key.into()), ..same() }, body.to_vec())
        }
        "type" => {
            let event_type = format!("renamed.{}", event.id).into();
            one(Envelope { event_type, ..same() }, body.to_vec())
        }
        "headers" => one(Envelope { headers: fewer(event), ..same() }, body.to_vec()),
        "bare" => one(Envelope { headers: Headers::new(), ..same() }, body.to_vec()),
        "stamp" => one(Envelope { headers: stamped(event), ..same() }, body.to_vec()),
        "kept" if event.envelope.headers.first("x-kept") == Some(b"ok") => Verdict::Pass,
        "kept" => Verdict::Drop,
        "table" => {
            let found = WORDS.iter().find(|(key, _)| key.as_bytes() == body);
            one(same(), found.map_or("none", |(_, word)| word).into())
        }
        "fan" => Verdict::Emit(fanned(event)),
        "copies" if body == b"1" => Verdict::Pass,
        "copies" => Verdict::Emit(vec![event.clone(); text(body).parse().unwrap()]),
        "dump" => one(same(), dump(event, question.purpose)),
        "config" => one(same(), question.greeting.unwrap_or("none").into()),
        "spin" => reject(OUT_OF_FUEL),
        other => reject(&format!("unknown type: {other}")),
    }
}

/// Of all events of a question, in their order.
pub fn logs(events: &[Arc<Event>]) -> Vec<LogLine> {
    let logged = |(n, event): (usize, &Arc<Event>)| {
        (&*event.envelope.event_type == "log").then(|| LogLine {
            filter: "f".into(),
            event: Some(n),
            level: 1,
            text: escaped(&String::from_utf8_lossy(&event.body)),
        })
    };
    events.iter().enumerate().filter_map(logged).collect()
}

pub fn metrics(events: &[Arc<Event>]) -> Vec<Metric> {
    let metric =
        |name: &str, kind, value| Metric { filter: "f".into(), name: name.into(), kind, value };
    let counted = events.iter().filter(|event| &*event.envelope.event_type == "count");
    counted.flat_map(|_| [metric("seen", 0, 2.0), metric("depth", 1, 1.5)]).collect()
}

fn output(event: &Event, envelope: Envelope, body: Vec<u8>) -> Arc<Event> {
    Arc::new(Event { id: event.id, envelope, body: Bytes::from(body) })
}

fn text(body: &[u8]) -> String {
    String::from_utf8(body.to_vec()).unwrap()
}

fn reject(reason: &str) -> Verdict {
    Verdict::Reject { reason: reason[..reason.len().min(REASON_BYTES_MAX)].into() }
}

/// The host writes control characters as Rust does.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if c.is_control() { escaped.extend(c.escape_default()) } else { escaped.push(c) }
    }
    escaped
}

/// The headers as the filter sees them: the host adds the source where there is none.
fn seen(event: &Event) -> Vec<(&str, &[u8])> {
    let envelope = &event.envelope;
    let mut seen: Vec<_> = envelope.headers.iter().collect();
    if envelope.headers.first("ce-source").is_none() {
        seen.push(("ce-source", envelope.source.as_bytes()));
    }
    seen
}

fn fewer(event: &Event) -> Headers {
    let headers = &event.envelope.headers;
    let kept = headers.iter().filter(|(name, _)| !name.starts_with("x-drop-"));
    let mut fewer: Headers = kept.collect();
    fewer.push("x-conformance", seen(event).len().to_string().as_bytes());
    fewer
}

fn stamped(event: &Event) -> Headers {
    let others = event.envelope.headers.iter().filter(|(name, _)| *name != "x-stamp");
    let mut stamped: Headers = others.collect();
    stamped.push("x-stamp", b"1");
    stamped
}

fn fanned(event: &Arc<Event>) -> Vec<Arc<Event>> {
    let parts = event.body.split(|byte| *byte == b'\n').enumerate();
    parts
        .map(|(n, part)| {
            let key = Some(n.to_string().into());
            output(event, Envelope { key, ..event.envelope.clone() }, part.to_vec())
        })
        .collect()
}

fn dump(event: &Event, purpose: Purpose) -> Vec<u8> {
    let envelope = &event.envelope;
    let seen = seen(event);
    let first = |wanted: &str| {
        let found = seen.iter().find(|(name, _)| *name == wanted);
        found.map_or("", |(_, value)| std::str::from_utf8(value).unwrap())
    };
    let lines = [
        ("id", event.id.to_string()),
        ("type", envelope.event_type.to_string()),
        ("key", envelope.key.as_deref().unwrap_or("").to_string()),
        ("source", first("ce-source").to_string()),
        ("offset", event.offset().0.to_string()),
        ("time_ns", envelope.time.nanos().to_string()),
        ("is_json", (first("content-type") == "application/json").to_string()),
        ("is_replay", (purpose == Purpose::Replay).to_string()),
        ("is_dry_run", (purpose == Purpose::DryRun).to_string()),
    ];
    let mut dump: Vec<u8> = lines.map(|(name, value)| format!("{name}={value}\n")).concat().into();
    for (name, value) in &seen {
        dump.extend([name.as_bytes(), b": ", value, b"\n"].concat());
    }
    dump.push(b'\n');
    dump.extend(&event.body);
    dump
}
