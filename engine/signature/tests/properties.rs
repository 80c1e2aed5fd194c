//! What holds for every row of the table, whatever comes in.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests meet the machine")]

use event::Time;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use signature::{
    Algorithm, CannotSign, CustomHmac, Draft, Encoding, Family, Request, Scheme, Secret,
    SecretForm, StampForm, Unverified, sign_delivery,
};
use std::time::Duration;

const SENT: Time = Time::from_secs(1_700_000_000);
const URL: &str = "https://hooks.example.com/in/x?a=b";

fn schemes() -> Vec<Scheme> {
    let custom = CustomHmac {
        algorithm: Algorithm::HmacSha512,
        signed: "{method} {url} {id} {timestamp} {body}".into(),
        id_header: Some("X-Id".into()),
        timestamp_header: Some("X-Time".into()),
        timestamp_form: StampForm::Millis,
        ..CustomHmac::default()
    };
    let presets = Scheme::names().into_iter().filter_map(|name| Scheme::preset(&name));
    presets.filter(|scheme| !scheme.is_open()).chain([custom.scheme().unwrap()]).collect()
}

/// A secret and its like with one bit more.
fn secrets(scheme: &Scheme) -> [Secret; 2] {
    let texts = match scheme.secret {
        SecretForm::PublicHex => return [signing(7), signing(8)],
        SecretForm::Text => ["key-a", "key-b"],
        SecretForm::Hex => ["aa01", "aa02"],
        SecretForm::Standard | SecretForm::Base64 => ["a2V5LWE=", "a2V5LWI="],
    };
    texts.map(|text| Secret::parse(text, scheme.secret).unwrap())
}

/// Ed25519, where the configuration has the public half only.
fn signing(seed: u8) -> Secret {
    use base64::Engine;
    let seed = base64::engine::general_purpose::STANDARD.encode([seed; 32]);
    Secret::parse(&format!("whsk_{seed}"), SecretForm::Standard).unwrap()
}

fn draft(body: &[u8]) -> Draft<'_> {
    Draft { id: "msg_1", at: SENT, method: "POST", url: URL, body }
}

fn verdict(
    scheme: &Scheme,
    headers: &[(String, Vec<u8>)],
    body: &[u8],
    secrets: &[Secret],
    now: Time,
) -> Result<(), Unverified> {
    let headers: Vec<(&str, &[u8])> =
        headers.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
    let request = Request { method: "POST", url: URL, headers: &headers, body };
    scheme.verify(&request, secrets, now)
}

fn signed(scheme: &Scheme, body: &[u8], secrets: &[Secret]) -> Vec<(String, Vec<u8>)> {
    let headers = scheme.sign(&draft(body), secrets).unwrap();
    headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect()
}

proptest! {
    #[test]
    fn what_a_scheme_signs_it_believes(
        scheme in select(schemes()),
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let [key, other] = secrets(&scheme);
        let headers = signed(&scheme, &body, std::slice::from_ref(&key));
        let with = |secrets: &[Secret]| verdict(&scheme, &headers, &body, secrets, SENT);
        prop_assert_eq!(with(std::slice::from_ref(&key)), Ok(()));
        prop_assert_eq!(with(&[other.clone(), key]), Ok(()), "while a secret is rotated");
        prop_assert_eq!(with(&[other]), Err(Unverified::Mismatch));
        prop_assert_eq!(with(&[]), Err(Unverified::BadSecret));
    }

    #[test]
    fn any_flipped_bit_of_the_body_refuses(
        scheme in select(schemes()),
        body in prop::collection::vec(any::<u8>(), 1..300),
        place in any::<Index>(),
        bit in 0..8u8,
    ) {
        if scheme.versions[0].algorithm == Algorithm::Token {
            return Ok(());
        }
        let [key, _] = secrets(&scheme);
        let headers = signed(&scheme, &body, std::slice::from_ref(&key));
        let mut changed = body.clone();
        changed[place.index(body.len())] ^= 1 << bit;
        let got = verdict(&scheme, &headers, &changed, &[key], SENT);
        prop_assert_eq!(got, Err(Unverified::Mismatch));
    }

    #[test]
    fn any_flipped_bit_of_a_header_refuses(
        scheme in select(schemes()),
        header in any::<Index>(),
        place in any::<Index>(),
        bit in 0..8u8,
    ) {
        let [key, _] = secrets(&scheme);
        let mut headers = signed(&scheme, b"{}", std::slice::from_ref(&key));
        let header = header.index(headers.len());
        let old = headers[header].1.clone();
        headers[header].1[place.index(old.len())] ^= 1 << bit;
        // Hex digits are read in either case.
        let is_read_alike =
            scheme.encoding == Encoding::Hex && headers[header].1.eq_ignore_ascii_case(&old);
        let got = verdict(&scheme, &headers, b"{}", &[key], SENT);
        prop_assert!(got.is_err() || is_read_alike);
    }

    #[test]
    fn arbitrary_headers_never_panic(
        scheme in select(schemes()),
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..8),
        texts in prop::collection::vec("[tvs0-9a-f=,; .+/:TZ-]{0,120}", 0..8),
        now in any::<u64>(),
    ) {
        let [key, _] = secrets(&scheme);
        let names: Vec<String> =
            signed(&scheme, b"", std::slice::from_ref(&key)).into_iter().map(|(n, _)| n).collect();
        let texts = texts.into_iter().map(String::into_bytes);
        let named = names.iter().cycle().cloned();
        let headers: Vec<_> = named.zip(values.into_iter().chain(texts)).collect();
        let got = verdict(&scheme, &headers, b"{}", &[key], Time::from_nanos(now));
        prop_assert!(got.is_err());
    }

    #[test]
    fn a_timestamp_counts_only_within_its_tolerance(
        scheme in select(schemes()),
        away in 0..2_000u64,
        is_late in any::<bool>(),
    ) {
        let Some(sent_at) = scheme.sent_at.clone() else { return Ok(()) };
        let [key, _] = secrets(&scheme);
        let headers = signed(&scheme, b"{}", std::slice::from_ref(&key));
        let away = Duration::from_secs(away);
        let now = if is_late { SENT + away } else { SENT - away };
        let expected =
            if away <= sent_at.tolerance { Ok(()) } else { Err(Unverified::Timestamp) };
        prop_assert_eq!(verdict(&scheme, &headers, b"{}", &[key], now), expected);
    }

    #[test]
    fn ids_that_could_be_read_in_two_ways_are_never_signed(id in "[a-z0-9.\r\n \u{e9}]{0,12}") {
        let key = Secret::from_bytes(b"key").unwrap();
        let got = sign_delivery(Family::Both, &id, SENT, b"", &[key]);
        let is_good = !id.is_empty() && id.bytes().all(|c| c.is_ascii_alphanumeric());
        prop_assert_eq!(got.is_ok(), is_good);
        prop_assert!(is_good || got == Err(CannotSign::BadId));
    }
}

#[test]
fn every_row_is_whole() {
    let names = Scheme::names();
    for name in &names {
        assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{name} is there twice");
        let scheme = Scheme::preset(name).unwrap();
        let headers = scheme.signature.iter().chain(&scheme.id);
        for header in headers.filter(|_| !scheme.is_open()) {
            assert!(!header.is_empty() && *header == header.to_ascii_lowercase(), "{name}");
        }
    }
    assert!(Scheme::preset("no such provider").is_none());
}

#[test]
fn a_scheme_without_signatures_lets_in_everything() {
    let scheme = Scheme::preset("none").unwrap();
    assert_eq!(verdict(&scheme, &[], b"", &[], SENT), Ok(()));
    assert_eq!(scheme.sign(&draft(b""), &[]), Ok(Vec::new()));
}

#[test]
fn a_repeated_id_or_timestamp_is_refused() {
    let scheme = Scheme::preset("standard-webhooks").unwrap();
    let [key, _] = secrets(&scheme);
    let headers = signed(&scheme, b"{}", std::slice::from_ref(&key));
    for repeated in headers.iter().filter(|(name, _)| name != "webhook-signature") {
        let mut headers = headers.clone();
        headers.push(repeated.clone());
        let got = verdict(&scheme, &headers, b"{}", std::slice::from_ref(&key), SENT);
        assert_eq!(got, Err(Unverified::Malformed));
    }
}

#[test]
fn more_signatures_than_any_sender_has_are_refused() {
    let scheme = Scheme::preset("standard-webhooks").unwrap();
    let [key, _] = secrets(&scheme);
    let flood = |n: usize| {
        let mut headers = signed(&scheme, b"{}", std::slice::from_ref(&key));
        headers.push(("svix-signature".into(), "v1,AAAA ".repeat(n).into_bytes()));
        verdict(&scheme, &headers, b"{}", std::slice::from_ref(&key), SENT)
    };
    assert_eq!(flood(15), Ok(()));
    assert_eq!(flood(16), Err(Unverified::Malformed));
}

#[test]
fn a_delivery_is_believed_under_each_family_of_names() {
    let scheme = Scheme::preset("standard-webhooks").unwrap();
    let [key, other] = secrets(&scheme);
    for (family, count) in [(Family::Standard, 3), (Family::Svix, 3), (Family::Both, 6)] {
        let both = [other.clone(), key.clone()];
        let headers = sign_delivery(family, "evt_0-1", SENT, b"{}", &both).unwrap();
        assert_eq!(headers.len(), count);
        let headers: Vec<_> =
            headers.into_iter().map(|(n, v)| (n.to_owned(), v.into_bytes())).collect();
        for secret in [&key, &other] {
            let got = verdict(&scheme, &headers, b"{}", std::slice::from_ref(secret), SENT);
            assert_eq!(got, Ok(()), "{family:?}");
        }
    }
    assert_eq!(sign_delivery(Family::Svix, "a", SENT, b"", &[]).unwrap_err(), CannotSign::NoSecret);
}
