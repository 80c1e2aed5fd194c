//! What the resources of Svix's wire format have in common.

mod pages;
mod secrets;

pub(crate) use pages::{ITERATOR, LIMIT, Look, ORDER, Page, PageLimit, Place, Wanted};
pub(crate) use pages::{before, limit};
pub(crate) use secrets::{SECRET_PREFIX, fresh_secret, rotated};

use crate::api::{Parameter, Query};
use crate::explain::time;
use crate::problem::Problem;
use event::{Headers, TenantId, Time};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// Of what is not in the path of its application.
pub(crate) const APP: Parameter = Parameter::of::<String>(
    "app",
    "The application's id or uid; without it the one that the key is bound to, else `default`.",
);

/// An object of which a schema says no more.
pub(crate) type Members = serde_json::Map<String, serde_json::Value>;

/// A person's or program's notes on a resource.
pub(crate) type Metadata = BTreeMap<String, String>;

const METADATA_BYTES_MAX: usize = 16 << 10;
pub(crate) const WORD_BYTES_MAX: usize = 256;

/// `true` or `false`.
pub(crate) fn flag(query: &Query, name: &'static str, default: bool) -> Result<bool, Problem> {
    match query.one(name)? {
        None => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(Problem::parameter(name, "it is true or false")),
    }
}

/// A time of the query, as RFC 3339.
pub(crate) fn moment(query: &Query, name: &'static str) -> Result<Option<Time>, Problem> {
    let Some(text) = query.one(name)? else { return Ok(None) };
    // A `+` of an offset that was not encoded has become a space.
    let read = read_time(&text.replace(' ', "+"));
    read.ok_or_else(|| Problem::parameter(name, NO_TIME)).map(Some)
}

/// A time of the body, as RFC 3339.
pub(crate) fn member_time(member: &str, text: &str) -> Result<Time, Problem> {
    read_time(text).ok_or_else(|| Problem::value(&[member], NO_TIME))
}

const NO_TIME: &str = "it is a time like 2026-01-31T10:00:00Z";

/// A time as RFC 3339; what lies before 1970 counts as 1970.
fn read_time(text: &str) -> Option<Time> {
    let read: jiff::Timestamp = text.parse().ok()?;
    Some(Time::from_millis(u64::try_from(read.as_millisecond()).unwrap_or(0)))
}

/// How long what a rotation retires goes on counting; a day when it is not said.
pub(crate) fn grace(secs: Option<u32>) -> Result<Duration, Problem> {
    const SECS_MAX: u32 = 7 * 24 * 3600;
    match secs.unwrap_or(24 * 3600) {
        secs if secs <= SECS_MAX => Ok(Duration::from_secs(secs.into())),
        _ => Err(Problem::value(&["gracePeriodSeconds"], format!("{SECS_MAX} at most"))),
    }
}

/// What a uid, an event type's name or a channel is made of: letters, digits, `-`, `_` and `.`. Not
/// like a folder: clients would leave it out of a path, and ask for what holds the resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Word(String);

impl Word {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Word {
    type Error = String;

    fn try_from(text: String) -> Result<Word, String> {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if matches!(&*text, "." | "..") {
            return Err("a path takes it for a folder".to_owned());
        }
        if (1..=WORD_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_letter) {
            return Ok(Word(text));
        }
        Err(format!("letters, digits, `-`, `_` and `.`; 1 to {WORD_BYTES_MAX} of them"))
    }
}

impl JsonSchema for Word {
    fn schema_name() -> Cow<'static, str> {
        "Word".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": WORD_BYTES_MAX,
            "pattern": "^[a-zA-Z0-9\\-_.]+$",
        })
    }
}

/// A member of a patch: not there, `null`, or a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Given<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<T> Given<T> {
    /// Takes the place of what there was, if it is there.
    pub fn over(self, old: &mut Option<T>) {
        match self {
            Given::Absent => {}
            Given::Null => *old = None,
            Given::Value(value) => *old = Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Given<T>, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Given::Null, Given::Value))
    }
}

impl<T: JsonSchema> JsonSchema for Given<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Nullable_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Option::<T>::json_schema(generator)
    }
}

/// A time that a record keeps, in milliseconds; 0 for none.
pub(crate) fn told(millis: u64) -> Option<String> {
    (millis != 0).then(|| time(Time::from_millis(millis)))
}

/// Each header as a name and a value, in their order.
pub(crate) fn header_pairs(headers: &Headers) -> Value {
    let pairs = headers.iter();
    pairs.map(|(name, value)| json!([name, String::from_utf8_lossy(value)])).collect()
}

/// As the registry keeps what only this API reads.
pub(crate) fn written(about: &impl Serialize) -> String {
    serde_json::to_string(about).expect("what we keep can be written as JSON")
}

/// Bounds what is kept for others to read.
pub(crate) fn check_metadata(metadata: &Metadata) -> Result<(), Problem> {
    let bytes: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    match bytes <= METADATA_BYTES_MAX {
        true => Ok(()),
        false => {
            let text = format!("it has {METADATA_BYTES_MAX} bytes at most");
            Err(Problem::value(&["metadata"], text))
        }
    }
}

/// A uid may not look like an id, nor be the name of the application that is always there.
pub(crate) fn check_uid(uid: Option<&Word>) -> Result<(), Problem> {
    match uid.map(Word::as_str) {
        Some(uid) if is_id(uid) => Err(Problem::value(&["uid"], "it looks like an id")),
        Some(TenantId::DEFAULT) => {
            let text = format!("the application `{}` is always there", TenantId::DEFAULT);
            Err(Problem::value(&["uid"], text))
        }
        _ => Ok(()),
    }
}

fn is_id(text: &str) -> bool {
    const PREFIXES: [&str; 5] = ["app_", "ep_", "evt_", "msg_", "atmpt_"];
    PREFIXES.iter().any(|prefix| text.starts_with(prefix))
}

/// The uid of what is to be made under a name of the path. An id names nothing that is to be made.
pub(crate) fn uid_of_path(
    name: &str,
    given: Option<&Word>,
    none: Problem,
) -> Result<Word, Problem> {
    let Some(uid) = Word::try_from(name.to_owned()).ok().filter(|uid| !is_id(uid.as_str())) else {
        return Err(none);
    };
    match given {
        Some(given) if *given != uid => Err(Problem::value(&["uid"], "the path says otherwise")),
        _ => Ok(uid),
    }
}

/// Notes for people.
pub(crate) fn check_description(description: &str) -> Result<(), Problem> {
    const BYTES_MAX: usize = 16 << 10;
    match description.len() <= BYTES_MAX {
        true => Ok(()),
        false => Err(Problem::value(&["description"], format!("it has {BYTES_MAX} bytes at most"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_tells_null_from_nothing() {
        #[derive(Deserialize)]
        struct Patch {
            #[serde(default)]
            uid: Given<String>,
        }
        let read = |text: &str| serde_json::from_str::<Patch>(text).unwrap().uid;
        let after = |text: &str| {
            let mut old = Some("old".to_owned());
            read(text).over(&mut old);
            old
        };
        assert_eq!(after("{}").as_deref(), Some("old"));
        assert_eq!(after(r#"{"uid":null}"#), None);
        assert_eq!(after(r#"{"uid":"new"}"#).as_deref(), Some("new"));
    }

    #[test]
    fn words_have_no_odd_letters() {
        for good in ["a", "A-b_c.9", &"x".repeat(256)] {
            assert!(Word::try_from(good.to_owned()).is_ok());
        }
        for bad in ["", "a b", "é", "a/b", "*", ".", "..", &"x".repeat(257)] {
            assert!(Word::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_read_as_clients_write_them() {
        for text in
            ["2026-01-31T10:00:00Z", "2026-01-31T11:00:00+01:00", "2026-01-31T10:00:00.000Z"]
        {
            assert_eq!(read_time(text), Some(Time::from_secs(1_769_853_600)), "{text}");
        }
        assert_eq!(read_time("1969-01-01T00:00:00Z"), Some(Time::ZERO));
        assert_eq!(read_time("yesterday"), None);
    }
}
