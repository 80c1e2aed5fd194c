use crate::config::Guests;
use crate::config::candidate::{Tried, candidate};
use crate::config::load::Reach;
use crate::config::problem::{Place, Shows};
use crate::config::section::Section;
use crate::config::sections::guest_limits;
use crate::config::shipped::{PREFIX, Shipped, is_shipped, unknown};
use crate::config::tree::Value;

use crate::config::value::{self, Count};
use event::TenantId;
use filter::{FilterEngine, ModuleLimits};
use registry::{Circuit, DeclaredFilter, FilterLimits, ModuleDigest, OnError};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

/// A WebAssembly module, how it is configured, what it may use.
#[derive(Clone)]
pub struct Filter {
    pub tenant: TenantId,
    /// Unique among the tenant's filters.
    pub name: String,
    pub wasm: Arc<[u8]>,
    /// A JSON text, handed to the module as it is.
    pub config: String,
    pub limits: FilterLimits,
    pub on_error: OnError,
    /// A fresh instance for each event.
    pub isolate: bool,
    pub circuit: Option<Circuit>,
    pub candidate: Option<Tried>,
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filter({:?}/{} of {} bytes)", self.tenant, self.name, self.wasm.len())
    }
}

impl Filter {
    /// A shipped filter as an endpoint names it: without configuration, with the usual limits.
    pub(crate) fn shipped(tenant: &TenantId, name: &str, limits: FilterLimits) -> Option<Filter> {
        let shipped = Shipped::find(name)?;
        Some(Filter {
            tenant: tenant.clone(),
            name: name.to_owned(),
            wasm: shipped.wasm.into(),
            config: "{}".into(),
            limits,
            on_error: OnError::default(),
            isolate: false,
            circuit: None,
            candidate: None,
        })
    }

    pub fn digest(&self) -> ModuleDigest {
        ModuleDigest(Sha256::digest(&self.wasm).into())
    }

    pub(crate) fn declared(&self) -> DeclaredFilter {
        let module = self.digest();
        let digest = |wasm: &Arc<[u8]>| crate::digest_of(wasm);
        let beside = |tried: &Tried| tried.beside(module, &self.config, digest);
        DeclaredFilter {
            tenant: self.tenant.clone(),
            name: self.name.clone(),
            module,
            config: self.config.clone(),
            limits: self.limits,
            on_error: self.on_error,
            isolate: self.isolate,
            circuit: self.circuit,
            candidate: self.candidate.as_ref().map(beside),
            about: "{}".into(),
        }
    }
}

pub(crate) fn all(top: &mut Section<'_, '_>, reach: &Reach, guests: &Guests) -> Vec<Filter> {
    let tables = top.tables("filter");
    if tables.is_empty() {
        return Vec::new();
    }
    // Where there is none the engine's start says why.
    let verifier = FilterEngine::new().ok();
    let mut filters = Vec::new();
    for table in tables {
        let reader = Reader { reach, guests, verifier: verifier.as_ref() };
        filters.extend(one(top.element("filter", table), &reader));
    }
    filters
}

/// What becomes of an event whose filter fails; the first is usual.
pub(crate) const ON_ERROR: &[(&str, OnError)] = &[
    ("reject", OnError::Reject),
    ("drop", OnError::Drop),
    ("pass", OnError::Pass),
    ("retry", OnError::Retry),
    ("stop", OnError::Stop),
];

pub(crate) struct Reader<'a> {
    pub reach: &'a Reach<'a>,
    pub guests: &'a Guests,
    pub verifier: Option<&'a FilterEngine>,
}

fn one(mut section: Section<'_, '_>, reader: &Reader<'_>) -> Option<Filter> {
    let name = section.required::<String>("name", "name it after what it does");
    let tenant = section.value("app", TenantId::DEFAULT.to_owned());
    let advice = "name a WebAssembly file, or one of Forebay's own such as \"forebay/redact\"";
    let path = section.required::<String>("module", advice);
    let limits = guest_limits(&mut section, reader.guests.limits);
    let found = path.and_then(|path| wasm(&mut section, reader, &path, limits));
    let on_error = section.choice_or_first("on_error", ON_ERROR);
    let filter = Filter {
        tenant: TenantId::new(&tenant),
        name: name.unwrap_or_default(),
        // Known by name all the same, so that endpoints which need it are not faulted too.
        wasm: found.unwrap_or_else(|| [].into()),
        config: config(&mut section),
        limits,
        on_error,
        isolate: section.value("isolate", false),
        circuit: circuit(&mut section),
        candidate: candidate(
            &mut section,
            |own, path| wasm(own, reader, path, limits),
            |own| own.node("config").is_some().then(|| config(own)),
        ),
    };
    section.finish();
    (!filter.name.is_empty()).then_some(filter)
}

pub(crate) fn circuit(section: &mut Section<'_, '_>) -> Option<Circuit> {
    let mut circuit = section.section("circuit");
    if !circuit.is_there() {
        return None;
    }
    let faults = circuit.value("faults", Count(20)).0;
    let within = circuit.value("within", Duration::from_secs(60));
    let found = match (u32::try_from(faults), u64::try_from(within.as_millis())) {
        (Ok(faults @ 1..), Ok(within_ms @ 1_000..)) => Some(Circuit { faults, within_ms }),
        _ => {
            let message = format!("`circuit` opens at {faults} faults within {within:?}");
            circuit.refuse("faults", message, "one fault at least, within one second at least");
            None
        }
    };
    circuit.finish();
    found
}

/// A table or a text, as JSON.
pub(crate) fn config(section: &mut Section<'_, '_>) -> String {
    let Some(node) = section.node("config") else { return "{}".into() };
    let json = value::json(node).to_string();
    let is_possible = matches!(node.value, Value::Table(_) | Value::Text(_) | Value::List(_));
    if !is_possible {
        section.refuse("config", "`config` must be a table".into(), "config = { key = \"value\" }");
    }
    section.set("config", value::quoted(&json), node.place.clone());
    json
}

/// The bytes of the module that the section names by this path, read and verified.
pub(crate) fn wasm(
    section: &mut Section<'_, '_>,
    reader: &Reader<'_>,
    path: &str,
    limits: FilterLimits,
) -> Option<Arc<[u8]>> {
    let place = section.place("module");
    let found = match Shipped::find(path) {
        Some(shipped) => Ok(shipped.wasm.into()),
        None if path.starts_with(PREFIX) => {
            let (message, advice) = unknown(path);
            Err((message, Some(advice)))
        }
        None => from_file(reader, path, &place, limits)
            .map_err(|(message, advice)| (message, advice.map(str::to_owned))),
    };
    let refuse = |(message, advice): (String, Option<String>)| {
        section.notes.refuse(place.clone(), Shows::Line, message, advice);
    };
    found.map_err(refuse).ok()
}

fn from_file(
    reader: &Reader<'_>,
    path: &str,
    place: &Place,
    limits: FilterLimits,
) -> Result<Arc<[u8]>, (String, Option<&'static str>)> {
    let path = reader.reach.resolve(path, place);
    let shown = path.display();
    let unreadable = |error| {
        let advice = "a relative path counts from the folder of the configuration file";
        (format!("{shown} cannot be read: {error}"), Some(advice))
    };
    let size = std::fs::metadata(&path).map_err(unreadable)?.len();
    let is_larger = size > reader.guests.module_bytes_max;
    let too_large = || {
        let advice = "raise `module_bytes` under [filters]";
        (format!("{shown} is larger than `module_bytes` allows"), Some(advice))
    };
    // One that cannot be a shipped one is not even read.
    if is_larger && !Shipped::all().iter().any(|shipped| shipped.wasm.len() as u64 == size) {
        return Err(too_large());
    }
    let wasm = std::fs::read(&path).map_err(unreadable)?;
    if is_larger && !is_shipped(&wasm) {
        return Err(too_large());
    }
    let may_weigh = ModuleLimits {
        module_bytes: wasm.len(),
        memory_bytes: limits.memory_bytes,
        ..ModuleLimits::default()
    };
    match reader.verifier.map(|verifier| verifier.verify(&wasm, &may_weigh)) {
        Some(Err(refusal)) => Err((format!("{shown}: {refusal}"), None)),
        _ => Ok(wasm.into()),
    }
}
