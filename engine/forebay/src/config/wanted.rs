//! Resources that a file wants to be on a server: in the shape of a configuration's, and read by
//! the same code, for whoever makes them true through the management API.

mod read;
mod words;

use crate::config::check::Tables;
use crate::config::load::Reach;
use crate::config::notes::Notes;
use crate::config::problem::{ConfigError, Place, Shows};
use crate::config::tree::{self, Table, Value};
use crate::config::{BadSource, Origin};
use event::TenantId;
use read::Found;
use registry::{Declared, DeclaredFilter, ModuleDigest, Pin, Secret};
use serde_json::Map;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// What a resource is, in the order in which they need each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    App,
    EventType,
    Table,
    Filter,
    Source,
    Endpoint,
}

/// A file of wanted resources.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Relative paths in it count from its folder.
    pub path: PathBuf,
    pub text: String,
}

/// What resources have beside their name: each in a file's words, left out where it is as usual.
pub type Words = Map<String, serde_json::Value>;

/// One resource as a file wants it.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub kind: ResourceKind,
    /// The application that it is of, by uid or id; empty for what is the node's own.
    pub app: String,
    pub name: String,
    pub words: Words,
    /// Of a filter alone.
    pub module: Option<Module>,
    /// Of what is tried beside a filter, where that has a module of its own.
    pub candidate: Option<Module>,
    /// Of a lookup table that is made of a file.
    pub table: Option<TableText>,
    /// Of a source or an endpoint that names one.
    pub secret: Option<Secret>,
    /// Of an endpoint; their values are for the receiver alone. An empty one takes a header out.
    pub headers: BTreeMap<String, String>,
    /// Where it was written.
    pub origin: Origin,
}

/// What a lookup table is made of, as the management API takes it.
#[derive(Clone)]
pub struct TableText {
    pub text: Arc<[u8]>,
    pub media_type: &'static str,
    /// The columns that it is read by.
    pub key: Option<String>,
    pub value: Option<String>,
}

impl std::fmt::Debug for TableText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TableText({} bytes of {})", self.text.len(), self.media_type)
    }
}

/// What a filter is made of.
#[derive(Clone)]
pub enum Module {
    /// A file's bytes, verified.
    Bytes(Arc<[u8]>),
    /// Of one that the server has.
    Digest(ModuleDigest),
    /// One that comes with the engine, by its name; the digest is that of this version.
    Shipped(String, ModuleDigest),
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Module({})", self.digest())
    }
}

impl Module {
    pub fn digest(&self) -> ModuleDigest {
        match self {
            Module::Bytes(wasm) => crate::digest_of(wasm),
            Module::Digest(digest) | Module::Shipped(_, digest) => *digest,
        }
    }
}

/// Reads all that the sheets want, with the secrets and modules that they name.
///
/// Errors: all that is wrong in any of them, at once. What a server alone knows, such as which
/// addresses it lets deliveries go to, is not checked.
pub fn wanted(
    sheets: &[Sheet],
    environment: &BTreeMap<String, String>,
) -> Result<Vec<Wanted>, ConfigError> {
    let mut read: Vec<Read<'_>> = sheets.iter().map(|sheet| Read::of(sheet, environment)).collect();
    refuse_twice(&mut read);
    if read.iter().all(|sheet| sheet.notes.is_clean()) {
        check(&mut read);
    }
    let problems: Vec<_> = read
        .iter()
        .filter(|sheet| !sheet.notes.is_clean())
        .flat_map(|sheet| sheet.notes.error(&sheet.sheet.path, &sheet.sheet.text).0)
        .collect();
    match problems.is_empty() {
        true => Ok(read.into_iter().flat_map(|sheet| sheet.found).map(|f| f.wanted).collect()),
        false => Err(ConfigError(problems)),
    }
}

struct Read<'s> {
    sheet: &'s Sheet,
    table: Table,
    notes: Notes,
    found: Vec<Found>,
}

impl<'s> Read<'s> {
    fn of(sheet: &'s Sheet, environment: &BTreeMap<String, String>) -> Read<'s> {
        let mut notes = Notes::default();
        let table = tree::parse(&sheet.text, &mut notes);
        let mut found = Vec::new();
        if notes.is_clean() {
            let reach = Reach::of_file(&sheet.path, environment);
            let origin = |place: &Place| Origin::of(place, &sheet.path, &sheet.text);
            found = read::all(&table, &reach, &origin, &mut notes);
        }
        Read { sheet, table, notes, found }
    }
}

/// A resource has one table, whichever file it is in.
fn refuse_twice(read: &mut [Read<'_>]) {
    let mut first = BTreeMap::new();
    for sheet in read {
        for Found { wanted, place, .. } in &sheet.found {
            let key = (wanted.kind, wanted.app.clone(), wanted.name.clone());
            if let Some(other) = first.insert(key, wanted.origin.clone()) {
                let message = format!("{} is wanted at {other} already", wanted.title());
                let advice = Some("keep one of the two".to_owned());
                sheet.notes.refuse(place.clone(), Shows::Line, message, advice);
            }
        }
    }
}

/// The rules that a registry and the room of ingest would refuse them by.
fn check(read: &mut [Read<'_>]) {
    let mut declared = Declared::default();
    let all = read.iter().flat_map(|sheet| &sheet.found);
    for found in all {
        declared.endpoints.extend(found.endpoint.clone());
        declared.filters.extend(found.filter.clone());
        declared.sources.extend(found.source.as_ref().map(|source| source.declared()));
    }
    declared.filters.extend(elsewhere(&declared));
    let Err(rejected) = declared.check() else { return check_sources(read) };
    for error in rejected.0 {
        let names = |table: &Table| {
            let Some(Value::List(nodes)) = table.node(error.kind).map(|node| &node.value) else {
                return false;
            };
            nodes.iter().any(|node| match &node.value {
                Value::Table(table) => {
                    table.node("name").and_then(|node| node.value.text()) == Some(&*error.name)
                }
                _ => false,
            })
        };
        let at = read.iter().position(|sheet| names(&sheet.table)).unwrap_or_default();
        let Read { sheet, table, notes, .. } = &mut read[at];
        Tables { table, text: &sheet.text }.note(&error, notes);
    }
}

/// The filters that endpoints name and no sheet has: the server may.
fn elsewhere(declared: &Declared) -> Vec<DeclaredFilter> {
    let known: BTreeSet<(TenantId, String)> =
        declared.filters.iter().map(|f| (f.tenant.clone(), f.name.clone())).collect();
    let named = declared.endpoints.iter().flat_map(|endpoint| {
        let of = |entry: &String| (endpoint.tenant.clone(), Pin::filter_of(entry).to_owned());
        endpoint.filters.iter().map(of)
    });
    let missing: BTreeSet<_> = named.filter(|name| !known.contains(name)).collect();
    let stand_in = |(tenant, name): (TenantId, String)| {
        DeclaredFilter::new(tenant, &name, ModuleDigest([0; 32]))
    };
    missing.into_iter().map(stand_in).collect()
}

fn check_sources(read: &mut [Read<'_>]) {
    let mut doors = ingest::SourceTable::new(Vec::new()).expect("nothing is refused");
    for Read { found, notes, .. } in read {
        for Found { source, place, wanted, .. } in found {
            let Some(source) = source else { continue };
            // A server that has no address of its own says so by itself.
            let way_in = source.way_in("https://server", 1 << 20);
            let added = way_in.map_err(|bad: BadSource| bad.to_string());
            let added = added.and_then(|way| doors.add(way).map_err(|bad| bad.to_string()));
            if let Err(message) = added {
                let message = format!("{}: {message}", wanted.title());
                notes.refuse(place.clone(), Shows::Line, message, None);
            }
        }
    }
}

impl Wanted {
    /// Like `endpoint ci of shop`.
    pub fn title(&self) -> String {
        self.kind.title(&self.app, &self.name)
    }
}

impl ResourceKind {
    pub const ALL: [ResourceKind; 6] = [
        ResourceKind::App,
        ResourceKind::EventType,
        ResourceKind::Table,
        ResourceKind::Filter,
        ResourceKind::Source,
        ResourceKind::Endpoint,
    ];

    /// As a file's tables are headed.
    pub fn key(self) -> &'static str {
        match self {
            ResourceKind::App => "app",
            ResourceKind::EventType => "event_type",
            ResourceKind::Table => "table",
            ResourceKind::Filter => "filter",
            ResourceKind::Source => "source",
            ResourceKind::Endpoint => "endpoint",
        }
    }

    /// What names one of them in a file.
    pub fn name_key(self) -> &'static str {
        if self == ResourceKind::App { "uid" } else { "name" }
    }

    /// For people.
    pub fn title(self, app: &str, name: &str) -> String {
        let kind = match self {
            ResourceKind::Table => "lookup table".to_owned(),
            kind => kind.key().replace('_', " "),
        };
        match app {
            "" | TenantId::DEFAULT => format!("{kind} `{name}`"),
            app => format!("{kind} `{name}` of `{app}`"),
        }
    }
}
