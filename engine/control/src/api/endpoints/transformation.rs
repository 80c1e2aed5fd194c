//! Scripts that change what an endpoint is sent, as Svix has them. Each is a filter behind the
//! endpoint's others, and is there as long as it is enabled.

use super::model::{About, EndpointIn, Rest};
use super::{Brought, find, rest, rewrite};
use crate::api::filters;
use crate::api::wire::{Given, told};
use crate::api::{Answered, Call, Content, Deed, Operation, Role, Scope, Verb};
use crate::problem::Problem;
use crate::reply::{answer, empty};
use crate::{Control, Denied};
use event::{EndpointId, TenantId};
use registry::{Declared, DeclaredEndpoint, Edit, Endpoint, Kind, ModuleDigest, POLLED, Snapshot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Get,
        path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}/transformation",
        id: "v1.endpoint.transformation-get",
        summary: "The script that changes what an endpoint is sent",
        scope: Scope::Portal(Deed::Read),
        query: &[],
        body: Content::Empty,
        answers: &[(200, Content::json::<EndpointTransformationOut>())],
        run: |control, call| Box::pin(async move { get(control, &call) }),
    },
    Operation {
        verb: Verb::Patch,
        path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}/transformation",
        id: "v1.endpoint.patch-transformation",
        summary: "Sets, unsets or enables the script that changes what an endpoint is sent",
        scope: Scope::Portal(Deed::Transform),
        query: &[],
        body: Content::json::<EndpointTransformationPatch>(),
        answers: &[(204, Content::Empty)],
        run: |control, call| Box::pin(patch(control, call)),
    },
];

pub(super) type Variables = BTreeMap<String, String>;

/// A script that changes what the endpoint is sent, as a whole.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[schemars(rename = "EndpointScriptIn")]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    /// JavaScript that declares `function handler(webhook)`, which returns the webhook.
    #[schemars(length(max = 51_200))]
    pub code: String,
    #[serde(default = "is_usual")]
    pub enabled: bool,
    /// What the code finds as `webhook.variables`. Whoever reads the endpoint reads them.
    #[serde(default)]
    pub variables: Variables,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EndpointScriptOut")]
pub(crate) struct ScriptOut {
    /// Not in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The SHA-256 of the code, in hexadecimal digits; in a list alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// Of the code; in a list alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    enabled: bool,
    variables: Variables,
}

/// What the registry keeps of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Transformation {
    pub code: Option<String>,
    pub enabled: bool,
    pub variables: Variables,
    /// Milliseconds; 0 for never.
    pub updated: u64,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct EndpointTransformationOut {
    code: Option<String>,
    enabled: bool,
    variables: Variables,
    updated_at: Option<String>,
}

/// What of it is to change.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EndpointTransformationPatch {
    /// JavaScript that declares `function handler(webhook)`, which returns the webhook.
    #[serde(default)]
    #[schemars(length(max = 51_200))]
    code: Given<String>,
    /// Whether the code runs; false when it was never said.
    #[serde(default)]
    enabled: Given<bool>,
    #[serde(default)]
    variables: Given<Variables>,
}

/// What is ready to run a script, and the code that was found to start.
#[derive(Default)]
pub(super) struct Ready {
    runner: Option<ModuleDigest>,
    code: Option<String>,
}

const RUNNER: &str = "forebay/javascript";
/// How the filters of scripts are named, before their endpoint's id.
pub(crate) const PREFIX: &str = "forebay/transformation-";
/// Makes a filter of what is written for Svix. The code stands on the line before.
const ADAPTER: &str = include_str!("transformation.js");
/// As in Svix.
const CODE_BYTES_MAX: usize = 51_200;
const VARIABLES_BYTES_MAX: usize = 16 << 10;

fn is_usual() -> bool {
    true
}

impl Transformation {
    pub fn is_unsaid(&self) -> bool {
        *self == Transformation::default()
    }

    /// None without any code, whatever else is said.
    pub fn script(self) -> Option<ScriptOut> {
        let Transformation { code, enabled, variables, .. } = self;
        Some(ScriptOut { code: Some(code?), sha256: None, bytes: None, enabled, variables })
    }

    /// What is polled has no script, also none that waits to be enabled: a file that says so is
    /// refused, and what was exported would be one. `place` is where the code was given.
    pub fn check(&self, url: &str, place: &str) -> Result<(), Problem> {
        match url == POLLED && self.code.is_some() {
            true => Err(Problem::value(&[place], "what is polled goes through no script")),
            false => Ok(()),
        }
    }

    /// The code that runs.
    fn running(&self) -> Option<&str> {
        self.code.as_deref().filter(|_| self.enabled)
    }

    /// With this script in its place, or none.
    pub fn replaced(self, given: &Given<Script>, now: u64) -> Transformation {
        let new = match given {
            Given::Absent => return self,
            Given::Null => Transformation::default(),
            Given::Value(Script { code, enabled, variables }) => Transformation {
                code: Some(code.clone()),
                enabled: *enabled,
                variables: variables.clone(),
                updated: 0,
            },
        };
        self.becomes(new, now)
    }

    fn patched(self, patch: EndpointTransformationPatch, now: u64) -> Transformation {
        let old = self.clone();
        let (mut code, mut enabled, mut variables) =
            (old.code, Some(old.enabled), Some(old.variables));
        patch.code.over(&mut code);
        patch.enabled.over(&mut enabled);
        patch.variables.over(&mut variables);
        let (enabled, variables) = (enabled.unwrap_or_default(), variables.unwrap_or_default());
        self.becomes(Transformation { code, enabled, variables, updated: 0 }, now)
    }

    fn becomes(self, new: Transformation, now: u64) -> Transformation {
        let is_same = Transformation { updated: self.updated, ..new.clone() } == self;
        Transformation { updated: if is_same { self.updated } else { now }, ..new }
    }

    fn out(self) -> EndpointTransformationOut {
        let Transformation { code, enabled, variables, updated } = self;
        EndpointTransformationOut { code, enabled, variables, updated_at: told(updated) }
    }
}

impl ScriptOut {
    pub fn in_brief(self) -> ScriptOut {
        let sha256 = self.code.as_ref().map(|code| hex::encode(Sha256::digest(code)));
        ScriptOut { bytes: self.code.as_ref().map(String::len), sha256, code: None, ..self }
    }
}

pub(crate) fn is_name(filter: &str) -> bool {
    filter.starts_with(PREFIX)
}

fn name(id: EndpointId) -> String {
    format!("{PREFIX}{id}")
}

/// Finds out whether the code that a body brings, if any, starts. `place` is where it stands.
pub(super) async fn ready(
    control: &Control,
    call: &Call,
    given: &Given<Script>,
) -> Result<Ready, Problem> {
    let Given::Value(Script { code, variables, .. }) = given else {
        may_change(call, given != &Given::Absent)?;
        return Ok(Ready::default());
    };
    may_change(call, true)?;
    check_variables(&["transformation", "variables"], variables)?;
    tried(control, call.app()?, &["transformation", "code"], Some(code)).await
}

/// A customer may change endpoints without that, or the other way round.
fn may_change(call: &Call, is_asked: bool) -> Result<(), Problem> {
    match &call.principal.role {
        Role::Portal { deeds, .. } if is_asked && !deeds.contains(&Deed::Transform) => {
            Err(Problem::Forbidden)
        }
        _ => Ok(()),
    }
}

fn check_variables(place: &[&str], variables: &Variables) -> Result<(), Problem> {
    let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    match bytes <= VARIABLES_BYTES_MAX {
        true => Ok(()),
        false => Err(Problem::value(place, format!("{VARIABLES_BYTES_MAX} bytes at most"))),
    }
}

async fn tried(
    control: &Control,
    app: &TenantId,
    place: &[&str],
    code: Option<&str>,
) -> Result<Ready, Problem> {
    if code.is_some_and(|code| code.len() > CODE_BYTES_MAX) {
        return Err(Problem::value(place, format!("{CODE_BYTES_MAX} bytes at most")));
    }
    let runner = filters::kept(control, RUNNER).await?;
    if let Some(code) = code {
        let config = config(code, "", &[], &Variables::new());
        match filters::try_out(control, app, "transformation", (runner, config)).await {
            Err(Denied::Rejected(why)) => return Err(Problem::value(place, why)),
            tried => tried?,
        }
    }
    Ok(Ready { runner: Some(runner), code: code.map(str::to_owned) })
}

/// What the runner is configured with.
fn config(code: &str, url: &str, headers: &[(String, String)], variables: &Variables) -> String {
    let script = format!("const code = {};\n{ADAPTER}", json!(code));
    let headers: Vec<String> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    json!({ "script": script, "url": url, "headers": headers, "variables": variables }).to_string()
}

/// Makes the filter of an endpoint's script a part of a change, or of its removal, and has the
/// endpoint run it after its other filters.
pub(super) fn attach(
    edit: &mut Edit<'_>,
    control: &Control,
    snapshot: &Snapshot,
    (id, new): (EndpointId, &mut DeclaredEndpoint),
    ready: &Ready,
) -> Result<(), Problem> {
    let wanted = About::read(&new.about).transformation;
    let old = snapshot.endpoint(id).map(|old| About::of(old).transformation).unwrap_or_default();
    let (app, name) = (&new.tenant, name(id));
    let Some(code) = wanted.running() else {
        edit.remove(Kind::Filter, app, &name);
        return Ok(());
    };
    // Somebody else's, which nobody has tried here.
    if wanted.code != old.code && wanted.code != ready.code {
        return Err(Problem::Conflict);
    }
    let there = snapshot.filter(app, &name).map(|filter| filter.module);
    let runner = ready.runner.or(there).ok_or(Problem::Conflict)?;
    let config = config(code, &new.url, &new.headers, &wanted.variables);
    let filter = filters::plain(control, app, &name, (runner, config));
    edit.put(&Declared { filters: vec![filter], ..Declared::default() });
    new.filters.push(name);
    Ok(())
}

/// Takes it away with its endpoint.
pub(super) fn remove(edit: &mut Edit<'_>, endpoint: &Endpoint) {
    edit.remove(Kind::Filter, &endpoint.tenant, &name(endpoint.id));
}

fn get(control: &Control, call: &Call) -> Answered {
    let snapshot = control.snapshot();
    let endpoint = find(&snapshot, call.app()?, call.named("endpoint_id"))?;
    Ok(answer(200, &About::of(endpoint).transformation.out()))
}

async fn patch(control: &Control, call: Call) -> Answered {
    let given: EndpointTransformationPatch = call.json()?;
    let app = call.app()?;
    find(&control.snapshot(), app, call.named("endpoint_id"))?;
    if let Given::Value(variables) = &given.variables {
        check_variables(&["variables"], variables)?;
    }
    let code = match &given.code {
        Given::Value(code) => Some(&**code),
        Given::Absent | Given::Null => None,
    };
    let script = tried(control, app, &["code"], code).await?;
    let now = control.ports.clock.wall();
    let brought = Brought { script, ..Brought::default() };
    rewrite(control, &call, &brought, |old| {
        let rest = rest(old, now);
        let transformation = rest.transformation.patched(given.clone(), now.millis());
        let same = EndpointIn::of(old);
        transformation.check(&same.url, "code")?;
        same.declared(Rest { transformation, ..rest })
    })
    .await?;
    Ok(empty(204))
}
