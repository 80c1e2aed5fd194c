//! Owns: `where` expressions: what they mean, compiled once, evaluated over an event.
//! Imports: event; sqlparser and serde_json.
//! Never: I/O, a clock, coercion between types, a panic on what a user wrote.

mod body;
mod failure;

pub use body::ParsedBody;
pub use failure::ConditionError;

use event::Event;

/// A `where` expression, compiled. Cheap to share, immutable.
#[derive(Debug)]
pub struct Condition {
    text: Box<str>,
}

impl Condition {
    pub fn compile(text: &str) -> Result<Condition, ConditionError> {
        Ok(Condition { text: text.into() })
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn needs_body(&self) -> bool {
        true
    }

    pub fn matches(&self, _event: &Event, _body: &mut ParsedBody) -> bool {
        false
    }
}

/// The candidate that `name` was most likely meant to be, if one is near enough.
pub fn nearest<'a>(_name: &str, _candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    None
}
