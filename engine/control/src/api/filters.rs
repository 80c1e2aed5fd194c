//! Filters of an application and their versions. A module is uploaded as it is; what it is
//! configured with, and what it may use, is JSON beside it.

mod differences;
mod kept;
mod live;
mod model;
mod staged;
mod trial;
mod verdict;

pub(crate) use differences::{Comparison, OutputDifference};
pub(crate) use kept::{pinned_bytes, to_pin};
pub(crate) use live::OPERATIONS as LIVE;
pub(crate) use staged::Staged;
pub(crate) use verdict::{Excerpt, VerdictOut};

use crate::api::endpoints::is_script;
use crate::api::wire::{APP, ITERATOR, LIMIT, ORDER, Page, Wanted, Word, flag};
use crate::api::{Answered, Call, Content, Deed, Operation, Parameter, Role, Scope, Verb};
use crate::problem::Problem;
use crate::reply::{answer, empty, resource, told_as};
use crate::watch::{INFO, SaidLine};
use crate::{Control, Denied};
use event::TenantId;
use kept::KeptOut;
use model::{About, FilterIn, FilterOut, FilterPatch, Settings, StagedOut};
use registry::{
    ChangeSet, Declared, DeclaredFilter, Edit, FilterVersion, Kind, ModuleDigest, Pin, Snapshot,
};
use std::sync::Arc;
use trial::{DryRunIn, DryRunOut};

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Get,
        path: "/v1/filter",
        id: "filter.list",
        summary: "A page of an application's filters, by name",
        scope: Scope::Tenant(Deed::Read),
        query: &[APP, LIMIT, ITERATOR, ORDER],
        body: Content::Empty,
        answers: &[(200, Content::json::<Page<FilterOut>>())],
        run: |control, call| Box::pin(async move { list(control, &call) }),
    },
    Operation {
        verb: Verb::Get,
        path: "/v1/filter/{filter_name}",
        id: "filter.get",
        summary: "A filter, in the version that is in force",
        scope: Scope::Tenant(Deed::Read),
        query: &[APP],
        body: Content::Empty,
        answers: &[(200, Content::json::<FilterOut>())],
        run: |control, call| Box::pin(async move { get(control, &call) }),
    },
    Operation {
        verb: Verb::Put,
        path: "/v1/filter/{filter_name}",
        id: "filter.put",
        summary: "Makes a filter of a module that is there, or replaces one by a new version",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP],
        body: Content::json::<FilterIn>(),
        answers: &[(200, Content::json::<FilterOut>()), (201, Content::json::<FilterOut>())],
        run: |control, call| Box::pin(put(control, call)),
    },
    Operation {
        verb: Verb::Patch,
        path: "/v1/filter/{filter_name}",
        id: "filter.patch",
        summary: "Puts a version in force that differs in what is given",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP],
        body: Content::json::<FilterPatch>(),
        answers: &[(200, Content::json::<FilterOut>())],
        run: |control, call| Box::pin(patch(control, call)),
    },
    Operation {
        verb: Verb::Delete,
        path: "/v1/filter/{filter_name}",
        id: "filter.delete",
        summary: "Removes a filter that no endpoint needs",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP],
        body: Content::Empty,
        answers: &[(204, Content::Empty)],
        run: |control, call| Box::pin(delete(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/v1/filter/{filter_name}/version",
        id: "filter.versions",
        summary: "The versions of a filter that can be put in force again, the newest first",
        scope: Scope::Tenant(Deed::Read),
        query: &[APP],
        body: Content::Empty,
        answers: &[(200, Content::json::<Page<KeptOut>>())],
        run: |control, call| Box::pin(async move { versions(control, &call) }),
    },
    Operation {
        verb: Verb::Post,
        path: "/v1/filter/{filter_name}/version",
        id: "filter.push",
        summary: "Uploads a module and puts it in force, with the settings that there are",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP, STAGE],
        body: Content::Binary("application/wasm"),
        answers: &[
            (200, Content::json::<FilterOut>()),
            (201, Content::json::<FilterOut>()),
            (202, Content::json::<StagedOut>()),
        ],
        run: |control, call| Box::pin(push(control, call)),
    },
    Operation {
        verb: Verb::Post,
        path: "/v1/filter/{filter_name}/version/{version}/restore",
        id: "filter.restore",
        summary: "Puts an earlier version in force again",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP],
        body: Content::Empty,
        answers: &[(200, Content::json::<FilterOut>())],
        run: |control, call| Box::pin(restore(control, call)),
    },
    Operation {
        verb: Verb::Post,
        path: "/v1/filter/{filter_name}/dry-run",
        id: "filter.dry-run",
        summary: "Shows a filter events that the log has, and tells what it would make of them",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP],
        body: Content::json::<DryRunIn>(),
        answers: &[(200, Content::json::<DryRunOut>())],
        run: |control, call| Box::pin(trial::dry_run(control, call)),
    },
];

const STAGE: Parameter = Parameter::of::<bool>(
    "stage",
    "Keeps the module alone; PUT or PATCH then puts it in force together with other settings.",
);

/// What the log of changes calls a module that is kept alone.
const STAGED: &str = "filter.stage";

const NONE: Problem = Problem::NotFound("there is no such filter");
/// How modules that come with the engine are named.
const SHIPPED: &str = "forebay/";
/// Of one application, by keys that are bound to it.
const FILTERS_MAX: usize = 1_000;

fn find<'a>(
    snapshot: &'a Snapshot,
    app: &TenantId,
    name: &str,
) -> Result<&'a Arc<FilterVersion>, Problem> {
    snapshot.filter(app, name).ok_or(NONE)
}

fn list(control: &Control, call: &Call) -> Answered {
    let wanted = Wanted::of(&call.query, false)?;
    let snapshot = control.snapshot();
    let app = call.app()?;
    let mut all = snapshot.filters();
    all.retain(|filter| filter.tenant == *app && !is_script(&filter.name));
    let name = |filter: &&Arc<FilterVersion>| filter.name.to_string();
    let show = |filter: &&Arc<FilterVersion>| Some(FilterOut::of(filter));
    Ok(answer(200, &wanted.cut_by_name(&all, name, show)?))
}

fn get(control: &Control, call: &Call) -> Answered {
    let snapshot = control.snapshot();
    let filter = find(&snapshot, call.app()?, call.named("filter_name"))?;
    Ok(resource(200, &FilterOut::of(filter)))
}

fn versions(control: &Control, call: &Call) -> Answered {
    let snapshot = control.snapshot();
    let filter = find(&snapshot, call.app()?, call.named("filter_name"))?;
    let data = kept::shown(&snapshot, filter);
    Ok(answer(200, &Page::whole(data)))
}

async fn put(control: &Control, call: Call) -> Answered {
    let given: FilterIn = call.json()?;
    check_own_module(control, &call, &given.module)?;
    let module = module(control, &call, &given.module).await?;
    let settings = given.settings(module, control.options.filter_limits)?;
    let replaced = replace(control, &call, |_| Ok(settings.clone()));
    shown(control, &call, replaced.await?)
}

async fn patch(control: &Control, call: Call) -> Answered {
    let given: FilterPatch = call.json()?;
    let module = match &given.module {
        Some(named) => {
            check_own_module(control, &call, named)?;
            Some(module(control, &call, named).await?)
        }
        None => None,
    };
    let replaced = replace(control, &call, |old| {
        let old = Settings::of(old.ok_or(NONE)?);
        given.over(old, module, control.options.filter_limits)
    });
    shown(control, &call, replaced.await?)
}

async fn push(control: &Control, call: Call) -> Answered {
    let wasm = call.binary("application/wasm")?;
    if wasm.is_empty() {
        return Err(Problem::BadRequest("the body is the module; there is none".into()));
    }
    // Before the module is compiled: whoever has the wrong version has nothing compiled.
    check_version(&call, &control.snapshot())?;
    check_own_module(control, &call, "")?;
    let module = control.ports.modules.keep(wasm).await?;
    control.staged.borrow_mut().note(call.app()?, module);
    if flag(&call.query, "stage", false)? {
        // Nothing of the filter has changed, and there may be none yet.
        return Ok(told_as(answer(202, &StagedOut { module: module.to_string() }), STAGED));
    }
    let limits = control.options.filter_limits;
    let replaced = replace(control, &call, |old| {
        let mut settings = old.map_or_else(|| Settings::usual(module, limits), Settings::of);
        settings.module = module;
        Ok(settings)
    });
    shown(control, &call, replaced.await?)
}

async fn restore(control: &Control, call: Call) -> Answered {
    let replaced = replace(control, &call, |old| {
        let found = kept::find(&control.snapshot(), old.ok_or(NONE)?, call.named("version"));
        found.ok_or(Problem::NotFound("this filter has no such version"))
    });
    shown(control, &call, replaced.await?)
}

fn check_version(call: &Call, snapshot: &Snapshot) -> Result<(), Problem> {
    let old = snapshot.filter(call.app()?, call.named("filter_name"));
    call.if_match_any(old.map(|old| FilterOut::of(old)).as_ref())
}

/// The digest of a module that is there for who asks: of one that was uploaded, or by the name of
/// one that comes with the engine.
async fn module(control: &Control, call: &Call, named: &str) -> Result<ModuleDigest, Problem> {
    let modules = &control.ports.modules;
    if named.starts_with(SHIPPED) {
        return kept(control, named).await;
    }
    let digest = match ModuleDigest::read(named) {
        Some(digest) if may_name(control, call, &digest)? => Some(digest),
        _ => None,
    };
    let digest = digest.filter(|digest| modules.has(digest));
    digest.ok_or_else(|| {
        let text = "no module of this SHA-256 was uploaded: POST the module itself to \
                    /v1/filter/{name}/version";
        Problem::value(&["module"], text)
    })
}

/// A digest is no secret, and what another application uploaded is its own: a key that is bound to
/// an application names what that one brought since the node's start, and what its filters are or
/// were made of.
fn may_name(control: &Control, call: &Call, module: &ModuleDigest) -> Result<bool, Problem> {
    if call.principal.role == Role::Admin {
        return Ok(true);
    }
    let app = call.app()?;
    if control.staged.borrow().has(app, module) {
        return Ok(true);
    }
    let history = control.ports.commands.history();
    let mut own = history.filters().filter(|filter| filter.tenant == *app);
    let endpoints = history.latest().endpoints_of(app);
    let mut pinned = endpoints.flat_map(|endpoint| endpoint.pins());
    Ok(own.any(|filter| filter_modules(filter).contains(module))
        || pinned.any(|(_, version)| version.module == *module))
}

/// The modules that a version of a filter may ask for: its own, its candidate's, and those of the
/// versions that it replaced last, which can be put in force again.
pub fn filter_modules(filter: &FilterVersion) -> Vec<ModuleDigest> {
    let candidate = filter.candidate.as_ref().map(|candidate| candidate.module);
    let replaced = About::of(filter).modules();
    [filter.module].into_iter().chain(candidate).chain(replaced).collect()
}

/// The digest of a module that comes with the engine, kept.
pub(super) async fn kept(control: &Control, shipped: &str) -> Result<ModuleDigest, Problem> {
    let modules = &control.ports.modules;
    match modules.shipped(shipped) {
        Some(wasm) => Ok(modules.keep(wasm).await?),
        None => Err(Problem::value(&["module"], modules.unshipped(shipped))),
    }
}

/// Finds out whether a filter of this module starts with this configuration.
pub(super) async fn try_out(
    control: &Control,
    app: &TenantId,
    name: &str,
    (module, config): (ModuleDigest, String),
) -> Result<(), Denied> {
    let settings = Settings::usual(module, control.options.filter_limits).configured(config);
    control.ports.modules.try_out(settings.as_version(app, name)).await
}

/// A filter of this module with this configuration, and otherwise as usual.
pub(super) fn plain(
    control: &Control,
    app: &TenantId,
    name: &str,
    (module, config): (ModuleDigest, String),
) -> DeclaredFilter {
    let settings = Settings::usual(module, control.options.filter_limits).configured(config);
    settings.declared(app, name, &About::default())
}

/// Those of an endpoint's filters that come with the engine and are new to the application. All
/// of them start.
pub(super) async fn shipped(
    control: &Control,
    app: &TenantId,
    entries: &[String],
) -> Result<Vec<(String, ModuleDigest)>, Problem> {
    let (snapshot, modules) = (control.snapshot(), &control.ports.modules);
    let mut found: Vec<(String, ModuleDigest)> = Vec::new();
    let is_new = |name: &&str| name.starts_with(SHIPPED) && snapshot.filter(app, name).is_none();
    for name in entries.iter().map(|entry| Pin::filter_of(entry)).filter(is_new) {
        if found.iter().any(|(known, _)| known == name) {
            continue;
        }
        let Some(wasm) = modules.shipped(name) else {
            return Err(Problem::value(&["filters"], modules.unshipped(name)));
        };
        let module = modules.keep(wasm).await?;
        // One that needs a configuration is told now and not at the first event.
        let settings = Settings::usual(module, control.options.filter_limits);
        modules.try_out(settings.as_version(app, name)).await?;
        found.push((name.to_owned(), module));
    }
    Ok(found)
}

/// Makes those of them that the application does not have yet a part of a change.
pub(super) fn add_shipped(
    edit: &mut Edit<'_>,
    snapshot: &Snapshot,
    app: &TenantId,
    shipped: &[(String, ModuleDigest)],
    control: &Control,
) {
    let missing = shipped.iter().filter(|(name, _)| snapshot.filter(app, name).is_none());
    let now = control.ports.clock.wall();
    let filters = missing.map(|(name, module)| {
        let settings = Settings::usual(*module, control.options.filter_limits);
        settings.declared(app, name, &About::after(None, &settings, now))
    });
    edit.put(&Declared { filters: filters.collect(), ..Declared::default() });
}

/// Whether a filter may have it: one of its own, or one that comes with the engine.
fn is_name(control: &Control, name: &str) -> bool {
    Word::try_from(name.to_owned()).is_ok() || control.ports.modules.shipped(name).is_some()
}

/// What runs the script of an endpoint is changed with the endpoint alone.
fn check_own(name: &str) -> Result<(), Problem> {
    if is_script(name) { Err(NONE) } else { Ok(()) }
}

/// What comes with the engine under this name is what a filter of this name is made of.
fn check_own_module(control: &Control, call: &Call, module: &str) -> Result<(), Problem> {
    let name = call.named("filter_name");
    match control.ports.modules.shipped(name).is_none() || module == name {
        true => Ok(()),
        false => {
            let text = format!("the filter `{name}` is made of the module `{name}` alone");
            Err(Problem::value(&["module"], text))
        }
    }
}

/// Puts what `make` gives in force as the path's filter. Gives whether it is new.
async fn replace(
    control: &Control,
    call: &Call,
    make: impl Fn(Option<&FilterVersion>) -> Result<Settings, Problem>,
) -> Result<bool, Problem> {
    let name = call.named("filter_name");
    if !is_name(control, name) {
        return Err(NONE);
    }
    let now = control.ports.clock.wall();
    let app = call.app()?;
    let tried = {
        let snapshot = control.snapshot();
        check_version(call, &snapshot)?;
        make(snapshot.filter(app, name).map(|old| &**old))?
    };
    control.ports.modules.try_out(tried.as_version(app, name)).await?;
    let replaced = control.change(|snapshot| -> Result<(ChangeSet, (bool, bool)), Problem> {
        let old = snapshot.filter(app, name);
        check_version(call, snapshot)?;
        if old.is_none() {
            let all = snapshot.filters();
            let own = all.iter().filter(|filter| filter.tenant == *app && !is_script(&filter.name));
            let count = own.count();
            call.within(count < FILTERS_MAX, "filters", FILTERS_MAX)?;
        }
        let settings = make(old.map(|old| &**old))?;
        if settings != tried {
            return Err(Problem::Conflict);
        }
        // Whatever is put in force ends a trial beside it.
        let ends_trial = old.is_some_and(|old| old.candidate.is_some());
        let is_same = !ends_trial && old.is_some_and(|old| Settings::of(old) == settings);
        let mut edit = snapshot.edit();
        if !is_same {
            let about = About::after(old.map(|old| &**old), &settings, now);
            let filters = vec![settings.declared(app, name, &about)];
            edit.put(&Declared { filters, ..Declared::default() });
        }
        Ok((edit.finish()?, (old.is_none(), ends_trial)))
    });
    let (is_new, ends_trial) = replaced.await?;
    if ends_trial {
        tell_of_end(control, app, name);
    }
    Ok(is_new)
}

/// A line of the filter's log, for whoever looks for what was on trial.
fn tell_of_end(control: &Control, app: &TenantId, filter: &str) {
    let text = "what was on trial beside it is over: a version was put in force";
    let said = SaidLine { filter, event: None, level: INFO, fault: None, text };
    control.ports.watch.said(app, &[], control.ports.clock.wall(), [said].into_iter());
}

/// Answers the filter as it is now in force.
fn shown(control: &Control, call: &Call, is_new: bool) -> Answered {
    let snapshot = control.snapshot();
    let filter = find(&snapshot, call.app()?, call.named("filter_name"))?;
    Ok(resource(if is_new { 201 } else { 200 }, &FilterOut::of(filter)))
}

async fn delete(control: &Control, call: Call) -> Answered {
    let removed = control.change(|snapshot| {
        let (app, name) = (call.app()?, call.named("filter_name"));
        check_own(name)?;
        call.if_match(&FilterOut::of(find(snapshot, app, name)?))?;
        let mut edit = snapshot.edit();
        edit.remove(Kind::Filter, app, name);
        Ok((edit.finish()?, ()))
    });
    removed.await?;
    Ok(empty(204))
}
