use crate::tables::csv;
use filter::{TABLE_KEY_BYTES_MAX, Table};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// How the text of a table is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub form: Form,
    /// The column or member that holds the keys.
    pub key: Option<String>,
    /// The one that holds the values; without it a value is all of its row, as JSON.
    pub value: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// With a line of column names. Without a `key` the first column holds them.
    Csv,
    /// One object: its members' names are the keys.
    Json,
    /// An object on each line.
    JsonLines,
}

impl Form {
    /// As the management API is told.
    pub fn media_type(self) -> &'static str {
        match self {
            Form::Csv => "text/csv",
            Form::Json => "application/json",
            Form::JsonLines => "application/x-ndjson",
        }
    }
}

/// What one table may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableLimits {
    /// Of all keys and values, with what it takes to find them.
    pub bytes: usize,
    pub keys: usize,
    /// Of one value.
    pub value_bytes: usize,
}

impl Default for TableLimits {
    fn default() -> TableLimits {
        TableLimits { bytes: 64 << 20, keys: 1_000_000, value_bytes: 64 << 10 }
    }
}

/// What its author has to change, and on which line, from 1.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct BadText {
    pub line: Option<usize>,
    pub what: String,
}

impl fmt::Display for BadText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// A key and its value, and where in the text they are.
pub(super) struct Entry<'a> {
    pub at: usize,
    pub key: Cow<'a, str>,
    pub value: Cow<'a, str>,
}

/// What is wrong, and where in the text.
pub(super) struct Fault {
    pub at: Option<usize>,
    pub what: String,
}

impl Fault {
    pub fn at(at: usize, what: impl Into<String>) -> Fault {
        Fault { at: Some(at), what: what.into() }
    }
}

/// Of an entry, beside its key and value.
const ENTRY_BYTES: usize = 6;

/// Reads and packs a table. Whole or not at all.
pub fn read(bytes: &[u8], reading: &Reading, limits: TableLimits) -> Result<Table, BadText> {
    let told = |fault: Fault| BadText {
        line: fault.at.map(|at| 1 + bytes[..at].iter().filter(|&&byte| byte == b'\n').count()),
        what: fault.what,
    };
    // A spreadsheet writes a mark before everything, which is no part of the first name.
    let start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let text = std::str::from_utf8(&bytes[start..]);
    let text = text.map_err(|e| told(Fault::at(start + e.valid_up_to(), "it is not UTF-8")))?;
    let shifted =
        |fault: Fault| told(Fault { at: fault.at.map(|at| start + at), what: fault.what });
    let mut entries = Entries { all: Vec::new(), bytes: 0, limits };
    let read = match reading.form {
        Form::Csv => csv::read(text, reading, &mut entries),
        Form::Json => object(text, reading, &mut entries),
        Form::JsonLines => lines(text, reading, &mut entries),
    };
    read.and_then(|()| entries.pack()).map_err(shifted)
}

/// What was read of a table, within its limits.
pub(super) struct Entries<'a> {
    all: Vec<Entry<'a>>,
    bytes: usize,
    limits: TableLimits,
}

impl<'a> Entries<'a> {
    pub fn add(&mut self, entry: Entry<'a>) -> Result<(), Fault> {
        let limits = self.limits;
        self.bytes += ENTRY_BYTES + entry.key.len() + entry.value.len();
        let refused = [
            (entry.key.is_empty(), "the key is empty".to_owned()),
            (entry.key.len() > TABLE_KEY_BYTES_MAX, over("a key", TABLE_KEY_BYTES_MAX)),
            (entry.value.len() > limits.value_bytes, over("a value", limits.value_bytes)),
            (self.bytes > limits.bytes, over("a table", limits.bytes)),
            (self.all.len() >= limits.keys, format!("a table has {} keys at most", limits.keys)),
        ];
        if let Some((_, what)) = refused.into_iter().find(|(is_so, _)| *is_so) {
            return Err(Fault::at(entry.at, what));
        }
        self.all.push(entry);
        Ok(())
    }

    fn pack(mut self) -> Result<Table, Fault> {
        self.all.sort_unstable_by(|a, b| (&a.key, a.at).cmp(&(&b.key, b.at)));
        let twice = self.all.windows(2).filter(|pair| pair[0].key == pair[1].key);
        if let Some(second) = twice.map(|pair| &pair[1]).min_by_key(|entry| entry.at) {
            let what = format!("the key `{}` is there already", second.key.escape_debug());
            return Err(Fault::at(second.at, what));
        }
        let packed = self.all.iter().map(|e| (e.key.as_bytes(), e.value.as_bytes()));
        Ok(Table::pack(packed).expect("keys in order, each once, within the limits"))
    }
}

fn over(what: &str, bytes: usize) -> String {
    format!("{what} has {bytes} bytes at most")
}

/// The members of a JSON object, in their order.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'de>, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &RawValue>()? {
                    members.push((member.0.into(), member.1));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl<'a> Members<'a> {
    fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let found = self.0.iter().find(|(member, _)| *member == name);
        found.map(|(_, value)| text_of(value))
    }
}

/// A string's characters; of anything else its JSON.
fn text_of(value: &RawValue) -> Cow<'_, str> {
    match value.get().starts_with('"') {
        true => Cow::Owned(serde_json::from_str(value.get()).expect("it was read as JSON")),
        false => Cow::Borrowed(value.get()),
    }
}

fn object<'a>(text: &'a str, reading: &Reading, entries: &mut Entries<'a>) -> Result<(), Fault> {
    if reading.key.is_some() || reading.value.is_some() {
        let what = "the members of a JSON object are its keys and values: say neither";
        return Err(Fault { at: None, what: what.into() });
    }
    let Members(members) = serde_json::from_str(text).map_err(|error| {
        let before: usize = text.split_inclusive('\n').take(error.line() - 1).map(str::len).sum();
        Fault::at(before, no_object(&error))
    })?;
    for (key, value) in members {
        let at = value.get().as_ptr().addr() - text.as_ptr().addr();
        entries.add(Entry { at, key, value: text_of(value) })?;
    }
    Ok(())
}

fn lines<'a>(text: &'a str, reading: &Reading, entries: &mut Entries<'a>) -> Result<(), Fault> {
    let Some(key) = &reading.key else {
        return Err(Fault { at: None, what: "say which member is the key".into() });
    };
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let members: Members<'a> =
            serde_json::from_str(line).map_err(|error| Fault::at(start, no_object(&error)))?;
        let member = |name: &str| {
            let none = || Fault::at(start, format!("there is no member `{name}`"));
            members.get(name).ok_or_else(none)
        };
        let value = reading.value.as_ref().map_or(Ok(line.into()), |value| member(value))?;
        entries.add(Entry { at: start, key: member(key)?, value })?;
    }
    Ok(())
}

/// The line is told beside it, and of a text that is a line of another there is no other.
fn no_object(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(&*text, |(text, _)| text);
    format!("it is not a JSON object: {text}")
}
