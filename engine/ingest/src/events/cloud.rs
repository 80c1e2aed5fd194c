use crate::events::{Item, Malformed};
use crate::webhook::header;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use event::Headers;
use hyper::HeaderMap;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Attributes that are strings in JSON too.
const TEXTS: &[&str] = &["specversion", "id", "source", "type", "datacontenttype"];

type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Attributes in `ce-*` headers, the body as it is.
pub(crate) fn binary(headers: &HeaderMap, body: Bytes) -> Result<Item, Malformed> {
    let mut kept = Headers::new();
    for (name, value) in headers {
        if matches!(name.as_str(), "content-type" | "traceparent")
            || name.as_str().starts_with("ce-")
        {
            kept.push(name.as_str(), value.as_bytes());
        }
    }
    let attribute = |name: &str| header(headers, &format!("ce-{name}")).map(str::to_owned);
    finish(attribute, kept, body)
}

/// One JSON object: attributes, and `data` or `data_base64`.
pub(crate) fn structured(body: &Bytes) -> Result<Item, Malformed> {
    read(body, serde_json::from_slice(body).map_err(|e| e.to_string())?)
}

pub(crate) fn batch(body: &Bytes) -> Result<Vec<Item>, Malformed> {
    let list: Vec<Members<'_>> = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    list.into_iter().map(|members| read(body, members)).collect()
}

fn read(body: &Bytes, mut members: Members<'_>) -> Result<Item, Malformed> {
    let (data, encoded) = (members.remove("data"), members.remove("data_base64"));
    let mut attributes = BTreeMap::new();
    for (name, value) in &members {
        let is_name = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !is_name || name.is_empty() {
            return Err(format!("`{name}` is not an attribute's name").into());
        }
        if TEXTS.contains(&&**name) && !value.get().starts_with(['"', 'n']) {
            return Err(format!("`{name}` is not a string").into());
        }
        if let Some(text) = scalar(value)? {
            attributes.insert(&**name, text);
        }
    }
    let media_type = attributes.remove("datacontenttype");
    // It becomes a header as it is.
    if media_type.as_deref().is_some_and(|text| !text.bytes().all(|b| (b' '..=b'~').contains(&b))) {
        return Err("`datacontenttype` is not a media type".into());
    }
    let mut headers = Headers::new();
    headers.push("content-type", media_type.as_deref().unwrap_or("application/json").as_bytes());
    for (name, text) in &attributes {
        headers.push(&format!("ce-{name}"), escaped(text).as_bytes());
    }
    let content = match (data, encoded) {
        (Some(_), Some(_)) => return Err("either `data` or `data_base64`".into()),
        (Some(data), None) => content(body, data, media_type.as_deref())?,
        (None, Some(encoded)) => decoded(encoded)?,
        (None, None) => Bytes::new(),
    };
    finish(|name| attributes.get(name).cloned(), headers, content)
}

/// What any form must have, and what makes the same event twice: source and id together.
fn finish(
    attribute: impl Fn(&str) -> Option<String>,
    headers: Headers,
    body: Bytes,
) -> Result<Item, Malformed> {
    let needed = |name: &str| {
        let text = attribute(name).filter(|text| !text.is_empty());
        text.ok_or_else(|| format!("a CloudEvent needs the attribute `{name}`"))
    };
    if needed("specversion")? != "1.0" {
        return Err("this CloudEvents version is not 1.0".into());
    }
    let id = format!("{}\n{}", needed("source")?, needed("id")?);
    Ok(Item {
        event_type: needed("type")?.into(),
        key: attribute("partitionkey").map(Into::into),
        headers,
        body,
        id: Some(("ce", id.into_bytes().into())),
    })
}

/// JSON as it was written; text of another media type as the text itself.
fn content(body: &Bytes, data: &RawValue, media_type: Option<&str>) -> Result<Bytes, Malformed> {
    let is_json = media_type.is_none_or(|media_type| {
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        media_type.ends_with("/json") || media_type.ends_with("+json")
    });
    if is_json || !data.get().starts_with('"') {
        return Ok(body.slice_ref(data.get().as_bytes()));
    }
    let text: String = serde_json::from_str(data.get()).map_err(|e| e.to_string())?;
    Ok(text.into())
}

fn decoded(encoded: &RawValue) -> Result<Bytes, Malformed> {
    let text: String = serde_json::from_str(encoded.get()).map_err(|e| e.to_string())?;
    let bytes = STANDARD.decode(text).map_err(|e| format!("`data_base64`: {e}"))?;
    Ok(bytes.into())
}

/// An attribute's text; null is as good as absent.
fn scalar(value: &RawValue) -> Result<Option<String>, Malformed> {
    match value.get().as_bytes().first() {
        Some(b'n') => Ok(None),
        Some(b'{' | b'[') => Err("attributes are strings, numbers or booleans".into()),
        Some(b'"') => serde_json::from_str(value.get()).map_err(|e| e.to_string().into()),
        _ => Ok(Some(value.get().to_owned())),
    }
}

/// Percent-encoded as the HTTP binding of CloudEvents says, so that any text fits a header.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'"' | b'%' => escaped += &format!("%{byte:02X}"),
            b' '..=b'~' => escaped.push(byte.into()),
            _ => escaped += &format!("%{byte:02X}"),
        }
    }
    escaped
}
