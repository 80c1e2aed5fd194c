use crate::Plan;
use crate::config::modules::Filter;
use crate::config::shipped::PREFIX;
use crate::config::sources::BadSource;
use crate::config::{Config, LookupTable, Source};
use crate::tables::digest_of;
use delivery::GuardOptions;
use filter::{ModuleLimits, Table};
use registry::{Declared, ModuleDigest, Pin, TableDigest};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Config {
    /// All that a start needs.
    pub fn plan(&self) -> Result<Plan, BadSource> {
        let to_usize = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Ok(Plan {
            listen: Some(self.server.listen),
            durability: self.log.durability,
            group_bytes_max: to_usize(self.log.group_bytes_max),
            group_events_max: to_usize(self.log.group_events_max),
            retention: self.log.retention.clone(),
            duplicate_window: self.ingest.duplicate_window,
            duplicates_max: self.ingest.duplicates_max,
            declared: self.declared(),
            terms: self.delivery.terms.clone(),
            filter_limits: self.guests.limits,
            modules: self.module_bytes(),
            module_limits: self.module_limits(),
            tables: self.lookup_tables(),
            sources: self.ways_in()?,
            ingest: ingest::Limits {
                body_bytes_max: to_usize(self.ingest.body_bytes_max),
                header_timeout: self.ingest.header_timeout,
                body_timeout: self.ingest.body_timeout,
                ..ingest::Limits::default()
            },
            guard: self.guard(),
            family: self.delivery.family,
            public_url: self.server.public_url.clone(),
            admin_key: self.server.admin_key.clone(),
            ..Plan::new(&self.data)
        })
    }

    /// The resources, as the registry takes them.
    pub fn declared(&self) -> Declared {
        Declared {
            tenants: Vec::new(),
            sources: self.sources.iter().map(Source::declared).collect(),
            filters: self.all_filters().iter().map(Filter::declared).collect(),
            tables: self.tables.iter().map(LookupTable::declared).collect(),
            endpoints: self.endpoints.clone(),
        }
    }

    /// The bytes of every module that is declared.
    pub fn module_bytes(&self) -> BTreeMap<ModuleDigest, Arc<[u8]>> {
        let mut bytes = BTreeMap::new();
        for filter in self.all_filters() {
            let tried = filter.candidate.as_ref().and_then(|tried| tried.module.clone());
            bytes.extend(tried.map(|wasm| (crate::digest_of(&wasm), wasm)));
            bytes.insert(filter.digest(), filter.wasm);
        }
        bytes
    }

    /// Every lookup table that is declared.
    pub fn lookup_tables(&self) -> BTreeMap<TableDigest, Arc<Table>> {
        self.tables.iter().map(|table| (digest_of(&table.table), table.table.clone())).collect()
    }

    /// The sources, as ingest takes them.
    pub fn ways_in(&self) -> Result<Vec<ingest::Source>, BadSource> {
        let way_in =
            |source: &Source| source.way_in(&self.server.public_url, self.ingest.body_bytes_max);
        self.sources.iter().map(way_in).collect()
    }

    pub fn guard(&self) -> GuardOptions {
        GuardOptions {
            allow_networks: self.delivery.allow_networks.clone(),
            allow_loopback: self.dev,
            require_https: self.server.require_https_out,
            own: Vec::new(),
        }
    }

    /// What a module may weigh. It may ask for as much memory as any filter is given.
    pub fn module_limits(&self) -> ModuleLimits {
        let own = self.filters.iter().map(|filter| filter.limits.memory_bytes);
        ModuleLimits {
            module_bytes: usize::try_from(self.guests.module_bytes_max).unwrap_or(usize::MAX),
            memory_bytes: own.fold(self.guests.limits.memory_bytes, u64::max),
            ..ModuleLimits::default()
        }
    }

    /// Those that are declared, and the shipped ones that endpoints name without declaring them.
    fn all_filters(&self) -> Vec<Filter> {
        let mut filters = self.filters.clone();
        for endpoint in &self.endpoints {
            let names = endpoint.filters.iter().map(|entry| Pin::filter_of(entry));
            for name in names.filter(|name| name.starts_with(PREFIX)) {
                let is_there =
                    filters.iter().any(|f| f.tenant == endpoint.tenant && f.name == name);
                if !is_there {
                    filters.extend(Filter::shipped(&endpoint.tenant, name, self.guests.limits));
                }
            }
        }
        filters
    }
}
