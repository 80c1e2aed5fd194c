use crate::duplicate::{by_body, duplicate};
use crate::kept::{is_key, is_type, kept};
use crate::member::{Found, is_json};
use crate::reply::{Refusal, Reply, echoed, receipt};
use crate::route::Captures;
use crate::source::{Door, Types};
use crate::{Accept, Content, KeyFrom, Server, body};
use bytes::Bytes;
use event::{Arrival, Duplicate, Envelope, OnConflict, Time};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use signature::{IdFrom, Request};
use std::sync::Arc;

/// A provider's challenge is a short token.
const ECHO_BYTES_MAX: usize = 1024;

impl<A: Accept + 'static> Server<A> {
    /// A provider's webhook: read, verify, make an event of it, offer it.
    pub(crate) async fn webhook(
        &self,
        door: &Door,
        captures: &Captures<'_>,
        head: &Parts,
        body: Incoming,
    ) -> Result<Reply, Refusal> {
        let source = &door.source;
        let body = self.read(body, source.body_bytes_max).await?;
        let now = self.ports.clock.wall();
        self.verify(door, head, &body, now)?;
        // Only now: a stranger must not use up what a provider may send, nor learn who is here.
        if let Some(rate) = source.rate {
            let now = self.ports.clock.now();
            self.rates.admit(&source.path, rate, now).map_err(Refusal::Rate)?;
        }
        let found = if door.paths.is_empty() { Found::new() } else { door.paths.find(&body) };
        if let Some(challenge) = challenge(door, &found) {
            return Ok(echoed(challenge));
        }
        if source.content == Content::Json && !is_json(&body) {
            return Err(Refusal::Malformed("the body is not JSON".into()));
        }
        let arrival = arrival(door, captures, head, body, now, &found);
        receipt(self.ports.accept.offer(arrival).await, &source.respond)
    }

    /// A request to a source that does not exist: the same work, and refused whatever comes of it.
    pub(crate) async fn unknown(
        &self,
        decoy: &Door,
        head: &Parts,
        body: Incoming,
    ) -> Result<Reply, Refusal> {
        let body = self.read(body, self.limits.body_bytes_max).await?;
        let verified = self.verify(decoy, head, &body, self.ports.clock.wall());
        drop(verified);
        Err(Refusal::Unverified("unknown_source"))
    }

    pub(crate) async fn read(&self, body: Incoming, max: usize) -> Result<Bytes, Refusal> {
        body::read(body, max, self.limits.body_timeout).await.map_err(|unread| match unread {
            body::Unread::TooLarge => Refusal::TooLarge,
            body::Unread::TooSlow => Refusal::TooSlow,
            body::Unread::Broken => Refusal::Malformed("the body broke off".into()),
        })
    }

    fn verify(&self, door: &Door, head: &Parts, body: &[u8], now: Time) -> Result<(), Refusal> {
        let source = &door.source;
        let headers: Vec<_> =
            head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let request = Request {
            method: head.method.as_str(),
            url: &source.public_url,
            headers: &headers,
            body,
        };
        let verified = source.scheme.verify(&request, door.secrets(now), now);
        verified.map_err(|why| Refusal::Unverified(why.reason()))
    }
}

/// The text by which the provider wants to see that this address is ours.
fn challenge(door: &Door, found: &Found) -> Option<String> {
    let (marker, answer) = door.echo_slots?;
    let echo = door.source.scheme.answer.echo.as_ref()?;
    let is_handshake = found[marker].as_deref() == Some(&*echo.value);
    let text = found[answer].as_ref().filter(|text| text.len() <= ECHO_BYTES_MAX)?;
    is_handshake.then(|| text.clone())
}

fn arrival(
    door: &Door,
    captures: &Captures<'_>,
    head: &Parts,
    body: Bytes,
    time: Time,
    found: &Found,
) -> Arrival {
    let source = &door.source;
    let envelope = Envelope {
        tenant: source.tenant.clone(),
        stream: source.stream,
        source: source.name.clone(),
        event_type: event_type(door, &head.headers, found),
        key: key(door, &head.headers, found),
        time,
        headers: kept(&head.headers, &source.headers, captures),
    };
    let duplicate = duplicate_of(door, head, &body, found);
    Arrival { envelope, body, duplicate }
}

/// The source's own name stands in for a type that is missing or unfit.
fn event_type(door: &Door, headers: &HeaderMap, found: &Found) -> Arc<str> {
    let text = match &door.types {
        Types::Literal(text) => return text.clone(),
        Types::Members(slots) => slots.iter().find_map(|slot| found[*slot].clone()),
        Types::Header { name, member_slot } => {
            let member = member_slot.and_then(|slot| found[slot].as_deref());
            header(headers, name).map(|text| match member {
                Some(member) => format!("{}.{member}", text.replace('/', ".")),
                None => text.replace('/', "."),
            })
        }
    };
    match text {
        Some(text) if is_type(&text) => text.into(),
        _ => door.source.name.clone(),
    }
}

fn key(door: &Door, headers: &HeaderMap, found: &Found) -> Option<Box<str>> {
    let text = match door.source.key.as_ref()? {
        KeyFrom::Header(name) => header(headers, name)?,
        KeyFrom::Path(_) => found[door.key_slot?].as_deref()?,
    };
    is_key(text).then(|| text.into())
}

fn duplicate_of(door: &Door, head: &Parts, body: &[u8], found: &Found) -> Option<Duplicate> {
    let id = match &door.id {
        IdFrom::Nowhere => None,
        IdFrom::Header(names) => names.iter().find_map(|name| header(&head.headers, name)),
        IdFrom::Path(_) => door.id_slot.and_then(|slot| found[slot].as_deref()),
        IdFrom::Query(name) => parameter(head.uri.query()?, name),
        IdFrom::BodyHash => return Some(by_body(body)),
    };
    let id = id.filter(|id| !id.is_empty())?;
    Some(duplicate("id", id.as_bytes(), &[body], OnConflict::Store))
}

pub(crate) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// As it stands in the query: whoever sends the same id again writes it the same way.
pub(crate) fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(n, _)| *n == name).map(|(_, value)| value)
}
