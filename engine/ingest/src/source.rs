use crate::member::Paths;
use bytes::Bytes;
use event::{StreamId, TenantId, Time};
use signature::{Answer, AnswerBody, IdFrom, Scheme, Secret, TypeFrom};
use std::num::NonZeroU32;
use std::sync::Arc;

/// A verified way in, as configured.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: Arc<str>,
    pub tenant: TenantId,
    pub stream: StreamId,
    /// `/in/github`, or with captures: `/in/{shop}/orders`. A capture is one whole segment.
    pub path: String,
    pub scheme: Scheme,
    pub secrets: Vec<LiveSecret>,
    /// As the sender knows this address, for schemes that sign it; empty where none does.
    pub public_url: String,
    /// Instead of the scheme's own places.
    pub event_type: Option<TypeFrom>,
    pub dedupe: Option<IdFrom>,
    pub key: Option<KeyFrom>,
    /// Headers to keep beside `content-type`, `traceparent` and `ce-*`.
    pub headers: Vec<String>,
    pub respond: Respond,
    pub content: Content,
    pub body_bytes_max: usize,
    /// Requests a second that are taken from it, once they are verified.
    pub rate: Option<NonZeroU32>,
}

impl Source {
    /// As the scheme's provider sends it, and as it expects to be answered. Without secrets, and
    /// with no settings of its own.
    pub fn new(name: &str, tenant: TenantId, path: &str, scheme: Scheme) -> Source {
        Source {
            name: name.into(),
            tenant,
            stream: StreamId(0),
            path: path.into(),
            secrets: Vec::new(),
            public_url: String::new(),
            event_type: None,
            dedupe: None,
            key: None,
            headers: Vec::new(),
            respond: Respond::of(&scheme.answer),
            content: Content::Any,
            body_bytes_max: 1 << 20,
            rate: None,
            scheme,
        }
    }
}

/// A secret that verifies until a time, `Time::NEVER` for good.
#[derive(Clone, Debug)]
pub struct LiveSecret {
    pub secret: Secret,
    pub until: Time,
}

/// Where the key is that order and keyed state go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFrom {
    Header(String),
    /// A member of the body; dots lead inwards.
    Path(String),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    #[default]
    Any,
    /// What is not JSON is answered 400, once it was verified.
    Json,
}

/// What an accepted request is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Respond {
    pub status: u16,
    /// For what was accepted before.
    pub duplicate: u16,
    pub body: RespondBody,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RespondBody {
    /// `{"id":"evt_…"}`
    Receipt,
    /// As `text/plain`; nothing at all when empty.
    Text(Bytes),
}

impl Respond {
    /// As the scheme's provider expects.
    pub fn of(answer: &Answer) -> Respond {
        let body = match answer.body {
            AnswerBody::Receipt => RespondBody::Receipt,
            AnswerBody::Empty => RespondBody::Text(Bytes::new()),
        };
        Respond { status: answer.status, duplicate: answer.status, body }
    }
}

/// A source with all that is worked out once: what to look for in a body, which secrets live on.
#[derive(Debug)]
pub(crate) struct Door {
    pub source: Source,
    pub paths: Paths,
    pub types: Types,
    pub id: IdFrom,
    pub id_slot: Option<usize>,
    pub key_slot: Option<usize>,
    /// Slots of the member that marks a handshake and of the one to echo.
    pub echo_slots: Option<(usize, usize)>,
    secrets: Vec<Secret>,
    /// Of the secret at the same place; sorted, the longest first.
    until: Vec<Time>,
}

#[derive(Debug)]
pub(crate) enum Types {
    Literal(Arc<str>),
    Header {
        name: String,
        member_slot: Option<usize>,
    },
    /// The first slot that was found.
    Members(Vec<usize>),
}

impl Door {
    pub fn new(mut source: Source) -> Door {
        let mut paths = Paths::default();
        let types = match source.event_type.as_ref().unwrap_or(&source.scheme.event_type) {
            TypeFrom::Configured => Types::Literal(source.name.clone()),
            TypeFrom::Literal(text) => Types::Literal(text.as_str().into()),
            TypeFrom::Header { name, member } => Types::Header {
                name: name.clone(),
                member_slot: member.as_ref().map(|path| paths.add(path)),
            },
            TypeFrom::Path(list) => Types::Members(list.iter().map(|p| paths.add(p)).collect()),
        };
        let id = source.dedupe.clone().unwrap_or_else(|| source.scheme.delivery_id.clone());
        let id_slot = if let IdFrom::Path(path) = &id { Some(paths.add(path)) } else { None };
        let key_slot =
            if let Some(KeyFrom::Path(path)) = &source.key { Some(paths.add(path)) } else { None };
        let echo = source.scheme.answer.echo.as_ref();
        let echo_slots = echo.map(|echo| (paths.add(&echo.member), paths.add(&echo.answer)));
        source.secrets.sort_by_key(|live| std::cmp::Reverse(live.until));
        let (secrets, until) =
            source.secrets.iter().map(|live| (live.secret.clone(), live.until)).unzip();
        Door { paths, types, id, id_slot, key_slot, echo_slots, secrets, until, source }
    }

    /// Those that still verify at `now`.
    pub fn secrets(&self, now: Time) -> &[Secret] {
        &self.secrets[..self.until.partition_point(|until| *until > now)]
    }
}
