use crate::host::{Host, NOW, post, run, signed, source};
use event::{EventId, Offset};
use ingest::{Answer, Limits, LiveSecret, Respond, RespondBody, Source, SourceTable};
use signature::{Secret, SecretForm};
use std::num::NonZeroU32;
use std::time::Duration;

fn open() -> Source {
    source("none")
}

#[test]
fn what_becomes_of_an_arrival_is_what_the_sender_reads() {
    let id = EventId::new(1, Offset(7));
    let accepted = |is_duplicate, is_conflict| Answer::Accepted { id, is_duplicate, is_conflict };
    let receipt = format!(r#"{{"id":"{id}"}}"#);
    let repeated = format!(r#"{{"id":"{id}","duplicate":true}}"#);
    let full = Answer::Full { retry_after: Duration::from_millis(1_500) };
    let cases = [
        (accepted(false, false), 202, None, Some(&receipt)),
        (accepted(false, true), 202, None, Some(&receipt)),
        (accepted(true, false), 202, None, Some(&repeated)),
        (Answer::Conflict, 409, None, None),
        (full, 503, Some("2"), None),
        (Answer::Stopping, 503, Some("1"), None),
        (Answer::DiskFull, 507, Some("30"), None),
    ];
    run(async move {
        let host = Host::new(vec![open()]);
        for (answer, status, retry_after, body) in cases {
            host.stand.tell(answer);
            let answered = host.post("/in/none", &[], b"x").await;
            assert_eq!(answered.status, status, "{answer:?}");
            assert_eq!(answered.header("retry-after"), retry_after, "{answer:?}");
            match body {
                Some(body) => assert_eq!(answered.body, *body),
                None => {
                    let media_type = answered.header("content-type");
                    assert_eq!(media_type, Some("application/problem+json"));
                    let problem: serde_json::Value = serde_json::from_str(&answered.body).unwrap();
                    assert_eq!(problem["status"], status);
                }
            }
        }
    });
}

#[test]
fn only_post_is_taken_and_the_answer_says_so() {
    run(async {
        let host = Host::new(vec![open()]);
        for path in ["/in/none", "/in/unknown", "/v1/events"] {
            for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
                let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n");
                let answered = host.send(request).await;
                assert_eq!((answered.status, answered.header("allow")), (405, Some("POST")));
            }
        }
        let connect = "CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n";
        assert_eq!(host.send(connect).await.status, 405);
    });
}

#[test]
fn what_is_not_ours_goes_to_the_fallback() {
    run(async {
        let host = Host::new(vec![open()]);
        for path in ["/", "/livez", "/metrics?x=1", "/in", "/v1/event-type", "/api/v1/app"] {
            let answered = host.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
            assert_eq!((answered.status, answered.body), (200, format!("GET {path} 127.0.0.1")));
        }
        assert!(host.observed.borrow().is_empty());
    });
}

#[test]
fn a_source_that_does_not_exist_looks_like_one_that_does_not_believe() {
    run(async {
        let host = Host::new(vec![source("github")]);
        let signature = ("x-hub-signature-256", "sha256=00");
        let wrong = host.post("/in/github", &[signature], b"{}").await;
        let missing = host.post("/in/github", &[], b"{}").await;
        let unknown = host.post("/in/nobody", &[signature], b"{}").await;
        assert_eq!(wrong.status, 401);
        assert_eq!(wrong.undated(), missing.undated());
        assert_eq!(wrong.undated(), unknown.undated());
        assert!(host.stand.arrivals().is_empty());
        let reasons: Vec<_> = host.observed.borrow().iter().map(|o| (o.0.clone(), o.2)).collect();
        let github = "github".to_owned();
        let expected = [
            (github.clone(), Some("mismatch")),
            (github, Some("missing_header")),
            (String::new(), Some("unknown_source")),
        ];
        assert_eq!(reasons, expected, "only the operator can tell");
    });
}

#[test]
fn a_secret_verifies_until_its_time() {
    let live = |text: &str, until| LiveSecret {
        secret: Secret::parse(text, SecretForm::Text).unwrap(),
        until: event::Time::from_secs(until),
    };
    run(async move {
        let mut now = source("github");
        now.secrets = vec![live("old", NOW + 60), live("new", NOW + 99_999)];
        let host = Host::new(vec![now.clone()]);
        let by = |n: usize| {
            let secrets = vec![now.secrets[n].clone()];
            signed(&Source { secrets, ..now.clone() }, &[], b"{}")
        };
        assert_eq!(host.send(by(0)).await.status, 202);
        assert_eq!(host.send(by(1)).await.status, 202);
        host.clock.advance(Duration::from_secs(60));
        assert_eq!(host.send(by(0)).await.status, 401);
        assert_eq!(host.send(by(1)).await.status, 202);
    });
}

#[test]
fn sources_change_with_the_next_request() {
    run(async {
        let host = Host::new(vec![open()]);
        let mut client = host.connect().await;
        client.write(&post("/in/none", &[], b"x")).await;
        assert_eq!(client.answer().await.unwrap().status, 202);
        host.sources.store(SourceTable::new(vec![]).unwrap().into());
        client.write(&post("/in/none", &[], b"x")).await;
        assert_eq!(client.answer().await.unwrap().status, 401);
    });
}

#[test]
fn a_source_answers_as_it_is_told_to() {
    run(async {
        let body = RespondBody::Text("thanks".into());
        let respond = Respond { status: 200, duplicate: 208, body };
        let dedupe = Some(signature::IdFrom::BodyHash);
        let host = Host::new(vec![Source { respond, dedupe, ..open() }]);
        for status in [200, 208] {
            let answered = host.post("/in/none", &[], b"x").await;
            assert_eq!((answered.status, &*answered.body), (status, "thanks"));
            assert_eq!(answered.header("content-type"), Some("text/plain"));
        }
    });
}

#[test]
fn a_source_that_sends_more_than_it_may_is_told_when_to_come_again() {
    run(async {
        let rate = NonZeroU32::new(2);
        let host = Host::new(vec![Source { rate, ..source("github") }, open()]);
        let github = source("github");
        let valid = || signed(&github, &[("x-github-event", "push")], b"{}");
        for _ in 0..5 {
            let forged = ("x-hub-signature-256", "sha256=00");
            assert_eq!(host.post("/in/github", &[forged], b"{}").await.status, 401);
        }
        for status in [202, 202, 429, 429] {
            assert_eq!(host.send(valid()).await.status, status, "forgeries take no share");
        }
        let refused = host.send(valid()).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
        assert_eq!(refused.header("content-type"), Some("application/problem+json"));
        assert_eq!(host.observed.borrow().last().unwrap().2, Some("rate"));
        assert_eq!(host.post("/in/none", &[], b"x").await.status, 202, "others are not held up");
        assert_eq!(host.stand.arrivals().len(), 3);

        // A table that is made anew gives nobody a second share.
        let anew = vec![Source { rate, ..source("github") }, open()];
        host.sources.store(SourceTable::new(anew).unwrap().into());
        assert_eq!(host.send(valid()).await.status, 429);
        host.clock.advance(Duration::from_millis(500));
        for status in [202, 429] {
            assert_eq!(host.send(valid()).await.status, status);
        }
    });
}

#[test]
fn many_requests_share_a_connection_also_at_once() {
    run(async {
        let host = Host::new(vec![open()]);
        let mut client = host.connect().await;
        let bodies: Vec<_> = (0..100).map(|n| format!("body {n}")).collect();
        let requests = bodies.iter().map(|body| post("/in/none", &[], body.as_bytes()));
        client.write(&requests.collect::<Vec<_>>().concat()).await;
        for n in 0..bodies.len() {
            let id = EventId::new(1, Offset(n as u64));
            assert_eq!(client.answer().await.unwrap().body, format!(r#"{{"id":"{id}"}}"#));
        }
        let stored: Vec<_> = host.stand.arrivals().into_iter().map(|a| a.body).collect();
        assert_eq!(stored, bodies);
    });
}

#[test]
fn stopping_answers_what_has_begun_and_nothing_else() {
    run(async {
        let host = Host::new(vec![open()]);
        host.stand.hold();
        let (mut busy, mut idle) = (host.connect().await, host.connect().await);
        idle.write(&post("/none", &[], b"")).await;
        assert_eq!(idle.answer().await.unwrap().status, 200, "from the fallback");
        busy.write(&post("/in/none", &[], b"x")).await;
        while host.stand.arrivals().is_empty() {
            runtime::tasks::sleep(Duration::from_millis(1)).await;
        }
        host.stop();
        assert!(idle.is_closed().await);
        assert!(!host.served.borrow().as_ref().unwrap().is_finished());
        host.stand.let_go();
        assert_eq!(busy.answer().await.unwrap().status, 202);
        assert!(busy.is_closed().await);
        let served = host.served.take().unwrap();
        served.await.unwrap();
        assert!(tokio::net::TcpStream::connect(host.at).await.is_err());
    });
}

#[test]
fn more_connections_than_allowed_wait_their_turn() {
    run(async {
        let limits = Limits { connections_max: 2, ..Limits::default() };
        let host = Host::with(vec![open()], limits);
        let (first, _second) = (host.connect().await, host.connect().await);
        let mut third = host.connect().await;
        third.write(&post("/in/none", &[], b"x")).await;
        let waiting = runtime::tasks::timeout(Duration::from_millis(50), third.answer()).await;
        assert!(waiting.is_err() && host.stand.arrivals().is_empty());
        drop(first);
        assert_eq!(third.answer().await.unwrap().status, 202);
    });
}
