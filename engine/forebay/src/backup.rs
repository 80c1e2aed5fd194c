mod archive;
mod restore;

pub use archive::{Backup, BackupSummary};
pub use restore::{RestoreError, Restored, Restoring, verify as verify_backup};

use serde::{Deserialize, Serialize};

/// The last file of an archive: what all the others are, so that one that was cut, or changed,
/// is noticed.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Contents {
    /// Of the archive. A later one is refused.
    format: u32,
    /// Of the engine that wrote it.
    version: String,
    /// Milliseconds since 1970.
    made_at_ms: u64,
    /// One past the last event.
    head: u64,
    floor: u64,
    with_keys: bool,
    files: Vec<Entry>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Entry {
    name: String,
    bytes: u64,
    sha256: String,
}

const FORMAT: u32 = 1;
const CONTENTS: &str = "backup.json";
/// What opens secrets, or the API.
const KEYS: [&str; 2] = ["secrets.key", "admin.key"];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
