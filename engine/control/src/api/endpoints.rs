mod choice;
mod model;
mod secrets;
mod transformation;
mod writes;

pub(crate) use model::{CHANNELS, EndpointOut, pause_text};
pub(crate) use transformation::is_name as is_script;
pub(crate) use writes::Writes;

use crate::Control;
use crate::api::wire::{Given, ITERATOR, LIMIT, Look, ORDER, Page, Wanted, uid_of_path};
use crate::api::{Answered, Call, Content, Deed, Operation, Role, Scope, Verb, filters};
use crate::problem::Problem;
use crate::reply::{answer, empty, resource};
use choice::Choice;
use event::{EndpointId, Refusal, TenantId, Time};
use model::{About, EndpointIn, EndpointPatch, Rest};
use registry::{
    ChangeSet, DeclaredEndpoint, Edit, Endpoint, ModuleDigest, POLLED, Snapshot, Terms,
};
use std::sync::Arc;
use transformation::{Ready, Script, Transformation};

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Get,
        path: "/api/v1/app/{app_id}/endpoint",
        id: "v1.endpoint.list",
        summary: "A page of an application's endpoints, in the order in which they were made",
        scope: Scope::Portal(Deed::Read),
        query: &[
            LIMIT,
            ITERATOR,
            ORDER,
            choice::TYPES,
            choice::CHANNEL,
            choice::DISABLED,
            choice::SEARCH,
        ],
        body: Content::Empty,
        answers: &[(200, Content::json::<Page<EndpointOut>>())],
        run: |control, call| Box::pin(async move { list(control, &call) }),
    },
    Operation {
        verb: Verb::Post,
        path: "/api/v1/app/{app_id}/endpoint",
        id: "v1.endpoint.create",
        summary: "Creates an endpoint",
        scope: Scope::Portal(Deed::Write),
        query: &[],
        body: Content::json::<EndpointIn>(),
        answers: &[(201, Content::json::<EndpointOut>())],
        run: |control, call| Box::pin(create(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}",
        id: "v1.endpoint.get",
        summary: "An endpoint",
        scope: Scope::Portal(Deed::Read),
        query: &[],
        body: Content::Empty,
        answers: &[(200, Content::json::<EndpointOut>())],
        run: |control, call| Box::pin(async move { get(control, &call) }),
    },
    Operation {
        verb: Verb::Put,
        path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}",
        id: "v1.endpoint.update",
        summary: "Replaces an endpoint, or creates it under this uid",
        scope: Scope::Portal(Deed::Write),
        query: &[],
        body: Content::json::<EndpointIn>(),
        answers: &[(200, Content::json::<EndpointOut>()), (201, Content::json::<EndpointOut>())],
        run: |control, call| Box::pin(update(control, call)),
    },
    Operation {
        verb: Verb::Patch,
        path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}",
        id: "v1.endpoint.patch",
        summary: "Changes what is given of an endpoint",
        scope: Scope::Portal(Deed::Write),
        query: &[],
        body: Content::json::<EndpointPatch>(),
        answers: &[(200, Content::json::<EndpointOut>())],
        run: |control, call| Box::pin(patch(control, call)),
    },
    Operation {
        verb: Verb::Delete,
        path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}",
        id: "v1.endpoint.delete",
        summary: "Removes an endpoint; what waits for it is forgotten",
        scope: Scope::Portal(Deed::Write),
        query: &[],
        body: Content::Empty,
        answers: &[(204, Content::Empty)],
        run: |control, call| Box::pin(delete(control, call)),
    },
];

pub(crate) const SECRETS: &[Operation] = secrets::OPERATIONS;
pub(crate) const TRANSFORMATION: &[Operation] = transformation::OPERATIONS;

pub(crate) const NONE: Problem = Problem::NotFound("there is no such endpoint");
/// Of one application, by keys that are bound to it.
const ENDPOINTS_MAX: usize = 10_000;

/// The application's endpoint of this id or uid.
pub(crate) fn find<'a>(
    snapshot: &'a Snapshot,
    app: &TenantId,
    name: &str,
) -> Result<&'a Arc<Endpoint>, Problem> {
    let by_id = EndpointId::read(name).and_then(|id| snapshot.endpoint(id));
    let by_id = by_id.filter(|endpoint| endpoint.tenant == *app);
    by_id.or_else(|| snapshot.endpoint_named(app, name)).ok_or(NONE)
}

/// When it was made; 1970 for what a configuration file declares.
pub(crate) fn created(endpoint: &Endpoint) -> Time {
    Time::from_millis(About::of(endpoint).created)
}

/// The endpoint that the path names.
pub(crate) fn id_asked(control: &Control, call: &Call) -> Result<EndpointId, Problem> {
    Ok(find(&control.snapshot(), call.app()?, call.named("endpoint_id"))?.id)
}

fn list(control: &Control, call: &Call) -> Answered {
    let wanted = Wanted::of(&call.query, false)?;
    let snapshot = control.snapshot();
    let all = snapshot.endpoint_ids_of(call.app()?);
    let mut search = Choice::of(&call.query)?.look(control.ports.commands.pauses());
    let look = |id: &EndpointId| match snapshot.endpoint(*id) {
        Some(found) => search.at(found, || EndpointOut::listed(control, found)),
        None => Look::Passed,
    };
    let page = wanted.walk(all, |id| *id, EndpointId::read, EndpointId::to_string, look)?;
    Ok(answer(200, &page))
}

async fn create(control: &Control, call: Call) -> Answered {
    let given: EndpointIn = call.json()?;
    let id = make(control, &call, &given).await?;
    shown(control, 201, id)
}

/// What no attempt could reach is refused now, and not attempt by attempt. Which rule says so, and
/// what would allow it, is the operator's to know.
fn may_reach(control: &Control, call: &Call, url: &str) -> Result<(), Problem> {
    if url == POLLED {
        return Ok(());
    }
    let Err(Refusal { rule, allow }) = (control.ports.reach)(url) else { return Ok(()) };
    let text = match (call.principal.role == Role::Admin, &*allow) {
        (true, "") => format!("no delivery would go there: {rule}"),
        (true, allow) => format!("no delivery would go there: {rule}; if it is meant, say {allow}"),
        (false, _) => "no delivery would go there".to_owned(),
    };
    Err(Problem::value(&["url"], text))
}

/// Answers the endpoint as it is now in force.
fn shown(control: &Control, status: u16, id: EndpointId) -> Answered {
    let snapshot = control.snapshot();
    Ok(resource(status, &EndpointOut::now(control, snapshot.endpoint(id).ok_or(NONE)?)))
}

async fn make(control: &Control, call: &Call, given: &EndpointIn) -> Result<EndpointId, Problem> {
    let app = call.app()?;
    let now = control.ports.clock.wall();
    let headers = given.headers.clone().unwrap_or_default();
    let new = given.declared(Rest {
        tenant: app.clone(),
        terms: control.options.terms.clone(),
        secrets: secrets::first(control, given.secret.as_deref())?,
        headers: headers.into_iter().collect(),
        transformation: Transformation::default(),
        created: now,
        updated: now,
    })?;
    may_reach(control, call, &new.url)?;
    let brought = Brought::by(control, call, &new.filters, &given.transformation).await?;
    let change = control.change(|snapshot| {
        let has_room = snapshot.endpoint_ids_of(app).len() < ENDPOINTS_MAX;
        call.within(has_room, "endpoints", ENDPOINTS_MAX)?;
        let mut edit = snapshot.edit();
        let (id, mut new) = (edit.next_endpoint(), new.clone());
        brought.add(&mut edit, control, snapshot, id, &mut new)?;
        edit.create_endpoint(&new);
        Ok((edit.finish()?, id))
    });
    within_room(control, call, brought.pinned_bytes, change).await
}

fn get(control: &Control, call: &Call) -> Answered {
    let snapshot = control.snapshot();
    let endpoint = find(&snapshot, call.app()?, call.named("endpoint_id"))?;
    Ok(resource(200, &EndpointOut::now(control, endpoint)))
}

async fn update(control: &Control, call: Call) -> Answered {
    let given: EndpointIn = call.json()?;
    let (app, name) = (call.app()?, call.named("endpoint_id"));
    if find(&control.snapshot(), app, name).is_err() {
        call.if_there()?;
        let uid = uid_of_path(name, given.uid.as_ref(), NONE)?;
        let id = make(control, &call, &EndpointIn { uid: Some(uid), ..given }).await?;
        return shown(control, 201, id);
    }
    if given.secret.is_some() || given.headers.is_some() {
        let text = "an endpoint's secret and headers have paths of their own";
        return Err(Problem::value(&["secret"], text));
    }
    let filters = given.filters.as_deref().unwrap_or_default();
    replace(control, &call, (filters, &given.transformation), |_| given.clone()).await
}

async fn patch(control: &Control, call: Call) -> Answered {
    let patch: EndpointPatch = call.json()?;
    let patched = |mut old: EndpointIn| {
        patch.clone().over(&mut old);
        old
    };
    let filters = match &patch.filters {
        Given::Value(filters) => &**filters,
        Given::Absent | Given::Null => &[],
    };
    replace(control, &call, (filters, &patch.transformation), patched).await
}

async fn replace(
    control: &Control,
    call: &Call,
    (filters, script): (&[String], &Given<Script>),
    make: impl Fn(EndpointIn) -> EndpointIn,
) -> Answered {
    let now = control.ports.clock.wall();
    let brought = Brought::by(control, call, filters, script).await?;
    let id = rewrite(control, call, &brought, |old| {
        // What a body cannot say stays as it was; what it leaves out is as usual on this node.
        let (usual, kept) = (control.options.terms.clone(), &old.terms);
        let terms = Terms {
            schedule: usual.schedule,
            ordering: usual.ordering,
            timeout: usual.timeout,
            rate: usual.rate,
            ..kept.clone()
        };
        make(EndpointIn::of(old)).declared(Rest { terms, ..rest(old, now) })
    });
    shown(control, 200, id.await?)
}

/// What a change of other members leaves as it is.
fn rest(old: &Endpoint, now: Time) -> Rest {
    let (headers, about) = (old.headers.iter(), About::of(old));
    Rest {
        tenant: old.tenant.clone(),
        terms: old.terms.clone(),
        secrets: old.secrets.clone(),
        headers: headers.map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        transformation: about.transformation,
        created: Time::from_millis(about.created),
        updated: now,
    }
}

/// What a change of an endpoint brings with it.
#[derive(Default)]
struct Brought {
    /// Filters that come with the engine and are new to the application.
    shipped: Vec<(String, ModuleDigest)>,
    /// What pins among the filters that it names may bring.
    pinned_bytes: usize,
    script: Ready,
}

impl Brought {
    /// Tries all of it.
    async fn by(
        control: &Control,
        call: &Call,
        filters: &[String],
        script: &Given<Script>,
    ) -> Result<Brought, Problem> {
        let script = transformation::ready(control, call, script).await?;
        let app = call.app()?;
        let shipped = filters::shipped(control, app, filters).await?;
        let pinned_bytes = filters::pinned_bytes(&control.snapshot(), app, filters);
        Ok(Brought { shipped, pinned_bytes, script })
    }

    /// Makes it a part of a change.
    fn add(
        &self,
        edit: &mut Edit<'_>,
        control: &Control,
        snapshot: &Snapshot,
        id: EndpointId,
        new: &mut DeclaredEndpoint,
    ) -> Result<(), Problem> {
        filters::add_shipped(edit, snapshot, &new.tenant, &self.shipped, control);
        new.kept = filters::to_pin(snapshot, &new.tenant, &new.filters);
        transformation::attach(edit, control, snapshot, (id, new), &self.script)
    }
}

/// Holds customers to what they may write in an hour. `kept` is the bytes of what a new version has
/// from the one before, or from versions of filters that it pins. A change that fails costs
/// nothing.
async fn within_room<T>(
    control: &Control,
    call: &Call,
    kept: usize,
    change: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let Role::Portal { tenant, .. } = &call.principal.role else { return change.await };
    let (bytes, now) = (call.body.len() + kept, control.ports.clock.now());
    control.writes.borrow_mut().take(tenant, bytes, now).map_err(Problem::TooFast)?;
    let done = change.await;
    if done.is_err() {
        control.writes.borrow_mut().give_back(tenant, bytes);
    }
    done
}

/// Puts a new version of the path's endpoint in force, with what the change brings.
async fn rewrite(
    control: &Control,
    call: &Call,
    brought: &Brought,
    make: impl Fn(&Endpoint) -> Result<DeclaredEndpoint, Problem>,
) -> Result<EndpointId, Problem> {
    let kept = {
        let snapshot = control.snapshot();
        let old = find(&snapshot, call.app()?, call.named("endpoint_id"))?;
        let pinned: usize = old.pins().map(|(_, version)| version.config.len()).sum();
        old.about.len() + pinned + brought.pinned_bytes
    };
    let change = control.change(|snapshot| {
        let old = find(snapshot, call.app()?, call.named("endpoint_id"))?;
        call.if_match(&EndpointOut::now(control, old))?;
        let mut new = make(old)?;
        if (new.url == POLLED) != old.is_polled() {
            let text = "an endpoint that is polled stays so, and no other becomes one";
            return Err(Problem::value(&["url"], text));
        }
        if *new.url != *old.url {
            may_reach(control, call, &new.url)?;
        }
        let mut edit = snapshot.edit();
        brought.add(&mut edit, control, snapshot, old.id, &mut new)?;
        edit.update_endpoint(old.id, &new);
        Ok((edit.finish()?, old.id))
    });
    within_room(control, call, kept, change).await
}

async fn delete(control: &Control, call: Call) -> Answered {
    let removed = control.change(|snapshot| -> Result<(ChangeSet, ()), Problem> {
        let app = call.app()?;
        let old = find(snapshot, app, call.named("endpoint_id"))?;
        call.if_match(&EndpointOut::now(control, old))?;
        let mut edit = snapshot.edit();
        edit.remove_endpoint(app, old.id);
        transformation::remove(&mut edit, old);
        Ok((edit.finish()?, ()))
    });
    removed.await?;
    Ok(empty(204))
}
