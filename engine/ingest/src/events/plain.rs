use crate::events::{Item, Malformed};
use bytes::Bytes;
use event::Headers;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// `{"type","data","id"?,"key"?}`: an unknown member is a mistake worth telling.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain<'a> {
    #[serde(rename = "type", borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    key: Option<Cow<'a, str>>,
}

/// The event's body is the very bytes of `data`, which are not copied.
pub(crate) fn read(body: &Bytes) -> Result<Item, Malformed> {
    let plain: Plain<'_> = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    let mut headers = Headers::new();
    headers.push("content-type", b"application/json");
    if let Some(id) = &plain.id {
        headers.push("ce-id", super::cloud::escaped(id).as_bytes());
    }
    Ok(Item {
        event_type: plain.event_type.into(),
        key: plain.key.map(Into::into),
        headers,
        body: body.slice_ref(plain.data.get().as_bytes()),
        id: plain.id.filter(|id| !id.is_empty()).map(|id| ("id", id.as_bytes().into())),
    })
}
