use crate::wanted::{Found, Member, Wanted};
use bytes::Bytes;
use std::cell::OnceCell;
use std::sync::Arc;

/// What a condition, or a [`Joint`](crate::Joint) of several, looks at of an event's body: read at
/// most once and only if it asks.
#[derive(Debug, Default)]
pub struct ParsedBody {
    /// Held, so that no other body can come to lie at the same address.
    of: Bytes,
    /// Of whoever asks; held for the same reason.
    wanted: Arc<Wanted>,
    found: OnceCell<Found>,
}

impl ParsedBody {
    pub fn new() -> ParsedBody {
        ParsedBody::default()
    }

    pub(crate) fn turn_to(&mut self, body: &Bytes, wanted: &Arc<Wanted>) {
        let is_same_body = self.of.as_ptr() == body.as_ptr() && self.of.len() == body.len();
        if !is_same_body || !Arc::ptr_eq(&self.wanted, wanted) {
            let (of, wanted) = (body.clone(), wanted.clone());
            *self = ParsedBody { of, wanted, found: OnceCell::new() };
        }
    }

    /// Whether anything of the body was asked for since it was turned to.
    pub fn is_read(&self) -> bool {
        self.found.get().is_some()
    }

    /// What stands in a slot of the conditions' own.
    pub(crate) fn member(&self, slot: usize) -> Option<&Member> {
        self.found.get_or_init(|| self.wanted.find(&self.of))[slot].as_ref()
    }
}
