use bytes::Bytes;
use event::{
    Arrival, DeliveryId, Duplicate, EndpointId, Envelope, EventId, Headers, Offset, OnConflict,
    StreamId, TenantId, Time,
};
use registry::{
    Concurrency, Declared, DeclaredEndpoint, DeclaredFilter, ModuleDigest, OnError, Ordering, Terms,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

/// The sender and the operator: what they asked for, and what they were told.
#[derive(Default)]
pub struct Client {
    pub next_number: u64,
    next_ticket: u64,
    pub waiting: BTreeMap<u64, Wish>,
    /// By event number; more than one id only for events without a key of the sender's.
    pub acked: BTreeMap<u64, BTreeSet<EventId>>,
    pub sent: BTreeMap<u64, Sent>,
    pub purges: BTreeSet<DeliveryId>,
    pub redrives: BTreeSet<DeliveryId>,
    /// Also what was refused: of two at a time the other may be granted.
    pub resends: BTreeSet<DeliveryId>,
    pub endpoints: BTreeMap<String, DeclaredEndpoint>,
    pub filters: BTreeMap<String, DeclaredFilter>,
    pub versions: u64,
}

/// What was asked of the engine and is not answered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    Publish(u64),
    Change,
    Redrive(DeliveryId),
    Resend(DeliveryId),
    Purge(DeliveryId),
    Resume(EndpointId),
    Search(EndpointId, Range<Offset>),
    Erase(Vec<Offset>),
}

/// An event as it is sent each time.
#[derive(Clone, Debug)]
pub struct Sent {
    pub tenant: TenantId,
    pub event_type: String,
    pub key: Option<String>,
    /// The number that is its duplicate key: its own, or that of another event whose key it takes.
    pub name: Option<u64>,
    pub on_conflict: OnConflict,
    /// The one endpoint that it is for.
    pub only_for: Option<EndpointId>,
}

impl Client {
    pub fn ticket(&mut self, wish: Wish) -> u64 {
        self.next_ticket += 1;
        self.waiting.insert(self.next_ticket, wish);
        self.next_ticket
    }

    /// The event of a number, as it is sent each time.
    pub fn arrival(&self, number: u64, time: Time) -> Arrival {
        let sent = &self.sent[&number];
        let mut headers = Headers::new();
        headers.push("content-type", b"text/plain");
        let mut envelope = Envelope {
            tenant: sent.tenant.clone(),
            stream: StreamId(0),
            source: "sim".into(),
            event_type: sent.event_type.as_str().into(),
            key: sent.key.as_deref().map(Into::into),
            time,
            headers,
        };
        if let Some(endpoint) = sent.only_for {
            envelope.address(endpoint);
        }
        Arrival {
            envelope,
            body: Bytes::from(format!("{number}:{}", "x".repeat(number as usize % 40))),
            duplicate: sent.name.map(|name| Duplicate {
                key: name.to_be_bytes().into(),
                digest: u128::from(number).to_be_bytes(),
                on_conflict: sent.on_conflict,
            }),
        }
    }

    pub fn compose(&mut self, event_type: &str, key: Option<&str>, is_keyed: bool) -> u64 {
        let number = self.next_number + 1;
        self.compose_as(Sent {
            tenant: tenant(),
            event_type: event_type.to_owned(),
            key: key.map(str::to_owned),
            name: is_keyed.then_some(number),
            on_conflict: OnConflict::Refuse,
            only_for: None,
        })
    }

    pub fn compose_as(&mut self, sent: Sent) -> u64 {
        self.next_number += 1;
        self.sent.insert(self.next_number, sent);
        self.next_number
    }

    /// Every event that was sent under the duplicate key of this one.
    pub fn namesakes(&self, number: u64) -> impl Iterator<Item = (u64, &Sent)> {
        let sent = &self.sent[&number];
        let is_alike = move |other: &Sent| other.name == sent.name && other.tenant == sent.tenant;
        let all = self.sent.iter().filter(move |(_, other)| is_alike(other));
        all.map(|(number, sent)| (*number, sent)).filter(move |_| sent.name.is_some())
    }

    pub fn declared(&self) -> Declared {
        Declared {
            tenants: vec![tenant(), neighbour()],
            sources: Vec::new(),
            filters: self.filters.values().cloned().collect(),
            tables: Vec::new(),
            endpoints: self.endpoints.values().cloned().collect(),
        }
    }

    /// A filter that does `what`, in a version of its own.
    pub fn set_filter(&mut self, name: &str, what: &str) {
        self.versions += 1;
        let filter = DeclaredFilter {
            config: format!("\"{what} v{}\"", self.versions),
            on_error: OnError::Stop,
            ..DeclaredFilter::new(owner_of(name), name, ModuleDigest([7; 32]))
        };
        self.filters.insert(name.to_owned(), filter);
    }
}

pub fn tenant() -> TenantId {
    TenantId::new("t")
}

/// Another tenant, whose events and endpoints the first must never meet.
pub fn neighbour() -> TenantId {
    TenantId::new("u")
}

/// Who owns an endpoint or filter: the neighbour has the fourth of each.
pub fn owner_of(name: &str) -> TenantId {
    if name.ends_with('3') { neighbour() } else { tenant() }
}

/// An endpoint that takes everything, one pause of a second between three attempts.
pub fn endpoint(name: &str) -> DeclaredEndpoint {
    let mut endpoint = DeclaredEndpoint::new(owner_of(name), name, &format!("http://{name}"));
    endpoint.terms = Terms {
        ordering: Ordering::None,
        schedule: vec![Duration::from_secs(1); 3],
        jitter: 0.2,
        timeout: Duration::from_secs(3),
        concurrency: Concurrency { start: 4, max: 8 },
        rate: None,
        disable_after: Duration::from_secs(3600),
    };
    endpoint
}
