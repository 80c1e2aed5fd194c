use crate::candidate::Candidate;
use crate::engine::FilterModule;
use crate::limits::FilterLimits;
use crate::table::Tables;
use event::TenantId;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// What becomes of an event at which a filter failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorPolicy {
    /// To the dead letters, with the failure's text.
    #[default]
    Reject,
    Drop,
    /// On, unchanged.
    Pass,
    /// The event is asked about again after this time.
    Retry(Duration),
    /// The endpoint is paused before the event. What a canary fails at, its filter judges.
    Stop,
}

/// A filter as an endpoint uses it: a module for one tenant, with configuration and limits.
pub struct FilterSpec {
    pub(crate) name: Arc<str>,
    pub(crate) module: Arc<FilterModule>,
    pub(crate) limits: FilterLimits,
    pub(crate) on_error: ErrorPolicy,
    pub(crate) isolate: bool,
    pub(crate) config_text: Arc<str>,
    /// The members of the configuration, for `config_get`: a string's characters, else JSON.
    pub(crate) config: Arc<BTreeMap<String, Vec<u8>>>,
    /// Seeds every random number that the filter sees.
    pub(crate) seed: u64,
    /// Instances are shared between specs of one identity, and never between tenants.
    pub(crate) identity: [u8; 32],
    pub(crate) candidate: Option<Candidate>,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SpecFailure {
    #[error("the configuration is not a JSON object: {0}")]
    Config(String),
    #[error("the module starts with {found} bytes of memory, the filter's limit is {limit}")]
    Memory { found: u64, limit: u64 },
}

impl FilterSpec {
    /// `config` is a JSON object; the empty text stands for `{}`. With `isolate` each event gets
    /// an instance of its own: nothing that a guest keeps can pass from one to the next.
    pub fn new(
        tenant: &TenantId,
        name: &str,
        module: Arc<FilterModule>,
        config: &str,
        limits: FilterLimits,
        on_error: ErrorPolicy,
        isolate: bool,
    ) -> Result<FilterSpec, SpecFailure> {
        let (found, limit) = (module.report().memory_bytes, limits.memory_bytes as u64);
        if found > limit {
            return Err(SpecFailure::Memory { found, limit });
        }
        let config_text = if config.trim().is_empty() { "{}" } else { config };
        let members = members(config_text)?;
        let seed_bytes = digest(&[&module.digest, config_text.as_bytes()]);
        let seed = u64::from_le_bytes(seed_bytes[..8].try_into().expect("eight of 32 bytes"));
        let fuel = [limits.fuel_batch, limits.fuel_event, limits.fuel_byte, limits.fuel_start];
        let numbers: Vec<u8> = fuel.iter().chain([&limit]).flat_map(|n| n.to_le_bytes()).collect();
        let identity =
            digest(&[tenant.as_str().as_bytes(), name.as_bytes(), &seed_bytes, &numbers]);
        Ok(FilterSpec {
            name: name.into(),
            module,
            limits,
            on_error,
            isolate,
            config_text: config_text.into(),
            config: Arc::new(members),
            seed,
            identity,
            candidate: None,
        })
    }

    /// The same filter, with another one tried beside it.
    pub fn with_candidate(self, candidate: Candidate) -> FilterSpec {
        FilterSpec { candidate: Some(candidate), ..self }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether each event gets an instance of its own.
    pub fn is_isolated(&self) -> bool {
        self.isolate
    }

    pub fn module(&self) -> &FilterModule {
        &self.module
    }
}

impl FilterSpec {
    /// Whether it, or what is tried beside it, can ask for a table.
    fn looks_up(&self) -> bool {
        let candidate = self.candidate.as_ref();
        self.module.looks_up || candidate.is_some_and(|other| other.spec.looks_up())
    }
}

impl ChainSpec {
    /// Whether any of its filters can ask for a table.
    pub fn looks_up(&self) -> bool {
        self.filters.iter().any(|filter| filter.looks_up())
    }
}

fn members(config: &str) -> Result<BTreeMap<String, Vec<u8>>, SpecFailure> {
    let members: BTreeMap<String, Value> =
        serde_json::from_str(config).map_err(|e| SpecFailure::Config(e.to_string()))?;
    let bytes = |value: Value| match value {
        Value::String(text) => text.into_bytes(),
        other => other.to_string().into_bytes(),
    };
    Ok(members.into_iter().map(|(name, value)| (name, bytes(value))).collect())
}

/// Each part is led by its length, so no two lists of parts are alike.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part);
    }
    sha.finalize().into()
}

/// An endpoint's filters, in order. An empty chain passes everything.
#[derive(Clone, Default)]
pub struct ChainSpec {
    pub filters: Vec<Arc<FilterSpec>>,
}

/// How a chain is run.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    pub purpose: Purpose,
    /// What its filters may look things up in, all of them and for all events the same.
    pub tables: &'a Tables,
    /// An instance serves one age alone: what it keeps in variables does not pass to another.
    pub age: u64,
    /// By event, how often the chain was asked about it before; 0 for those that are not there.
    pub runs: &'a [u32],
}

/// Why events are run; the guest reads it in the flags of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    #[default]
    Live,
    /// They were run before; the results are to be the same.
    Replay,
    /// Nothing comes of the results.
    DryRun,
}
