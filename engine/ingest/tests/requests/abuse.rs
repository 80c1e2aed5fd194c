use crate::host::{Host, post, run, source};
use ingest::{Content, Limits, Source};
use runtime::tasks;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

fn hasty() -> Limits {
    let header_timeout = Duration::from_millis(100);
    Limits { header_timeout, body_timeout: Duration::from_millis(100), ..Limits::default() }
}

#[test]
fn who_says_nothing_is_not_waited_for() {
    let starts =
        ["", "P", "POST /in/none HTTP/1.1\r\n", "POST /in/none HTTP/1.1\r\nhost: x\r\nx: "];
    run(async move {
        let host = Host::with(vec![source("none")], hasty());
        for start in starts {
            let mut client = host.connect().await;
            client.write(start.as_bytes()).await;
            assert!(client.answer().await.is_none_or(|answered| answered.status == 408), "{start}");
            assert!(client.is_closed().await);
        }
        // Nor who has been served and falls silent.
        let mut client = host.connect().await;
        client.write(&post("/in/none", &[], b"x")).await;
        assert_eq!(client.answer().await.unwrap().status, 202);
        assert!(client.is_closed().await);
    });
}

#[test]
fn headers_that_trickle_are_cut_off() {
    run(async {
        let host = Host::with(vec![source("none")], hasty());
        let mut client = host.connect().await;
        client.write(b"POST /in/none HTTP/1.1\r\nhost: x\r\n").await;
        let trickle = async {
            while client.stream.write_all(b"x: y\r\n").await.is_ok() {
                tasks::sleep(Duration::from_millis(5)).await;
            }
        };
        tasks::timeout(Duration::from_secs(20), trickle).await.expect("to be cut off");
    });
}

#[test]
fn a_body_that_trickles_is_told_so() {
    run(async {
        let host = Host::with(vec![source("none")], hasty());
        let bodies =
            ["content-length: 1000\r\n\r\nabc", "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"];
        for body in bodies {
            let mut client = host.connect().await;
            client.write(format!("POST /in/none HTTP/1.1\r\nhost: x\r\n{body}").as_bytes()).await;
            assert_eq!(client.answer().await.unwrap().status, 408, "{body}");
            assert!(client.is_closed().await);
        }
        assert!(host.stand.arrivals().is_empty());
    });
}

#[test]
fn a_body_too_large_is_refused_as_soon_as_that_is_known() {
    run(async {
        let small = Source { body_bytes_max: 1000, ..source("none") };
        let host = Host::new(vec![small]);
        assert_eq!(host.post("/in/none", &[], &[b'x'; 1000]).await.status, 202);

        // Known by its length: not a byte of the body has to come.
        let announced = "POST /in/none HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\n\r\n";
        assert_eq!(host.send(announced).await.status, 413);
        let vast = "POST /in/none HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n";
        assert_eq!(host.send(vast).await.status, 413);

        // Known once it has come; the rest is read and thrown away, so that the answer arrives.
        let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
        let head = "POST /in/none HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(host.send(format!("{head}{chunk}{chunk}0\r\n\r\n")).await.status, 202);
        let over = format!("{head}{}0\r\n\r\n", chunk.repeat(2000));
        assert_eq!(host.send(over).await.status, 413);
        assert_eq!(host.post("/in/none", &[], &vec![b'x'; 2 << 20]).await.status, 413);
        assert_eq!(host.stand.arrivals().len(), 2);
    });
}

#[test]
fn no_flood_of_headers_gets_through() {
    let many = |count: usize| (0..count).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    let requests = [
        format!("POST /in/none HTTP/1.1\r\nhost: x\r\n{}\r\n", many(10_000)),
        format!("POST /in/none HTTP/1.1\r\nhost: x\r\n{}\r\n", many(101)),
        format!("POST /in/none HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(70_000)),
        format!("POST /in/none HTTP/1.1\r\nhost: x\r\n{}: y\r\n\r\n", "y".repeat(70_000)),
        format!("POST /{} HTTP/1.1\r\nhost: x\r\n\r\n", "u".repeat(70_000)),
    ];
    run(async move {
        let host = Host::new(vec![source("none")]);
        for request in requests {
            let mut client = host.connect().await;
            client.write(request.as_bytes()).await;
            if let Some(answered) = client.answer().await {
                let status = answered.status;
                assert!(matches!(status, 400 | 414 | 431), "{status}: {}", &request[..80]);
            }
            assert!(client.is_closed().await);
        }
        assert!(host.stand.arrivals().is_empty());
    });
}

#[test]
fn encoded_bodies_are_refused_unread() {
    run(async {
        let host = Host::new(vec![source("none")]);
        for coding in ["gzip", "br", "zstd", "deflate", "x-gzip", "identity, gzip"] {
            let answered = host.post("/in/none", &[("content-encoding", coding)], b"bomb").await;
            assert_eq!(answered.status, 415, "{coding}");
        }
        let plain = host.post("/in/none", &[("content-encoding", "identity")], b"x").await;
        assert_eq!(plain.status, 202);
    });
}

#[test]
fn bodies_are_kept_to_the_byte() {
    let bodies: [&[u8]; 9] = [
        b"",
        b"\0",
        b"\0\x01\xff\xfe",
        b"\xef\xbb\xbf{\"bom\": true}",
        b"\xc3\x28",
        b"{\"a\" : 1.0,\r\n \"a\":1e999}\n",
        b"line\nline\r\n\r\nPOST / HTTP/1.1\r\n\r\n",
        b"{\"a\":",
        &[0xed; 100_000],
    ];
    run(async move {
        let host = Host::new(vec![source("none")]);
        for body in bodies {
            assert_eq!(host.post("/in/none", &[], body).await.status, 202);
            assert_eq!(host.stand.last().body, body);
        }
    });
}

#[test]
fn json_of_any_kind_costs_neither_stack_nor_sense() {
    run(async {
        // Its type is looked for in the body, so the body is read.
        let reading = Source {
            event_type: Some(signature::TypeFrom::parse("path:type")),
            body_bytes_max: 25 << 20,
            ..source("none")
        };
        let host = Host::new(vec![reading]);
        let deep =
            format!(r#"{{"a":{}{},"type":"deep"}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let wide = format!(r#"{{"{}":1,"type":"wide"}}"#, "k".repeat(10 << 20));
        for (body, event_type) in [
            (r#"{"type":"order.paid"}"#, "order.paid"),
            (r#"{"type":"a","type":"b"}"#, "b"),
            (&deep, "deep"),
            (&wide, "wide"),
            (r#"{"type":"a","n":1e999}"#, "a"),
            (r#"{"type":"a\nb"}"#, "none"),
            (r#"{"type":""}"#, "none"),
            (r#"{"type":["a"]}"#, "none"),
            (r#"{"type":"unfinished"#, "none"),
            ("[1,2]", "none"),
        ] {
            assert_eq!(host.post("/in/none", &[], body.as_bytes()).await.status, 202);
            let start = &body[..body.len().min(40)];
            assert_eq!(&*host.stand.last().envelope.event_type, event_type, "{start}");
            assert_eq!(host.stand.last().body, body.as_bytes());
        }
    });
}

#[test]
fn a_source_may_insist_on_json() {
    run(async {
        let host = Host::new(vec![Source { content: Content::Json, ..source("none") }]);
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        for (body, status) in [
            ("{}", 202),
            ("1", 202),
            (&deep, 202),
            ("", 400),
            ("{", 400),
            ("{}{}", 400),
            ("\u{feff}{}", 400),
        ] {
            let answered = host.post("/in/none", &[], body.as_bytes()).await;
            assert_eq!(answered.status, status, "{}", &body[..body.len().min(20)]);
        }
    });
}
