//! What the resources of Svix's wire format have in common.

use crate::api::{Parameter, Query};
use crate::problem::Problem;
use event::Time;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// A person's or program's notes on a resource.
pub(crate) type Metadata = BTreeMap<String, String>;

const METADATA_BYTES_MAX: usize = 16 << 10;
pub(crate) const WORD_BYTES_MAX: usize = 256;

/// How many resources a page has.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it stands for its schema alone")]
pub(crate) struct PageLimit(#[schemars(range(min = 1, max = 250))] u16);

#[derive(JsonSchema)]
#[schemars(rename = "Ordering", rename_all = "lowercase")]
#[expect(dead_code, reason = "it stands for its schema alone")]
pub(crate) enum Order {
    Ascending,
    Descending,
}

pub(crate) const LIMIT: Parameter =
    Parameter::of::<PageLimit>("limit", "How many a page has; 50 when it is not said.");
pub(crate) const ITERATOR: Parameter =
    Parameter::of::<String>("iterator", "The `iterator` or `prevIterator` of another page.");
pub(crate) const ORDER: Parameter = Parameter::of::<Order>("order", "The order of the list.");

const LIMIT_DEFAULT: u64 = 50;
const LIMIT_MAX: u64 = 250;

/// One page of a list.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ListResponse_{T}_")]
pub(crate) struct Page<T> {
    pub data: Vec<T>,
    /// Whether there is nothing behind this page, in the direction that was asked for.
    pub done: bool,
    pub iterator: Option<String>,
    pub prev_iterator: Option<String>,
}

/// Which page of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub limit: usize,
    place: Place<String>,
    is_descending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<T> {
    Start,
    /// Behind this one, in the order of the list.
    After(T),
    Before(T),
}

impl<T> Place<T> {
    /// Reads what an iterator names.
    pub fn try_map<U>(self, read: impl FnOnce(T) -> Option<U>) -> Result<Place<U>, Problem> {
        let bad = || Problem::parameter("iterator", "it is what another page gave");
        Ok(match self {
            Place::Start => Place::Start,
            Place::After(last) => Place::After(read(last).ok_or_else(bad)?),
            Place::Before(first) => Place::Before(read(first).ok_or_else(bad)?),
        })
    }
}

impl Wanted {
    pub fn of(query: &Query, is_descending: bool) -> Result<Wanted, Problem> {
        let place = match query.one("iterator")?.filter(|text| !text.is_empty()) {
            None => Place::Start,
            Some(text) => match text.strip_prefix('-') {
                Some(first) => Place::Before(first.to_owned()),
                None => Place::After(text.to_owned()),
            },
        };
        let is_descending = match order(query)? {
            None => is_descending,
            Some("ascending") => false,
            Some("descending") => true,
            Some(_) => return Err(Problem::parameter("order", "it is ascending or descending")),
        };
        Ok(Wanted { limit: limit(query)?, place, is_descending })
    }

    pub fn place(&self) -> Place<&str> {
        match &self.place {
            Place::Start => Place::Start,
            Place::After(last) => Place::After(last),
            Place::Before(first) => Place::Before(first),
        }
    }

    /// Cuts a page out of a list that is in ascending order of its keys. `read` gives the key
    /// that an iterator names, and `name` what names an entry. What `show` shows nothing of is
    /// passed over; it is asked for what the page has and one more.
    pub fn cut<'a, T, K: Ord, O>(
        &self,
        all: &'a [T],
        key: impl Fn(&T) -> K,
        read: impl Fn(&str) -> Option<K>,
        name: impl Fn(&T) -> String,
        mut show: impl FnMut(&'a T) -> Option<O>,
    ) -> Result<Page<O>, Problem> {
        let place = self.place().try_map(read)?;
        let is_upwards = matches!(place, Place::Before(_)) == self.is_descending;
        let left = match place {
            Place::Start => 0..all.len(),
            Place::After(at) | Place::Before(at) if is_upwards => {
                all.partition_point(|entry| key(entry) <= at)..all.len()
            }
            Place::After(at) | Place::Before(at) => 0..all.partition_point(|entry| key(entry) < at),
        };
        let (mut shown, mut done) = (Vec::new(), true);
        for n in 0..left.len() {
            let at = if is_upwards { left.start + n } else { left.end - 1 - n };
            let Some(out) = show(&all[at]) else { continue };
            if shown.len() == self.limit {
                done = false;
                break;
            }
            shown.push((name(&all[at]), out));
        }
        if matches!(self.place, Place::Before(_)) {
            shown.reverse();
        }
        Ok(Page {
            iterator: shown.last().map(|(name, _)| name.clone()),
            prev_iterator: shown.first().map(|(name, _)| format!("-{name}")),
            data: shown.into_iter().map(|(_, out)| out).collect(),
            done,
        })
    }
}

/// How many a page has.
pub(crate) fn limit(query: &Query) -> Result<usize, Problem> {
    Ok(query.number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT) as usize)
}

/// Lists of a kind that has one order alone do not take the parameter, so they have none.
fn order(query: &Query) -> Result<Option<&str>, Problem> {
    query.one("order")
}

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

/// What a uid, an event type's name or a channel is made of: letters, digits, `-`, `_` and `.`.
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

/// A uid may not look like an id, nor like a folder: clients would leave it out of a path, and ask
/// for what holds the resource.
pub(crate) fn check_uid(uid: Option<&Word>) -> Result<(), Problem> {
    const PREFIXES: [&str; 5] = ["app_", "ep_", "evt_", "msg_", "atmpt_"];
    let is_id = |uid: &Word| PREFIXES.iter().any(|prefix| uid.as_str().starts_with(prefix));
    match uid {
        Some(uid) if is_id(uid) => Err(Problem::value(&["uid"], "it looks like an id")),
        Some(uid) if matches!(uid.as_str(), "." | "..") => {
            Err(Problem::value(&["uid"], "a path takes it for a folder"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str, all: &[u32]) -> (Vec<u32>, bool, Option<String>, Option<String>) {
        let query = Query::of(query, &[LIMIT, ITERATOR, ORDER]).unwrap();
        let wanted = Wanted::of(&query, false).unwrap();
        let cut = wanted.cut(all, |n| *n, |text| text.parse().ok(), u32::to_string, |n| Some(*n));
        let cut = cut.unwrap();
        (cut.data, cut.done, cut.iterator, cut.prev_iterator)
    }

    #[test]
    fn a_list_is_walked_both_ways_in_both_orders() {
        let all = [1, 3, 5, 7, 9];
        for (order, expected) in [("ascending", [1, 3, 5, 7, 9]), ("descending", [9, 7, 5, 3, 1])] {
            for limit in 1..=6 {
                let ask = |more: &str| page(&format!("limit={limit}&order={order}{more}"), &all);
                let (mut there, mut query) = (Vec::new(), String::new());
                loop {
                    let (data, done, iterator, _) = ask(&query);
                    there.extend(data);
                    query = format!("&iterator={}", iterator.unwrap());
                    if done {
                        break;
                    }
                }
                assert_eq!(there, expected);
                let last = *expected.last().unwrap();
                let (mut back, mut query) = (vec![last], format!("&iterator=-{last}"));
                loop {
                    let (data, done, _, previous) = ask(&query);
                    back.splice(0..0, data);
                    query = format!("&iterator={}", previous.unwrap());
                    if done {
                        break;
                    }
                }
                assert_eq!(back, expected, "backwards by {limit}");
            }
        }
    }

    #[test]
    fn what_is_passed_over_is_on_no_page() {
        let query = Query::of("limit=2", &[LIMIT]).unwrap();
        let wanted = Wanted::of(&query, false).unwrap();
        let odd = |n: &u32| (*n % 2 == 1).then_some(*n);
        let cut = |all: &[u32]| {
            let page = wanted.cut(all, |n| *n, |text| text.parse().ok(), u32::to_string, odd);
            page.map(|page| (page.data, page.done, page.iterator)).unwrap()
        };
        assert_eq!(cut(&[0, 1, 2, 3, 4]), (vec![1, 3], true, Some("3".to_owned())));
        assert_eq!(cut(&[1, 3, 4, 5]), (vec![1, 3], false, Some("3".to_owned())));
        assert_eq!(cut(&[0, 2]), (vec![], true, None));
    }

    #[test]
    fn an_iterator_need_not_be_there_any_more() {
        assert_eq!(page("iterator=4", &[1, 3, 5]).0, [5]);
        assert_eq!(page("iterator=-4", &[1, 3, 5]).0, [1, 3]);
        assert_eq!(page("iterator=9", &[1, 3, 5]), (vec![], true, None, None));
        assert_eq!(page("", &[]), (vec![], true, None, None));
        let query = Query::of("iterator=x", &[ITERATOR]).unwrap();
        let wanted = Wanted::of(&query, false).unwrap();
        let cut = wanted.cut(&[1], |n| *n, |text| text.parse().ok(), i32::to_string, |n| Some(*n));
        assert!(cut.is_err());
    }

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
        for bad in ["", "a b", "é", "a/b", "*", &"x".repeat(257)] {
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
