use crate::api::Apps;
use crate::api::keys::record::{About, RoleName};
use crate::api::wire::{Given, WORD_BYTES_MAX, member_time};
use crate::explain::time;
use crate::problem::Problem;
use event::Time;
use registry::TypePattern;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A key to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct KeyIn {
    #[schemars(length(min = 1, max = 256))]
    name: String,
    /// `portal` is not among them: sessions are made by `/api/v1/auth`.
    role: RoleName,
    /// The id or uid of the application that the key is bound to. A `manager` and a `producer`
    /// have one, a `reader` without one reads the whole node, an `admin` has none.
    app: Option<String>,
    /// What a `producer` may publish, as endpoints name types: `order.paid`, `order.*`. All types
    /// when it is not said.
    #[schemars(length(min = 1, max = 256))]
    types: Option<Vec<String>>,
    /// When the key ends, as RFC 3339; never when it is not said.
    expires_at: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct KeyPatch {
    name: Option<String>,
    /// `null` for never.
    #[serde(default)]
    expires_at: Given<String>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct KeyRotateIn {
    /// How long the old token counts too; a day when it is not said. An older one ends now.
    #[schemars(range(max = 604_800))]
    pub grace_period_seconds: Option<u32>,
}

#[derive(Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyOut {
    id: String,
    name: String,
    role: RoleName,
    app: Option<String>,
    types: Option<Vec<String>>,
    created_at: String,
    updated_at: String,
    expires_at: Option<String>,
    /// Until when the token counts that the last rotation retired.
    previous_until: Option<String>,
    /// To the minute, and since the node started: it is kept in memory alone.
    last_used_at: Option<String>,
}

/// A key with its token, which is shown in this answer and never again.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "KeyMade")]
pub(super) struct KeyMade<'a> {
    #[serde(flatten)]
    pub key: KeyOut,
    /// `fbk_<id>_<secret>`.
    pub token: &'a str,
}

const TYPES_MAX: usize = 256;

impl KeyIn {
    pub fn about(&self, digest: [u8; 32], now: Time, apps: &Apps) -> Result<About, Problem> {
        check_name(&self.name)?;
        self.check_members()?;
        let app = self.app.as_deref().map(|app| app_id(app, apps)).transpose()?;
        let expires_at = self.expires_at.as_deref().map(|text| end(text, now)).transpose()?;
        Ok(About {
            name: self.name.clone(),
            app,
            types: self.types.clone(),
            expires_at,
            ..About::new(self.role, digest, now)
        })
    }

    /// What goes with which role.
    fn check_members(&self) -> Result<(), Problem> {
        match (self.role, &self.app) {
            (RoleName::Portal, _) => {
                let text = "POST /api/v1/auth/app-portal-access/{app_id} makes sessions";
                return Err(Problem::value(&["role"], text));
            }
            (RoleName::Admin, Some(_)) => {
                return Err(Problem::value(&["app"], "an admin is bound to none"));
            }
            (RoleName::Manager | RoleName::Producer, None) => {
                return Err(Problem::value(&["app"], "a manager and a producer have one"));
            }
            _ => {}
        }
        let Some(types) = &self.types else { return Ok(()) };
        if self.role != RoleName::Producer {
            return Err(Problem::value(&["types"], "a producer alone is bound to types"));
        }
        if !(1..=TYPES_MAX).contains(&types.len()) {
            let text = format!("1 to {TYPES_MAX}; leave them out for all");
            return Err(Problem::value(&["types"], text));
        }
        for (n, text) in types.iter().enumerate() {
            let bad = |bad: registry::BadPattern| {
                Problem::value(&["types", &n.to_string()], bad.to_string())
            };
            TypePattern::parse(text).map_err(bad)?;
        }
        Ok(())
    }
}

impl KeyPatch {
    pub fn over(&self, about: &mut About, now: Time) -> Result<(), Problem> {
        if let Some(name) = &self.name {
            check_name(name)?;
            about.name.clone_from(name);
        }
        match &self.expires_at {
            Given::Absent => {}
            Given::Null => about.expires_at = None,
            Given::Value(text) => about.expires_at = Some(end(text, now)?),
        }
        Ok(())
    }
}

impl KeyOut {
    pub fn of(id: &str, about: &About, used: Option<Time>) -> KeyOut {
        let told = |ms: u64| time(Time::from_millis(ms));
        KeyOut {
            id: id.to_owned(),
            name: about.name.clone(),
            role: about.role,
            app: about.app.clone(),
            types: about.types.clone(),
            created_at: told(about.created_at),
            updated_at: told(about.updated_at),
            expires_at: about.expires_at.map(told),
            previous_until: about.previous.as_ref().map(|previous| told(previous.until)),
            last_used_at: used.map(time),
        }
    }

    /// What `If-Match` means: a key that is used does not change.
    pub fn version(&self) -> KeyOut {
        KeyOut { last_used_at: None, ..self.clone() }
    }
}

fn check_name(name: &str) -> Result<(), Problem> {
    let is_fit = (1..=WORD_BYTES_MAX).contains(&name.len()) && !name.contains(char::is_control);
    match is_fit {
        true => Ok(()),
        false => Err(Problem::value(&["name"], "1 to 256 bytes without control characters")),
    }
}

fn app_id(app: &str, apps: &Apps) -> Result<String, Problem> {
    let tenant = apps(app).ok_or_else(|| Problem::value(&["app"], "there is no such application"));
    tenant.map(|tenant| tenant.as_str().to_owned())
}

/// Milliseconds of a time to come.
fn end(text: &str, now: Time) -> Result<u64, Problem> {
    let end = member_time("expiresAt", text)?;
    match now < end {
        true => Ok(end.millis()),
        false => Err(Problem::value(&["expiresAt"], "it has passed; DELETE ends a key now")),
    }
}
