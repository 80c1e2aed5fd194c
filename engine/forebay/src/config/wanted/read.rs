use super::words::{
    TABLE_CONTENT, Word, candidate_words, count_word, put, size_word, source_words, span_word,
};
use super::{Module, ResourceKind, TableText, Wanted, Words};
use crate::config::candidate::candidate;
use crate::config::load::Reach;
use crate::config::modules::{self, ON_ERROR, Reader, circuit};
use crate::config::notes::Notes;
use crate::config::problem::{Place, Shows};
use crate::config::secrets::{KEYS, secrets};
use crate::config::section::Section;
use crate::config::sections::guest_limits;
use crate::config::shipped::PREFIX;
use crate::config::tables::{self, Loaded};
use crate::config::tree::{Node, Table, Value};
use crate::config::value::{self, Count};
use crate::config::{Guests, Origin, Source, endpoints, sources};
use crate::tables::digest_of;
use delivery::Address;
use event::TenantId;
use filter::FilterEngine;
use registry::{
    Circuit, DeclaredEndpoint, DeclaredFilter, FilterLimits, ModuleDigest, OnError, Ordering,
    POLLED, Secret, Terms,
};
use serde_json::json;
use signature::SecretForm;
use std::collections::BTreeMap;
use std::time::Duration;

/// One resource, and what the rules are asked about.
pub(super) struct Found {
    pub wanted: Wanted,
    pub place: Place,
    pub source: Option<Source>,
    pub filter: Option<DeclaredFilter>,
    pub endpoint: Option<DeclaredEndpoint>,
}

pub(super) type OriginOf<'o> = dyn Fn(&Place) -> Origin + 'o;

/// All that one file wants; what is wrong is noted.
pub(super) fn all(
    table: &Table,
    reach: &Reach<'_>,
    origin: &OriginOf<'_>,
    notes: &mut Notes,
) -> Vec<Found> {
    let mut top = Section::top(table, notes);
    let mut found = Vec::new();
    for kind in ResourceKind::ALL {
        let tables = top.tables(kind.key());
        let is_needed = kind == ResourceKind::Filter && !tables.is_empty();
        let verifier = if is_needed { FilterEngine::new().ok() } else { None };
        for table in tables {
            let section = top.element(kind.key(), table);
            let one = One { table, reach, origin, verifier: verifier.as_ref() };
            found.extend(match kind {
                ResourceKind::App => one.app(section),
                ResourceKind::EventType => one.event_type(section),
                ResourceKind::Table => one.lookup_table(section),
                ResourceKind::Filter => one.filter(section),
                ResourceKind::Source => one.source(section),
                ResourceKind::Endpoint => one.endpoint(section),
            });
        }
    }
    for key in ["data", "server", "log", "ingest", "delivery", "filters", "observe"] {
        if top.node(key).is_some() {
            let message = format!("`{key}` is a server's own: no API changes it");
            top.refuse(key, message, "it stands in the configuration that `serve` reads");
        }
    }
    top.not_yet("pipe", &[], "take [[pipe]] out: endpoints and filters work without pipes");
    top.finish();
    found
}

struct One<'a> {
    table: &'a Table,
    reach: &'a Reach<'a>,
    origin: &'a OriginOf<'a>,
    verifier: Option<&'a FilterEngine>,
}

impl One<'_> {
    fn found(&self, kind: ResourceKind, app: &str, name: &str, words: Words) -> Found {
        let node = self.table.node(kind.name_key());
        let place = node.map_or(Place::Nowhere, |node| node.place.clone());
        let wanted = Wanted {
            kind,
            app: app.to_owned(),
            name: name.to_owned(),
            words,
            module: None,
            candidate: None,
            table: None,
            secret: None,
            headers: BTreeMap::new(),
            origin: (self.origin)(&place),
        };
        Found { wanted, place, source: None, filter: None, endpoint: None }
    }

    fn app(&self, mut section: Section<'_, '_>) -> Option<Found> {
        let advice = "what `app = \"…\"` says elsewhere, such as \"shop\"";
        let uid = named(&mut section, "uid", advice);
        let mut words = Words::new();
        let name = section.text("name").filter(|name| Some(&**name) != uid.as_deref());
        put(&mut words, "name", json!(name));
        put(&mut words, "metadata", texts(&mut section, "metadata"));
        put(&mut words, "rate", rate(&mut section));
        section.finish();
        Some(self.found(ResourceKind::App, "", &uid?, words))
    }

    fn event_type(&self, mut section: Section<'_, '_>) -> Option<Found> {
        let name = named(&mut section, "name", "such as \"order.paid\"");
        let mut words = Words::new();
        put(&mut words, "description", json!(section.text("description")));
        put(&mut words, "archived", json!(section.value("archived", false)));
        put(&mut words, "deprecated", json!(section.value("deprecated", false)));
        put(&mut words, "schemas", any(&mut section, "schemas", "schemas_json"));
        put(&mut words, "enforced_schema", json!(section.text("enforced_schema")));
        put(&mut words, "group", json!(section.text("group")));
        put(&mut words, "feature_flag", json!(section.text("feature_flag")));
        put(&mut words, "feature_flags", sorted(section.list("feature_flags", Vec::new())));
        section.finish();
        Some(self.found(ResourceKind::EventType, "", &name?, words))
    }

    /// Of a file, or of what the server has by that name already.
    fn lookup_table(&self, mut section: Section<'_, '_>) -> Option<Found> {
        let name = named(&mut section, "name", "name it after what it tells");
        let app = section.value("app", TenantId::DEFAULT.to_owned());
        let (content, text) = match section.text(TABLE_CONTENT) {
            Some(content) => {
                if section.node("file").is_some() {
                    let message = format!("`file` and `{TABLE_CONTENT}` cannot stand together");
                    section.refuse("file", message, "keep one");
                }
                (content, None)
            }
            None => {
                let Loaded { table, text, reading } = tables::loaded(&mut section, self.reach)?;
                let text = TableText {
                    text: text.into(),
                    media_type: reading.form.media_type(),
                    key: reading.key,
                    value: reading.value,
                };
                (digest_of(&table).version(), Some(text))
            }
        };
        section.finish();
        let mut words = Words::new();
        put(&mut words, TABLE_CONTENT, json!(content));
        let mut found = self.found(ResourceKind::Table, &app, &name?, words);
        found.wanted.table = text;
        Some(found)
    }

    fn source(&self, mut section: Section<'_, '_>) -> Option<Found> {
        let name = named(&mut section, "name", "name it after the sender, such as \"github\"");
        let app = section.value("app", TenantId::DEFAULT.to_owned());
        let path = section.text("path");
        let settings = sources::settings(&mut section);
        let advice = "name a provider (`forebay sign --list` shows all), \"standard-webhooks\", \
                      \"hmac\", or \"none\" to let anybody in";
        let scheme = section.required::<String>("scheme", advice);
        let known = scheme.as_deref();
        let known = known.and_then(|name| sources::checked_scheme(&mut section, name, &settings));
        let form = known.as_ref().map_or(SecretForm::Text, |scheme| scheme.secret);
        let secret = self.secret(&mut section, form);
        if known.is_some_and(|scheme| scheme.is_open()) && secret.is_some() {
            let message = "scheme `none` verifies nothing, so its secret protects nothing";
            section.refuse("scheme", message.into(), "choose a scheme, or take the secret out");
        }
        if settings.hmac.is_some() && scheme.as_deref() != Some("hmac") {
            let message = "`hmac` is for the scheme \"hmac\" alone".into();
            section.refuse("hmac", message, "take it out");
        }
        section.not_yet("rate", &[], "take it out: the only limit is back-pressure");
        section.finish();
        let (name, scheme) = (name?, scheme?);
        let mut words = source_words(&serde_json::to_value(&settings).unwrap_or_default());
        put(&mut words, "scheme", json!(scheme));
        put(&mut words, "path", json!(path));
        let mut found = self.found(ResourceKind::Source, &app, &name, words);
        found.wanted.secret = secret.clone();
        let usual = || match &*app {
            TenantId::DEFAULT => format!("/in/{name}"),
            app => format!("/in/{app}/{name}"),
        };
        found.source = Some(Source {
            tenant: TenantId::new(&app),
            path: path.unwrap_or_else(usual),
            name,
            scheme,
            settings,
            secrets: registry::Secrets::new(secret.into_iter().collect()),
        });
        Some(found)
    }

    fn endpoint(&self, mut section: Section<'_, '_>) -> Option<Found> {
        let mut words = Words::new();
        put(&mut words, "description", json!(section.text("description")));
        put(&mut words, "channels", sorted(section.list("channels", Vec::new())));
        put(&mut words, "metadata", texts(&mut section, "metadata"));
        put(&mut words, "transformation", self.transformation(&mut section));
        let terms = Terms::default();
        let declared = endpoints::read(&mut section, self.reach, &terms);
        check_word(&mut section, "name");
        if let Some(endpoint) = &declared {
            self.check_url(&mut section, endpoint);
        }
        self.refuse_list(&mut section);
        for key in ["jitter", "concurrency", "disable_after"] {
            if section.node(key).is_some() {
                let message = format!("the management API sets no `{key}` of one endpoint");
                section.refuse(key, message, "set it for all, under [delivery] of the server");
            }
        }
        section.finish();
        let declared = declared?;
        let is_given = |key: &str| self.table.node(key).is_some();
        put(&mut words, "url", json!(declared.url));
        put(&mut words, "types", sorted(declared.types.clone()));
        put(&mut words, "where", json!(declared.condition));
        put(&mut words, "filters", json!(declared.filters));
        put(&mut words, "disabled", json!(declared.is_disabled));
        put(&mut words, "ordering", ordering(declared.terms.ordering));
        if is_given("timeout") {
            words.insert("timeout".into(), span_word(declared.terms.timeout));
        }
        if is_given("schedule") {
            let pauses = declared.terms.schedule.iter().map(|pause| span_word(*pause));
            words.insert("schedule".into(), pauses.collect());
        }
        if is_given("rate") {
            put(&mut words, "rate", json!(declared.terms.rate));
        }
        let app = declared.tenant.as_str();
        let mut found = self.found(ResourceKind::Endpoint, app, &declared.name, words);
        found.wanted.secret = declared.secrets.iter().next().cloned();
        found.wanted.headers = declared.headers.iter().cloned().collect();
        found.endpoint = Some(declared);
        Some(found)
    }

    /// What is polled has no address, and nothing changes what is fetched.
    fn check_url(&self, section: &mut Section<'_, '_>, endpoint: &DeclaredEndpoint) {
        if endpoint.url != POLLED {
            if let Err(refusal) = Address::parse(&endpoint.url) {
                section.refuse("url", format!("`url` is refused: {}", refusal.rule), "");
            }
            return;
        }
        for key in ["filters", "transformation"] {
            if self.table.node(key).is_some() {
                let message = format!("`{key}` changes nothing of what is polled");
                section.refuse(key, message, "take it out, or send to a URL");
            }
        }
    }

    /// As the API tells it, so that both compare.
    fn transformation(&self, section: &mut Section<'_, '_>) -> serde_json::Value {
        if section.node("transformation").is_none() {
            return serde_json::Value::Null;
        }
        let mut script = section.section("transformation");
        let file = script.text("file");
        if file.is_some() && script.node("code").is_some() {
            script.refuse("code", "`code` and `file` cannot stand together".into(), "keep one");
        }
        let code = match file {
            Some(file) => self.text_of(&mut script, &file),
            None => script.required::<String>("code", "JavaScript, or name its `file`"),
        };
        let enabled = script.value("enabled", true);
        let variables = texts(&mut script, "variables");
        script.finish();
        json!({ "code": code, "enabled": enabled, "variables": variables })
    }

    fn text_of(&self, section: &mut Section<'_, '_>, file: &str) -> Option<String> {
        let path = self.reach.resolve(file, &section.place("file"));
        let read = std::fs::read_to_string(&path);
        let refuse = |error| {
            let message = format!("{} cannot be read: {error}", path.display());
            section.refuse("file", message, "a relative path counts from the folder of the file");
        };
        read.map_err(refuse).ok()
    }

    fn filter(&self, mut section: Section<'_, '_>) -> Option<Found> {
        let name = section.required::<String>("name", "name it after what it does");
        let app = section.value("app", TenantId::DEFAULT.to_owned());
        let advice = "a WebAssembly file, the SHA-256 of one that was uploaded, or forebay/redact";
        let named = section.required::<String>("module", advice);
        let guests = Guests { limits: FilterLimits::default(), module_bytes_max: u64::MAX };
        let limits = guest_limits(&mut section, guests.limits);
        let reader = Reader { reach: self.reach, guests: &guests, verifier: self.verifier };
        let module = named.and_then(|named| self.module(&mut section, &reader, &named, limits));
        let on_error = section.choice_or_first("on_error", ON_ERROR);
        let isolate = section.value("isolate", false);
        let circuit = circuit(&mut section);
        let config = any(&mut section, "config", "config_json");
        let tried = candidate(
            &mut section,
            |own, named| self.module(own, &reader, named, limits),
            |own| {
                let is_said = own.node("config").or(own.node("config_json")).is_some();
                is_said.then(|| any(own, "config", "config_json").to_string())
            },
        );
        let is_given = |key: &str| self.table.node(key).is_some();
        let mut words = Words::new();
        put(&mut words, "config", config.clone());
        if on_error != OnError::default() {
            let name = ON_ERROR.iter().find(|(_, known)| *known == on_error);
            put(&mut words, "on_error", json!(name.map(|(name, _)| name)));
        }
        put(&mut words, "isolate", json!(isolate));
        if let Some(Circuit { faults, within_ms }) = circuit {
            let within = span_word(Duration::from_millis(within_ms));
            put(&mut words, "circuit", json!({ "faults": faults, "within": within }));
        }
        if is_given("fuel") {
            words.insert("fuel".into(), count_word(limits.fuel));
        }
        if is_given("memory") {
            words.insert("memory".into(), size_word(limits.memory_bytes));
        }
        if !name.as_ref()?.starts_with(PREFIX) {
            check_word(&mut section, "name");
        }
        section.finish();
        let (name, module) = (name?, module?);
        put(&mut words, "module", json!(Word::of_module(&name, &module)));
        let (own, config) = (module.digest(), config.to_string());
        let candidate = tried.as_ref().map(|tried| tried.beside(own, &config, Module::digest));
        let tried_words = candidate.as_ref().map(|other| candidate_words(&name, other));
        put(&mut words, "candidate", json!(tried_words));
        let mut found = self.found(ResourceKind::Filter, &app, &name, words);
        found.filter = Some(DeclaredFilter {
            tenant: TenantId::new(&app),
            name,
            module: own,
            config,
            limits,
            on_error,
            isolate,
            circuit,
            candidate,
            about: "{}".into(),
        });
        found.wanted.module = Some(module);
        found.wanted.candidate = tried.and_then(|tried| tried.module);
        Some(found)
    }

    fn module(
        &self,
        section: &mut Section<'_, '_>,
        reader: &Reader<'_>,
        named: &str,
        limits: FilterLimits,
    ) -> Option<Module> {
        let bare = named.strip_prefix("sha256:").unwrap_or(named);
        if let Some(digest) = ModuleDigest::read(bare) {
            return Some(Module::Digest(digest));
        }
        let wasm = modules::wasm(section, reader, named, limits)?;
        Some(match named.starts_with(PREFIX) {
            true => Module::Shipped(named.to_owned(), crate::digest_of(&wasm)),
            false => Module::Bytes(wasm),
        })
    }

    /// The one that is named. A server keeps those that a rotation retires by itself.
    fn secret(&self, section: &mut Section<'_, '_>, form: SecretForm) -> Option<Secret> {
        let secrets = secrets(section, self.reach, form);
        self.refuse_list(section);
        secrets.iter().next().cloned()
    }

    fn refuse_list(&self, section: &mut Section<'_, '_>) {
        if let Some(node) = self.table.node(KEYS[3]) {
            let message = "`secrets` is for the file that a server reads itself";
            let advice = "name one by `secret_env`: the one before it counts for a day more";
            section.notes.refuse(
                node.place.clone(),
                Shows::BeforePlace,
                message,
                Some(advice.into()),
            );
        }
    }
}

/// A name that a path of the API can have.
fn named(section: &mut Section<'_, '_>, key: &'static str, advice: &str) -> Option<String> {
    let name = section.required::<String>(key, advice)?;
    check_word(section, key);
    Some(name)
}

fn check_word(section: &mut Section<'_, '_>, key: &'static str) {
    let Some(text) = section.node(key).and_then(|node| node.value.text()) else { return };
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_fit = (1..=256).contains(&text.len()) && text.bytes().all(is_letter);
    if !is_fit || matches!(text, "." | "..") {
        let message = format!("`{key}` must be of letters, digits, `-`, `_` and `.`, not {text:?}");
        section.refuse(key, message, "the API has it in its paths");
    }
}

fn sorted(mut list: Vec<String>) -> serde_json::Value {
    list.sort_unstable();
    list.dedup();
    json!(list)
}

fn ordering(ordering: Ordering) -> serde_json::Value {
    match ordering {
        Ordering::None => serde_json::Value::Null,
        Ordering::Key => "key".into(),
        Ordering::Fifo => "fifo".into(),
    }
}

fn rate(section: &mut Section<'_, '_>) -> serde_json::Value {
    let rate = section.optional::<Count>("rate").map(|count| count.0);
    if rate.is_some_and(|rate| !(1..=u64::from(u16::MAX)).contains(&rate)) {
        section.refuse("rate", format!("`rate` must be from 1 to {} a second", u16::MAX), "");
    }
    json!(rate)
}

/// A table of texts.
fn texts(section: &mut Section<'_, '_>, key: &'static str) -> serde_json::Value {
    let mut table = section.section(key);
    let mut texts = Words::new();
    for (name, node) in table.entries() {
        match node.value.text() {
            Some(text) => drop(texts.insert(name.to_owned(), text.into())),
            None => {
                let message = format!("`{name}` must be a text, not {}", node.value.described());
                table.notes.refuse(node.place.clone(), Shows::Line, message, None);
            }
        }
    }
    texts.into()
}

/// What TOML can say by itself, or any JSON as a text under the second key.
fn any(
    section: &mut Section<'_, '_>,
    key: &'static str,
    json_key: &'static str,
) -> serde_json::Value {
    let (plain, text) = (section.node(key), section.node(json_key));
    if plain.is_some() && text.is_some() {
        let message = format!("`{key}` and `{json_key}` cannot stand together");
        section.refuse(json_key, message, "keep one");
    }
    let read = match (plain, text) {
        (Some(Node { value: Value::Table(_) | Value::List(_), .. }), _) => plain.map(value::json),
        (Some(_), _) => {
            let advice = format!("any other JSON is said by `{json_key}`, as a text");
            section.refuse(key, format!("`{key}` must be a table"), &advice);
            None
        }
        (None, Some(node)) => match node.value.text().map(serde_json::from_str) {
            Some(Ok(read)) => Some(read),
            _ => {
                section.refuse(json_key, format!("`{json_key}` must be JSON, as a text"), "");
                None
            }
        },
        (None, None) => None,
    };
    read.unwrap_or_else(|| json!({}))
}
