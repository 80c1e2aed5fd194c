use super::transformation::{self, Script, ScriptOut, Transformation};
use crate::Control;
use crate::api::wire::{
    Given, Metadata, Word, check_description, check_metadata, check_uid, written,
};
use crate::explain::time;
use crate::problem::Problem;
use condition::Condition;
use event::{TenantId, Time, Why};
use hyper::Uri;
use jiff::SignedDuration;
use registry::{DeclaredEndpoint, Endpoint, Ordering, Origin, POLLED, Secrets, Terms};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

/// The header of an event that has its channels: `,a,b,`. It is not sent to endpoints.
pub(crate) const CHANNELS: &str = "forebay-channels";
const CHANNELS_MAX: usize = 10;
const TIMEOUT_MS_MAX: u64 = 3_600_000;

pub(crate) type HeaderTexts = BTreeMap<String, String>;

/// A new endpoint, or what takes the place of one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EndpointIn {
    pub url: String,
    pub uid: Option<Word>,
    #[serde(default)]
    pub description: String,
    /// Types or patterns like `order.*`; every type when it is not said.
    #[serde(alias = "filterTypes")]
    #[schemars(length(min = 1, max = 256))]
    pub event_types: Option<BTreeSet<String>>,
    /// Messages of one of these channels alone.
    #[schemars(length(min = 1, max = 10))]
    pub channels: Option<BTreeSet<Word>>,
    #[serde(default)]
    pub disabled: bool,
    #[serde(default)]
    pub metadata: Metadata,
    /// Attempts that may begin in a second.
    #[serde(alias = "rateLimit")]
    #[schemars(range(min = 1))]
    pub throttle_rate: Option<u16>,
    /// `whsec_` and base64; made when it is not said. For a new endpoint alone.
    #[schemars(regex(pattern = r"^(whsec_)?[a-zA-Z0-9+/=]{32,100}$"))]
    pub secret: Option<String>,
    /// Sent with every delivery. For a new endpoint alone.
    pub headers: Option<HeaderTexts>,
    /// A condition over the event, as in the configuration file.
    pub r#where: Option<String>,
    /// Names of the application's filters, in order; with `@` and 8 or more digits of a version, or
    /// of its module's SHA-256, in that version, whichever is in force.
    pub filters: Option<Vec<String>>,
    pub ordering: Option<OrderingText>,
    /// The pauses before further attempts, like `["5s", "30m"]`.
    #[schemars(length(max = 64))]
    pub schedule: Option<Vec<String>>,
    /// Of one attempt, all told.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub timeout_ms: Option<u64>,
    /// A script that changes what it is sent; it stays as it is when it is not said.
    #[serde(default)]
    pub transformation: Given<Script>,
    /// Taken for the sake of older clients, and not kept: nothing goes by it.
    #[expect(dead_code, reason = "clients send it")]
    pub version: Option<u16>,
}

/// What of an endpoint is to change.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EndpointPatch {
    url: Option<String>,
    #[serde(default)]
    uid: Given<Word>,
    description: Option<String>,
    #[serde(default, alias = "filterTypes")]
    event_types: Given<BTreeSet<String>>,
    #[serde(default)]
    channels: Given<BTreeSet<Word>>,
    disabled: Option<bool>,
    metadata: Option<Metadata>,
    #[serde(default, alias = "rateLimit")]
    throttle_rate: Given<u16>,
    #[serde(default)]
    r#where: Given<String>,
    #[serde(default)]
    pub filters: Given<Vec<String>>,
    #[serde(default)]
    ordering: Given<OrderingText>,
    #[serde(default)]
    schedule: Given<Vec<String>>,
    #[serde(default)]
    timeout_ms: Given<u64>,
    #[serde(default)]
    pub transformation: Given<Script>,
    /// As in a whole endpoint.
    #[expect(dead_code, reason = "clients send it")]
    version: Option<u16>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointOut {
    pub id: String,
    pub uid: Option<String>,
    pub url: String,
    pub description: String,
    pub event_types: Option<Vec<String>>,
    /// The name that older clients know `eventTypes` by.
    pub filter_types: Option<Vec<String>>,
    pub channels: Option<BTreeSet<Word>>,
    /// Also while it is paused.
    pub disabled: bool,
    /// Why nothing is sent though nobody has disabled it; a change of it, such as
    /// `disabled: false`, ends the pause.
    pub paused: Option<Pause>,
    pub metadata: Metadata,
    pub throttle_rate: Option<u16>,
    /// The name that older clients know `throttleRate` by.
    pub rate_limit: Option<u16>,
    /// Always 1: older clients look for it, and nothing goes by it.
    pub version: u32,
    pub created_at: String,
    pub updated_at: String,
    pub r#where: Option<String>,
    pub filters: Vec<String>,
    pub ordering: OrderingText,
    pub schedule: Vec<String>,
    pub timeout_ms: u64,
    /// The script that changes what it is sent, behind its filters.
    pub transformation: Option<ScriptOut>,
    /// Whether a configuration file declares it: then the API changes nothing of it.
    pub declared: bool,
}

/// What came of its deliveries and has paused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "EndpointPause")]
pub(crate) enum Pause {
    /// It answered 410.
    Gone,
    /// It only failed for `[delivery] disable_after`.
    Failing,
    /// A filter failed whose policy is to stop, or its circuit is open.
    Filter,
}

/// What order an endpoint's deliveries keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "DeliveryOrdering")]
pub(crate) enum OrderingText {
    None,
    Key,
    Fifo,
}

/// What the registry keeps of an endpoint beside what the road reads. Times are milliseconds;
/// what a configuration file declares has none.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct About {
    description: String,
    metadata: Metadata,
    channels: Option<BTreeSet<Word>>,
    /// The condition without that of the channels.
    r#where: Option<String>,
    pub created: u64,
    updated: u64,
    #[serde(skip_serializing_if = "Transformation::is_unsaid")]
    pub transformation: Transformation,
}

/// What an endpoint has that its members in the API do not say.
pub(super) struct Rest {
    pub tenant: TenantId,
    /// Of an endpoint that does not say otherwise.
    pub terms: Terms,
    pub secrets: Secrets,
    pub headers: Vec<(String, String)>,
    pub transformation: Transformation,
    pub created: Time,
    pub updated: Time,
}

impl EndpointIn {
    pub fn declared(&self, rest: Rest) -> Result<DeclaredEndpoint, Problem> {
        self.check()?;
        let transformation =
            rest.transformation.replaced(&self.transformation, rest.updated.millis());
        transformation.check(&self.url, "transformation")?;
        let about = About {
            description: self.description.clone(),
            metadata: self.metadata.clone(),
            channels: self.channels.clone(),
            r#where: self.r#where.clone(),
            created: rest.created.millis(),
            updated: rest.updated.millis(),
            transformation,
        };
        Ok(DeclaredEndpoint {
            tenant: rest.tenant,
            name: self.uid.as_ref().map_or_else(String::new, |uid| uid.as_str().to_owned()),
            url: self.url.clone(),
            types: self.event_types.iter().flatten().cloned().collect(),
            condition: condition(self.r#where.as_deref(), self.channels.as_ref()),
            filters: self.filters.clone().unwrap_or_default(),
            kept: Vec::new(),
            terms: self.terms(rest.terms)?,
            secrets: rest.secrets,
            headers: rest.headers,
            is_disabled: self.disabled,
            about: written(&about),
        })
    }

    fn check(&self) -> Result<(), Problem> {
        let uri: Option<Uri> = self.url.parse().ok();
        let is_http = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
        let is_polled = self.url == POLLED;
        if !is_polled && !uri.is_some_and(|uri| is_http(&uri) && uri.authority().is_some()) {
            return Err(Problem::value(&["url"], "it is not an http or https URL"));
        }
        if is_polled && self.filters.as_ref().is_some_and(|filters| !filters.is_empty()) {
            return Err(Problem::value(&["filters"], "what is polled goes through no filter"));
        }
        if self.filters.iter().flatten().any(|name| transformation::is_name(name)) {
            let text = "a script is run by the endpoint alone that it is of";
            return Err(Problem::value(&["filters"], text));
        }
        let bounds = [
            ("eventTypes", self.event_types.as_ref().map(BTreeSet::len), 256),
            ("channels", self.channels.as_ref().map(BTreeSet::len), CHANNELS_MAX),
        ];
        for (member, count, max) in bounds {
            if count.is_some_and(|count| !(1..=max).contains(&count)) {
                return Err(Problem::value(&[member], format!("1 to {max}, or null for all")));
            }
        }
        // Alone, so that no parenthesis of it ends ours.
        if let Some(Err(error)) = self.r#where.as_deref().map(Condition::compile) {
            return Err(Problem::value(&["where"], error.to_string()));
        }
        if self.throttle_rate == Some(0) {
            return Err(Problem::value(&["throttleRate"], "at least 1"));
        }
        check_uid(self.uid.as_ref())?;
        check_description(&self.description)?;
        check_metadata(&self.metadata)
    }

    fn terms(&self, defaults: Terms) -> Result<Terms, Problem> {
        let mut terms = defaults;
        if let Some(ordering) = self.ordering {
            terms.ordering = ordering.into();
        }
        if let Some(texts) = &self.schedule {
            terms.schedule = texts.iter().map(|text| pause(text)).collect::<Result<_, _>>()?;
        }
        if let Some(ms) = self.timeout_ms {
            if !(1..=TIMEOUT_MS_MAX).contains(&ms) {
                return Err(Problem::value(&["timeoutMs"], format!("1 to {TIMEOUT_MS_MAX}")));
            }
            terms.timeout = Duration::from_millis(ms);
        }
        if let Some(rate) = self.throttle_rate {
            terms.rate = Some(rate.into());
        }
        Ok(terms)
    }

    /// What a PUT would have to say to leave the endpoint as it is.
    pub fn of(endpoint: &Endpoint) -> EndpointIn {
        let out = EndpointOut::of(endpoint);
        EndpointIn {
            url: out.url,
            uid: out.uid.and_then(|uid| Word::try_from(uid).ok()),
            description: out.description,
            event_types: out.event_types.map(|types| types.into_iter().collect()),
            channels: out.channels,
            disabled: out.disabled,
            metadata: out.metadata,
            throttle_rate: out.throttle_rate,
            secret: None,
            headers: None,
            r#where: out.r#where,
            filters: Some(out.filters),
            ordering: Some(out.ordering),
            schedule: Some(out.schedule),
            timeout_ms: Some(out.timeout_ms),
            transformation: Given::Absent,
            version: None,
        }
    }
}

fn pause(text: &str) -> Result<Duration, Problem> {
    let read: Option<SignedDuration> = text.parse().ok();
    let pause = read.and_then(|read| Duration::try_from(read).ok());
    pause.ok_or_else(|| Problem::value(&["schedule"], format!("`{text}` is no time like `30m`")))
}

/// The condition that the road checks: that of the endpoint, and that of its channels. The first
/// comes first, so that an error in it is told at its place.
fn condition(own: Option<&str>, channels: Option<&BTreeSet<Word>>) -> Option<String> {
    let Some(channels) = channels else { return own.map(str::to_owned) };
    let mut text = own.map_or_else(String::new, |own| format!("({own}\n) AND "));
    for (n, channel) in channels.iter().enumerate() {
        let before = if n == 0 { "(" } else { " OR " };
        let _ = write!(text, "{before}contains(headers['{CHANNELS}'], ',{},')", channel.as_str());
    }
    text.push(')');
    Some(text)
}

impl EndpointPatch {
    pub fn over(self, old: &mut EndpointIn) {
        old.url = self.url.unwrap_or_else(|| old.url.clone());
        old.description = self.description.unwrap_or_else(|| old.description.clone());
        old.disabled = self.disabled.unwrap_or(old.disabled);
        old.metadata = self.metadata.unwrap_or_else(|| old.metadata.clone());
        self.uid.over(&mut old.uid);
        self.event_types.over(&mut old.event_types);
        self.channels.over(&mut old.channels);
        self.throttle_rate.over(&mut old.throttle_rate);
        self.r#where.over(&mut old.r#where);
        self.filters.over(&mut old.filters);
        self.ordering.over(&mut old.ordering);
        self.schedule.over(&mut old.schedule);
        self.timeout_ms.over(&mut old.timeout_ms);
        old.transformation = self.transformation;
        // A patch empties a list as it nulls it; only a whole endpoint has to say which it means.
        old.event_types.take_if(|types| types.is_empty());
        old.channels.take_if(|channels| channels.is_empty());
    }
}

impl About {
    pub fn of(endpoint: &Endpoint) -> About {
        About::read(&endpoint.about)
    }

    pub fn read(text: &str) -> About {
        serde_json::from_str(text).unwrap_or_default()
    }
}

impl EndpointOut {
    pub fn of(endpoint: &Endpoint) -> EndpointOut {
        let about = About::of(endpoint);
        let chain = endpoint.chain.as_deref().and_then(|chain| chain.condition.as_deref());
        let declared = chain.map(|condition| condition.text().to_owned());
        let types: Vec<String> = endpoint.types.iter().map(ToString::to_string).collect();
        let own = endpoint.filters.iter().filter(|name| !transformation::is_name(name));
        let id = endpoint.id.to_string();
        EndpointOut {
            uid: (*endpoint.name != *id).then(|| endpoint.name.to_string()),
            id,
            url: endpoint.url.to_string(),
            description: about.description,
            event_types: (!types.is_empty()).then(|| types.clone()),
            filter_types: (!types.is_empty()).then_some(types),
            r#where: about.r#where.or(declared.filter(|_| about.channels.is_none())),
            channels: about.channels,
            disabled: endpoint.is_disabled,
            paused: None,
            metadata: about.metadata,
            throttle_rate: rate(endpoint),
            rate_limit: rate(endpoint),
            version: 1,
            created_at: time(Time::from_millis(about.created)),
            updated_at: time(Time::from_millis(about.updated)),
            filters: own.map(ToString::to_string).collect(),
            transformation: about.transformation.script(),
            ordering: endpoint.terms.ordering.into(),
            schedule: endpoint.terms.schedule.iter().map(|pause| pause_text(*pause)).collect(),
            timeout_ms: u64::try_from(endpoint.terms.timeout.as_millis()).unwrap_or(u64::MAX),
            declared: endpoint.origin == Origin::Declared,
        }
    }

    /// The same as lists have it: of a script they say how large it is, and not what it says.
    pub fn listed(control: &Control, endpoint: &Endpoint) -> EndpointOut {
        let out = EndpointOut::now(control, endpoint);
        EndpointOut { transformation: out.transformation.map(ScriptOut::in_brief), ..out }
    }

    /// As it stands now, with what came of its deliveries.
    pub fn now(control: &Control, endpoint: &Endpoint) -> EndpointOut {
        let why = control.ports.commands.pauses().get(&endpoint.id).copied();
        let paused = why.and_then(Pause::of);
        let out = EndpointOut::of(endpoint);
        EndpointOut { disabled: out.disabled || paused.is_some(), paused, ..out }
    }
}

impl Pause {
    pub fn of(why: Why) -> Option<Pause> {
        match why {
            Why::Gone => Some(Pause::Gone),
            Why::Failing => Some(Pause::Failing),
            Why::FilterStopped => Some(Pause::Filter),
            Why::Slow | Why::Breaker | Why::Disabled | Why::Fifo | Why::Missing => None,
        }
    }
}

/// As far as the wire format can say it.
fn rate(endpoint: &Endpoint) -> Option<u16> {
    endpoint.terms.rate.map(|rate| u16::try_from(rate).unwrap_or(u16::MAX))
}

/// As `pause` reads it.
pub(crate) fn pause_text(pause: Duration) -> String {
    SignedDuration::try_from(pause).map_or_else(|_| "0s".to_owned(), |pause| format!("{pause:#}"))
}

impl From<OrderingText> for Ordering {
    fn from(text: OrderingText) -> Ordering {
        match text {
            OrderingText::None => Ordering::None,
            OrderingText::Key => Ordering::Key,
            OrderingText::Fifo => Ordering::Fifo,
        }
    }
}

impl From<Ordering> for OrderingText {
    fn from(ordering: Ordering) -> OrderingText {
        match ordering {
            Ordering::None => OrderingText::None,
            Ordering::Key => OrderingText::Key,
            Ordering::Fifo => OrderingText::Fifo,
        }
    }
}
