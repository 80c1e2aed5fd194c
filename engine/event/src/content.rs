use crate::{EndpointId, EventId, Offset, StreamId, TenantId, Time, mix, partition_of};
use bytes::Bytes;
use std::fmt;
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
    /// Without a key and headers, in the stream that sources write to.
    pub fn new(tenant: TenantId, source: &str, event_type: &str, time: Time) -> Envelope {
        Envelope {
            tenant,
            stream: StreamId(0),
            source: source.into(),
            event_type: event_type.into(),
            key: None,
            time,
            headers: Headers::new(),
        }
    }

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

    /// Which of a hundred equal shares it is of, from 0: by its key alone, so that a restart and
    /// another batch decide alike, and by its offset where it has none.
    pub fn hundredth(&self) -> u8 {
        let hash = match &self.envelope.key {
            Some(key) => {
                key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| mix(hash ^ u64::from(byte)))
            }
            None => mix(self.offset().0),
        };
        (mix(hash) % 100) as u8
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
        let (name, value) = self.envelope.headers.pairs().next()?;
        let millis = (name == ERASED.as_bytes()).then(|| value.try_into().ok()).flatten()?;
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
///
/// They lie in one piece, as a guest reads them (`sdk/guest-abi.md`): it takes one allocation to
/// copy them and none to hand them on.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    count: u32,
    block: Vec<u8>,
}

/// Before each name and value: their lengths, each a little-endian u32.
const LENGTHS_BYTES: usize = 8;

impl Headers {
    pub fn new() -> Headers {
        Headers::default()
    }

    /// With room for a block of so many bytes.
    pub fn with_room(block_bytes: usize) -> Headers {
        Headers { count: 0, block: Vec::with_capacity(block_bytes) }
    }

    /// Lower-cases the name.
    pub fn push(&mut self, name: &str, value: &[u8]) {
        let length =
            |bytes: usize| u32::try_from(bytes).expect("headers are bounded").to_le_bytes();
        self.block.reserve(Headers::block_bytes(name, value));
        self.block.extend_from_slice(&length(name.len()));
        self.block.extend_from_slice(&length(value.len()));
        let name_at = self.block.len();
        self.block.extend_from_slice(name.as_bytes());
        self.block[name_at..].make_ascii_lowercase();
        self.block.extend_from_slice(value);
        self.block.resize(self.block.len().next_multiple_of(4), 0);
        self.count += 1;
    }

    /// The first value of a header; `name` in lower case.
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        let found = self.pairs().find(|(n, _)| *n == name.as_bytes());
        found.map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> {
        self.pairs()
            .map(|(name, value)| (str::from_utf8(name).expect("it was pushed as text"), value))
    }

    pub fn len(&self) -> usize {
        self.count as usize
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them: lengths of name and value, name, value, zeros up to a multiple of 4.
    pub fn block(&self) -> &[u8] {
        &self.block
    }

    /// What one header takes in a block.
    pub fn block_bytes(name: &str, value: &[u8]) -> usize {
        LENGTHS_BYTES + (name.len() + value.len()).next_multiple_of(4)
    }

    fn pairs(&self) -> Pairs<'_> {
        Pairs { left: self.count, block: &self.block }
    }

    fn weight(&self) -> usize {
        self.block.len() + self.len() * 24
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Headers").field(&self.iter().collect::<Vec<_>>()).finish()
    }
}

struct Pairs<'a> {
    left: u32,
    block: &'a [u8],
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let length = |at: usize| {
            let bytes = self.block[at..at + 4].try_into().expect("four bytes");
            u32::from_le_bytes(bytes) as usize
        };
        let (name_len, value_len) = (length(0), length(4));
        let (name, rest) = self.block[LENGTHS_BYTES..].split_at(name_len);
        let padding = (name_len + value_len).next_multiple_of(4) - name_len - value_len;
        let (value, rest) = rest.split_at(value_len);
        self.block = &rest[padding..];
        Some((name, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Pairs<'_> {}

impl<'a> FromIterator<(&'a str, &'a [u8])> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a [u8])>>(pairs: I) -> Headers {
        let mut headers = Headers::new();
        pairs.into_iter().for_each(|(name, value)| headers.push(name, value));
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_lie_as_the_guest_contract_says() {
        let mut headers = Headers::new();
        headers.push("X-A", b"12");
        headers.push("\u{fc}", b"");
        let block = b"\x03\0\0\0\x02\0\0\0x-a12\0\0\0\x02\0\0\0\0\0\0\0\xc3\xbc\0\0";
        assert_eq!(headers.block(), block);
        assert_eq!(Headers::block_bytes("x-a", b"12") + Headers::block_bytes("xx", b""), 28);
        let pairs: Vec<_> = headers.iter().collect();
        assert_eq!(pairs, [("x-a", &b"12"[..]), ("\u{fc}", b"")]);
        assert_eq!((headers.iter().len(), headers.is_empty()), (2, false));
    }

    /// Keys that a canary judges are the same ones in every version.
    #[test]
    fn which_share_an_event_is_of_never_changes() {
        let share = |key: Option<&str>, offset| {
            let envelope = Envelope {
                key: key.map(Into::into),
                ..Envelope::new(TenantId::new("t"), "s", "a", Time::ZERO)
            };
            let arrival = Arrival { envelope, body: Bytes::new(), duplicate: None };
            arrival.at(EventId::new(5, Offset(offset))).hundredth()
        };
        let keys = ["", "a", "key-1", "customer-3"];
        assert_eq!(keys.map(|key| share(Some(key), 9)), [3, 78, 28, 80]);
        assert_eq!([0, 1, 7].map(|offset| share(None, offset)), [0, 57, 91]);
    }

    #[test]
    fn the_first_of_a_name_is_found_and_order_tells_headers_apart() {
        let headers: Headers = [("a", &b"1"[..]), ("b", b"2"), ("a", b"3")].into_iter().collect();
        assert_eq!((headers.first("a"), headers.first("ab")), (Some(&b"1"[..]), None));
        let other: Headers = [("a", &b"3"[..]), ("b", b"2"), ("a", b"1")].into_iter().collect();
        assert_ne!(headers, other);
        assert_eq!(format!("{other:?}"), r#"Headers([("a", [51]), ("b", [50]), ("a", [49])])"#);
    }
}
