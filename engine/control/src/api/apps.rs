use crate::api::keys::bound_to;
use crate::api::wire::{
    Given, ITERATOR, LIMIT, Metadata, ORDER, Page, WORD_BYTES_MAX, Wanted, Word, check_metadata,
    check_uid, flag, uid_of_path, written,
};
use crate::api::{Answered, Call, Content, Deed, Operation, Parameter, Role, Scope, Verb};
use crate::explain::time;
use crate::problem::Problem;
use crate::reply::{answer, empty, resource};
use crate::{Control, id};
use event::{TenantId, Time};
use registry::{DeclaredTenant, Origin, RecordKind, Snapshot, Tenant};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::mem;
use std::sync::Arc;

const IF_EXISTS: Parameter =
    Parameter::of::<bool>("get_if_exists", "Answer the application that has the uid, if any.");

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Get,
        path: "/api/v1/app",
        id: "v1.application.list",
        summary: "A page of applications, by id",
        scope: Scope::Apps,
        query: &[LIMIT, ITERATOR, ORDER],
        body: Content::Empty,
        answers: &[(200, Content::json::<Page<ApplicationOut>>())],
        run: |control, call| Box::pin(async move { list(control, &call) }),
    },
    Operation {
        verb: Verb::Post,
        path: "/api/v1/app",
        id: "v1.application.create",
        summary: "Creates an application",
        scope: Scope::Admin,
        query: &[IF_EXISTS],
        body: Content::json::<ApplicationIn>(),
        answers: &[
            (201, Content::json::<ApplicationOut>()),
            (200, Content::json::<ApplicationOut>()),
        ],
        run: |control, call| Box::pin(create(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/api/v1/app/{app_id}",
        id: "v1.application.get",
        summary: "An application",
        scope: Scope::Tenant(Deed::Read),
        query: &[],
        body: Content::Empty,
        answers: &[(200, Content::json::<ApplicationOut>())],
        run: |control, call| Box::pin(async move { get(control, &call) }),
    },
    Operation {
        verb: Verb::Put,
        path: "/api/v1/app/{app_id}",
        id: "v1.application.update",
        summary: "Replaces an application, or creates it under this uid",
        scope: Scope::Tenant(Deed::Write),
        query: &[],
        body: Content::json::<ApplicationIn>(),
        answers: &[
            (200, Content::json::<ApplicationOut>()),
            (201, Content::json::<ApplicationOut>()),
        ],
        run: |control, call| Box::pin(update(control, call)),
    },
    Operation {
        verb: Verb::Patch,
        path: "/api/v1/app/{app_id}",
        id: "v1.application.patch",
        summary: "Changes what is given of an application",
        scope: Scope::Tenant(Deed::Write),
        query: &[],
        body: Content::json::<ApplicationPatch>(),
        answers: &[(200, Content::json::<ApplicationOut>())],
        run: |control, call| Box::pin(patch(control, call)),
    },
    Operation {
        verb: Verb::Delete,
        path: "/api/v1/app/{app_id}",
        id: "v1.application.delete",
        summary: "Removes an application with all that is its own; its events stay in the log",
        scope: Scope::Admin,
        query: &[],
        body: Content::Empty,
        answers: &[(204, Content::Empty)],
        run: |control, call| Box::pin(delete(control, call)),
    },
];

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ApplicationIn {
    #[schemars(length(min = 1))]
    pub name: String,
    pub uid: Option<Word>,
    #[serde(default)]
    pub metadata: Metadata,
    /// Attempts that may begin in a second at all of its endpoints together.
    #[serde(default, alias = "rateLimit")]
    #[schemars(range(min = 1))]
    pub throttle_rate: Option<u16>,
}

#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ApplicationPatch {
    name: Option<String>,
    #[serde(default)]
    uid: Given<Word>,
    metadata: Option<Metadata>,
    #[serde(default, alias = "rateLimit")]
    throttle_rate: Given<u16>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApplicationOut {
    id: String,
    name: String,
    uid: Option<String>,
    metadata: Metadata,
    throttle_rate: Option<u16>,
    /// The name that older clients know `throttleRate` by.
    rate_limit: Option<u16>,
    created_at: String,
    updated_at: String,
    /// Whether a configuration file names it: then the API changes nothing of it.
    declared: bool,
}

/// What the registry keeps of an application beside its id and uid. Times are milliseconds; what
/// a configuration file declares has none.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct About {
    name: String,
    metadata: Metadata,
    throttle_rate: Option<u16>,
    created: u64,
    updated: u64,
}

impl ApplicationIn {
    fn check(&self) -> Result<(), Problem> {
        if self.name.is_empty() || self.name.len() > WORD_BYTES_MAX {
            return Err(Problem::value(&["name"], "1 to 256 bytes"));
        }
        if self.throttle_rate == Some(0) {
            return Err(Problem::value(&["throttleRate"], "at least 1"));
        }
        check_uid(self.uid.as_ref())?;
        check_metadata(&self.metadata)
    }

    fn declared(&self, id: &TenantId, created: Time, updated: Time) -> DeclaredTenant {
        let about = About {
            name: self.name.clone(),
            metadata: self.metadata.clone(),
            throttle_rate: self.throttle_rate,
            created: created.millis(),
            updated: updated.millis(),
        };
        DeclaredTenant {
            id: id.clone(),
            uid: self.uid.as_ref().map(|uid| uid.as_str().to_owned()),
            rate: self.throttle_rate.map(u32::from),
            about: written(&about),
        }
    }

    /// What a PUT would have to say to leave the application as it is.
    fn of(tenant: &Tenant) -> ApplicationIn {
        let about = About::of(&tenant.id, &tenant.about);
        let uid = tenant.uid.as_deref().and_then(|uid| Word::try_from(uid.to_owned()).ok());
        ApplicationIn {
            name: about.name,
            uid,
            metadata: about.metadata,
            throttle_rate: about.throttle_rate,
        }
    }
}

impl ApplicationPatch {
    fn over(self, old: &mut ApplicationIn) {
        old.name = self.name.unwrap_or_else(|| mem::take(&mut old.name));
        old.metadata = self.metadata.unwrap_or_else(|| mem::take(&mut old.metadata));
        self.uid.over(&mut old.uid);
        self.throttle_rate.over(&mut old.throttle_rate);
    }
}

impl About {
    /// An application that a configuration file names has its id for a name.
    fn of(id: &TenantId, text: &str) -> About {
        let mut about: About = serde_json::from_str(text).unwrap_or_default();
        if about.name.is_empty() {
            about.name = id.as_str().to_owned();
        }
        about
    }
}

fn out(id: &TenantId, uid: Option<&str>, about: &str, origin: Origin) -> ApplicationOut {
    let about = About::of(id, about);
    ApplicationOut {
        id: id.as_str().to_owned(),
        name: about.name,
        uid: uid.map(str::to_owned),
        metadata: about.metadata,
        throttle_rate: about.throttle_rate,
        rate_limit: about.throttle_rate,
        created_at: time(Time::from_millis(about.created)),
        updated_at: time(Time::from_millis(about.updated)),
        declared: origin == Origin::Declared,
    }
}

fn shown(tenant: &Tenant) -> ApplicationOut {
    out(&tenant.id, tenant.uid.as_deref(), &tenant.about, tenant.origin)
}

fn list(control: &Control, call: &Call) -> Answered {
    let wanted = Wanted::of(&call.query, false)?;
    let snapshot = control.snapshot();
    let own = call.principal.role.tenant().map(|own| vec![own.clone()]);
    let all = own.as_deref().unwrap_or_else(|| snapshot.tenants());
    let name = |id: &TenantId| id.as_str().to_owned();
    let show = |id| snapshot.tenant(id).map(|tenant| shown(tenant));
    Ok(answer(200, &wanted.cut_by_name(all, name, show)?))
}

async fn create(control: &Control, call: Call) -> Answered {
    let given: ApplicationIn = call.json()?;
    let may_exist = flag(&call.query, "get_if_exists", false)?;
    let (out, is_new) = create_or_get(control, &given, may_exist).await?;
    Ok(resource(if is_new { 201 } else { 200 }, &out))
}

/// Creates an application. One that has the uid already is answered as it is, or 409.
async fn create_or_get(
    control: &Control,
    given: &ApplicationIn,
    may_exist: bool,
) -> Result<(ApplicationOut, bool), Problem> {
    given.check()?;
    let now = control.ports.clock.wall();
    let id = TenantId::new(&format!("app_{}", id::sorted(now, &*control.ports.entropy)));
    let new = given.declared(&id, now, now);
    control
        .change(|snapshot| {
            let known = new.uid.as_deref().and_then(|uid| snapshot.tenant_with_uid(uid));
            if let Some(known) = known.filter(|_| may_exist) {
                return Ok((snapshot.edit().finish()?, (shown(known), false)));
            }
            check_free(control, new.uid.as_deref())?;
            let mut edit = snapshot.edit();
            edit.put_tenant(&new);
            let made = out(&id, new.uid.as_deref(), &new.about, Origin::Managed);
            Ok((edit.finish()?, (made, true)))
        })
        .await
}

const REMOVED: &str = "uid: an application with this for an id was removed, and what is left of it \
                       is called so until retention has taken its events: take another uid, or \
                       name that one in the configuration file again";

/// Refuses a uid by which this application would be taken for what is left of a removed one.
fn check_free(control: &Control, uid: Option<&str>) -> Result<(), Problem> {
    let history = control.ports.commands.history();
    match uid.is_some_and(|uid| history.is_removed(&TenantId::new(uid))) {
        true => Err(Problem::Clash(REMOVED.into())),
        false => Ok(()),
    }
}

/// The application of this name, which is made when there is none. Its name is then its uid.
pub(crate) async fn ensure(
    control: &Control,
    app: &str,
    given: &ApplicationIn,
) -> Result<TenantId, Problem> {
    let uid = uid_of_path(app, given.uid.as_ref(), Problem::NO_APP)?;
    let given = ApplicationIn { uid: Some(uid), ..given.clone() };
    let (out, _) = create_or_get(control, &given, true).await?;
    Ok(TenantId::new(&out.id))
}

/// The application of this id. The default one is there before anything names it.
fn known(snapshot: &Snapshot, id: &TenantId) -> Result<Arc<Tenant>, Problem> {
    let plain = || {
        Arc::new(Tenant {
            id: id.clone(),
            origin: Origin::Managed,
            uid: None,
            throttle: None,
            about: "{}".into(),
        })
    };
    let known = snapshot.tenant(id).cloned();
    known.or_else(|| (id.as_str() == TenantId::DEFAULT).then(plain)).ok_or(Problem::NO_APP)
}

fn get(control: &Control, call: &Call) -> Answered {
    Ok(resource(200, &shown(&*known(&control.snapshot(), call.app()?)?)))
}

async fn update(control: &Control, call: Call) -> Answered {
    let given: ApplicationIn = call.json()?;
    let Some(id) = &call.tenant else {
        call.if_there()?;
        let id = ensure(control, call.named("app_id"), &given).await?;
        let snapshot = control.snapshot();
        return Ok(resource(201, &shown(snapshot.tenant(&id).ok_or(Problem::NO_APP)?)));
    };
    // Whose uid is not theirs to give need not say it.
    let is_admin = call.principal.role == Role::Admin;
    let whole = |old: ApplicationIn| {
        let uid = given.uid.clone().or(old.uid.filter(|_| !is_admin));
        ApplicationIn { uid, ..given.clone() }
    };
    replace(control, &call, id, whole).await
}

async fn patch(control: &Control, call: Call) -> Answered {
    let patch: ApplicationPatch = call.json()?;
    let patched = |mut old: ApplicationIn| {
        patch.clone().over(&mut old);
        old
    };
    replace(control, &call, call.app()?, patched).await
}

async fn replace(
    control: &Control,
    call: &Call,
    id: &TenantId,
    make: impl Fn(ApplicationIn) -> ApplicationIn,
) -> Answered {
    let now = control.ports.clock.wall();
    let replaced = control.change(|snapshot| {
        let old = &*known(snapshot, id)?;
        call.if_match(&shown(old))?;
        let given = make(ApplicationIn::of(old));
        given.check()?;
        // Senders and other keys know an application by its uid.
        let has_uid = given.uid.as_ref().map(Word::as_str) == old.uid.as_deref();
        if !has_uid && call.principal.role != Role::Admin {
            return Err(Problem::Forbidden);
        }
        if !has_uid {
            check_free(control, given.uid.as_ref().map(Word::as_str))?;
        }
        let created = Time::from_millis(About::of(id, &old.about).created);
        let new = given.declared(id, created, now);
        let mut edit = snapshot.edit();
        edit.put_tenant(&new);
        Ok((edit.finish()?, out(id, new.uid.as_deref(), &new.about, Origin::Managed)))
    });
    Ok(resource(200, &replaced.await?))
}

async fn delete(control: &Control, call: Call) -> Answered {
    let id = call.app()?;
    let deleted = control.change(|snapshot| {
        let old = snapshot.tenant(id).ok_or(Problem::NO_APP)?;
        call.if_match(&shown(old))?;
        let mut edit = snapshot.edit();
        edit.remove_tenant(id);
        for (record, _) in bound_to(snapshot, id.as_str()) {
            edit.remove_record(RecordKind::Key, &record.name);
        }
        Ok((edit.finish()?, ()))
    });
    deleted.await?;
    Ok(empty(204))
}
