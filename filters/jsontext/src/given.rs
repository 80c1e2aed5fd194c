use crate::{Bad, Kind, Pointer, Reader, Token, push_quoted};
use std::fmt;

/// JSON of an operator's, small and trusted not to be hostile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Null,
    Bool(bool),
    /// As it is written.
    Number(String),
    Text(String),
    List(Vec<Value>),
    Table(Vec<(String, Value)>),
}

const DEPTH_MAX: usize = 64;

impl Value {
    pub fn read(json: &[u8]) -> Result<Value, String> {
        let mut reader = Reader::new(json);
        let value = next_value(&mut reader)?.ok_or("there is no value")?;
        match reader.next() {
            Ok(_) => Ok(value),
            Err(bad) => Err(bad.to_string()),
        }
    }

    pub fn push_json(&self, json: &mut Vec<u8>) {
        match self {
            Value::Null => json.extend_from_slice(b"null"),
            Value::Bool(true) => json.extend_from_slice(b"true"),
            Value::Bool(false) => json.extend_from_slice(b"false"),
            Value::Number(number) => json.extend_from_slice(number.as_bytes()),
            Value::Text(text) => push_quoted(json, text.as_bytes()),
            Value::List(values) => {
                json.push(b'[');
                for (i, value) in values.iter().enumerate() {
                    if i > 0 {
                        json.push(b',');
                    }
                    value.push_json(json);
                }
                json.push(b']');
            }
            Value::Table(members) => {
                json.push(b'{');
                for (i, (name, value)) in members.iter().enumerate() {
                    if i > 0 {
                        json.push(b',');
                    }
                    push_quoted(json, name.as_bytes());
                    json.push(b':');
                    value.push_json(json);
                }
                json.push(b'}');
            }
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// None at the end of a container.
fn next_value(reader: &mut Reader<'_>) -> Result<Option<Value>, String> {
    let told = |bad: Bad| bad.to_string();
    if reader.depth() > DEPTH_MAX {
        return Err("it is nested too deep".into());
    }
    Ok(Some(match reader.next().map_err(told)? {
        None | Some(Token::Close) | Some(Token::Name(_)) => return Ok(None),
        Some(Token::Text(text)) => Value::Text(lossy(&text.decoded())),
        Some(Token::Number) => Value::Number(lossy(reader.token())),
        Some(Token::Literal) => match reader.token() {
            b"null" => Value::Null,
            literal => Value::Bool(literal == b"true"),
        },
        Some(Token::Open(Kind::Array)) => {
            let mut values = Vec::new();
            while let Some(value) = next_value(reader)? {
                values.push(value);
            }
            Value::List(values)
        }
        Some(Token::Open(Kind::Object)) => {
            let mut members = Vec::new();
            while let Some(Token::Name(name)) = reader.next().map_err(told)? {
                let name = lossy(&name.decoded());
                let value = next_value(reader)?.unwrap_or(Value::Null);
                members.push((name, value));
            }
            Value::Table(members)
        }
    }))
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// A configuration that is being read, key by key. Every error's text names the key.
pub struct Given {
    members: Vec<(String, Value)>,
    /// What the keys are within, such as `rules[0].`; empty at the top.
    within: String,
    known: Vec<&'static str>,
}

impl Given {
    pub fn read(config: &[u8]) -> Result<Given, String> {
        match Value::read(config) {
            Ok(Value::Table(members)) => Ok(Given::of(members, "")),
            Ok(other) => Err(told(format_args!("it must be a table, it is {}", other.kind()))),
            Err(why) => Err(told(format_args!("it is not JSON: {why}"))),
        }
    }

    pub fn of(members: Vec<(String, Value)>, within: &str) -> Given {
        Given { members, within: within.into(), known: Vec::new() }
    }

    pub fn value(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        let at = self.members.iter().position(|(name, _)| name == key)?;
        Some(self.members.remove(at).1)
    }

    pub fn text(&mut self, key: &'static str) -> Result<Option<String>, String> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => Err(self.must_be(key, "a text", &other)),
        }
    }

    pub fn flag(&mut self, key: &'static str) -> Result<Option<bool>, String> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(self.must_be(key, "true or false", &other)),
        }
    }

    /// A whole number of at most nine digits.
    pub fn count(&mut self, key: &'static str) -> Result<Option<usize>, String> {
        let wanted = "a whole number from 0 to 999999999";
        match self.value(key) {
            None => Ok(None),
            Some(Value::Number(number)) if number.len() < 10 => match number.parse() {
                Ok(count) => Ok(Some(count)),
                Err(_) => Err(self.must_be(key, wanted, &Value::Number(number))),
            },
            Some(other) => Err(self.must_be(key, wanted, &other)),
        }
    }

    pub fn list(&mut self, key: &'static str) -> Result<Vec<Value>, String> {
        match self.value(key) {
            None => Ok(Vec::new()),
            Some(Value::List(values)) => Ok(values),
            Some(other) => Err(self.must_be(key, "a list", &other)),
        }
    }

    /// A list of texts; one text alone is a list of one.
    pub fn texts(&mut self, key: &'static str) -> Result<Vec<String>, String> {
        let values = match self.value(key) {
            Some(Value::Text(text)) => return Ok(vec![text]),
            None => return Ok(Vec::new()),
            Some(Value::List(values)) => values,
            Some(other) => return Err(self.must_be(key, "a list of texts", &other)),
        };
        let text = |value| match value {
            Value::Text(text) => Ok(text),
            other => Err(self.must_be(key, "a list of texts", &other)),
        };
        values.into_iter().map(text).collect()
    }

    pub fn table(&mut self, key: &'static str) -> Result<Vec<(String, Value)>, String> {
        match self.value(key) {
            None => Ok(Vec::new()),
            Some(Value::Table(members)) => Ok(members),
            Some(other) => Err(self.must_be(key, "a table", &other)),
        }
    }

    pub fn pointers(&mut self, key: &'static str) -> Result<Vec<Pointer>, String> {
        let texts = self.texts(key)?;
        let read = |text: &String| Pointer::read(text).map_err(|why| self.bad(key, why));
        texts.iter().map(read).collect()
    }

    /// One of these words.
    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, String> {
        let Some(word) = self.text(key)? else { return Ok(None) };
        match choices.iter().find(|(name, _)| *name == word) {
            Some((_, choice)) => Ok(Some(*choice)),
            None => {
                let words: Vec<_> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
                Err(self.bad(key, format_args!("is one of {}, not `{word}`", words.join(", "))))
            }
        }
    }

    /// The error for a key that must be there.
    pub fn missing(&self, key: &str, wanted: &str) -> String {
        self.bad(key, format_args!("is missing: {wanted}"))
    }

    pub fn bad(&self, key: &str, why: impl fmt::Display) -> String {
        told(format_args!("`{}{key}` {why}", self.within))
    }

    /// When every key was asked for: there is no other.
    pub fn finish(self) -> Result<(), String> {
        let Some((name, _)) = self.members.first() else { return Ok(()) };
        let known: Vec<_> = self.known.iter().map(|key| format!("`{key}`")).collect();
        let known = known.join(", ");
        Err(self.bad(name, format_args!("is no key of this filter; its keys are {known}")))
    }

    fn must_be(&self, key: &str, wanted: &str, found: &Value) -> String {
        self.bad(key, format_args!("must be {wanted}, it is {}", found.kind()))
    }
}

fn told(why: fmt::Arguments<'_>) -> String {
    format!("the configuration: {why}")
}

/// What becomes of an event whose body is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotJson {
    Pass,
    Reject,
    Drop,
}

impl NotJson {
    /// The key `not_json`, of all filters that read JSON.
    pub fn of(given: &mut Given) -> Result<NotJson, String> {
        let choices =
            [("pass", NotJson::Pass), ("reject", NotJson::Reject), ("drop", NotJson::Drop)];
        Ok(given.choice("not_json", &choices)?.unwrap_or(NotJson::Pass))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(json: &str) -> Given {
        Given::read(json.as_bytes()).expect("a table")
    }

    #[test]
    fn errors_name_the_key() {
        let error = given(r#"{"a":1}"#).text("a").expect_err("a number");
        assert_eq!(error, "the configuration: `a` must be a text, it is a number");
        let error = given(r#"{"a":["/x",2]}"#).pointers("a").expect_err("a number");
        assert_eq!(error, "the configuration: `a` must be a list of texts, it is a number");
        let error = given(r#"{"a":"x"}"#).pointers("a").expect_err("no pointer");
        assert_eq!(error, "the configuration: `a` a pointer begins with `/`, `x` does not");
        let error = given(r#"{"a":-1}"#).count("a").expect_err("negative");
        assert!(error.contains("`a` must be a whole number"), "{error}");
        let mut one = given(r#"{"a":"x","b":1}"#);
        let error = one.choice("a", &[("y", 1), ("z", 2)]).expect_err("another word");
        assert_eq!(error, "the configuration: `a` is one of `y`, `z`, not `x`");
        let error = one.finish().expect_err("b");
        assert_eq!(error, "the configuration: `b` is no key of this filter; its keys are `a`");
        assert!(Given::read(b"[]").is_err() && Given::read(b"{").is_err());
    }

    #[test]
    fn values_are_written_as_they_were() {
        let json = r#"{"a":[1.50,null,true,"é\n"],"b":{},"c":[]}"#;
        let mut written = Vec::new();
        Value::read(json.as_bytes()).expect("JSON").push_json(&mut written);
        assert_eq!(String::from_utf8_lossy(&written), json);
        let deep = "[".repeat(100) + &"]".repeat(100);
        assert!(Value::read(deep.as_bytes()).is_err());
    }
}
