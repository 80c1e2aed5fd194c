use crate::api::apps::ApplicationIn;
use crate::api::endpoints::CHANNELS;
use crate::api::wire::{Members, Word};
use crate::explain::time;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::{Event, EventId, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::BTreeSet;

/// The header of an event that has the sender's own id for it. It is not sent to endpoints.
pub(crate) const EVENT_ID: &str = "forebay-event-id";

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct MessageIn<'a> {
    pub event_type: Word,
    /// Delivered as it is, byte for byte.
    #[serde(borrow)]
    #[schemars(with = "Members")]
    pub payload: &'a RawValue,
    /// The sender's own id, unique among the application's messages of the last day.
    pub event_id: Option<Word>,
    #[schemars(length(min = 1, max = 5))]
    pub channels: Option<BTreeSet<Word>>,
    /// What keyed order goes by.
    #[schemars(length(min = 1, max = 1024))]
    pub key: Option<String>,
    /// Makes the application when there is none of the path's name.
    pub application: Option<ApplicationIn>,
    /// Days. 90 alone, which older clients always send and which asks for nothing: a payload stays
    /// as long as the log's retention says.
    #[schemars(range(min = 90, max = 90))]
    pub payload_retention_period: Option<u16>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageOut {
    pub id: String,
    pub event_type: String,
    pub event_id: Option<String>,
    pub channels: Option<BTreeSet<String>>,
    /// `{"bodyBase64":…}` for what came in another way and is no JSON object, `{"expired":true}`
    /// where it was erased.
    #[schemars(with = "Members")]
    pub payload: Box<RawValue>,
    pub timestamp: String,
}

impl MessageOut {
    /// What was just taken in.
    pub fn taken(given: &MessageIn<'_>, id: EventId, with_content: bool) -> MessageOut {
        let text = |word: &Word| word.as_str().to_owned();
        MessageOut {
            id: id.to_string(),
            event_type: text(&given.event_type),
            event_id: given.event_id.as_ref().map(text),
            channels: given.channels.as_ref().map(|channels| channels.iter().map(text).collect()),
            payload: if with_content { given.payload.to_owned() } else { raw("{}".to_owned()) },
            timestamp: time(Time::from_millis(id.millis())),
        }
    }

    /// Without its content the payload is an empty object.
    pub fn of(event: &Event, with_content: bool) -> MessageOut {
        let header = |name| {
            let value = event.envelope.headers.first(name)?;
            Some(String::from_utf8_lossy(value).into_owned())
        };
        let channels = header(CHANNELS).map(|list| {
            list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
        });
        MessageOut {
            id: event.id.to_string(),
            event_type: event.envelope.event_type.to_string(),
            event_id: header(EVENT_ID),
            channels,
            payload: match with_content {
                true if event.is_erased() => raw(r#"{"expired":true}"#.to_owned()),
                true => payload(&event.body),
                false => raw("{}".to_owned()),
            },
            timestamp: time(Time::from_millis(event.id.millis())),
        }
    }
}

fn payload(body: &[u8]) -> Box<RawValue> {
    match serde_json::from_slice::<&RawValue>(body) {
        Ok(value) if value.get().starts_with('{') => value.to_owned(),
        _ => raw(json!({ "bodyBase64": STANDARD.encode(body) }).to_string()),
    }
}

fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).expect("what was just written is JSON")
}

/// A list of channels as an event's header has it.
pub(crate) fn channel_list(channels: &BTreeSet<Word>) -> String {
    channels.iter().fold(",".to_owned(), |list, channel| list + channel.as_str() + ",")
}
