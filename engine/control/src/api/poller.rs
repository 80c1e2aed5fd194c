use crate::Control;
use crate::api::endpoints;
use crate::api::messages::{AFTER, CHANNEL, Filter, MessageOut, Room};
use crate::api::wire::{ITERATOR, LIMIT, Word, member_time, moment};
use crate::api::{Answered, Call, Content, Deed, Operation, Parameter, Scope, Verb, page_limit};
use crate::problem::Problem;
use crate::reply::answer;
use crate::walk::{self, End, Path};
use condition::ParsedBody;
use event::{Event, EventId, Offset};
use log::{Failure, Log};
use registry::Endpoint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::Arc;

const EVENT_TYPE: Parameter =
    Parameter::of::<String>("event_type", "Messages of this type alone; several with commas.");

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Get,
        path: "/api/v1/app/{app_id}/poller/{sink_id}",
        id: "v1.message.poller.poll",
        summary: "Messages that a polled endpoint wants, the oldest first",
        scope: Scope::Portal(Deed::Read),
        query: &[LIMIT, ITERATOR, EVENT_TYPE, CHANNEL, AFTER],
        body: Content::Empty,
        answers: &[(200, Content::json::<PollOut>())],
        run: |control, call| Box::pin(poll(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/api/v1/app/{app_id}/poller/{sink_id}/consumer/{consumer_id}",
        id: "v1.message.poller.consumer-poll",
        summary: "The same from where a consumer has come to; an iterator moves it there first",
        scope: Scope::Portal(Deed::Write),
        query: &[LIMIT, ITERATOR],
        body: Content::Empty,
        answers: &[(200, Content::json::<PollOut>())],
        run: |control, call| Box::pin(consumer_poll(control, call)),
    },
    Operation {
        verb: Verb::Post,
        path: "/api/v1/app/{app_id}/poller/{sink_id}/consumer/{consumer_id}/seek",
        id: "v1.message.poller.consumer-seek",
        summary: "Moves a consumer to the first message after a time",
        scope: Scope::Portal(Deed::Write),
        query: &[],
        body: Content::json::<SeekIn>(),
        answers: &[(200, Content::json::<SeekOut>())],
        run: |control, call| Box::pin(consumer_seek(control, call)),
    },
];

const NONE: Problem = Problem::NotFound("there is no such polled endpoint");

#[derive(Serialize, JsonSchema)]
struct PollOut {
    data: Vec<MessageOut>,
    /// To go on with: it is behind all that this page looked at.
    iterator: String,
    /// Whether there is nothing more by now.
    done: bool,
    /// What retention has taken before it was fetched; not there when nothing is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<GapOut>,
}

/// Offsets of the log, which has events of others too.
#[derive(Serialize, JsonSchema)]
struct GapOut {
    from: u64,
    until: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SeekIn {
    after: String,
}

#[derive(Serialize, JsonSchema)]
struct SeekOut {
    iterator: String,
}

/// Where reading begins.
#[derive(Clone, Copy)]
enum Begin {
    At(Offset),
    /// With the messages of this time, in milliseconds.
    Time(u64),
}

struct Wish {
    endpoint: Arc<Endpoint>,
    filter: Filter,
}

async fn poll(control: &Control, call: Call) -> Answered {
    let endpoint = asked(control, &call)?;
    let begin = match (iterator(control, &call)?, moment(&call.query, AFTER.name)?) {
        (Some(next), _) => Begin::At(next),
        (None, Some(after)) => Begin::Time(after.millis().saturating_add(1)),
        (None, None) => Begin::Time(endpoints::created(&endpoint).millis()),
    };
    let types = call.query.one(EVENT_TYPE.name)?.unwrap_or_default().split(',');
    let types = types.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let filter = Filter::new(call.app()?.clone(), types, call.query.one(CHANNEL.name)?);
    page(control, &call, Wish { endpoint, filter }, begin).await
}

async fn consumer_poll(control: &Control, call: Call) -> Answered {
    let (endpoint, consumer) = (asked(control, &call)?, consumer(&call)?);
    let bookmarks = &control.ports.bookmarks;
    // A log that was restored may end before it.
    let known = bookmarks.find(endpoint.id, consumer.as_str());
    let known = known.map(|next| next.min(control.ports.reads.head()));
    let given = iterator(control, &call)?;
    // What is given back was received: it is not told again.
    if let Some(next) = given.filter(|next| known != Some(*next)) {
        bookmarks.put(endpoint.id, consumer.as_str(), next)?;
    }
    let begin = match given.or(known) {
        Some(next) => Begin::At(next),
        None => Begin::Time(endpoints::created(&endpoint).millis()),
    };
    let filter = Filter::new(call.app()?.clone(), Vec::new(), None);
    page(control, &call, Wish { endpoint, filter }, begin).await
}

async fn consumer_seek(control: &Control, call: Call) -> Answered {
    let (endpoint, consumer) = (asked(control, &call)?, consumer(&call)?);
    let given: SeekIn = call.json()?;
    let millis = member_time("after", &given.after)?.millis().saturating_add(1);
    let found = control.ask(&call.principal, move |log, _| walk::offset_at(log, millis));
    let next = found.await?;
    control.ports.bookmarks.put(endpoint.id, consumer.as_str(), next)?;
    Ok(answer(200, &SeekOut { iterator: written(next) }))
}

fn asked(control: &Control, call: &Call) -> Result<Arc<Endpoint>, Problem> {
    let snapshot = control.snapshot();
    let found = endpoints::find(&snapshot, call.app()?, call.named("sink_id")).map_err(|_| NONE)?;
    let may = found.is_polled() && !found.is_disabled;
    may.then(|| found.clone()).ok_or(NONE)
}

fn consumer(call: &Call) -> Result<Word, Problem> {
    let name = Word::try_from(call.named("consumer_id").to_owned());
    name.map_err(|_| Problem::NotFound("no consumer has such a name"))
}

/// An iterator names the next offset, as the id of an event that need not be there.
fn written(next: Offset) -> String {
    EventId::new(0, next).to_string()
}

fn iterator(control: &Control, call: &Call) -> Result<Option<Offset>, Problem> {
    let given = call.query.one(ITERATOR.name)?.filter(|text| !text.is_empty());
    let Some(text) = given else { return Ok(None) };
    let next = text.parse().ok().map(EventId::offset);
    // Another log may have been longer.
    let next = next.filter(|next| *next <= control.ports.reads.head());
    next.map(Some).ok_or(Problem::parameter(ITERATOR.name, "it is what another page gave"))
}

async fn page(control: &Control, call: &Call, wish: Wish, begin: Begin) -> Answered {
    let room = Room::of(page_limit(&call.query)?);
    let read = move |log: &dyn Log, _: &_| wish.page(log, begin, room);
    Ok(answer(200, &control.ask(&call.principal, read).await?))
}

impl Wish {
    fn wants(&self, event: &Event) -> bool {
        !event.is_erased()
            && self.filter.wants(event)
            && self.endpoint.asks_for(event, &mut ParsedBody::new())
    }

    fn page(&self, log: &dyn Log, begin: Begin, mut room: Room) -> Result<PollOut, Failure> {
        let (floor, head) = (log.floor(), log.head());
        let asked = match begin {
            Begin::At(offset) => offset,
            Begin::Time(millis) => walk::offset_at(log, millis)?,
        };
        let start = asked.max(floor);
        let path = Path { range: start..head, is_newest_first: false };
        let (mut data, mut next) = (Vec::new(), start);
        let end = walk::events(log, path, |event| {
            if self.wants(event) {
                if room.is_full() {
                    return Ok(ControlFlow::Break(()));
                }
                room.take(event, true);
                data.push(MessageOut::of(event, true));
            }
            next = event.offset().next();
            Ok(ControlFlow::Continue(()))
        })?;
        let next = match end {
            End::Whole => head.max(start),
            End::Enough => next,
            End::Tired(at) => at.next(),
        };
        let gap = (asked < start).then_some(GapOut { from: asked.0, until: start.0 });
        Ok(PollOut { data, iterator: written(next), done: end == End::Whole, gap })
    }
}
