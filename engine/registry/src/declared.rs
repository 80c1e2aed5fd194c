use crate::diff::Diff;
use crate::{
    Candidate, Circuit, FilterLimits, FilterVersion, ModuleDigest, OnError, Origin, Rejected,
    Secrets, Snapshot, TableContent, Terms,
};
use event::TenantId;
use std::sync::Arc;

/// The whole set of resources that a configuration file makes true.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// Beside the tenants that the resources below name.
    pub tenants: Vec<TenantId>,
    pub sources: Vec<DeclaredSource>,
    pub filters: Vec<DeclaredFilter>,
    pub tables: Vec<DeclaredTable>,
    pub endpoints: Vec<DeclaredEndpoint>,
}

impl Declared {
    /// Whether an empty registry would take it. Which versions of filters are kept is known to the
    /// node alone that ran them, so whatever is pinned is taken for the filter's present version.
    ///
    /// Errors: all that `Snapshot::diff` refuses, at once.
    pub fn check(&self) -> Result<(), Rejected> {
        let nothing = Snapshot::default();
        let mut diff = Diff::new(&nothing, Origin::Declared);
        diff.keeps_all_versions = true;
        diff.put_all(self);
        diff.follow();
        diff.finish().map(drop)
    }
}

/// A tenant that the management API makes.
#[derive(Clone, Debug)]
pub struct DeclaredTenant {
    pub id: TenantId,
    pub uid: Option<String>,
    /// Attempts that may begin in a second at all of its endpoints; none for no limit.
    pub rate: Option<u32>,
    /// A JSON text.
    pub about: String,
}

#[derive(Clone, Debug)]
pub struct DeclaredSource {
    pub tenant: TenantId,
    pub name: String,
    pub path: String,
    pub scheme: String,
    /// A JSON text.
    pub settings: String,
    pub secrets: Secrets,
    /// A JSON text for the management API to keep.
    pub about: String,
}

#[derive(Clone, Debug)]
pub struct DeclaredFilter {
    pub tenant: TenantId,
    pub name: String,
    pub module: ModuleDigest,
    /// A JSON text.
    pub config: String,
    pub limits: FilterLimits,
    pub on_error: OnError,
    pub isolate: bool,
    pub circuit: Option<Circuit>,
    pub candidate: Option<Candidate>,
    /// A JSON text for the management API to keep.
    pub about: String,
}

#[derive(Clone, Debug)]
pub struct DeclaredTable {
    pub tenant: TenantId,
    pub name: String,
    pub content: TableContent,
    /// Contents to keep for whoever wants one of them back, the latest first.
    pub earlier: Vec<TableContent>,
    /// A JSON text for the management API to keep.
    pub about: String,
}

#[derive(Clone, Debug)]
pub struct DeclaredEndpoint {
    pub tenant: TenantId,
    pub name: String,
    pub url: String,
    /// Event type patterns; empty means all.
    pub types: Vec<String>,
    /// A `where` expression.
    pub condition: Option<String>,
    /// Filters of the same tenant, in order: their names, or what a `Pin` is read of.
    pub filters: Vec<String>,
    /// Versions that were replaced and may be pinned, of each filter the newest first.
    pub kept: Vec<Arc<FilterVersion>>,
    pub terms: Terms,
    pub secrets: Secrets,
    pub headers: Vec<(String, String)>,
    pub is_disabled: bool,
    /// A JSON text for the management API to keep.
    pub about: String,
}

impl DeclaredFilter {
    /// Not configured, with the usual limits.
    pub fn new(tenant: TenantId, name: &str, module: ModuleDigest) -> DeclaredFilter {
        DeclaredFilter {
            tenant,
            name: name.to_owned(),
            module,
            config: "{}".to_owned(),
            limits: FilterLimits::default(),
            on_error: OnError::default(),
            isolate: false,
            circuit: None,
            candidate: None,
            about: "{}".to_owned(),
        }
    }
}

impl DeclaredEndpoint {
    /// Every event of the tenant, as it is, to `url`.
    pub fn new(tenant: TenantId, name: &str, url: &str) -> DeclaredEndpoint {
        DeclaredEndpoint {
            tenant,
            name: name.to_owned(),
            url: url.to_owned(),
            types: Vec::new(),
            condition: None,
            filters: Vec::new(),
            kept: Vec::new(),
            terms: Terms::default(),
            secrets: Secrets::default(),
            headers: Vec::new(),
            is_disabled: false,
            about: "{}".to_owned(),
        }
    }
}
