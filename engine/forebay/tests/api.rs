//! The management API through a real socket and a real log.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests meet the machine"
)]

#[path = "support/engine.rs"]
mod engine;
#[path = "support/receiver.rs"]
mod receiver;
#[path = "support/request.rs"]
mod request;

use engine::{run, shutdown};
use forebay::Engine;
use receiver::Receiver;
use request::{ADMIN, ask, listening, open};
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

async fn publish(at: SocketAddr, key: &str, event_type: &str) -> u16 {
    ask(at, key, "POST", "/v1/events", json!({ "type": event_type, "data": 1 })).await.0
}

/// Makes a key and answers its id and its token.
async fn make(at: SocketAddr, body: Value) -> (String, String) {
    let (status, made) = ask(at, ADMIN, "POST", "/v1/key", body).await;
    assert_eq!(status, 201, "{made}");
    let text = |member: &str| made[member].as_str().unwrap().to_owned();
    (text("id"), text("token"))
}

#[test]
fn a_key_works_across_a_restart_and_its_text_is_on_no_disk() {
    let data = tempfile::tempdir().unwrap();
    run(async {
        let engine = Engine::open(listening(data.path())).unwrap();
        let at = engine.addr().unwrap();
        let (id, first) = make(at, json!({ "name": "ci", "role": "admin" })).await;
        let path = format!("/v1/key/{id}/rotate");
        let (_, rotated) = ask(at, ADMIN, "POST", &path, json!({})).await;
        let second = rotated["token"].as_str().unwrap().to_owned();
        let access = "/api/v1/auth/app-portal-access/acme";
        let application = json!({ "application": { "name": "Acme" } });
        let (status, access) = ask(at, ADMIN, "POST", access, application).await;
        assert_eq!(status, 200, "{access}");
        let portal = access["token"].as_str().unwrap().to_owned();
        assert_eq!(access["url"], format!("http://{at}/#key={portal}"));
        shutdown(engine).await;

        let engine = Engine::open(listening(data.path())).unwrap();
        let at = engine.addr().unwrap();
        for token in [&first, &second] {
            let (status, page) = ask(at, token, "GET", "/v1/key", json!(null)).await;
            assert_eq!((status, &page["data"][0]["name"]), (200, &json!("ci")));
        }
        let endpoints = "/api/v1/app/acme/endpoint";
        assert_eq!(ask(at, &portal, "GET", endpoints, json!(null)).await.0, 200);
        assert_eq!(ask(at, ADMIN, "DELETE", &format!("/v1/key/{id}"), json!(null)).await.0, 204);
        let logout = "/api/v1/auth/logout";
        assert_eq!(ask(at, &portal, "POST", logout, json!(null)).await.0, 204);
        shutdown(engine).await;

        let engine = Engine::open(listening(data.path())).unwrap();
        let at = engine.addr().unwrap();
        for token in [&first, &second, &portal] {
            assert_eq!(ask(at, token, "GET", "/api/v1/app", json!(null)).await.0, 401);
        }
        shutdown(engine).await;
        let kept = bytes_under(data.path());
        assert!(holds(&kept, id.as_bytes()), "the search finds what is there");
        for token in [first, second, portal] {
            // Whatever a page of the log cuts off, some of it would be found.
            assert!(!holds(&kept, token.as_bytes()) && !holds(&kept, &token.as_bytes()[20..40]));
        }
    });
}

#[test]
fn what_the_api_made_is_there_after_a_restart_and_delivers() {
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| 200);
    run(async {
        let engine = open(data.path());
        let at = engine.addr().unwrap();
        let app = json!({ "name": "Shop", "uid": "shop" });
        assert_eq!(ask(at, ADMIN, "POST", "/api/v1/app", app).await.0, 201);
        let endpoint = json!({
            "url": receiver.url(), "uid": "first", "secret": SECRET, "channels": ["blue"],
            "where": "data.n > 1",
        });
        let path = "/api/v1/app/shop/endpoint";
        let (status, made) = ask(at, ADMIN, "POST", path, endpoint).await;
        assert_eq!(status, 201, "{made}");
        shutdown(engine).await;

        let engine = open(data.path());
        let at = engine.addr().unwrap();
        let path = "/api/v1/app/shop/endpoint/first";
        assert_eq!(ask(at, ADMIN, "GET", path, json!(null)).await, (200, made));
        let mut ids = Vec::new();
        for (n, channel) in [(1, "blue"), (2, "red"), (3, "blue")] {
            let message = json!({ "eventType": "a", "payload": { "n": n }, "channels": [channel] });
            let (status, made) = ask(at, ADMIN, "POST", "/api/v1/app/shop/msg", message).await;
            assert_eq!(status, 202, "{made}");
            ids.push(made["id"].as_str().unwrap().to_owned());
        }
        receiver.wait_for(1).await;
        // What has arrived arrives once more for who asks, when its row is in the log.
        let again = format!("/api/v1/app/shop/msg/{}/endpoint/first/resend", ids[2]);
        while ask(at, ADMIN, "POST", &again, json!(null)).await.0 != 202 {
            runtime::tasks::sleep(Duration::from_millis(10)).await;
        }
        receiver.wait_for(2).await;
        shutdown(engine).await;
        let seen = receiver.stop();
        for seen in &seen {
            assert_eq!((seen.body_text(), seen.id()), (r#"{"n":3}"#.to_owned(), ids[2].clone()));
            assert!(seen.is_signed_with(SECRET));
            assert!(seen.headers.keys().all(|name| !name.as_str().starts_with("forebay-")));
        }
        let attempts: Vec<String> =
            seen.iter().map(|seen| seen.header("webhook-attempt")).collect();
        assert_eq!(attempts, ["1", "2"]);
        let secret = &SECRET.as_bytes()[6..];
        assert!(!holds(&bytes_under(data.path()), secret), "rows keep it sealed");
    });
}

#[test]
fn without_the_key_that_opens_its_secrets_it_does_not_start_and_makes_no_other() {
    let data = tempfile::tempdir().unwrap();
    let key = data.path().join("secrets.key");
    run(async {
        let engine = Engine::open(listening(data.path())).unwrap();
        let at = engine.addr().unwrap();
        assert_eq!(ask(at, ADMIN, "POST", "/api/v1/app", json!({ "name": "a" })).await.0, 201);
        shutdown(engine).await;
        fs::remove_file(&key).unwrap();
        let engine = Engine::open(listening(data.path())).unwrap();
        let at = engine.addr().unwrap();
        assert!(key.exists(), "nothing was sealed, so another does");
        let app = json!({ "name": "Shop", "uid": "shop" });
        assert_eq!(ask(at, ADMIN, "POST", "/api/v1/app", app).await.0, 201);
        let endpoint = json!({ "url": "https://example.com" });
        let path = "/api/v1/app/shop/endpoint";
        assert_eq!(ask(at, ADMIN, "POST", path, endpoint).await.0, 201);
        shutdown(engine).await;
    });
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    for _ in 0..2 {
        let Err(failure) = Engine::open(listening(data.path())) else { panic!("it starts") };
        let told = failure.to_string();
        assert!(told.contains("secrets.key: it is missing") && told.contains("backup"), "{told}");
        assert!(!key.exists());
    }
    fs::write(&key, kept).unwrap();
    run(async { shutdown(Engine::open(listening(data.path())).unwrap()).await });
}

#[test]
fn keys_publish_what_they_are_bound_to() {
    let data = tempfile::tempdir().unwrap();
    run(async {
        let engine = Engine::open(listening(data.path())).unwrap();
        let at = engine.addr().unwrap();
        let bound = |role: &str| json!({ "name": "n", "role": role, "app": "default" });
        let mut bound_to_types = bound("producer");
        bound_to_types["types"] = json!(["order.*"]);
        let (_, orders) = make(at, bound_to_types).await;
        let (_, all) = make(at, bound("producer")).await;
        let (_, manager) = make(at, bound("manager")).await;
        let (id, admin) = make(at, json!({ "name": "n", "role": "admin" })).await;
        let (_, reader) = make(at, bound("reader")).await;
        for (key, expected) in [
            (&orders, [202, 403]),
            (&all, [202, 202]),
            (&manager, [202, 202]),
            (&admin, [202, 202]),
            (&reader, [401, 401]),
            (&ADMIN.to_owned(), [202, 202]),
        ] {
            let statuses =
                [publish(at, key, "order.paid").await, publish(at, key, "user.made").await];
            assert_eq!(statuses, expected);
        }
        assert_eq!(ask(at, ADMIN, "DELETE", &format!("/v1/key/{id}"), json!(null)).await.0, 204);
        assert_eq!(publish(at, &admin, "order.paid").await, 401);
        for _ in 0..20 {
            publish(at, "wrong", "order.paid").await;
        }
        assert_eq!(publish(at, &orders, "order.paid").await, 202, "nobody is shut out");
        shutdown(engine).await;
    });
}

/// All that the files of a directory hold.
fn bytes_under(path: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(bytes_under(&path)),
            false => all.extend(fs::read(&path).unwrap()),
        }
    }
    all
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn a_change_is_whole_also_when_its_sender_hangs_up() {
    let data = tempfile::tempdir().unwrap();
    run(async {
        let engine = Engine::open(listening(data.path())).unwrap();
        let at = engine.addr().unwrap();
        for round in 0..20 {
            let path = format!("/in/x{round}");
            let source = json!({ "name": "x", "scheme": "none", "path": path });
            assert_eq!(ask(at, ADMIN, "POST", "/v1/source", source).await.0, 201);
            let delete = format!(
                "DELETE /v1/source/x HTTP/1.1\r\nhost: localhost\r\n\
                 authorization: Bearer {ADMIN}\r\n\r\n"
            );
            let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, delete.as_bytes()).await.unwrap();
            // At another moment each time.
            runtime::tasks::sleep(Duration::from_micros(round * 100)).await;
            stream.set_zero_linger().unwrap();
            drop(stream);
            let mut is_there = true;
            for _ in 0..100 {
                is_there = ask(at, ADMIN, "GET", "/v1/source/x", json!(null)).await.0 == 200;
                if !is_there {
                    break;
                }
                runtime::tasks::sleep(Duration::from_millis(5)).await;
            }
            let expected = if is_there { 202 } else { 401 };
            let mut door = 0;
            for _ in 0..100 {
                door = ask(at, ADMIN, "POST", &path, json!({})).await.0;
                if door == expected {
                    break;
                }
                runtime::tasks::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(door, expected, "round {round}");
            let _ = ask(at, ADMIN, "DELETE", "/v1/source/x", json!(null)).await;
        }
        shutdown(engine).await;
    });
}
