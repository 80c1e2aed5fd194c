use crate::config::Server;
use crate::config::load::Reach;
use crate::config::secrets::{KEYS, secrets};
use crate::config::section::Section;
use crate::config::sections::body_bytes;
use crate::config::settings::{HmacSettings, RespondSettings, SourceSettings};
use crate::config::tree::Table;
use crate::config::value::Count;
use event::{StreamId, TenantId, Time};
use ingest::LiveSecret;
use registry::{DeclaredSource, Secrets};
use signature::{BadScheme, BadSecret, Scheme, SecretForm};
use std::num::NonZeroU32;
use std::time::Duration;

/// A verified way in.
#[derive(Clone, Debug)]
pub struct Source {
    pub tenant: TenantId,
    /// Unique among the tenant's sources.
    pub name: String,
    /// Any, `{name}` captures one segment. Unique on the node.
    pub path: String,
    /// A preset's name, `hmac` or `none`.
    pub scheme: String,
    pub settings: SourceSettings,
    pub secrets: Secrets,
}

/// Why a source cannot let anything in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSource {
    #[error("unknown scheme `{0}`")]
    UnknownScheme(String),
    #[error(transparent)]
    Scheme(#[from] BadScheme),
    #[error(transparent)]
    Secret(#[from] BadSecret),
    #[error("its settings: {0}")]
    Settings(String),
    #[error("a source of scheme `{0}` needs a secret")]
    NoSecret(String),
    #[error("scheme `{0}` verifies nothing, so a secret protects nothing")]
    IdleSecret(String),
    #[error("scheme `{0}` signs the address that it calls: set `public_url` under [server]")]
    NoUrl(String),
    #[error("`hmac` is for the scheme `hmac` alone")]
    IdleHmac,
    #[error("`key` must be \"path:<member>\" or \"header:<name>\"")]
    Key,
}

impl Source {
    pub(crate) fn declared(&self) -> DeclaredSource {
        DeclaredSource {
            tenant: self.tenant.clone(),
            name: self.name.clone(),
            path: self.path.clone(),
            scheme: self.scheme.clone(),
            settings: serde_json::to_string(&self.settings).expect("texts and numbers"),
            secrets: self.secrets.clone(),
            about: "{}".into(),
        }
    }

    /// One that the management API made.
    pub(crate) fn managed(source: &DeclaredSource) -> Result<Source, BadSource> {
        let settings: SourceSettings = serde_json::from_str(&source.settings)
            .map_err(|error| BadSource::Settings(error.to_string()))?;
        Ok(Source {
            tenant: source.tenant.clone(),
            name: source.name.clone(),
            path: source.path.clone(),
            scheme: source.scheme.clone(),
            settings,
            secrets: source.secrets.clone(),
        })
    }

    /// What the reading of a configuration file finds by itself, with its place.
    pub(crate) fn check(&self, public_url: &str) -> Result<(), BadSource> {
        if self.settings.hmac.is_some() && self.scheme != "hmac" {
            return Err(BadSource::IdleHmac);
        }
        fits(&self.known_scheme()?, !self.secrets.is_empty(), public_url)
    }

    fn known_scheme(&self) -> Result<Scheme, BadSource> {
        let unknown = || BadSource::UnknownScheme(self.scheme.clone());
        Ok(self.settings.scheme(&self.scheme).ok_or_else(unknown)??)
    }

    /// As the room of ingest takes it. `public_url` is that of the node, `body_bytes_max` counts
    /// where the source has no limit of its own.
    pub fn way_in(
        &self,
        public_url: &str,
        body_bytes_max: u64,
    ) -> Result<ingest::Source, BadSource> {
        let scheme = self.known_scheme()?;
        let live = |secret: &registry::Secret| {
            let retires = secret.retires();
            let secret = signature::Secret::parse(secret.expose(), scheme.secret)?;
            Ok::<_, BadSecret>(LiveSecret { secret, until: retires.unwrap_or(Time::NEVER) })
        };
        let body_bytes_max = self.settings.body_bytes_max.unwrap_or(body_bytes_max);
        Ok(ingest::Source {
            name: self.name.as_str().into(),
            tenant: self.tenant.clone(),
            stream: StreamId::default(),
            path: self.path.clone(),
            secrets: self.secrets.iter().map(live).collect::<Result<_, _>>()?,
            public_url: match scheme.signed.has_url() {
                true => format!("{public_url}{}", self.path),
                false => String::new(),
            },
            event_type: self.settings.type_from(),
            dedupe: self.settings.id_from()?,
            key: self.settings.key_from()?,
            headers: self.settings.headers.clone(),
            respond: self.settings.respond(&scheme),
            content: self.settings.content(),
            rate: self.settings.rate,
            body_bytes_max: usize::try_from(body_bytes_max).unwrap_or(usize::MAX),
            scheme,
        })
    }
}

/// Whether a scheme goes with what else is known of its source.
fn fits(scheme: &Scheme, has_secret: bool, public_url: &str) -> Result<(), BadSource> {
    let name = || scheme.name.to_string();
    match (scheme.is_open(), has_secret) {
        (false, false) => Err(BadSource::NoSecret(name())),
        (true, true) => Err(BadSource::IdleSecret(name())),
        _ if scheme.signed.has_url() && public_url.is_empty() => Err(BadSource::NoUrl(name())),
        _ => Ok(()),
    }
}

pub(crate) fn all(top: &mut Section<'_, '_>, reach: &Reach, server: &Server) -> Vec<Source> {
    let mut sources = Vec::new();
    for table in top.tables("source") {
        sources.extend(one(top.element("source", table), table, reach, server));
    }
    sources
}

fn one(
    mut section: Section<'_, '_>,
    table: &Table,
    reach: &Reach,
    server: &Server,
) -> Option<Source> {
    let name = section.required::<String>("name", "name it after the sender, such as \"github\"");
    let tenant = section.value("app", TenantId::DEFAULT.to_owned());
    let path = format!("/in/{}", name.as_deref().unwrap_or_default());
    let path = section.value("path", path);
    let settings = settings(&mut section);
    let advice = "name a provider (`forebay sign --list` shows all), \"standard-webhooks\", \
                  \"hmac\", or \"none\" to let anybody in";
    let scheme = section.required::<String>("scheme", advice);
    let checked = scheme.as_deref().and_then(|name| checked_scheme(&mut section, name, &settings));
    let form = checked.as_ref().map_or(SecretForm::Text, |scheme| scheme.secret);
    let was_clean = section.notes.is_clean();
    let secrets = secrets(&mut section, reach, form);
    let is_given = KEYS.iter().any(|key| table.node(key).is_some());
    let fault = checked.as_ref().map(|scheme| fits(scheme, is_given, &server.public_url));
    match (&checked, fault) {
        (_, Some(Err(bad @ BadSource::NoSecret(_)))) => {
            let advice = "set `secret_env`, `secret_file` or `secrets`";
            section.refuse("scheme", bad.to_string(), advice);
        }
        (_, Some(Err(BadSource::IdleSecret(_)))) => {
            let message = "scheme `none` verifies nothing, so its secret protects nothing";
            section.refuse("scheme", message.into(), "choose a scheme, or take the secret out");
        }
        (Some(scheme), Some(Err(_))) => {
            let message = format!("scheme `{}` signs the address that it calls", scheme.name);
            let advice = "set `public_url` under [server] to what the sender sees";
            section.refuse("scheme", message, advice);
        }
        // One that cannot be read is told where it is.
        (Some(scheme), _)
            if secrets.is_empty() && !scheme.is_open() && was_clean && section.notes.is_clean() =>
        {
            let message = "the list of secrets is empty, so nobody could be let in".to_owned();
            section.refuse("secrets", message, "list at least one");
        }
        _ => {}
    }
    if settings.hmac.is_some() && scheme.as_deref() != Some("hmac") {
        section.refuse("hmac", "`hmac` is for the scheme \"hmac\" alone".into(), "take it out");
    }
    section.finish();
    let tenant = TenantId::new(&tenant);
    Some(Source { tenant, name: name?, path, scheme: scheme?, settings, secrets })
}

pub(crate) fn checked_scheme(
    section: &mut Section<'_, '_>,
    name: &str,
    settings: &SourceSettings,
) -> Option<Scheme> {
    match settings.scheme(name) {
        Some(Ok(scheme)) => return Some(scheme),
        Some(Err(bad)) => section.refuse("hmac", format!("`hmac`: {bad}"), ""),
        None => {
            let names = [Scheme::names(), vec!["hmac".into()]].concat();
            let near = condition::nearest(name, names.iter().map(String::as_str));
            let advice = match near {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("known are: {}", names.join(", ")),
            };
            section.refuse("scheme", format!("unknown scheme {name:?}"), &advice);
        }
    }
    None
}

pub(crate) fn settings(section: &mut Section<'_, '_>) -> SourceSettings {
    let settings = SourceSettings {
        event_type: section.text("type"),
        dedupe: section.text("dedupe"),
        key: section.text("key"),
        headers: section.list("headers", Vec::new()),
        json_only: section.choice_or_first("content", &[("any", false), ("json", true)]),
        respond: respond(section),
        body_bytes_max: body_bytes(section, "max_body"),
        rate: rate(section),
        hmac: hmac(section),
    };
    if let Err(bad) = settings.id_from() {
        section.refuse("dedupe", bad.to_string(), "");
    }
    if let Err(bad) = settings.key_from() {
        section.refuse("key", bad.to_string(), "such as \"path:data.customer\"");
    }
    settings
}

fn rate(section: &mut Section<'_, '_>) -> Option<NonZeroU32> {
    let count = section.optional::<Count>("rate")?.0;
    let rate = u32::try_from(count).ok().and_then(NonZeroU32::new);
    if rate.is_none() {
        section.refuse("rate", "`rate` must be at least 1 a second".into(), "");
    }
    rate
}

fn respond(section: &mut Section<'_, '_>) -> Option<RespondSettings> {
    let mut respond = section.section("respond");
    if !respond.is_there() {
        return None;
    }
    let status = respond.value("status", 202);
    let settings = RespondSettings {
        status,
        duplicate: respond.value("duplicate", status),
        body: respond.text("body"),
    };
    for (key, status) in [("status", settings.status), ("duplicate", settings.duplicate)] {
        if !(200..300).contains(&status) {
            let message = format!("`{key}` must be from 200 to 299, not {status}");
            respond.refuse(key, message, "it answers what was accepted");
        }
    }
    if respond.value("reject", 401) != 401 {
        let message = "`reject` is always 401: an unknown source and a wrong signature look alike";
        respond.refuse("reject", message.into(), "take it out");
    }
    respond.finish();
    Some(settings)
}

fn hmac(section: &mut Section<'_, '_>) -> Option<HmacSettings> {
    let mut hmac = section.section("hmac");
    if !hmac.is_there() {
        return None;
    }
    let separator = hmac.optional::<String>("separator");
    let mut chars = separator.iter().flat_map(|text| text.chars());
    let settings = HmacSettings {
        header: hmac.text("header"),
        prefix: hmac.text("prefix"),
        separator: chars.next(),
        algorithm: hmac.text("algorithm"),
        encoding: hmac.text("encoding"),
        secret_encoding: hmac.text("secret_encoding"),
        signed: hmac.text("signed"),
        id_header: hmac.text("id_header"),
        timestamp_header: hmac.text("timestamp_header"),
        timestamp: hmac.text("timestamp"),
        tolerance_secs: hmac.optional::<Duration>("tolerance").map(|span| span.as_secs()),
    };
    if chars.next().is_some() {
        hmac.refuse("separator", "`separator` must be one character".into(), "");
    }
    hmac.finish();
    Some(settings)
}
