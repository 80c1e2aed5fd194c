use crate::config::notes::Notes;
use crate::config::problem::{Place, Shows};
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub value: Value,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Date(String),
    List(Vec<Node>),
    Table(Table),
    /// From the environment or a flag, which know no types: it is whatever its key expects.
    Loose(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub entries: BTreeMap<String, Entry>,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Of the key.
    pub place: Place,
    pub node: Node,
}

impl Value {
    /// For "must be …, not …".
    pub fn described(&self) -> String {
        match self {
            Value::Text(text) | Value::Loose(text) => format!("{:?}", cut(text)),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Bool(fact) => fact.to_string(),
            Value::Date(date) => format!("the date {date}"),
            Value::List(_) => "a list".into(),
            Value::Table(_) => "a table".into(),
        }
    }

    /// The text, whichever way it came.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) | Value::Loose(text) => Some(text),
            _ => None,
        }
    }

    /// What a loose text is when a list is expected: TOML's own form, or parts between commas.
    pub fn list(&self, place: &Place) -> Option<Vec<Node>> {
        match self {
            Value::List(nodes) => Some(nodes.clone()),
            Value::Loose(text) if text.trim_start().starts_with('[') => {
                let parsed = DeValue::parse(text).ok()?.into_inner();
                match value(parsed, &mut Notes::default()) {
                    Value::List(nodes) => Some(
                        nodes.into_iter().map(|n| Node { place: place.clone(), ..n }).collect(),
                    ),
                    _ => None,
                }
            }
            Value::Loose(text) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                let node = |part: &str| Node {
                    value: Value::Loose(part.to_owned()),
                    place: place.clone(),
                };
                Some(parts.map(node).collect())
            }
            _ => None,
        }
    }
}

fn cut(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    match text.char_indices().nth(CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

impl Table {
    /// Puts a value of a stronger layer in. Whatever is in its way is replaced.
    pub fn put(&mut self, path: &[&str], text: &str, place: &Place) {
        let [key, rest @ ..] = path else { return };
        let fresh = || Entry {
            place: place.clone(),
            node: Node { value: Value::Loose(text.to_owned()), place: place.clone() },
        };
        if rest.is_empty() {
            self.entries.insert((*key).to_owned(), fresh());
            return;
        }
        let entry = self.entries.entry((*key).to_owned()).or_insert_with(fresh);
        if !matches!(entry.node.value, Value::Table(_)) {
            let table = Table { entries: BTreeMap::new(), place: place.clone() };
            entry.node.value = Value::Table(table);
        }
        if let Value::Table(table) = &mut entry.node.value {
            table.put(rest, text, place);
        }
    }

    pub fn node(&self, key: &str) -> Option<&Node> {
        Some(&self.entries.get(key)?.node)
    }
}

/// Reads a whole file, as far as it can be read: notes hold every error of syntax.
pub(crate) fn parse(text: &str, notes: &mut Notes) -> Table {
    let (parsed, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let place = Place::File(error.span().unwrap_or(0..0));
        let message = error.message().lines().collect::<Vec<_>>().join("; ");
        notes.refuse(place, Shows::Line, format!("not TOML: {message}"), None);
    }
    table(parsed.into_inner(), Place::File(0..0), notes)
}

fn table(parsed: DeTable<'_>, place: Place, notes: &mut Notes) -> Table {
    let entries = parsed.into_iter().map(|(key, node)| {
        let place = Place::File(key.span());
        (key.into_inner().into_owned(), Entry { place, node: self::node(node, notes) })
    });
    Table { entries: entries.collect(), place }
}

fn node(parsed: toml::Spanned<DeValue<'_>>, notes: &mut Notes) -> Node {
    let place = Place::File(parsed.span());
    let mut value = value(parsed.into_inner(), notes);
    if let Value::Table(table) = &mut value {
        table.place = place.clone();
    }
    Node { value, place }
}

fn value(parsed: DeValue<'_>, notes: &mut Notes) -> Value {
    match parsed {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Loose(number.to_string()),
        },
        DeValue::Float(number) => match number.as_str().parse() {
            Ok(number) => Value::Float(number),
            Err(_) => Value::Loose(number.to_string()),
        },
        DeValue::Boolean(fact) => Value::Bool(fact),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(list) => {
            Value::List(list.into_iter().map(|element| node(element, notes)).collect())
        }
        DeValue::Table(inner) => Value::Table(table(inner, Place::Nowhere, notes)),
    }
}

/// The byte, from the start of a string's raw form, of a line and column of its text; both from 1.
pub(crate) fn inside(raw: &str, line: u64, column: u64) -> usize {
    let quotes = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| raw.starts_with(quote));
    let mut at = quotes.map_or(0, str::len);
    if at == 3 {
        at += raw[at..].len() - raw[at..].trim_start_matches('\r').len();
        at += usize::from(raw[at..].starts_with('\n'));
    }
    let has_escapes = raw.starts_with('"');
    let (mut line_at, mut column_at) = (1, 1);
    let mut chars = raw[at..].char_indices().peekable();
    while let Some((offset, c)) = chars.next() {
        if (line_at, column_at) >= (line, column) {
            return at + offset;
        }
        if has_escapes && c == '\\' {
            chars.next();
        }
        if c == '\n' {
            (line_at, column_at) = (line_at + 1, 1);
        } else {
            column_at += 1;
        }
    }
    raw.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_inside_of_a_string_is_found_in_its_raw_form() {
        let table = [
            (r#""abc""#, 1, 2, "bc\""),
            ("'abc'", 1, 1, "abc'"),
            (r#""a\"c""#, 1, 3, "c\""),
            (r"'a\c'", 1, 3, "c'"),
            ("'''\nab\ncd'''", 2, 2, "d'''"),
            ("\"\"\"ab\ncd\"\"\"", 2, 1, "cd\"\"\""),
            ("'é='", 1, 2, "='"),
            ("'ab'", 1, 9, "'"),
            ("", 1, 1, ""),
        ];
        for (raw, line, column, rest) in table {
            assert_eq!(&raw[inside(raw, line, column)..], rest, "{raw} {line}:{column}");
        }
    }
}
