//! The demo, run as a stranger would run it, and broken on purpose.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests meet the machine")]

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn demo(arguments: &[&str]) -> Output {
    let binary = env!("CARGO_BIN_EXE_forebay");
    Command::new(binary).arg("demo").args(arguments).output().unwrap()
}

fn summary(arguments: &[&str], exit: i32) -> Value {
    let output = demo(&[&["--json"], arguments].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(exit), "{said}\n{printed}");
    serde_json::from_str(&printed).unwrap()
}

fn endpoint<'s>(summary: &'s Value, name: &str) -> &'s Value {
    let endpoints = summary["endpoints"].as_array().unwrap();
    endpoints.iter().find(|endpoint| endpoint["endpoint"] == name).unwrap()
}

#[test]
fn all_that_goes_in_comes_out_where_it_should() {
    let summary = summary(&["--events", "300"], 0);
    assert_eq!(summary["is_ok"], true);
    assert_eq!(summary["sent"]["events"], 300);
    assert_eq!(endpoint(&summary, "audit-log")["delivered"], 300);
    let billing = endpoint(&summary, "billing");
    assert!(billing["failed_attempts"].as_u64().unwrap() > 0);
    assert_eq!(billing["delivered"], billing["matched"]);
    for name in ["open-source", "team-channel"] {
        assert!(endpoint(&summary, name)["dropped"].as_u64().unwrap() > 0, "{name}");
    }
    let letters = summary["dead_letters"].as_array().unwrap();
    let letter = |name: &str| letters.iter().find(|letter| letter["endpoint"] == name).unwrap();
    let (trapped, refused) = (letter("search"), letter("old-erp"));
    assert_eq!((letters.len(), &trapped["events"], &refused["events"]), (2, &1.into(), &2.into()));
    let text = trapped["reason"].as_str().unwrap();
    assert!(text.contains("the marker on which this filter breaks"), "{text}");
    assert_eq!(refused["attempts"], 2);
    let providers = summary["providers"].as_array().unwrap();
    let sum = |name: &str| providers.iter().map(|came| came[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("events"), sum("forged_refused")), (300, 5));
    assert!(sum("sent_again") >= 5);
}

#[test]
fn what_is_wrong_is_noticed() {
    let table = [
        ("lose", "lost", 1),
        ("dup", "duplicated", 1),
        ("sign", "bad_signatures", 100),
        ("filter", "unexpected", 1),
    ];
    for (way, count, at_least) in table {
        let summary = summary(&["--events", "100", "--sabotage", way], 1);
        let found = summary["audit"][count].as_u64().unwrap();
        assert!(found >= at_least, "{way}: {found} {count}");
        assert!(!summary["audit"]["problems"].as_array().unwrap().is_empty(), "{way}");
    }
}

#[test]
fn the_page_says_what_became_of_everything() {
    let output = demo(&["--events", "60"]);
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{page}");
    for words in [
        "All is as it should be",
        "✓ 0 lost",
        "github",
        "audit-log",
        "Connection refused",
        "which this filter breaks",
        "[redacted]",
    ] {
        assert!(page.contains(words), "{words:?} is missing in\n{page}");
    }
    assert!(!page.contains('\x1b'), "no colours where there is no terminal");
    assert!(String::from_utf8(output.stderr).unwrap().contains("accepted"));
}

#[test]
fn a_corpus_is_sent_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let twin = "{ \"id\":\"evt_twin_0001\",\n\t\"type\":\"invoice.paid\", \"n\": 1.50 }";
    write("folder/stripe/invoice.paid/a.json", twin);
    write("folder/stripe/invoice.paid/b.json", twin);
    write("folder/github/push/deleted.json", r#"{"ref":"refs/heads/main","deleted":true}"#);
    write("folder/standard-webhooks/note.taken/a.json", r#"{"type":"note.taken","é":"\u00e9"}"#);
    let before = corpus(&dir.path().join("folder"));
    // Two files with one delivery are one event.
    assert_eq!(before["sent"]["events"], 25 + 1 + 3);

    let example = r#"{"action" : "opened","repository":{"private":false}}"#;
    let index =
        format!(r#"[{{"name":"issues","actions":["opened"],"examples":[{example},{example}]}}]"#);
    write("package/payload-examples/api.github.com/index.json", &index);
    let package = corpus(&dir.path().join("package"));
    // Doubles have deliveries of their own.
    assert_eq!(package["sent"]["events"], 25 + 1 + 2);
    let without = endpoint(&before, "open-source")["delivered"].as_u64().unwrap();
    assert_eq!(endpoint(&package, "open-source")["delivered"], without + 2);
}

fn corpus(path: &Path) -> Value {
    summary(&["--corpus", path.to_str().unwrap()], 0)
}

#[test]
fn a_corpus_that_is_none_is_a_usage_error() {
    let dir = tempfile::tempdir().unwrap();
    let output = demo(&["--corpus", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("no payloads"));
}
