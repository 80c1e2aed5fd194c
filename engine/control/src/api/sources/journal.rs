use super::find;
use crate::api::wire::PageLimit;
use crate::api::{Answered, Call, Parameter, page_limit};
use crate::explain::time;
use crate::reply::answer;
use crate::{Control, Heard};
use schemars::JsonSchema;
use serde::Serialize;

pub(super) const LIMIT: Parameter =
    Parameter::of::<PageLimit>("limit", "So many at most; 50 when it is not said.");
pub(super) const AFTER: Parameter = Parameter::of::<u64>(
    "after",
    "Those alone that came after the one of this `number`: to follow along.",
);

#[derive(Serialize, JsonSchema)]
pub(super) struct JournalOut {
    /// The newest first.
    data: Vec<HeardOut>,
}

/// A request that came to the source.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct HeardOut {
    /// Grows from one to the next, also over restarts.
    number: u64,
    at: String,
    /// `accepted`, `duplicate`, `conflict` (accepted, though its id had named another body),
    /// `challenge` (a provider's question whether this address is ours), `refused`.
    outcome: &'static str,
    /// Why it was refused: a stable word. The sender is not told.
    reason: Option<&'static str>,
    status: u16,
    event_id: Option<String>,
    /// The address that the request came from.
    peer: String,
    method: String,
    /// By the sender's word; null when it said nothing.
    bytes: Option<u64>,
    content_type: Option<String>,
    user_agent: Option<String>,
    /// The names of its headers: what they hold is not kept.
    headers: Vec<String>,
    took_ms: f64,
}

impl HeardOut {
    fn of(number: u64, heard: &Heard) -> HeardOut {
        let outcome = match (heard.refused, heard.id) {
            (Some(_), _) => "refused",
            (None, None) => "challenge",
            _ if heard.is_duplicate => "duplicate",
            _ if heard.is_conflict => "conflict",
            _ => "accepted",
        };
        HeardOut {
            number,
            at: time(heard.at),
            outcome,
            reason: heard.refused,
            status: heard.status,
            event_id: heard.id.map(|id| id.to_string()),
            peer: heard.peer.to_string(),
            method: heard.method.clone(),
            bytes: heard.bytes,
            content_type: heard.content_type.clone(),
            user_agent: heard.user_agent.clone(),
            headers: heard.headers.clone(),
            took_ms: heard.took.as_secs_f64() * 1e3,
        }
    }
}

pub(super) fn show(control: &Control, call: &Call) -> Answered {
    let (app, name) = (call.app()?, call.named("source_name"));
    let limit = page_limit(&call.query)?;
    let after = call.query.number("after", 0..=u64::MAX)?.unwrap_or(0);
    find(&control.snapshot(), app, name)?;
    let journal = control.journal.borrow();
    let newest = journal.newest(app, name, after).take(limit);
    let data = newest.map(|(number, heard)| HeardOut::of(*number, heard)).collect();
    Ok(answer(200, &JournalOut { data }))
}
