use super::model::{EndpointIn, HeaderTexts};
use super::{Brought, find, rest, rewrite};
use crate::Control;
use crate::api::wire::{Given, SECRET_PREFIX, flag, fresh_secret, grace, rotated};
use crate::api::{Answered, Call, Content, Deed, Operation, Parameter, Role, Scope, Verb};
use crate::problem::Problem;
use crate::reply::{Secret as Told, answer, empty, with_secret};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::Time;
use registry::{DeclaredEndpoint, Endpoint, Secret, Secrets};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Get,
        path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret",
        id: "v1.endpoint.get-secret",
        summary: "The secret that an endpoint's deliveries are signed with",
        scope: Scope::Portal(Deed::Reveal),
        query: &[],
        body: Content::Empty,
        answers: &[(200, Content::json::<EndpointSecretOut>())],
        run: |control, call| Box::pin(async move { get(control, &call) }),
    },
    Operation {
        verb: Verb::Post,
        path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret/rotate",
        id: "v1.endpoint.rotate-secret",
        summary: "Gives an endpoint a new secret; the old one signs too for a while",
        scope: Scope::Portal(Deed::Write),
        query: &[],
        body: Content::json::<EndpointSecretRotateIn>(),
        answers: &[(200, Content::json::<EndpointSecretOut>())],
        run: |control, call| Box::pin(rotate(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}/headers",
        id: "v1.endpoint.get-headers",
        summary: "The headers that are sent with every delivery; sensitive ones by name alone",
        scope: Scope::Portal(Deed::Read),
        query: &[SENSITIVE_TOO],
        body: Content::Empty,
        answers: &[(200, Content::json::<EndpointHeadersOut>())],
        run: |control, call| Box::pin(async move { headers(control, &call) }),
    },
    Operation {
        verb: Verb::Put,
        path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}/headers",
        id: "v1.endpoint.update-headers",
        summary: "Replaces the headers that are sent with every delivery",
        scope: Scope::Portal(Deed::Write),
        query: &[],
        body: Content::json::<EndpointHeadersIn>(),
        answers: &[(204, Content::Empty)],
        run: |control, call| Box::pin(replace_headers(control, call)),
    },
    Operation {
        verb: Verb::Patch,
        path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}/headers",
        id: "v1.endpoint.patch-headers",
        summary: "Sets some of the headers that are sent with every delivery; null removes one",
        scope: Scope::Portal(Deed::Write),
        query: &[],
        body: Content::json::<EndpointHeadersPatchIn>(),
        answers: &[(204, Content::Empty)],
        run: |control, call| Box::pin(patch_headers(control, call)),
    },
];

#[derive(Serialize, JsonSchema)]
struct EndpointSecretOut {
    key: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EndpointSecretRotateIn {
    /// `whsec_` and base64; made when it is not said.
    #[schemars(regex(pattern = r"^(whsec_)?[a-zA-Z0-9+/=]{32,100}$"))]
    key: Option<String>,
    /// How long the old secret signs too; a day when it is not said.
    #[schemars(range(max = 604_800))]
    grace_period_seconds: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
struct EndpointHeadersOut {
    headers: HeaderTexts,
    /// Names of headers whose values are shown to an admin who asks for them alone.
    sensitive: BTreeSet<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EndpointHeadersIn {
    headers: HeaderTexts,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EndpointHeadersPatchIn {
    #[serde(default)]
    headers: BTreeMap<String, Given<String>>,
    /// Names to remove, beside those that are null.
    #[serde(default)]
    delete_headers: BTreeSet<String>,
}

const SENSITIVE_TOO: Parameter = Parameter::of::<bool>(
    "sensitive",
    "Whether values of sensitive headers are shown too; to an admin's key alone.",
);

/// Values of these are credentials: who reads an endpoint does not read them too.
const SENSITIVE: &[&str] = &[
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
];

/// A new endpoint's secrets: the given one, or one that is made.
pub(super) fn first(control: &Control, given: Option<&str>) -> Result<Secrets, Problem> {
    Ok(Secrets::new(vec![secret(control, "secret", given)?]))
}

fn secret(control: &Control, member: &str, given: Option<&str>) -> Result<Secret, Problem> {
    let text = match given {
        Some(text) => {
            let bare = text.strip_prefix(SECRET_PREFIX).unwrap_or(text);
            let bytes = STANDARD.decode(bare).map(Zeroizing::new);
            if !bytes.is_ok_and(|bytes| (24..=75).contains(&bytes.len()) && !is_zero(&bytes)) {
                let text = "it is `whsec_` and base64 of 24 to 75 bytes, not all of them zero";
                return Err(Problem::value(&[member], text));
            }
            Zeroizing::new(format!("{SECRET_PREFIX}{bare}"))
        }
        None => fresh_secret(control),
    };
    Ok(Secret::kept(&text, &control.ports.sealing))
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

fn get(control: &Control, call: &Call) -> Answered {
    let snapshot = control.snapshot();
    let endpoint = find(&snapshot, call.app()?, call.named("endpoint_id"))?;
    let secret = endpoint.secrets.iter().next();
    let secret = secret.ok_or(Problem::NotFound("this endpoint has no secret"))?;
    Ok(answer(200, &EndpointSecretOut { key: secret.expose().to_owned() }))
}

async fn rotate(control: &Control, call: Call) -> Answered {
    let given: EndpointSecretRotateIn = call.json()?;
    let grace = grace(given.grace_period_seconds)?;
    let new = secret(control, "key", given.key.as_deref())?;
    let now = control.ports.clock.wall();
    let until = now + grace;
    rewrite(control, &call, &Brought::default(), |old| {
        let secrets = rotated(&old.secrets, &new, "key", now, until)?;
        with(old, now, |declared| declared.secrets = secrets)
    })
    .await?;
    let shown = answer(200, &EndpointSecretOut { key: new.expose().to_owned() });
    Ok(with_secret(shown, Told::Told))
}

fn headers(control: &Control, call: &Call) -> Answered {
    let snapshot = control.snapshot();
    let endpoint = find(&snapshot, call.app()?, call.named("endpoint_id"))?;
    let is_whole = flag(&call.query, SENSITIVE_TOO.name, false)?;
    if is_whole && call.principal.role != Role::Admin {
        return Err(Problem::Forbidden);
    }
    let all = endpoint.headers.iter();
    let shown = all.clone().filter(|(name, _)| is_whole || !is_sensitive(name));
    let sensitive = all.filter(|(name, _)| is_sensitive(name));
    Ok(answer(
        200,
        &EndpointHeadersOut {
            headers: shown.map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            sensitive: sensitive.map(|(name, _)| name.to_string()).collect(),
        },
    ))
}

fn is_sensitive(name: &str) -> bool {
    SENSITIVE.iter().any(|known| known.eq_ignore_ascii_case(name))
}

async fn replace_headers(control: &Control, call: Call) -> Answered {
    let given: EndpointHeadersIn = call.json()?;
    let now = control.ports.clock.wall();
    rewrite(control, &call, &Brought::default(), |old| {
        let headers = given.headers.clone().into_iter().collect();
        with(old, now, |declared| declared.headers = headers)
    })
    .await?;
    Ok(empty(204))
}

async fn patch_headers(control: &Control, call: Call) -> Answered {
    let given: EndpointHeadersPatchIn = call.json()?;
    let now = control.ports.clock.wall();
    rewrite(control, &call, &Brought::default(), |old| {
        with(old, now, |declared| {
            for (name, value) in &given.headers {
                declared.headers.retain(|(old, _)| !old.eq_ignore_ascii_case(name));
                if let Given::Value(value) = value {
                    declared.headers.push((name.clone(), value.clone()));
                }
            }
            let is_gone = |name: &String| {
                given.delete_headers.iter().any(|gone| gone.eq_ignore_ascii_case(name))
            };
            declared.headers.retain(|(name, _)| !is_gone(name));
        })
    })
    .await?;
    Ok(empty(204))
}

/// The endpoint as it is, but for what `change` does.
fn with(
    old: &Endpoint,
    now: Time,
    change: impl FnOnce(&mut DeclaredEndpoint),
) -> Result<DeclaredEndpoint, Problem> {
    let rest = rest(old, now);
    let mut declared = EndpointIn::of(old).declared(rest)?;
    change(&mut declared);
    Ok(declared)
}
