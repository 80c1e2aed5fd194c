use super::take::{Take, headers};
use bytes::Bytes;
use event::{Arrival, TenantId, limits};
use ingest::Producer;
use ingest::doors::{Form, arrivals};
use serde_json::Value;

pub const WORDS: &[&str] = &[
    "{\"type\":\"a\",\"data\":",
    "\"id\":\"1\"",
    "\"key\":\"k\"",
    "\"specversion\":\"1.0\"",
    "\"source\":\"s\"",
    "\"data_base64\":\"AAE=\"",
    "\"datacontenttype\":\"text/plain\"",
    "\"partitionkey\":\"p\"",
    "ce-specversion: 1.0\n",
    "ce-type: a\n",
    "ce-source: s\n",
    "ce-id: 1\n",
    "traceparent: 00-\n",
    "\\u0000",
    "\\ud83d\\ude00",
    "\\ud800",
    "null",
    "[[[[",
    "1e999",
    "\n\n",
];

/// The form, headers, an empty line, the body of a request.
pub fn producers(bytes: &[u8]) {
    let mut take = Take(bytes);
    let form = match take.byte() % 4 {
        0 => Form::Plain,
        1 => Form::Structured,
        2 => Form::Batch,
        _ => Form::Binary,
    };
    let head = headers(take.until(b"\n\n"));
    let body = Bytes::copy_from_slice(take.rest());
    let producer = Producer { tenant: TenantId::new("acme"), source: "api".into(), types: None };
    let Ok(found) = arrivals(form, &producer, &head, &body) else { return };
    found.iter().for_each(is_sound);
    match form {
        Form::Plain => plain(&body, &found[0]),
        Form::Structured => structured(&body, &found[0]),
        Form::Batch => batch(&body, &found),
        Form::Binary => assert_eq!(found[0].body, body, "the body of a binary event"),
    }
}

/// What no way in may let through.
fn is_sound(arrival: &Arrival) {
    let envelope = &arrival.envelope;
    assert!((1..=limits::EVENT_TYPE_BYTES_MAX).contains(&envelope.event_type.len()));
    assert!(!envelope.event_type.contains(char::is_control));
    let key = envelope.key.as_deref();
    assert!(key.is_none_or(|key| (1..=limits::KEY_BYTES_MAX).contains(&key.len())));
    assert!(key.is_none_or(|key| !key.contains(char::is_control)));
    assert!(envelope.headers.len() <= limits::HEADERS_MAX);
    let weight: usize = envelope.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(weight <= limits::HEADERS_BYTES_MAX);
    for (name, value) in envelope.headers.iter() {
        assert!(!name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':'));
        let is_clean = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
        assert!(value.iter().all(is_clean), "{name} could end a header: {value:?}");
        let is_kept = matches!(name, "content-type" | "traceparent") || name.starts_with("ce-");
        assert!(is_kept, "{name} is kept");
    }
    if let Some(duplicate) = &arrival.duplicate {
        assert!((1..=limits::DUPLICATE_KEY_BYTES_MAX).contains(&duplicate.key.len()));
    }
}

/// The event's body is the very text of `data`.
fn plain(body: &Bytes, arrival: &Arrival) {
    assert!(body.windows(arrival.body.len().max(1)).any(|window| window == arrival.body));
    // Numbers beyond a double and deep nesting are carried, and not read here.
    let Ok(whole) = serde_json::from_slice::<Value>(body) else { return };
    let data: Value = serde_json::from_slice(&arrival.body).expect("data is JSON");
    assert_eq!(whole["data"], data);
    assert_eq!(whole["type"], *arrival.envelope.event_type);
    assert_eq!(whole["key"].as_str(), arrival.envelope.key.as_deref());
    assert_eq!(whole["id"].as_str().is_some_and(|id| !id.is_empty()), arrival.duplicate.is_some());
}

fn structured(body: &Bytes, arrival: &Arrival) {
    // Deeper than a whole reading goes, only the parts are read.
    if let Ok(whole) = serde_json::from_slice::<Value>(body) {
        is_cloud_event(&whole, arrival);
    }
}

fn batch(body: &Bytes, found: &[Arrival]) {
    if let Ok(whole) = serde_json::from_slice::<Vec<Value>>(body) {
        assert_eq!(whole.len(), found.len());
        whole.iter().zip(found).for_each(|(whole, arrival)| is_cloud_event(whole, arrival));
    }
}

fn is_cloud_event(whole: &Value, arrival: &Arrival) {
    assert_eq!(whole["specversion"], "1.0");
    for needed in ["id", "source", "type"] {
        assert!(!whole[needed].is_null(), "without `{needed}`");
    }
    let event_type = &whole["type"];
    if let Some(text) = event_type.as_str() {
        assert_eq!(text, &*arrival.envelope.event_type);
    }
    if let (None, Some(data)) = (whole.get("data_base64"), whole.get("data"))
        && whole.get("datacontenttype").is_none()
    {
        let body: Value = serde_json::from_slice(&arrival.body).expect("data is JSON");
        assert_eq!(*data, body);
    }
    assert!(arrival.duplicate.is_some(), "id and source make a key");
}
