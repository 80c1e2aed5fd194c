use bytes::Bytes;
use event::{Envelope, Event, EventId, Headers, Offset, TenantId, Time};
use std::sync::Arc;

/// A JSON object of `bytes` bytes, like a webhook's: a few members to look for, and much that
/// nobody asks for.
pub fn body(bytes: usize) -> Bytes {
    let start = r#"{"ref":"refs/heads/main","deleted":false,"amount":1250,"email":"a@b.cd","of":["#;
    let entry = r#"{"id":12345,"name":"alpha","on":true},"#;
    let end = r#"0]}"#;
    let mut text = start.to_owned();
    while text.len() + entry.len() + end.len() <= bytes {
        text.push_str(entry);
    }
    text.push_str(end);
    padded(text, bytes)
}

/// A body of 64 bytes has no room for a list.
pub fn small_body() -> Bytes {
    padded(r#"{"ref":"refs/heads/main","email":"a@b.cd"}"#.to_owned(), 64)
}

/// Spaces at the end are JSON as well.
fn padded(text: String, bytes: usize) -> Bytes {
    let mut text = text.into_bytes();
    text.resize(bytes, b' ');
    text.into()
}

pub fn envelope() -> Envelope {
    let mut headers = Headers::new();
    headers.push("content-type", b"application/json");
    headers.push("x-shop", b"north");
    let time = Time::from_millis(1_790_000_000_000);
    Envelope { headers, ..Envelope::new(TenantId::new("default"), "shop", "push", time) }
}

pub fn event(offset: u64, envelope: &Envelope, body: &Bytes) -> Arc<Event> {
    let id = EventId::new(1_790_000_000_000, Offset(offset));
    Arc::new(Event { id, envelope: envelope.clone(), body: body.clone() })
}

pub fn events(count: usize, body: &Bytes) -> Vec<Arc<Event>> {
    let envelope = envelope();
    (0..count as u64).map(|offset| event(offset, &envelope, body)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_of_the_size_asked_for() {
        for bytes in [64, 1024, 64 << 10] {
            let body = if bytes == 64 { small_body() } else { body(bytes) };
            assert_eq!(body.len(), bytes);
            serde_json::from_slice::<serde_json::Value>(&body).expect("it is JSON");
        }
    }
}
