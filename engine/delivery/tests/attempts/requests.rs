use crate::endpoint::{
    Endpoint, OK, SECRETS, cause, client, options, send, status, target, target_options,
};
use bytes::Bytes;
use delivery::{Client, ClientOptions, Letter, TargetOptions, Unusable};
use event::{Cause, Headers, Time};
use runtime::{ManualClock, tasks};
use signature::{Family, Secret, SecretForm};
use std::sync::Arc;

const BODY: &[u8] = b"\xef\xbb\xbf{\"a\" :\0\xff}\r\n";

fn letter(headers: &Headers) -> Letter<'_> {
    Letter { webhook_id: "evt_00-2", number: 3, headers, body: Bytes::from_static(BODY) }
}

#[test]
fn the_request_is_what_the_surface_promises() {
    tasks::run(async {
        let endpoint = Endpoint::answering(OK);
        let clock = Arc::new(ManualClock::at(Time::from_secs(1_700_000_000)));
        let client = Client::new(ClientOptions { clock, ..options() }).unwrap();
        let headers = Headers::from_iter([
            ("content-type", &b"text/x-odd; charset=latin1"[..]),
            ("ce-type", b"order.paid"),
            ("ce-note", b"caf\xe9"),
            ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ("x-named", b"1"),
            ("x-named", b"2"),
        ]);
        let answer = client.attempt(&target(&client, &endpoint.url()), letter(&headers)).await;
        assert_eq!(answer.attempted.number, 3);
        assert_eq!(answer.attempted.at, Time::from_secs(1_700_000_000));
        let seen = endpoint.seen.borrow()[0].clone();
        assert_eq!(seen.body, BODY);
        let expected = [
            "POST /hooks?a=b HTTP/1.1",
            &format!("host: {}", endpoint.at),
            "accept: */*",
            concat!("user-agent: forebay/", env!("CARGO_PKG_VERSION")),
            "content-type: text/x-odd; charset=latin1",
            "ce-type: order.paid",
            "ce-note: caf\u{e9}",
            "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "webhook-id: evt_00-2",
            "webhook-timestamp: 1700000000",
            "webhook-attempt: 3",
            "content-length: 14",
        ];
        for line in expected {
            assert!(seen.head.lines().any(|l| l == line), "{line} is missing in\n{}", seen.head);
        }
        assert_eq!(seen.head.matches("x-named: ").count(), 2);
    })
    .unwrap();
}

#[test]
fn families_of_headers_are_sent_as_configured() {
    use Family::{Both, Standard, Svix};
    tasks::run(async {
        for (family, webhook, svix) in [(Standard, 4, 0), (Svix, 1, 3), (Both, 4, 3)] {
            let endpoint = Endpoint::answering(OK);
            let client = client();
            let options = TargetOptions { family, ..target_options(&endpoint.url()) };
            let target = client.target(options).unwrap();
            client.attempt(&target, letter(&Headers::new())).await;
            let head = endpoint.seen.borrow()[0].head.clone();
            assert_eq!(head.matches("\r\nwebhook-").count(), webhook, "{head}");
            assert_eq!(head.matches("\r\nsvix-").count(), svix, "{head}");
        }
    })
    .unwrap();
}

#[test]
fn each_live_secret_signs_so_that_any_library_can_verify() {
    tasks::run(async {
        let endpoint = Endpoint::answering(OK);
        let client = client();
        let parse = |text: &str| Secret::parse(text, SecretForm::Standard).unwrap();
        let secrets = SECRETS.map(parse).to_vec();
        let options = TargetOptions { secrets, ..target_options(&endpoint.url()) };
        let target = client.target(options).unwrap();
        assert_eq!(status(&send(&client, &target).await), Some(200));
        let seen = endpoint.seen.borrow()[0].clone();
        let mut headers = hyper::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, seen.header(name).unwrap().parse().unwrap());
        }
        for secret in SECRETS {
            let verifier = standardwebhooks::Webhook::new(secret).unwrap();
            verifier.verify(&seen.body, &headers).unwrap();
            assert!(verifier.verify(b"other", &headers).is_err());
        }

        let options = TargetOptions { secrets: vec![], ..target_options(&endpoint.url()) };
        let answer = send(&client, &client.target(options).unwrap()).await;
        assert!(matches!(cause(&answer), Cause::Refused(_)), "never unsigned: {answer:?}");
    })
    .unwrap();
}

#[test]
fn credentials_and_the_connections_own_headers_stay_behind() {
    let names = "authorization cookie set-cookie proxy-authorization connection keep-alive te \
        trailer transfer-encoding upgrade host content-length expect webhook-id webhook-signature \
        webhook-anything svix-id user-agent content-encoding";
    tasks::run(async {
        let endpoint = Endpoint::answering(OK);
        let client = client();
        let headers = names.split_whitespace().map(|name| (name, &b"evil"[..])).collect();
        client.attempt(&target(&client, &endpoint.url()), letter(&headers)).await;
        let head = endpoint.seen.borrow()[0].head.clone();
        assert!(!head.contains("evil"), "{head}");
    })
    .unwrap();
}

#[test]
fn an_endpoints_own_headers_win() {
    tasks::run(async {
        let endpoint = Endpoint::answering(OK);
        let client = client();
        let own = [("authorization", "Bearer x"), ("X-Named", "ours")];
        let own = own.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
        let options = TargetOptions { headers: own, ..target_options(&endpoint.url()) };
        let target = client.target(options).unwrap();
        let headers = Headers::from_iter([("x-named", &b"theirs"[..])]);
        client.attempt(&target, letter(&headers)).await;
        let seen = endpoint.seen.borrow()[0].clone();
        assert_eq!(seen.header("authorization"), Some("Bearer x"));
        assert_eq!(seen.header("x-named"), Some("ours"));
        assert!(!seen.head.contains("theirs"));
    })
    .unwrap();
}

#[test]
fn no_header_can_carry_another() {
    tasks::run(async {
        let endpoint = Endpoint::answering(OK);
        let client = client();
        let target = target(&client, &endpoint.url());
        let values: [(&str, &[u8]); 4] =
            [("x-a", b"1\r\nx-b: 2"), ("x-a", b"1\n"), ("x-a", b"\0"), ("x a", b"1")];
        for (name, value) in values {
            let headers = Headers::from_iter([(name, value)]);
            let answer = client.attempt(&target, letter(&headers)).await;
            assert!(matches!(cause(&answer), Cause::Refused(_)), "{name}: {answer:?}");
        }
        for webhook_id in ["", "evt.1", "evt\r\n", "evt\0"] {
            let headers = Headers::new();
            let answer = client.attempt(&target, Letter { webhook_id, ..letter(&headers) }).await;
            assert!(matches!(cause(&answer), Cause::Refused(_)), "{webhook_id:?}");
        }
        assert_eq!(endpoint.connections.get(), 0);
    })
    .unwrap();
}

#[test]
fn configured_headers_are_judged_when_they_are_set() {
    let client = client();
    let with = |name: &str, value: &str| {
        let headers = vec![(name.to_owned(), value.to_owned())];
        client.target(TargetOptions { headers, ..target_options("https://example.com/") }).err()
    };
    let reserved = "Host Content-Length Transfer-Encoding Connection TE Upgrade Webhook-Id \
        svix-signature Proxy-Authorization";
    for name in reserved.split_whitespace() {
        assert_eq!(with(name, "x"), Some(Unusable::Reserved(name.to_owned())));
    }
    for (name, value) in [("x\r\ny", "1"), ("x y", "1"), ("", "1"), ("x", "1\r\ny: 2"), ("x", "\0")]
    {
        assert!(matches!(with(name, value), Some(Unusable::BadHeader(_))), "{name:?} {value:?}");
    }
    assert_eq!(with("X-Team", "core"), None);
}
