use crate::record::RecordName;
use crate::row::{endpoint_bytes, name_bytes};
use crate::shelves::{Name, Shelved, Shelves};
use crate::versions::Versions;
use crate::{
    Endpoint, FilterVersion, Kind, Record, RowKey, Snapshot, Source, TableVersion, Tenant,
};
use event::{EndpointId, Offset, TenantId};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const COUNTER: &[u8] = b"endpoint";

/// All versions of everything, by kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    counters: Versions<u64>,
    tenants: Shelves<TenantId, Versions<Tenant>>,
    records: Shelves<RecordName, Versions<Record>>,
    sources: Shelves<Name, Versions<Source>>,
    filters: Shelves<Name, Versions<FilterVersion>>,
    tables: Shelves<Name, Versions<TableVersion>>,
    endpoints: Shelves<EndpointId, Versions<Endpoint>>,
    /// By the offset that the trim must reach before nothing needs these rows.
    superseded: BTreeMap<Offset, Vec<Key>>,
}

/// A row's key, before it is bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    thing: Thing,
    since: Offset,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Counter,
    Tenant(TenantId),
    Record(RecordName),
    Source(Name),
    Filter(Name),
    Table(Name),
    Endpoint(EndpointId),
}

impl Tables {
    pub(crate) fn set_counter(&mut self, since: Offset, next: u64) {
        let ended = self.counters.set(since, Some(Arc::new(next)));
        self.supersede(Thing::Counter, since, ended, false);
    }

    pub(crate) fn set_tenant(&mut self, since: Offset, id: &TenantId, value: Option<Arc<Tenant>>) {
        let is_gone = value.is_none();
        let ended = entry(&mut self.tenants, id).set(since, value);
        self.supersede(Thing::Tenant(id.clone()), since, ended, is_gone);
    }

    pub(crate) fn is_removed(&self, tenant: &TenantId) -> bool {
        self.tenants.get(tenant).is_some_and(|versions| versions.is_removed())
    }

    pub(crate) fn set_record(
        &mut self,
        since: Offset,
        name: &RecordName,
        value: Option<Arc<Record>>,
    ) {
        let is_gone = value.is_none();
        let ended = entry(&mut self.records, name).set(since, value);
        self.supersede(Thing::Record(name.clone()), since, ended, is_gone);
    }

    pub(crate) fn set_source(&mut self, since: Offset, name: &Name, value: Option<Arc<Source>>) {
        let is_gone = value.is_none();
        let ended = entry(&mut self.sources, name).set(since, value);
        self.supersede(Thing::Source(name.clone()), since, ended, is_gone);
    }

    pub(crate) fn set_filter(
        &mut self,
        since: Offset,
        name: &Name,
        value: Option<Arc<FilterVersion>>,
    ) {
        let is_gone = value.is_none();
        let ended = entry(&mut self.filters, name).set(since, value);
        self.supersede(Thing::Filter(name.clone()), since, ended, is_gone);
    }

    pub(crate) fn set_table(
        &mut self,
        since: Offset,
        name: &Name,
        value: Option<Arc<TableVersion>>,
    ) {
        let is_gone = value.is_none();
        let ended = entry(&mut self.tables, name).set(since, value);
        self.supersede(Thing::Table(name.clone()), since, ended, is_gone);
    }

    pub(crate) fn set_endpoint(
        &mut self,
        since: Offset,
        id: EndpointId,
        value: Option<Arc<Endpoint>>,
    ) {
        let is_gone = value.is_none();
        let ended = entry(&mut self.endpoints, &id).set(since, value);
        self.supersede(Thing::Endpoint(id), since, ended, is_gone);
    }

    pub(crate) fn endpoint_at(&self, id: EndpointId, offset: Offset) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(&id)?.at(offset)
    }

    pub(crate) fn endpoints_from(
        &self,
        id: EndpointId,
        offset: Offset,
    ) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.endpoints.get(&id).into_iter().flat_map(move |versions| versions.from(offset))
    }

    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.endpoints.iter().flat_map(|(_, versions)| versions.all())
    }

    pub(crate) fn filters(&self) -> impl Iterator<Item = &Arc<FilterVersion>> {
        self.filters.iter().flat_map(|(_, versions)| versions.all())
    }

    pub(crate) fn filter_at(&self, name: &Name, offset: Offset) -> Option<&Arc<FilterVersion>> {
        self.filters.get(name)?.at(offset)
    }

    /// Everything in force at an offset, in a snapshot that rules from `since` on.
    pub(crate) fn build(&self, offset: Offset, since: Offset) -> Snapshot {
        let mut snapshot = Snapshot::default();
        snapshot.since = since;
        let given = self.endpoints.iter().map(|(id, _)| id.0).max().unwrap_or(0);
        let counted = self.counters.at(offset).map_or(0, |next| **next);
        // A counter row is never behind the ids; if one were, no id would be given twice.
        snapshot.next_endpoint = counted.max(given + 1);
        for (tenant, versions) in self.tenants.iter() {
            snapshot.set_tenant(tenant, versions.at(offset).cloned());
        }
        for (name, versions) in self.records.iter() {
            snapshot.set_record(name, versions.at(offset).cloned());
        }
        for (name, versions) in self.sources.iter() {
            snapshot.set_source(name, versions.at(offset).cloned());
        }
        for (name, versions) in self.filters.iter() {
            snapshot.set_filter(name, versions.at(offset).cloned());
        }
        for (name, versions) in self.tables.iter() {
            snapshot.set_table(name, versions.at(offset).cloned());
        }
        // In id order, where the match index only ever appends.
        for endpoint in self.endpoints.sorted().into_iter().filter_map(|v| v.at(offset)) {
            snapshot.set_endpoint(endpoint.id, Some(endpoint.clone()));
        }
        snapshot
    }

    /// Drops the versions that nothing at or above `trim` needs, and answers their rows' keys.
    pub(crate) fn forget_below(&mut self, trim: Offset) -> Vec<RowKey> {
        let later = self.superseded.split_off(&trim.next());
        let due = std::mem::replace(&mut self.superseded, later);
        let mut keys: Vec<Key> = due.into_values().flatten().collect();
        keys.sort_unstable();
        keys.dedup();
        // A version that was replaced in place since it was noted may be in force again.
        keys.retain(|key| self.is_spent(key, trim));
        keys.iter().for_each(|key| self.forget(key));
        keys.into_iter().map(RowKey::from).collect()
    }

    /// Notes what the trim makes useless when it reaches `since`: the version that ended there,
    /// and a tombstone that began there, for then nothing is left for it to hide.
    fn supersede(&mut self, thing: Thing, since: Offset, ended: Option<Offset>, is_gone: bool) {
        for since_of in ended.into_iter().chain(is_gone.then_some(since)) {
            let key = Key { thing: thing.clone(), since: since_of };
            self.superseded.entry(since).or_default().push(key);
        }
    }

    fn is_spent(&self, key: &Key, trim: Offset) -> bool {
        let since = key.since;
        let answer = match &key.thing {
            Thing::Counter => Some(self.counters.is_spent(since, trim)),
            Thing::Tenant(id) => self.tenants.get(id).map(|v| v.is_spent(since, trim)),
            Thing::Record(name) => self.records.get(name).map(|v| v.is_spent(since, trim)),
            Thing::Source(name) => self.sources.get(name).map(|v| v.is_spent(since, trim)),
            Thing::Filter(name) => self.filters.get(name).map(|v| v.is_spent(since, trim)),
            Thing::Table(name) => self.tables.get(name).map(|v| v.is_spent(since, trim)),
            Thing::Endpoint(id) => self.endpoints.get(id).map(|v| v.is_spent(since, trim)),
        };
        answer.unwrap_or(false)
    }

    fn forget(&mut self, key: &Key) {
        match &key.thing {
            Thing::Counter => self.counters.remove(key.since),
            Thing::Tenant(id) => remove(&mut self.tenants, id, key.since),
            Thing::Record(name) => remove(&mut self.records, name, key.since),
            Thing::Source(name) => remove(&mut self.sources, name, key.since),
            Thing::Filter(name) => remove(&mut self.filters, name, key.since),
            Thing::Table(name) => remove(&mut self.tables, name, key.since),
            Thing::Endpoint(id) => remove(&mut self.endpoints, id, key.since),
        }
    }
}

fn entry<'a, K: Shelved, T: Clone>(
    of: &'a mut Shelves<K, Versions<T>>,
    key: &K,
) -> &'a mut Versions<T> {
    of.shelf_mut(key).entry(key.clone()).or_default()
}

fn remove<K: Shelved, T: Clone>(from: &mut Shelves<K, Versions<T>>, key: &K, since: Offset) {
    let versions = entry(from, key);
    versions.remove(since);
    if versions.is_empty() {
        from.remove(key);
    }
}

impl From<Key> for RowKey {
    fn from(key: Key) -> RowKey {
        let (kind, id) = match key.thing {
            Thing::Counter => (Kind::Counter, COUNTER.into()),
            Thing::Tenant(id) => (Kind::Tenant, id.as_str().as_bytes().into()),
            Thing::Record((kind, name)) => (kind.into(), name.as_bytes().into()),
            Thing::Source(name) => (Kind::Source, name_bytes(&name)),
            Thing::Filter(name) => (Kind::Filter, name_bytes(&name)),
            Thing::Table(name) => (Kind::Table, name_bytes(&name)),
            Thing::Endpoint(id) => (Kind::Endpoint, endpoint_bytes(id)),
        };
        RowKey { kind: kind as u8, id, since: key.since }
    }
}
