use crate::Origin;
use event::TenantId;
use std::fmt;
use std::sync::Arc;

/// One version of a lookup table, and those before it that can be put in force again. What a table
/// holds is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableVersion {
    pub tenant: TenantId,
    /// Unique among the tenant's tables.
    pub name: Arc<str>,
    pub origin: Origin,
    pub content: TableContent,
    /// The latest first.
    pub earlier: Arc<[TableContent]>,
    /// What the management API keeps of it: a JSON text that the engine does not read.
    pub about: Arc<str>,
}

/// What a version of a table holds, by its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TableContent {
    pub digest: TableDigest,
    pub keys: u64,
    pub bytes: u64,
    /// From when it was in force, the last time; 0 for what a configuration file declares.
    pub since_ms: u64,
}

/// SHA-256 of a table's bytes. Written as 64 hexadecimal digits.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub struct TableDigest(pub [u8; 32]);

impl TableVersion {
    /// The content in force, then the earlier ones.
    pub fn contents(&self) -> impl Iterator<Item = &TableContent> {
        std::iter::once(&self.content).chain(&*self.earlier)
    }
}

impl TableDigest {
    /// What a version of a table is called by.
    pub fn version(&self) -> String {
        hex::encode(&self.0[..16])
    }

    /// Reads 64 hexadecimal digits, as it is written.
    pub fn read(text: &str) -> Option<TableDigest> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(TableDigest(bytes))
    }
}

impl From<TableDigest> for String {
    fn from(digest: TableDigest) -> String {
        digest.to_string()
    }
}

impl TryFrom<String> for TableDigest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<TableDigest, &'static str> {
        TableDigest::read(&text).ok_or("not a SHA-256")
    }
}

impl fmt::Display for TableDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TableDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table:{}", hex::encode(&self.0[..6]))
    }
}
