use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A problem (RFC 9457) with further members of its own.
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

pub(crate) fn answer(status: u16, body: &impl Serialize) -> Response<Bytes> {
    typed(status, "application/json", json(body))
}

/// A single resource, with the tag by which `If-Match` and `If-None-Match` name this version.
pub(crate) fn resource(status: u16, body: &impl Serialize) -> Response<Bytes> {
    with_tag(answer(status, body), body)
}

/// What a repeat with the same `Idempotency-Key` gets when the answer shows a secret. Such an
/// answer is never kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    /// It is told that the first was carried out: 409.
    Told,
    /// It is carried out anew.
    Anew,
}

pub(crate) fn with_secret(mut response: Response<Bytes>, secret: Secret) -> Response<Bytes> {
    response.extensions_mut().insert(secret);
    response
}

/// Marks the answer of a step of a change that the log of changes has already.
#[derive(Clone, Copy)]
pub(crate) struct OfChangeBefore;

pub(crate) fn of_change_before(mut response: Response<Bytes>) -> Response<Bytes> {
    response.extensions_mut().insert(OfChangeBefore);
    response
}

/// Marks the answer of a change that the log of changes has by another name than its operation's.
#[derive(Clone, Copy)]
pub(crate) struct ToldAs(pub &'static str);

pub(crate) fn told_as(mut response: Response<Bytes>, what: &'static str) -> Response<Bytes> {
    response.extensions_mut().insert(ToldAs(what));
    response
}

/// An answer that tells of this version of a resource, and of more that `If-Match` does not mean.
pub(crate) fn with_tag(mut response: Response<Bytes>, version: &impl Serialize) -> Response<Bytes> {
    let tag = HeaderValue::from_str(&tag(&json(version))).expect("a tag is ASCII");
    response.headers_mut().insert(ETAG, tag);
    response
}

pub(crate) fn json(body: &impl Serialize) -> Bytes {
    serde_json::to_vec(body).expect("what we answer can be written as JSON").into()
}

/// The entity tag of a resource that is written so.
pub(crate) fn tag(body: &[u8]) -> String {
    format!("\"{}\"", hex::encode(&Sha256::digest(body)[..16]))
}

/// Whether a list of entity tags names this one, or any.
pub(crate) fn names(list: &HeaderValue, tag: &str) -> bool {
    let Ok(list) = list.to_str() else { return false };
    let mut given = list.split(',').map(str::trim);
    given.any(|given| given == "*" || given == tag)
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
