//! The filters that ship with Forebay take large bodies within the usual limits. One that was
//! written to do harm may cost its own event the fuel, and nothing else ever.

use crate::kit::*;
use event::Verdict;
use filter::FaultKind;
use std::fs;
use std::path::Path;

/// `part` over and over between two ends, as large as is wanted.
fn filled(bytes: usize, before: &str, part: &str, after: &str) -> Vec<u8> {
    let count = (bytes - before.len() - after.len()) / part.len();
    format!("{before}{}{after}", part.repeat(count)).into_bytes()
}

/// What users send, as far as `HARMLESS` names it, and what those send who want to do harm.
fn json_bodies(bytes: usize) -> Vec<(&'static str, Vec<u8>)> {
    let order = r#"{"id":12345,"mail":"jane@example.com","note":"A <b>note</b>","tags":["a","b"],
        "price":{"amount":19.99,"currency":"EUR"},"paid":true},"#;
    vec![
        ("orders", filled(bytes, r#"{"a":{"b":["#, order, "0]}}")),
        ("small values", filled(bytes, "[", "1,", "0]")),
        ("empty objects", filled(bytes, r#"{"a":["#, "{},", "0]}")),
        ("members of one name", filled(bytes, "{", "\"a\":1,", "\"a\":0}")),
        ("depth", format!("{}{}", "[".repeat(bytes / 2), "]".repeat(bytes / 2)).into_bytes()),
        ("deep members", {
            let count = bytes / 6;
            format!("{}0{}", "{\"a\":".repeat(count), "}".repeat(count)).into_bytes()
        }),
        ("one text", filled(bytes, "\"", "Lorem ipsum dolor ", "\"")),
        ("markup", filled(bytes, "[\"", "<&", "\"]")),
        ("letters beyond ASCII", filled(bytes, "\"", "ä", "\"")),
        ("escapes", filled(bytes, "\"", "\\u0040", "\"")),
        ("addresses", filled(bytes, "[\"", "a@b.co ", "\"]")),
        ("near addresses", filled(bytes, "\"", "@.-a", "\"")),
        ("near cards", filled(bytes, "\"", "4444 ", "\"")),
        ("groups", filled(bytes, "\"", "41 ", "\"")),
        ("digits", filled(bytes, "[", "4", "]")),
        ("no JSON", filled(bytes, "", "a=b&", "")),
        ("not UTF-8", [b"\"".as_slice(), &vec![0xff; bytes - 2], b"\""].concat()),
        ("cut", filled(bytes, "{\"a\":[", "{\"b\":1},", "")),
    ]
}

const HARMLESS: &[&str] =
    &["orders", "one text", "letters beyond ASCII", "no JSON", "digits", "text"];

fn xml_bodies(bytes: usize) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("orders", filled(bytes, "<o>", "<i n='1'>A &amp; B</i>\n<p>2</p>", "</o>")),
        ("empty elements", filled(bytes, "<o>", "<a/>", "</o>")),
        ("attributes", filled(bytes, "<o>", "<a b='' c='' d='' e='' f='' g=''/>", "</o>")),
        ("depth", "<a>".repeat(bytes / 3).into_bytes()),
        ("text", filled(bytes, "<o>", "Lorem ipsum ", "</o>")),
        ("entities", filled(bytes, "<o>", "&#65;", "</o>")),
        ("names", {
            let names: String = (0..bytes / 9).map(|n| format!("<a{n}/>")).collect();
            format!("<o>{names}</o>").into_bytes()
        }),
        ("comments", filled(bytes, "<o>", "<!---->", "</o>")),
        ("cut", filled(bytes, "<o>", "<a>", "")),
    ]
}

fn check(name: &str, config: &str, bodies: &[(&str, Vec<u8>)]) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../filters").join(name);
    let wasm = fs::read(folder.join(format!("{name}.wasm"))).unwrap();
    let module = admit_bytes(&wasm).unwrap();
    let chain = chain(&[Setting::default().configured(&module, config)]);
    let mut failed = Vec::new();
    for (of, body) in bodies {
        let answer = ask(&chain, &[event(1, body)]);
        let verdict = match &answer.verdicts[0] {
            Verdict::Reject { reason } => format!("rejected: {reason}"),
            Verdict::Emit(outputs) => format!("{} bytes", outputs[0].body.len()),
            other => format!("{other:?}"),
        };
        let fuel = answer.fuel / (body.len() as u64 / 1024);
        println!("{name:14} {of:22} {fuel:7} a KiB  {verdict:.60}");
        let bad = |fault: &&filter::FaultNote| {
            HARMLESS.contains(of) || fault.kind != FaultKind::OutOfFuel
        };
        let faults = answer.faults.iter().filter(bad);
        failed.extend(faults.map(|fault| format!("{name}, {of}: {}", fault.text)));
    }
    failed
}

#[test]
fn large_bodies_are_within_the_usual_limits() {
    let mut failed = Vec::new();
    for &(name, kib, config) in FILTERS {
        let bodies = match name {
            "xml-to-json" => xml_bodies(kib << 10),
            _ => json_bodies(kib << 10),
        };
        failed.extend(check(name, config, &bodies));
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// A filter, how many KiB of a harmless body it takes, its configuration.
const FILTERS: &[(&str, usize, &str)] = &[
    ("redact", 1024, r#"{"pointers":["/a/b/*/note","/*/x"]}"#),
    ("redact", 1024, r#"{"pointers":["/a/b/*/note","/*"],"action":"remove"}"#),
    ("sanitise", 1024, r#"{"length_max":1000000}"#),
    ("sanitise", 1024, r#"{"pointers":["/a/b/*/note"],"not_json":"clean"}"#),
    ("fields", 512, r#"{"drop":["/a/b/*/mail"],"rename":{"/a/b/*/note":"text"},"set":{"/c/d":1}}"#),
    ("fields", 512, r#"{"flatten":true}"#),
    ("fields", 512, r#"{"pick":["/a/b/*/id","/*/a"]}"#),
    ("template", 1024, r#"{"json":{"first":"{{/a/b/0/mail}}","all":"{{data}}"}}"#),
    ("route", 1024, r#"{"by":"/a/b/0/id","rules":[{"is":12345,"type":"x"}]}"#),
    ("cloudevents", 1024, r#"{"subject":"/a/b/0/id"}"#),
    ("cloudevents", 1024, r#"{"mode":"unwrap"}"#),
    ("chat-message", 1024, r#"{"text":"{{/a/b/0/mail}} {{data}}"}"#),
    ("sample", 1024, r#"{"share":0.5,"by":"/a/b/0/id"}"#),
    ("sample", 1024, r#"{"share":0.5,"by":"/0/0/0/0/0/0/0/0"}"#),
    ("github-push-to-slack", 1024, "{}"),
    ("pushes-to-main", 1024, "{}"),
    ("xml-to-json", 256, r#"{"not_xml":"reject"}"#),
    ("xml-to-json", 256, r#"{"lists":["a"],"strip_prefixes":true}"#),
];
