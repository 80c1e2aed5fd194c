use delivery::GuardOptions;
use filter::{Compile, ModuleLimits, Table};
use pipeline::writer::{Durability, Retention, Unread};
use registry::{Declared, FilterLimits, ModuleDigest, TableDigest, Terms};
use signature::Family;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Everything that a start needs, worked out and checked: what a configuration comes down to.
#[derive(Clone)]
pub struct Plan {
    pub data: PathBuf,
    /// None: nothing listens; events come in by `publish` alone.
    pub listen: Option<SocketAddr>,
    pub durability: Durability,
    pub group_bytes_max: usize,
    pub group_events_max: usize,
    pub retention: Retention,
    pub duplicate_window: Duration,
    pub duplicates_max: u64,
    pub declared: Declared,
    /// Of endpoints that the API makes and that do not say otherwise.
    pub terms: Terms,
    /// The most that filters made by the API are given.
    pub filter_limits: FilterLimits,
    /// The bytes of every module that is declared.
    pub modules: BTreeMap<ModuleDigest, Arc<[u8]>>,
    pub module_limits: ModuleLimits,
    /// Every lookup table that is declared.
    pub tables: BTreeMap<TableDigest, Arc<Table>>,
    /// What compiles modules; None: the engine does so in its own process.
    pub compiler: Option<Compiler>,
    pub sources: Vec<ingest::Source>,
    pub ingest: ingest::Limits,
    pub guard: GuardOptions,
    pub family: Family,
    /// Certificates to trust beside the public ones.
    pub ca_pem: Option<String>,
    /// Of events that the road keeps in memory.
    pub hot_bytes_max: usize,
    /// Of arrivals that wait for the writer.
    pub queued_bytes_max: usize,
    pub shards: u32,
    pub guest_threads: usize,
    pub disk_floor_bytes: u64,
    pub ballast_bytes: u64,
    /// Where people and senders reach this node, without a slash at its end; empty: where it
    /// listens.
    pub public_url: String,
    /// None: made in the data directory at the first start.
    pub admin_key: Option<registry::Secret>,
    /// How to read the configuration again, for who asks by the API; None: it cannot be.
    pub recipe: Option<Recipe>,
}

/// What compiles modules, shared by all who admit some.
pub type Compiler = Arc<dyn Compile + Send + Sync>;

/// Reads the configuration again and works it out. May block on files.
pub type Recipe = Arc<dyn Fn() -> Result<Reread, String> + Send + Sync>;

/// A configuration that was read again.
pub struct Reread {
    pub plan: Plan,
    /// Settings that are not those that run: they count from the next start.
    pub waiting: Vec<String>,
}

/// What a reload came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// How many resources are new, changed or gone.
    pub changes: usize,
    /// Settings that are not those that run: they count from the next start.
    pub waiting: Vec<String>,
}

impl Plan {
    /// The defaults, with nothing declared and nothing listening.
    pub fn new(data: impl Into<PathBuf>) -> Plan {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Plan {
            data: data.into(),
            listen: None,
            durability: Durability::Fsync,
            group_bytes_max: 1 << 20,
            group_events_max: 2048,
            retention: Retention {
                age: Duration::from_secs(14 * 24 * 3600),
                bytes: 20 << 30,
                unread: Unread::Expire,
            },
            duplicate_window: Duration::from_secs(24 * 3600),
            duplicates_max: 10_000_000,
            declared: Declared::default(),
            terms: Terms::default(),
            filter_limits: FilterLimits::default(),
            modules: BTreeMap::new(),
            module_limits: ModuleLimits::default(),
            tables: BTreeMap::new(),
            compiler: None,
            sources: Vec::new(),
            ingest: ingest::Limits::default(),
            guard: GuardOptions::default(),
            family: Family::Standard,
            ca_pem: None,
            hot_bytes_max: 64 << 20,
            queued_bytes_max: 64 << 20,
            // Shards before guests before ingest: what more cores are for, in this order.
            shards: (cores / 4).max(1) as u32,
            guest_threads: cores.saturating_sub(1).max(1),
            disk_floor_bytes: 256 << 20,
            ballast_bytes: 64 << 20,
            public_url: String::new(),
            admin_key: None,
            recipe: None,
        }
    }

    /// Generations are as large as retention can take in 48 steps, but not small.
    pub(crate) fn generation_bytes(&self) -> u64 {
        (self.retention.bytes / 48).max(256 << 20)
    }
}
