use crate::Headers;
use crate::batch::{Batch, ENTRY_BYTES, long, word};
use std::fmt;

/// What happened: a view into the batch, as cheap to copy as a pointer.
///
/// Id, type and key are UTF-8 by contract; should one not be, its text ends before the first byte
/// that is not.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    pub(crate) batch: Batch<'a>,
    pub(crate) entry: &'a [u8; ENTRY_BYTES],
}

impl<'a> Event<'a> {
    /// `evt_…`, unique, and the `webhook-id` under which the event is delivered.
    pub fn id(self) -> &'a str {
        text(self.field(56))
    }

    /// Dotted, like `order.paid`.
    pub fn event_type(self) -> &'a str {
        text(self.field(24))
    }

    /// What keyed order goes by, if the event has one.
    pub fn key(self) -> Option<&'a str> {
        Some(text(self.field(16))).filter(|key| !key.is_empty())
    }

    /// The bytes as they came in.
    pub fn body(self) -> &'a [u8] {
        self.field(40)
    }

    pub fn headers(self) -> Headers<'a> {
        Headers::read(self.header_block())
    }

    /// The first value of a header, when it is text; `name` in lower case.
    pub fn header(self, name: &str) -> Option<&'a str> {
        self.headers().first(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The name of the source that let the event in.
    pub fn source(self) -> &'a str {
        self.header("ce-source").unwrap_or("")
    }

    /// When the event came in, in nanoseconds since the Unix epoch. The only clock there is.
    pub fn time_ns(self) -> i64 {
        long(self.entry, 8) as i64
    }

    /// The event's place in the log.
    pub fn offset(self) -> u64 {
        long(self.entry, 0)
    }

    /// The partition that the batch belongs to; `u32::MAX` in an endpoint's chain.
    pub fn partition(self) -> u32 {
        self.batch.partition
    }

    /// How often this filter has been given the event before.
    pub fn runs(self) -> u32 {
        word(self.entry, 52)
    }

    pub fn is_json(self) -> bool {
        self.flag(1)
    }

    /// Not an event but a timer that the filter set has come due.
    pub fn is_timer(self) -> bool {
        self.flag(2)
    }

    pub fn is_replay(self) -> bool {
        self.flag(4)
    }

    /// Somebody tries the filter; nothing is delivered.
    pub fn is_dry_run(self) -> bool {
        self.flag(8)
    }

    /// The body as a type. The error's text says where the body is not what was asked for.
    #[cfg(feature = "json")]
    pub fn json<T: serde::Deserialize<'a>>(self) -> Result<T, String> {
        serde_json::from_slice(self.body()).map_err(|error| format!("the body: {error}"))
    }

    pub(crate) fn header_block(self) -> &'a [u8] {
        self.field(32)
    }

    fn flag(self, bit: u32) -> bool {
        word(self.entry, 48) & bit != 0
    }

    fn field(self, at: usize) -> &'a [u8] {
        self.batch.bytes(word(self.entry, at), word(self.entry, at + 4))
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at {}", self.event_type(), self.id(), self.offset())
    }
}

fn text(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or(""),
    }
}
