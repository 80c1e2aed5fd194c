use crate::{Given, Pointer, Text, Value, push_quoted, written_time};
use forebay_filter::Event;
use std::borrow::Cow;

/// A text with places in it that an event fills.
#[derive(Clone, Debug)]
pub struct Template {
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug)]
pub enum Part {
    Literal(String),
    Place(Place),
}

/// What is between `{{` and `}}`.
#[derive(Clone, Debug)]
pub struct Place {
    pub name: String,
    pub from: Source,
    /// What stands behind the `|`, as JSON.
    default: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
pub enum Source {
    /// Of the body; an index into the pointers that `Template::read` was given.
    Body(usize),
    Id,
    Type,
    Key,
    Source,
    Time,
    Offset,
    Header(String),
}

impl Source {
    /// By its name; a pointer into the body is added to `pointers`, if it is not there yet.
    pub fn read(name: &str, pointers: &mut Vec<Pointer>) -> Result<Source, String> {
        let pointer = match name {
            "id" => return Ok(Source::Id),
            "type" => return Ok(Source::Type),
            "key" => return Ok(Source::Key),
            "source" => return Ok(Source::Source),
            "time" => return Ok(Source::Time),
            "offset" => return Ok(Source::Offset),
            "data" => Pointer::read("")?,
            _ => match (name.strip_prefix("headers."), name.strip_prefix("data.")) {
                (Some(header), _) => return Ok(Source::Header(header.to_ascii_lowercase())),
                (_, Some(path)) => Pointer::of_path(path),
                _ if name.starts_with('/') => Pointer::read(name)?,
                _ => {
                    return Err(format!(
                        "`{name}` is none of /pointer, data.path, headers.name, id, type, key, \
                         source, time, offset"
                    ));
                }
            },
        };
        let known = pointers.iter().position(|known| *known == pointer);
        Ok(Source::Body(known.unwrap_or_else(|| {
            pointers.push(pointer);
            pointers.len() - 1
        })))
    }

    /// As JSON. `found` has what the pointers lead to.
    pub fn json<'a>(&self, event: Event<'a>, found: &[Option<&'a [u8]>]) -> Option<Cow<'a, [u8]>> {
        match self {
            Source::Body(index) => found[*index].map(Cow::Borrowed),
            Source::Offset => self.text(event, found),
            _ => self.text(event, found).map(|text| {
                let mut quoted = Vec::with_capacity(text.len() + 2);
                push_quoted(&mut quoted, &text);
                quoted.into()
            }),
        }
    }

    /// As text: a string without quotes and escapes, any other value of the body as its JSON,
    /// `null` as nothing at all.
    pub fn text<'a>(&self, event: Event<'a>, found: &[Option<&'a [u8]>]) -> Option<Cow<'a, [u8]>> {
        let text = match self {
            Source::Body(index) => return found[*index].map(plain),
            Source::Id => event.id(),
            Source::Type => event.event_type(),
            Source::Key => event.key()?,
            Source::Source => event.source(),
            Source::Time => return Some(written_time(event.time_ns()).into_bytes().into()),
            Source::Offset => return Some(event.offset().to_string().into_bytes().into()),
            Source::Header(name) => return event.headers().first(name).map(Cow::Borrowed),
        };
        Some(text.as_bytes().into())
    }
}

impl Place {
    pub fn json<'a>(
        &'a self,
        event: Event<'a>,
        found: &[Option<&'a [u8]>],
    ) -> Option<Cow<'a, [u8]>> {
        self.from.json(event, found).or(self.default.as_deref().map(Cow::Borrowed))
    }

    pub fn text<'a>(
        &'a self,
        event: Event<'a>,
        found: &[Option<&'a [u8]>],
    ) -> Option<Cow<'a, [u8]>> {
        self.from.text(event, found).or(self.default.as_deref().map(plain))
    }
}

fn plain(value: &[u8]) -> Cow<'_, [u8]> {
    match Text::of(value) {
        Some(text) => text.decoded(),
        None if value == b"null" => Cow::Borrowed(b""),
        None => value.into(),
    }
}

/// What becomes of an event that leaves a place without a default open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// There is `null`, or nothing within a longer text.
    Null,
    Reject,
    Drop,
}

impl Missing {
    /// The key `missing` of filters with templates.
    pub fn of(given: &mut Given) -> Result<Missing, String> {
        let choices =
            [("null", Missing::Null), ("reject", Missing::Reject), ("drop", Missing::Drop)];
        Ok(given.choice("missing", &choices)?.unwrap_or(Missing::Null))
    }
}

impl Template {
    /// Pointers into the body are added to `pointers`, each once.
    pub fn read(text: &str, pointers: &mut Vec<Pointer>) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            if !before.is_empty() {
                parts.push(Part::Literal(before.into()));
            }
            let Some((inner, after)) = after.split_once("}}") else {
                return Err(format!("`{{{{` without `}}}}` in `{text}`"));
            };
            parts.push(if inner == "{{" {
                Part::Literal("{{".into())
            } else {
                Part::Place(place(inner, pointers)?)
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.into()));
        }
        Ok(Template { parts })
    }

    /// The place, when there is nothing else.
    pub fn only_place(&self) -> Option<&Place> {
        match &self.parts[..] {
            [Part::Place(place)] => Some(place),
            _ => None,
        }
    }
}

fn place(inner: &str, pointers: &mut Vec<Pointer>) -> Result<Place, String> {
    let (name, default) = match inner.split_once('|') {
        Some((name, default)) => (name.trim(), Some(default.trim())),
        None => (inner.trim(), None),
    };
    let json = |text: &str| {
        let mut json = Vec::new();
        let value = Value::read(text.as_bytes());
        value.unwrap_or_else(|_| Value::Text(text.to_owned())).push_json(&mut json);
        json
    };
    let from = Source::read(name, pointers)?;
    Ok(Place { name: name.to_owned(), from, default: default.map(json) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_from_text() {
        let mut pointers = Vec::new();
        let text = "a {{/b/0}} {{ data.b.0 | 7 }}{{headers.X-Y|no}} {{{{}} }}";
        let template = Template::read(text, &mut pointers).expect("a template");
        assert_eq!(pointers, [Pointer::of_path("b.0")]);
        assert_eq!(template.parts.len(), 8);
        assert!(matches!(&template.parts[5], Part::Literal(text) if text == " "));
        assert!(matches!(&template.parts[6], Part::Literal(text) if text == "{{"));
        assert!(template.only_place().is_none());
        let only = Template::read("{{type}}", &mut pointers).expect("a template");
        assert!(only.only_place().is_some());
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["{{", "{{b}}", "{{/a~2}}", "{{}}", "{{a.b}}"] {
            assert!(Template::read(text, &mut Vec::new()).is_err(), "{text}");
        }
    }
}
