//! Events as they come in, as server-sent events. Every one that is wanted is sent, in order, from
//! the log: who is slow gets them later, who comes back goes on behind `Last-Event-ID`.

use crate::api::messages::Room;
use crate::api::wire::{APP, Wanted, flag, moment};
use crate::api::{
    Answered, Call, Content, Deed, Operation, Parameter, Principal, Query, Scope, Verb, endpoints,
};
use crate::explain::time;
use crate::problem::Problem;
use crate::reply::typed;
use crate::walk::{self, End, Path};
use crate::{Control, Lines};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use condition::{Condition, ParsedBody};
use event::{Event, EventId, Offset, TenantId};
use hyper::http::request::Parts;
use log::{Failure, Log};
use registry::{Endpoint, TypePattern};
use runtime::tasks;
use serde_json::json;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    verb: Verb::Get,
    path: "/v1/tail",
    id: "tail",
    summary: "An application's events as they come in, as server-sent events",
    scope: Scope::Tenant(Deed::Read),
    query: &[APP, TYPE, WHERE, ENDPOINT, SINCE, CONTENT, FOLLOW],
    body: Content::Empty,
    answers: &[(200, Content::Text("text/event-stream"))],
    run: |control, call| Box::pin(tail(control, call)),
}];

const TYPE: Parameter = Parameter::of::<String>(
    "type",
    "Events of this type or pattern, such as `order.*`, alone; several times for several.",
);
const WHERE: Parameter = Parameter::of::<String>(
    "where",
    "Events that meet this condition alone, written as for an endpoint.",
);
const ENDPOINT: Parameter = Parameter::of::<String>(
    "endpoint",
    "Events that this endpoint wants alone, by its types and its condition; its filters are not run.",
);
const SINCE: Parameter = Parameter::of::<String>(
    "since",
    "Begins with the events of this time, RFC 3339; with those to come when it is not said.",
);
const CONTENT: Parameter =
    Parameter::of::<bool>("content", "Whether headers and body are sent; false when not said.");
const FOLLOW: Parameter = Parameter::of::<bool>(
    "follow",
    "Whether it goes on when all that there is has been sent; true when not said.",
);

/// Between two looks at whether something has come.
const BEAT: Duration = Duration::from_millis(200);
/// Whoever stands between keeps what says something now and then.
const SILENT_BEATS_MAX: u32 = 75;
/// Read at a time.
const BATCH: usize = 256;
/// Of pieces that wait to be sent.
const AHEAD: usize = 2;

/// A stream that was asked for and is allowed.
pub(crate) struct Tail {
    head: Rc<Parts>,
    principal: Principal,
    app: TenantId,
    wish: Arc<Wish>,
    from: From,
    follows: bool,
}

#[derive(Clone, Copy)]
enum From {
    Head,
    Offset(Offset),
    Time(u64),
}

struct Wish {
    app: TenantId,
    types: Vec<TypePattern>,
    condition: Option<Condition>,
    endpoint: Option<Arc<Endpoint>>,
    with_content: bool,
}

async fn tail(control: &Control, call: Call) -> Answered {
    let query = &call.query;
    let app = call.app()?.clone();
    let endpoint = match query.one("endpoint")? {
        Some(name) => Some(endpoints::find(&control.snapshot(), &app, name)?.clone()),
        None => None,
    };
    let wish = Wish {
        types: types(query)?,
        condition: condition(query)?,
        endpoint,
        with_content: flag(query, "content", false)?,
        app: app.clone(),
    };
    let tail = Tail {
        from: from(&call)?,
        follows: flag(query, "follow", true)?,
        head: call.head.clone(),
        principal: call.principal.clone(),
        app,
        wish: Arc::new(wish),
    };
    *call.tail.borrow_mut() = Some(tail);
    Ok(typed(200, "text/event-stream", Bytes::new()))
}

fn types(query: &Query) -> Result<Vec<TypePattern>, Problem> {
    let parse = |text: &str| {
        TypePattern::parse(text).map_err(|bad| Problem::parameter("type", &bad.to_string()))
    };
    query.all("type").map(parse).collect()
}

fn condition(query: &Query) -> Result<Option<Condition>, Problem> {
    let Some(text) = query.one("where")? else { return Ok(None) };
    let condition = Condition::compile(text);
    condition.map(Some).map_err(|bad| Problem::parameter("where", &bad.to_string()))
}

fn from(call: &Call) -> Result<From, Problem> {
    if let Some(last) = call.head.headers.get("last-event-id") {
        let id: Option<EventId> = last.to_str().ok().and_then(|text| text.parse().ok());
        let bad = || Problem::BadRequest("Last-Event-ID: it is an event's id".into());
        return Ok(From::Offset(id.ok_or_else(bad)?.offset().next()));
    }
    let since = moment(&call.query, "since")?;
    Ok(since.map_or(From::Head, |since| From::Time(since.millis())))
}

impl Wish {
    fn wants(&self, event: &Event) -> bool {
        let envelope = &event.envelope;
        let is_of = |types: &[TypePattern]| {
            types.is_empty() || types.iter().any(|pattern| pattern.matches(&envelope.event_type))
        };
        if envelope.tenant != self.app || !is_of(&self.types) {
            return false;
        }
        let mut body = ParsedBody::new();
        let mut meets = |condition: &Condition| condition.matches(event, &mut body);
        let is_wanted = self.endpoint.as_ref().is_none_or(|endpoint| {
            let condition = endpoint.chain.as_ref().and_then(|chain| chain.condition.as_ref());
            is_of(&endpoint.types) && condition.is_none_or(|condition| meets(condition))
        });
        is_wanted && self.condition.as_ref().is_none_or(meets)
    }

    /// What is sent next, and where to go on.
    fn batch(&self, log: &dyn Log, from: From) -> Result<(Vec<u8>, Offset), Failure> {
        let asked = match from {
            From::Head => log.head(),
            From::Offset(offset) => offset,
            From::Time(millis) => walk::offset_at(log, millis)?,
        };
        let (floor, head) = (log.floor(), log.head());
        let mut lines = Vec::new();
        let start = asked.max(floor);
        if asked < floor && matches!(from, From::Offset(_)) {
            let data = json!({ "from": asked.0, "until": floor.0 });
            add(&mut lines, None, "gap", &data);
        }
        let path = Path { range: start..head, is_newest_first: false };
        let (mut next, mut room) = (start, Room::of(&Wanted::first(BATCH)));
        let end = walk::events(log, path, |event| {
            if self.wants(event) {
                room.take(event, self.with_content);
                add(&mut lines, Some(event.id), "event", &self.shown(event));
            }
            next = event.offset().next();
            Ok(if room.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(match end {
            End::Whole => (lines, head.max(start)),
            End::Enough => (lines, next),
            End::Tired(at) => (lines, at.next()),
        })
    }

    fn shown(&self, event: &Event) -> serde_json::Value {
        let envelope = &event.envelope;
        let mut shown = json!({
            "id": event.id.to_string(),
            "eventType": &*envelope.event_type,
            "source": &*envelope.source,
            "key": envelope.key.as_deref(),
            "time": time(envelope.time),
            "bytes": event.body.len(),
        });
        if self.with_content {
            let headers = envelope.headers.iter();
            let headers =
                headers.map(|(name, value)| json!([name, String::from_utf8_lossy(value)]));
            shown["headers"] = headers.collect();
            match std::str::from_utf8(&event.body) {
                Ok(text) => shown["body"] = text.into(),
                Err(_) => shown["bodyBase64"] = STANDARD.encode(&event.body).into(),
            }
        }
        shown
    }
}

/// One server-sent event. JSON has no line's end in it.
fn add(lines: &mut Vec<u8>, id: Option<EventId>, name: &str, data: &serde_json::Value) {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    lines.extend_from_slice(format!("{id}event: {name}\ndata: {data}\n\n").as_bytes());
}

/// Says nothing but where to go on behind, for whoever loses the connection.
fn still_at(from: From) -> Bytes {
    let before = match from {
        From::Offset(at) => at.0.checked_sub(1),
        From::Head | From::Time(_) => None,
    };
    let id = before.map(|before| format!("id: {}\n", EventId::new(0, Offset(before))));
    format!(": still here\n{}\n", id.unwrap_or_default()).into()
}

/// Begins to send it. 503 when too many are sent already.
pub(crate) fn start(control: Rc<Control>, tail: Tail) -> Result<Lines, Problem> {
    let place = control.tails.borrow_mut().take(&tail.app).ok_or(Problem::Busy)?;
    let (lines, sent) = mpsc::channel(AHEAD);
    tasks::spawn(async move {
        run(&control, tail, lines).await;
        drop(place);
    });
    Ok(Lines(sent))
}

/// Until nobody listens, the key has ended, or the node stops.
async fn run(control: &Control, tail: Tail, lines: mpsc::Sender<Bytes>) {
    let Tail { head, principal, app, wish, mut from, follows } = tail;
    if let From::Head = from {
        from = From::Offset(control.ports.reads.head());
    }
    // Headers alone are held back by some who stand between.
    let mut piece = still_at(from);
    let mut silent = 0;
    loop {
        if !piece.is_empty() {
            silent = 0;
            if lines.send(piece).await.is_err() {
                return;
            }
        }
        let holds = control.still_holds(&principal, Some(&app), &head).is_ok();
        if !holds || control.ports.health.is_stopping() {
            return;
        }
        let is_level = matches!(from, From::Offset(at) if at >= control.ports.reads.head());
        piece = Bytes::new();
        if is_level && !follows {
            return;
        }
        if is_level {
            silent += 1;
            tokio::select! {
                () = tasks::sleep(BEAT) => {}
                () = lines.closed() => return,
            }
            if silent > SILENT_BEATS_MAX {
                piece = still_at(from);
            }
            continue;
        }
        let asked = wish.clone();
        match control.ask(&principal, move |log, _| asked.batch(log, from)).await {
            Ok((found, next)) => (piece, from) = (found.into(), From::Offset(next)),
            Err(Problem::Busy) => tasks::sleep(BEAT).await,
            Err(_) => return,
        }
    }
}
