mod destinations;
mod messages_at;
mod model;

pub(crate) use model::Status;

use crate::Control;
use crate::api::endpoints;
use crate::api::messages::{
    self, AFTER, BEFORE, CHANNEL, EVENT_TYPES, Filter, MessageOut, Room, Span, WITH_CONTENT,
    page_of,
};
use crate::api::wire::{ITERATOR, LIMIT, Page, Place, Wanted, flag};
use crate::api::{Answered, Call, Content, Deed, Operation, Parameter, Query, Scope, Verb};
use crate::problem::Problem;
use crate::reply::{answer, empty, resource};
use crate::walk::{self, End, Path};
use destinations::MessageEndpointOut;
use event::{AttemptRow, Attempted, EndpointId, Event, EventId, LaneId, Offset};
use log::{Failure, Log};
use messages_at::EndpointMessageOut;
use model::{MessageAttemptOut, code, name, place_of, read, status};
use registry::History;
use std::ops::ControlFlow;
use std::sync::Arc;

const STATUS: Parameter =
    Parameter::of::<Status>("status", "Those that went so alone: 0 success, 2 fail.");
const CODE_CLASS: Parameter =
    Parameter::of::<u16>("status_code_class", "Those answered so alone: 200, 400; 0 for none.");
const ENDPOINT: Parameter = Parameter::of::<String>("endpoint_id", "Those at this endpoint alone.");
const WITH_MSG: Parameter =
    Parameter::of::<bool>("with_msg", "Whether the message is shown with its attempt.");
/// Bodies of answers are not kept, so there is nothing to show or to leave out.
const CONTENT: Parameter =
    Parameter::of::<bool>("with_content", "Without effect: answers' bodies are not kept.");
const EXPANDED: Parameter = Parameter::of::<bool>(
    "expanded_statuses",
    "Without effect: an attempt that is under way is not listed.",
);

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Get,
        path: "/api/v1/app/{app_id}/attempt/endpoint/{endpoint_id}",
        id: "v1.message-attempt.list-by-endpoint",
        summary: "A page of attempts at an endpoint, those of the newest message first",
        scope: Scope::Portal(Deed::Read),
        query: &[
            LIMIT,
            ITERATOR,
            STATUS,
            CODE_CLASS,
            CHANNEL,
            BEFORE,
            AFTER,
            CONTENT,
            WITH_MSG,
            EXPANDED,
            EVENT_TYPES,
        ],
        body: Content::Empty,
        answers: &[(200, Content::json::<Page<MessageAttemptOut>>())],
        run: |control, call| Box::pin(by_endpoint(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/api/v1/app/{app_id}/attempt/msg/{msg_id}",
        id: "v1.message-attempt.list-by-msg",
        summary: "A page of attempts at delivering a message, the newest first at each endpoint",
        scope: Scope::Portal(Deed::Read),
        query: &[
            LIMIT,
            ITERATOR,
            STATUS,
            CODE_CLASS,
            CHANNEL,
            ENDPOINT,
            BEFORE,
            AFTER,
            CONTENT,
            EXPANDED,
            EVENT_TYPES,
        ],
        body: Content::Empty,
        answers: &[(200, Content::json::<Page<MessageAttemptOut>>())],
        run: |control, call| Box::pin(by_message(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}/msg",
        id: "v1.message-attempt.list-attempted-messages",
        summary: "A page of messages that were attempted at an endpoint, the newest first",
        scope: Scope::Portal(Deed::Read),
        query: &[
            LIMIT,
            ITERATOR,
            CHANNEL,
            STATUS,
            BEFORE,
            AFTER,
            WITH_CONTENT,
            EXPANDED,
            EVENT_TYPES,
        ],
        body: Content::Empty,
        answers: &[(200, Content::json::<Page<EndpointMessageOut>>())],
        run: |control, call| Box::pin(messages_at::list(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/api/v1/app/{app_id}/msg/{msg_id}/endpoint",
        id: "v1.message-attempt.list-attempted-destinations",
        summary: "A page of the endpoints that a message goes to, and how it stands there",
        scope: Scope::Portal(Deed::Read),
        query: &[LIMIT, ITERATOR],
        body: Content::Empty,
        answers: &[(200, Content::json::<Page<MessageEndpointOut>>())],
        run: |control, call| Box::pin(destinations::list(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}",
        id: "v1.message-attempt.get",
        summary: "An attempt at delivering a message",
        scope: Scope::Portal(Deed::Read),
        query: &[EXPANDED],
        body: Content::Empty,
        answers: &[(200, Content::json::<MessageAttemptOut>())],
        run: |control, call| Box::pin(get(control, call)),
    },
    Operation {
        verb: Verb::Delete,
        path: "/api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}/content",
        id: "v1.message-attempt.expunge-content",
        summary: "Without effect on an attempt that there is: answers' bodies are not kept",
        scope: Scope::Tenant(Deed::Write),
        query: &[],
        body: Content::Empty,
        answers: &[(204, Content::Empty)],
        run: |control, call| Box::pin(expunge(control, call)),
    },
];

/// Which attempts a list is to have.
struct Wish {
    status: Option<Status>,
    code_class: Option<u16>,
    span: Span,
    /// None: what their messages are does not matter.
    messages: Option<Filter>,
    with_msg: bool,
}

impl Wish {
    fn of(call: &Call) -> Result<Wish, Problem> {
        let query = &call.query;
        let asks = |name| query.all(name).next().is_some();
        let is_picky = asks("channel") || asks("event_types");
        Ok(Wish {
            status: status_of(query)?,
            code_class: query.number("status_code_class", 0..=500)?.map(|class| class as u16),
            span: Span::of(query)?,
            messages: if is_picky { Some(Filter::of(call)?) } else { None },
            with_msg: flag(query, "with_msg", false)?,
        })
    }

    fn wants(&self, attempt: &Attempted) -> bool {
        self.status.is_none_or(|wanted| status(attempt) == wanted)
            && self.code_class.is_none_or(|class| code(attempt) / 100 * 100 == class)
            && self.span.holds(attempt.at.millis())
    }
}

fn status_of(query: &Query) -> Result<Option<Status>, Problem> {
    let Some(text) = query.one("status")? else { return Ok(None) };
    let bad = || Problem::parameter("status", "it is 0, 1, 2 or 3");
    Status::read(text).ok_or_else(bad).map(Some)
}

/// Events by offset, the last one kept: attempts of one event come together.
struct Events<'a> {
    log: &'a dyn Log,
    last: Option<(Offset, Option<Arc<Event>>)>,
}

impl Events<'_> {
    /// None when retention has taken it or its record is damaged.
    fn get(&mut self, offset: Offset) -> Result<Option<&Arc<Event>>, Failure> {
        if self.last.as_ref().is_none_or(|(known, _)| *known != offset) {
            let event = match self.log.event(offset) {
                Err(Failure::Damaged { .. }) => None,
                event => event?,
            };
            self.last = Some((offset, event));
        }
        Ok(self.last.as_ref().and_then(|(_, event)| event.as_ref()))
    }
}

async fn by_endpoint(control: &Control, call: Call) -> Answered {
    let wanted = Wanted::of(&call.query, true)?;
    let place = wanted.place().try_map(read)?;
    let wish = Wish::of(&call)?;
    let id = endpoints::id_asked(control, &call)?;
    let mut room = Room::of(wanted.limit);
    let read = move |log: &dyn Log, history: &History| {
        let url = url(history, id);
        let path = path(&wish, log, place)?;
        let (is_newest_first, mut found) = (path.is_newest_first, Vec::new());
        let mut events = Events { log, last: None };
        let end = walk::attempts(log, path, |row| {
            let Some(attempt) = row.attempt.as_ref().filter(|_| is_at(row, id)) else {
                return Ok(ControlFlow::Continue(()));
            };
            if !is_behind(place, place_of(row.delivery, attempt.number)) || !wish.wants(attempt) {
                return Ok(ControlFlow::Continue(()));
            }
            let Some(event) = events.get(row.delivery.offset)? else {
                return Ok(ControlFlow::Continue(()));
            };
            if wish.messages.as_ref().is_some_and(|messages| !messages.wants(event)) {
                return Ok(ControlFlow::Continue(()));
            }
            if room.is_full() {
                return Ok(ControlFlow::Break(()));
            }
            room.take(event, wish.with_msg);
            let mut out = MessageAttemptOut::of(row, attempt, event.id, &url);
            out.msg = wish.with_msg.then(|| MessageOut::of(event, true));
            found.push(out);
            Ok(ControlFlow::Continue(()))
        })?;
        let tired = tired_at(id, end, is_newest_first);
        Ok(page_of(found, is_newest_first, end, tired, |attempt| attempt.id.clone()))
    };
    Ok(answer(200, &control.ask(&call.principal, read).await?))
}

fn is_at(row: &AttemptRow, endpoint: EndpointId) -> bool {
    row.delivery.lane.endpoint == endpoint
}

/// Of the endpoint as it is now.
fn url(history: &History, id: EndpointId) -> Arc<str> {
    history.latest().endpoint(id).map_or_else(|| "".into(), |endpoint| endpoint.url.clone())
}

/// The events whose attempts may be on the page. An attempt never comes before its message.
fn path(wish: &Wish, log: &dyn Log, place: Place<model::Place>) -> Result<Path, Failure> {
    let end = wish.span.end(log)?;
    Ok(match place {
        Place::Start => Path { range: Offset::ZERO..end, is_newest_first: true },
        Place::After((last, ..)) => {
            Path { range: Offset::ZERO..end.min(last.next()), is_newest_first: true }
        }
        Place::Before((first, ..)) => Path { range: first..end, is_newest_first: false },
    })
}

/// Whether an attempt lies behind a place, in the direction that the place says.
fn is_behind(place: Place<model::Place>, attempt: model::Place) -> bool {
    match place {
        Place::Start => true,
        Place::After(last) => attempt < last,
        Place::Before(first) => attempt > first,
    }
}

/// A place next to which everything has been seen that far.
fn tired_at(endpoint: EndpointId, end: End, is_newest_first: bool) -> Option<String> {
    let End::Tired(at) = end else { return None };
    Some(match is_newest_first {
        true => name((at, LaneId { endpoint: EndpointId(0), n: 0 }, 0, 0)),
        false => name((at, LaneId { endpoint, n: u32::MAX }, u32::MAX, u32::MAX)),
    })
}

async fn by_message(control: &Control, call: Call) -> Answered {
    let wanted = Wanted::of(&call.query, true)?;
    let wish = Wish::of(&call)?;
    let endpoint = match call.query.one("endpoint_id")? {
        None => None,
        Some(name) => Some(endpoints::find(&control.snapshot(), call.app()?, name)?.id),
    };
    let (app, message) = (call.app()?.clone(), call.named("msg_id").to_owned());
    let read_rows = move |log: &dyn Log, history: &History| {
        let Some(event) = messages::find(log, &app, &message)? else { return Ok(None) };
        let is_unwanted = wish.messages.as_ref().is_some_and(|filter| !filter.wants(&event));
        let rows = if is_unwanted { Vec::new() } else { log.attempts(event.offset().only())? };
        let rows: Vec<_> = rows
            .into_iter()
            .filter(|row| endpoint.is_none_or(|endpoint| is_at(row, endpoint)))
            .filter(|row| row.attempt.as_ref().is_some_and(|attempt| wish.wants(attempt)))
            .collect();
        Ok(Some((event.id, rows, history.clone())))
    };
    let (id, rows, history) =
        control.ask(&call.principal, read_rows).await?.ok_or(messages::NONE)?;
    let place = |row: &AttemptRow| place_of(row.delivery, row.number());
    let show = |row: &AttemptRow| shown(row, id, &history);
    let page = wanted.cut(&rows, place, read, |row| name(place(row)), show)?;
    Ok(answer(200, &page))
}

fn shown(row: &AttemptRow, event: EventId, history: &History) -> Option<MessageAttemptOut> {
    let url = url(history, row.delivery.lane.endpoint);
    row.attempt.as_ref().map(|attempt| MessageAttemptOut::of(row, attempt, event, &url))
}

const NONE: Problem = Problem::NotFound("there is no such attempt");

async fn find(control: &Control, call: &Call) -> Result<MessageAttemptOut, Problem> {
    let wanted = read(call.named("attempt_id")).ok_or(NONE)?;
    let (app, message) = (call.app()?.clone(), call.named("msg_id").to_owned());
    let read_row = move |log: &dyn Log, history: &History| {
        let Some(event) = messages::find(log, &app, &message)? else { return Ok(None) };
        let rows = log.attempts(event.offset().only())?;
        let row = rows.iter().find(|row| place_of(row.delivery, row.number()) == wanted);
        Ok(row.and_then(|row| shown(row, event.id, history)))
    };
    control.ask(&call.principal, read_row).await?.ok_or(NONE)
}

async fn get(control: &Control, call: Call) -> Answered {
    Ok(resource(200, &find(control, &call).await?))
}

async fn expunge(control: &Control, call: Call) -> Answered {
    find(control, &call).await?;
    Ok(empty(204))
}
