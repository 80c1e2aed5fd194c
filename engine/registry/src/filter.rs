use crate::{Candidate, Origin};
use event::TenantId;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// One version of a filter: a module, how it is configured, what it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterVersion {
    pub tenant: TenantId,
    /// Unique among the tenant's filters.
    pub name: Arc<str>,
    pub origin: Origin,
    pub module: ModuleDigest,
    /// A JSON text, handed to the module as it is.
    pub config: Arc<str>,
    pub limits: FilterLimits,
    pub on_error: OnError,
    /// A fresh instance for each event.
    pub isolate: bool,
    /// None: however often it fails, it is asked again.
    pub circuit: Option<Circuit>,
    /// What is tried on live events beside it.
    pub candidate: Option<Candidate>,
    /// What the management API keeps of it: a JSON text that the engine does not read.
    pub about: Arc<str>,
}

/// A filter that fails so often is not asked for a while: its endpoints are paused before the
/// events that it would be asked about, and these wait in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Circuit {
    /// At least one.
    pub faults: u32,
    /// The failures that count are no older than this, and for as long it is not asked.
    pub within_ms: u64,
}

/// SHA-256 of a module's bytes. Written as 64 hexadecimal digits.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub struct ModuleDigest(pub [u8; 32]);

/// What a guest may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FilterLimits {
    /// For one batch.
    pub fuel: u64,
    pub memory_bytes: u64,
}

/// What becomes of an event whose filter failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// To the dead letters, with the filter's words.
    #[default]
    Reject,
    Drop,
    Pass,
    Retry,
    /// The endpoint is paused before the event.
    Stop,
}

impl Default for FilterLimits {
    fn default() -> FilterLimits {
        FilterLimits { fuel: 100_000_000, memory_bytes: 32 << 20 }
    }
}

impl FilterVersion {
    /// Of all that says what the filter does: two versions with one digest are the same.
    pub fn digest(&self) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update(b"forebay filter 1");
        hash.update((self.name.len() as u64).to_be_bytes());
        hash.update(self.name.as_bytes());
        hash.update(self.module.0);
        hash.update((self.config.len() as u64).to_be_bytes());
        hash.update(self.config.as_bytes());
        hash.update(self.limits.fuel.to_be_bytes());
        hash.update(self.limits.memory_bytes.to_be_bytes());
        hash.update([self.on_error as u8, u8::from(self.isolate)]);
        if let Some(circuit) = &self.circuit {
            hash.update(b"circuit");
            hash.update(circuit.faults.to_be_bytes());
            hash.update(circuit.within_ms.to_be_bytes());
        }
        if let Some(candidate) = &self.candidate {
            candidate.add_to(&mut hash);
        }
        cut(&hash.finalize())
    }
}

/// The first 16 bytes of a SHA-256: a tenant cannot forge one, which a faster hash would allow.
pub(crate) fn cut(full: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&full[..16]);
    short
}

impl ModuleDigest {
    /// Reads 64 hexadecimal digits, as it is written.
    pub fn read(text: &str) -> Option<ModuleDigest> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(ModuleDigest(bytes))
    }
}

impl From<ModuleDigest> for String {
    fn from(digest: ModuleDigest) -> String {
        digest.to_string()
    }
}

impl TryFrom<String> for ModuleDigest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<ModuleDigest, &'static str> {
        ModuleDigest::read(&text).ok_or("not a SHA-256")
    }
}

impl fmt::Display for ModuleDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ModuleDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", hex::encode(&self.0[..6]))
    }
}
