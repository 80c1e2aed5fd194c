use crate::api::endpoints::pause_text;
use crate::api::wire::{Members, flag};
use crate::api::{Answered, Call, Content, Operation, Parameter, Principal, Scope, Stream, Verb};
use crate::reply::{answer, empty, json as written, problem, typed};
use crate::{Control, Lines, Readings, openapi, page};
use bytes::Bytes;
use hyper::Response;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::sync::LazyLock;

const HTML: &str = "text/html; charset=utf-8";
const TAR: &str = "application/x-tar";

const KEYS: Parameter = Parameter::of::<bool>(
    "keys",
    "Whether it has the admin key and the key that seals secrets; true when not said.",
);

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Get,
        path: "/",
        id: "node.notice",
        summary: "A page that says what runs here",
        scope: Scope::Page,
        query: &[],
        body: Content::Empty,
        answers: &[(200, Content::Text(HTML))],
        run: |control, _| Box::pin(async { notice(control) }),
    },
    Operation {
        verb: Verb::Get,
        path: "/livez",
        id: "node.live",
        summary: "Whether the node answers at all",
        scope: Scope::Anyone,
        query: &[],
        body: Content::Empty,
        answers: &[(200, Content::json::<Live>())],
        run: |_, _| Box::pin(async { Ok(answer(200, &Live { status: "ok" })) }),
    },
    Operation {
        verb: Verb::Get,
        path: "/readyz",
        id: "node.ready",
        summary: "Whether the node takes events; 503 with the reasons when it does not",
        scope: Scope::Anyone,
        query: &[],
        body: Content::Empty,
        answers: &[(200, Content::json::<Ready>())],
        run: |control, _| Box::pin(async { ready(control) }),
    },
    Operation {
        verb: Verb::Get,
        path: "/api/v1/health",
        id: "v1.health.get",
        summary: "Whether the API answers",
        scope: Scope::Anyone,
        query: &[],
        body: Content::Empty,
        answers: &[(204, Content::Empty)],
        run: |_, _| Box::pin(async { Ok(empty(204)) }),
    },
    Operation {
        verb: Verb::Get,
        path: "/api/v1/health/ping",
        id: "v1.health.ping",
        summary: "Whether the API answers",
        scope: Scope::Anyone,
        query: &[],
        body: Content::Empty,
        answers: &[(204, Content::Empty)],
        run: |_, _| Box::pin(async { Ok(empty(204)) }),
    },
    Operation {
        verb: Verb::Get,
        path: "/metrics",
        id: "node.metrics",
        summary: "Numbers, as OpenMetrics text",
        scope: Scope::Local,
        query: &[],
        body: Content::Empty,
        answers: &[(200, Content::Text(crate::metrics::MEDIA_TYPE))],
        run: |control, _| Box::pin(metrics(control)),
    },
    Operation {
        verb: Verb::Get,
        path: "/openapi.json",
        id: "node.openapi",
        summary: "This document",
        scope: Scope::Page,
        query: &[],
        body: Content::Empty,
        answers: &[(200, Content::json::<Members>())],
        run: |_, _| Box::pin(async { Ok(document()) }),
    },
    Operation {
        verb: Verb::Post,
        path: "/v1/admin/reload",
        id: "node.reload",
        summary: "Reads the configuration again: all of it comes into force, or nothing does",
        scope: Scope::Admin,
        query: &[],
        body: Content::Empty,
        answers: &[(200, Content::json::<Came>())],
        run: |control, call| Box::pin(reload(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/v1/backup",
        id: "node.backup",
        summary: "All that the node keeps, as it is now, as a tar archive",
        scope: Scope::Admin,
        query: &[KEYS],
        body: Content::Empty,
        answers: &[(200, Content::Binary(TAR))],
        run: |control, call| Box::pin(backup(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/v1/defaults",
        id: "node.defaults",
        summary: "What endpoints and filters have that do not say otherwise",
        scope: Scope::Keyed,
        query: &[],
        body: Content::Empty,
        answers: &[(200, Content::json::<Defaults>())],
        run: |control, _| Box::pin(async { Ok(answer(200, &defaults(control))) }),
    },
];

#[derive(Serialize, JsonSchema)]
struct Live {
    status: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct Ready {
    status: &'static str,
    /// What an accepted event survives: `fsync` or `os`.
    durability: String,
}

/// What a reload came to.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Reloaded")]
struct Came {
    /// How many resources are new, changed or gone.
    changes: usize,
    /// Settings that differ and wait for a restart.
    needs_restart: Vec<String>,
}

/// As the resources themselves tell it.
#[derive(Serialize, JsonSchema)]
struct Defaults {
    endpoint: EndpointDefaults,
    filter: FilterDefaults,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct EndpointDefaults {
    schedule: Vec<String>,
    timeout_ms: u64,
    throttle_rate: Option<u32>,
}

/// The most that a filter is given, too.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FilterDefaults {
    fuel: u64,
    memory_bytes: u64,
}

fn defaults(control: &Control) -> Defaults {
    let (terms, limits) = (&control.options.terms, control.options.filter_limits);
    Defaults {
        endpoint: EndpointDefaults {
            schedule: terms.schedule.iter().map(|pause| pause_text(*pause)).collect(),
            timeout_ms: u64::try_from(terms.timeout.as_millis()).unwrap_or(u64::MAX),
            throttle_rate: terms.rate,
        },
        filter: FilterDefaults { fuel: limits.fuel, memory_bytes: limits.memory_bytes },
    }
}

fn notice(control: &Control) -> Answered {
    let mut response = typed(200, HTML, page::notice(&control.options.build));
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(page::POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// Written once: it does not change while the program runs.
fn document() -> Response<Bytes> {
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| written(&openapi()));
    typed(200, "application/json", DOCUMENT.clone())
}

fn ready(control: &Control) -> Answered {
    let reasons = control.ports.health.reasons();
    let durability = control.options.build.durability.clone();
    if reasons.is_empty() {
        return Ok(answer(200, &Ready { status: "ready", durability }));
    }
    let texts: Vec<&str> = reasons.iter().map(|reason| reason.text()).collect();
    let codes: Vec<&str> = reasons.iter().map(|reason| reason.code()).collect();
    let more = json!({ "reasons": codes, "durability": durability });
    Ok(problem(503, "not_ready", "Service Unavailable", &texts.join("; "), more))
}

async fn metrics(control: &Control) -> Answered {
    let now = control.ports.clock.wall();
    // A scrape that cannot read the log still tells what was counted.
    let readings =
        control.ask(&Principal::nobody(), move |log, _| Readings::of(log, now)).await.ok();
    let process = control.ports.machine.usage();
    let text = control.ports.metrics.render(readings, process, &control.options.build);
    Ok(typed(200, crate::metrics::MEDIA_TYPE, text.into()))
}

async fn reload(control: &Control, _: Call) -> Answered {
    let reloaded = control.ports.commands.reload().await?;
    Ok(answer(200, &Came { changes: reloaded.changes, needs_restart: reloaded.restart }))
}

/// Not a change, and worth as much to whoever comes later: it may hold every secret.
async fn backup(control: &Control, call: Call) -> Answered {
    let with_keys = flag(&call.query, "keys", true)?;
    let (pieces, is_whole) = control.ports.backups.begin(with_keys).await?;
    let (who, request_id) = (&*call.principal.id, &call.request_id);
    tracing::info!(target: "audit", who, what = "node.backup", with_keys, request_id, "a backup");
    *call.stream.borrow_mut() =
        Some(Stream::Lines(Lines { pieces, is_whole: Some(is_whole), _place: None }));
    Ok(typed(200, TAR, Bytes::new()))
}
