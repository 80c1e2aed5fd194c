use crate::draft::{self, Drafter};
use crate::row::{
    CounterRow, EndpointRow, FilterRow, PinnedRow, RecordRow, SealedRow, SourceRow, TableRow,
    TenantRow,
};
use crate::shelves::Name;
use crate::tables::Tables;
use crate::{Declared, Endpoint, Kind, RecordKind, Row, RowError, SealingKey, Secrets, Source};
use event::{EndpointId, TenantId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads rows back into tables. They must come sorted by key, for by their kinds' numbers filters
/// come before the endpoints that use them.
pub(crate) fn tables(
    rows: &[Row],
    declared: &Declared,
    key: Option<&SealingKey>,
) -> Result<Tables, RowError> {
    let mut reader = Reader {
        tables: Tables::default(),
        drafter: Drafter::default(),
        lent: Lent::of(declared),
        key,
    };
    rows.iter().try_for_each(|row| reader.read(row))?;
    Ok(reader.tables)
}

struct Reader<'a> {
    tables: Tables,
    drafter: Drafter<'static>,
    lent: Lent,
    key: Option<&'a SealingKey>,
}

/// The secrets of today, by their owner's name.
struct Lent {
    sources: BTreeMap<Name, Secrets>,
    endpoints: BTreeMap<Name, Secrets>,
}

impl Lent {
    fn of(declared: &Declared) -> Lent {
        let sources = declared.sources.iter();
        let endpoints = declared.endpoints.iter();
        Lent {
            sources: sources.map(|s| (name(&s.tenant, &s.name), s.secrets.clone())).collect(),
            endpoints: endpoints.map(|e| (name(&e.tenant, &e.name), e.secrets.clone())).collect(),
        }
    }
}

fn name(tenant: &TenantId, name: &str) -> Name {
    (tenant.clone(), name.into())
}

impl Reader<'_> {
    fn read(&mut self, row: &Row) -> Result<(), RowError> {
        let since = row.key.since;
        match Kind::of(row.key.kind).ok_or_else(|| row.error("a kind not known here"))? {
            Kind::Counter => {
                let value = row.read::<CounterRow>()?.ok_or_else(|| row.error("removed"))?;
                self.tables.set_counter(since, value.next_endpoint);
            }
            Kind::Tenant => {
                let id = row.tenant()?;
                let tenant = row.read::<TenantRow>()?.map(|value| value.tenant(&id));
                self.tables.set_tenant(since, &id, tenant.map(Arc::new));
            }
            Kind::Source => {
                let name = row.name()?;
                let value = row.read::<SourceRow>()?;
                let source = value.map(|value| self.source(row, &name, value)).transpose()?;
                self.tables.set_source(since, &name, source.map(Arc::new));
            }
            Kind::Filter => {
                let name = row.name()?;
                let value = row.read::<FilterRow>()?;
                let filter = value.map(|value| draft::filter(&name, value));
                self.tables.set_filter(since, &name, filter.map(Arc::new));
            }
            Kind::Endpoint => {
                let id = row.endpoint_id()?;
                let value = row.read::<EndpointRow>()?;
                let endpoint = value.map(|value| self.endpoint(row, id, value)).transpose()?;
                self.tables.set_endpoint(since, id, endpoint.map(Arc::new));
            }
            Kind::EventType => self.record(row, RecordKind::EventType)?,
            Kind::Key => self.record(row, RecordKind::Key)?,
            Kind::Table => {
                let name = row.name()?;
                let value = row.read::<TableRow>()?;
                let table = value.map(|value| draft::table(&name, value));
                self.tables.set_table(since, &name, table.map(Arc::new));
            }
        }
        Ok(())
    }

    fn record(&mut self, row: &Row, kind: RecordKind) -> Result<(), RowError> {
        let name = row.record_name(kind)?;
        let record = row.read::<RecordRow>()?.map(|value| value.record(&name));
        self.tables.set_record(row.key.since, &name, record.map(Arc::new));
        Ok(())
    }

    /// Those of today when a file gives them, else those that the row keeps.
    fn secrets(
        &self,
        row: &Row,
        lent: Option<&Secrets>,
        sealed: &[SealedRow],
    ) -> Result<Secrets, RowError> {
        match lent {
            Some(secrets) => Ok(secrets.clone()),
            None => draft::open(sealed, self.key).map_err(|why| row.error(why)),
        }
    }

    fn source(&self, row: &Row, name: &Name, value: SourceRow) -> Result<Source, RowError> {
        let secrets = self.secrets(row, self.lent.sources.get(name), &value.sealed)?;
        Ok(draft::source(name, row.key.since, value, secrets))
    }

    fn endpoint(
        &mut self,
        row: &Row,
        id: EndpointId,
        value: EndpointRow,
    ) -> Result<Endpoint, RowError> {
        let tenant = TenantId::new(&value.tenant);
        let mut filters = Vec::with_capacity(value.filters.len());
        for used in &value.filters {
            let filter = match &used.pinned {
                Some(PinnedRow { filter, settings }) => {
                    Some(Arc::new(settings.version(&tenant, filter.as_str().into())))
                }
                None => self.tables.filter_at(&name(&tenant, &used.name), row.key.since).cloned(),
            };
            let filter = filter.filter(|filter| hex::encode(filter.digest()) == used.digest);
            let missing = || row.error(format!("its version of filter `{}` is gone", used.name));
            filters.push(filter.ok_or_else(missing)?);
        }
        let chain = self.drafter.chain(&tenant, value.condition.as_deref(), filters);
        let chain = chain.map_err(|error| row.error(format!("where: {error}")))?;
        let lent = self.lent.endpoints.get(&name(&tenant, &value.name));
        let secrets = self.secrets(row, lent, &value.sealed)?;
        draft::endpoint(id, row.key.since, value, chain, secrets).map_err(|why| row.error(why))
    }
}
