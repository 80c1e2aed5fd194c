//! Sources: the ways in for webhooks of others, each with the scheme by which they are verified.

mod journal;
mod model;

use crate::Control;
use crate::api::wire::{APP, ITERATOR, LIMIT, ORDER, Page, Wanted, fresh_secret, grace, rotated};
use crate::api::{Answered, Call, Content, Deed, Operation, Role, Scope, Verb};
use crate::problem::Problem;
use crate::reply::{Secret as Told, answer, empty, resource, with_secret};
use event::TenantId;
use journal::JournalOut;
use model::{About, SourceIn, SourceOut, SourcePatch, SourceRotateIn, SourceSecretOut};
use registry::{ChangeSet, Declared, DeclaredSource, Kind, Secret, Secrets, Snapshot, Source};
use std::sync::Arc;

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Get,
        path: "/v1/source",
        id: "source.list",
        summary: "A page of an application's sources, by name",
        scope: Scope::Tenant(Deed::Read),
        query: &[APP, LIMIT, ITERATOR, ORDER],
        body: Content::Empty,
        answers: &[(200, Content::json::<Page<SourceOut>>())],
        run: |control, call| Box::pin(async move { list(control, &call) }),
    },
    Operation {
        verb: Verb::Post,
        path: "/v1/source",
        id: "source.create",
        summary: "Makes a source; it lets events in from the answer on",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP],
        body: Content::json::<SourceIn>(),
        answers: &[(201, Content::json::<SourceOut>())],
        run: |control, call| Box::pin(create(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/v1/source/{source_name}",
        id: "source.get",
        summary: "A source",
        scope: Scope::Tenant(Deed::Read),
        query: &[APP],
        body: Content::Empty,
        answers: &[(200, Content::json::<SourceOut>())],
        run: |control, call| Box::pin(async move { get(control, &call) }),
    },
    Operation {
        verb: Verb::Patch,
        path: "/v1/source/{source_name}",
        id: "source.patch",
        summary: "Changes what is given of a source",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP],
        body: Content::json::<SourcePatch>(),
        answers: &[(200, Content::json::<SourceOut>())],
        run: |control, call| Box::pin(patch(control, call)),
    },
    Operation {
        verb: Verb::Delete,
        path: "/v1/source/{source_name}",
        id: "source.delete",
        summary: "Removes a source; what it let in stays",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP],
        body: Content::Empty,
        answers: &[(204, Content::Empty)],
        run: |control, call| Box::pin(delete(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/v1/source/{source_name}/secret",
        id: "source.get-secret",
        summary: "The secret that senders sign with",
        scope: Scope::Tenant(Deed::Reveal),
        query: &[APP],
        body: Content::Empty,
        answers: &[(200, Content::json::<SourceSecretOut>())],
        run: |control, call| Box::pin(async move { secret(control, &call) }),
    },
    Operation {
        verb: Verb::Post,
        path: "/v1/source/{source_name}/secret/rotate",
        id: "source.rotate-secret",
        summary: "Gives a source another secret; the old one verifies too for a while",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP],
        body: Content::json::<SourceRotateIn>(),
        answers: &[(200, Content::json::<SourceSecretOut>())],
        run: |control, call| Box::pin(rotate(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/v1/source/{source_name}/journal",
        id: "source.journal",
        summary: "What came to a source lately, and what became of it; a restart forgets it",
        scope: Scope::Tenant(Deed::Read),
        query: &[APP, journal::LIMIT, journal::AFTER],
        body: Content::Empty,
        answers: &[(200, Content::json::<JournalOut>())],
        run: |control, call| Box::pin(async move { journal::show(control, &call) }),
    },
];

const NONE: Problem = Problem::NotFound("there is no such source");
/// Of one application, by keys that are bound to it.
const SOURCES_MAX: usize = 1_000;
/// The scheme that verifies nothing.
const OPEN: &str = "none";

fn find<'a>(
    snapshot: &'a Snapshot,
    app: &TenantId,
    name: &str,
) -> Result<&'a Arc<Source>, Problem> {
    snapshot.source(app, name).ok_or(NONE)
}

fn list(control: &Control, call: &Call) -> Answered {
    let wanted = Wanted::of(&call.query, false)?;
    let snapshot = control.snapshot();
    let app = call.app()?;
    let all: Vec<_> = snapshot.sources().into_iter().filter(|s| s.tenant == *app).collect();
    let name = |source: &&Arc<Source>| source.name.to_string();
    let show = |source: &&Arc<Source>| Some(SourceOut::of(source));
    Ok(answer(200, &wanted.cut_by_name(&all, name, show)?))
}

fn get(control: &Control, call: &Call) -> Answered {
    let snapshot = control.snapshot();
    let source = find(&snapshot, call.app()?, call.named("source_name"))?;
    Ok(resource(200, &SourceOut::of(source)))
}

async fn create(control: &Control, call: Call) -> Answered {
    let given: SourceIn = call.json()?;
    let app = call.app()?;
    let name = given.name.as_str();
    let secrets = first(control, &given.scheme, given.secret.as_deref());
    let about = About::new(control.ports.clock.wall());
    let new = given.declared(app, secrets, &about);
    may_listen(&call, &new)?;
    let made = control.change(|snapshot| {
        if snapshot.source(app, name).is_some() {
            return Err(Problem::Clash(format!("the source `{name}` is there already").into()));
        }
        let all = snapshot.sources();
        let count = all.iter().filter(|source| source.tenant == *app).count();
        call.within(count < SOURCES_MAX, "sources", SOURCES_MAX)?;
        put(control, snapshot, &new)
    });
    made.await?;
    shown(control, &call, 201, name)
}

/// A new source's secrets: the given one, or one that is made.
fn first(control: &Control, scheme: &str, given: Option<&str>) -> Secrets {
    let text = match given {
        Some(text) => text.to_owned().into(),
        None if scheme == OPEN => return Secrets::default(),
        None => fresh_secret(control),
    };
    Secrets::new(vec![Secret::kept(&text, &control.ports.sealing)])
}

/// Senders know paths by heart: one application does not take those of another.
fn may_listen(call: &Call, source: &DeclaredSource) -> Result<(), Problem> {
    let own = model::own_path(&source.tenant, "");
    let rest = source.path.strip_prefix(&own).unwrap_or_default();
    // The others' begin with one segment more than those of the default application.
    let is_own = !rest.is_empty() && (own != model::DEFAULT_PATHS || !rest.contains('/'));
    match call.principal.role == Role::Admin || is_own {
        true => Ok(()),
        false => {
            let text = format!("this key's paths are like {own}github: others are an admin's");
            Err(Problem::value(&["path"], text))
        }
    }
}

fn put(
    control: &Control,
    snapshot: &Snapshot,
    new: &DeclaredSource,
) -> Result<(ChangeSet, ()), Problem> {
    (control.ports.doors)(snapshot, new).map_err(Problem::Rejected)?;
    let mut edit = snapshot.edit();
    edit.put(&Declared { sources: vec![new.clone()], ..Declared::default() });
    Ok((edit.finish()?, ()))
}

/// Answers the source as it is now in force.
fn shown(control: &Control, call: &Call, status: u16, name: &str) -> Answered {
    let snapshot = control.snapshot();
    Ok(resource(status, &SourceOut::of(find(&snapshot, call.app()?, name)?)))
}

async fn patch(control: &Control, call: Call) -> Answered {
    let given: SourcePatch = call.json()?;
    rewrite(control, &call, |old| {
        let mut new = given.over(old);
        // What let anybody in has none yet.
        if new.secrets.is_empty() {
            new.secrets = first(control, &new.scheme, given.secret.as_deref());
        } else if given.secret.is_some() {
            let text = "it has one: POST the new one to /v1/source/{name}/secret/rotate";
            return Err(Problem::value(&["secret"], text));
        }
        may_listen(&call, &new)?;
        Ok(new)
    })
    .await?;
    shown(control, &call, 200, call.named("source_name"))
}

/// Puts what `make` gives in force in the place of the path's source.
async fn rewrite(
    control: &Control,
    call: &Call,
    make: impl Fn(&Source) -> Result<DeclaredSource, Problem>,
) -> Result<(), Problem> {
    let now = control.ports.clock.wall();
    let rewritten = control.change(|snapshot| {
        let old = find(snapshot, call.app()?, call.named("source_name"))?;
        call.if_match(&SourceOut::of(old))?;
        let new = DeclaredSource { about: About::of(old).at(now), ..make(old)? };
        put(control, snapshot, &new)
    });
    rewritten.await
}

async fn delete(control: &Control, call: Call) -> Answered {
    let removed = control.change(|snapshot| {
        let (app, name) = (call.app()?, call.named("source_name"));
        call.if_match(&SourceOut::of(find(snapshot, app, name)?))?;
        let mut edit = snapshot.edit();
        edit.remove(Kind::Source, app, name);
        Ok((edit.finish()?, ()))
    });
    removed.await?;
    Ok(empty(204))
}

fn secret(control: &Control, call: &Call) -> Answered {
    let snapshot = control.snapshot();
    let source = find(&snapshot, call.app()?, call.named("source_name"))?;
    let secret = source.secrets.iter().next();
    let secret = secret.ok_or(Problem::NotFound("this source has no secret"))?;
    Ok(answer(200, &SourceSecretOut { secret: secret.expose().to_owned() }))
}

async fn rotate(control: &Control, call: Call) -> Answered {
    let given: SourceRotateIn = call.json_or_default()?;
    let grace = grace(given.grace_period_seconds)?;
    let text = given.secret.map_or_else(|| fresh_secret(control), Into::into);
    let new = Secret::kept(&text, &control.ports.sealing);
    let now = control.ports.clock.wall();
    rewrite(control, &call, |old| {
        let secrets = rotated(&old.secrets, &new, "secret", now, now + grace)?;
        Ok(DeclaredSource { secrets, ..old.as_declared() })
    })
    .await?;
    let shown = answer(200, &SourceSecretOut { secret: text.to_string() });
    Ok(with_secret(shown, Told::Told))
}
