use crate::Denied;
use bytes::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use std::borrow::Cow;

/// Everything for which a request can fail: this is the table of answers (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    BadRequest(Cow<'static, str>),
    /// No key, or a wrong one.
    NoKey,
    NotFound(&'static str),
    /// The methods that there are.
    Method(&'static str),
    Conflict,
    /// The name in the request is not this node's.
    Host,
    Rejected(String),
    /// What went wrong inside is in the node's own log.
    Failed,
    Busy,
    Stopping,
}

struct Row {
    status: u16,
    /// A stable word for programs.
    code: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
}

impl Problem {
    fn row(&self) -> Row {
        let row = |status, code, title, detail: &'static str| Row {
            status,
            code,
            title,
            detail: Cow::Borrowed(detail),
        };
        match self {
            Problem::BadRequest(detail) => {
                Row { detail: detail.clone(), ..row(400, "bad_request", "Bad Request", "") }
            }
            Problem::NoKey => {
                let detail = "this needs the admin key, as `Authorization: Bearer <key>`";
                row(401, "no_key", "Unauthorized", detail)
            }
            Problem::NotFound(detail) => row(404, "not_found", "Not Found", detail),
            Problem::Method(_) => {
                row(405, "method", "Method Not Allowed", "see the header Allow for what there is")
            }
            Problem::Conflict => {
                let detail = "something else changed at the same time: ask again";
                row(409, "conflict", "Conflict", detail)
            }
            Problem::Host => {
                let detail = "this name is not known here; use localhost or an address, or set \
                              server.public_url";
                row(421, "host", "Misdirected Request", detail)
            }
            Problem::Rejected(detail) => Row {
                detail: detail.clone().into(),
                ..row(422, "rejected", "Unprocessable Content", "")
            },
            Problem::Failed => {
                let detail = "the node's own log says what went wrong";
                row(500, "failed", "Internal Server Error", detail)
            }
            Problem::Busy => row(503, "busy", "Service Unavailable", "try again later"),
            Problem::Stopping => {
                row(503, "stopping", "Service Unavailable", "the node is stopping")
            }
        }
    }

    pub fn response(&self) -> Response<Bytes> {
        let row = self.row();
        let mut response = problem(row.status, row.code, row.title, &row.detail, json!({}));
        let headers = response.headers_mut();
        match self {
            Problem::Method(allow) => {
                headers.insert(ALLOW, HeaderValue::from_static(allow));
            }
            Problem::NoKey => {
                let challenge = HeaderValue::from_static("Bearer realm=\"forebay\"");
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            Problem::Busy | Problem::Stopping => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Problem {
        match denied {
            Denied::NotFound => Problem::NotFound("there is no such dead letter"),
            Denied::Rejected(why) => Problem::Rejected(why),
            Denied::Stale => Problem::Conflict,
            Denied::Busy => Problem::Busy,
            Denied::Stopping => Problem::Stopping,
        }
    }
}

/// A problem with further members of its own.
pub(crate) fn problem(
    status: u16,
    code: &str,
    title: &str,
    detail: &str,
    more: Value,
) -> Response<Bytes> {
    let mut body = json!({
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
    });
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    typed(status, "application/problem+json", body.to_string().into())
}

pub(crate) fn answer(status: u16, body: &Value) -> Response<Bytes> {
    typed(status, "application/json", body.to_string().into())
}

pub(crate) fn empty(status: u16) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::from_u16(status).expect("statuses are ours");
    response
}

pub(crate) fn typed(status: u16, media_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = empty(status);
    *response.body_mut() = body;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// What every answer bears.
pub(crate) fn harden(response: &mut Response<Bytes>, request_id: &str) {
    let headers = response.headers_mut();
    let no_sniff = HeaderValue::from_static("nosniff");
    headers.insert(HeaderName::from_static("x-content-type-options"), no_sniff);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
}
