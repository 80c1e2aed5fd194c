//! Times and ids that no honest sender writes: refused or taken, never a panic.

use crate::home::{ADMIN_KEY, Home, SOURCE};
use crate::http::{exchange, get, post};
use crate::letter::Letter;
use crate::node::Node;
use event::Rng;
use std::net::SocketAddr;

const TIMES: [&str; 24] = [
    "0",
    "-1",
    "-0",
    "+5",
    "1",
    "59",
    "60",
    "1483228800",
    "2147483647",
    "2147483648",
    "4294967296",
    "253402300799",
    "253402300800",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999",
    "1e9",
    "NaN",
    "0x10",
    "1700000000.5",
    "1700000000, 1700000001",
    "\u{661}\u{662}",
];

const DATES: [&str; 16] = [
    "2016-12-31T23:59:60Z",
    "2026-03-29T02:30:00+01:00",
    "2026-10-25T02:30:00+02:00",
    "0000-00-00T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "-000001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "+10000-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2038-01-19T03:14:08Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:00+99:99",
    "2026-01-01",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "1700000000",
    "",
];

fn with_header(addr: SocketAddr, path: &str, headers: &str) -> u16 {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {ADMIN_KEY}\r\n\
         content-type: application/json\r\n{headers}content-length: 2\r\n\r\n{{}}"
    );
    exchange(addr, request.as_bytes()).unwrap().status
}

#[test]
fn odd_times_and_ids_are_refused_or_taken_and_nothing_panics() {
    let source = |name: &str| {
        format!("[[source]]\nname = \"{name}\"\nscheme = \"{name}\"\nsecret_env = \"SECRET\"\n")
    };
    let schemes = ["standard-webhooks", "stripe", "slack"].map(source).concat();
    let home = Home::with(&format!("{SOURCE}{schemes}"));
    let (mut node, addr) = Node::start(&home).listening();
    for time in TIMES {
        for headers in [
            format!("webhook-id: a\r\nwebhook-signature: v1,YQ==\r\nwebhook-timestamp: {time}\r\n"),
            format!("svix-id: a\r\nsvix-signature: v1,YQ==\r\nsvix-timestamp: {time}\r\n"),
            format!("stripe-signature: t={time},v1=00\r\n"),
            format!("x-slack-signature: v0=00\r\nx-slack-request-timestamp: {time}\r\n"),
        ] {
            for path in ["/in/standard-webhooks", "/in/stripe", "/in/slack"] {
                assert_eq!(with_header(addr, path, &headers), 401, "{time} at {path}");
            }
        }
    }
    for date in DATES {
        let event = "ce-specversion: 1.0\r\nce-id: a\r\nce-source: /a\r\nce-type: a\r\n";
        let status = with_header(addr, "/v1/events", &format!("{event}ce-time: {date}\r\n"));
        assert!([202, 400].contains(&status), "{status} for {date:?}");
        let body = format!(
            "{{\"specversion\":\"1.0\",\"id\":\"b\",\"source\":\"/a\",\"type\":\"a\",\
             \"time\":\"{date}\",\"data\":1}}"
        );
        let request = format!(
            "POST /v1/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {ADMIN_KEY}\r\n\
             content-type: application/cloudevents+json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let status = exchange(addr, request.as_bytes()).unwrap().status;
        assert!([202, 400].contains(&status), "{status} for {date:?}");
    }
    for id in odd_ids() {
        for path in ["explain", "dead-letter"] {
            let status = get(addr, &format!("/v1/{path}/{id}")).unwrap().status;
            assert!([400, 404].contains(&status), "{status} for {path}/{id}");
        }
    }
    let letter = Letter::new(1, 1, &mut Rng::seeded(1));
    assert_eq!(post(addr, &letter).unwrap().status, 202, "it is as well as before");
    node.signal("-TERM");
    assert!(node.hear("panicked").is_none(), "nothing panicked");
    assert_eq!(node.ended().code, Some(0));
}

/// The least, the greatest and what is beyond, in the form of ours.
fn odd_ids() -> Vec<String> {
    let digits = ["0", "7", "8", "z", "Z", "u", "v", "~", "%00", "%ff"];
    let mut ids: Vec<String> =
        digits.iter().flat_map(|d| [d.repeat(26), d.repeat(20), d.repeat(64)]).collect();
    ids.extend(ids.clone().into_iter().map(|id| format!("evt_{id}")));
    ids.extend(
        ["evt_", "evt_-1", "evt_0-1", "1-0-18446744073709551616-0", "ep_1"].map(String::from),
    );
    ids
}
