//! Who changed what, and what it was before and after: one line of JSON for each change. And who
//! has shown a wrong key.

use crate::Control;
use crate::api::{Call, Operation, Query, Token, Verb, captures, message_id, operations};
use crate::explain::time;
use crate::reply::{Secret, ToldAs};
use crate::watch::FailedCanary;
use bytes::Bytes;
use hyper::Response;
use log::Log;
use registry::Share;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::iter;
use std::net::IpAddr;

/// What a change looks like before and after is told up to here.
const SIDE_BYTES_MAX: usize = 16 << 10;
/// What a line says where it is of no operation.
const REFUSED: &str = "key.refused";
/// Who ends a canary that fails too often, and what a line of that says.
const ENGINE: &str = "engine";
const ENDED: &str = "filter.candidate.ended";
/// Variables of a script are told up to here.
const VARIABLES_BYTES_MAX: usize = 1 << 10;

/// The capture of a path that may be the sender's own name for a message.
const MESSAGE: &str = "msg_id";

/// A change under way.
pub(crate) struct Change {
    operation: &'static str,
    who: String,
    app: Option<String>,
    path: String,
    request_id: String,
    before: Value,
    /// How what is changed is looked at, where it can be.
    look: Option<(&'static Operation, Call)>,
}

impl Change {
    /// Looks at what is about to be changed.
    pub async fn begin(
        control: &Control,
        operation: &Operation,
        call: &Call,
        path: &str,
    ) -> Change {
        let look = reader(operation).map(|reader| (reader, as_read(call)));
        let before = match &look {
            Some((reader, read)) => seen(control, reader, as_read(read)).await,
            None => Value::Null,
        };
        Change {
            operation: operation.id,
            who: call.principal.id.to_string(),
            app: call.tenant.as_ref().map(|app| app.as_str().to_owned()),
            path: with_id(control, operation, call, path).await,
            request_id: call.request_id.clone(),
            before,
            look,
        }
    }

    /// What was asked for, as it may be kept.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What was done, by this answer.
    pub fn what(&self, response: &Response<Bytes>) -> &'static str {
        response.extensions().get::<ToldAs>().map_or(self.operation, |told| told.0)
    }

    /// Keeps it, now that it is in force.
    pub async fn end(self, control: &Control, response: &Response<Bytes>) {
        let what = self.what(response);
        let after = match self.look {
            Some((reader, read)) => seen(control, reader, read).await,
            None => shown(response),
        };
        let who = &*self.who;
        let name = control.snapshot().record(crate::api::KEY, who).and_then(name_of);
        let entry = json!({
            "at": time(control.ports.clock.wall()),
            "who": who,
            "name": name,
            "what": what,
            "app": self.app,
            "path": self.path,
            "status": response.status().as_u16(),
            "requestId": self.request_id,
            "before": bounded(without_script(self.before)),
            "after": bounded(without_script(after)),
        });
        control.ports.book.keep(&entry.to_string());
    }
}

/// Keeps that a wrong key came from this address. Of the key it tells the public part alone, and
/// nothing where it has none; whose that is remains a claim, so `who` has nobody. `untold` came
/// before and have no line.
pub(crate) fn refused(control: &Control, token: &str, peer: IpAddr, shuts_out: bool, untold: u64) {
    let key = Token::read(token).map(|token| token.id);
    let peer = peer.to_canonical();
    let after = json!({
        "address": peer.to_string(),
        "key": key,
        "shutOut": shuts_out,
        "untold": untold,
    });
    let entry = json!({
        "at": time(control.ports.clock.wall()),
        "who": null,
        "name": null,
        "what": REFUSED,
        "app": null,
        "path": null,
        "status": 401,
        "requestId": null,
        "before": null,
        "after": after,
    });
    control.ports.book.keep(&entry.to_string());
    tracing::warn!(target: "audit", what = REFUSED, %peer, key, shuts_out, untold, "a wrong key");
}

/// Keeps that the engine has ended a canary, which no request asked for.
pub(crate) fn canary_ended(control: &Control, failed: &FailedCanary) {
    let FailedCanary { filter, ended } = failed;
    let Some(candidate) = &filter.candidate else { return };
    let canary = match candidate.share {
        Share::Canary(percent) => Some(percent),
        Share::Shadow => None,
    };
    let shown = |reason: Option<&str>| {
        json!({
            "module": candidate.module.to_string(),
            "canary": canary,
            "stopAfterFaults": candidate.stop_after_faults,
            "ended": reason,
        })
    };
    let entry = json!({
        "at": time(control.ports.clock.wall()),
        "who": ENGINE,
        "name": null,
        "what": ENDED,
        "app": filter.tenant.as_str(),
        "path": format!("/v1/filter/{}/candidate", filter.name),
        "status": null,
        "requestId": null,
        "before": shown(None),
        "after": shown(Some(&ended.reason)),
    });
    control.ports.book.keep(&entry.to_string());
    tracing::warn!(
        target: "audit", what = ENDED, filter = %filter.name, app = filter.tenant.as_str(),
        "a canary is ended: {}", ended.reason
    );
}

fn name_of(record: &std::sync::Arc<registry::Record>) -> Option<String> {
    let about: Value = serde_json::from_str(&record.about).ok()?;
    about["name"].as_str().map(str::to_owned)
}

/// A message is told by its id. What its sender calls it may say whose it is, and a line of the log
/// of changes outlives its erasure.
async fn with_id(control: &Control, operation: &Operation, call: &Call, path: &str) -> String {
    if captures(operation.path).all(|capture| capture.name != MESSAGE) {
        return path.to_owned();
    }
    let name = call.named(MESSAGE).to_owned();
    let app = call.tenant.clone();
    let find = move |log: &dyn Log, _: &_| match app {
        Some(app) => message_id(log, &app, &name),
        None => Ok(None),
    };
    let place = format!("{{{MESSAGE}}}");
    let id = control.ask(&call.principal, find).await.ok().flatten();
    let id = id.map_or_else(|| place.clone(), |id| id.to_string());
    let pattern = operation.path.split('/').map(Some).chain(iter::repeat(None));
    let named = path.split('/').zip(pattern).map(|(given, of)| match of == Some(&*place) {
        true => &*id,
        false => given,
    });
    named.collect::<Vec<_>>().join("/")
}

/// The operation that shows what this one changes. What it shows is no secret.
fn reader(operation: &Operation) -> Option<&'static Operation> {
    let changes_one = matches!(operation.verb, Verb::Put | Verb::Patch | Verb::Delete);
    let shows = |other: &&Operation| other.verb == Verb::Get && other.path == operation.path;
    operations().find(|other| changes_one && shows(other))
}

/// The same place, asked for as it is.
fn as_read(call: &Call) -> Call {
    Call {
        captured: call.captured.clone(),
        tenant: call.tenant.clone(),
        query: Query::default(),
        head: call.head.clone(),
        body: Bytes::new(),
        principal: call.principal.clone(),
        request_id: call.request_id.clone(),
        stream: Default::default(),
        place: None,
    }
}

/// Nothing where there is none.
async fn seen(control: &Control, reader: &Operation, read: Call) -> Value {
    match (reader.run)(control, read).await {
        Ok(response) => shown(&response),
        Err(_) => Value::Null,
    }
}

/// What an answer says, unless that is a secret. Examples are of events, and would outlive their
/// erasure.
fn shown(response: &Response<Bytes>) -> Value {
    if response.extensions().get::<Secret>().is_some() {
        return json!("a secret, which is not kept");
    }
    let mut said: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    said.as_object_mut().map(|members| members.remove("examples"));
    said
}

/// Code is told by its length and its digest, and so are variables where they are long: else a
/// long script would hide every other change of its endpoint.
fn without_script(mut side: Value) -> Value {
    let is_script = side.get("code").is_some() && side.get("variables").is_some();
    let script = if is_script { Some(&mut side) } else { side.get_mut("transformation") };
    if let Some(script) = script {
        sum_up(script, "code", 0);
        sum_up(script, "variables", VARIABLES_BYTES_MAX);
    }
    side
}

/// Puts what says whether it became another in the place of what is longer than that.
fn sum_up(script: &mut Value, member: &str, bytes_max: usize) {
    let Some(said) = script.get_mut(member).filter(|said| !said.is_null()) else { return };
    let text = said.as_str().map_or_else(|| said.to_string(), str::to_owned);
    if text.len() > bytes_max {
        let digest = hex::encode(Sha256::digest(&text));
        *said = json!({ "bytes": text.len(), "sha256": digest });
    }
}

fn bounded(side: Value) -> Value {
    match side.to_string().len() {
        bytes if bytes > SIDE_BYTES_MAX => json!({ "tooLarge": bytes }),
        _ => side,
    }
}
