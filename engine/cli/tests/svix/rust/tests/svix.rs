//! Svix's client for Rust against a real server, and a receiver of its deliveries.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests meet the machine")]

use serde_json::json;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use svix::api::*;
use svix::error::Error;
use svix::models::*;
use svix::webhooks::Webhook;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn client(key: &str) -> Svix {
    let server_url = Some(std::env::var("FOREBAY_URL").expect("the server's URL"));
    // What answers 5xx is not meant to be tried again here.
    // The first script has its runner compiled.
    let timeout = Some(Duration::from_secs(300));
    let options =
        SvixOptions { server_url, num_retries: Some(0), timeout, ..SvixOptions::default() };
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
type Request = (http::HeaderMap, Vec<u8>);

/// Answers everything with `status`, and keeps it.
#[derive(Clone, Default)]
struct Receiver {
    url: String,
    status: Arc<AtomicU16>,
    seen: Arc<Mutex<Vec<Request>>>,
}

async fn receiver() -> Receiver {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    let receiver = Receiver { url, status: Arc::new(200.into()), ..Receiver::default() };
    let serving = receiver.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serving.clone().serve(stream));
        }
    });
    receiver
}

impl Receiver {
    async fn serve(self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        while stream.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {
            if let Some(request) = whole(&bytes) {
                self.seen.lock().unwrap().push(request);
                bytes.clear();
                let status = self.status.load(Relaxed);
                let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    }

    async fn wait(&self, count: usize) -> Vec<Request> {
        until(async || {
            let seen = self.seen.lock().unwrap();
            (seen.len() >= count).then(|| seen.clone())
        })
        .await
    }
}

/// Waits until there is something.
async fn until<T>(mut what: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(found) = what().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it does not come to pass");
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

fn signs(secret: &str, (headers, body): &Request) -> bool {
    Webhook::new(secret).unwrap().verify(body, headers).is_ok()
}

/// For members that the library does not know.
async fn patch_raw(path: &str, body: &str) {
    let (url, key) = (std::env::var("FOREBAY_URL").unwrap(), std::env::var("FOREBAY_KEY").unwrap());
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "PATCH {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

fn endpoint(url: &str, uid: &str) -> EndpointIn {
    EndpointIn { uid: Some(uid.into()), ..EndpointIn::new(url.into()) }
}

fn is_wrong(error: Error, place: &[&str]) {
    let Error::Validation(content) = error else { panic!("{error:?}") };
    assert_eq!(content.payload.unwrap().detail[0].loc, place);
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
    is_wrong(error, &["body", "url"]);
    is(client("wrong").application().list(None).await.unwrap_err(), 401, "authentication_failed");
    svix.application().delete(app).await.unwrap();
}

#[tokio::test]
async fn a_message_arrives_signed_and_is_told_of() {
    let svix = svix();
    let app = app(&svix).await;
    let receiver = receiver().await;
    let new = EndpointIn::new(receiver.url.clone());
    let endpoint = svix.endpoint().create(app.clone(), new, None).await.unwrap();
    let payload = json!({ "text": "ü", "n": 1.5 });
    let message = MessageIn {
        event_id: Some("own".into()),
        ..MessageIn::new("user.signup".into(), payload.clone())
    };
    let made = svix.message().create(app.clone(), message.clone(), None).await.unwrap();
    let request = receiver.wait(1).await.remove(0);
    assert_eq!(request.0["webhook-id"], *made.id);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&request.1).unwrap(), payload);
    let secret = svix.endpoint().get_secret(app.clone(), endpoint.id.clone()).await.unwrap();
    assert!(signs(&secret.key, &request));
    assert!(!signs(&format!("whsec_{}", "A1".repeat(16)), &request));
    let error = svix.message().create(app.clone(), message, None).await.unwrap_err();
    is(error, 409, "conflict");
    let attempts = until(async || {
        let page = svix.message_attempt().list_by_msg(app.clone(), made.id.clone(), None).await;
        Some(page.unwrap().data).filter(|data| !data.is_empty())
    })
    .await;
    let attempt = &attempts[0];
    let told = (attempt.status, attempt.response_status_code, &attempt.endpoint_id);
    assert_eq!(told, (MessageStatus::Success, 200, &endpoint.id));
    let resend = svix.message_attempt();
    resend.resend(app.clone(), made.id.clone(), endpoint.id.clone(), None).await.unwrap();
    assert_eq!(receiver.wait(2).await[1].0["webhook-id"], *made.id);
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

#[tokio::test]
async fn pages_go_both_ways_and_null_is_told_from_nothing() {
    let svix = svix();
    let app = app(&svix).await;
    for uid in ["a", "b", "c"] {
        let new = endpoint("https://example.com/in", uid);
        svix.endpoint().create(app.clone(), new, None).await.unwrap();
    }
    let page = async |order: Ordering, iterator: Option<String>| {
        let options = EndpointListOptions { limit: Some(2), iterator, order: Some(order) };
        svix.endpoint().list(app.clone(), Some(options)).await.unwrap()
    };
    let uids = |page: &ListResponseEndpointOut| {
        page.data.iter().filter_map(|endpoint| endpoint.uid.clone()).collect::<Vec<_>>()
    };
    for (order, expected) in
        [(Ordering::Ascending, ["a", "b", "c"]), (Ordering::Descending, ["c", "b", "a"])]
    {
        let first = page(order, None).await;
        assert_eq!(uids(&first), expected[..2]);
        assert!(!first.done);
        let second = page(order, first.iterator).await;
        assert_eq!(uids(&second), expected[2..]);
        assert!(second.done);
        let back = page(order, second.prev_iterator).await;
        assert_eq!(uids(&back), expected[..2]);
    }
    let patch = EndpointPatch { description: Some("d".into()), ..EndpointPatch::default() };
    let kept = svix.endpoint().patch(app.clone(), "a".into(), patch).await.unwrap();
    let patch: EndpointPatch = serde_json::from_value(json!({ "uid": null })).unwrap();
    let patched = svix.endpoint().patch(app.clone(), "a".into(), patch).await.unwrap();
    assert_eq!((kept.uid.as_deref(), patched.uid, &*patched.description), (Some("a"), None, "d"));
    let put = EndpointUpsertIn::new("https://example.com/2".into());
    let put = svix.endpoint().upsert(app.clone(), "d".into(), put).await.unwrap();
    assert_eq!(put, svix.endpoint().get(app.clone(), "d".into()).await.unwrap());
    svix.application().delete(app).await.unwrap();
}

#[tokio::test]
async fn headers_are_sent_and_both_secrets_sign() {
    let svix = svix();
    let (app, receiver) = (app(&svix).await, receiver().await);
    let new = endpoint(&receiver.url, "e");
    svix.endpoint().create(app.clone(), new, None).await.unwrap();
    let headers = [("X-Team", "a"), ("Authorization", "marker")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let given = EndpointHeadersIn::new(headers);
    svix.endpoint().set_headers(app.clone(), "e".into(), given).await.unwrap();
    let given = EndpointHeadersPatchIn::new([("X-New".into(), "b".into())].into());
    svix.endpoint().patch_headers(app.clone(), "e".into(), given).await.unwrap();
    let shown = svix.endpoint().get_headers(app.clone(), "e".into()).await.unwrap();
    assert_eq!(shown.headers.keys().collect::<Vec<_>>(), ["X-New", "X-Team"]);
    assert_eq!(shown.sensitive, ["Authorization".to_owned()].into());
    let old = svix.endpoint().get_secret(app.clone(), "e".into()).await.unwrap().key;
    let rotate = EndpointSecretRotateIn::new();
    let new = svix.endpoint().rotate_secret(app.clone(), "e".into(), rotate, None).await.unwrap();
    let told = svix.endpoint().get_secret(app.clone(), "e".into()).await.unwrap();
    assert_eq!(told.key, new.key);
    let message = MessageIn::new("a".into(), json!({}));
    svix.message().create(app.clone(), message, None).await.unwrap();
    let request = receiver.wait(1).await.remove(0);
    assert!(old != new.key && signs(&old, &request) && signs(&new.key, &request));
    let sent = ["x-team", "x-new", "authorization"].map(|name| request.0[name].to_str().unwrap());
    assert_eq!(sent, ["a", "b", "marker"]);
    svix.application().delete(app).await.unwrap();
}

#[tokio::test]
async fn messages_are_not_made_twice_and_are_listed() {
    let svix = svix();
    let app = app(&svix).await;
    let new = |event_type: &str| MessageIn {
        channels: Some([format!("of-{event_type}")].into()),
        ..MessageIn::new(event_type.into(), json!({ "n": 1 }))
    };
    let once = || {
        let idempotency_key = Some(format!("k-{app}"));
        Some(MessageCreateOptions { idempotency_key, with_content: Some(true) })
    };
    let first = svix.message().create(app.clone(), new("a"), once()).await.unwrap();
    assert_eq!(first, svix.message().create(app.clone(), new("a"), once()).await.unwrap());
    let error = svix.message().create(app.clone(), new("b"), once()).await.unwrap_err();
    is(error, 409, "conflict");
    let second = svix.message().create(app.clone(), new("b"), None).await.unwrap();
    let hour = Duration::from_secs(3600);
    let (before, after) = (first.timestamp - hour, first.timestamp + hour);
    let none = MessageListOptions::default;
    for (options, expected) in [
        (none(), vec![&second.id, &first.id]),
        (MessageListOptions { channel: Some("of-a".into()), ..none() }, vec![&first.id]),
        (MessageListOptions { event_types: Some(["b".into()].into()), ..none() }, vec![&second.id]),
        (
            MessageListOptions { event_types: Some(["a".into(), "b".into()].into()), ..none() },
            vec![&second.id, &first.id],
        ),
        (
            MessageListOptions { after: Some(before), before: Some(after), ..none() },
            vec![&second.id, &first.id],
        ),
        (MessageListOptions { before: Some(before), ..none() }, vec![]),
        (MessageListOptions { after: Some(after), ..none() }, vec![]),
        (MessageListOptions { limit: Some(1), ..none() }, vec![&second.id]),
        (MessageListOptions { iterator: Some(second.id.clone()), ..none() }, vec![&first.id]),
    ] {
        let page = svix.message().list(app.clone(), Some(options)).await.unwrap();
        assert_eq!(page.data.iter().map(|message| &message.id).collect::<Vec<_>>(), expected);
    }
    svix.application().delete(app).await.unwrap();
}

#[tokio::test]
async fn what_was_given_up_on_is_recovered() {
    let svix = svix();
    let (app, receiver) = (app(&svix).await, receiver().await);
    receiver.status.store(500, Relaxed);
    let new = endpoint(&receiver.url, "e");
    svix.endpoint().create(app.clone(), new, None).await.unwrap();
    // One attempt, and no more.
    patch_raw(&format!("/api/v1/app/{app}/endpoint/e"), r#"{"schedule":[]}"#).await;
    let message = MessageIn::new("a".into(), json!({}));
    let message = svix.message().create(app.clone(), message, None).await.unwrap();
    let attempts = async |status: MessageStatus| {
        let options = MessageAttemptListByEndpointOptions {
            status: Some(status),
            event_types: Some(["a".into(), "b".into()].into()),
            after: Some(message.timestamp - Duration::from_secs(60)),
            ..MessageAttemptListByEndpointOptions::default()
        };
        let list = svix.message_attempt();
        let list = list.list_by_endpoint(app.clone(), "e".into(), Some(options)).await;
        Some(list.unwrap().data).filter(|data| !data.is_empty())
    };
    let failed = until(async || attempts(MessageStatus::Fail).await).await;
    assert_eq!((failed.len(), failed[0].response_status_code), (1, 500));
    receiver.status.store(200, Relaxed);
    let since = RecoverIn::new(message.timestamp - Duration::from_secs(60));
    let task = svix.endpoint().recover(app.clone(), "e".into(), since, None).await.unwrap();
    assert_eq!(task.task, BackgroundTaskType::EndpointRecover);
    until(async || attempts(MessageStatus::Success).await).await;
    assert_eq!(receiver.wait(2).await[1].0["webhook-id"], *message.id);
    let destinations = svix.message_attempt();
    let destinations =
        destinations.list_attempted_destinations(app.clone(), message.id.clone(), None);
    assert_eq!(destinations.await.unwrap().data[0].status, MessageStatus::Success);
    let messages = svix.message_attempt();
    let messages = messages.list_attempted_messages(app.clone(), "e".into(), None).await.unwrap();
    assert_eq!((messages.data.len(), &messages.data[0].id), (1, &message.id));
    svix.application().delete(app).await.unwrap();
}

#[tokio::test]
async fn a_messages_content_is_expunged() {
    let svix = svix();
    let app = app(&svix).await;
    let message = MessageIn::new("a".into(), json!({ "a": 1 }));
    let id = svix.message().create(app.clone(), message, None).await.unwrap().id;
    svix.message().expunge_content(app.clone(), id.clone()).await.unwrap();
    let shown = Some(MessageGetOptions { with_content: Some(true) });
    let message = svix.message().get(app.clone(), id, shown).await.unwrap();
    assert_eq!(message.payload, json!({ "expired": true }));
    svix.application().delete(app).await.unwrap();
}

#[tokio::test]
async fn a_polled_endpoint_is_fetched_from() {
    let svix = svix();
    let app = app(&svix).await;
    svix.endpoint().create(app.clone(), endpoint("poll:", "sink"), None).await.unwrap();
    let message = || MessageIn::new("a".into(), json!({ "a": 1 }));
    let first = svix.message().create(app.clone(), message(), None).await.unwrap().id;
    let second = svix.message().create(app.clone(), message(), None).await.unwrap().id;
    let (messages, sink) = (svix.message(), || "sink".to_owned());
    let (poller, me) = (messages.poller(), || "me".to_owned());
    let page = poller.consumer_poll(app.clone(), sink(), me(), None).await.unwrap();
    let ids: Vec<_> = page.data.iter().map(|message| message.id.clone()).collect();
    assert_eq!((ids, page.done), (vec![first.clone(), second], true));
    let seek = serde_json::from_value(json!({ "after": "2020-01-01T00:00:00Z" })).unwrap();
    poller.consumer_seek(app.clone(), sink(), me(), seek, None).await.unwrap();
    let options = MessagePollerPollOptions { limit: Some(1), ..Default::default() };
    let page = poller.poll(app.clone(), sink(), Some(options)).await.unwrap();
    assert_eq!((&page.data[0].id, page.done), (&first, false));
    svix.application().delete(app).await.unwrap();
}

#[tokio::test]
async fn what_was_never_sent_is_sent_and_an_example_to_one_endpoint_alone() {
    let svix = svix();
    let (app, receiver) = (app(&svix).await, receiver().await);
    let message = MessageIn::new("a".into(), json!({}));
    let message = svix.message().create(app.clone(), message, None).await.unwrap();
    for uid in ["e", "other"] {
        let new = endpoint(&receiver.url, uid);
        svix.endpoint().create(app.clone(), new, None).await.unwrap();
    }
    let since = ReplayIn::new(message.timestamp - Duration::from_secs(60));
    let task = svix.endpoint().replay_missing(app.clone(), "e".into(), since, None).await.unwrap();
    assert_eq!(task.task, BackgroundTaskType::EndpointReplay);
    assert_eq!(receiver.wait(1).await[0].0["webhook-id"], *message.id);
    let ping = EventExampleIn::new("svix.ping".into());
    let example = svix.endpoint().send_example(app.clone(), "other".into(), ping, None).await;
    let example = example.unwrap();
    assert_eq!(receiver.wait(2).await[1].0["webhook-id"], *example.id);
    let destinations = svix.message_attempt();
    let found = destinations.list_attempted_destinations(app.clone(), example.id, None).await;
    let uids: Vec<_> = found.unwrap().data.into_iter().map(|found| found.uid).collect();
    assert_eq!(uids, [Some("other".to_owned())]);
    let unknown = EventExampleIn::new("unknown".into());
    let error = svix.endpoint().send_example(app.clone(), "e".into(), unknown, None).await;
    is(error.unwrap_err(), 404, "not_found");
    svix.application().delete(app).await.unwrap();
}

#[tokio::test]
async fn an_endpoint_that_got_nothing_has_counts_of_nothing() {
    let svix = svix();
    let app = app(&svix).await;
    let new = endpoint("https://example.com/in", "e");
    let made = svix.endpoint().create(app.clone(), new, None).await.unwrap();
    let options = EndpointGetStatsOptions { since: Some(made.created_at), until: None };
    let stats = svix.endpoint().get_stats(app.clone(), "e".into(), Some(options)).await.unwrap();
    assert_eq!((stats.success, stats.pending, stats.sending, stats.fail), (0, 0, 0, 0));
    svix.health().get().await.unwrap();
    svix.application().delete(app).await.unwrap();
}

#[tokio::test]
async fn a_script_changes_what_is_sent() {
    let svix = svix();
    let app = app(&svix).await;
    let receiver = receiver().await;
    let new = endpoint(&receiver.url, "e");
    svix.endpoint().create(app.clone(), new, None).await.unwrap();
    let script = svix.endpoint().transformation();
    let code = "function handler(webhook) {
        webhook.payload = { name: webhook.payload.name.toUpperCase() };
        return webhook;
    }";
    let patch = |change| serde_json::from_value::<EndpointTransformationPatch>(change).unwrap();
    let on = patch(json!({ "code": code, "enabled": true }));
    script.patch(app.clone(), "e".into(), on).await.unwrap();
    let told = script.get(app.clone(), "e".into()).await.unwrap();
    assert_eq!((told.code.as_deref(), told.enabled), (Some(code), Some(true)));
    let message = MessageIn::new("user.signup".into(), json!({ "name": "ada", "age": 36 }));
    svix.message().create(app.clone(), message, None).await.unwrap();
    let request = receiver.wait(1).await.remove(0);
    let body: serde_json::Value = serde_json::from_slice(&request.1).unwrap();
    assert_eq!(body, json!({ "name": "ADA" }));
    let secret = svix.endpoint().get_secret(app.clone(), "e".into()).await.unwrap();
    assert!(signs(&secret.key, &request));
    let broken = patch(json!({ "code": "function handler(" }));
    let error = script.patch(app.clone(), "e".into(), broken).await.unwrap_err();
    is_wrong(error, &["body", "code"]);
    svix.application().delete(app).await.unwrap();
}
