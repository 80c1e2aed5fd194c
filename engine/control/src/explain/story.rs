use super::ruling::Ruling;
use super::told::{
    ExplainOut, ExplainedAttemptOut, ExplainedCanaryOut, ExplainedDeliveryOut,
    ExplainedEndpointOut, ExplainedEventOut, ExplainedFilterOut, ExplainedRulingOut, UnwantedOut,
};
use super::{evidence::Evidence, time};
use crate::letter;
use condition::{Condition, ParsedBody};
use event::{
    AttemptRow, AttemptState, Attempted, Cause, DeliveryId, Due, EndpointId, EventId, LaneId,
    LaneRow, Outcome, RetryKey, Time, Why,
};
use registry::{Endpoint, FilterVersion, OnError, Share};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Endpoints that did not want the event are named up to here.
const UNWANTED_MAX: usize = 100;
/// Versions that may have ruled in another's place are told up to here.
const OTHERS_MAX: usize = 16;
/// Reasons of an endpoint's outputs are told up to here; each delivery has its own.
const WHYS_MAX: usize = 3;

/// What became of an event at each endpoint, and why. It may ask long conditions: a part of a
/// reading.
pub(crate) fn tell(evidence: &Evidence) -> ExplainOut {
    let event = &evidence.event;
    let envelope = &event.envelope;
    let wanted = wanted(evidence);
    let endpoints = wanted.values().map(|ruling| at_endpoint(evidence, ruling)).collect();
    let others = evidence.snapshot.endpoints_of(&envelope.tenant);
    let mut others = others.filter(|endpoint| !wanted.contains_key(&endpoint.id));
    let is_addressed = envelope.addressee().is_some();
    let named = others.by_ref().take(UNWANTED_MAX).map(|e| unwanted(e, is_addressed));
    let unwanted = named.collect();
    ExplainOut {
        event: ExplainedEventOut {
            id: event.id.to_string(),
            offset: event.offset().0,
            app: Some(envelope.tenant.as_str().to_owned()),
            source: Some(envelope.source.to_string()),
            r#type: Some(envelope.event_type.to_string()),
            key: envelope.key.as_deref().map(str::to_owned),
            time: Some(time(envelope.time)),
            bytes: Some(event.body.len() as u64),
            erased_at: event.erased_at().map(time),
        },
        damaged: false,
        endpoints,
        unwanted,
        unwanted_more: others.count() as u64,
    }
}

/// An event whose record is not what was written: nobody can say what it was, so no endpoint gets
/// it.
pub(crate) fn damaged(id: EventId) -> ExplainOut {
    ExplainOut {
        event: ExplainedEventOut {
            id: id.to_string(),
            offset: id.offset().0,
            app: None,
            source: None,
            r#type: None,
            key: None,
            time: None,
            bytes: None,
            erased_at: None,
        },
        damaged: true,
        endpoints: Vec::new(),
        unwanted: Vec::new(),
        unwanted_more: 0,
    }
}

/// The endpoints that wanted the event, with the versions that ruled it there.
fn wanted(evidence: &Evidence) -> BTreeMap<EndpointId, Ruling> {
    let mut wanted = BTreeMap::new();
    for endpoint in evidence.snapshot.owed(&evidence.event.envelope) {
        wanted.insert(endpoint.id, Ruling::at(evidence, endpoint));
    }
    // A lane that was behind may have matched by a version that came after the event.
    for delivery in evidence.attempts.keys() {
        let id = delivery.lane.endpoint;
        let known = evidence.history.latest().endpoint(id);
        if let (false, Some(endpoint)) = (wanted.contains_key(&id), known) {
            wanted.insert(id, Ruling::at(evidence, endpoint));
        }
    }
    wanted
}

/// How an event stands at an endpoint, in a word; and when it is tried next there.
pub(crate) struct Standing {
    pub endpoint: EndpointId,
    pub state: &'static str,
    pub next: Option<Time>,
}

/// How the event stands at each endpoint that wanted it, in the order of their ids. A part of a
/// reading, as `tell` is.
pub(crate) fn standings(evidence: &Evidence) -> Vec<Standing> {
    let standing = |ruling: &Ruling| {
        let lane = LaneId::main(ruling.id());
        let next = evidence.retried_by(lane).filter_map(|(_, (key, _))| key.due.time());
        let (state, _) = at_main(evidence, ruling);
        Standing { endpoint: ruling.id(), state, next: next.min() }
    };
    wanted(evidence).values().map(standing).collect()
}

/// The filters of a version, in their order, with what tells their code from any other.
fn filters(evidence: &Evidence, endpoint: &Endpoint) -> Vec<ExplainedFilterOut> {
    let filters = endpoint.chain.iter().flat_map(|chain| &chain.filters).enumerate();
    filters.map(|(place, filter)| of_filter(evidence, filter, place)).collect()
}

fn of_filter(evidence: &Evidence, filter: &FilterVersion, place: usize) -> ExplainedFilterOut {
    // Nothing came of what a shadow said.
    let canary = filter.trial().and_then(|(candidate, share)| match share {
        Share::Canary(percent) => Some((candidate.module, percent)),
        Share::Shadow => None,
    });
    let candidate = canary.map(|(module, canary)| ExplainedCanaryOut {
        module: module.to_string(),
        canary,
        judged: has_judged(evidence, filter, place, canary),
    });
    ExplainedFilterOut {
        name: filter.name.to_string(),
        version: hex::encode(filter.alone().digest()),
        module: filter.module.to_string(),
        candidate,
    }
}

/// Whether a canary of so many of a hundred keys judged the event in its filter's place. It goes by
/// the key alone; that of what the filters before it made is not kept.
fn has_judged(
    evidence: &Evidence,
    filter: &FilterVersion,
    place: usize,
    percent: u8,
) -> Option<bool> {
    let event = &evidence.event;
    if place > 0 || event.is_erased() {
        return None;
    }
    if event.hundredth() >= percent {
        return Some(false);
    }
    // One that may not fail is left out once it has, before that is on record; and where failures
    // stop the filter, it judges what its canary failed at.
    let is_surely_asked = filter.canary_circuit().is_none() && filter.on_error != OnError::Stop;
    is_surely_asked.then_some(true)
}

/// The condition of a version.
fn condition_of(endpoint: &Endpoint) -> Option<String> {
    let chain = endpoint.chain.as_deref();
    let condition = chain.and_then(|chain| chain.condition.as_deref());
    condition.map(|condition| condition.text().to_owned())
}

/// The versions that may have ruled in the place of the likeliest, and how many more there are.
fn others(evidence: &Evidence, ruling: &Ruling) -> (Vec<ExplainedRulingOut>, u64) {
    let others = ruling.others();
    let told = others.iter().take(OTHERS_MAX).map(|endpoint| ExplainedRulingOut {
        version: endpoint.since.0,
        r#where: condition_of(endpoint),
        filters: filters(evidence, endpoint),
    });
    (told.collect(), others.len().saturating_sub(OTHERS_MAX) as u64)
}

fn unwanted(endpoint: &Endpoint, is_addressed: bool) -> UnwantedOut {
    let types: Vec<String> = endpoint.types.iter().map(ToString::to_string).collect();
    let why = match is_addressed {
        true => "the event is for another endpoint alone".to_owned(),
        false => format!("it wants {}", types.join(", ")),
    };
    UnwantedOut { id: endpoint.id.to_string(), name: endpoint.name.to_string(), why }
}

fn at_endpoint(evidence: &Evidence, ruling: &Ruling) -> ExplainedEndpointOut {
    let endpoint = ruling.likeliest();
    let rows = evidence.begun_at(endpoint.id);
    let deliveries =
        rows.map(|(delivery, rows)| of_delivery(evidence, ruling, *delivery, rows)).collect();
    let (state, why) = at_main(evidence, ruling);
    let (or, or_more) = others(evidence, ruling);
    ExplainedEndpointOut {
        id: endpoint.id.to_string(),
        name: endpoint.name.to_string(),
        version: endpoint.since.0,
        r#where: condition_of(endpoint),
        filters: filters(evidence, endpoint),
        or,
        or_more,
        state,
        why,
        deliveries,
    }
}

/// The endpoint's state, replays left aside.
fn at_main(evidence: &Evidence, ruling: &Ruling) -> (&'static str, String) {
    let mains = evidence.begun_by(LaneId::main(ruling.id()));
    let mains: Vec<&DeliveryId> = mains.map(|(delivery, _)| delivery).collect();
    match mains.is_empty() {
        true => without_rows(evidence, ruling),
        false => with_rows(evidence, &mains),
    }
}

/// The endpoint's state when something was begun there.
fn with_rows(evidence: &Evidence, mains: &[&DeliveryId]) -> (&'static str, String) {
    let outputs = mains.iter().map(|delivery| evidence.attempts[delivery][0].outputs);
    let outputs = outputs.max().unwrap_or(0) as usize;
    let all: Vec<_> = mains.iter().map(|id| state_of(evidence, **id)).collect();
    if all.len() < outputs && evidence.event.is_erased() {
        return ("erased", format!("{} of {outputs} outputs had been begun", all.len()));
    }
    if all.len() < outputs {
        return ("in_flight", format!("{} of {outputs} outputs have been begun", all.len()));
    }
    for state in ["retrying", "parked", "dead", "purged", "erased"] {
        let those: Vec<_> = all.iter().filter(|(of_one, _)| *of_one == state).collect();
        if !those.is_empty() {
            let whys = those.iter().filter_map(|(_, why)| why.as_deref());
            return (state, format!("{} of {outputs} outputs{}", those.len(), reasons(whys)));
        }
    }
    ("delivered", format!("all outputs: {outputs}"))
}

/// What stands behind a count of outputs: each reason once.
fn reasons<'a>(whys: impl Iterator<Item = &'a str>) -> String {
    let whys: BTreeSet<&str> = whys.collect();
    let told: Vec<&str> = whys.iter().copied().take(WHYS_MAX).collect();
    match whys.len() {
        0 => String::new(),
        1..=WHYS_MAX => format!(": {}", told.join("; ")),
        count => format!(": {}; further reasons: {}", told.join("; "), count - WHYS_MAX),
    }
}

/// The endpoint's state when no row names the event: who keeps it says what became of it.
fn without_rows(evidence: &Evidence, ruling: &Ruling) -> (&'static str, String) {
    if evidence.event.is_erased() {
        return ("erased", "its content was erased before it was sent".to_owned());
    }
    let offset = evidence.event.offset();
    let main = LaneId::main(ruling.id());
    let is_taken =
        evidence.gaps.iter().any(|gap| gap.lane == main && (gap.from..gap.until).contains(&offset));
    if is_taken {
        return ("expired", "retention took it before the lane had read it".to_owned());
    }
    match evidence.lanes.get(&main).filter(|row| row.cursor <= offset) {
        Some(row) if offset >= row.high => ("waiting", waiting(evidence, row)),
        Some(_) => ("in_flight", "its lane has begun it".to_owned()),
        None if !evidence.lanes.contains_key(&main) && offset >= evidence.least => {
            ("in_flight", "it is on the road".to_owned())
        }
        None => without_keeper(evidence, ruling),
    }
}

/// Nobody keeps it any more: what that comes to by each version that may have ruled.
fn without_keeper(evidence: &Evidence, ruling: &Ruling) -> (&'static str, String) {
    let (state, why) = by_version(evidence, ruling.likeliest());
    let (mut states, mut whys) = (BTreeSet::from([state]), vec![why]);
    for endpoint in ruling.others() {
        let (state, why) = by_version(evidence, endpoint);
        states.insert(state);
        if !whys.contains(&why) {
            whys.push(why);
        }
    }
    (if states.len() == 1 { state } else { "ended" }, whys.join(", or "))
}

/// A condition says the same of the same event again; of what a filter said there is no row.
fn by_version(evidence: &Evidence, endpoint: &Endpoint) -> (&'static str, String) {
    if !endpoint.wants(&evidence.event.envelope) {
        return ("dropped", "it wanted other types".to_owned());
    }
    let chain = endpoint.chain.as_deref();
    let condition = chain.and_then(|chain| chain.condition.as_ref());
    let meets = |where_: &Arc<Condition>| where_.matches(&evidence.event, &mut ParsedBody::new());
    let is_addressed = evidence.event.envelope.addressee().is_some();
    if !is_addressed && !condition.is_none_or(meets) {
        return ("dropped", "its condition (`where`) did not want it".to_owned());
    }
    let filters = chain.into_iter().flat_map(|chain| &chain.filters);
    let filters: Vec<String> = filters.map(|filter| format!("`{}`", filter.name)).collect();
    match &*filters {
        [] => ("ended", "its rows are no longer kept".to_owned()),
        [filter] => ("dropped", format!("its filter {filter} did not want it")),
        all => ("dropped", format!("one of its filters did not want it: {}", all.join(", "))),
    }
}

fn waiting(evidence: &Evidence, row: &LaneRow) -> String {
    let before = evidence.event.offset().distance_from(row.cursor);
    let why = match row.why {
        Why::Slow => "the endpoint is slower than its events come",
        Why::Breaker => "the endpoint fails, and its breaker is open",
        Why::Disabled => "the endpoint is disabled",
        Why::Gone => "the endpoint answered 410 and is paused",
        Why::Failing => "the endpoint failed for too long and is paused",
        // Which of these it was is not kept.
        Why::FilterStopped => {
            "the endpoint is paused: a filter failed and its policy is to stop, or its circuit is \
             open, or it cannot be run"
        }
        Why::Fifo => "strict order: one after the other",
        Why::Missing => "it is looked for whether it was ever sent",
    };
    format!("{why}; {before} events of the log are before it")
}

fn of_delivery(
    evidence: &Evidence,
    at_endpoint: &Ruling,
    delivery: DeliveryId,
    rows: &[AttemptRow],
) -> ExplainedDeliveryOut {
    let ruling = at_endpoint.of(evidence, delivery, rows);
    let (or, or_more) = others(evidence, &ruling);
    let (state, why) = state_of(evidence, delivery);
    let due = evidence.retries.get(&delivery).and_then(|(key, _)| key.due.time());
    let attempts = rows.iter().filter_map(|row| row.attempt.as_ref());
    ExplainedDeliveryOut {
        id: letter::name(delivery),
        webhook_id: evidence.event.id.of_output(delivery.k),
        output: delivery.k,
        replay: delivery.lane.n,
        version: ruling.likeliest().since.0,
        filters: filters(evidence, ruling.likeliest()),
        or,
        or_more,
        state,
        why,
        due: due.map(time),
        attempts: attempts.map(of_attempt).collect(),
    }
}

fn state_of(evidence: &Evidence, delivery: DeliveryId) -> (&'static str, Option<String>) {
    let last = evidence.attempts.get(&delivery).and_then(|rows| rows.last());
    let is_unfound = evidence.unfound.contains(&delivery);
    let is_resent = evidence.retries.contains_key(&delivery) || is_unfound;
    if last.is_some_and(|row| row.state == AttemptState::Delivered) && !is_resent {
        return ("delivered", None);
    }
    if let Some(row) = evidence.dead.get(&delivery) {
        let reason = row.as_ref().map_or("not known: its row is damaged", |row| &*row.reason);
        return ("dead", Some(reason.to_owned()));
    }
    match evidence.retries.get(&delivery) {
        Some((RetryKey { due: Due::Parked, .. }, _)) if !evidence.event.is_erased() => {
            ("parked", Some("an earlier event of its key is in trouble".to_owned()))
        }
        Some(_) if evidence.event.is_erased() => {
            ("erased", Some("its content was erased: it is not tried again".to_owned()))
        }
        Some(_) => ("retrying", None),
        None if evidence.event.is_erased() => {
            ("erased", Some("its content was erased while it was tried".to_owned()))
        }
        None if last.is_some_and(|row| row.state == AttemptState::Dead) && !is_unfound => {
            ("purged", Some("a person forgot it".to_owned()))
        }
        None => ("retrying", None),
    }
}

fn of_attempt(attempt: &Attempted) -> ExplainedAttemptOut {
    let (outcome, status, cause) = match &attempt.outcome {
        Outcome::Delivered { status } => ("delivered", Some(*status), None),
        Outcome::Gone => ("gone", Some(410), None),
        Outcome::Failed { cause, .. } => ("failed", cause.status(), Some(cause)),
    };
    let allow = cause.and_then(|cause| match cause {
        Cause::Refused(refusal) => Some(&*refusal.allow).filter(|line| !line.is_empty()),
        _ => None,
    });
    ExplainedAttemptOut {
        number: attempt.number,
        at: time(attempt.at),
        took_ms: attempt.took.as_secs_f64() * 1e3,
        outcome,
        status,
        cause: cause.map(ToString::to_string),
        allow: allow.map(str::to_owned),
    }
}
