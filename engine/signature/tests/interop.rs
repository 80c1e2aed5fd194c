//! What we sign for a delivery is taken by the published Standard Webhooks library.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests meet the machine")]

use event::Time;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use signature::{Family, Request, Scheme, Secret, SecretForm, sign_delivery};
use standardwebhooks::Webhook;
use std::time::{SystemTime, UNIX_EPOCH};

/// The library reads the system's clock, so this must too.
fn now() -> Time {
    Time::from_secs(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

fn map(headers: Vec<(&'static str, String)>) -> HeaderMap {
    let pair = |(name, value): (&'static str, String)| {
        (HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap())
    };
    headers.into_iter().map(pair).collect()
}

#[test]
fn the_library_takes_what_we_sign_under_either_of_two_secrets() {
    let texts = [Secret::fresh(&[1; 32]), Secret::fresh(&[2; 32])];
    let secrets = texts.each_ref().map(|t| Secret::parse(t, SecretForm::Standard).unwrap());
    let body = "{\"x\":\"héllo 🦀\"}\r\n";
    for family in [Family::Standard, Family::Both] {
        let headers = sign_delivery(family, "evt_0-1", now(), body.as_bytes(), &secrets).unwrap();
        let headers = map(headers);
        for text in &texts {
            Webhook::new(text).unwrap().verify(body.as_bytes(), &headers).unwrap();
        }
        let other = Webhook::new(&Secret::fresh(&[3; 32])).unwrap();
        assert!(other.verify(body.as_bytes(), &headers).is_err());
        let library = Webhook::new(&texts[0]).unwrap();
        assert!(library.verify(&body.as_bytes()[1..], &headers).is_err());
    }
}

#[test]
fn we_take_what_the_library_signs() {
    let text = Secret::fresh(&[7; 32]);
    let secret = Secret::parse(&text, SecretForm::Standard).unwrap();
    let at = now();
    let stamp = at.secs().to_string();
    let library = Webhook::new(&text).unwrap();
    let signature = library.sign("msg_1", at.secs() as i64, b"{}").unwrap();
    let headers: [(&str, &[u8]); 3] = [
        ("Webhook-Id", b"msg_1"),
        ("Webhook-Timestamp", stamp.as_bytes()),
        ("Webhook-Signature", signature.as_bytes()),
    ];
    let request = Request { method: "POST", url: "", headers: &headers, body: b"{}" };
    let scheme = Scheme::preset("standard-webhooks").unwrap();
    assert_eq!(scheme.verify(&request, &[secret], at), Ok(()));
}
