use crate::record::RecordName;
use crate::row::{
    EndpointRow, FilterRow, FilterUse, Form, PinnedRow, RecordRow, SealedRow, SettingsRow,
    SourceRow, TableRow, TenantRow, TermsRow,
};
use crate::shelves::Name;
use crate::{
    Chain, ChainId, Endpoint, FilterVersion, Origin, Record, SealingKey, Secret, Secrets, Snapshot,
    Source, TableVersion, Tenant, Terms, TypePattern,
};
use condition::{Condition, ConditionError};
use event::{EndpointId, Offset, TenantId, Throttle, Time};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Makes resources from their rows; what is declared goes through a row too, so both ways give
/// the same thing. Equal chains and conditions are made once.
#[derive(Default)]
pub(crate) struct Drafter<'a> {
    known: Option<&'a Snapshot>,
    conditions: BTreeMap<Box<str>, Arc<Condition>>,
    chains: BTreeMap<ChainId, Arc<Chain>>,
}

impl<'a> Drafter<'a> {
    /// Takes chains from a snapshot where it has them.
    pub(crate) fn with(known: &'a Snapshot) -> Drafter<'a> {
        Drafter { known: Some(known), ..Drafter::default() }
    }

    pub(crate) fn chain(
        &mut self,
        tenant: &TenantId,
        condition: Option<&str>,
        filters: Vec<Arc<FilterVersion>>,
    ) -> Result<Option<Arc<Chain>>, ConditionError> {
        if condition.is_none() && filters.is_empty() {
            return Ok(None);
        }
        let id = ChainId::of(tenant, condition, &filters);
        let known = self.known.and_then(|known| known.chain(id)).or_else(|| self.chains.get(&id));
        if let Some(chain) = known {
            return Ok(Some(chain.clone()));
        }
        let condition = condition.map(|text| self.compile(text)).transpose()?;
        let run = ChainId::of(tenant, None, &filters);
        let chain = Arc::new(Chain { id, run, tenant: tenant.clone(), condition, filters });
        self.chains.insert(id, chain.clone());
        Ok(Some(chain))
    }

    fn compile(&mut self, text: &str) -> Result<Arc<Condition>, ConditionError> {
        if let Some(condition) = self.conditions.get(text) {
            return Ok(condition.clone());
        }
        let condition = Arc::new(Condition::compile(text)?);
        self.conditions.insert(text.into(), condition.clone());
        Ok(condition)
    }
}

pub(crate) fn endpoint(
    id: EndpointId,
    since: Offset,
    row: EndpointRow,
    chain: Option<Arc<Chain>>,
    secrets: Secrets,
) -> Result<Endpoint, String> {
    let types = row.types.iter().map(|text| TypePattern::parse(text));
    Ok(Endpoint {
        id,
        tenant: TenantId::new(&row.tenant),
        name: row.name.into(),
        since,
        origin: row.origin,
        url: row.url.into(),
        types: types.collect::<Result<_, _>>().map_err(|e| e.to_string())?,
        filters: row.filters.into_iter().map(|filter| filter.name.into()).collect(),
        chain,
        terms: row.terms.into_terms(),
        secrets,
        secret_digests: row.secret_digests,
        about: row.about.into(),
        headers: row.headers.into_iter().map(|(n, v)| (n.into(), v.into())).collect(),
        is_disabled: row.disabled,
    })
}

pub(crate) fn source(name: &Name, since: Offset, row: SourceRow, secrets: Secrets) -> Source {
    Source {
        tenant: name.0.clone(),
        name: name.1.clone(),
        since,
        origin: row.origin,
        path: row.path.into(),
        scheme: row.scheme.into(),
        settings: row.settings.into(),
        secrets,
        about: row.about.into(),
        secret_digests: row.secret_digests,
    }
}

pub(crate) fn filter(name: &Name, row: FilterRow) -> FilterVersion {
    FilterVersion {
        origin: row.origin,
        candidate: row.candidate,
        about: row.about.into(),
        ..row.settings.version(&name.0, name.1.clone())
    }
}

pub(crate) fn table(name: &Name, row: TableRow) -> TableVersion {
    TableVersion {
        tenant: name.0.clone(),
        name: name.1.clone(),
        origin: row.origin,
        content: row.content,
        earlier: row.earlier.into(),
        about: row.about.into(),
    }
}

impl TableRow {
    pub(crate) fn of(table: &TableVersion) -> TableRow {
        TableRow {
            v: Form,
            origin: table.origin,
            content: table.content,
            earlier: table.earlier.to_vec(),
            about: table.about.to_string(),
        }
    }
}

impl EndpointRow {
    /// Of the configurations that it pins.
    pub(crate) fn pinned_bytes(&self) -> usize {
        self.filters
            .iter()
            .filter_map(|used| used.pinned.as_ref())
            .map(|row| row.settings.config.len())
            .sum()
    }

    pub(crate) fn of(endpoint: &Endpoint) -> EndpointRow {
        let chain = endpoint.chain.as_deref();
        EndpointRow {
            v: Form,
            tenant: endpoint.tenant.as_str().to_owned(),
            name: endpoint.name.to_string(),
            origin: endpoint.origin,
            url: endpoint.url.to_string(),
            types: endpoint.types.iter().map(TypePattern::to_string).collect(),
            condition: chain
                .and_then(|chain| chain.condition.as_deref())
                .map(|condition| condition.text().to_owned()),
            filters: chain.map_or(Vec::new(), |chain| {
                uses(endpoint.filters.iter().map(|entry| &**entry), &chain.filters)
            }),
            terms: TermsRow::of(&endpoint.terms),
            headers: pairs(&endpoint.headers),
            secret_digests: endpoint.secret_digests.clone(),
            sealed: sealed(&endpoint.secrets),
            about: endpoint.about.to_string(),
            disabled: endpoint.is_disabled,
        }
    }
}

/// Of versions, with the entries that name them.
pub(crate) fn uses<'a>(
    entries: impl Iterator<Item = &'a str>,
    filters: &[Arc<FilterVersion>],
) -> Vec<FilterUse> {
    let both = entries.zip(filters);
    let uses = both.map(|(entry, filter)| FilterUse {
        name: entry.to_owned(),
        digest: hex::encode(filter.digest()),
        pinned: (*entry != *filter.name).then(|| PinnedRow {
            filter: filter.name.to_string(),
            settings: SettingsRow::of(filter),
        }),
    });
    uses.collect()
}

impl SettingsRow {
    fn of(filter: &FilterVersion) -> SettingsRow {
        SettingsRow {
            module: filter.module,
            config: filter.config.to_string(),
            limits: filter.limits,
            on_error: filter.on_error,
            isolate: filter.isolate,
            circuit: filter.circuit,
        }
    }

    /// Managed, with nothing beside it and nothing kept of it.
    pub(crate) fn version(&self, tenant: &TenantId, name: Arc<str>) -> FilterVersion {
        FilterVersion {
            tenant: tenant.clone(),
            name,
            origin: Origin::Managed,
            module: self.module,
            config: self.config.as_str().into(),
            limits: self.limits,
            on_error: self.on_error,
            isolate: self.isolate,
            circuit: self.circuit,
            candidate: None,
            about: "{}".into(),
        }
    }
}

fn pairs(headers: &[(Arc<str>, Arc<str>)]) -> Vec<(String, String)> {
    headers.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect()
}

/// Those that rows are to keep.
pub(crate) fn sealed(secrets: &Secrets) -> Vec<SealedRow> {
    let one = |secret: &Secret| {
        let text = secret.sealed()?.to_string();
        Some(SealedRow { text, until_ms: secret.retires().map(Time::millis) })
    };
    secrets.iter().filter_map(one).collect()
}

/// Opens what `sealed` gave.
pub(crate) fn open(rows: &[SealedRow], key: Option<&SealingKey>) -> Result<Secrets, String> {
    let one = |row: &SealedRow| {
        let key = key.ok_or("its secrets are sealed, and there is no key that opens them")?;
        let text = key.open(&row.text).map_err(|err| format!("its secrets: {err}"))?;
        Ok(Secret::revived(&text, &row.text, row.until_ms.map(Time::from_millis)))
    };
    rows.iter().map(one).collect::<Result<_, String>>().map(Secrets::new)
}

/// What a secret's digest is salted with.
pub(crate) fn owner(tenant: &TenantId, name: &str) -> Vec<u8> {
    format!("{}\0{name}", tenant.as_str()).into_bytes()
}

impl SourceRow {
    pub(crate) fn of(source: &Source) -> SourceRow {
        SourceRow {
            v: Form,
            origin: source.origin,
            path: source.path.to_string(),
            scheme: source.scheme.to_string(),
            settings: source.settings.to_string(),
            secret_digests: source.secret_digests.clone(),
            sealed: sealed(&source.secrets),
            about: source.about.to_string(),
        }
    }
}

impl TenantRow {
    pub(crate) fn of(tenant: &Tenant) -> TenantRow {
        TenantRow {
            v: Form,
            origin: tenant.origin,
            uid: tenant.uid.as_deref().map(str::to_owned),
            rate: tenant.throttle.as_ref().map(|throttle| throttle.rate()),
            about: tenant.about.to_string(),
        }
    }

    pub(crate) fn tenant(self, id: &TenantId) -> Tenant {
        Tenant {
            id: id.clone(),
            origin: self.origin,
            uid: self.uid.map(Arc::from),
            throttle: self.rate.map(|rate| Arc::new(Throttle::new(rate))),
            about: self.about.into(),
        }
    }
}

impl RecordRow {
    pub(crate) fn of(record: &Record) -> RecordRow {
        RecordRow { v: Form, origin: record.origin, about: record.about.to_string() }
    }

    pub(crate) fn record(self, (kind, name): &RecordName) -> Record {
        Record { kind: *kind, name: name.clone(), origin: self.origin, about: self.about.into() }
    }
}

impl FilterRow {
    pub(crate) fn of(filter: &FilterVersion) -> FilterRow {
        FilterRow {
            v: Form,
            origin: filter.origin,
            settings: SettingsRow::of(filter),
            candidate: filter.candidate.clone(),
            about: filter.about.to_string(),
        }
    }
}

impl TermsRow {
    pub(crate) fn of(terms: &Terms) -> TermsRow {
        TermsRow {
            ordering: terms.ordering,
            schedule_ms: terms.schedule.iter().map(millis).collect(),
            jitter: terms.jitter,
            timeout_ms: millis(&terms.timeout),
            concurrency: terms.concurrency,
            rate: terms.rate,
            disable_after_ms: millis(&terms.disable_after),
        }
    }

    fn into_terms(self) -> Terms {
        Terms {
            ordering: self.ordering,
            schedule: self.schedule_ms.into_iter().map(Duration::from_millis).collect(),
            jitter: self.jitter,
            timeout: Duration::from_millis(self.timeout_ms),
            concurrency: self.concurrency,
            rate: self.rate,
            disable_after: Duration::from_millis(self.disable_after_ms),
        }
    }
}

fn millis(span: &Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
