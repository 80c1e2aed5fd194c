use crate::{Chain, ChainId, FilterVersion, Secrets, TypePattern};
use condition::{Condition, ParsedBody};
use event::{EndpointId, Envelope, Event, Offset, TenantId};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One version of an endpoint: where results go and what it wants.
#[derive(Clone)]
pub struct Endpoint {
    /// Never given twice, also not to a namesake made after this one was removed.
    pub id: EndpointId,
    pub tenant: TenantId,
    /// Unique among the tenant's endpoints.
    pub name: Arc<str>,
    /// The offset from which this version rules. A change of one of its filters makes a new
    /// version too, so the chain below is fixed; what it pins no change touches.
    pub since: Offset,
    pub origin: Origin,
    pub url: Arc<str>,
    /// Without any the endpoint wants every type.
    pub types: Vec<TypePattern>,
    /// Its filters as they were named, in order: by a name alone, or with the version that it pins.
    pub filters: Vec<Arc<str>>,
    /// The condition and the filters in the versions that this version runs. None when it has
    /// neither. Endpoints of one tenant with equal chains share one.
    pub chain: Option<Arc<Chain>>,
    pub terms: Terms,
    /// Signing secrets. Empty: none is configured any more.
    pub secrets: Secrets,
    /// As this version's row has them; the secrets above are those of today.
    pub(crate) secret_digests: Vec<String>,
    /// Sent with every delivery. Kept in rows as they are.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// What the management API keeps of it: a JSON text that the engine does not read.
    pub about: Arc<str>,
    /// Still matched: its lane rests on its cursor until the endpoint is enabled.
    pub is_disabled: bool,
}

/// Who owns a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A configuration file: what the file drops is removed.
    Declared,
    /// The management API: a file that does not name it leaves it alone.
    Managed,
}

/// How an endpoint is served.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    pub ordering: Ordering,
    /// The pause before each further attempt; after the last one a delivery is dead.
    pub schedule: Vec<Duration>,
    /// The share of a pause, 0 to 1, that chance may take away or add.
    pub jitter: f64,
    /// For one attempt, all told.
    pub timeout: Duration,
    pub concurrency: Concurrency,
    /// Attempts that may begin in a second; none for no limit.
    pub rate: Option<u32>,
    /// An endpoint that failed for this long without one success is paused.
    pub disable_after: Duration,
}

/// Attempts in flight at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Concurrency {
    pub start: u32,
    pub max: u32,
}

/// What order an endpoint's deliveries keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ordering {
    None,
    /// Within a key.
    Key,
    /// All, one at a time.
    Fifo,
}

impl Default for Terms {
    fn default() -> Terms {
        const HOUR: u64 = 3600;
        let pauses = [5, 300, 1800, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
        Terms {
            ordering: Ordering::None,
            schedule: pauses.into_iter().map(Duration::from_secs).collect(),
            jitter: 0.2,
            timeout: Duration::from_secs(15),
            concurrency: Concurrency { start: 8, max: 64 },
            rate: None,
            disable_after: Duration::from_secs(5 * 24 * HOUR),
        }
    }
}

/// The URL of an endpoint that nothing is sent to: what it wants is fetched.
pub const POLLED: &str = "poll:";

impl Endpoint {
    /// Nothing is owed to it.
    pub fn is_polled(&self) -> bool {
        *self.url == *POLLED
    }

    pub fn chain_id(&self) -> Option<ChainId> {
        self.chain.as_ref().map(|chain| chain.id)
    }

    /// Its filters as they were named, with the versions that it runs.
    pub(crate) fn uses(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<FilterVersion>)> {
        let versions = self.chain.iter().flat_map(|chain| &chain.filters);
        self.filters.iter().zip(versions)
    }

    /// The versions that it pins, with the words that do.
    pub fn pins(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<FilterVersion>)> {
        self.uses().filter(|(entry, version)| **entry != version.name)
    }

    /// What it pins by these words.
    pub(crate) fn pinned(&self, entry: &str) -> Option<&Arc<FilterVersion>> {
        self.pins().find(|(own, _)| ***own == *entry).map(|(_, version)| version)
    }

    pub fn wants_type(&self, event_type: &str) -> bool {
        TypePattern::any(&self.types, event_type)
    }

    /// Whether it is owed an event of its tenant, before its condition: it wants the type, or the
    /// event is for it alone.
    pub fn wants(&self, envelope: &Envelope) -> bool {
        self.tenant == envelope.tenant
            && match envelope.addressee() {
                Some(id) => id == self.id,
                None => self.wants_type(&envelope.event_type),
            }
    }

    /// Whether it wants this event, by its types and its condition. `body` is the event's.
    pub fn asks_for(&self, event: &Event, body: &mut ParsedBody) -> bool {
        let condition = self.chain.as_ref().and_then(|chain| chain.condition.as_ref());
        let is_met = |wanted: &Arc<Condition>| wanted.matches(event, body);
        self.wants(&event.envelope)
            && (event.envelope.addressee().is_some() || condition.is_none_or(is_met))
    }
}

impl fmt::Debug for Endpoint {
    // URLs and headers can carry credentials, so neither is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({:?}/{} since {:?})", self.id, self.tenant, self.name, self.since)
    }
}
