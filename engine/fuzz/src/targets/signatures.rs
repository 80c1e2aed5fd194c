use super::take::{Take, headers};
use event::Time;
use signature::{
    Algorithm, CustomHmac, Draft, Encoding, Request, Scheme, Secret, SecretForm, StampForm,
    Unverified,
};
use std::sync::OnceLock;
use std::time::Duration;

pub const WORDS: &[&str] = &[
    "sha256=",
    "v1,",
    "v1a,",
    "v0=",
    "t=",
    ",v1=",
    ", ",
    "; ",
    "1700000000",
    "1700000300",
    "2023-11-14T22:13:20Z",
    "webhook-id: ",
    "webhook-signature: ",
    "webhook-timestamp: ",
    "x-hub-signature-256: ",
    "stripe-signature: ",
    "x-signature: ",
    "msg_1",
    "\n\n",
];

const NOW: Time = Time::from_secs(1_700_000_000);
const URL: &str = "https://hooks.example.com/in/x?a=b";

struct Way {
    scheme: Scheme,
    key: Secret,
    other: Secret,
}

/// A scheme, how to change what it signed, headers, an empty line, the body.
pub fn signatures(bytes: &[u8]) {
    let mut take = Take(bytes);
    let way = &ways()[usize::from(take.byte()) % ways().len()];
    let (change, place) = (take.byte(), usize::from(take.byte()));
    let head = take.until(b"\n\n");
    let body = take.rest();
    as_it_came(way, &headers(head), body);
    as_it_was_signed(way, &headers(head), body, change, place);
}

/// Whoever gets in by these headers does so for this body, this key and this time alone.
fn as_it_came(way: &Way, headers: &[(&str, &[u8])], body: &[u8]) {
    let Way { scheme, key, other } = way;
    if verify(way, headers, body, std::slice::from_ref(key), NOW).is_err() {
        return;
    }
    let with_other = verify(way, headers, body, std::slice::from_ref(other), NOW);
    assert_eq!(with_other, Err(Unverified::Mismatch), "any key gets in by {}", scheme.name);
    assert_eq!(verify(way, headers, body, &[], NOW), Err(Unverified::BadSecret));
    if scheme.versions.iter().all(|version| version.algorithm != Algorithm::Token) {
        let longer = [body, b"x"].concat();
        let got = verify(way, headers, &longer, std::slice::from_ref(key), NOW);
        assert_eq!(got, Err(Unverified::Mismatch), "{}: any body gets in", scheme.name);
    }
    if let Some(sent_at) = &scheme.sent_at {
        let late = NOW + sent_at.tolerance * 2 + Duration::from_secs(2);
        let got = verify(way, headers, body, std::slice::from_ref(key), late);
        assert_eq!(got, Err(Unverified::Timestamp), "{}: any time gets in", scheme.name);
    }
}

/// What is signed gets in; changed in any one place it does not.
fn as_it_was_signed(way: &Way, given: &[(&str, &[u8])], body: &[u8], change: u8, place: usize) {
    let Way { scheme, key, other } = way;
    let id = given.first().and_then(|(_, value)| std::str::from_utf8(value).ok());
    let draft = Draft { id: id.unwrap_or("msg_1"), at: NOW, method: "POST", url: URL, body };
    let Ok(signed) = scheme.sign(&draft, std::slice::from_ref(key)) else { return };
    let signed: Vec<(String, Vec<u8>)> =
        signed.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
    let keys = [other.clone(), key.clone()];
    assert_eq!(verify_owned(way, &signed, body, &keys), Ok(()), "{} of its own", scheme.name);
    if scheme.versions.iter().any(|version| version.algorithm == Algorithm::Token) {
        return;
    }
    let (mut headers, mut body) = (signed.clone(), body.to_vec());
    if change < 128 && !body.is_empty() {
        let at = place % body.len();
        body[at] ^= 1 << (change % 8);
    } else {
        let header = place % headers.len();
        let value = &mut headers[header].1;
        let at = place / 3 % value.len();
        value[at] ^= 1 << (change % 8);
    }
    let is_alike = scheme.encoding == Encoding::Hex && is_alike(&signed, &headers);
    let got = verify_owned(way, &headers, &body, &keys);
    assert!(got.is_err() || (is_alike && body == draft.body), "{} was changed", scheme.name);
}

/// Hex digits are read in either case.
fn is_alike(one: &[(String, Vec<u8>)], other: &[(String, Vec<u8>)]) -> bool {
    one.iter().zip(other).all(|(a, b)| a.1.eq_ignore_ascii_case(&b.1))
}

fn verify_owned(
    way: &Way,
    headers: &[(String, Vec<u8>)],
    body: &[u8],
    keys: &[Secret],
) -> Result<(), Unverified> {
    let headers: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    verify(way, &headers, body, keys, NOW)
}

fn verify(
    way: &Way,
    headers: &[(&str, &[u8])],
    body: &[u8],
    keys: &[Secret],
    now: Time,
) -> Result<(), Unverified> {
    let request = Request { method: "POST", url: URL, headers, body };
    way.scheme.verify(&request, keys, now)
}

/// Every row of the table that signs, and two of a configuration.
fn ways() -> &'static [Way] {
    static WAYS: OnceLock<Vec<Way>> = OnceLock::new();
    WAYS.get_or_init(|| {
        let presets = Scheme::names().into_iter().filter_map(|name| Scheme::preset(&name));
        let custom = CustomHmac {
            algorithm: Algorithm::HmacSha512,
            signed: "{method} {url} {id} {timestamp} {body}".into(),
            id_header: Some("X-Id".into()),
            timestamp_header: Some("X-Time".into()),
            timestamp_form: StampForm::Rfc3339,
            separator: Some(','),
            ..CustomHmac::default()
        };
        let custom = [CustomHmac::default(), custom].map(|custom| custom.scheme().unwrap());
        let signing = presets.filter(|scheme| !scheme.is_open());
        signing.chain(custom).map(way).collect()
    })
}

fn way(scheme: Scheme) -> Way {
    let texts = match scheme.secret {
        // The private halves: what they sign, the public ones verify.
        SecretForm::PublicHex => [7, 8].map(|seed| format!("whsk_{}", base64_of(seed))),
        SecretForm::Text => ["key-a", "key-b"].map(String::from),
        SecretForm::Hex => ["aa01", "aa02"].map(String::from),
        SecretForm::Standard | SecretForm::Base64 => ["a2V5LWE=", "a2V5LWI="].map(String::from),
    };
    let form = match scheme.secret {
        SecretForm::PublicHex => SecretForm::Standard,
        form => form,
    };
    let [key, other] = texts.map(|text| Secret::parse(&text, form).unwrap());
    Way { scheme, key, other }
}

/// 32 equal bytes. Three of them are four characters.
fn base64_of(seed: u8) -> &'static str {
    match seed {
        7 => "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
        _ => "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=",
    }
}
