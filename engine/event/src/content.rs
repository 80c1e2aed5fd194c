use crate::{EndpointId, EventId, Offset, StreamId, TenantId, Time, partition_of};
use bytes::Bytes;
use std::sync::Arc;

/// All that is known of an event beside its id and its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub tenant: TenantId,
    pub stream: StreamId,
    /// The name of the source that let it in.
    pub source: Arc<str>,
    /// Dotted, like `order.paid`.
    pub event_type: Arc<str>,
    /// What keyed order and keyed state go by.
    pub key: Option<Box<str>>,
    /// When it came in, by the ingest's wall clock.
    pub time: Time,
    pub headers: Headers,
}

impl Envelope {
    /// An event without a key is in partition 0.
    pub fn partition(&self) -> u8 {
        self.key.as_deref().map_or(0, |key| partition_of(key.as_bytes()))
    }

    /// Makes it an event for this endpoint alone.
    pub fn address(&mut self, endpoint: EndpointId) {
        self.headers.push(ADDRESS, endpoint.to_string().as_bytes());
    }

    /// The one endpoint that the event is for, whatever that endpoint or any other wants: a person
    /// asked for it to be sent there. Filters see it as they see any event.
    pub fn addressee(&self) -> Option<EndpointId> {
        let text = str::from_utf8(self.headers.first(ADDRESS)?).ok()?;
        // One that cannot be read is nobody's: it was not meant for all.
        Some(EndpointId::read(text).unwrap_or(EndpointId(u64::MAX)))
    }
}

/// Its name is reserved, so no sender and no filter can set it.
const ADDRESS: &str = "forebay-endpoint";

/// What happened. Immutable once committed; the body's bytes are those that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: EventId,
    pub envelope: Envelope,
    pub body: Bytes,
}

impl Event {
    pub const fn offset(&self) -> Offset {
        self.id.offset()
    }

    /// What the event weighs in memory, about: body, headers and a fixed share for the rest.
    pub fn weight(&self) -> usize {
        self.body.len() + self.envelope.headers.weight() + 256
    }

    /// What is left of the event once its content is erased: its place, what it was an event of,
    /// and whom it was for. Body, key and headers are gone.
    pub fn stub(&self, at: Time) -> Event {
        let mut headers = Headers::new();
        headers.push(ERASED, &at.millis().to_be_bytes());
        if let Some(address) = self.envelope.headers.first(ADDRESS) {
            headers.push(ADDRESS, address);
        }
        let envelope = Envelope { key: None, headers, ..self.envelope.clone() };
        Event { id: self.id, envelope, body: Bytes::new() }
    }

    /// When its content was erased: then this is a stub, and nobody is owed it any more.
    pub fn erased_at(&self) -> Option<Time> {
        let (name, value) = self.envelope.headers.0.first()?;
        let millis = (**name == *ERASED).then(|| (**value).try_into().ok()).flatten()?;
        Some(Time::from_millis(u64::from_be_bytes(millis)))
    }

    pub fn is_erased(&self) -> bool {
        self.erased_at().is_some()
    }
}

/// The first header of a stub. Its name is reserved, so no sender and no filter can set it.
const ERASED: &str = "forebay-erased";

/// An event before the writer gave it its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub envelope: Envelope,
    pub body: Bytes,
    pub duplicate: Option<Duplicate>,
}

impl Arrival {
    pub fn at(self, id: EventId) -> Event {
        Event { id, envelope: self.envelope, body: self.body }
    }

    pub fn weight(&self) -> usize {
        self.body.len() + self.envelope.headers.weight() + 256
    }
}

/// What makes two arrivals the same one, sent twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The sender's own name for the event, unique within (tenant, source).
    pub key: Box<[u8]>,
    /// A digest of the body, to tell a repeat from another event under the same key.
    pub digest: [u8; 16],
    pub on_conflict: OnConflict,
}

/// What becomes of an arrival whose key is known but whose body is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// The sender chose the key for this request: tell it (409).
    Refuse,
    /// The key is a provider's delivery id: store the event, flag it, count it.
    Store,
}

/// Header names in lower case, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Box<str>, Box<[u8]>)>);

impl Headers {
    pub fn new() -> Headers {
        Headers::default()
    }

    /// Lower-cases the name.
    pub fn push(&mut self, name: &str, value: &[u8]) {
        self.0.push((name.to_ascii_lowercase().into(), value.into()));
    }

    /// The first value of a header; `name` in lower case.
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(n, v)| (&**n, &**v))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn weight(&self) -> usize {
        self.0.iter().map(|(n, v)| n.len() + v.len() + 32).sum()
    }
}

impl<'a> FromIterator<(&'a str, &'a [u8])> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a [u8])>>(pairs: I) -> Headers {
        let mut headers = Headers::new();
        pairs.into_iter().for_each(|(name, value)| headers.push(name, value));
        headers
    }
}
