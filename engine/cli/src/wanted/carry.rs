//! Carries a plan out, one resource after the other.

use super::plan::{Change, Deed, Plan};
use super::standing::{all, asked, beside};
use crate::exit::Failure;
use crate::given::ServerArguments;
use crate::resources::{as_json, encoded, with_parameters};
use forebay::config::{Module, ResourceKind, TableText, Words};
use hyper::Method;
use serde_json::{Value, json};

/// How far it came.
pub struct Outcome {
    /// So many changes are made, the first ones.
    pub done: usize,
    /// So many were begun: one more, if that is the one that failed.
    pub begun: usize,
    /// Why not all are made.
    pub failed: Option<Failure>,
}

/// Changes after a failure are not begun.
pub fn out(server: &ServerArguments, plan: &Plan) -> Outcome {
    if let Err(failure) = try_filters(server, plan) {
        return Outcome { done: 0, begun: 0, failed: Some(failure) };
    }
    for (done, change) in plan.changes.iter().enumerate() {
        if let Err(failure) = make(server, change) {
            let failed = Some(failure.about(&change.title));
            return Outcome { done, begun: done + 1, failed };
        }
        eprintln!("{} {}", done_word(change.deed), change.title);
    }
    let all = plan.changes.len();
    Outcome { done: all, begun: all, failed: None }
}

pub fn done_word(deed: Deed) -> &'static str {
    match deed {
        Deed::Create => "created",
        Deed::Update => "changed",
        Deed::Delete => "removed",
    }
}

/// Whether every filter starts with its settings, and what is tried beside it, before anything is
/// changed. One of an application that is still to be made is tried when it is made.
fn try_filters(server: &ServerArguments, plan: &Plan) -> Result<(), Failure> {
    let is_new = |app: &str| {
        plan.changes.iter().any(|change| {
            change.kind == ResourceKind::App && change.deed == Deed::Create && change.name == app
        })
    };
    for change in &plan.changes {
        let is_filter = change.kind == ResourceKind::Filter && change.deed != Deed::Delete;
        if is_filter && !is_new(&change.app) {
            try_filter(server, change).map_err(|failure| failure.about(&change.title))?;
        }
    }
    Ok(())
}

/// What is tried beside a filter has the filter's settings but for its own.
fn try_filter(server: &ServerArguments, change: &Change) -> Result<(), Failure> {
    let starts = |filter: &Words| {
        let body = json!({ "filter": filter, "events": 1, "examples": 0 });
        let path = beside(&change.path, "dry-run");
        asked(server, Method::POST, &path, Some(as_json(&body)), None)
    };
    let mut members = filter_members(server, change)?;
    let is_patched = !members.is_empty();
    if is_patched {
        starts(&members)?;
    }
    let Some(words) = begun(change, is_patched) else { return Ok(()) };
    let tried = candidate_members(server, change, words).and_then(|own| {
        members.extend(own);
        starts(&members)
    });
    tried.map(drop).map_err(|failure| failure.about("candidate"))
}

fn make(server: &ServerArguments, change: &Change) -> Result<(), Failure> {
    match change.deed {
        Deed::Create => create(server, change),
        Deed::Update => update(server, change),
        Deed::Delete => {
            let path = match change.kind {
                ResourceKind::EventType => with_parameters(&change.path, "expunge=true"),
                _ => change.path.clone(),
            };
            asked(server, Method::DELETE, &path, None, guard(&change.tag)).map(drop)
        }
    }
}

fn guard(tag: &Option<String>) -> Option<(&'static str, &str)> {
    tag.as_deref().map(|tag| ("if-match", tag))
}

fn create(server: &ServerArguments, change: &Change) -> Result<(), Failure> {
    if change.kind == ResourceKind::Table {
        return load(server, change, Some(("if-none-match", "*")));
    }
    if change.kind == ResourceKind::Filter {
        let body = as_json(&filter_members(server, change)?.into());
        let unless = Some(("if-none-match", "*"));
        let tag = asked(server, Method::PUT, &change.path, Some(body), unless)?.tag;
        return try_beside(server, change, true, &tag);
    }
    let mut members = change.kind.members(&change.after, &change.name);
    let named = match change.kind {
        ResourceKind::App | ResourceKind::Endpoint => "uid",
        _ => "name",
    };
    members.insert(named.to_owned(), change.name.clone().into());
    if let Some(secret) = &change.secret {
        members.insert("secret".to_owned(), secret.clone().into());
    }
    if !change.headers.is_empty() {
        members.insert("headers".to_owned(), json!(change.headers));
    }
    let body = as_json(&members.into());
    asked(server, Method::POST, &all(change.kind, &change.app), Some(body), None).map(drop)
}

/// Each part is held to the version that the part before it left.
fn update(server: &ServerArguments, change: &Change) -> Result<(), Failure> {
    if change.kind == ResourceKind::Table {
        return load(server, change, guard(&change.tag));
    }
    let mut members = match change.kind {
        ResourceKind::Filter => filter_members(server, change)?,
        kind => kind.change(&change.before, &change.after, &change.name),
    };
    let is_first_secret = change.before.get("scheme").is_some_and(|scheme| scheme == "none");
    if let Some(secret) = change.secret.as_ref().filter(|_| is_first_secret) {
        members.insert("secret".to_owned(), secret.clone().into());
    }
    let mut tag = change.tag.clone();
    let is_patched = !members.is_empty();
    if is_patched {
        let body = Some(as_json(&members.into()));
        tag = asked(server, Method::PATCH, &change.path, body, guard(&tag))?.tag;
    }
    if change.kind == ResourceKind::Filter {
        return try_beside(server, change, is_patched, &tag);
    }
    if !change.headers.is_empty() {
        let path = beside(&change.path, "headers");
        let body = Some(as_json(&json!({ "headers": change.headers })));
        asked(server, Method::PATCH, &path, body, guard(&tag))?;
        tag = asked(server, Method::GET, &change.path, None, None)?.tag;
    }
    if let Some(secret) = change.secret.as_ref().filter(|_| !is_first_secret) {
        let member = if change.kind == ResourceKind::Endpoint { "key" } else { "secret" };
        let path = beside(&change.path, "secret/rotate");
        let body = Some(as_json(&json!({ member: secret })));
        asked(server, Method::POST, &path, body, guard(&tag))?;
    }
    Ok(())
}

/// Begins or ends what is on trial beside a filter. What was put in force has ended it.
fn try_beside(
    server: &ServerArguments,
    change: &Change,
    is_patched: bool,
    tag: &Option<String>,
) -> Result<(), Failure> {
    let path = beside(&change.path, "candidate");
    if let Some(words) = begun(change, is_patched) {
        let mut members = candidate_members(server, change, words)?;
        for (word, member) in [("canary", "canary"), ("stop_after_faults", "stopAfterFaults")] {
            members.extend(words.get(word).map(|value| (member.to_owned(), value.clone())));
        }
        let body = Some(as_json(&members.into()));
        return asked(server, Method::PUT, &path, body, guard(tag)).map(drop);
    }
    let is_over =
        change.before.contains_key("candidate") && !change.after.contains_key("candidate");
    let end = || asked(server, Method::DELETE, &path, None, guard(tag)).map(drop);
    if is_over && !is_patched { end() } else { Ok(()) }
}

/// What is said of a candidate that is put beside a filter: of another one, or of the same again
/// where what was put in force has ended it.
fn begun(change: &Change, is_patched: bool) -> Option<&Value> {
    let (before, after) = (change.before.get("candidate"), change.after.get("candidate"));
    after.filter(|_| is_patched || before != after)
}

/// In what it differs from its filter, with its module, which the server has by then.
fn candidate_members(
    server: &ServerArguments,
    change: &Change,
    words: &Value,
) -> Result<Words, Failure> {
    let mut members = Words::new();
    members.insert("config".to_owned(), words["config"].clone());
    let own = change.wanted.as_ref().and_then(|wanted| wanted.candidate.as_ref());
    if let Some(module) = own {
        members.insert("module".to_owned(), staged(server, change, module)?);
    }
    Ok(members)
}

/// All that a lookup table holds: of a file, or of a version that the server still has.
fn load(
    server: &ServerArguments,
    change: &Change,
    guard: Option<(&str, &str)>,
) -> Result<(), Failure> {
    let text = change.wanted.as_ref().and_then(|wanted| wanted.table.as_ref());
    let Some(TableText { text, media_type, key, value }) = text else {
        let version = text_of(&change.after, "content");
        let path = beside(&change.path, &format!("version/{}/restore", encoded(&version)));
        return asked(server, Method::POST, &path, None, guard).map(drop);
    };
    let mut path = change.path.clone();
    for (parameter, column) in [("key", key), ("value", value)] {
        if let Some(column) = column {
            path = with_parameters(&path, &format!("{parameter}={}", encoded(column)));
        }
    }
    let body = Some((*media_type, text.to_vec()));
    asked(server, Method::PUT, &path, body, guard).map(drop)
}

fn text_of(words: &Words, key: &str) -> String {
    words.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// With its module, which the server has by then.
fn filter_members(server: &ServerArguments, change: &Change) -> Result<Words, Failure> {
    let mut members = match change.deed {
        Deed::Create => change.kind.members(&change.after, &change.name),
        _ => change.kind.change(&change.before, &change.after, &change.name),
    };
    let module = change.wanted.as_ref().and_then(|wanted| wanted.module.as_ref());
    let Some(module) = module else { return Ok(members) };
    let is_other = change.before.get("module") != change.after.get("module");
    if is_other {
        members.insert("module".to_owned(), staged(server, change, module)?);
    }
    Ok(members)
}

/// A module's name on the server. Bytes are uploaded, and put nowhere.
fn staged(server: &ServerArguments, change: &Change, module: &Module) -> Result<Value, Failure> {
    match module {
        Module::Shipped(name, _) => Ok(name.clone().into()),
        Module::Digest(digest) => Ok(digest.to_string().into()),
        Module::Bytes(wasm) => {
            let path = with_parameters(&beside(&change.path, "version"), "stage=true");
            let body = Some(("application/wasm", wasm.to_vec()));
            Ok(asked(server, Method::POST, &path, body, None)?.json()["module"].take())
        }
    }
}
