use crate::endpoint::{Endpoint, OK, cause, client, impatient, send, status, target};
use crate::nobody::nobody;
use event::{Cause, Outcome};
use runtime::tasks;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

fn answer_with(status_line: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status_line}\r\n{headers}content-length: 0\r\n\r\n").into()
}

#[test]
fn a_status_decides_the_outcome() {
    let failed = |status| Outcome::Failed { cause: Cause::Status(status), retry_after: None };
    let cases = [
        ("200 OK", Outcome::Delivered { status: 200 }),
        ("204 No Content", Outcome::Delivered { status: 204 }),
        ("299 ", Outcome::Delivered { status: 299 }),
        ("304 Not Modified", failed(304)),
        ("400 Bad Request", failed(400)),
        ("404 Not Found", failed(404)),
        ("410 Gone", Outcome::Gone),
        ("429 Too Many", failed(429)),
        ("500 Oops", failed(500)),
        ("599 ", failed(599)),
        ("999 ", failed(999)),
    ];
    tasks::run(async {
        for (line, outcome) in cases {
            let endpoint = Endpoint::answering(answer_with(line, ""));
            let client = client();
            let answer = send(&client, &target(&client, &endpoint.url())).await;
            assert_eq!(answer.attempted.outcome, outcome, "{line}");
        }
    })
    .unwrap();
}

#[test]
fn retry_after_travels_with_the_failure() {
    let cases = [
        ("retry-after: 120\r\n", Some(120)),
        ("retry-after: 0\r\n", Some(1)),
        ("retry-after: 999999999\r\n", Some(86_400)),
        ("retry-after: -1\r\n", None),
        ("retry-after: soon\r\n", None),
        ("", None),
    ];
    tasks::run(async {
        for (header, seconds) in cases {
            let endpoint = Endpoint::answering(answer_with("503 Busy", header));
            let client = client();
            let answer = send(&client, &target(&client, &endpoint.url())).await;
            let retry_after = seconds.map(Duration::from_secs);
            let outcome = Outcome::Failed { cause: Cause::Status(503), retry_after };
            assert_eq!(answer.attempted.outcome, outcome, "{header}");
        }
    })
    .unwrap();
}

#[test]
fn redirects_are_failures_and_never_followed() {
    tasks::run(async {
        for code in [300, 301, 302, 303, 307, 308] {
            let line = format!("{code} Over There");
            let to = "location: http://169.254.169.254/\x1b[2J\r\n";
            let endpoint = Endpoint::answering(answer_with(&line, &to.replace('\x1b', "\t")));
            let client = client();
            let answer = send(&client, &target(&client, &endpoint.url())).await;
            assert_eq!(*cause(&answer), Cause::Status(code));
            assert!(answer.excerpt.starts_with("location: http://169.254.169.254/"));
            assert_eq!(endpoint.seen.borrow().len(), 1);
        }
    })
    .unwrap();
}

#[test]
fn an_endpoint_that_never_answers_costs_its_time_and_no_more() {
    tasks::run(async {
        let left = Rc::new(Cell::new(0));
        let leaving = left.clone();
        let endpoint = Endpoint::new(move |wire| {
            let leaving = leaving.clone();
            async move {
                wire.wait_for_end().await;
                leaving.set(leaving.get() + 1);
            }
        });
        let client = client();
        let target = impatient(&client, &endpoint.url());
        let answer = send(&client, &target).await;
        assert_eq!(*cause(&answer), Cause::Timeout);
        assert!(answer.attempted.took >= Duration::from_millis(150));
        // The slot is free again: the connection was closed, not left to hang.
        while left.get() == 0 {
            tasks::sleep(Duration::from_millis(1)).await;
        }
    })
    .unwrap();
}

#[test]
fn an_answer_that_trickles_runs_into_the_whole_time() {
    let starts: [&[u8]; 4] = [
        b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3e8\r\n",
        b"HTTP/1.1 200 OK\r\nx-endless: ",
        b"",
    ];
    tasks::run(async {
        for start in starts {
            let endpoint = Endpoint::new(move |mut wire| async move {
                wire.request().await;
                wire.write(start).await;
                let next: &[u8] = if start.is_empty() { b"HTTP/1.1 103 X\r\n\r\n" } else { b"x" };
                while wire.write(next).await {
                    tasks::sleep(Duration::from_millis(5)).await;
                }
            });
            let client = client();
            let answer = send(&client, &impatient(&client, &endpoint.url())).await;
            assert_eq!(*cause(&answer), Cause::Timeout, "{}", start.escape_ascii());
        }
    })
    .unwrap();
}

/// Sends `head`, then `more` for as long as the client takes it; the second result is how much.
async fn flood(head: &'static [u8], more: &'static [u8]) -> (delivery::Answer, usize) {
    let taken = Rc::new(Cell::new(0));
    let taking = taken.clone();
    let endpoint = Endpoint::new(move |mut wire| {
        let taking = taking.clone();
        async move {
            wire.request().await;
            let mut is_open = wire.write(head).await;
            while is_open {
                is_open = wire.write(more).await;
                taking.set(taking.get() + more.len());
            }
        }
    });
    let client = client();
    let target = target(&client, &endpoint.url());
    let answer = send(&client, &target).await;
    // A second attempt must not find the flooded connection.
    drop(send(&client, &target).await);
    assert_eq!(endpoint.connections.get(), 2);
    (answer, taken.get())
}

#[test]
fn no_more_is_read_than_is_wanted() {
    static BODY: [u8; 8192] = [b'x'; 8192];
    // What the sockets' buffers hold of it counts as taken.
    const BUFFERS: usize = 16 << 20;
    tasks::run(async {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n";
        let (answer, taken) = flood(head, &BODY).await;
        assert_eq!(answer.attempted.outcome, Outcome::Delivered { status: 200 });
        assert_eq!(answer.excerpt.len(), 1024);
        assert!(taken < BUFFERS, "{taken}");

        let (answer, taken) = flood(b"HTTP/1.1 200 OK\r\n", b"x-flood: yes\r\n").await;
        assert!(matches!(cause(&answer), Cause::Connection(_)), "{answer:?}");
        assert!(taken < BUFFERS, "{taken}");

        let (answer, _) = flood(b"HTTP/1.1 200 OK\r\nx-flood: ", &BODY).await;
        assert!(matches!(cause(&answer), Cause::Connection(_)), "{answer:?}");
    })
    .unwrap();
}

#[test]
fn what_is_not_http_fails_and_leaves_the_next_attempt_alone() {
    let answers: [&[u8]; 14] = [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"<html>hello from HTTP/0.9</html>",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: \0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ];
    tasks::run(async {
        for bytes in answers {
            let endpoint = Endpoint::new(move |mut wire| async move {
                wire.request().await;
                wire.write(if wire.number == 0 { bytes } else { OK }).await;
            });
            let client = client();
            let target = target(&client, &endpoint.url());
            let answer = send(&client, &target).await;
            let words = bytes.escape_ascii().to_string();
            assert!(matches!(cause(&answer), Cause::Connection(_)), "{words}: {answer:?}");
            assert_eq!(status(&send(&client, &target).await), Some(200), "{words}");
        }
    })
    .unwrap();
}

#[test]
fn a_reset_fails_wherever_it_comes() {
    let starts: [&[u8]; 3] =
        [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"];
    tasks::run(async {
        for start in starts {
            let endpoint = Endpoint::new(move |mut wire| async move {
                wire.request().await;
                wire.write(start).await;
                wire.reset();
            });
            let client = client();
            let answer = send(&client, &target(&client, &endpoint.url())).await;
            assert!(matches!(cause(&answer), Cause::Connection(_)), "{answer:?}");
        }
    })
    .unwrap();
}

#[test]
fn nobody_at_the_port_is_a_failure() {
    tasks::run(async {
        let client = client();
        let answer = send(&client, &target(&client, nobody())).await;
        assert!(matches!(cause(&answer), Cause::Connection(_)), "{answer:?}");
    })
    .unwrap();
}

#[test]
fn an_answer_without_a_length_ends_with_its_connection() {
    tasks::run(async {
        let endpoint = Endpoint::new(|mut wire| async move {
            wire.request().await;
            wire.write(b"HTTP/1.0 200 OK\r\n\r\nbye \x1b[31m").await;
        });
        let client = client();
        let answer = send(&client, &target(&client, &endpoint.url())).await;
        assert_eq!(status(&answer), Some(200));
        assert_eq!(&*answer.excerpt, "bye \\u{1b}[31m");
    })
    .unwrap();
}

#[test]
fn nothing_is_decompressed() {
    let bomb =
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x8b\x08\x00";
    tasks::run(async {
        let endpoint = Endpoint::answering(*bomb);
        let client = client();
        let answer = send(&client, &target(&client, &endpoint.url())).await;
        assert_eq!(status(&answer), Some(200));
        assert!(answer.excerpt.starts_with("\\u{1f}"), "{}", answer.excerpt);
        assert_eq!(endpoint.seen.borrow()[0].header("accept-encoding"), None);
    })
    .unwrap();
}
