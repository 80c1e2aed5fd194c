//! Signatures that somebody else made: `examples.json`, which are published by the providers, and,
//! where it is there, a larger collection of the same form, `signatures.json` in the folder that
//! `FOREBAY_VECTORS` names or else in `../shared/vectors` beside the workspace.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests meet the machine")]

use event::Time;
use serde_json::Value;
use signature::{CustomHmac, Draft, Request, Scheme, Secret, SecretForm, StampForm, Unverified};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Here we refuse for another reason than the collection expects: two wrong secrets that it tries
/// are all zeros, which we do not even take, and what is not hex is for us one more signature that
/// does not match, as it is for most of the collection.
const OTHER_REASON: [(&str, &str); 3] = [
    ("rfc4231-1-sha256~wrong-secret", "bad_secret"),
    ("adyen-header~wrong-secret", "bad_secret"),
    ("discord-nothex", "mismatch"),
];

/// Schemes of the collection whose signing needs more than a row of the table.
const NOT_COVERED: [&str; 11] = [
    "adyen_item",
    "hubspot_v1",
    "hubspot_v2",
    "linear",
    "mailgun",
    "messagebird_legacy",
    "paypal_string",
    "pusher",
    "rfc9421",
    "sendgrid",
    "twilio",
];

#[test]
fn published_examples_hold() {
    let counts = run(include_str!("examples.json"), &[]);
    assert_eq!(counts.values().sum::<usize>(), 23);
}

#[test]
fn the_vector_collection_holds() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors");
    let folder = std::env::var_os("FOREBAY_VECTORS").map_or(beside.into(), PathBuf::from);
    // Written to the handle itself, for the macros are silenced when a test passes.
    let mut out = std::io::stderr();
    let file = folder.join("signatures.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        let line = "signature vectors: no signatures.json found, only the examples were run";
        writeln!(out, "{line}").unwrap();
        return;
    };
    let counts = run(&text, &NOT_COVERED);
    let list: Vec<String> = counts.iter().map(|(name, n)| format!("{name} {n}")).collect();
    let total: usize = counts.values().sum();
    writeln!(out, "signature vectors: {total} run: {}", list.join(", ")).unwrap();
    for name in Scheme::names().iter().filter(|name| *name != "none") {
        let provider = name.replace("-sha1", "").replace("-advanced", "").replace('-', "_");
        assert!(counts.contains_key(&provider), "no vector proves the row {name}");
    }
    assert!(counts.contains_key("svix") && counts.contains_key("generic"));
}

/// How many vectors were run for each provider; panics with all that failed.
fn run(text: &str, not_covered: &[&str]) -> BTreeMap<String, usize> {
    let collection: Value = serde_json::from_str(text).unwrap();
    let mut counts = BTreeMap::new();
    let mut failures = Vec::new();
    for vector in collection["vectors"].as_array().unwrap() {
        let scheme = vector["scheme"].as_str().unwrap();
        if not_covered.contains(&scheme) {
            continue;
        }
        *counts.entry(vector["provider"].as_str().unwrap().to_owned()).or_default() += 1;
        let id = vector["id"].as_str().unwrap();
        if let Err(failure) = check(id, vector) {
            failures.push(format!("{id}: {failure}"));
        }
    }
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
    counts
}

fn check(id: &str, vector: &Value) -> Result<(), String> {
    let scheme = scheme_of(vector)?;
    let body = body_of(vector);
    let headers: Vec<(&str, &[u8])> = headers_of(vector).map(|(n, v)| (n, v.as_bytes())).collect();
    let now = Time::from_secs(vector["now"].as_u64().unwrap_or(0));
    let request = Request {
        method: vector["method"].as_str().unwrap_or("POST"),
        url: vector["url"].as_str().unwrap_or(""),
        headers: &headers,
        body: &body,
    };
    let verdict = match Secret::parse(vector["secret"].as_str().unwrap(), scheme.secret) {
        Ok(secret) => scheme.verify(&request, &[secret], now).map_err(Unverified::reason),
        Err(_) => Err("bad_secret"),
    };
    let other = OTHER_REASON.iter().find(|(name, _)| *name == id).map(|(_, reason)| *reason);
    let expected = match vector["valid"].as_bool().unwrap() {
        true => Ok(()),
        false => Err(other.unwrap_or(vector["reason"].as_str().unwrap())),
    };
    if verdict != expected {
        return Err(format!("got {verdict:?}, expected {expected:?}"));
    }
    if expected.is_ok() { sign_again(&scheme, vector, &request) } else { Ok(()) }
}

/// What we sign is what they signed: every field that we write stands in their headers.
fn sign_again(scheme: &Scheme, vector: &Value, request: &Request<'_>) -> Result<(), String> {
    let key = vector["signing_key"].as_str().or(vector["secret"].as_str()).unwrap();
    let secret = Secret::parse(key, scheme.secret).unwrap();
    let header = |names: &[String]| {
        let mut found = names.iter().filter_map(|name| theirs(vector, name));
        found.next().unwrap_or_default()
    };
    let draft = Draft {
        id: header(&scheme.id),
        at: sent_at(scheme, vector),
        method: request.method,
        url: request.url,
        body: request.body,
    };
    let is_dated = scheme.sent_at.as_ref().is_some_and(|s| s.form == StampForm::Rfc3339);
    let is_public = scheme.secret == SecretForm::PublicHex;
    if is_dated || is_public {
        // A date has many spellings, and who has a public key cannot sign; a property test
        // covers both.
        return Ok(());
    }
    let headers = scheme.sign(&draft, &[secret]).map_err(|failure| failure.to_string())?;
    for (name, ours) in headers {
        // They may have used another name of the same family.
        let beside = name.replace("webhook-", "svix-");
        let theirs = theirs(vector, &name).or(theirs(vector, &beside));
        let theirs = theirs.ok_or(format!("we write {name}, they do not"))?;
        let separator = scheme.separator.unwrap_or('\0');
        let all: Vec<&str> = theirs.split(separator).map(str::trim).collect();
        if !ours.split(separator).all(|field| all.contains(&field)) {
            return Err(format!("we sign {ours}, they sign {theirs}"));
        }
    }
    Ok(())
}

/// The time that their signature says.
fn sent_at(scheme: &Scheme, vector: &Value) -> Time {
    let digits = |text: &str| text.trim_start_matches(|c: char| !c.is_ascii_digit()).parse();
    let fields = headers_of(vector).flat_map(|(_, value)| value.split([',', ';']));
    let stamps: Vec<u64> = fields.filter_map(|field| digits(field).ok()).collect();
    let now = vector["now"].as_u64().unwrap_or(0);
    let is_near = |secs: &&u64| secs.abs_diff(now) <= 300;
    match scheme.sent_at.as_ref().map(|sent_at| sent_at.form) {
        Some(StampForm::Millis) => {
            let millis = stamps.iter().find(|millis| is_near(&&(**millis / 1_000)));
            Time::from_millis(*millis.unwrap())
        }
        _ => Time::from_secs(stamps.iter().find(is_near).copied().unwrap_or(now)),
    }
}

fn scheme_of(vector: &Value) -> Result<Scheme, String> {
    let text = |key: &str| vector[key].as_str().unwrap();
    let name = match (text("scheme"), text("provider")) {
        ("generic_hmac", _) => return custom(vector),
        (scheme @ ("github" | "github_sha1"), "github") => scheme,
        ("convoy_advanced", _) => "convoy_advanced",
        (_, "svix") => "standard_webhooks",
        (_, provider) => provider,
    };
    let name = name.replace('_', "-");
    let mut scheme = Scheme::preset(&name).ok_or(format!("no preset {name}"))?;
    if let (Some(hash), Some(encoding)) = (vector["hash"].as_str(), vector["encoding"].as_str()) {
        scheme.versions[0].algorithm = hash.parse().unwrap();
        scheme.encoding = encoding.parse().unwrap();
    }
    if let (Some(sent_at), Some(secs)) = (&mut scheme.sent_at, vector["tolerance_s"].as_u64()) {
        sent_at.tolerance = Duration::from_secs(secs);
    }
    Ok(scheme)
}

fn custom(vector: &Value) -> Result<Scheme, String> {
    let text = |key: &str| vector[key].as_str().unwrap();
    let form = match text("secret_encoding") {
        "utf8" => SecretForm::Text,
        other => other.parse().unwrap(),
    };
    let custom = CustomHmac {
        algorithm: text("hash").parse().unwrap(),
        encoding: text("encoding").parse().unwrap(),
        secret: form,
        ..CustomHmac::default()
    };
    custom.scheme().map_err(|failure| failure.to_string())
}

fn body_of(vector: &Value) -> Vec<u8> {
    match vector["body_b64"].as_str() {
        Some(text) => base64(text),
        None => vector["body"].as_str().unwrap().as_bytes().to_vec(),
    }
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

fn headers_of(vector: &Value) -> impl Iterator<Item = (&str, &str)> {
    let headers = vector["headers"].as_object().unwrap();
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
}

fn theirs<'a>(vector: &'a Value, name: &str) -> Option<&'a str> {
    headers_of(vector).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
