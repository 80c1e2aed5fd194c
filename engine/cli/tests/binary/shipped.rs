use crate::nobody::nobody;
use crate::run::{ADMIN_KEY, Ended, Folder, SECRET};
use crate::serve::{Serving, receiver};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

#[test]
fn shipped_filters_are_listed_without_a_server() {
    let folder = Folder::new();
    let told = folder.run(&["filter", "ls", "--shipped"]);
    assert_eq!((told.code, &*told.err), (0, ""));
    let table = told.out;
    let redact = table.lines().find(|line| line.starts_with("forebay/redact ")).unwrap();
    assert!(redact.contains("pointers") && redact.contains("Takes personal data out"), "{table}");
    assert!(table.contains("share*") && !table.contains("mask*"), "{table}");
    let told = folder.run(&["filter", "ls", "--shipped", "--json"]).out;
    let told: Value = serde_json::from_str(&told).unwrap();
    let all = told["data"].as_array().unwrap();
    assert_eq!(all.len() + 1, table.lines().count());
    for filter in all {
        assert_eq!(filter["module"].as_str().unwrap().len(), 64, "{filter}");
        let is_small = filter["bytes"].as_u64().unwrap() < 100 << 10;
        assert!(is_small || is_runner(filter), "{filter}");
        assert!(filter["about"].as_str().unwrap().ends_with('.'), "{filter}");
        assert!(filter["config"]["properties"].is_object(), "{filter}");
    }
}

/// What runs scripts takes whatever stands beside the script.
fn is_runner(filter: &Value) -> bool {
    filter["config"]["additionalProperties"] == true
}

#[test]
fn every_shipped_filter_starts_and_names_the_key_that_is_wrong() {
    let folder = Folder::new();
    let serving = Serving::start(&folder);
    let run = |arguments: &[&str]| {
        let mut command = folder.command(arguments);
        command.env("FOREBAY_URL", &serving.url).env("FOREBAY_KEY", ADMIN_KEY);
        Ended::of(command.output().unwrap())
    };
    let needed = BTreeMap::from([
        ("forebay/chat-message", r#"{"text":"{{type}}"}"#),
        ("forebay/route", r#"{"by":"type","rules":[{"is":"a","drop":true}]}"#),
        ("forebay/sample", r#"{"share":0.5}"#),
        ("forebay/template", r#"{"json":"{{type}}"}"#),
    ]);
    let told = run(&["filter", "ls", "--shipped", "--json"]).out;
    let told: Value = serde_json::from_str(&told).unwrap();
    let configured = |filter: &&Value| !is_runner(filter);
    for filter in told["data"].as_array().unwrap().iter().filter(configured) {
        let name = filter["name"].as_str().unwrap();
        let config = needed.get(name).copied().unwrap_or("{}");
        let pushed = run(&["filter", "push", "mine", name, "--config", config]);
        assert_eq!(pushed.code, 0, "{name}: {}", pushed.err);
        let mut wrong: Value = serde_json::from_str(config).unwrap();
        wrong["no such key"] = 1.into();
        let pushed = run(&["filter", "push", "mine", name, "--config", &wrong.to_string()]);
        assert_eq!(pushed.code, 1, "{name}");
        assert!(pushed.err.contains("`no such key`"), "{name}: {}", pushed.err);
        let endpoint = ["endpoint", "create", "--to", nobody(), "--filter", name];
        let made = run(&endpoint);
        match needed.contains_key(name) {
            false => assert_eq!(made.code, 0, "{name}: {}", made.err),
            true => assert!(made.err.contains("is missing"), "{name}: {}", made.err),
        }
    }
    let misspelt = run(&["filter", "push", "mine", "forebay/redakt"]);
    assert!(
        misspelt.err.contains("did you mean \"forebay/redact\"? There are"),
        "{}",
        misspelt.err
    );
    assert_eq!(serving.stop(), 0);
}

#[test]
fn shipped_filters_change_what_is_delivered() {
    let (hooks, received) = receiver();
    let folder = Folder::with(&format!(
        "[[filter]]\nname = \"fewer\"\nmodule = \"forebay/fields\"\n\
         config = {{ drop = [\"/b\"] }}\n\
         [[endpoint]]\nname = \"in-one-row\"\nurl = \"{hooks}\"\nsecret = \"{SECRET}\"\n\
         filters = [\"forebay/redact\", \"fewer\", \"forebay/sanitise\"]\n"
    ));
    let serving = Serving::start(&folder);
    let mut send = folder.command(&["send", "--type", "t", "--data"]);
    send.arg(r#"{"a":"<jane@example.com>","b":1,"c":1.50}"#);
    send.env("FOREBAY_URL", &serving.url).env("FOREBAY_KEY", ADMIN_KEY);
    assert!(send.status().unwrap().success());
    let (_, body) = received.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(body, r#"{"a":"&lt;[redacted]&gt;","c":1.50}"#);
    assert_eq!(serving.stop(), 0);
}

/// It is larger than `module_bytes` allows, and there is no file of it.
#[test]
fn python_runs_by_its_name_alone() {
    let (hooks, received) = receiver();
    let folder = Folder::with(&format!(
        "[filters]\nmodule_bytes = \"1MiB\"\n\
         [[filter]]\nname = \"large\"\nmodule = \"forebay/python\"\n\
         [filter.config]\nmin = 100\nscript = \'\'\'\n\
         def filter(event, config):\n    \
         order = event.json()\n    \
         return order['amount'] >= config['min'] and Output(body={{**order, 'large': True}})\n\
         \'\'\'\n\
         [[endpoint]]\nname = \"orders\"\nurl = \"{hooks}\"\nsecret = \"{SECRET}\"\n\
         filters = [\"large\"]\n"
    ));
    let serving = Serving::start(&folder);
    let run = |arguments: &[&str]| {
        let mut command = folder.command(arguments);
        command.env("FOREBAY_URL", &serving.url).env("FOREBAY_KEY", ADMIN_KEY);
        Ended::of(command.output().unwrap())
    };
    for amount in ["5", "500"] {
        let sent = run(&["send", "--type", "t", "--data", &format!("{{\"amount\":{amount}}}")]);
        assert_eq!(sent.code, 0, "{}", sent.err);
    }
    let (_, body) = received.recv_timeout(Duration::from_secs(300)).unwrap();
    assert_eq!(body, r#"{"amount":500,"large":true}"#);

    let wrong = r#"{"script":"def filter(event, config):\n  return tru e\n"}"#;
    let pushed = run(&["filter", "push", "mine", "forebay/python", "--config", wrong]);
    assert!(pushed.code == 1 && pushed.err.contains("script:2:"), "{}", pushed.err);
    let right = r#"{"script":"def filter(event, config):\n  return True\n"}"#;
    let pushed = run(&["filter", "push", "mine", "forebay/python", "--config", right]);
    assert_eq!(pushed.code, 0, "{}", pushed.err);
    assert_eq!(serving.stop(), 0);
}
