//! Scripts of endpoints at work: through the API, a real log, the real runner, and a real socket.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests meet the machine"
)]

#[path = "support/engine.rs"]
mod engine;
#[path = "support/nobody.rs"]
mod nobody;
#[path = "support/receiver.rs"]
mod receiver;
#[path = "support/request.rs"]
mod request;

use engine::{run, shutdown};
use nobody::nobody;
use receiver::{Receiver, Seen};
use request::{ADMIN, ask, open};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

const APP: &str = "/api/v1/app/default";

async fn done(at: SocketAddr, method: &str, path: &str, body: Value) -> Value {
    let (status, told) = ask(at, ADMIN, method, path, body).await;
    assert!((200..300).contains(&status), "{method} {path}: {status} {told}");
    told
}

/// Sends a message of each payload, in order.
async fn send(at: SocketAddr, payloads: &[Value]) {
    for payload in payloads {
        let body = json!({ "eventType": "order.paid", "payload": payload });
        done(at, "POST", &format!("{APP}/msg"), body).await;
    }
}

async fn set(at: SocketAddr, body: Value) {
    done(at, "PATCH", &format!("{APP}/endpoint/e/transformation"), body).await;
}

async fn refusal(at: SocketAddr, code: &str) -> String {
    let path = format!("{APP}/endpoint/e/transformation");
    let (status, told) = ask(at, ADMIN, "PATCH", &path, json!({ "code": code })).await;
    assert_eq!((status, &told["detail"][0]["loc"]), (422, &json!(["body", "code"])), "{told}");
    told["detail"][0]["msg"].as_str().unwrap().to_owned()
}

/// The reasons of so many dead letters, the newest last.
async fn reasons(at: SocketAddr, count: usize) -> Vec<String> {
    loop {
        let page = done(at, "GET", "/v1/dead-letter?limit=100", json!(null)).await;
        let all = page["data"].as_array().unwrap();
        if all.len() >= count {
            let reason = |letter: &Value| letter["reason"].as_str().unwrap().to_owned();
            return all.iter().map(reason).collect();
        }
        runtime::tasks::sleep(Duration::from_millis(20)).await;
    }
}

/// One after the other, so that what came can be told by its place.
async fn endpoint(at: SocketAddr, url: &str) {
    let new = json!({
        "url": url, "uid": "e", "ordering": "fifo", "headers": { "x-own": "own" },
    });
    done(at, "POST", &format!("{APP}/endpoint"), new).await;
}

const SLIM: &str = "
function handler(webhook) {
  if (webhook.payload.quiet) webhook.cancel = true;
  if (webhook.payload.as_is) return webhook;
  const { method, url, eventType, variables } = webhook;
  webhook.headers['X-Team'] = variables.team;
  webhook.payload = { id: webhook.payload.id, method, eventType, atHook: url.endsWith('/hook') };
  return webhook;
}";

#[test]
fn a_script_changes_what_is_sent_also_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| 200);
    run(async {
        let engine = open(data.path());
        let at = engine.addr().unwrap();
        endpoint(at, &receiver.url()).await;
        set(at, json!({ "code": SLIM, "enabled": true, "variables": { "team": "red" } })).await;
        let exact = json!({ "as_is": true, "n": 12_345_678_901_234_567_890_u64 });
        send(at, &[json!({ "id": 1 }), json!({ "quiet": true }), exact.clone()]).await;
        receiver.wait_for(2).await;
        shutdown(engine).await;
        let engine = open(data.path());
        let at = engine.addr().unwrap();
        send(at, &[json!({ "id": 2 })]).await;
        receiver.wait_for(3).await;
        set(at, json!({ "enabled": false })).await;
        send(at, &[json!({ "id": 3 })]).await;
        receiver.wait_for(4).await;
        shutdown(engine).await;

        let seen = receiver.stop();
        let all = json!({ "method": "POST", "eventType": "order.paid", "atHook": true });
        let changed = |id: u32| {
            let mut body = all.clone();
            body["id"] = id.into();
            body
        };
        let body = |seen: &Seen| serde_json::from_slice::<Value>(&seen.body).unwrap();
        assert_eq!((body(&seen[0]), body(&seen[2])), (changed(1), changed(2)));
        assert_eq!(seen[0].header("x-team"), "red");
        assert_eq!(seen[1].body_text(), exact.to_string(), "what is not changed stays as it was");
        assert_eq!((seen[1].header("x-team"), seen[1].header("x-own")), ("".into(), "own".into()));
        assert_eq!(body(&seen[3]), json!({ "id": 3 }));
    });
}

/// Does to the webhook what the payload asks for.
const ODD: &str = "
const odd = {
  url: (webhook) => { webhook.url += 'x'; },
  method: (webhook) => { webhook.method = 'PUT'; },
  own: (webhook) => { webhook.headers = { 'X-Own': 'a' }; },
  secret: (webhook) => { webhook.headers = { Authorization: 'a' }; },
  empty: (webhook) => { delete webhook.payload; },
  nothing: () => null,
  throws: () => { throw new Error('a bad day'); },
  looks: () => { throw [typeof lookUp, typeof count, typeof gauge].join(); },
};
handler = async (webhook) => odd[webhook.payload.odd](webhook) === null ? null : webhook;
";

#[test]
fn what_a_script_cannot_have_is_told_at_the_event() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| 200);
    run(async {
        let engine = open(data.path());
        let at = engine.addr().unwrap();
        endpoint(at, &receiver.url()).await;
        set(at, json!({ "code": ODD, "enabled": true })).await;
        let expected = [
            ("url", "changes `url`, which cannot be changed here"),
            ("method", "changes `method`, which cannot be changed here"),
            ("own", "sets the header `X-Own`, which the endpoint's headers set"),
            ("secret", "sets the header `Authorization`, which no event sets"),
            ("empty", "leaves no `payload`"),
            ("nothing", "`handler` has to return the webhook"),
            ("throws", "a bad day"),
            ("looks", "undefined,undefined,undefined"),
        ];
        let payloads: Vec<Value> = expected.iter().map(|(odd, _)| json!({ "odd": odd })).collect();
        send(at, &payloads).await;
        let told = reasons(at, expected.len()).await;
        for (odd, reason) in expected {
            assert!(told.iter().any(|told| told.contains(reason)), "{odd}: {told:?}");
        }
        shutdown(engine).await;
        assert_eq!(receiver.count(), 0);
    });
}

#[test]
fn code_that_cannot_be_read_is_refused_with_its_line() {
    let data = tempfile::tempdir().unwrap();
    run(async {
        let engine = open(data.path());
        let at = engine.addr().unwrap();
        endpoint(at, nobody()).await;
        let broken = refusal(at, "function handler(webhook) {\n  return webhook +;\n}").await;
        assert!(broken.contains("line 2:"), "{broken}");
        let nameless = refusal(at, "function other(webhook) { return webhook; }").await;
        assert!(nameless.contains("declares no function named `handler`"), "{nameless}");
        let endless = refusal(at, "while (true) {}").await;
        assert!(endless.contains("out of fuel"), "{endless}");
        shutdown(engine).await;
    });
}
