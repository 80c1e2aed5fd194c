use crate::config::BadSource;
use ingest::{Content, KeyFrom, Respond, RespondBody};
use serde::{Deserialize, Serialize};
use signature::{BadScheme, CustomHmac, IdFrom, Scheme, TypeFrom};
use std::num::NonZeroU32;
use std::time::Duration;

/// What a source says beside its name, path, scheme and secrets. Kept as JSON in the registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceSettings {
    /// `path:…`, `header:…` or the type itself; none: the scheme's own place.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedupe: Option<String>,
    /// `path:…` or `header:…`: what order and keyed state go by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// To keep beside `content-type`, `traceparent` and `ce-*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// What is not JSON is refused, once it was verified.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub json_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub respond: Option<RespondSettings>,
    /// None: as for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes_max: Option<u64>,
    /// Requests a second; none: as many as come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<NonZeroU32>,
    /// For the scheme `hmac` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hmac: Option<HmacSettings>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RespondSettings {
    pub status: u16,
    pub duplicate: u16,
    /// None: the scheme's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// Texts as in a configuration file; see [`CustomHmac`] for what they mean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HmacSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<char>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_header: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_header: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance_secs: Option<u64>,
}

impl SourceSettings {
    /// None for a scheme that nobody knows.
    pub fn scheme(&self, name: &str) -> Option<Result<Scheme, BadScheme>> {
        match name {
            "hmac" => Some(self.hmac.clone().unwrap_or_default().scheme()),
            _ => Scheme::preset(name).map(Ok),
        }
    }

    pub(crate) fn type_from(&self) -> Option<TypeFrom> {
        self.event_type.as_deref().map(TypeFrom::parse)
    }

    pub(crate) fn id_from(&self) -> Result<Option<IdFrom>, BadScheme> {
        self.dedupe.as_deref().map(IdFrom::parse).transpose()
    }

    pub(crate) fn key_from(&self) -> Result<Option<KeyFrom>, BadSource> {
        let Some(text) = &self.key else { return Ok(None) };
        match text.split_once(':') {
            Some(("path", path)) => Ok(Some(KeyFrom::Path(path.into()))),
            Some(("header", name)) => Ok(Some(KeyFrom::Header(name.to_ascii_lowercase()))),
            _ => Err(BadSource::Key),
        }
    }

    pub(crate) fn content(&self) -> Content {
        if self.json_only { Content::Json } else { Content::Any }
    }

    pub(crate) fn respond(&self, scheme: &Scheme) -> Respond {
        let preset = Respond::of(&scheme.answer);
        let Some(own) = &self.respond else { return preset };
        let body = own.body.clone().map(|text| RespondBody::Text(text.into()));
        Respond { status: own.status, duplicate: own.duplicate, body: body.unwrap_or(preset.body) }
    }
}

impl HmacSettings {
    pub(crate) fn scheme(&self) -> Result<Scheme, BadScheme> {
        let default = CustomHmac::default();
        let custom = CustomHmac {
            header: self.header.clone().unwrap_or(default.header),
            prefix: self.prefix.clone().unwrap_or(default.prefix),
            separator: self.separator,
            algorithm: parsed(&self.algorithm)?.unwrap_or(default.algorithm),
            encoding: parsed(&self.encoding)?.unwrap_or(default.encoding),
            secret: parsed(&self.secret_encoding)?.unwrap_or(default.secret),
            signed: self.signed.clone().unwrap_or(default.signed),
            id_header: self.id_header.clone(),
            timestamp_header: self.timestamp_header.clone(),
            timestamp_form: parsed(&self.timestamp)?.unwrap_or(default.timestamp_form),
            tolerance: self.tolerance_secs.map_or(default.tolerance, Duration::from_secs),
        };
        custom.scheme()
    }
}

fn parsed<T: std::str::FromStr<Err = BadScheme>>(
    text: &Option<String>,
) -> Result<Option<T>, BadScheme> {
    text.as_deref().map(str::parse).transpose()
}
