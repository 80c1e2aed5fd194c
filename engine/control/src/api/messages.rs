mod model;

pub(crate) use model::MessageOut;

use crate::api::endpoints::CHANNELS;
use crate::api::wire::{ITERATOR, LIMIT, Page, Place, Wanted, Word, before, flag, moment};
use crate::api::{Answered, Call, Content, Deed, Operation, Parameter, Query, Scope, Verb, apps};
use crate::problem::Problem;
use crate::reply::{answer, resource};
use crate::walk::{self, End, Path};
use crate::{Control, Denied};
use event::{
    Arrival, Duplicate, Envelope, Event, EventId, Headers, Offset, OnConflict, StreamId, TenantId,
    Time, limits,
};
use log::{Failure, Log};
use model::{EVENT_ID, MessageIn, channel_list};
use sha2::{Digest, Sha256};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

pub(crate) const WITH_CONTENT: Parameter =
    Parameter::of::<bool>("with_content", "Whether payloads are shown; true when not said.");
pub(crate) const BEFORE: Parameter =
    Parameter::of::<String>("before", "What came before this time alone.");
pub(crate) const AFTER: Parameter =
    Parameter::of::<String>("after", "What came after this time alone.");
pub(crate) const CHANNEL: Parameter =
    Parameter::of::<Word>("channel", "What has this channel alone.");
pub(crate) const EVENT_TYPES: Parameter = Parameter::of::<String>(
    "event_types",
    "What has one of these types alone; several, or one with commas.",
);

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Get,
        path: "/api/v1/app/{app_id}/msg",
        id: "v1.message.list",
        summary: "A page of an application's messages, the newest first",
        scope: Scope::Portal(Deed::Read),
        query: &[LIMIT, ITERATOR, CHANNEL, BEFORE, AFTER, WITH_CONTENT, EVENT_TYPES],
        body: Content::Empty,
        answers: &[(200, Content::json::<Page<MessageOut>>())],
        run: |control, call| Box::pin(list(control, call)),
    },
    Operation {
        verb: Verb::Post,
        path: "/api/v1/app/{app_id}/msg",
        id: "v1.message.create",
        summary: "Takes a message in; it is durable when this is answered",
        scope: Scope::Publish,
        query: &[WITH_CONTENT],
        body: Content::json::<MessageIn<'_>>(),
        answers: &[(202, Content::json::<MessageOut>())],
        run: |control, call| Box::pin(create(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/api/v1/app/{app_id}/msg/{msg_id}",
        id: "v1.message.get",
        summary: "A message",
        scope: Scope::Portal(Deed::Read),
        query: &[WITH_CONTENT],
        body: Content::Empty,
        answers: &[(200, Content::json::<MessageOut>())],
        run: |control, call| Box::pin(get(control, call)),
    },
];

/// The name under which what comes in here is known, as a source has one.
pub(crate) const SOURCE: &str = "api";
const CHANNELS_MAX: usize = 5;
/// The days that clients send who ask for none.
const RETENTION_UNSAID: u16 = 90;
/// Payloads of one page; the page is short when they reach this.
const PAGE_BYTES_MAX: usize = 8 << 20;
pub(crate) const NONE: Problem = Problem::NotFound("there is no such message");

async fn create(control: &Control, call: Call) -> Answered {
    let given: MessageIn<'_> = call.json()?;
    check(&given, &call)?;
    let app = match (&call.tenant, &given.application) {
        (None, Some(new)) => apps::ensure(control, call.named("app_id"), new).await?,
        _ => call.app()?.clone(),
    };
    let flaws = control.unfit(given.event_type.as_str(), given.payload.get().as_bytes());
    if !flaws.is_empty() {
        return Err(Problem::Invalid(flaws));
    }
    let with_content = flag(&call.query, "with_content", true)?;
    let arrival = arrival(control, &call, app, &given);
    let is_own = given.event_id.is_some() && !call.head.headers.contains_key("idempotency-key");
    match control.ports.commands.publish(arrival).await {
        // A sender that gives an id and no `Idempotency-Key` does not mean to repeat itself.
        Ok(published) if published.is_duplicate && is_own => Err(taken(published.id)),
        Ok(published) => Ok(answer(202, &MessageOut::taken(&given, published.id, with_content))),
        Err(Denied::Conflict(id)) => Err(taken(id)),
        Err(denied) => Err(denied.into()),
    }
}

fn taken(id: EventId) -> Problem {
    Problem::Clash(format!("the message {id} has this eventId or Idempotency-Key").into())
}

fn check(given: &MessageIn<'_>, call: &Call) -> Result<(), Problem> {
    if !given.payload.get().starts_with('{') {
        return Err(Problem::value(&["payload"], "it is a JSON object"));
    }
    let count = given.channels.as_ref().map(|channels| channels.len());
    if count.is_some_and(|count| !(1..=CHANNELS_MAX).contains(&count)) {
        return Err(Problem::value(&["channels"], format!("1 to {CHANNELS_MAX}, or null")));
    }
    let is_key = |key: &str| {
        (1..=limits::KEY_BYTES_MAX).contains(&key.len()) && !key.contains(char::is_control)
    };
    if !given.key.as_deref().is_none_or(is_key) {
        let text = format!("1 to {} bytes without control characters", limits::KEY_BYTES_MAX);
        return Err(Problem::value(&["key"], text));
    }
    if !matches!(given.payload_retention_period, None | Some(RETENTION_UNSAID)) {
        let text = "a payload stays as long as the log's retention says";
        return Err(Problem::value(&["payloadRetentionPeriod"], text));
    }
    match call.principal.role.may_publish(given.event_type.as_str()) {
        true => Ok(()),
        false => Err(Problem::Forbidden),
    }
}

fn arrival(control: &Control, call: &Call, app: TenantId, given: &MessageIn<'_>) -> Arrival {
    let mut headers = Headers::new();
    headers.push("content-type", b"application/json");
    if let Some(trace) = call.head.headers.get("traceparent") {
        headers.push("traceparent", trace.as_bytes());
    }
    if let Some(id) = &given.event_id {
        headers.push(EVENT_ID, id.as_str().as_bytes());
    }
    if let Some(channels) = &given.channels {
        headers.push(CHANNELS, channel_list(channels).as_bytes());
    }
    let envelope = Envelope {
        tenant: app,
        stream: StreamId(0),
        source: SOURCE.into(),
        event_type: given.event_type.as_str().into(),
        key: given.key.as_deref().map(Into::into),
        time: control.ports.clock.wall(),
        headers,
    };
    let body = call.body.slice_ref(given.payload.get().as_bytes());
    let duplicate = duplicate(call, given);
    Arrival { envelope, body, duplicate }
}

/// Two requests are one message when they have the same `Idempotency-Key`, and, where they have an
/// `eventId`, the same of that too.
fn duplicate(call: &Call, given: &MessageIn<'_>) -> Option<Duplicate> {
    let repeat = call.head.headers.get("idempotency-key").map(|key| key.as_bytes());
    let key = match (&given.event_id, repeat) {
        (Some(id), _) => own_key(id.as_str()),
        (None, Some(repeat)) => [b"repeat:", &Sha256::digest(repeat)[..]].concat(),
        (None, None) => return None,
    };
    let parts = [
        given.event_type.as_str().as_bytes(),
        given.key.as_deref().unwrap_or_default().as_bytes(),
        given.channels.as_ref().map(channel_list).unwrap_or_default().as_bytes(),
        repeat.unwrap_or_default(),
        given.payload.get().as_bytes(),
    ]
    .map(Sha256::digest);
    let whole = Sha256::digest(parts.concat());
    let mut digest = [0; 16];
    digest.copy_from_slice(&whole[..16]);
    Some(Duplicate { key: key.into(), digest, on_conflict: OnConflict::Refuse })
}

fn own_key(event_id: &str) -> Vec<u8> {
    [b"event:", event_id.as_bytes()].concat()
}

async fn get(control: &Control, call: Call) -> Answered {
    let with_content = flag(&call.query, "with_content", true)?;
    let (app, name) = (call.app()?.clone(), call.named("msg_id").to_owned());
    let found = control.ask(&call.principal, move |log, _| find(log, &app, &name)).await?;
    Ok(resource(200, &MessageOut::of(&*found.ok_or(NONE)?, with_content)))
}

/// What a message of this id or `eventId` would have for an id.
pub(crate) fn id_of(log: &dyn Log, app: &TenantId, name: &str) -> Result<Option<EventId>, Failure> {
    match name.parse() {
        Ok(id) => Ok(Some(id)),
        Err(_) => Ok(log.duplicate(app, SOURCE, &own_key(name))?.map(|row| row.id)),
    }
}

/// The application's message of this id or `eventId`, if it is still in the log.
pub(crate) fn find(
    log: &dyn Log,
    app: &TenantId,
    name: &str,
) -> Result<Option<Arc<Event>>, Failure> {
    let Some(id) = id_of(log, app, name)? else { return Ok(None) };
    let found = log.event(id.offset())?;
    Ok(found.filter(|event| event.id == id && event.envelope.tenant == *app))
}

/// The types that are named, one by one or with commas between them.
pub(crate) fn types(query: &Query) -> Vec<String> {
    let types = query.all(EVENT_TYPES.name).flat_map(|list| list.split(','));
    types.map(str::to_owned).collect()
}

/// Which messages a list is to have, by what they are.
pub(crate) struct Filter {
    app: TenantId,
    types: Vec<String>,
    channel: Option<String>,
}

impl Filter {
    pub fn of(call: &Call) -> Result<Filter, Problem> {
        Ok(Filter::new(call.app()?.clone(), types(&call.query), call.query.one("channel")?))
    }

    /// Without types it wants them all.
    pub fn new(app: TenantId, types: Vec<String>, channel: Option<&str>) -> Filter {
        Filter { app, types, channel: channel.map(|name| format!(",{name},")) }
    }

    pub fn wants(&self, event: &Event) -> bool {
        let Envelope { tenant, event_type, headers, .. } = &event.envelope;
        let is_of_channel = |wanted: &String| {
            let list = headers.first(CHANNELS).unwrap_or_default();
            String::from_utf8_lossy(list).contains(wanted)
        };
        *tenant == self.app
            && (self.types.is_empty() || self.types.iter().any(|wanted| **wanted == **event_type))
            && self.channel.as_ref().is_none_or(is_of_channel)
    }
}

/// From when a list's entries are to be, in milliseconds, both ends excluded.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    after: Option<u64>,
    before: Option<u64>,
}

impl Span {
    pub fn of(query: &Query) -> Result<Span, Problem> {
        let millis = |name| moment(query, name).map(|time| time.map(|time| time.millis()));
        Ok(Span { after: millis("after")?, before: millis("before")? })
    }

    /// From the first time on, and before the second.
    pub fn between(since: Option<Time>, until: Option<Time>) -> Span {
        let after = since.and_then(|since| since.millis().checked_sub(1));
        Span { after, before: until.map(Time::millis) }
    }

    pub fn holds(self, millis: u64) -> bool {
        self.before.is_none_or(|before| millis < before)
            && self.after.is_none_or(|after| millis > after)
    }

    /// The first offset that comes too late.
    pub fn end(self, log: &dyn Log) -> Result<Offset, Failure> {
        self.before.map_or(Ok(Offset::MAX), |before| walk::offset_at(log, before))
    }

    /// The offsets of the messages from then.
    pub fn range(self, log: &dyn Log) -> Result<Range<Offset>, Failure> {
        let start = self.after.map_or(Ok(Offset::ZERO), |after| walk::offset_at(log, after))?;
        Ok(start..self.end(log)?)
    }
}

async fn list(control: &Control, call: Call) -> Answered {
    let wanted = Wanted::of(&call.query, true)?;
    let place = place(wanted.place())?;
    let (filter, span) = (Filter::of(&call)?, Span::of(&call.query)?);
    let with_content = flag(&call.query, "with_content", true)?;
    let mut room = Room::of(wanted.limit);
    let page = control.ask(&call.principal, move |log, _| {
        let path = path(span.range(log)?, place);
        let (is_newest_first, mut found) = (path.is_newest_first, Vec::new());
        let end = walk::events(log, path, |event| {
            if !filter.wants(event) || !span.holds(event.id.millis()) {
                return Ok(ControlFlow::Continue(()));
            }
            // One more than the page has says that there is more.
            if room.is_full() {
                return Ok(ControlFlow::Break(()));
            }
            room.take(event, with_content);
            found.push(MessageOut::of(event, with_content));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(page_of(found, is_newest_first, end, tired_at(end), |message| message.id.clone()))
    });
    Ok(answer(200, &page.await?))
}

/// The offset that an iterator of messages names.
pub(crate) fn place(place: Place<&str>) -> Result<Place<Offset>, Problem> {
    place.try_map(|text| text.parse().map(EventId::offset).ok())
}

/// What is left of a range behind a place.
pub(crate) fn path(range: Range<Offset>, place: Place<Offset>) -> Path {
    let Range { start, end } = range;
    match place {
        Place::Start => Path { range: start..end, is_newest_first: true },
        Place::After(last) => Path { range: start..end.min(last), is_newest_first: true },
        Place::Before(first) => {
            Path { range: start.max(first.next())..end, is_newest_first: false }
        }
    }
}

/// What a page that shows payloads may still take.
pub(crate) struct Room {
    entries: usize,
    bytes: usize,
}

impl Room {
    pub fn of(entries: usize) -> Room {
        Room { entries, bytes: PAGE_BYTES_MAX }
    }

    pub fn is_full(&self) -> bool {
        self.entries == 0 || self.bytes == 0
    }

    pub fn take(&mut self, event: &Event, with_content: bool) {
        self.entries -= 1;
        let shown = if with_content { event.body.len() } else { 0 };
        self.bytes = self.bytes.saturating_sub(shown);
    }
}

/// The place where a walk got tired, as the name of an event that need not be the application's.
pub(crate) fn tired_at(end: End) -> Option<String> {
    match end {
        End::Tired(at) => Some(EventId::new(0, at).to_string()),
        End::Whole | End::Enough => None,
    }
}

/// What a walk found, the newest first. One that got tired is gone on with where it stopped.
pub(crate) fn page_of<T>(
    mut found: Vec<T>,
    is_newest_first: bool,
    end: End,
    tired: Option<String>,
    name: impl Fn(&T) -> String,
) -> Page<T> {
    if !is_newest_first {
        found.reverse();
    }
    let (mut iterator, mut first) = (found.last().map(&name), found.first().map(&name));
    match is_newest_first {
        true => iterator = tired.or(iterator),
        false => first = tired.or(first),
    }
    Page {
        data: found,
        done: end == End::Whole,
        iterator,
        prev_iterator: first.map(|first| before(&first)),
    }
}
