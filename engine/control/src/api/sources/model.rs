use crate::api::wire::{Given, Word, told, written};
use event::{TenantId, Time};
use registry::{DeclaredSource, Origin, Secrets, Source};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A source to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SourceIn {
    /// Unique in its application.
    pub name: Word,
    /// How senders sign: a provider's name such as `github`, `standard-webhooks`, `hmac`, or `none`
    /// to let anybody in. `forebay sign --list` shows all.
    pub scheme: String,
    /// Where it listens, such as `/in/github`; `{name}` captures one segment. `/in/<name>` when it
    /// is not said, in other applications than `default` `/in/<app>/<name>`.
    path: Option<String>,
    /// What senders sign with; made when it is not said, unless the scheme is `none`.
    pub secret: Option<String>,
    #[serde(default)]
    settings: Map<String, Value>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SourcePatch {
    scheme: Option<String>,
    path: Option<String>,
    /// What senders are to sign with, of a source that had no secret; made when it is not said.
    pub secret: Option<String>,
    /// All of them; `null` for the usual ones.
    #[serde(default)]
    settings: Given<Map<String, Value>>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SourceRotateIn {
    /// Made when it is not said.
    pub secret: Option<String>,
    /// How long the old secret verifies too; a day when it is not said.
    #[schemars(range(max = 604_800))]
    pub grace_period_seconds: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct SourceSecretOut {
    pub secret: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SourceOut {
    name: String,
    scheme: String,
    path: String,
    /// What the configuration file calls `type`, `dedupe`, `key`, `headers`, `json_only`,
    /// `respond` (`status`, `duplicate`, `body`), `body_bytes_max`, `rate` and `hmac`.
    settings: Value,
    /// Whether a configuration file declares it: then the API changes nothing of it.
    declared: bool,
    /// Not of what a configuration file declares.
    created_at: Option<String>,
    updated_at: Option<String>,
}

/// What the registry keeps of a source for this API. Times are milliseconds.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct About {
    created: u64,
    updated: u64,
}

/// What the paths of the default application begin with.
pub(super) const DEFAULT_PATHS: &str = "/in/";

/// Where a source listens that does not say so.
pub(super) fn own_path(app: &TenantId, name: &str) -> String {
    match app.as_str() {
        TenantId::DEFAULT => format!("{DEFAULT_PATHS}{name}"),
        app => format!("{DEFAULT_PATHS}{app}/{name}"),
    }
}

impl SourceIn {
    pub fn declared(&self, app: &TenantId, secrets: Secrets, about: &About) -> DeclaredSource {
        let name = self.name.as_str();
        DeclaredSource {
            tenant: app.clone(),
            name: name.to_owned(),
            path: self.path.clone().unwrap_or_else(|| own_path(app, name)),
            scheme: self.scheme.clone(),
            settings: written(&self.settings),
            secrets,
            about: written(about),
        }
    }
}

impl SourcePatch {
    pub fn over(&self, old: &Source) -> DeclaredSource {
        let mut new = old.as_declared();
        new.scheme = self.scheme.clone().unwrap_or(new.scheme);
        new.path = self.path.clone().unwrap_or(new.path);
        new.settings = match &self.settings {
            Given::Absent => new.settings,
            Given::Null => "{}".to_owned(),
            Given::Value(settings) => written(settings),
        };
        new
    }
}

impl About {
    pub fn new(now: Time) -> About {
        About { created: now.millis(), updated: now.millis() }
    }

    pub fn of(source: &Source) -> About {
        serde_json::from_str(&source.about).unwrap_or_default()
    }

    /// As it is kept after a change.
    pub fn at(self, now: Time) -> String {
        written(&About { updated: now.millis(), ..self })
    }
}

impl SourceOut {
    pub fn of(source: &Source) -> SourceOut {
        let about = About::of(source);
        SourceOut {
            name: source.name.to_string(),
            scheme: source.scheme.to_string(),
            path: source.path.to_string(),
            settings: serde_json::from_str(&source.settings).unwrap_or_default(),
            declared: source.origin == Origin::Declared,
            created_at: told(about.created),
            updated_at: told(about.updated),
        }
    }
}
