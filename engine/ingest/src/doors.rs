//! Ways past the server to what reads foreign bytes, for the fuzz targets alone.

mod conversation;

pub use conversation::Conversation;

use crate::events::{self, cloud, plain};
use crate::route::Route;
use crate::strict::Framing;
use crate::{Producer, SourceTable};
use bytes::Bytes;
use event::{Arrival, Time};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use std::borrow::Cow;

/// How a producer writes its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Plain,
    Structured,
    Batch,
    Binary,
}

/// What a request of this form offers to the log. Headers that are none are left out.
pub fn arrivals(
    form: Form,
    producer: &Producer,
    headers: &[(&str, &[u8])],
    body: &Bytes,
) -> Result<Vec<Arrival>, Cow<'static, str>> {
    let items = match form {
        Form::Plain => vec![plain::read(body)?],
        Form::Structured => vec![cloud::structured(body)?],
        Form::Batch => cloud::batch(body)?,
        Form::Binary => vec![cloud::binary(&map(headers), body.clone())?],
    };
    let arrival = |item| events::arrival(producer, None, item, Time::from_secs(1));
    items.into_iter().map(arrival).collect()
}

fn map(headers: &[(&str, &[u8])]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
    map
}

/// The source that a path leads to, with what it captured.
pub fn routed(table: &SourceTable, path: &str) -> Option<(String, Vec<(String, String)>)> {
    match table.route(path) {
        Route::Source(door, captures) => {
            let captures = captures.into_iter().map(|(name, value)| (name.into(), value.into()));
            Some((door.source.name.to_string(), captures.collect()))
        }
        Route::Unknown(_) | Route::Events | Route::Elsewhere => None,
    }
}

/// What hyper gets to see of bytes that come in pieces of these sizes, the last piece the rest.
pub fn inspected(bytes: &[u8], pieces: &[usize]) -> Vec<u8> {
    let mut framing = Framing::default();
    let mut seen = bytes.to_vec();
    let mut rest = &mut seen[..];
    for size in pieces {
        let (piece, after) = rest.split_at_mut((*size).min(rest.len()));
        framing.inspect(piece);
        rest = after;
    }
    framing.inspect(rest);
    seen
}
