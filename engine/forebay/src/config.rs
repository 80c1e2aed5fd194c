//! The configuration: a TOML file, the environment and flags, merged, checked and worked out.
//!
//! Every value is read once, with its place, so an error can point at it and `config show` can say
//! where each one came from. Nothing is ignored: an unknown key is an error, and so is a key that
//! is documented but not in this version yet.

mod candidate;
mod check;
mod endpoints;
mod load;
mod modules;
mod notes;
mod plan;
mod problem;
mod secrets;
mod section;
mod sections;
mod settings;
mod shipped;
mod shown;
mod sources;
mod tables;
mod tree;
mod units;
mod value;
mod wanted;

pub use candidate::Tried;
pub(crate) use check::vetted;
pub use load::{Flags, Inputs};
pub use modules::Filter;
pub use problem::{ConfigError, Problem, Spot};
pub use settings::{HmacSettings, RespondSettings, SourceSettings};
pub use shipped::{JAVASCRIPT_RUNNER, PYTHON_RUNNER, Shipped};
pub(crate) use shipped::{may_weigh, unknown};
pub use shown::{Origin, Setting};
pub use sources::{BadSource, Source};
pub use tables::LookupTable;
pub use value::{read_bytes, read_count};
pub use wanted::{Module, ResourceKind, Sheet, TableText, Wanted, Words, wanted};

use ipnet::IpNet;
use pipeline::writer::{Durability, Retention, Unread};
use registry::{DeclaredEndpoint, FilterLimits, Terms};
use signature::Family;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that a configuration says. `Config::default()` is that of an empty file.
#[derive(Clone, Debug)]
pub struct Config {
    pub data: PathBuf,
    /// Endpoints may be on this machine.
    pub dev: bool,
    pub server: Server,
    pub log: Log,
    pub ingest: Ingest,
    pub delivery: Delivery,
    /// What filters may use that do not say so themselves.
    pub guests: Guests,
    pub observe: Observe,
    pub sources: Vec<Source>,
    pub filters: Vec<Filter>,
    pub tables: Vec<LookupTable>,
    pub endpoints: Vec<DeclaredEndpoint>,
    settings: Vec<Setting>,
}

#[derive(Clone, Debug)]
pub struct Server {
    pub listen: SocketAddr,
    /// None: made in the data directory at the first start.
    pub admin_key: Option<registry::Secret>,
    /// As senders know this node, without a `/` at the end; empty when nothing needs it.
    pub public_url: String,
    /// Deliveries go to https alone.
    pub require_https_out: bool,
    pub drain: Duration,
}

#[derive(Clone, Debug)]
pub struct Log {
    pub durability: Durability,
    pub group_bytes_max: u64,
    pub group_events_max: u64,
    pub retention: Retention,
}

#[derive(Clone, Debug)]
pub struct Ingest {
    pub body_bytes_max: u64,
    pub header_timeout: Duration,
    pub body_timeout: Duration,
    pub duplicate_window: Duration,
    pub duplicates_max: u64,
}

#[derive(Clone, Debug)]
pub struct Delivery {
    /// Of endpoints that do not say otherwise.
    pub terms: Terms,
    pub allow_networks: Vec<IpNet>,
    pub family: Family,
}

#[derive(Clone, Debug)]
pub struct Guests {
    pub limits: FilterLimits,
    pub module_bytes_max: u64,
}

#[derive(Clone, Debug)]
pub struct Observe {
    /// Directives such as `info` or `info,delivery=debug`; whoever installs a subscriber reads it.
    pub log: String,
    pub log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    Auto,
    Pretty,
    Json,
}

impl Config {
    /// Every value in force and where it came from; empty for one that was not loaded.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Settings of another configuration that are not those of this one, where an engine takes them
    /// up when it starts. Sources, filters, tables and
    /// endpoints change while it runs.
    pub fn waiting(&self, other: &Config) -> Vec<String> {
        let fixed = |config: &Config| {
            let settings = config.settings.iter().filter(|setting| !setting.is_of_resource());
            let named = settings.map(|setting| (setting.name(), setting.value.clone()));
            named.collect::<Vec<_>>()
        };
        let (running, other) = (fixed(self), fixed(other));
        let is_named = |name: &String| other.iter().any(|(other, _)| other == name);
        let gone = running.iter().filter(|(name, _)| !is_named(name));
        let changed = other.iter().filter(|pair| !running.contains(pair));
        changed.chain(gone).map(|(name, _)| name.clone()).collect()
    }
}

impl Default for Config {
    fn default() -> Config {
        Config::parse("").expect("an empty configuration is valid")
    }
}
