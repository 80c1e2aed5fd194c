use crate::guests::{Fate, fate};
use event::{EndpointId, Event, Offset};
use log::RegistryKey;
use registry::{Declared, Endpoint, History, Row, RowKey};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every version that was ever in force, also those that retention has let go.
#[derive(Default)]
pub struct Versions {
    rows: BTreeMap<RegistryKey, Vec<u8>>,
    /// Rows that the engine has forgotten on purpose.
    forgotten: BTreeMap<RegistryKey, Vec<u8>>,
    endpoints: BTreeMap<EndpointId, BTreeMap<Offset, Option<Arc<Endpoint>>>>,
    /// Replaced by another from the same offset on. No event is at home in them, but a lane that
    /// was behind may have gone by one.
    replaced: BTreeMap<EndpointId, Vec<Arc<Endpoint>>>,
    latest: Arc<registry::Snapshot>,
}

impl Versions {
    pub fn put(&mut self, key: RegistryKey, value: Vec<u8>) {
        self.rows.insert(key, value);
    }

    pub fn forget(&mut self, key: &RegistryKey) {
        if let Some(value) = self.rows.get(key) {
            self.forgotten.insert(key.clone(), value.clone());
        }
    }

    /// After a crash: what the log has, and what it had let go before.
    pub fn read_back(&mut self, rows: Vec<(RegistryKey, Vec<u8>)>) {
        self.rows = self.forgotten.clone();
        self.rows.extend(rows);
        self.build();
    }

    /// Brings the tables in line with the rows.
    pub fn build(&mut self) {
        let rows = self.rows.iter().map(|(key, value)| Row {
            key: RowKey { kind: key.kind, id: key.id.clone(), since: key.since },
            value: value.clone(),
        });
        let history = History::from_rows(rows, &Declared::default(), None).expect("rows are sound");
        let mut offsets: Vec<Offset> = self.rows.keys().map(|key| key.since).collect();
        offsets.sort_unstable();
        offsets.dedup();
        let before = std::mem::take(&mut self.endpoints);
        self.latest = history.latest().clone();
        for since in offsets {
            let snapshot = history.at(since);
            for endpoint in snapshot.endpoints() {
                let versions = self.endpoints.entry(endpoint.id).or_default();
                versions.insert(endpoint.since, Some(endpoint.clone()));
            }
            for (id, versions) in &mut self.endpoints {
                if snapshot.endpoint(*id).is_none() {
                    versions.insert(since, None);
                }
            }
        }
        for (id, versions) in before {
            for old in versions.into_values().flatten() {
                self.keep_replaced(id, old);
            }
        }
    }

    fn keep_replaced(&mut self, id: EndpointId, old: Arc<Endpoint>) {
        let now = self.at(id, old.since);
        let is_kept = now.is_some_and(|now| now.since == old.since && is_alike(now, &old));
        let replaced = self.replaced.entry(id).or_default();
        if !is_kept && !replaced.iter().any(|r| r.since == old.since && is_alike(r, &old)) {
            replaced.push(old);
        }
    }

    pub fn at(&self, id: EndpointId, offset: Offset) -> Option<&Arc<Endpoint>> {
        let versions = self.endpoints.get(&id)?;
        versions.range(..=offset).next_back()?.1.as_ref()
    }

    pub fn exists(&self, id: EndpointId) -> bool {
        self.latest.endpoint(id).is_some()
    }

    /// It is there, and its newest version delivers the event.
    pub fn wants_by_now(&self, id: EndpointId, event: &Event) -> bool {
        self.latest.endpoint(id).is_some_and(|endpoint| {
            let fate = fate(endpoint.chain.as_deref(), event);
            wants(endpoint, event) && matches!(fate, Fate::Outputs(bodies) if !bodies.is_empty())
        })
    }

    pub fn ids(&self) -> impl Iterator<Item = EndpointId> {
        self.endpoints.keys().copied()
    }

    /// The version in force at the offset, and all that came after it.
    pub fn from(&self, id: EndpointId, offset: Offset) -> Vec<&Arc<Endpoint>> {
        let own = self.at(id, offset);
        let later = self.endpoints.get(&id).into_iter().flat_map(|v| v.range(offset.next()..));
        let replaced = self.replaced.get(&id).into_iter().flatten();
        let replaced = replaced.filter(|version| version.since >= offset);
        let later = later.filter_map(|(_, version)| version.as_ref()).chain(replaced);
        own.into_iter().chain(later).collect()
    }

    /// Some version of it was replaced by another from the same offset on.
    pub fn has_replaced(&self, id: EndpointId) -> bool {
        self.replaced.get(&id).is_some_and(|replaced| !replaced.is_empty())
    }

    pub fn all(&self, id: EndpointId) -> impl Iterator<Item = &Arc<Endpoint>> {
        let replaced = self.replaced.get(&id).into_iter().flatten();
        self.endpoints.get(&id).into_iter().flat_map(|v| v.values()).flatten().chain(replaced)
    }

    /// The versions, of those that may rule the event, by which output k reads like this.
    /// What was postponed waits for whatever its endpoint has become.
    pub fn that_say(
        &self,
        id: EndpointId,
        event: &Event,
        output: (u32, &[u8]),
        was_postponed: bool,
    ) -> Vec<Offset> {
        let (k, body) = output;
        let says = |version: &&Arc<Endpoint>| {
            (was_postponed || wants(version, event))
                && match fate(version.chain.as_deref(), event) {
                    Fate::Outputs(bodies) => bodies.get(k as usize).is_some_and(|b| b == body),
                    _ => false,
                }
        };
        self.from(id, event.offset()).into_iter().filter(says).map(|v| v.since).collect()
    }
}

fn is_alike(a: &Endpoint, b: &Endpoint) -> bool {
    a.chain_id() == b.chain_id() && a.types == b.types && a.terms == b.terms
}

/// Written apart from the registry's own index: the same tenant, and exact, `stem.*`, or `*`; or
/// what is for this endpoint alone.
pub fn wants(endpoint: &Endpoint, event: &Event) -> bool {
    if endpoint.tenant != event.envelope.tenant {
        return false;
    }
    if let Some(address) = event.envelope.headers.first("forebay-endpoint") {
        return *address == *format!("ep_{}", endpoint.id.0).into_bytes();
    }
    let event_type = &*event.envelope.event_type;
    let fits = |pattern: String| match pattern.strip_suffix('*') {
        Some(stem) => event_type.starts_with(stem) && event_type.len() > stem.len(),
        None => pattern == event_type,
    };
    endpoint.types.is_empty() || endpoint.types.iter().any(|pattern| fits(pattern.to_string()))
}
