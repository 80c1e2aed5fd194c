use bytes::Bytes;
use event::{Envelope, Event, EventId, Headers, Offset, TenantId, Time};
use std::sync::Arc;

/// Every type of the table in `sdk/conformance/README.md` but `spin`.
const TYPES: &[&str] = &[
    "pass", "drop", "reject", "fail", "retry", "body", "alias", "empty", "key", "type", "headers",
    "bare", "stamp", "kept", "table", "fan", "none", "dump", "config", "log", "count",
];

/// Those that read the body as text.
const OF_TEXT: &[&str] = &["reject", "fail", "copies", "table"];

/// What the lookup table `words` has.
pub const WORDS: &[(&str, &str)] =
    &[("", "nothing"), ("body", "found"), ("xy", ""), (UNICODE, "später 🎉")];

const UNKNOWN: &[&str] = &["order.paid", "pas", "passx", "PASS", "p", "größe.geändert.🎉", "dump."];

const UNICODE: &str = "Grüße — 東京 🎉 e\u{301} ﷽";

pub fn build(n: u64, event_type: &str, headers: Headers, body: &[u8]) -> Event {
    let time = Time::from_nanos(1_790_000_000_123_456_789 + n);
    let envelope = Envelope {
        key: Some("customer-1".into()),
        headers,
        ..Envelope::new(TenantId::new("tenant"), "shop", event_type, time)
    };
    let id = EventId::new(1_790_000_000_000, Offset(n));
    Event { id, envelope, body: Bytes::copy_from_slice(body) }
}

fn json_headers() -> Headers {
    [("content-type", &b"application/json"[..]), ("x-drop-me", b"1"), ("x-kept", b"ok")]
        .into_iter()
        .collect()
}

pub fn typed(n: u64, event_type: &str, body: &[u8]) -> Arc<Event> {
    Arc::new(build(n, event_type, json_headers(), body))
}

/// A small event that suits its type.
pub fn sample(n: u64, event_type: &str) -> Arc<Event> {
    let body: &[u8] = match event_type {
        "fan" => b"one\n\ntwo\n",
        "copies" => b"3",
        _ => br#"{"amount":1999}"#,
    };
    typed(n, event_type, body)
}

pub fn with_body(event: &Event, n: u64, body: &[u8]) -> Arc<Event> {
    let body = Bytes::copy_from_slice(body);
    Arc::new(Event { id: EventId::new(event.id.millis(), Offset(n)), body, ..event.clone() })
}

/// Bytes of all values, with a line feed now and then but never more than 64 parts.
pub fn big(len: usize) -> Vec<u8> {
    let byte = |n: usize| match n % (1 << 16) {
        0 => b'\n',
        _ => Some((n * 31 + (n >> 8)) as u8).filter(|byte| *byte != b'\n').unwrap_or(0),
    };
    (0..len).map(byte).collect()
}

/// Every type with every kind of event.
pub fn all() -> Vec<Arc<Event>> {
    let mut events = Vec::new();
    for event_type in TYPES {
        events.extend(
            bodies(event_type).iter().map(|body| build(0, event_type, json_headers(), body)),
        );
        events.extend(kinds(event_type));
    }
    events.extend(UNKNOWN.iter().map(|name| build(0, name, Headers::new(), b"{}")));
    let copies = ["1", "2", "9", "10", "63", "64"];
    events.extend(copies.map(|n| build(0, "copies", json_headers(), n.as_bytes())));
    let parts = ["", "\n", "a", "a\n", "\na", "\n\n\n", "ä\nö\n🎉"];
    events.extend(parts.map(|text| build(0, "fan", json_headers(), text.as_bytes())));
    events.push(build(0, "fan", json_headers(), "x\n".repeat(63).as_bytes()));
    events.extend(stamped());
    events.push(build(0, "log", json_headers(), b"caf\xe9 \xf0\x9f\x8e \xff\xfe end\xc3"));
    events.push(build(0, "log", json_headers(), b"two\nlines\tand a NUL\0"));
    let numbered = events.into_iter().zip(100..);
    numbered.map(|(event, n)| Arc::new(renumbered(event, n))).collect()
}

/// With what `stamp` and `kept` look for, in every place.
fn stamped() -> Vec<Event> {
    let lists: [&[(&str, &[u8])]; 6] = [
        &[("x-stamp", b"0")],
        &[("x-stamp", b"0"), ("x-stam", b"a"), ("x-stamp", b"00"), ("x-stamped", b"b")],
        &[("x-kept", b"o"), ("x-kept", b"ok")],
        &[("a", b""), ("x-kept", b"ok"), ("x-kept", b"no"), ("x-stamp", b"last")],
        &[("x-kept", b"ok "), ("X-STAMP", b"upper")],
        &[("x-kept", b""), ("x-stamp", b"\xff")],
    ];
    let of = |list: &&[(&str, &[u8])]| -> Headers { list.iter().copied().collect() };
    let types = ["stamp", "kept"].into_iter();
    types.flat_map(|name| lists.map(|list| build(0, name, of(&list), b"{}"))).collect()
}

/// A batch of events whose every part is drawn, the same ones for the same seed.
pub fn by_chance(seed: u64) -> Vec<Arc<Event>> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // The generator of Knuth's MMIX; its high bits are good enough to draw from.
    let mut draw = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let count = 1 + draw(300);
    (0..count).map(|n| drawn(n as u64 + 1, &mut draw)).collect()
}

fn drawn(n: u64, draw: &mut dyn FnMut(usize) -> usize) -> Arc<Event> {
    let event_type = TYPES[draw(TYPES.len())];
    // Of a longer line the host keeps the beginning.
    let len = if event_type == "log" { 100 } else { [0, 1, 7, 100, 3000][draw(5)] };
    let mut body: Vec<u8> = match OF_TEXT.contains(&event_type) {
        true => (0..draw(100)).map(|_| b'a' + draw(26) as u8).collect(),
        false => (0..draw(len + 1)).map(|_| draw(256) as u8).collect(),
    };
    if event_type == "fan" {
        body.retain(|byte| *byte != b'\n');
        for _ in 0..draw(64) {
            body.insert(draw(body.len() + 1), b'\n');
        }
    }
    let mut headers = Headers::new();
    for _ in 0..draw(20) {
        let name =
            ["content-type", "x-drop-a", "x-drop", "x-stamp", "a", "ab", "abc", "abcde"][draw(8)];
        let mut value: Vec<u8> = (0..draw(40)).map(|_| 32 + draw(224) as u8).collect();
        value.retain(|byte| !byte.is_ascii_control());
        headers.push(name, if name == "content-type" { b"application/json" } else { &value });
    }
    let mut event = build(n, event_type, headers, &body);
    event.envelope.key =
        (draw(3) > 0).then(|| UNICODE.chars().cycle().skip(draw(9)).take(1 + draw(50)).collect());
    event.envelope.time = Time::from_nanos(draw(1 << 31) as u64 * draw(1 << 31) as u64);
    Arc::new(event)
}

/// An event that has no number of its own yet gets one.
fn renumbered(mut event: Event, n: u64) -> Event {
    if event.id.offset() == Offset(0) {
        event.id = EventId::new(event.id.millis(), Offset(n));
    }
    event
}

fn bodies(event_type: &str) -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> =
        ["", "x", "xy", "xyz", "a\"b\\c", UNICODE].map(|text| text.as_bytes().to_vec()).into();
    bodies.push(vec![b'r'; 1500]);
    if !OF_TEXT.contains(&event_type) {
        let mut every: Vec<u8> = (0..=255).collect();
        bodies.push(every.clone());
        every.reverse();
        bodies.push(every);
    }
    bodies
}

/// One event of each kind in its envelope.
fn kinds(event_type: &str) -> Vec<Event> {
    let plain = |headers: Headers| build(0, event_type, headers, b"body");
    let mut nothing = plain(Headers::new());
    nothing.envelope.key = None;
    nothing.envelope.source = "".into();
    nothing.envelope.time = Time::ZERO;
    let mut unicode = plain([("x-text", UNICODE.as_bytes())].into_iter().collect());
    unicode.envelope.key = Some(UNICODE.into());
    unicode.envelope.source = "läden/東京/🎉".into();
    unicode.body = Bytes::from_static("später 🎉".as_bytes());
    let mut far = plain(json_headers());
    far.id = EventId::new(1, Offset((1 << 53) + 1));
    let mut farther = plain(json_headers());
    farther.id = EventId::new(1, Offset(u64::MAX - 1));
    let mut long_key = plain(json_headers());
    long_key.envelope.key = Some("k".repeat(1000).into());
    let xml = plain([("content-type", &b"text/xml"[..])].into_iter().collect());
    let many = plain(many_headers());
    vec![nothing, unicode, far, farther, long_key, xml, many, plain(padded()), plain(odd())]
}

/// As many as leave room for `ce-source` and `x-conformance`.
fn many_headers() -> Headers {
    let mut headers = Headers::new();
    for n in 0..126 {
        headers.push(&format!("x-{n}"), n.to_string().as_bytes());
    }
    headers
}

/// Names and values of every length to a multiple of 4.
fn padded() -> Headers {
    let mut headers = Headers::new();
    for name in ["a", "ab", "abc", "abcd", "abcde"] {
        for value in ["", "1", "12", "123", "1234", "12345"] {
            headers.push(name, value.as_bytes());
        }
    }
    headers
}

/// What a map from text to text would lose or mistake.
fn odd() -> Headers {
    let is_carried = |byte: &u8| !byte.is_ascii_control() || *byte == b'\t';
    let binary: Vec<u8> = (0..=255).filter(is_carried).collect();
    [
        ("x-twice", &b"1"[..]),
        ("x-drop-", b"gone"),
        ("x-twice", b"2"),
        ("x-drop-a", b"gone"),
        ("x-drop", b"kept"),
        ("not-x-drop-a", b"kept"),
        ("x-twice", b"1"),
        ("x-binary", &binary),
        ("ce-source", b"from afar"),
        ("ce-source", b"twice"),
        ("webhook-id", b"theirs"),
    ]
    .into_iter()
    .collect()
}
