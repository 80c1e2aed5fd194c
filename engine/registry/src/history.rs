use crate::row::{
    CounterRow, EndpointRow, FilterRow, Form, RecordRow, SourceRow, TableRow, TenantRow,
};
use crate::row::{endpoint_bytes, name_bytes};
use crate::tables::{COUNTER, Tables};
use crate::{
    ChangeSet, Declared, Endpoint, FilterVersion, Kind, Row, RowError, RowKey, SealingKey,
    Snapshot, Source, Stale, revive,
};
use condition::ParsedBody;
use event::{EndpointId, Event, Offset, TenantId};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// A change set of more endpoints than this is not applied one by one: the snapshot is built new.
const ONE_BY_ONE_MAX: usize = 512;

/// Snapshots that are kept though nobody holds them, for who is a few changes behind. Each is as
/// large as all that is configured: those of all changes would fill the memory.
const KEPT: usize = 4;

/// All versions of everything that the log may still ask for.
///
/// A copy is cheap (it shares everything until one of the two changes), so a writer can prepare
/// the next history, commit its rows, and only then let it take the place of the old one.
#[derive(Clone, Debug, Default)]
pub struct History {
    tables: Tables,
    /// The offsets of the changes, with the snapshots that somebody asked for.
    epochs: BTreeMap<Offset, Arc<OnceLock<Arc<Snapshot>>>>,
    latest: Arc<Snapshot>,
}

impl History {
    /// Reads back what `apply` gave and `forget_below` has not taken, in any order. The secrets
    /// of what is declared are lent to all versions of the resources of the same names; `key`
    /// opens those that rows keep.
    ///
    /// Errors: a row of an unknown kind or form, or one that cannot be read or opened.
    pub fn from_rows(
        rows: impl IntoIterator<Item = Row>,
        declared: &Declared,
        key: Option<&SealingKey>,
    ) -> Result<History, RowError> {
        let mut rows: Vec<Row> = rows.into_iter().collect();
        rows.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let tables = revive::tables(&rows, declared, key)?;
        let epochs: BTreeMap<_, _> =
            rows.iter().map(|row| (row.key.since, Arc::default())).collect();
        let since = epochs.last_key_value().map_or(Offset::ZERO, |(since, _)| *since);
        let mut latest = tables.build(Offset::MAX, since);
        latest.revision = 1;
        let mut history = History { tables, epochs, latest: Arc::default() };
        history.settle(latest);
        Ok(history)
    }

    pub fn latest(&self) -> &Arc<Snapshot> {
        &self.latest
    }

    /// The snapshot in force at an offset. Free for the latest one; an older one is built when it
    /// is first asked for, in a time that goes with the number of all resources, and then kept
    /// until nobody holds it and some changes have come after it.
    pub fn at(&self, offset: Offset) -> Arc<Snapshot> {
        if offset >= self.latest.since {
            return self.latest.clone();
        }
        match self.epochs.range(..=offset).next_back() {
            Some((since, kept)) => {
                kept.get_or_init(|| Arc::new(self.tables.build(*since, *since))).clone()
            }
            None => Arc::default(),
        }
    }

    /// The first offset above `offset` from which another snapshot rules.
    pub fn next_change(&self, offset: Offset) -> Option<Offset> {
        self.epochs.range(offset.next()..).next().map(|(since, _)| *since)
    }

    /// The version of an endpoint in force at an offset; none before it was created and after it
    /// was removed. Never builds a snapshot.
    pub fn endpoint_at(&self, id: EndpointId, offset: Offset) -> Option<Arc<Endpoint>> {
        self.tables.endpoint_at(id, offset).cloned()
    }

    /// The version of an endpoint in force at an offset, and all that came after it.
    pub fn endpoints_from(
        &self,
        id: EndpointId,
        offset: Offset,
    ) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.tables.endpoints_from(id, offset)
    }

    /// Whether a version of an endpoint that may have ruled over this event takes it as it came in.
    /// That asks their conditions, each in one piece.
    ///
    /// False is sure of what is kept: the version that it went by may be gone, for another from the
    /// same offset took its place, and what that one's filters made was not the event itself.
    pub fn has_taken_as_it_is(&self, id: EndpointId, event: &Event) -> bool {
        let mut body = ParsedBody::new();
        self.endpoints_from(id, event.offset())
            .any(|version| version.filters.is_empty() && version.asks_for(event, &mut body))
    }

    /// Whether there was a tenant of this id and is none now. Known until `forget_below` has come
    /// past its removal: events of its own may be left as long.
    pub fn is_removed(&self, tenant: &TenantId) -> bool {
        self.tables.is_removed(tenant)
    }

    /// Every version of every filter, in no order.
    pub fn filters(&self) -> impl Iterator<Item = &Arc<FilterVersion>> {
        self.tables.filters()
    }

    /// Every version of a filter that a version of an endpoint pins, in no order.
    pub fn pins(&self) -> impl Iterator<Item = &Arc<FilterVersion>> {
        self.tables.endpoints().flat_map(|endpoint| endpoint.pins()).map(|(_, version)| version)
    }

    /// Puts a change in force from `since` on: the log's next offset at the commit of the rows
    /// that are answered. They all are to be put, a tombstone too.
    ///
    /// Errors: `Stale` changes nothing. Panics when `since` lies before the last change.
    pub fn apply(&mut self, set: ChangeSet, since: Offset) -> Result<Vec<Row>, Stale> {
        if set.base != self.latest.revision {
            return Err(Stale);
        }
        if set.is_empty() {
            return Ok(Vec::new());
        }
        assert!(since >= self.latest.since, "changes come in the order of their offsets");
        let mut next = Snapshot::clone(&self.latest);
        let mut rows = self.apply_parts(&set, since, &mut next);
        let is_large = set.endpoints.len() > ONE_BY_ONE_MAX;
        for (id, draft) in set.endpoints {
            let endpoint = draft.map(|draft| Arc::new(Endpoint { since, ..draft }));
            let value = endpoint.as_deref().map(EndpointRow::of);
            rows.push(row(Kind::Endpoint, endpoint_bytes(id), since, value));
            self.tables.set_endpoint(since, id, endpoint.clone());
            if !is_large {
                next.set_endpoint(id, endpoint);
            }
        }
        if is_large {
            next = self.tables.build(since, since);
        }
        // Last, because endpoints are unlinked from the tenant that they had.
        set.tenants.into_iter().for_each(|(id, tenant)| next.set_tenant(&id, tenant));
        next.since = since;
        next.next_endpoint = set.next_endpoint;
        next.revision = set.base + 1;
        self.settle(next);
        Ok(rows)
    }

    /// Forgets every version that ended at or before `trim`, and answers the rows to remove.
    /// Snapshots and versions at or above `trim` stay as they are; below it nothing is promised.
    pub fn forget_below(&mut self, trim: Offset) -> Vec<RowKey> {
        let ruling = self.epochs.range(..=trim).next_back().map(|(since, _)| *since);
        if let Some(ruling) = ruling {
            self.epochs = self.epochs.split_off(&ruling);
        }
        self.tables.forget_below(trim)
    }

    /// Everything but the endpoints, of which there are few.
    fn apply_parts(&mut self, set: &ChangeSet, since: Offset, next: &mut Snapshot) -> Vec<Row> {
        let mut rows = Vec::new();
        if set.next_endpoint != next.next_endpoint {
            let value = CounterRow { v: Form, next_endpoint: set.next_endpoint };
            rows.push(row(Kind::Counter, COUNTER.into(), since, Some(value)));
            self.tables.set_counter(since, set.next_endpoint);
        }
        for (id, tenant) in &set.tenants {
            let value = tenant.as_deref().map(TenantRow::of);
            rows.push(row(Kind::Tenant, id.as_str().as_bytes().into(), since, value));
            self.tables.set_tenant(since, id, tenant.clone());
        }
        for (name, record) in &set.records {
            let value = record.as_deref().map(RecordRow::of);
            rows.push(row(name.0.into(), name.1.as_bytes().into(), since, value));
            self.tables.set_record(since, name, record.clone());
            next.set_record(name, record.clone());
        }
        for (name, draft) in &set.sources {
            let source = draft.clone().map(|draft| Arc::new(Source { since, ..draft }));
            let value = source.as_deref().map(SourceRow::of);
            rows.push(row(Kind::Source, name_bytes(name), since, value));
            self.tables.set_source(since, name, source.clone());
            next.set_source(name, source);
        }
        for (name, filter) in &set.filters {
            let value = filter.as_deref().map(FilterRow::of);
            rows.push(row(Kind::Filter, name_bytes(name), since, value));
            self.tables.set_filter(since, name, filter.clone());
            next.set_filter(name, filter.clone());
        }
        for (name, table) in &set.tables {
            let value = table.as_deref().map(TableRow::of);
            rows.push(row(Kind::Table, name_bytes(name), since, value));
            self.tables.set_table(since, name, table.clone());
            next.set_table(name, table.clone());
        }
        rows
    }

    fn settle(&mut self, latest: Snapshot) {
        self.latest = Arc::new(latest);
        let kept = Arc::new(OnceLock::from(self.latest.clone()));
        self.epochs.insert(self.latest.since, kept);
        for epoch in self.epochs.values_mut().rev().skip(KEPT) {
            if epoch.get().is_some_and(|snapshot| Arc::strong_count(snapshot) == 1) {
                *epoch = Arc::default();
            }
        }
    }
}

fn row(kind: Kind, id: Box<[u8]>, since: Offset, value: Option<impl Serialize>) -> Row {
    match value {
        Some(value) => Row::new(kind, id, since, &value),
        None => Row::tombstone(kind, id, since),
    }
}
