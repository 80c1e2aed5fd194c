use crate::help::commands;
use crate::nobody::nobody;
use crate::resources::{Place, ask, until};
use crate::run::{ADMIN_KEY, Ended, Folder};
use insta::assert_snapshot;
use serde_json::Value;

/// One event that one endpoint wants, and at which nobody listens: a dead letter after one attempt.
fn prepared() -> Place {
    let place = Place::new();
    place.out("app create --name Shop --uid shop --metadata plan=gold");
    let to = format!("--to {}", nobody());
    place.out(&format!("endpoint create --app shop --uid orders --type order.* {to}"));
    let path = "/api/v1/app/shop/endpoint/orders";
    let patched = ask(&place.serving.url, "PATCH", path, r#"{"schedule":[]}"#);
    assert!(patched.contains("200 OK"), "{patched}");
    let key = place.out("key create --name shop --role producer --app shop");
    let sent = place.with_key(key.trim(), "send --type order.paid --data {\"total\":100}");
    assert_eq!(sent.code, 0, "{}", sent.err);
    let is_counted = || place.json("stats --app shop")["total"]["deadLetters"] == 1;
    let is_listed = || place.json("dlq ls")["data"].as_array().is_some_and(|all| all.len() == 1);
    let is_passed = || {
        let told = place.json("stats --app shop --last 1d --by endpoint");
        let groups = told["groups"].as_array().unwrap();
        groups.len() == 1 && groups.iter().all(|group| group["lagEvents"] == 0)
    };
    until(|| Some(()).filter(|()| is_counted() && is_listed() && is_passed()));
    place
}

/// Each word as it is, unless `change` says what to write in its place.
fn with_words(text: &str, change: impl Fn(&str) -> Option<String>) -> String {
    let is_part = |c: char| c.is_alphanumeric() || "_-.:".contains(c);
    let (mut changed, mut rest) = (String::new(), text);
    while !rest.is_empty() {
        let (word, behind) = rest.split_at(rest.find(|c: char| !is_part(c)).unwrap_or(rest.len()));
        let bare = word.trim_end_matches(['.', ':']);
        changed += &change(bare).unwrap_or_else(|| bare.to_owned());
        changed += &word[bare.len()..];
        let (between, next) = behind.split_at(behind.find(is_part).unwrap_or(behind.len()));
        changed += between;
        rest = next;
    }
    changed
}

/// Without what is another in every run: ids, times, ports, digests and versions.
fn redacted(text: &str) -> String {
    with_words(text, |word| {
        let is_hex = word.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        let is_time = word.len() >= 20 && word.parse::<jiff::Timestamp>().is_ok();
        let name = match word.split_once('_') {
            Some(("app", rest)) if rest.len() > 16 => "<app>",
            Some(("evt", rest)) if rest.len() > 16 => "<event>",
            _ if is_time => "<time>",
            _ if word.starts_with("127.0.0.1:") => "127.0.0.1:<port>",
            _ if word == env!("CARGO_PKG_VERSION") => "<version>",
            _ if is_hex && matches!(word.len(), 12 | 32 | 64) => "<digest>",
            _ => return None,
        };
        Some(name.to_owned())
    })
}

/// A table with two spaces between its cells: how wide they are hangs on what was redacted.
fn narrowed(table: &str) -> String {
    let line = |line: &str| {
        let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        cells.collect::<Vec<_>>().join("  ") + "\n"
    };
    redacted(&table.lines().map(line).collect::<String>())
}

/// JSON with a line for each member, and what was measured left out.
fn spread(mut told: Value) -> String {
    fn mask(value: &mut Value) {
        match value {
            Value::Array(all) => all.iter_mut().for_each(mask),
            Value::Object(members) => members.values_mut().for_each(mask),
            Value::Number(number) if number.is_f64() => *value = "<measured>".into(),
            _ => {}
        }
    }
    mask(&mut told);
    redacted(&format!("{told:#}\n"))
}

fn help_of(folder: &Folder, command: &[String], all: &mut String) {
    let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
    arguments.push("--help");
    let help = folder.run(&arguments).out;
    *all += &format!("# forebay {}\n\n{help}\n", arguments.join(" "));
    for verb in commands(&help) {
        help_of(folder, &[command, &[verb]].concat(), all);
    }
}

#[test]
fn help_of_every_command() {
    let mut all = String::new();
    help_of(&Folder::new(), &[], &mut all);
    assert_snapshot!("help", all);
}

#[test]
fn tables_and_their_json() {
    let place = prepared();
    for (name, line) in [
        ("app_ls", "app ls"),
        ("endpoint_ls", "endpoint ls --app shop"),
        ("dlq_ls", "dlq ls --app shop"),
        ("dlq_purge_dry_run", "dlq purge --app shop --all --dry-run"),
    ] {
        assert_snapshot!(name, narrowed(&place.out(line)));
        assert_snapshot!(format!("{name}_json"), spread(place.json(line)));
    }
}

#[test]
fn counts_of_each_endpoint() {
    let place = prepared();
    let line = "stats --app shop --last 1d --by endpoint";
    let table = narrowed(&place.out(line));
    let measured = |line: &str| {
        let cells = line.split("  ").enumerate();
        let masked = cells.map(|(n, cell)| if matches!(n, 7 | 8) { "<measured>" } else { cell });
        masked.collect::<Vec<_>>().join("  ") + "\n"
    };
    let (head, rows) = table.split_once('\n').unwrap();
    let rows: String = rows.lines().map(measured).collect();
    assert_snapshot!("stats", format!("{head}\n{rows}"));
    let mut told = place.json(line);
    // An hour may have ended between two of its events.
    told["data"] = "<rows>".into();
    assert_snapshot!("stats_json", spread(told));
}

#[test]
fn filters_that_are_shipped() {
    let folder = Folder::new();
    let table = folder.run(&["filter", "ls", "--shipped"]).out;
    let is_count = |word: &str| !word.is_empty() && word.bytes().all(|c| c.is_ascii_digit());
    let count = |word: &str| is_count(word).then(|| "<n>".to_owned());
    assert_snapshot!("filter_ls_shipped", with_words(&narrowed(&table), count));
    let told = folder.run(&["filter", "ls", "--shipped", "--json"]).out;
    let mut told: Value = serde_json::from_str(&told).unwrap();
    for filter in told["data"].as_array_mut().unwrap() {
        filter["bytes"] = "<n>".into();
    }
    assert_snapshot!("filter_ls_shipped_json", spread(told));
}

#[test]
fn errors_say_what_helps() {
    let place = prepared();
    let told = |ended: Ended| {
        let out = if ended.out.is_empty() { "" } else { "\n--- stdout\n" };
        redacted(&format!("exit {}\n{}{out}{}", ended.code, ended.err, ended.out))
    };
    for (name, line) in [
        ("error_unknown_app", "app get nowhere"),
        ("error_unknown_endpoint", "endpoint get nothing --app shop"),
        ("error_nothing_to_change", "app update shop"),
        ("error_nothing_is_meant", "dlq purge --app shop"),
        ("error_no_command", "srve"),
        ("error_bad_url", "app ls --url ftp://example.com"),
    ] {
        assert_snapshot!(name, told(place.run(line)));
    }
    let wrong = place.with_key("a-wrong-key-of-the-tests", "app ls");
    assert_snapshot!("error_wrong_key", told(wrong));
    let mut away = place.folder.command(&["app", "ls", "--url", "http://127.0.0.1:9"]);
    let away = Ended::of(away.env("FOREBAY_KEY", ADMIN_KEY).output().unwrap());
    assert_snapshot!("error_server_not_there", told(away));
    let keyless = place.folder.run(&["app", "ls", "--url", "http://127.0.0.1:9"]);
    assert_snapshot!("error_no_key", told(keyless));
}

#[test]
fn what_differs_in_every_run_is_redacted() {
    let text = "app_2abcdefghijklmnopqrstuvwxyz at 2026-11-30T13:17:20.017950792Z: evt_1, \
                http://127.0.0.1:4242/in 9f86d081884c 9f86d081884 ep_1.";
    let wanted = "<app> at <time>: evt_1, http://127.0.0.1:<port>/in <digest> 9f86d081884 ep_1.";
    assert_eq!(redacted(text), wanted);
    assert_eq!(narrowed("A      B\nx  2026-11-30T13:17:20Z\n"), "A  B\nx  <time>\n");
}
