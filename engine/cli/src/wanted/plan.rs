//! What has to change so that a server is as a file says. Nothing is written here.

use super::standing::{DEFAULT, Found, Standing, beside, headers, one, secret, with_candidate};
use crate::exit::{Exit, Failure};
use crate::given::ServerArguments;
use crate::resources::ask;
use forebay::Pin;
use forebay::config::{ResourceKind, Wanted, Words};
use hyper::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub struct Plan {
    /// In the order in which they can be made.
    pub changes: Vec<Change>,
    /// Resources that are as they should be.
    pub unchanged: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Create,
    Update,
    Delete,
}

/// One resource that is to be other than it is.
pub struct Change {
    pub deed: Deed,
    pub kind: ResourceKind,
    /// For people: the application as the file calls it.
    pub title: String,
    pub app: String,
    /// As the file has it.
    pub name: String,
    /// Of all of it.
    pub path: String,
    /// None for what the file does not have.
    pub wanted: Option<Wanted>,
    pub before: Words,
    pub after: Words,
    /// Headers to set; None removes one.
    pub headers: BTreeMap<String, Option<String>>,
    /// What it is to sign or be signed with from now on.
    pub secret: Option<String>,
    /// The version that all this was worked out from.
    pub tag: Option<String>,
}

impl Plan {
    /// Looks at all that the file names.
    ///
    /// Errors: what cannot be made true, all of it at once.
    pub fn make(
        server: &ServerArguments,
        mut wanted: Vec<Wanted>,
        prune: bool,
    ) -> Result<Plan, Failure> {
        wanted.sort_by_key(|wanted| wanted.kind);
        let with_types = wanted.iter().any(|wanted| wanted.kind == ResourceKind::EventType);
        let apps: BTreeSet<&str> = wanted.iter().filter_map(app_of).collect();
        let standing = Standing::of(server, apps.into_iter(), with_types)?;
        refuse(server, &wanted, &standing)?;
        let mut plan = Plan { changes: Vec::new(), unchanged: 0 };
        let mut seen = Vec::new();
        for one in &wanted {
            let app = standing.app(&one.app).unwrap_or(&one.app);
            match standing.find(one.kind, app, &one.name) {
                None => plan.changes.push(create(one, app)?),
                Some(found) => {
                    seen.push((found.kind, &*found.app, &*found.id));
                    match update(server, one, found, &standing)? {
                        Some(change) => plan.changes.push(change),
                        None => plan.unchanged += 1,
                    }
                }
            }
        }
        refuse_declared(&plan, &standing)?;
        if prune {
            let is_seen = |found: &&Found| !seen.contains(&(found.kind, &*found.app, &*found.id));
            let rest = standing.found.iter().filter(is_seen);
            plan.prune(server, rest.collect(), &wanted, &standing)?;
        }
        Ok(plan)
    }

    /// What needs others goes before them.
    fn prune(
        &mut self,
        server: &ServerArguments,
        mut rest: Vec<&Found>,
        wanted: &[Wanted],
        standing: &Standing,
    ) -> Result<(), Failure> {
        let is_needed = |found: &Found| {
            found.kind == ResourceKind::Filter
                && wanted.iter().any(|wanted| needs(&wanted.words, &found.name))
        };
        // Files that say nothing of an application's lookup tables want none of them gone.
        let tables = wanted.iter().filter(|wanted| wanted.kind == ResourceKind::Table);
        let with_tables: BTreeSet<&str> =
            tables.filter_map(|wanted| standing.app(&wanted.app)).collect();
        rest.retain(|found| match found.kind {
            ResourceKind::App => false,
            ResourceKind::Table => with_tables.contains(&*found.app) && !found.is_declared,
            _ => !found.is_declared && !is_needed(found),
        });
        rest.sort_by_key(|found| std::cmp::Reverse(found.kind));
        for found in rest {
            let path = one(found.kind, &found.app, &found.id)?;
            let tag = ask(server, Method::GET, &path, None)?.tag;
            self.changes.push(Change {
                deed: Deed::Delete,
                kind: found.kind,
                title: found.kind.title(&standing.name_of(&found.app), &found.name),
                app: found.app.clone(),
                name: found.name.clone(),
                path,
                wanted: None,
                before: found.words.clone(),
                after: Words::new(),
                headers: BTreeMap::new(),
                secret: None,
                tag,
            });
        }
        Ok(())
    }
}

/// The application that a resource is, or is of.
fn app_of(wanted: &Wanted) -> Option<&str> {
    match wanted.kind {
        ResourceKind::App => Some(&wanted.name),
        ResourceKind::EventType => None,
        _ => Some(&wanted.app),
    }
}

/// The filters that an endpoint names, or pins versions of.
fn entries(words: &Words) -> impl Iterator<Item = &str> {
    let filters = words.get("filters").and_then(Value::as_array);
    filters.into_iter().flatten().filter_map(Value::as_str)
}

fn needs(words: &Words, filter: &str) -> bool {
    entries(words).any(|entry| entry == filter || Pin::filter_of(entry) == filter)
}

/// What leads nowhere is told before anything is changed.
fn refuse(server: &ServerArguments, wanted: &[Wanted], standing: &Standing) -> Result<(), Failure> {
    let mut flaws = Vec::new();
    let has = |kind, app: &str, name: &str| {
        wanted.iter().any(|one| one.kind == kind && one.app == app && one.name == name)
    };
    for one in wanted {
        let mut flaw =
            |text: String| flaws.push(format!("{}: {}: {text}", one.origin, one.title()));
        let app = standing.app(&one.app);
        let is_of_node = app_of(one).is_none_or(|_| one.kind == ResourceKind::App);
        if !is_of_node && app.is_none() && !has(ResourceKind::App, "", &one.app) {
            flaw(format!(
                "the server has no application `{0}`, and the file no [[app]] with uid = \
                          \"{0}\"",
                one.app
            ));
        }
        let app = app.unwrap_or(&one.app);
        if let Some(text) = lost_content(server, one, standing.find(one.kind, app, &one.name))? {
            flaw(text);
        }
        let is_id = match one.kind {
            ResourceKind::App => one.name.starts_with("app_") || one.name == DEFAULT,
            ResourceKind::Endpoint => one.name.starts_with("ep_"),
            _ => false,
        };
        if is_id && standing.find(one.kind, app, &one.name).is_none() {
            flaw("the server has none of this id, and gives ids itself".to_owned());
        }
        for entry in entries(&one.words) {
            let is_there = |name: &str| {
                name.starts_with("forebay/")
                    || has(ResourceKind::Filter, &one.app, name)
                    || standing.find(ResourceKind::Filter, app, name).is_some()
            };
            let name = Pin::filter_of(entry);
            if !is_there(entry) && !is_there(name) {
                flaw(format!("neither the server nor the file has its filter `{name}`"));
            }
        }
    }
    refused(flaws)
}

/// Why a lookup table cannot hold the version that the file names in the place of its text.
fn lost_content(
    server: &ServerArguments,
    wanted: &Wanted,
    found: Option<&Found>,
) -> Result<Option<String>, Failure> {
    if wanted.kind != ResourceKind::Table || wanted.table.is_some() {
        return Ok(None);
    }
    let Some(found) = found else {
        let text = "the server has no such table: name its `file`, with what it holds";
        return Ok(Some(text.to_owned()));
    };
    let content = wanted.words.get("content").and_then(Value::as_str).unwrap_or_default();
    if found.words.get("content").is_some_and(|now| now == content) {
        return Ok(None);
    }
    let path = beside(&one(found.kind, &found.app, &found.id)?, "version");
    let told = ask(server, Method::GET, &path, None)?.json();
    let mut kept = told["data"].as_array().into_iter().flatten();
    Ok(match kept.any(|version| version["version"] == content) {
        true => None,
        false => Some(format!(
            "the server has its version `{content}` no more: name its `file`, with what it holds"
        )),
    })
}

fn refuse_declared(plan: &Plan, standing: &Standing) -> Result<(), Failure> {
    let is_declared = |change: &&Change| {
        let found = standing.find(change.kind, &change.app, &change.name);
        found.is_some_and(|found| found.is_declared)
    };
    let flaw = |change: &Change| {
        let at = change.wanted.as_ref().map(|wanted| format!("{}: ", wanted.origin));
        format!(
            "{}{} is declared by the server's own configuration file, where alone it is changed",
            at.unwrap_or_default(),
            change.title
        )
    };
    refused(plan.changes.iter().filter(is_declared).map(flaw).collect())
}

fn refused(flaws: Vec<String>) -> Result<(), Failure> {
    match flaws.is_empty() {
        true => Ok(()),
        false => {
            let count = flaws.len();
            let things = if count == 1 { "thing" } else { "things" };
            let all = flaws.join("\n       ");
            Err(Failure::new(
                Exit::Usage,
                format!("{all}\n{count} {things} cannot be made true; nothing was changed"),
            ))
        }
    }
}

fn change_of(wanted: &Wanted, app: &str, path: String) -> Change {
    Change {
        deed: Deed::Create,
        kind: wanted.kind,
        title: wanted.title(),
        app: app.to_owned(),
        name: wanted.name.clone(),
        path,
        wanted: Some(wanted.clone()),
        before: Words::new(),
        after: wanted.words.clone(),
        headers: BTreeMap::new(),
        secret: wanted.secret.as_ref().map(|secret| secret.expose().to_owned()),
        tag: None,
    }
}

fn create(wanted: &Wanted, app: &str) -> Result<Change, Failure> {
    let mut change = change_of(wanted, app, one(wanted.kind, app, &wanted.name)?);
    let given = wanted.headers.iter().filter(|(_, value)| !value.is_empty());
    change.headers = given.map(|(name, value)| (name.clone(), Some(value.clone()))).collect();
    Ok(change)
}

fn update(
    server: &ServerArguments,
    wanted: &Wanted,
    found: &Found,
    standing: &Standing,
) -> Result<Option<Change>, Failure> {
    let path = one(wanted.kind, &found.app, &found.id)?;
    let mut change = change_of(wanted, &found.app, path);
    change.deed = Deed::Update;
    change.before = found.words.clone();
    standing.leave_out_usual(wanted.kind, &mut change.after, &found.name, &found.app);
    let about = |failure: Failure| failure.about(&wanted.title());
    let (given, path) = (change.secret.take(), change.path.clone());
    let parts = || parts(server, wanted, given.as_deref(), &path).map_err(about);
    (change.secret, change.headers) = parts()?;
    let is_same =
        change.before == change.after && change.secret.is_none() && change.headers.is_empty();
    if is_same {
        return Ok(None);
    }
    // Whatever it became since it was listed: the change is worked out from the version whose tag
    // it is held to.
    let now = ask(server, Method::GET, &path, None).map_err(about)?;
    let told = with_candidate(server, wanted.kind, &found.app, now.json()).map_err(about)?;
    change.before = wanted.kind.words(&told, &found.name);
    standing.leave_out_usual(wanted.kind, &mut change.before, &found.name, &found.app);
    change.tag = now.tag;
    (change.secret, change.headers) = parts()?;
    Ok(Some(change))
}

type Parts = (Option<String>, BTreeMap<String, Option<String>>);

/// What is to be set of what has a path of its own: the secret, and headers.
fn parts(
    server: &ServerArguments,
    wanted: &Wanted,
    given: Option<&str>,
    path: &str,
) -> Result<Parts, Failure> {
    let given = given.map(|given| with_prefix(wanted.kind, given));
    let secret = match given {
        Some(given) if secret(server, wanted.kind, path)?.as_ref() != Some(&given) => Some(given),
        _ => None,
    };
    let headers = match wanted.kind {
        ResourceKind::Endpoint => headers_to_set(server, wanted, path)?,
        _ => BTreeMap::new(),
    };
    Ok((secret, headers))
}

/// The API writes it so, whichever way it was given.
fn with_prefix(kind: ResourceKind, secret: &str) -> String {
    match kind {
        ResourceKind::Endpoint if !secret.starts_with("whsec_") => format!("whsec_{secret}"),
        _ => secret.to_owned(),
    }
}

/// Those that differ. A sensitive one that the file does not name is left alone, as a secret is.
fn headers_to_set(
    server: &ServerArguments,
    wanted: &Wanted,
    path: &str,
) -> Result<BTreeMap<String, Option<String>>, Failure> {
    let there = headers(server, path)?;
    let given = wanted.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    let given: BTreeMap<String, &String> = given.collect();
    let mut set = BTreeMap::new();
    for (name, value) in &given {
        let is_set = !value.is_empty();
        match there.all.get(name) {
            Some(Some(now)) if is_set && now == *value => {}
            Some(None) if is_set => {
                let why = format!("403 this key may not read the header `{name}`, which is given");
                return Err(Failure::new(Exit::Failed, why));
            }
            None if !is_set => {}
            _ => drop(set.insert(name.clone(), Some((*value).clone()).filter(|_| is_set))),
        }
    }
    let gone = there.all.keys().filter(|name| !there.sensitive.contains(*name));
    for name in gone.filter(|name| !given.contains_key(*name)) {
        set.insert(name.clone(), None);
    }
    Ok(set)
}
