use event::{Arrival, EventId, TenantId};
use hyper::http::request::Parts;
use registry::TypePattern;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Where arrivals go.
pub trait Accept {
    /// Puts the arrival in line before it returns, so that arrivals keep the order of the calls.
    /// The future only waits for the answer, and dropping it takes nothing back.
    fn offer(&self, arrival: Arrival) -> impl Future<Output = Answer> + 'static;
}

/// What became of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Stored, as durable as the configuration says. A duplicate is answered with the id of the
    /// first; a conflict is a provider's repeated id with another body, stored as an event of its
    /// own.
    Accepted {
        id: EventId,
        is_duplicate: bool,
        is_conflict: bool,
    },
    /// The sender's key is known with another body, and `OnConflict::Refuse` was asked for.
    Conflict,
    /// No room now.
    Full {
        retry_after: Duration,
    },
    /// The disk is at its floor.
    DiskFull,
    Stopping,
}

/// Whose key a request to `/v1/events` bears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    pub tenant: TenantId,
    /// What its events name as their source.
    pub source: Arc<str>,
    /// The types that it may publish; None for all.
    pub types: Option<Arc<[TypePattern]>>,
}

/// Why nobody may publish by a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoProducer {
    /// No key that is known and may publish.
    Key,
    /// The application that the request names is not there, or not the key's.
    App,
}

impl Producer {
    pub(crate) fn may_publish(&self, event_type: &str) -> bool {
        let types = self.types.as_deref();
        types.is_none_or(|types| types.iter().any(|pattern| pattern.matches(event_type)))
    }
}

/// One answered request, for metrics and the journals of sources.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// Empty where no source was found.
    pub source: &'a str,
    pub status: u16,
    /// Why nothing was accepted: a stable word. A sender never reads it.
    pub refused: Option<&'static str>,
    pub is_duplicate: bool,
    pub is_conflict: bool,
    pub took: Duration,
    /// Application and name of the source, where one was found.
    pub of: Option<(&'a TenantId, &'a Arc<str>)>,
    /// Of what was accepted.
    pub id: Option<EventId>,
    pub peer: IpAddr,
    pub head: &'a Parts,
}
