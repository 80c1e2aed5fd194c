use bytes::Bytes;
use serde_json::Value;
use std::cell::OnceCell;

/// An event's body as JSON, parsed at most once and only if a condition asks.
#[derive(Debug, Default)]
pub struct ParsedBody {
    /// Held, so that no other body can come to lie at the same address.
    of: Bytes,
    /// None for what is not JSON.
    json: OnceCell<Option<Value>>,
}

impl ParsedBody {
    pub fn new() -> ParsedBody {
        ParsedBody::default()
    }

    pub(crate) fn turn_to(&mut self, body: &Bytes) {
        if self.of.as_ptr() != body.as_ptr() || self.of.len() != body.len() {
            *self = ParsedBody { of: body.clone(), json: OnceCell::new() };
        }
    }

    /// serde_json refuses what nests deeper than 128 levels, so neither parsing nor dropping a
    /// value can exhaust the stack.
    pub(crate) fn json(&self) -> Option<&Value> {
        self.json.get_or_init(|| serde_json::from_slice(&self.of).ok()).as_ref()
    }
}
