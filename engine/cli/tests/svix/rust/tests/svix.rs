//! Svix's client for Rust against a real server, and a receiver of its deliveries.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests meet the machine")]

use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use svix::api::*;
use svix::error::Error;
use svix::models::*;
use svix::webhooks::Webhook;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn client(key: &str) -> Svix {
    let server_url = Some(std::env::var("FOREBAY_URL").expect("the server's URL"));
    // What answers 5xx is not meant to be tried again here.
    let options = SvixOptions { server_url, num_retries: Some(0), ..SvixOptions::default() };
    Svix::new(key.to_owned(), Some(options))
}

fn svix() -> Svix {
    client(&std::env::var("FOREBAY_KEY").expect("the server's key"))
}

/// An application that no other test has.
async fn app(svix: &Svix) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let uid = format!("rust-{now}-{:?}", std::thread::current().id());
    let uid: String = uid.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let new = ApplicationIn { uid: Some(uid.clone()), ..ApplicationIn::new("Test".into()) };
    svix.application().create(new, None).await.unwrap();
    uid
}

#[track_caller]
fn is(error: Error, status: u16, code: &str) {
    let Error::Http(content) = error else { panic!("{error:?}") };
    let told = content.payload.unwrap();
    assert_eq!((content.status.as_u16(), &*told.code), (status, code), "{}", told.detail);
}

/// What came, as head and body.
type Seen = Arc<Mutex<Vec<(http::HeaderMap, Vec<u8>)>>>;

/// Answers everything with 200, and keeps it.
async fn receiver() -> (String, Seen) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    let seen = Seen::default();
    let kept = seen.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let kept = kept.clone();
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                while stream.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {
                    if let Some(request) = whole(&bytes) {
                        kept.lock().unwrap().push(request);
                        bytes.clear();
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                        stream.write_all(answer).await.unwrap();
                    }
                }
            });
        }
    });
    (url, seen)
}

fn whole(bytes: &[u8]) -> Option<(http::HeaderMap, Vec<u8>)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let headers: http::HeaderMap = head
        .lines()
        .skip(1)
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap())
        })
        .collect();
    let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
    let body = &bytes[end + 4..];
    (body.len() >= length).then(|| (headers, body[..length].to_vec()))
}

async fn wait(seen: &Seen, count: usize) -> Vec<(http::HeaderMap, Vec<u8>)> {
    for _ in 0..1000 {
        let now = seen.lock().unwrap().clone();
        if now.len() >= count {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("they do not come");
}

#[tokio::test]
async fn applications_and_endpoints_live_their_lives() {
    let svix = svix();
    let app = app(&svix).await;
    let again = ApplicationIn { uid: Some(app.clone()), ..ApplicationIn::new("x".into()) };
    let error = svix.application().create(again.clone(), None).await.unwrap_err();
    is(error, 409, "conflict");
    let known = svix.application().get_or_create(again, None).await.unwrap();
    assert_eq!(known, svix.application().get(app.clone()).await.unwrap());
    let new = EndpointIn {
        uid: Some("first".into()),
        event_types: Some(["user.signup".into()].into()),
        channels: Some(["blue".into()].into()),
        ..EndpointIn::new("https://example.com/in".into())
    };
    let made = svix.endpoint().create(app.clone(), new, None).await.unwrap();
    assert_eq!(made.event_types, Some(["user.signup".into()].into()));
    let patch = EndpointPatch { disabled: Some(true), ..EndpointPatch::default() };
    let patched = svix.endpoint().patch(app.clone(), "first".into(), patch).await.unwrap();
    assert_eq!((patched.disabled, patched.channels), (Some(true), made.channels));
    let page = svix.endpoint().list(app.clone(), None).await.unwrap();
    assert_eq!((page.data.len(), page.done), (1, true));
    svix.endpoint().delete(app.clone(), "first".into()).await.unwrap();
    let error = svix.endpoint().get(app.clone(), "first".into()).await.unwrap_err();
    is(error, 404, "not_found");
    let wrong = EndpointIn::new("nope".into());
    let error = svix.endpoint().create(app.clone(), wrong, None).await.unwrap_err();
    let Error::Validation(content) = error else { panic!("{error:?}") };
    assert_eq!(content.payload.unwrap().detail[0].loc, ["body", "url"]);
    is(client("wrong").application().list(None).await.unwrap_err(), 401, "authentication_failed");
    svix.application().delete(app).await.unwrap();
}

#[tokio::test]
async fn a_message_arrives_signed_and_is_told_of() {
    let svix = svix();
    let app = app(&svix).await;
    let (url, seen) = receiver().await;
    let endpoint = svix.endpoint().create(app.clone(), EndpointIn::new(url), None).await.unwrap();
    let payload = json!({ "text": "ü", "n": 1.5 });
    let message = MessageIn {
        event_id: Some("own".into()),
        ..MessageIn::new("user.signup".into(), payload.clone())
    };
    let made = svix.message().create(app.clone(), message.clone(), None).await.unwrap();
    let (headers, body) = wait(&seen, 1).await.remove(0);
    assert_eq!(headers["webhook-id"], *made.id);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), payload);
    let secret = svix.endpoint().get_secret(app.clone(), endpoint.id.clone()).await.unwrap();
    Webhook::new(&secret.key).unwrap().verify(&body, &headers).unwrap();
    let other = Webhook::new(&format!("whsec_{}", "A1".repeat(16))).unwrap();
    assert!(other.verify(&body, &headers).is_err());
    let error = svix.message().create(app.clone(), message, None).await.unwrap_err();
    is(error, 409, "conflict");
    let attempts = loop {
        let page = svix.message_attempt().list_by_msg(app.clone(), made.id.clone(), None).await;
        let page = page.unwrap();
        if !page.data.is_empty() {
            break page.data;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let attempt = &attempts[0];
    let told = (attempt.status, attempt.response_status_code, &attempt.endpoint_id);
    assert_eq!(told, (MessageStatus::Success, 200, &endpoint.id));
    let resend = svix.message_attempt();
    resend.resend(app.clone(), made.id.clone(), endpoint.id.clone(), None).await.unwrap();
    assert_eq!(wait(&seen, 2).await[1].0["webhook-id"], *made.id);
    let page = svix.message().list(app.clone(), None).await.unwrap();
    assert_eq!((page.data[0].id.clone(), page.done), (made.id, true));
    svix.application().delete(app).await.unwrap();
}

#[tokio::test]
async fn event_types_and_sessions_are_kept() {
    let svix = svix();
    let app = app(&svix).await;
    let new = EventTypeIn::new(app.clone(), "d".into());
    let made = svix.event_type().create(new.clone(), None).await.unwrap();
    assert_eq!(made, svix.event_type().get(app.clone()).await.unwrap());
    is(svix.event_type().create(new, None).await.unwrap_err(), 409, "conflict");
    svix.event_type().delete(app.clone(), None).await.unwrap();
    assert_eq!(svix.event_type().get(app.clone()).await.unwrap().archived, Some(true));
    let access = AppPortalAccessIn::new();
    let access = svix.authentication().app_portal_access(app.clone(), access, None).await.unwrap();
    let customer = client(&access.token);
    assert!(customer.endpoint().list(app.clone(), None).await.unwrap().data.is_empty());
    customer.authentication().logout(None).await.unwrap();
    let error = customer.endpoint().list(app.clone(), None).await.unwrap_err();
    is(error, 401, "authentication_failed");
    svix.application().delete(app).await.unwrap();
}
