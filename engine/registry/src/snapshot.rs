use crate::diff::Diff;
use crate::index::{Matches, TypeIndex};
use crate::record::RecordName;
use crate::shelves::{Name, Shelves};
use crate::{
    Chain, ChainId, ChangeSet, Declared, Edit, Endpoint, FilterVersion, Kind, Origin, Record,
    RecordKind, Rejected, Source, TableVersion, Tenant,
};
use event::{EndpointId, Envelope, Offset, TenantId};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Everything that is in force from one offset on, until the next change. Immutable.
///
/// A change makes a new snapshot that shares what it left alone with the old one: it costs some
/// ten microseconds and, within the one tenant, the copy of its pattern list and of the postings
/// of the patterns that the changed endpoint has.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub(crate) since: Offset,
    /// Which change this is the result of, since the start of the program; 0 is history.
    pub(crate) revision: u64,
    pub(crate) next_endpoint: u64,
    tenants: Shelves<TenantId, Arc<Estate>>,
    /// Made when somebody asks; snapshots with the same tenants share it.
    tenants_in_order: Arc<OnceLock<Vec<TenantId>>>,
    /// Tenants by their other names.
    uids: Shelves<Arc<str>, TenantId>,
    records: Arc<BTreeMap<RecordName, Arc<Record>>>,
    pub(crate) sources: Shelves<Name, Arc<Source>>,
    pub(crate) filters: Shelves<Name, Arc<FilterVersion>>,
    pub(crate) tables: Shelves<Name, Arc<TableVersion>>,
    pub(crate) endpoints: Shelves<EndpointId, Arc<Endpoint>>,
    names: Shelves<Name, EndpointId>,
    chains: Shelves<ChainId, Used>,
}

/// A tenant and what is its own.
#[derive(Clone, Debug)]
struct Estate {
    tenant: Arc<Tenant>,
    /// In the order of their ids.
    endpoints: Vec<EndpointId>,
    index: TypeIndex,
}

/// A chain and how many endpoints run it.
#[derive(Clone, Debug)]
struct Used {
    chain: Arc<Chain>,
    endpoints: usize,
}

impl Snapshot {
    /// The offset from which this snapshot rules.
    pub fn since(&self) -> Offset {
        self.since
    }

    /// The endpoints of a tenant that want an event type, each once, in the order of their ids;
    /// disabled ones too. Costs a look-up for each segment of the type, and then only what it
    /// yields.
    pub fn matching(&self, tenant: &TenantId, event_type: &str) -> Matches<'_> {
        match self.tenants.get(tenant) {
            Some(tenant) => tenant.index.matching(event_type),
            None => Matches::default(),
        }
    }

    /// The endpoints that are owed an event, before any condition: those that want its type, or the
    /// one that it is for.
    pub fn owed(&self, envelope: &Envelope) -> Matches<'_> {
        let Some(id) = envelope.addressee() else {
            return self.matching(&envelope.tenant, &envelope.event_type);
        };
        let is_it = |e: &&Arc<Endpoint>| e.tenant == envelope.tenant && !e.is_polled();
        let only = self.endpoint(id).filter(is_it);
        only.map_or_else(Matches::default, Matches::only)
    }

    pub fn endpoint(&self, id: EndpointId) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(&id)
    }

    /// Whether the endpoint was there and is no more; one that is not there and is not gone is of a
    /// later snapshot.
    pub fn is_gone(&self, id: EndpointId) -> bool {
        id.0 < self.next_endpoint && self.endpoint(id).is_none()
    }

    pub fn endpoint_named(&self, tenant: &TenantId, name: &str) -> Option<&Arc<Endpoint>> {
        self.endpoint(*self.names.get(&(tenant.clone(), name.into()))?)
    }

    /// All endpoints, in the order of their ids.
    pub fn endpoints(&self) -> Vec<&Arc<Endpoint>> {
        self.endpoints.sorted()
    }

    /// A tenant's endpoints, in the order of their ids.
    pub fn endpoints_of<'a>(
        &'a self,
        tenant: &TenantId,
    ) -> impl Iterator<Item = &'a Arc<Endpoint>> + use<'a> {
        self.endpoint_ids_of(tenant).iter().filter_map(|id| self.endpoint(*id))
    }

    pub fn endpoint_count(&self) -> usize {
        self.endpoints.len()
    }

    /// The ids of all tenants, in their own order. The first call after a change of tenants
    /// sorts them.
    pub fn tenants(&self) -> &[TenantId] {
        self.tenants_in_order.get_or_init(|| {
            let mut ids: Vec<_> = self.tenants.iter().map(|(id, _)| id.clone()).collect();
            ids.sort_unstable();
            ids
        })
    }

    pub fn tenant(&self, id: &TenantId) -> Option<&Arc<Tenant>> {
        self.tenants.get(id).map(|estate| &estate.tenant)
    }

    pub fn tenant_with_uid(&self, uid: &str) -> Option<&Arc<Tenant>> {
        self.tenant(self.uids.get(&uid.into())?)
    }

    pub fn record(&self, kind: RecordKind, name: &str) -> Option<&Arc<Record>> {
        self.records.get(&(kind, name.into()))
    }

    /// The records of a kind by name.
    pub fn records(&self, kind: RecordKind) -> impl DoubleEndedIterator<Item = &Arc<Record>> {
        let all = self.records.iter().filter(move |((of, _), _)| *of == kind);
        all.map(|(_, record)| record)
    }

    /// The ids of a tenant's endpoints, in their order.
    pub fn endpoint_ids_of(&self, tenant: &TenantId) -> &[EndpointId] {
        self.tenants.get(tenant).map_or(&[], |estate| &estate.endpoints)
    }

    pub fn source(&self, tenant: &TenantId, name: &str) -> Option<&Arc<Source>> {
        self.sources.get(&(tenant.clone(), name.into()))
    }

    /// By tenant and name.
    pub fn sources(&self) -> Vec<&Arc<Source>> {
        self.sources.sorted()
    }

    pub fn filter(&self, tenant: &TenantId, name: &str) -> Option<&Arc<FilterVersion>> {
        self.filters.get(&(tenant.clone(), name.into()))
    }

    /// The versions of a filter that endpoints pin, each with the endpoint, by its id.
    pub fn pins_of<'a>(
        &'a self,
        tenant: &TenantId,
        filter: &'a str,
    ) -> impl Iterator<Item = (&'a Arc<Endpoint>, &'a Arc<FilterVersion>)> + use<'a> {
        self.endpoints_of(tenant).flat_map(move |endpoint| {
            let pins = endpoint.pins().map(|(_, version)| version);
            let own = pins.filter(move |version| *version.name == *filter);
            own.map(move |version| (endpoint, version))
        })
    }

    /// By tenant and name.
    pub fn filters(&self) -> Vec<&Arc<FilterVersion>> {
        self.filters.sorted()
    }

    pub fn table(&self, tenant: &TenantId, name: &str) -> Option<&Arc<TableVersion>> {
        self.tables.get(&(tenant.clone(), name.into()))
    }

    /// By tenant and name.
    pub fn tables(&self) -> Vec<&Arc<TableVersion>> {
        self.tables.sorted()
    }

    /// A chain that an endpoint of this snapshot runs.
    pub fn chain(&self, id: ChainId) -> Option<&Arc<Chain>> {
        self.chains.get(&id).map(|used| &used.chain)
    }

    /// What makes this snapshot's declared resources those of a configuration file, the whole of
    /// it: names keep their ids, new names get new ones, what the file does not name is removed.
    /// Managed resources stay.
    ///
    /// Errors: also for a name that a managed resource has.
    pub fn diff(&self, declared: &Declared) -> Result<ChangeSet, Rejected> {
        let mut diff = Diff::new(self, Origin::Declared);
        diff.put_all(declared);
        diff.remove_the_rest();
        diff.follow();
        diff.remove_idle_tenants();
        diff.finish()
    }

    /// A change of managed resources in the making. It makes no tenant but by its word: what comes
    /// late does not bring back one that was removed.
    pub fn edit(&self) -> Edit<'_> {
        let mut diff = Diff::new(self, Origin::Managed);
        diff.makes_tenants = false;
        Edit(diff)
    }

    /// What creates or changes managed resources, each named once, and their tenants where they
    /// are not there, and leaves all others.
    ///
    /// Errors: also for a name that the configuration file declares.
    pub fn put(&self, managed: &Declared) -> Result<ChangeSet, Rejected> {
        let mut edit = self.edit();
        edit.0.makes_tenants = true;
        edit.put(managed);
        edit.finish()
    }

    /// What removes a managed source, filter, table or endpoint; an empty set if there is none.
    ///
    /// Errors: for a declared one, and for a filter that an endpoint still needs.
    pub fn remove(&self, kind: Kind, tenant: &TenantId, name: &str) -> Result<ChangeSet, Rejected> {
        let mut edit = self.edit();
        edit.remove(kind, tenant, name);
        edit.finish()
    }

    pub(crate) fn set_tenant(&mut self, id: &TenantId, tenant: Option<Arc<Tenant>>) {
        self.tenants_in_order = Arc::default();
        let old = self.tenant(id).and_then(|tenant| tenant.uid.clone());
        if let Some(uid) = old {
            self.uids.remove(&uid);
        }
        let Some(tenant) = tenant else {
            self.tenants.remove(id);
            return;
        };
        if let Some(uid) = tenant.uid.clone() {
            self.uids.insert(uid, id.clone());
        }
        Arc::make_mut(self.estate_mut(id)).tenant = tenant;
    }

    pub(crate) fn set_record(&mut self, name: &RecordName, record: Option<Arc<Record>>) {
        let records = Arc::make_mut(&mut self.records);
        match record {
            Some(record) => records.insert(name.clone(), record),
            None => records.remove(name),
        };
    }

    fn estate_mut(&mut self, id: &TenantId) -> &mut Arc<Estate> {
        self.tenants.shelf_mut(id).entry(id.clone()).or_insert_with(|| {
            Arc::new(Estate {
                // An endpoint may come before its tenant, which then takes this one's place.
                tenant: Arc::new(Tenant::plain(id, Origin::Declared)),
                endpoints: Vec::new(),
                index: TypeIndex::default(),
            })
        })
    }

    pub(crate) fn set_source(&mut self, name: &Name, source: Option<Arc<Source>>) {
        match source {
            Some(source) => self.sources.insert(name.clone(), source),
            None => self.sources.remove(name),
        };
    }

    pub(crate) fn set_filter(&mut self, name: &Name, filter: Option<Arc<FilterVersion>>) {
        match filter {
            Some(filter) => self.filters.insert(name.clone(), filter),
            None => self.filters.remove(name),
        };
    }

    pub(crate) fn set_table(&mut self, name: &Name, table: Option<Arc<TableVersion>>) {
        match table {
            Some(table) => self.tables.insert(name.clone(), table),
            None => self.tables.remove(name),
        };
    }

    pub(crate) fn set_endpoint(&mut self, id: EndpointId, endpoint: Option<Arc<Endpoint>>) {
        if let Some(old) = self.endpoints.remove(&id) {
            self.unlink(&old);
        }
        if let Some(new) = endpoint {
            self.link(&new);
            self.endpoints.insert(id, new);
        }
    }

    fn link(&mut self, endpoint: &Arc<Endpoint>) {
        let name = (endpoint.tenant.clone(), endpoint.name.clone());
        self.names.insert(name, endpoint.id);
        let tenant = Arc::make_mut(self.estate_mut(&endpoint.tenant));
        let place = tenant.endpoints.partition_point(|id| *id < endpoint.id);
        tenant.endpoints.insert(place, endpoint.id);
        tenant.index.add(endpoint);
        if let Some(chain) = &endpoint.chain {
            let entry = self.chains.shelf_mut(&chain.id).entry(chain.id);
            entry.or_insert_with(|| Used { chain: chain.clone(), endpoints: 0 }).endpoints += 1;
        }
    }

    fn unlink(&mut self, endpoint: &Arc<Endpoint>) {
        self.names.remove(&(endpoint.tenant.clone(), endpoint.name.clone()));
        let tenant = Arc::make_mut(self.estate_mut(&endpoint.tenant));
        if let Ok(place) = tenant.endpoints.binary_search(&endpoint.id) {
            tenant.endpoints.remove(place);
        }
        tenant.index.remove(endpoint);
        let Some(id) = endpoint.chain_id() else { return };
        let shelf = self.chains.shelf_mut(&id);
        let Some(used) = shelf.get_mut(&id) else { return };
        used.endpoints -= 1;
        if used.endpoints == 0 {
            shelf.remove(&id);
        }
    }
}
