//! Events as they come in, as server-sent events. Every one that is wanted is sent, in order, from
//! the log: who is slow gets them later, who comes back goes on behind `Last-Event-ID`.

use crate::api::wire::{APP, flag, header_pairs, moment};
use crate::api::{
    Answered, Call, Content, Deed, Operation, Parameter, Principal, Query, Scope, Stream, Verb,
    endpoints,
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
use event::{Envelope, Event, EventId, Offset, TenantId};
use hyper::http::request::Parts;
use log::{Failure, Log};
use registry::{Endpoint, TypePattern};
use runtime::tasks;
use serde_json::json;
use std::io;
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
    "Events that this endpoint wants alone, by types and condition; its filters are not run.",
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
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// Of one piece, about, as it is sent; an event that has more is a piece of its own.
const PIECE_BYTES: usize = 256 << 10;
/// Of pieces that wait to be sent.
const AHEAD: usize = 1;
/// Whoever takes no piece for so long is not listening.
const UNREAD_MAX: Duration = Duration::from_secs(60);
/// Stands for what comes before the first event, which has no id.
const BEFORE_ALL: &str = "start";

/// A stream that was asked for and is allowed.
pub(crate) struct Tail {
    head: Rc<Parts>,
    principal: Principal,
    wish: Arc<Wish>,
    begin: Begin,
    follows: bool,
}

#[derive(Clone, Copy)]
enum Begin {
    At(Offset),
    Time(u64),
    /// Behind what its reader had last, if this log has it.
    Behind(EventId),
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
    let app = call.app()?;
    let endpoint = match query.one("endpoint")? {
        Some(name) => Some(endpoints::find(&control.snapshot(), app, name)?.clone()),
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
        begin: begin(control, &call)?,
        follows: flag(query, "follow", true)?,
        head: call.head.clone(),
        principal: call.principal.clone(),
        wish: Arc::new(wish),
    };
    *call.stream.borrow_mut() = Some(Stream::Tail(tail));
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

fn begin(control: &Control, call: &Call) -> Result<Begin, Problem> {
    if let Some(last) = call.head.headers.get("last-event-id") {
        let text = last.to_str().unwrap_or_default();
        if text == BEFORE_ALL {
            return Ok(Begin::At(Offset::ZERO));
        }
        let bad = |_| Problem::BadRequest("Last-Event-ID: it is an event's id".into());
        return text.parse().map(Begin::Behind).map_err(bad);
    }
    Ok(match moment(&call.query, "since")? {
        Some(since) => Begin::Time(since.millis()),
        None => Begin::At(control.ports.reads.head()),
    })
}

impl Wish {
    fn wants(&self, event: &Event) -> bool {
        let Envelope { tenant, event_type, .. } = &event.envelope;
        let mut body = ParsedBody::new();
        *tenant == self.app
            && !event.is_erased()
            && TypePattern::any(&self.types, event_type)
            && self.endpoint.as_ref().is_none_or(|endpoint| endpoint.asks_for(event, &mut body))
            && self.condition.as_ref().is_none_or(|condition| condition.matches(event, &mut body))
    }

    /// What is sent next, and where to go on.
    fn batch(&self, log: &dyn Log, begin: Begin) -> Result<(Vec<u8>, Offset), Failure> {
        let (floor, head) = (log.floor(), log.head());
        let (asked, is_known) = match begin {
            Begin::At(offset) => (offset, offset >= floor),
            Begin::Time(millis) => (walk::offset_at(log, millis)?, true),
            Begin::Behind(last) => behind(log, last)?,
        };
        let mut lines = Vec::new();
        let start = asked.max(floor);
        if !is_known {
            let data = json!({ "from": asked.0, "until": start.0 });
            add(&mut lines, None, "gap", &data);
        }
        let path = Path { range: start..head, is_newest_first: false };
        let mut next = start;
        let end = walk::events(log, path, |event| {
            if self.wants(event) {
                add(&mut lines, Some(event.id), "event", &self.shown(event));
            }
            next = event.offset().next();
            Ok(match lines.len() < PIECE_BYTES {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            })
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
            shown["headers"] = header_pairs(&envelope.headers);
            // What JSON would write six times as long goes as base64, like what is no text.
            let is_odd = |byte: &u8| byte.is_ascii_control() && !b"\n\r\t".contains(byte);
            let text = std::str::from_utf8(&event.body).ok();
            match text.filter(|text| !text.as_bytes().iter().any(is_odd)) {
                Some(text) => shown["body"] = text.into(),
                None => shown["bodyBase64"] = STANDARD.encode(&event.body).into(),
            }
        }
        shown
    }
}

/// Where to go on behind an event, and whether this log has what its reader had. One that was made
/// anew, or that a crash has cut, may have others in its place: then none of these is left out.
fn behind(log: &dyn Log, last: EventId) -> Result<(Offset, bool), Failure> {
    let (at, head) = (last.offset(), log.head());
    if at >= head {
        return Ok((log.floor(), false));
    }
    // The places that are told between events say no time.
    let is_other = match log.event(at) {
        Ok(found) => last.millis() != 0 && found.is_some_and(|event| event.id != last),
        Err(Failure::Damaged { .. }) => false,
        Err(failure) => return Err(failure),
    };
    Ok(if is_other { (at, false) } else { (at.next(), at.next() >= log.floor()) })
}

/// One server-sent event. JSON has no line's end in it.
fn add(lines: &mut Vec<u8>, id: Option<EventId>, name: &str, data: &serde_json::Value) {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    lines.extend_from_slice(format!("{id}event: {name}\ndata: {data}\n\n").as_bytes());
}

/// Says nothing but where to go on behind, for whoever loses the connection.
fn still_at(begin: Begin) -> Bytes {
    let id = match begin {
        Begin::At(Offset(0)) => format!("id: {BEFORE_ALL}\n"),
        Begin::At(at) => format!("id: {}\n", EventId::new(0, Offset(at.0 - 1))),
        Begin::Time(_) | Begin::Behind(_) => String::new(),
    };
    format!(": still here\n{id}\n").into()
}

/// Begins to send it. 503 when too many are sent already.
pub(crate) fn start(control: Rc<Control>, tail: Tail) -> Result<Lines, Problem> {
    // An operator's take no place of the application's own.
    let whose = tail.principal.role.tenant().cloned().unwrap_or_else(|| TenantId::new(""));
    let place = control.tails.borrow_mut().take(&whose).ok_or(Problem::Busy)?;
    let (lines, pieces) = mpsc::channel(AHEAD);
    tasks::spawn(async move { run(&control, tail, lines).await });
    Ok(Lines { pieces, is_whole: None, _place: Some(place) })
}

/// Until nobody listens, the key has ended, or the node stops.
async fn run(control: &Control, tail: Tail, lines: mpsc::Sender<io::Result<Bytes>>) {
    let Tail { head, principal, wish, mut begin, follows } = tail;
    let holds = || {
        let is_live = control.still_holds(&principal, Some(&wish.app), &head).is_ok();
        is_live && !control.ports.health.is_stopping()
    };
    // Headers alone are held back by some who stand between.
    let mut piece = still_at(begin);
    let mut sent = control.ports.clock.now();
    loop {
        if !piece.is_empty() && !send(&lines, std::mem::take(&mut piece), holds).await {
            return;
        }
        if !holds() || lines.is_closed() {
            return;
        }
        if let Begin::At(at) = begin
            && at >= control.ports.reads.head()
        {
            if !follows {
                send(&lines, Bytes::from_static(b"event: end\ndata: {}\n\n"), holds).await;
                return;
            }
            tokio::select! {
                biased;
                () = tasks::sleep(BEAT) => {}
                () = lines.closed() => return,
            }
        } else {
            let Ok(_turn) = control.tail_turns.acquire().await else { return };
            let asked = wish.clone();
            match control.ask(&principal, move |log, _| asked.batch(log, begin)).await {
                Ok((found, next)) => (piece, begin) = (found.into(), Begin::At(next)),
                Err(Problem::Busy) => tasks::sleep(BEAT).await,
                Err(_) => return,
            }
        }
        let now = control.ports.clock.now();
        if !piece.is_empty() {
            sent = now;
        } else if now.since(sent) >= SILENCE_MAX {
            // Also in the middle of a long look that finds nothing.
            (piece, sent) = (still_at(begin), now);
        }
    }
}

/// False when it is not taken: nobody listens, or nobody is to be told any more.
async fn send(
    lines: &mpsc::Sender<io::Result<Bytes>>,
    piece: Bytes,
    holds: impl Fn() -> bool,
) -> bool {
    let ended = async {
        let beats = UNREAD_MAX.as_millis() / BEAT.as_millis();
        for _ in 0..beats {
            tasks::sleep(BEAT).await;
            if !holds() {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        taken = lines.send(Ok(piece)) => taken.is_ok(),
        () = ended => false,
    }
}
