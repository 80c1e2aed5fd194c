//! Sending again what was given up on or has arrived, and what was never sent.

use crate::api::wire::member_time;
use crate::api::{Answered, Call, Content, Deed, Operation, Scope, Verb, endpoints, messages};
use crate::explain::time;
use crate::problem::Problem;
use crate::reply::answer;
use crate::{Commands, Control, Denied, id, walk};
use event::{AttemptState, DeliveryId, EndpointId, Event, EventId, LaneId, Offset, Time};
use log::{Failure, Log};
use registry::History;
use runtime::tasks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Post,
        path: "/api/v1/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/resend",
        id: "v1.message-attempt.resend",
        summary: "Sends a message to an endpoint again, now",
        scope: Scope::Portal(Deed::Write),
        query: &[],
        body: Content::Empty,
        answers: &[(202, Content::json::<EmptyResponse>())],
        run: |control, call| Box::pin(resend(control, call)),
    },
    Operation {
        verb: Verb::Post,
        path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}/recover",
        id: "v1.endpoint.recover",
        summary: "Tries an endpoint's dead letters again, those of messages since a time",
        scope: Scope::Portal(Deed::Write),
        query: &[],
        body: Content::json::<RecoverIn>(),
        answers: &[(202, Content::json::<RecoverOut>())],
        run: |control, call| Box::pin(recover(control, call)),
    },
    Operation {
        verb: Verb::Post,
        path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}/replay-missing",
        id: "v1.endpoint.replay-missing",
        summary: "Sends an endpoint the messages of a time that it wants by now and was never sent",
        scope: Scope::Portal(Deed::Write),
        query: &[],
        body: Content::json::<ReplayIn>(),
        answers: &[(202, Content::json::<ReplayOut>())],
        run: |control, call| Box::pin(replay_missing(control, call)),
    },
];

#[derive(Serialize, JsonSchema)]
struct EmptyResponse {}

// The names are Svix's.
#[derive(Deserialize, JsonSchema)]
struct RecoverIn(SpanIn);

#[derive(Serialize, JsonSchema)]
struct RecoverOut(TaskOut);

#[derive(Deserialize, JsonSchema)]
struct ReplayIn(SpanIn);

#[derive(Serialize, JsonSchema)]
struct ReplayOut(TaskOut);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct SpanIn {
    /// RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    since: String,
    /// All that there are by now without it.
    #[schemars(extend("format" = "date-time"))]
    until: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct TaskOut {
    id: String,
    status: &'static str,
    task: &'static str,
    updated_at: String,
}

/// What there is of a message at an endpoint.
struct Sent {
    id: EventId,
    /// Of the last row that the log has of it.
    state: Option<AttemptState>,
    /// Whether what arrived may have been the message itself.
    is_as_it_came: bool,
    dead: Vec<DeliveryId>,
}

const MADE: &str = "it is being tried, or filters made what was sent, which is not kept";

async fn resend(control: &Control, call: Call) -> Answered {
    let endpoint = endpoints::id_asked(control, &call)?;
    let (app, message) = (call.app()?.clone(), call.named("msg_id").to_owned());
    let read = move |log: &dyn Log, history: &History| {
        let Some(event) = messages::find(log, &app, &message)? else { return Ok(None) };
        sent(log, history, &event, endpoint).map(Some)
    };
    let sent = control.ask(&call.principal, read).await?.ok_or(messages::NONE)?;
    let commands = &control.ports.commands;
    match sent.state {
        _ if !sent.dead.is_empty() => {
            for letter in sent.dead {
                match commands.redrive(letter).await {
                    // Somebody else has taken it up meanwhile.
                    Err(Denied::NotFound) => {}
                    done => done?,
                }
            }
        }
        Some(AttemptState::Delivered) if !sent.is_as_it_came => {
            return Err(Problem::Clash(MADE.into()));
        }
        Some(AttemptState::Delivered) => match commands.resend(endpoint, sent.id).await {
            Err(Denied::NotFound) => return Err(Problem::Clash(MADE.into())),
            done => done?,
        },
        Some(AttemptState::Trouble | AttemptState::Dead) => {
            return Err(Problem::Clash("it is being tried, or was purged".into()));
        }
        None => {
            let why = "nothing was sent to this endpoint; /v1/explain says why";
            return Err(Problem::Clash(why.into()));
        }
    }
    Ok(answer(202, &EmptyResponse {}))
}

fn sent(
    log: &dyn Log,
    history: &History,
    event: &Event,
    endpoint: EndpointId,
) -> Result<Sent, Failure> {
    let (lane, only) = (LaneId::main(endpoint), event.offset().only());
    let rows = log.attempts(only.clone())?;
    let state = rows.iter().rfind(|row| row.delivery.lane == lane).map(|row| row.state);
    let is_as_it_came =
        state == Some(AttemptState::Delivered) && history.has_taken_as_it_is(endpoint, event);
    Ok(Sent { id: event.id, state, is_as_it_came, dead: dead_of(log, lane, only)? })
}

async fn recover(control: &Control, call: Call) -> Answered {
    let RecoverIn(given) = call.json()?;
    let span = given.read()?;
    let endpoint = endpoints::id_asked(control, &call)?;
    let read =
        move |log: &dyn Log, _: &_| dead_of(log, LaneId::main(endpoint), offsets(log, span)?);
    let letters = control.ask(&call.principal, read).await?;
    let begun = TaskOut::begun(control, "endpoint.recover");
    let (commands, name) = (control.ports.commands.clone(), begun.id.clone());
    tasks::spawn(async move {
        let asked = letters.len();
        let redriven = redrive(commands, letters).await;
        tracing::info!(task = name, endpoint = endpoint.0, asked, redriven, "recovery has ended");
    });
    Ok(answer(202, &RecoverOut(begun)))
}

async fn replay_missing(control: &Control, call: Call) -> Answered {
    let ReplayIn(given) = call.json()?;
    let span = given.read()?;
    let endpoint = endpoints::id_asked(control, &call)?;
    if control.snapshot().endpoint(endpoint).is_some_and(|known| known.is_polled()) {
        let why = "nothing is sent to it: its consumers seek to the time";
        return Err(Problem::Clash(why.into()));
    }
    let range = control.ask(&call.principal, move |log, _| offsets(log, span)).await?;
    match control.ports.commands.search(endpoint, range).await {
        Err(Denied::NotFound) => return Err(endpoints::NONE),
        done => done?,
    }
    Ok(answer(202, &ReplayOut(TaskOut::begun(control, "endpoint.replay"))))
}

/// From when until when.
type Span = (Time, Option<Time>);

impl SpanIn {
    fn read(&self) -> Result<Span, Problem> {
        let since = member_time("since", &self.since)?;
        let until = self.until.as_deref().map(|until| member_time("until", until)).transpose()?;
        if until.is_some_and(|until| until < since) {
            return Err(Problem::value(&["until"], "it is before `since`"));
        }
        Ok((since, until))
    }
}

impl TaskOut {
    fn begun(control: &Control, task: &'static str) -> TaskOut {
        let now = control.ports.clock.wall();
        let id = format!("qtask_{}", id::sorted(now, &*control.ports.entropy));
        TaskOut { id, status: "running", task, updated_at: time(now) }
    }
}

fn offsets(log: &dyn Log, (since, until): Span) -> Result<Range<Offset>, Failure> {
    let start = walk::offset_at(log, since.millis())?;
    let end = until.map_or(Ok(log.head()), |until| walk::offset_at(log, until.millis()))?;
    Ok(start..end)
}

/// A lane's dead letters of the events in a range.
fn dead_of(log: &dyn Log, lane: LaneId, range: Range<Offset>) -> Result<Vec<DeliveryId>, Failure> {
    const PAGE: usize = 1_000;
    let (mut all, mut from) = (Vec::new(), DeliveryId { lane, offset: range.start, k: 0 });
    loop {
        let page = log.letters(Some(from), PAGE)?.rows;
        let is_whole = page.len() < PAGE;
        let wanted = page.iter().map(|(delivery, _)| *delivery);
        let mut wanted = wanted.take_while(|d| d.lane == lane && d.offset < range.end).peekable();
        let Some(_) = wanted.peek() else { return Ok(all) };
        all.extend(wanted);
        match all.last() {
            Some(last) if !is_whole => from = last.next(),
            _ => return Ok(all),
        }
    }
}

/// Tries all of them again; those that are no letters any more count as nothing. Gives how many
/// were taken up.
async fn redrive(commands: Rc<dyn Commands>, letters: Vec<DeliveryId>) -> usize {
    /// Commands at a time: enough for the writer to commit them together.
    const ABREAST: usize = 64;
    /// Before those for which the road had no room are asked for again.
    const PAUSE: Duration = Duration::from_millis(100);
    let mut redriven = 0;
    for some in letters.chunks(ABREAST) {
        let mut left = some.to_vec();
        while !left.is_empty() {
            let ask = |d: DeliveryId| (d, tasks::spawn(commands.redrive(d)));
            let asked: Vec<_> = left.drain(..).map(ask).collect();
            for (letter, answer) in asked {
                match answer.await {
                    Ok(Ok(())) => redriven += 1,
                    Ok(Err(Denied::Stopping)) | Err(_) => return redriven,
                    Ok(Err(Denied::Busy)) => left.push(letter),
                    Ok(Err(_)) => {}
                }
            }
            if !left.is_empty() {
                tasks::sleep(PAUSE).await;
            }
        }
    }
    redriven
}
