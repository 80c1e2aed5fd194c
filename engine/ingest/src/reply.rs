use crate::{Answer, Respond, RespondBody};
use bytes::Bytes;
use event::EventId;
use hyper::body::{Frame, SizeHint};
use hyper::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What is answered with: all at once, or as it comes.
pub enum Body {
    Whole(Bytes),
    Stream(Pin<Box<dyn hyper::body::Body<Data = Bytes, Error = BoxError>>>),
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Body::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Body::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Body::Stream(stream) => stream.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Whole(bytes) => bytes.is_empty(),
            Body::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Body::Stream(stream) => stream.size_hint(),
        }
    }
}

/// An answer, and what the metrics want to know of it.
pub(crate) struct Reply {
    pub response: Response<Body>,
    pub refused: Option<&'static str>,
    pub is_duplicate: bool,
    pub is_conflict: bool,
    /// Of the one event that was accepted, or had been.
    pub id: Option<EventId>,
}

/// Everything for which a request can be refused: this is the table of answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Malformed(Cow<'static, str>),
    /// No Host, or more than one: nobody can say where such a request was meant to go.
    Host,
    /// The reason is for the metrics: all senders read the same.
    Unverified(&'static str),
    /// No key, or none that we know and that may publish.
    NoKey,
    /// The application that the request names is not there, or not the key's.
    NoApp,
    /// The producer's key is bound to other types than this one.
    EventType(Arc<str>),
    /// What its type asks of its body, and the body does not keep to.
    Unfit(String),
    Method,
    TooSlow,
    Conflict,
    TooLarge,
    Encoding,
    MediaType,
    /// More than the source may send.
    Rate(Duration),
    Full(Duration),
    Stopping,
    DiskFull,
}

struct Row {
    status: u16,
    reason: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
}

const STOPPING_RETRY: Duration = Duration::from_secs(1);
const DISK_RETRY: Duration = Duration::from_secs(30);

impl Refusal {
    fn row(&self) -> Row {
        let row = |status, reason, title, detail: &'static str| Row {
            status,
            reason,
            title,
            detail: detail.into(),
        };
        match self {
            Refusal::Malformed(detail) => {
                Row { detail: detail.clone(), ..row(400, "malformed", "Bad Request", "") }
            }
            Refusal::Host => row(400, "host", "Bad Request", "one Host header is needed"),
            Refusal::Unverified(reason) => row(401, reason, "Unauthorized", ""),
            Refusal::NoKey => {
                row(401, "no_key", "Unauthorized", "a key that may publish is needed")
            }
            Refusal::NoApp => {
                row(404, "no_app", "Not Found", "there is no such application for this key")
            }
            Refusal::EventType(name) => Row {
                detail: format!("this key may not publish the type `{name}`").into(),
                ..row(403, "event_type", "Forbidden", "")
            },
            Refusal::Unfit(detail) => Row {
                detail: detail.clone().into(),
                ..row(422, "schema", "Unprocessable Content", "")
            },
            Refusal::Method => row(405, "method", "Method Not Allowed", "only POST"),
            Refusal::TooSlow => row(408, "too_slow", "Request Timeout", "the body came too slowly"),
            Refusal::Conflict => {
                row(409, "conflict", "Conflict", "this key was used for another body")
            }
            Refusal::TooLarge => row(413, "too_large", "Content Too Large", ""),
            Refusal::Encoding => {
                let detail = "bodies are taken without content-encoding";
                row(415, "encoding", "Unsupported Media Type", detail)
            }
            Refusal::MediaType => {
                let detail = "use application/json, application/cloudevents+json, \
                    application/cloudevents-batch+json, application/x-ndjson or ce-* headers";
                row(415, "media_type", "Unsupported Media Type", detail)
            }
            Refusal::Rate(_) => {
                row(429, "rate", "Too Many Requests", "this source sends more than it may")
            }
            Refusal::Full(_) => row(503, "full", "Service Unavailable", "try again later"),
            Refusal::Stopping => row(503, "stopping", "Service Unavailable", "try again later"),
            Refusal::DiskFull => row(507, "disk", "Insufficient Storage", "try again later"),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Refusal::Full(wait) | Refusal::Rate(wait) => Some(*wait),
            Refusal::Stopping => Some(STOPPING_RETRY),
            Refusal::DiskFull => Some(DISK_RETRY),
            _ => None,
        }
    }

    /// One line for one item of many.
    pub fn item(&self) -> String {
        let row = self.row();
        let why = if row.detail.is_empty() { Cow::Borrowed(row.title) } else { row.detail };
        let item = serde_json::json!({ "status": row.status, "error": why });
        item.to_string()
    }

    pub fn status(&self) -> u16 {
        self.row().status
    }

    pub fn reply(&self) -> Reply {
        let row = self.row();
        let mut problem =
            format!(r#"{{"type":"about:blank","title":"{}","status":{}"#, row.title, row.status);
        if !row.detail.is_empty() {
            problem += r#","detail":"#;
            problem += &serde_json::Value::from(&*row.detail).to_string();
        }
        problem.push('}');
        let mut response = with_type(row.status, "application/problem+json", problem.into());
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after() {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, seconds.max(1).into());
        }
        match self {
            Refusal::Host => {
                drop(headers.insert(CONNECTION, HeaderValue::from_static("close")));
            }
            Refusal::Method => drop(headers.insert(ALLOW, HeaderValue::from_static("POST"))),
            Refusal::NoKey => {
                drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
            }
            _ => {}
        }
        let refused = Some(row.reason);
        Reply { response, refused, is_duplicate: false, is_conflict: false, id: None }
    }
}

/// What an answer comes to: an id, or a refusal.
pub(crate) fn accepted(answer: Answer) -> Result<(EventId, bool, bool), Refusal> {
    match answer {
        Answer::Accepted { id, is_duplicate, is_conflict } => Ok((id, is_duplicate, is_conflict)),
        Answer::Conflict => Err(Refusal::Conflict),
        Answer::Full { retry_after } => Err(Refusal::Full(retry_after)),
        Answer::DiskFull => Err(Refusal::DiskFull),
        Answer::Stopping => Err(Refusal::Stopping),
    }
}

/// The answer to one event, as the source wants it told.
pub(crate) fn receipt(answer: Answer, respond: &Respond) -> Result<Reply, Refusal> {
    let (id, is_duplicate, is_conflict) = accepted(answer)?;
    let status = if is_duplicate { respond.duplicate } else { respond.status };
    let response = match &respond.body {
        RespondBody::Receipt => with_type(status, "application/json", item(id, is_duplicate)),
        RespondBody::Text(text) if text.is_empty() => bare(status, Bytes::new()),
        RespondBody::Text(text) => with_type(status, "text/plain", text.clone()),
    };
    Ok(Reply { response, refused: None, is_duplicate, is_conflict, id: Some(id) })
}

pub(crate) fn item(id: EventId, is_duplicate: bool) -> Bytes {
    let mark = if is_duplicate { r#","duplicate":true"# } else { "" };
    format!(r#"{{"id":"{id}"{mark}}}"#).into()
}

/// A text that the sender gave us, given back: nothing may take it for anything but text.
pub(crate) fn echoed(text: String) -> Reply {
    let mut response = with_type(200, "text/plain", text.into());
    let name = HeaderName::from_static("x-content-type-options");
    response.headers_mut().insert(name, HeaderValue::from_static("nosniff"));
    Reply { response, refused: None, is_duplicate: false, is_conflict: false, id: None }
}

pub(crate) fn with_type(status: u16, media_type: &'static str, body: Bytes) -> Response<Body> {
    let mut response = bare(status, body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn bare(status: u16, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::Whole(body));
    *response.status_mut() = StatusCode::from_u16(status).expect("statuses are checked before");
    response
}
