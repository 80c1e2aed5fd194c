use crate::route::Captures;
use event::{Headers, limits};
use hyper::HeaderMap;

/// What of a request's headers is stored: `content-type`, `traceparent`, `ce-*`, those that the
/// source names, and what its path captured. Nothing else of a sender reaches the log.
pub(crate) fn kept(headers: &HeaderMap, named: &[String], captures: &Captures<'_>) -> Headers {
    let mut kept = Headers::new();
    let is_wanted = |name: &str| {
        matches!(name, "content-type" | "traceparent")
            || name.starts_with("ce-")
            || named.iter().any(|named| named == name)
    };
    for (name, value) in headers {
        let name = name.as_str();
        let is_kept = !is_ours(name) && is_wanted(name);
        if is_kept && kept.len() < limits::HEADERS_MAX {
            kept.push(name, value.as_bytes());
        }
    }
    let captures = captures.iter().filter(|(name, _)| !is_ours(name));
    captures.for_each(|(name, value)| kept.push(name, value.as_bytes()));
    kept
}

/// The engine marks what it keeps by headers of its own.
fn is_ours(name: &str) -> bool {
    name.starts_with("forebay-")
}

/// A text fit to be an event's type: short enough, and without controls.
pub(crate) fn is_type(text: &str) -> bool {
    (1..=limits::EVENT_TYPE_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control)
}

/// A text fit to be an event's key.
pub(crate) fn is_key(text: &str) -> bool {
    (1..=limits::KEY_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control)
}
