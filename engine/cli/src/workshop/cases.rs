//! What a filter is held to: events with what shall become of them, as JSON files beside it.

use crate::exit::Failure;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use event::{Envelope, Event, EventId, Headers, Offset, StreamId, TenantId, Time};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Events that are shown to the filter together, and what is wanted of each.
pub struct Case {
    /// Where it is written.
    pub file: PathBuf,
    pub name: String,
    /// As it stands in the file.
    pub config: String,
    pub events: Vec<Arc<Event>>,
    pub wants: Vec<Want>,
}

/// What shall become of an event.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Want {
    Drop,
    Pass,
    /// These, in this order.
    Emit(Vec<Made>),
    Reject(Because),
    Retry {
        delay_ms: Option<u64>,
        #[serde(default)]
        reason: String,
    },
    /// The filter fails at the event: a panic, no fuel left, a rule of the contract broken.
    Trap(Because),
    /// The filter does not start, say because it refuses its configuration.
    Refuse(Because),
}

/// Part of the reason that the filter gives.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Because {
    #[serde(default)]
    pub reason: String,
}

/// An output. What is not given is the event's own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Made {
    pub key: Option<String>,
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// All of them.
    pub headers: Option<BTreeMap<String, Values>>,
    /// These, whatever others there are.
    pub headers_include: Option<BTreeMap<String, Values>>,
    body: Option<Box<RawValue>>,
    body_base64: Option<String>,
    /// Of pipes; every output of an endpoint's filter goes the same way.
    #[serde(rename = "route")]
    _route: u16,
}

/// A body as it is written in a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A JSON text as it stands in the file, which is compared as JSON.
    Json(String),
    /// Of a string or of base64: compared byte for byte.
    Bytes(Vec<u8>),
}

/// A header's value, or several of one name.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Values {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    config: Option<Box<RawValue>>,
    event: Option<Given>,
    events: Option<Vec<Given>>,
    want: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(rename = "type")]
    event_type: String,
    #[serde(default)]
    key: String,
    #[serde(default = "usual_source")]
    source: String,
    #[serde(default)]
    headers: BTreeMap<String, Values>,
    body: Option<Box<RawValue>>,
    body_base64: Option<String>,
    time: Option<String>,
}

fn usual_source() -> String {
    "test".to_owned()
}

/// When events come in whose time no case says: the start of 2026.
const USUAL_TIME_SECS: u64 = 1_767_225_600;

impl Values {
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let values = match self {
            Values::One(value) => std::slice::from_ref(value),
            Values::Several(values) => values.as_slice(),
        };
        values.iter().map(String::as_str)
    }
}

impl Body {
    fn of(raw: Option<&RawValue>, base64: Option<&str>) -> Result<Option<Body>, String> {
        match (raw, base64) {
            (Some(_), Some(_)) => Err("both `body` and `body_base64` are given".to_owned()),
            (Some(raw), None) => Ok(Some(match serde_json::from_str::<String>(raw.get()) {
                Ok(text) => Body::Bytes(text.into_bytes()),
                Err(_) => Body::Json(raw.get().to_owned()),
            })),
            (None, Some(text)) => {
                let bytes = STANDARD.decode(text);
                bytes.map(|bytes| Some(Body::Bytes(bytes))).map_err(|e| format!("body_base64: {e}"))
            }
            (None, None) => Ok(None),
        }
    }

    fn bytes(self) -> Bytes {
        match self {
            Body::Json(text) => text.into(),
            Body::Bytes(bytes) => bytes.into(),
        }
    }
}

impl Made {
    /// It was found to be one when the case was read.
    pub fn body(&self) -> Option<Body> {
        Body::of(self.body.as_deref(), self.body_base64.as_deref()).ok().flatten()
    }
}

/// The files that hold a folder's cases: `cases.json`, and all in `cases/` that end with `.json`.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let beside = Some(folder.join("cases.json")).filter(|path| path.is_file());
    let below = fs::read_dir(folder.join("cases")).into_iter().flatten().flatten();
    let below = below.map(|entry| entry.path()).filter(|path| path.is_file());
    let is_json = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
    let mut files: Vec<PathBuf> = below.filter(is_json).collect();
    files.sort();
    beside.into_iter().chain(files).collect()
}

/// All cases of a folder; every file that is broken is told.
pub fn load(folder: &Path) -> Result<Vec<Case>, Failure> {
    let mut cases = Vec::new();
    let mut problems = Vec::new();
    for file in files(folder) {
        match read(&file, cases.len()) {
            Ok(more) => cases.extend(more),
            Err(why) => problems.push(format!("{}: {why}", file.display())),
        }
    }
    if !problems.is_empty() {
        return Err(Failure::usage(problems.join("\nerror: ")));
    }
    if cases.is_empty() {
        let folder = folder.display();
        return Err(Failure::usage(format!(
            "{folder} has no cases: write cases.json or cases/*.json, such as\n  [{{ \"name\": \
             \"what is paid passes\", \"event\": {{ \"type\": \"order.paid\", \"body\": {{}} }}, \
             \"want\": \"pass\" }}]"
        )));
    }
    Ok(cases)
}

fn read(file: &Path, before: usize) -> Result<Vec<Case>, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let written: Vec<Written> = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(&text),
        false => serde_json::from_str(&text).map(|only| vec![only]),
    }
    .map_err(|error| error.to_string())?;
    let numbered = written.into_iter().zip(before..);
    numbered.map(|(written, number)| written.case(file, number)).collect()
}

impl Written {
    fn case(self, file: &Path, number: usize) -> Result<Case, String> {
        let name = self.name;
        let bad = |why: String| format!("case {name:?}: {why}");
        let (given, wants) = match (self.event, self.events) {
            (Some(event), None) => {
                let want = serde_json::from_str(self.want.get());
                (vec![event], want.map(|want| vec![want]))
            }
            (None, Some(events)) => (events, serde_json::from_str(self.want.get())),
            _ => return Err(bad("it needs either `event` or `events`".to_owned())),
        };
        let wants: Vec<Want> = wants.map_err(|error| bad(format!("want: {error}")))?;
        if given.is_empty() || given.len() != wants.len() {
            let (events, wanted) = (given.len(), wants.len());
            return Err(bad(format!("it has {events} events and wants {wanted} answers")));
        }
        for made in wants.iter().flat_map(Want::outputs) {
            Body::of(made.body.as_deref(), made.body_base64.as_deref()).map_err(bad)?;
        }
        // Far from those of other cases, and the same however cases are put together: what is
        // random to a filter goes by the offset.
        let first = number as u64 * 10_000 + 1;
        let events = given.into_iter().zip(first..).map(|(given, offset)| given.event(offset));
        let events = events.collect::<Result<_, _>>().map_err(bad)?;
        let config = self.config.map_or_else(|| "{}".to_owned(), |raw| raw.get().to_owned());
        Ok(Case { file: file.to_owned(), name, config, events, wants })
    }
}

impl Want {
    fn outputs(&self) -> &[Made] {
        match self {
            Want::Emit(outputs) => outputs,
            _ => &[],
        }
    }
}

impl Given {
    fn event(self, offset: u64) -> Result<Arc<Event>, String> {
        let body = Body::of(self.body.as_deref(), self.body_base64.as_deref())?;
        let time = match &self.time {
            None => Time::from_secs(USUAL_TIME_SECS),
            Some(text) => {
                let read: jiff::Timestamp = text.parse().map_err(|e| format!("time: {e}"))?;
                let nanos = u64::try_from(read.as_nanosecond());
                Time::from_nanos(nanos.map_err(|_| "time: it is before 1970 or after 2554")?)
            }
        };
        let mut headers = Headers::new();
        for (name, values) in &self.headers {
            values.iter().for_each(|value| headers.push(name, value.as_bytes()));
        }
        let envelope = Envelope {
            tenant: TenantId::new(TenantId::DEFAULT),
            stream: StreamId(0),
            source: self.source.into(),
            event_type: self.event_type.into(),
            key: (!self.key.is_empty()).then(|| self.key.into()),
            time,
            headers,
        };
        let id = EventId::new(time.millis(), Offset(offset));
        Ok(Arc::new(Event { id, envelope, body: body.map_or(Bytes::new(), Body::bytes) }))
    }
}
