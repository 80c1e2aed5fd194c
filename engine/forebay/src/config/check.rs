use crate::config::notes::Notes;
use crate::config::problem::{Place, Shows};
use crate::config::shipped::{PREFIX, Shipped, unknown};
use crate::config::tree::{self, Table, Value};
use crate::config::{Config, Filter, Unread};
use delivery::{Address, Guard};
use event::{Refusal, TenantId};
use ingest::SourceTable;
use registry::{DeclaredEndpoint, DeclaredError, Pin};
use std::net::{IpAddr, Ipv4Addr};

/// Whether the parts agree with each other. The rooms that will run them are asked, so nothing
/// that passes is refused when the engine starts.
pub(crate) fn all(config: &Config, table: &Table, text: &str, notes: &mut Notes) {
    let tables = Tables { table, text };
    for endpoint in &config.endpoints {
        shipped(config, endpoint, &tables, notes);
    }
    if let Err(rejected) = config.declared().check() {
        rejected.0.iter().for_each(|error| tables.note(error, notes));
    }
    for endpoint in &config.endpoints {
        url(config, endpoint, &tables, notes);
    }
    // One error of a source at a time is told by ingest, and it names the source itself.
    if notes.is_clean()
        && let Err(message) = sources(config)
    {
        notes.refuse(Place::Nowhere, Shows::Line, message, None);
    }
    let is_short = config.log.retention.unread == Unread::Expire
        && config.log.retention.age < config.delivery.terms.timeout;
    if is_short {
        let place = tables.place(table, &["log", "retention", "age"]);
        let message = "events would expire before one attempt at their delivery could end";
        notes.refuse(place, Shows::Line, message, Some("keep them for days".into()));
    }
}

fn sources(config: &Config) -> Result<(), String> {
    let sources = config.ways_in().map_err(|bad| bad.to_string())?;
    SourceTable::new(sources).map(drop).map_err(|bad| bad.to_string())
}

/// What an endpoint names that comes with the engine must be there, and start without a
/// configuration.
fn shipped(config: &Config, endpoint: &DeclaredEndpoint, tables: &Tables<'_>, notes: &mut Notes) {
    let (tenant, of) = (endpoint.tenant.as_str(), endpoint.name.as_str());
    let names = endpoint.filters.iter().map(|entry| Pin::filter_of(entry));
    for name in names.filter(|name| name.starts_with(PREFIX)) {
        let is_declared = |filter: &Filter| filter.name == name && filter.tenant == endpoint.tenant;
        if config.filters.iter().any(is_declared) {
            continue;
        }
        let (message, advice) = match Shipped::find(name).map(Shipped::needs) {
            None => unknown(name),
            Some(needs) if needs.is_empty() => continue,
            Some(needs) => (
                format!("{name:?} needs a configuration, with `{}`", needs.join("`, `")),
                format!("declare a [[filter]] with module = {name:?} and `config`, and name that"),
            ),
        };
        notes.refuse(
            tables.field("endpoint", tenant, of, "filters"),
            Shows::Line,
            message,
            Some(advice),
        );
    }
}

/// What the egress guard will never let through is told now, and not at the first event.
fn url(config: &Config, endpoint: &DeclaredEndpoint, tables: &Tables<'_>, notes: &mut Notes) {
    if endpoint.url.is_empty() {
        return;
    }
    let guard = Guard::new(config.guard());
    let Err(refusal) = vetted(&guard, &endpoint.url) else { return };
    let (tenant, name) = (endpoint.tenant.as_str(), endpoint.name.as_str());
    let place = tables.field("endpoint", tenant, name, "url");
    if notes.has_problem_at(&place) {
        return;
    }
    let advice = match &*refusal.allow {
        "" => None,
        allow if refusal.rule.starts_with("loopback") => {
            Some(format!("for development start with `--dev`; else say {allow}"))
        }
        allow => Some(format!("if it is meant, say {allow}")),
    };
    let message = format!("`url` of endpoint `{name}` is refused: {}", refusal.rule);
    notes.refuse(place, Shows::Line, message, advice);
}

/// What the guard says of a URL by what is written there alone.
pub(crate) fn vetted(guard: &Guard, url: &str) -> Result<(), Refusal> {
    let address = Address::parse(url)?;
    guard.vet(&address)?;
    let host = address.host();
    if host == "localhost" || host.ends_with(".localhost") {
        let ip = IpAddr::from(Ipv4Addr::LOCALHOST);
        guard.vet_socket((ip, address.port()).into())?;
    }
    Ok(())
}

/// The file as it was parsed, to find where a resource's field is.
pub(crate) struct Tables<'a> {
    pub table: &'a Table,
    pub text: &'a str,
}

impl Tables<'_> {
    pub fn note(&self, error: &DeclaredError, notes: &mut Notes) {
        let mut place = self.field(error.kind, &error.tenant, &error.name, error.field);
        if notes.has_problem_at(&place) {
            return;
        }
        let message = match (&error.place, &mut place) {
            (Some(inner), Place::File(range)) => {
                let raw = self.text.get(range.clone()).unwrap_or_default();
                let at = range.start + tree::inside(raw, inner.line, inner.column);
                *range = at..at + 1;
                format!("`where` of endpoint `{}`: {}", error.name, inner.reason)
            }
            _ => error.to_string(),
        };
        let advice = error.place.as_ref().and_then(|place| place.hint.clone());
        notes.refuse(place, Shows::Line, message, advice);
    }

    /// Of the field's value, else of the name, else of nothing. Of namesakes the last is meant.
    fn field(&self, kind: &str, tenant: &str, name: &str, field: &str) -> Place {
        let Some(Value::List(nodes)) = self.table.node(kind).map(|node| &node.value) else {
            return Place::Nowhere;
        };
        let mut tables = nodes.iter().filter_map(|node| match &node.value {
            Value::Table(table) => Some(table),
            _ => None,
        });
        let text_of = |table: &Table, key: &str| {
            table.node(key).and_then(|node| node.value.text()).map(str::to_owned)
        };
        let is_meant = |table: &&Table| {
            text_of(table, "name").as_deref() == Some(name)
                && text_of(table, "app").as_deref().unwrap_or(TenantId::DEFAULT) == tenant
        };
        let Some(table) = tables.rfind(is_meant) else { return Place::Nowhere };
        let node = table.node(field).or_else(|| table.node("name"));
        node.map_or(Place::Nowhere, |node| node.place.clone())
    }

    fn place(&self, table: &Table, path: &[&str]) -> Place {
        let [key, rest @ ..] = path else { return table.place.clone() };
        match table.node(key) {
            Some(node) => match &node.value {
                Value::Table(inner) if !rest.is_empty() => self.place(inner, rest),
                _ => node.place.clone(),
            },
            None => Place::Nowhere,
        }
    }
}
