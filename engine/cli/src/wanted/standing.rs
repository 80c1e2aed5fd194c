//! What a server has, in the words of a file.

use crate::exit::{Exit, Failure};
use crate::given::ServerArguments;
use crate::resources::{Body, ask, below, encoded, exchange_with, pages, with_parameters};
use event::TenantId;
use forebay::config::{ResourceKind, Words};
use hyper::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The resources of some applications, and the node's event types.
pub struct Standing {
    usual: Value,
    /// Applications that were looked for, by what they were looked for by; None: not there.
    apps: BTreeMap<String, Option<String>>,
    pub found: Vec<Found>,
}

/// A resource that is there.
pub struct Found {
    pub kind: ResourceKind,
    /// The id of its application; empty for what is the node's own.
    pub app: String,
    pub id: String,
    /// What a file calls it: its own name, or its id.
    pub name: String,
    pub words: Words,
    /// By the server's own configuration file.
    pub is_declared: bool,
}

/// An endpoint's headers.
pub struct Headers {
    /// By their names in lower case; None where this key may not read the value.
    pub all: BTreeMap<String, Option<String>>,
    /// Names of those that are shown to nobody who does not ask for them.
    pub sensitive: BTreeSet<String>,
}

impl Standing {
    /// Of these applications, by uid or id.
    pub fn of<'a>(
        server: &ServerArguments,
        apps: impl Iterator<Item = &'a str>,
        with_types: bool,
    ) -> Result<Standing, Failure> {
        let usual = ask(server, Method::GET, "/v1/defaults", None)?.json();
        let mut standing = Standing { usual, apps: BTreeMap::new(), found: Vec::new() };
        for name in apps {
            if !standing.apps.contains_key(name) {
                standing.look_for(server, name)?;
            }
        }
        if with_types {
            let path = "/api/v1/event-type?include_archived=true&with_content=true";
            standing.take(ResourceKind::EventType, "", &pages(server, path, None)?);
        }
        Ok(standing)
    }

    fn look_for(&mut self, server: &ServerArguments, name: &str) -> Result<(), Failure> {
        let path = below("/api/v1/app", name)?;
        let answer = exchange_with(server, Method::GET, &path, None, Vec::new())?;
        if answer.status == 404 {
            self.apps.insert(name.to_owned(), None);
            return Ok(());
        }
        if !answer.is_success() {
            return Err(answer.refusal());
        }
        let told = answer.json();
        let id = text(&told, "id");
        let is_known = self.apps.values().flatten().any(|known| *known == id);
        self.apps.insert(name.to_owned(), Some(id.clone()));
        if is_known {
            return Ok(());
        }
        self.take(ResourceKind::App, "", &[told]);
        let of_app = [
            ResourceKind::Table,
            ResourceKind::Filter,
            ResourceKind::Source,
            ResourceKind::Endpoint,
        ];
        for kind in of_app {
            let path = all(kind, &id);
            let mut found = Vec::new();
            for mut told in pages(server, &path, None)? {
                if kind == ResourceKind::Endpoint {
                    add_script(server, &path, &mut told)?;
                }
                found.push(with_candidate(server, kind, &id, told)?);
            }
            self.take(kind, &id, &found);
        }
        Ok(())
    }

    fn take(&mut self, kind: ResourceKind, app: &str, all: &[Value]) {
        for told in all {
            let told = &as_wanted(told.clone());
            let (id, name) = match kind {
                ResourceKind::App | ResourceKind::Endpoint => {
                    let id = text(told, "id");
                    (id.clone(), told["uid"].as_str().map_or(id, str::to_owned))
                }
                _ => (text(told, "name"), text(told, "name")),
            };
            let mut words = kind.words(told, &name);
            kind.leave_out_usual(&mut words, &self.usual, &name, app);
            let app = app.to_owned();
            let is_declared = told["declared"] == true;
            self.found.push(Found { kind, app, id, name, words, is_declared });
        }
    }

    /// The id of an application that was looked for.
    pub fn app(&self, name: &str) -> Option<&str> {
        self.apps.get(name)?.as_deref()
    }

    /// What a file calls the application of this id; empty for none.
    pub fn name_of(&self, id: &str) -> String {
        let app = self.found.iter().find(|found| found.kind == ResourceKind::App && found.id == id);
        app.map_or_else(|| id.to_owned(), |app| app.name.clone())
    }

    /// By its own name, or by its id.
    pub fn find(&self, kind: ResourceKind, app: &str, name: &str) -> Option<&Found> {
        let mut all = self.found.iter().filter(|found| found.kind == kind && found.app == app);
        all.clone().find(|found| found.name == name).or_else(|| all.find(|found| found.id == name))
    }

    /// Takes what says no more than its absence out of what is wanted.
    pub fn leave_out_usual(&self, kind: ResourceKind, words: &mut Words, name: &str, app: &str) {
        kind.leave_out_usual(words, &self.usual, name, app);
    }
}

/// A list does not say what an endpoint's script says.
fn add_script(server: &ServerArguments, path: &str, told: &mut Value) -> Result<(), Failure> {
    if told["transformation"].is_object() {
        *told = ask(server, Method::GET, &below(path, &text(told, "id"))?, None)?.json();
    }
    Ok(())
}

/// Whether there is something at a path, for this key.
pub fn exists(server: &ServerArguments, path: &str) -> Result<bool, Failure> {
    let answer = exchange_with(server, Method::GET, path, None, Vec::new())?;
    match answer.status {
        404 => Ok(false),
        _ if answer.is_success() => Ok(true),
        _ => Err(answer.refusal()),
    }
}

/// What the API tells of one, with what is on trial beside it.
pub fn with_candidate(
    server: &ServerArguments,
    kind: ResourceKind,
    app: &str,
    mut told: Value,
) -> Result<Value, Failure> {
    if kind == ResourceKind::Filter && told["hasCandidate"] == true {
        let path = beside(&one(kind, app, &text(&told, "name"))?, "candidate");
        told["candidate"] = ask(server, Method::GET, &path, None)?.json();
    }
    Ok(told)
}

pub fn text(told: &Value, member: &str) -> String {
    told[member].as_str().unwrap_or_default().to_owned()
}

/// The path of all of a kind, of this application.
pub fn all(kind: ResourceKind, app: &str) -> String {
    match kind {
        ResourceKind::App => "/api/v1/app".to_owned(),
        ResourceKind::EventType => "/api/v1/event-type".to_owned(),
        ResourceKind::Endpoint => format!("/api/v1/app/{}/endpoint", encoded(app)),
        ResourceKind::Table => with_parameters("/v1/table", &format!("app={}", encoded(app))),
        ResourceKind::Filter => with_parameters("/v1/filter", &format!("app={}", encoded(app))),
        ResourceKind::Source => with_parameters("/v1/source", &format!("app={}", encoded(app))),
    }
}

/// The path of one.
pub fn one(kind: ResourceKind, app: &str, name: &str) -> Result<String, Failure> {
    below(&all(kind, app), name)
}

/// Of what is one's own.
pub fn beside(path: &str, rest: &str) -> String {
    match path.split_once('?') {
        Some((path, query)) => format!("{path}/{rest}?{query}"),
        None => format!("{path}/{rest}"),
    }
}

/// Asks, with an `If-Match` or its like; fails with what the server says when it does not do it.
pub fn asked(
    server: &ServerArguments,
    method: Method,
    path: &str,
    body: Option<Body>,
    guard: Option<(&str, &str)>,
) -> Result<crate::client::Answer, Failure> {
    let guard = guard.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let answer = exchange_with(server, method, path, body, guard.into_iter().collect())?;
    match answer.status {
        200..300 => Ok(answer),
        412 => {
            let why = "412 somebody has changed it since this apply looked at it: apply again";
            Err(Failure::new(Exit::Failed, why))
        }
        _ => Err(answer.refusal()),
    }
}

/// The secret of a source or an endpoint, if it has one.
pub fn secret(
    server: &ServerArguments,
    kind: ResourceKind,
    path: &str,
) -> Result<Option<String>, Failure> {
    let answer = exchange_with(server, Method::GET, &beside(path, "secret"), None, Vec::new())?;
    let member = if kind == ResourceKind::Endpoint { "key" } else { "secret" };
    match answer.status {
        404 => Ok(None),
        403 => Err(Failure::new(Exit::Failed, "403 this key may not read secrets")),
        _ if answer.is_success() => Ok(answer.json()[member].as_str().map(str::to_owned)),
        _ => Err(answer.refusal()),
    }
}

/// With all values, if this key may read them.
pub fn headers(server: &ServerArguments, path: &str) -> Result<Headers, Failure> {
    let path = beside(path, "headers");
    let whole = with_parameters(&path, "sensitive=true");
    let answer = exchange_with(server, Method::GET, &whole, None, Vec::new())?;
    let told = match answer.status {
        403 => ask(server, Method::GET, &path, None)?.json(),
        _ if answer.is_success() => answer.json(),
        _ => return Err(answer.refusal()),
    };
    let names = told["sensitive"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let sensitive: BTreeSet<String> = names.map(str::to_ascii_lowercase).collect();
    let hidden = sensitive.iter().map(|name| (name.clone(), None));
    let mut all: BTreeMap<_, _> = hidden.collect();
    for (name, value) in told["headers"].as_object().into_iter().flatten() {
        all.insert(name.to_ascii_lowercase(), value.as_str().map(str::to_owned));
    }
    Ok(Headers { all, sensitive })
}

/// What the server calls the application that is always there.
pub const DEFAULT: &str = TenantId::DEFAULT;

/// What came of an endpoint's deliveries and paused it is not what anybody wants of it.
fn as_wanted(mut told: Value) -> Value {
    if told["paused"].is_string() {
        told["disabled"] = false.into();
    }
    told
}
