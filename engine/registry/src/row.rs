use crate::record::RecordName;
use crate::shelves::Name;
use crate::{
    Candidate, Circuit, Concurrency, FilterLimits, ModuleDigest, OnError, Ordering, Origin,
    RecordKind, RowError, TableContent,
};
use event::{EndpointId, Offset, TenantId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The form that values are written in. Written first and so read first: a value of a later form
/// is refused, never guessed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub(crate) struct Form;

/// Form 1 knew neither uids nor what the management API keeps, form 2 neither circuits nor
/// candidates of filters; what it did not know reads as empty.
const FORM: u32 = 3;
const OLDEST_FORM: u32 = 1;

impl TryFrom<u32> for Form {
    type Error = String;

    fn try_from(written: u32) -> Result<Form, String> {
        match written {
            OLDEST_FORM..=FORM => Ok(Form),
            _ => Err(format!("written in form {written}, this reads {OLDEST_FORM} to {FORM}")),
        }
    }
}

impl From<Form> for u32 {
    fn from(_: Form) -> u32 {
        FORM
    }
}

/// One version of one resource, for the log to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub key: RowKey,
    /// JSON. Empty is a tombstone: from `since` on the resource is no more.
    pub value: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// A `Kind`, as a number: a row of a later version may be of a kind not known here.
    pub kind: u8,
    pub id: Box<[u8]>,
    /// In force from this offset on, until the next version of the same kind and id.
    pub since: Offset,
}

/// The tables of the registry. Numbers are on disk and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Counter = 0,
    Tenant = 1,
    Source = 2,
    Filter = 3,
    Endpoint = 4,
    EventType = 5,
    Key = 6,
    Table = 7,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct CounterRow {
    pub v: Form,
    /// The next endpoint id to give.
    pub next_endpoint: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct TenantRow {
    pub v: Form,
    pub origin: Origin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    #[serde(default = "nothing")]
    pub about: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct RecordRow {
    pub v: Form,
    pub origin: Origin,
    pub about: String,
}

/// A secret that rows alone keep.
#[derive(PartialEq, Serialize, Deserialize)]
pub(crate) struct SealedRow {
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
}

fn nothing() -> String {
    "{}".to_owned()
}

#[derive(PartialEq, Serialize, Deserialize)]
pub(crate) struct SourceRow {
    pub v: Form,
    pub origin: Origin,
    pub path: String,
    pub scheme: String,
    pub settings: String,
    pub secret_digests: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sealed: Vec<SealedRow>,
    #[serde(default = "nothing")]
    pub about: String,
}

#[derive(PartialEq, Serialize, Deserialize)]
pub(crate) struct FilterRow {
    pub v: Form,
    pub origin: Origin,
    #[serde(flatten)]
    pub settings: SettingsRow,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Candidate>,
    #[serde(default = "nothing")]
    pub about: String,
}

/// What a version of a filter is by itself. Its members stand in this order among those of the row
/// that holds it.
#[derive(PartialEq, Serialize, Deserialize)]
pub(crate) struct SettingsRow {
    pub module: ModuleDigest,
    pub config: String,
    pub limits: FilterLimits,
    pub on_error: OnError,
    pub isolate: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit: Option<Circuit>,
}

#[derive(PartialEq, Serialize, Deserialize)]
pub(crate) struct TableRow {
    pub v: Form,
    pub origin: Origin,
    pub content: TableContent,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<TableContent>,
    pub about: String,
}

#[derive(PartialEq, Serialize, Deserialize)]
pub(crate) struct EndpointRow {
    pub v: Form,
    pub tenant: String,
    pub name: String,
    pub origin: Origin,
    pub url: String,
    pub types: Vec<String>,
    #[serde(rename = "where")]
    pub condition: Option<String>,
    pub filters: Vec<FilterUse>,
    pub terms: TermsRow,
    pub headers: Vec<(String, String)>,
    pub secret_digests: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sealed: Vec<SealedRow>,
    pub disabled: bool,
    #[serde(default = "nothing")]
    pub about: String,
}

#[derive(PartialEq, Serialize, Deserialize)]
pub(crate) struct FilterUse {
    /// As the endpoint names it. No filter is called by the words that pin one, so an earlier
    /// version refuses the row rather than let go of the pin.
    pub name: String,
    /// The digest of the filter's version: a check, the version itself is found by offset.
    pub digest: String,
    /// The version itself, where it is pinned: it outlives all else that knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<PinnedRow>,
}

#[derive(PartialEq, Serialize, Deserialize)]
pub(crate) struct PinnedRow {
    pub filter: String,
    #[serde(flatten)]
    pub settings: SettingsRow,
}

#[derive(PartialEq, Serialize, Deserialize)]
pub(crate) struct TermsRow {
    pub ordering: Ordering,
    pub schedule_ms: Vec<u64>,
    pub jitter: f64,
    pub timeout_ms: u64,
    pub concurrency: Concurrency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    pub disable_after_ms: u64,
}

impl Kind {
    pub fn of(number: u8) -> Option<Kind> {
        const KINDS: [Kind; 8] = [
            Kind::Counter,
            Kind::Tenant,
            Kind::Source,
            Kind::Filter,
            Kind::Endpoint,
            Kind::EventType,
            Kind::Key,
            Kind::Table,
        ];
        KINDS.into_iter().find(|kind| *kind as u8 == number)
    }

    /// As configuration files call it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Tenant => "tenant",
            Kind::Source => "source",
            Kind::Filter => "filter",
            Kind::Endpoint => "endpoint",
            Kind::EventType => "event type",
            Kind::Key => "key",
            Kind::Table => "table",
        }
    }
}

impl From<RecordKind> for Kind {
    fn from(kind: RecordKind) -> Kind {
        match kind {
            RecordKind::EventType => Kind::EventType,
            RecordKind::Key => Kind::Key,
        }
    }
}

impl Row {
    pub fn is_tombstone(&self) -> bool {
        self.value.is_empty()
    }

    pub(crate) fn new(kind: Kind, id: Box<[u8]>, since: Offset, value: &impl Serialize) -> Row {
        let value = serde_json::to_vec(value).expect("rows are plain structs of texts and numbers");
        Row { key: RowKey { kind: kind as u8, id, since }, value }
    }

    pub(crate) fn tombstone(kind: Kind, id: Box<[u8]>, since: Offset) -> Row {
        Row { key: RowKey { kind: kind as u8, id, since }, value: Vec::new() }
    }

    /// None for a tombstone.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<Option<T>, RowError> {
        if self.is_tombstone() {
            return Ok(None);
        }
        serde_json::from_slice(&self.value).map(Some).map_err(|e| self.error(e))
    }

    pub(crate) fn error(&self, reason: impl ToString) -> RowError {
        let reason = reason.to_string();
        RowError { kind: self.key.kind, since: self.key.since, reason }
    }

    pub(crate) fn endpoint_id(&self) -> Result<EndpointId, RowError> {
        let bytes = <[u8; 8]>::try_from(&*self.key.id).map_err(|_| self.error("id of 8 bytes"))?;
        Ok(EndpointId(u64::from_be_bytes(bytes)))
    }

    pub(crate) fn tenant(&self) -> Result<TenantId, RowError> {
        self.text().map(TenantId::new)
    }

    pub(crate) fn record_name(&self, kind: RecordKind) -> Result<RecordName, RowError> {
        Ok((kind, self.text()?.into()))
    }

    pub(crate) fn name(&self) -> Result<Name, RowError> {
        let (tenant, name) =
            self.text()?.split_once('\0').ok_or_else(|| self.error("no tenant in the key"))?;
        Ok((TenantId::new(tenant), name.into()))
    }

    /// The id, of those that are text.
    fn text(&self) -> Result<&str, RowError> {
        std::str::from_utf8(&self.key.id).map_err(|e| self.error(e))
    }
}

/// Names hold no control character, so the zero cannot be part of one.
pub(crate) fn name_bytes((tenant, name): &Name) -> Box<[u8]> {
    format!("{}\0{name}", tenant.as_str()).into_bytes().into()
}

pub(crate) fn endpoint_bytes(id: EndpointId) -> Box<[u8]> {
    id.0.to_be_bytes().into()
}
