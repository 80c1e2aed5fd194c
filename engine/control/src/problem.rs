use crate::Denied;
use crate::reply::{problem, typed};
use bytes::Bytes;
use hyper::Response;
use hyper::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use registry::{Rejected, Wrong};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::time::Duration;

/// Everything for which a request can fail: this is the table of answers. Under `/api/v1` they
/// have the form of Svix, elsewhere that of RFC 9457.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    BadRequest(Cow<'static, str>),
    /// A parameter of the query that is not known or not as it has to be.
    Parameter {
        name: String,
        detail: String,
    },
    /// No example can be had from an event type's schema.
    NoExample,
    /// No key, or a wrong one.
    NoKey,
    /// A key that may not do this.
    Forbidden,
    NotFound(&'static str),
    /// The methods that there are.
    Method(String),
    TooSlow,
    Conflict,
    /// What was asked for is there already, or does not go with what is.
    Clash(Cow<'static, str>),
    /// The `Idempotency-Key` came with another request before.
    OtherRequest,
    /// The request with this `Idempotency-Key` is still being answered.
    Running,
    /// The request with this `Idempotency-Key` was answered with a secret, which is not kept.
    Told,
    /// The resource is not the version that `If-Match` names.
    Precondition,
    /// The most bytes that a body may have.
    TooLarge(usize),
    /// Those that there are.
    MediaType(Cow<'static, str>),
    /// The name in the request is not this node's.
    Host,
    Rejected(String),
    /// What is wrong with the body, place by place.
    Invalid(Vec<Flaw>),
    /// How long whoever showed wrong keys has to wait.
    TooMany(Duration),
    /// How long a customer has to wait before endpoints may be changed again.
    TooFast(Duration),
    /// What went wrong inside is in the node's own log.
    Failed,
    DiskFull,
    Busy,
    Stopping,
}

/// One thing that is wrong with a request, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// `body` or `query`, then the way to the value.
    pub place: Vec<String>,
    pub text: String,
    /// A stable word; Svix's where it has one.
    pub kind: &'static str,
}

/// How an API tells what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Svix,
    Rfc9457,
}

struct Row {
    status: u16,
    /// A stable word for programs.
    code: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
}

impl Form {
    pub fn of(path: &str) -> Form {
        let is_svix = path
            .strip_prefix("/api/v1")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if is_svix { Form::Svix } else { Form::Rfc9457 }
    }
}

const NO_EXAMPLE: &str = "the schema of this event type has no object among its `examples`";
const TOO_MANY: &str = "too many wrong keys came from here";
const TOO_FAST: &str = "the application's customers have changed endpoints too often lately";

impl Problem {
    /// One body for an application that is not there and one that is another's.
    pub const NO_APP: Problem = Problem::NotFound("there is no such application");

    pub fn parameter(name: &str, detail: &str) -> Problem {
        Problem::Parameter { name: name.to_owned(), detail: detail.to_owned() }
    }

    /// One value of the body that is not as it has to be; the place is below `body`.
    pub fn value(place: &[&str], text: impl Into<String>) -> Problem {
        let place = ["body"].iter().chain(place).map(|&part| part.to_owned()).collect();
        Problem::Invalid(vec![Flaw { place, text: text.into(), kind: "value_error" }])
    }

    fn row(&self) -> Row {
        let row = |status, code, title, detail: &'static str| Row {
            status,
            code,
            title,
            detail: Cow::Borrowed(detail),
        };
        let told = |row: Row, detail: String| Row { detail: detail.into(), ..row };
        match self {
            Problem::BadRequest(detail) => {
                Row { detail: detail.clone(), ..row(400, "bad_request", "Bad Request", "") }
            }
            Problem::Parameter { name, detail } => {
                told(row(400, "bad_request", "Bad Request", ""), format!("`{name}`: {detail}"))
            }
            Problem::NoExample => row(400, "invalid_scheme", "Bad Request", NO_EXAMPLE),
            Problem::NoKey => {
                let detail = "this needs a key that counts, as `Authorization: Bearer <key>`";
                row(401, "no_key", "Unauthorized", detail)
            }
            Problem::Forbidden => row(403, "forbidden", "Forbidden", "this key may not do this"),
            Problem::NotFound(detail) => row(404, "not_found", "Not Found", detail),
            Problem::Method(_) => {
                row(405, "method", "Method Not Allowed", "see the header Allow for what there is")
            }
            Problem::TooSlow => {
                row(408, "too_slow", "Request Timeout", "the body took too long to come")
            }
            Problem::TooLarge(max) => told(
                row(413, "too_large", "Content Too Large", ""),
                format!("a body here has {max} bytes at most"),
            ),
            Problem::MediaType(wanted) => told(
                row(415, "media_type", "Unsupported Media Type", ""),
                format!("a body here is {wanted}"),
            ),
            Problem::Host => {
                let detail = "this name is not known here; use localhost or an address, or set \
                              server.public_url";
                row(421, "host", "Misdirected Request", detail)
            }
            Problem::Rejected(detail) => {
                told(row(422, "rejected", "Unprocessable Content", ""), detail.clone())
            }
            Problem::Invalid(flaws) => {
                let texts: Vec<String> = flaws.iter().map(Flaw::line).collect();
                told(row(422, "invalid", "Unprocessable Content", ""), texts.join("; "))
            }
            Problem::TooMany(_) => row(429, "too_many", "Too Many Requests", TOO_MANY),
            Problem::TooFast(_) => row(429, "too_fast", "Too Many Requests", TOO_FAST),
            Problem::Failed => {
                let detail = "the node's own log says what went wrong";
                row(500, "failed", "Internal Server Error", detail)
            }
            Problem::DiskFull => row(507, "disk", "Insufficient Storage", "try again later"),
            Problem::Busy => row(503, "busy", "Service Unavailable", "try again later"),
            Problem::Stopping => {
                row(503, "stopping", "Service Unavailable", "the node is stopping")
            }
            Problem::Conflict
            | Problem::Clash(_)
            | Problem::OtherRequest
            | Problem::Running
            | Problem::Told
            | Problem::Precondition => self.conflict(),
        }
    }

    /// What does not go with how things stand.
    fn conflict(&self) -> Row {
        let (status, code, title) = match self {
            Problem::Precondition => (412, "precondition", "Precondition Failed"),
            _ => (409, "conflict", "Conflict"),
        };
        let detail = match self {
            Problem::Clash(detail) => detail.clone(),
            Problem::OtherRequest => "this Idempotency-Key came with another request before".into(),
            Problem::Running => "the request with this Idempotency-Key is being answered".into(),
            Problem::Told => {
                "the request with this Idempotency-Key was carried out; the text that it was \
                 answered is not kept"
                    .into()
            }
            Problem::Precondition => "the resource has changed since: read it again".into(),
            _ => "something else changed at the same time: ask again".into(),
        };
        Row { status, code, title, detail }
    }

    pub fn response(&self, form: Form) -> Response<Bytes> {
        let mut response = match form {
            Form::Svix => self.as_svix(),
            Form::Rfc9457 => self.as_problem(),
        };
        let headers = response.headers_mut();
        match self {
            Problem::Method(allow) => {
                let allow = HeaderValue::from_str(allow).expect("methods are ASCII");
                headers.insert(ALLOW, allow);
            }
            Problem::NoKey => {
                let challenge = HeaderValue::from_static("Bearer realm=\"forebay\"");
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            Problem::Busy | Problem::Stopping | Problem::Running => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Problem::TooMany(wait) | Problem::TooFast(wait) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
            }
            _ => {}
        }
        response
    }

    fn as_problem(&self) -> Response<Bytes> {
        let row = self.row();
        let more = match self {
            Problem::Invalid(flaws) => json!({ "errors": told(flaws) }),
            _ => json!({}),
        };
        problem(row.status, row.code, row.title, &row.detail, more)
    }

    fn as_svix(&self) -> Response<Bytes> {
        let row = self.row();
        let flaw = |place: &[&str], text: &str, kind| {
            let place = place.iter().map(|&part| part.to_owned()).collect();
            told(&[Flaw { place, text: text.to_owned(), kind }])
        };
        let (status, body) = match self {
            Problem::Invalid(flaws) => (422, json!({ "detail": told(flaws) })),
            Problem::Parameter { name, detail } => {
                (422, json!({ "detail": flaw(&["query", name], detail, "value_error") }))
            }
            Problem::Rejected(detail) => {
                (422, json!({ "detail": flaw(&["body"], detail, "value_error") }))
            }
            _ => (row.status, json!({ "code": svix_code(&row), "detail": row.detail })),
        };
        typed(status, "application/json", body.to_string().into())
    }
}

/// Svix's word where it has one.
fn svix_code(row: &Row) -> &'static str {
    match row.status {
        401 => "authentication_failed",
        403 => "insufficient_access",
        413 => "payload_too_large",
        429 => "rate_limited",
        500 => "server_error",
        _ => row.code,
    }
}

fn told(flaws: &[Flaw]) -> Value {
    let flaws = flaws.iter();
    flaws.map(|flaw| json!({ "loc": flaw.place, "msg": flaw.text, "type": flaw.kind })).collect()
}

impl Flaw {
    fn line(&self) -> String {
        format!("`{}`: {}", self.place.join("."), self.text)
    }
}

impl From<Rejected> for Problem {
    fn from(rejected: Rejected) -> Problem {
        let flaws = rejected.0.iter().map(|error| {
            let place = vec!["body".to_owned(), member(error.field).to_owned()];
            Flaw { place, text: error.reason.clone(), kind: "value_error" }
        });
        let first = rejected.0.iter().find(|error| error.wrong != Wrong::Invalid);
        match first.map(|error| (error.wrong, error)) {
            Some((Wrong::Missing, _)) => Problem::NotFound("there is no such resource"),
            Some((_, error)) => Problem::Clash(error.to_string().into()),
            None => Problem::Invalid(flaws.collect()),
        }
    }
}

/// The member of a body that a field of the configuration is.
fn member(field: &'static str) -> &'static str {
    match field {
        "types" => "eventTypes",
        "timeout" => "timeoutMs",
        "name" => "uid",
        field => field,
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Problem {
        match denied {
            Denied::NotFound => Problem::NotFound("there is no such dead letter"),
            Denied::Rejected(why) => Problem::Rejected(why),
            Denied::Conflict(id) => Problem::Clash(format!("the event {id} has this key").into()),
            Denied::Damaged => {
                Problem::Clash("its row in the log is damaged; it can be purged".into())
            }
            Denied::TooMany => {
                let why = "as many as may be are under way: wait until some have ended";
                Problem::Clash(why.into())
            }
            Denied::Full => Problem::DiskFull,
            Denied::Failed(why) => {
                tracing::error!("a command failed: {why}");
                Problem::Failed
            }
            Denied::Stale => Problem::Conflict,
            Denied::Busy => Problem::Busy,
            Denied::Stopping => Problem::Stopping,
        }
    }
}
