use crate::host::{Answered, Host, post, run};
use ingest::Answer;
use std::time::Duration;

const KEY: (&str, &str) = ("authorization", "Bearer let-me-in");
const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
const CLOUD: (&str, &str) = ("content-type", "application/cloudevents+json");
const LINES: (&str, &str) = ("content-type", "application/x-ndjson");

async fn events(host: &Host, headers: &[(&str, &str)], body: &str) -> Answered {
    host.post("/v1/events", &[&[KEY], headers].concat(), body.as_bytes()).await
}

#[test]
fn a_key_is_needed() {
    run(async {
        let host = Host::new(vec![]);
        let body = br#"{"type":"a","data":1}"#;
        for value in ["", "Bearer", "Bearer wrong", "Basic let-me-in", "let-me-in"] {
            let answered = host.post("/v1/events", &[("authorization", value)], body).await;
            assert_eq!(
                (answered.status, answered.header("www-authenticate")),
                (401, Some("Bearer"))
            );
        }
        assert_eq!(host.post("/v1/events", &[], body).await.status, 401);
        assert!(host.stand.arrivals().is_empty());
        assert_eq!(events(&host, &[JSON], "{\"type\":\"a\",\"data\":1}").await.status, 202);
        assert_eq!(events(&host, &[], "{\"type\":\"a\",\"data\":1}").await.status, 202);
    });
}

#[test]
fn a_key_that_may_names_the_application() {
    run(async {
        let host = Host::new(vec![]);
        let body = br#"{"type":"order.paid","data":1}"#;
        for (path, key, status, app) in [
            ("/v1/events", "let-me-in", 202, "acme"),
            ("/v1/events?app=other", "let-me-in", 202, "other"),
            ("/v1/events?app=nowhere", "let-me-in", 404, ""),
            ("/v1/events?app=acme", "orders-alone", 202, "acme"),
            ("/v1/events?app=other", "orders-alone", 404, ""),
            ("/v1/events?app=other", "wrong", 401, ""),
        ] {
            let bearer = format!("Bearer {key}");
            let answered = host.post(path, &[("authorization", &bearer), JSON], body).await;
            assert_eq!(answered.status, status, "{path} {key}");
            if status == 202 {
                assert_eq!(host.stand.last().envelope.tenant.as_str(), app);
            }
        }
        assert_eq!(host.stand.arrivals().len(), 3);
    });
}

#[test]
fn the_body_is_the_very_bytes_of_data() {
    let cases = [
        (r#"{"type":"a.b","data": { "x" : 1.0,  "x":1e3 } }"#, r#"{ "x" : 1.0,  "x":1e3 }"#),
        (r#"{"data":"caf\u00e9","type":"a.b"}"#, r#""caf\u00e9""#),
        (r#"{"type":"a.b","data":null}"#, "null"),
        (" {\"type\":\"a.b\",\n\"data\":[ ]}\n", "[ ]"),
    ];
    run(async move {
        let host = Host::new(vec![]);
        for (request, body) in cases {
            assert_eq!(events(&host, &[JSON], request).await.status, 202, "{request}");
            let arrival = host.stand.last();
            assert_eq!((&*arrival.body, &*arrival.envelope.event_type), (body.as_bytes(), "a.b"));
            assert_eq!(&*arrival.envelope.source, "api");
        }
    });
}

#[test]
fn id_and_key_are_taken_along() {
    run(async {
        let host = Host::new(vec![]);
        let body = r#"{"type":"a","data":1,"id":"café","key":"k-1"}"#;
        let first = events(&host, &[JSON, ("traceparent", "00-a-b-01")], body).await;
        let arrival = host.stand.last();
        assert_eq!(arrival.envelope.key.as_deref(), Some("k-1"));
        let kept: Vec<_> = arrival.envelope.headers.iter().collect();
        let expected: [(&str, &[u8]); 3] = [
            ("content-type", b"application/json"),
            ("ce-id", b"caf%C3%A9"),
            ("traceparent", b"00-a-b-01"),
        ];
        assert_eq!(kept, expected);

        let again = events(&host, &[JSON], body).await;
        assert_eq!(again.status, 202);
        assert_eq!(again.body, first.body.replace('}', r#","duplicate":true}"#));
        let other = events(&host, &[JSON], &body.replace("\"data\":1", "\"data\":2")).await;
        assert_eq!(other.status, 409);
        assert_eq!(host.stand.arrivals().len(), 1);
    });
}

#[test]
fn an_idempotency_key_goes_over_the_events_own_id() {
    run(async {
        let host = Host::new(vec![]);
        let key = ("idempotency-key", "req-1");
        let body = |n: u32| format!(r#"{{"type":"a","data":{n},"id":"same"}}"#);
        assert_eq!(events(&host, &[key], &body(1)).await.status, 202);
        assert!(events(&host, &[key], &body(1)).await.body.contains("duplicate"));
        assert_eq!(events(&host, &[key], &body(2)).await.status, 409);
        let other = events(&host, &[("idempotency-key", "req-2")], &body(2)).await;
        assert_eq!(other.status, 202);
    });
}

#[test]
fn what_is_no_event_is_refused_with_its_reason() {
    let long = format!(r#"{{"type":"{}","data":1}}"#, "t".repeat(257));
    let cases = [
        ("", "EOF"),
        ("[]", "expected"),
        (r#"{"data":1}"#, "`type`"),
        (r#"{"type":"a"}"#, "`data`"),
        (r#"{"type":"","data":1}"#, "`type` must be"),
        (r#"{"type":"a\u0000","data":1}"#, "`type` must be"),
        (&long, "`type` must be"),
        (r#"{"type":1,"data":1}"#, "expected a string"),
        (r#"{"type":"a","data":1,"key":""}"#, "`key` must be"),
        (r#"{"type":"a","data":1,"payload":2}"#, "unknown field `payload`"),
        (r#"{"type":"a","data":1,"data":2}"#, "duplicate field"),
        (r#"{"type":"a","data":1} x"#, "trailing"),
    ];
    run(async move {
        let host = Host::new(vec![]);
        for (body, word) in cases {
            let answered = events(&host, &[JSON], body).await;
            assert_eq!(answered.status, 400, "{body}");
            let problem: serde_json::Value = serde_json::from_str(&answered.body).unwrap();
            assert!(problem["detail"].as_str().unwrap().contains(word), "{body}: {problem}");
        }
        let text = events(&host, &[("content-type", "text/plain")], "x").await;
        assert_eq!(text.status, 415);
        assert!(host.stand.arrivals().is_empty());
    });
}

#[test]
fn cloud_events_come_in_both_modes() {
    run(async {
        let host = Host::new(vec![]);
        let binary = [
            ("content-type", "image/png"),
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "/s"),
            ("ce-type", "photo.taken"),
            ("ce-partitionkey", "cam-1"),
        ];
        assert_eq!(events(&host, &binary, "\u{1}PNG").await.status, 202);
        let one = host.stand.last();
        assert_eq!(one.envelope.headers.first("content-type"), Some(&b"image/png"[..]));

        let structured = r#"{"specversion":"1.0","id":"2","source":"/s","type":"photo.taken",
            "datacontenttype":"image/png","partitionkey":"cam-1","data_base64":"AVBORw==",
            "sampled":true,"weight":3,"note":null,"subject":"caf\u00e9 \"x\""}"#;
        assert_eq!(events(&host, &[CLOUD], structured).await.status, 202);
        let other = host.stand.last();
        for arrival in [&one, &other] {
            assert_eq!(&*arrival.body, b"\x01PNG");
            assert_eq!(&*arrival.envelope.event_type, "photo.taken");
            assert_eq!(arrival.envelope.key.as_deref(), Some("cam-1"));
        }
        let header = |name| other.envelope.headers.first(name);
        assert_eq!(header("ce-subject"), Some(&b"caf%C3%A9 %22x%22"[..]));
        assert_eq!(header("ce-sampled"), Some(&b"true"[..]));
        assert_eq!(header("ce-weight"), Some(&b"3"[..]));
        assert_eq!(header("ce-note"), None);
        assert_eq!(header("content-type"), Some(&b"image/png"[..]));
        assert!(events(&host, &binary, "\u{1}PNG").await.body.contains("duplicate"));
        assert_eq!(events(&host, &binary, "other").await.status, 409);
    });
}

#[test]
fn the_data_of_a_cloud_event_is_what_its_media_type_says() {
    let with = |rest: &str| {
        format!(r#"{{"specversion":"1.0","id":"1","source":"/{}","type":"t"{rest}}}"#, rest.len())
    };
    let cases = [
        (with(r#","data":{"a": 1}"#), r#"{"a": 1}"#),
        (with(r#","data":"text""#), r#""text""#),
        (with(r#","datacontenttype":"text/xml","data":"<a b=\"c\"/>""#), r#"<a b="c"/>"#),
        (with(r#","datacontenttype":"a/b+json","data":"x""#), r#""x""#),
        (with(r#","datacontenttype":"text/plain","data":{"a":1}"#), r#"{"a":1}"#),
        (with(""), ""),
    ];
    run(async move {
        let host = Host::new(vec![]);
        for (request, body) in cases {
            assert_eq!(events(&host, &[CLOUD], &request).await.status, 202, "{request}");
            assert_eq!(host.stand.last().body, body.as_bytes(), "{request}");
        }
        for bad in [
            r#"{"id":"1","source":"/","type":"t"}"#.to_owned(),
            r#"{"specversion":"0.3","id":"1","source":"/","type":"t"}"#.to_owned(),
            r#"{"specversion":"1.0","source":"/","type":"t"}"#.to_owned(),
            r#"{"specversion":1.0,"id":"1","source":"/","type":"t"}"#.to_owned(),
            r#"{"specversion":"1.0","id":1,"source":"/","type":"t"}"#.to_owned(),
            r#"{"specversion":"1.0","id":"1","source":"/","type":true}"#.to_owned(),
            r#"{"specversion":"1.0","id":"1","type":"t"}"#.to_owned(),
            r#"{"specversion":"1.0","id":"1","source":"/"}"#.to_owned(),
            with(r#","data":1,"data_base64":"AA==""#),
            with(r#","data_base64":"!""#),
            with(r#","Bad-Name":"x""#),
            with(r#","nested":{}"#),
        ] {
            assert_eq!(events(&host, &[CLOUD], &bad).await.status, 400, "{bad}");
        }
    });
}

#[test]
fn a_media_type_that_could_end_a_header_is_refused() {
    run(async {
        let host = Host::new(vec![]);
        let head = r#"{"specversion":"1.0","id":"1","source":"/","type":"t""#;
        for media_type in [r"text/plain\r\nx-admin: 1", r"text/pla\u0000in", "text/plain\u{e9}"] {
            let event = format!("{head},\"datacontenttype\":\"{media_type}\"}}");
            assert_eq!(events(&host, &[CLOUD], &event).await.status, 400, "{media_type}");
        }
        assert!(host.stand.arrivals().is_empty());
    });
}

#[test]
fn a_batch_is_answered_event_by_event() {
    run(async {
        let host = Host::new(vec![]);
        let media_type = ("content-type", "application/cloudevents-batch+json");
        let event = |id: u32, n: u32| {
            format!(r#"{{"specversion":"1.0","id":"{id}","source":"/","type":"t","data":{n}}}"#)
        };
        let batch = format!("[{},{}]", event(1, 1), event(2, 2));
        let answered = events(&host, &[media_type], &batch).await;
        let answers: Vec<serde_json::Value> = serde_json::from_str(&answered.body).unwrap();
        assert_eq!((answered.status, answers.len()), (202, 2));
        let batch = format!("[{},{},{}]", event(1, 1), event(2, 9), event(3, 3));
        let answered = events(&host, &[media_type], &batch).await;
        let answers: Vec<serde_json::Value> = serde_json::from_str(&answered.body).unwrap();
        assert_eq!(answered.status, 409);
        assert_eq!((&answers[0]["duplicate"], &answers[1]["status"]), (&true.into(), &409.into()));
        assert!(answers[2]["id"].is_string());
        let broken = format!("[{},{{}}]", event(4, 4));
        assert_eq!(events(&host, &[media_type], &broken).await.status, 400);
        assert_eq!(host.stand.arrivals().len(), 3);
    });
}

#[test]
fn what_is_not_as_its_type_asks_is_refused_in_every_form() {
    run(async {
        let host = Host::new(vec![]);
        let one = events(&host, &[JSON], r#"{"type":"strict","data":{"n":2}}"#).await;
        let problem: serde_json::Value = serde_json::from_str(&one.body).unwrap();
        assert_eq!((one.status, &problem["detail"]), (422, &"it wants an n".into()));
        assert_eq!(events(&host, &[JSON], r#"{"type":"strict","data":{"n":1}}"#).await.status, 202);
        let headers = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/")];
        let headers = [&headers[..], &[("ce-type", "strict")]].concat();
        assert_eq!(events(&host, &headers, "no JSON").await.status, 422);
        let media_type = ("content-type", "application/cloudevents-batch+json");
        let event = |id: u32, n: u32| {
            let data = format!(r#""data":{{"n":{n}}}"#);
            format!(r#"{{"specversion":"1.0","id":"{id}","source":"/","type":"strict",{data}}}"#)
        };
        let batch = format!("[{},{}]", event(1, 1), event(2, 2));
        let answered = events(&host, &[media_type], &batch).await;
        let answers: Vec<serde_json::Value> = serde_json::from_str(&answered.body).unwrap();
        assert_eq!((answered.status, &answers[1]["status"]), (422, &422.into()));
        assert!(answers[0]["id"].is_string());
        let answers =
            lines(&host, "{\"type\":\"strict\",\"data\":{}}\n{\"type\":\"lax\",\"data\":{}}\n");
        let answers = answers.await;
        assert_eq!(
            (&answers[0]["status"], &answers[0]["error"]),
            (&422.into(), &"it wants an n".into())
        );
        assert!(answers[1]["id"].is_string());
        assert_eq!(host.stand.arrivals().len(), 3);
    });
}

#[test]
fn a_key_that_is_bound_to_types_publishes_no_others() {
    const BOUND: (&str, &str) = ("authorization", "Bearer orders-alone");
    let forbidden = "this key may not publish the type `user.made`";
    run(async move {
        let host = Host::new(vec![]);
        let plain = |event_type: &str| format!(r#"{{"type":"{event_type}","data":1}}"#);
        let one = host.post("/v1/events", &[BOUND, JSON], plain("user.made").as_bytes()).await;
        let problem: serde_json::Value = serde_json::from_str(&one.body).unwrap();
        assert_eq!((one.status, &problem["detail"]), (403, &forbidden.into()));
        let one = host.post("/v1/events", &[BOUND, JSON], plain("order.paid").as_bytes()).await;
        assert_eq!(one.status, 202);

        let cloud = |id: u32, event_type: &str| {
            format!(r#"{{"specversion":"1.0","id":"{id}","source":"/","type":"{event_type}"}}"#)
        };
        let batch = format!("[{},{}]", cloud(1, "user.made"), cloud(2, "order.sent"));
        let media_type = ("content-type", "application/cloudevents-batch+json");
        let many = host.post("/v1/events", &[BOUND, media_type], batch.as_bytes()).await;
        let answers: Vec<serde_json::Value> = serde_json::from_str(&many.body).unwrap();
        assert_eq!((many.status, &answers[0]["status"]), (403, &403.into()));
        assert_eq!(answers[0]["error"], forbidden);
        assert!(answers[1]["id"].is_string(), "one event's refusal is not the other's");

        let text = format!("{}\n{}\n", plain("user.made"), plain("order.lost"));
        let answers = lines_by(&host, BOUND, &text).await;
        assert_eq!((&answers[0]["status"], &answers[0]["error"]), (&403.into(), &forbidden.into()));
        assert!(answers[1]["id"].is_string());
        let kept = host.stand.arrivals().into_iter().map(|arrival| arrival.envelope.event_type);
        let kept: Vec<_> = kept.collect();
        assert_eq!(kept, ["order.paid", "order.sent", "order.lost"].map(Into::into));
    });
}

#[test]
fn lines_are_answered_while_they_come() {
    run(async {
        let host = Host::new(vec![]);
        let head = "POST /v1/events HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\
            authorization: Bearer let-me-in\r\ncontent-type: application/x-ndjson\r\n\r\n";
        let mut client = host.connect().await;
        client.write(head.as_bytes()).await;
        for n in 0..3 {
            let line = format!("{{\"type\":\"t\",\"data\":{n}}}\n");
            client.write(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes()).await;
            if n == 0 {
                assert_eq!(client.answer().await.unwrap().status, 200);
            }
            let id = event::EventId::new(1, event::Offset(n));
            assert_eq!(client.chunk().await.unwrap(), format!("{{\"id\":\"{id}\"}}\n"));
        }
        // A line in two pieces, and one that lacks its end.
        let pieces = ["{\"type\":\"t\",", "\"data\":3}\n{\"type\":\"t\",\"data\":4}"];
        for piece in pieces {
            client.write(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).await;
        }
        client.write(b"0\r\n\r\n").await;
        let mut answers = String::new();
        while let Some(chunk) = client.chunk().await {
            answers += &chunk;
        }
        assert_eq!(answers.lines().count(), 2);
        let bodies: Vec<_> = host.stand.arrivals().into_iter().map(|a| a.body).collect();
        assert_eq!(bodies, ["0", "1", "2", "3", "4"]);
    });
}

async fn lines(host: &Host, body: &str) -> Vec<serde_json::Value> {
    lines_by(host, KEY, body).await
}

async fn lines_by(host: &Host, key: (&str, &str), body: &str) -> Vec<serde_json::Value> {
    let mut client = host.connect().await;
    client.write(&post("/v1/events", &[key, LINES], body.as_bytes())).await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    let mut answers = String::new();
    while let Some(chunk) = client.chunk().await {
        answers += &chunk;
    }
    answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_bad_line_spoils_no_other() {
    run(async {
        let host = Host::new(vec![]);
        let good = r#"{"type":"t","data":1,"id":"1"}"#;
        let answers = lines(&host, &format!("{good}\nnot json\r\n\n{{}}\n{good}\r\n")).await;
        assert!(answers[0]["id"].is_string());
        assert_eq!((&answers[1]["status"], &answers[2]["status"]), (&400.into(), &400.into()));
        assert_eq!(answers[3]["duplicate"], true);
        assert_eq!(answers.len(), 4, "an empty line is none");

        host.stand.tell(Answer::Full { retry_after: Duration::from_secs(1) });
        let answers = lines(&host, &format!("{good}\n{good}\n")).await;
        assert!(answers.iter().all(|answer| answer["status"] == 503) && answers.len() == 2);
    });
}

#[test]
fn a_stream_is_longer_than_any_body_but_no_line_is() {
    run(async {
        let host = Host::new(vec![]);
        let line = format!("{{\"type\":\"t\",\"data\":\"{}\"}}\n", "x".repeat(1000));
        let answers = lines(&host, &line.repeat(3000)).await;
        assert_eq!((answers.len(), host.stand.arrivals().len()), (3000, 3000));
        let endless = format!("{line}{{\"type\":\"{}", "x".repeat(2 << 20));
        let answers = lines(&host, &endless).await;
        assert_eq!((answers.len(), &answers[1]["status"]), (2, &413.into()));
    });
}
