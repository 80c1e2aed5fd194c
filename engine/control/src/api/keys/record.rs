use crate::api::wire::written;
use crate::api::{Deed, KeyRow, Role};
use event::{TenantId, Time};
use registry::{Record, TypePattern};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a record keeps of a key: never its text. Times are milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct About {
    /// SHA-256 of the whole token, in hexadecimal.
    pub digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    pub name: String,
    pub role: RoleName,
    /// The id of the application that the key is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<String>>,
    /// What a session of the portal may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deeds: Vec<Deed>,
    /// The name that a session of the portal was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    pub created_at: u64,
    pub updated_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
}

/// The token that the last rotation retired.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Previous {
    digest: String,
    pub until: u64,
}

/// What a key may do; `portal` is a customer's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "KeyRole")]
pub(crate) enum RoleName {
    Admin,
    Manager,
    Producer,
    Reader,
    Portal,
}

impl About {
    pub fn new(role: RoleName, digest: [u8; 32], now: Time) -> About {
        About {
            digest: hex::encode(digest),
            previous: None,
            name: String::new(),
            role,
            app: None,
            types: None,
            deeds: Vec::new(),
            session: None,
            created_at: now.millis(),
            updated_at: now.millis(),
            expires_at: None,
        }
    }

    /// None for what no version of this program wrote.
    pub fn of(record: &Record) -> Option<About> {
        serde_json::from_str(&record.about).ok()
    }

    pub fn written(&self) -> String {
        written(self)
    }

    /// The token that counted so far counts until `until`, and any before it no more.
    pub fn rotate(&mut self, digest: [u8; 32], until: Option<Time>) {
        let old = std::mem::replace(&mut self.digest, hex::encode(digest));
        self.previous = until.map(|until| Previous { digest: old, until: until.millis() });
    }

    /// None for a record that does not hold together: its key opens nothing.
    pub fn row(&self) -> Option<KeyRow> {
        let previous = match &self.previous {
            Some(previous) => Some((read(&previous.digest)?, Time::from_millis(previous.until))),
            None => None,
        };
        Some(KeyRow {
            digest: read(&self.digest)?,
            previous,
            role: self.role()?,
            expires: self.expires_at.map(Time::from_millis),
        })
    }

    fn role(&self) -> Option<Role> {
        let app = self.app.as_deref().map(TenantId::new);
        Some(match self.role {
            RoleName::Admin => Role::Admin,
            RoleName::Manager => Role::Manager(app?),
            RoleName::Producer => Role::Producer { tenant: app?, types: self.patterns()? },
            RoleName::Reader => Role::Reader(app),
            RoleName::Portal => Role::Portal { tenant: app?, deeds: self.deeds.clone() },
        })
    }

    fn patterns(&self) -> Option<Option<Arc<[TypePattern]>>> {
        let Some(types) = &self.types else { return Some(None) };
        let patterns = types.iter().map(|text| TypePattern::parse(text).ok());
        patterns.collect::<Option<_>>().map(Some)
    }
}

fn read(digest: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(digest, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use registry::{History, RecordKind};

    /// As a record that the registry keeps.
    fn kept(about: &str) -> Arc<Record> {
        let history = History::default();
        let mut edit = history.latest().edit();
        edit.put_record(RecordKind::Key, "k", about);
        let mut next = History::default();
        next.apply(edit.finish().unwrap(), event::Offset::ZERO).unwrap();
        next.latest().record(RecordKind::Key, "k").unwrap().clone()
    }

    fn row(change: impl FnOnce(&mut About)) -> Option<KeyRow> {
        let mut about = About::new(RoleName::Producer, [7; 32], Time::from_secs(1));
        about.app = Some("app_1".into());
        about.types = Some(vec!["order.*".into()]);
        change(&mut about);
        About::of(&kept(&about.written())).unwrap().row()
    }

    #[test]
    fn a_key_is_what_was_written() {
        let read = row(|about| about.rotate([8; 32], Some(Time::from_secs(9)))).unwrap();
        assert_eq!((read.digest, read.previous), ([8; 32], Some(([7; 32], Time::from_secs(9)))));
        let types = Some([TypePattern::parse("order.*").unwrap()].into());
        assert_eq!(read.role, Role::Producer { tenant: TenantId::new("app_1"), types });
        assert!(row(|about| about.rotate([8; 32], None)).unwrap().previous.is_none());
    }

    #[test]
    fn what_does_not_hold_together_opens_nothing() {
        assert!(row(|about| about.app = None).is_none(), "bound to nothing");
        assert!(row(|about| about.types = Some(vec!["a*".into()])).is_none());
        assert!(row(|about| about.digest = "07".into()).is_none());
        assert!(About::of(&kept("{}")).is_none());
    }
}
