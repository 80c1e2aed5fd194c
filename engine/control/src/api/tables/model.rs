use crate::api::wire::{told, written};
use registry::{Origin, TableContent, TableVersion};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TableOut {
    name: String,
    #[serde(flatten)]
    version: VersionOut,
    /// Whether a configuration file declares it: then the API changes nothing of it.
    declared: bool,
    /// Not of what a configuration file declares.
    created_at: Option<String>,
}

/// One version of a table.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TableVersionOut")]
pub(super) struct VersionOut {
    /// A digest of all that it holds.
    version: String,
    keys: u64,
    /// In memory and on the disk.
    bytes: u64,
    /// From when it was in force, the last time.
    since: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct EntryOut {
    pub key: String,
    pub value: String,
}

/// What the registry keeps of a table for this API. Times are milliseconds.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct About {
    created: u64,
}

impl About {
    fn of(table: &TableVersion) -> About {
        serde_json::from_str(&table.about).unwrap_or_default()
    }

    /// Of the version that replaces this one.
    pub fn after(old: Option<&TableVersion>, now: u64) -> About {
        old.map_or(About { created: now }, About::of)
    }

    pub fn written(&self) -> String {
        written(self)
    }
}

impl VersionOut {
    pub fn of(content: &TableContent) -> VersionOut {
        VersionOut {
            version: content.digest.version(),
            keys: content.keys,
            bytes: content.bytes,
            since: told(content.since_ms),
        }
    }
}

impl TableOut {
    pub fn of(table: &TableVersion) -> TableOut {
        TableOut {
            name: table.name.to_string(),
            version: VersionOut::of(&table.content),
            declared: table.origin == Origin::Declared,
            created_at: told(About::of(table).created),
        }
    }
}
