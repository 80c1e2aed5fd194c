use schemars::JsonSchema;
use serde::Serialize;

/// What became of an event at each endpoint, and why.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExplainOut {
    pub event: ExplainedEventOut,
    /// Its record is not what was written: nobody can say what it was, so no endpoint gets it.
    pub damaged: bool,
    /// Those that wanted it.
    pub endpoints: Vec<ExplainedEndpointOut>,
    /// Those of its application that did not, 100 at most.
    pub unwanted: Vec<UnwantedOut>,
    /// So many more did not want it.
    pub unwanted_more: u64,
}

/// Of one whose record is damaged only `id` and `offset` are known.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExplainedEventOut {
    pub id: String,
    pub offset: u64,
    pub app: Option<String>,
    pub source: Option<String>,
    pub r#type: Option<String>,
    pub key: Option<String>,
    pub time: Option<String>,
    /// Of its body.
    pub bytes: Option<u64>,
    pub erased_at: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExplainedEndpointOut {
    pub id: String,
    pub name: String,
    /// The offset that the version which ruled the event is in force from, or is to rule it.
    pub version: u64,
    /// The condition of that version.
    pub r#where: Option<String>,
    /// The filters of that version, in their order.
    pub filters: Vec<ExplainedFilterOut>,
    /// Either that version ruled, or one of these did: they came before it is known to have been
    /// judged, and no row tells which it was. 16 at most; none where it is known.
    pub or: Vec<ExplainedRulingOut>,
    /// So many more may have.
    pub or_more: u64,
    /// How the event stands there, replays left aside: `delivered`, `retrying`, `parked`, `dead`,
    /// `purged`, `in_flight`, `waiting`, `dropped`, `expired`, `erased` or `ended`.
    pub state: &'static str,
    pub why: String,
    pub deliveries: Vec<ExplainedDeliveryOut>,
}

/// A version that may have ruled an event.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ExplainedRulingOut {
    pub version: u64,
    pub r#where: Option<String>,
    pub filters: Vec<ExplainedFilterOut>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct ExplainedFilterOut {
    pub name: String,
    /// As the list of its versions has it.
    pub version: String,
    /// The SHA-256 of its module.
    pub module: String,
    /// What judges some of the keys in its place; a shadow is not told.
    pub candidate: Option<ExplainedCanaryOut>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct ExplainedCanaryOut {
    pub module: String,
    /// So many of a hundred keys.
    pub canary: u8,
    /// Whether it judged the event in its filter's place. Null where that cannot be told: of keys
    /// that are its own where it may have been left out because it failed, and behind other
    /// filters, which may have changed the key.
    pub judged: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExplainedDeliveryOut {
    pub id: String,
    pub webhook_id: String,
    /// Which output of the filters, from 0.
    pub output: u32,
    /// 0 for what the endpoint was owed, else which replay it was.
    pub replay: u32,
    pub version: u64,
    pub filters: Vec<ExplainedFilterOut>,
    /// As of the endpoint.
    pub or: Vec<ExplainedRulingOut>,
    pub or_more: u64,
    pub state: &'static str,
    pub why: Option<String>,
    /// When it is tried next.
    pub due: Option<String>,
    pub attempts: Vec<ExplainedAttemptOut>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExplainedAttemptOut {
    /// From 1.
    pub number: u32,
    pub at: String,
    pub took_ms: f64,
    /// `delivered`, `failed`, or `gone` for the answer 410.
    pub outcome: &'static str,
    /// Null when there was no answer.
    pub status: Option<u16>,
    pub cause: Option<String>,
    /// The configuration line that would let a refused address through.
    pub allow: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct UnwantedOut {
    pub id: String,
    pub name: String,
    pub why: String,
}
