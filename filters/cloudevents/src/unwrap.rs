use crate::{Config, base64, is_json};
use forebay_filter::{Event, Output, Verdict};
use jsontext::{Reader, Text, Token};
use std::borrow::Cow;

/// Of one member each, as JSON; of members of one name the last.
#[derive(Default)]
struct Envelope<'a> {
    specversion: Option<&'a [u8]>,
    id: Option<&'a [u8]>,
    source: Option<&'a [u8]>,
    event_type: Option<&'a [u8]>,
    content_type: Option<&'a [u8]>,
    data: Option<&'a [u8]>,
    base64: Option<&'a [u8]>,
    others: Vec<(Cow<'a, [u8]>, &'a [u8])>,
}

/// None when the body is no CloudEvent.
pub fn unwrapped<'a>(config: &Config, event: Event<'a>) -> Option<Verdict<'a>> {
    let envelope = Envelope::read(event.body())?;
    let text = |value: Option<&'a [u8]>| {
        Some(String::from_utf8_lossy(&Text::of(value?)?.decoded()).into_owned())
    };
    let (version, id) = (text(envelope.specversion)?, text(envelope.id)?);
    let (source, event_type) = (text(envelope.source)?, text(envelope.event_type)?);
    if !version.starts_with("1.") || id.is_empty() || event_type.is_empty() {
        return None;
    }
    let content_type = text(envelope.content_type).unwrap_or_else(|| "application/json".into());
    let body: Cow<'a, [u8]> = match (envelope.data, envelope.base64) {
        (_, Some(base64)) => base64::decoded(&Text::of(base64)?.decoded())?.into(),
        (Some(data), None) => match Text::of(data) {
            Some(text) if !is_json(&content_type) => text.decoded(),
            _ => data.into(),
        },
        (None, None) => Cow::Borrowed(&[]),
    };
    let output = Output::of(event).event_type(event_type).body(body);
    let mut headers: Vec<_> =
        event.headers().map(|(name, value)| (Cow::from(name), Cow::from(value))).collect();
    let mut set = |name: String, value: Vec<u8>| {
        headers.retain(|(known, _)| *known != name);
        headers.push((name.into(), value.into()));
    };
    set("content-type".into(), header_value(content_type.as_bytes()));
    if config.headers {
        set("ce-specversion".into(), version.into_bytes());
        set("ce-id".into(), encoded(id.as_bytes()));
        set("ce-source".into(), encoded(source.as_bytes()));
        for (name, value) in envelope.others {
            let is_name = !name.is_empty()
                && name.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
            let value = match Text::of(value) {
                Some(text) => text.decoded(),
                None if matches!(value[0], b'{' | b'[' | b'n') => continue,
                None => value.into(),
            };
            if is_name {
                set(format!("ce-{}", String::from_utf8_lossy(&name)), encoded(&value));
            }
        }
    }
    Some(Verdict::Emit(vec![output.headers(headers)]))
}

impl<'a> Envelope<'a> {
    fn read(body: &'a [u8]) -> Option<Envelope<'a>> {
        let mut reader = Reader::new(body);
        let mut envelope = Envelope::default();
        let Ok(Some(Token::Open(jsontext::Kind::Object))) = reader.next() else { return None };
        while let Ok(Some(Token::Name(name))) = reader.next() {
            let value = reader.next().ok()??;
            let from = reader.from;
            if let Token::Open(_) = value {
                reader.skip().ok()?;
            }
            let value = &body[from..reader.at];
            let name = name.decoded();
            let place = match &*name {
                b"specversion" => &mut envelope.specversion,
                b"id" => &mut envelope.id,
                b"source" => &mut envelope.source,
                b"type" => &mut envelope.event_type,
                b"datacontenttype" => &mut envelope.content_type,
                b"data" => &mut envelope.data,
                b"data_base64" => &mut envelope.base64,
                _ => {
                    if envelope.others.len() < ATTRIBUTES_MAX {
                        envelope.others.push((name, value));
                    }
                    continue;
                }
            };
            *place = Some(value);
        }
        // What ended the loop was the end of the object, and nothing follows it.
        let is_whole = reader.depth() == 0 && matches!(reader.next(), Ok(None));
        is_whole.then_some(envelope)
    }
}

const ATTRIBUTES_MAX: usize = 64;

/// As CloudEvents' HTTP binding writes it: what is not printable ASCII is behind percents.
fn encoded(value: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(value.len());
    for &byte in value {
        if matches!(byte, b'!' | b'#' | b'$' | b'&'..=b'~') {
            encoded.push(byte);
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            encoded.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    encoded
}

/// Without what a header may not have.
fn header_value(value: &[u8]) -> Vec<u8> {
    value.iter().copied().filter(|byte| (b' '..=b'~').contains(byte)).collect()
}
