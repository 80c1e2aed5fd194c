//! What two filters make of an event, for people.

use super::trial::plain;
use serde_json::Value;
use std::fmt::Write;

/// An event and what two filters say of it, or one of them alone.
pub(super) fn compared(text: &mut String, example: &Value, (before, after): (&str, &str)) {
    let (after, before) = (&example[after], &example[before]);
    let was = before["verdict"].as_str().map(|was| format!("{was} → ")).unwrap_or_default();
    let (id, event_type) = (plain(&example["eventId"]), plain(&example["eventType"]));
    let _ = writeln!(text, "\n{id}  {event_type}  {was}{}", plain(&after["verdict"]));
    let _ = writeln!(text, "  {}", shown(&example["body"]));
    if before.is_null() || before["reason"] == after["reason"] {
        say(text, "", "because", &after["reason"]);
    } else {
        say(text, "- ", "because", &before["reason"]);
        say(text, "+ ", "because", &after["reason"]);
    }
    let differences = example["differences"].as_array().map_or(&[][..], Vec::as_slice);
    for difference in differences {
        let head = head(difference, differences.len() > 1, !before.is_null());
        head.iter().for_each(|head| text.push_str(head));
        add_changes(text, difference);
    }
}

/// A line of its own for a value that is there.
fn say(text: &mut String, sign: &str, label: &str, value: &Value) {
    if value.is_string() {
        let _ = writeln!(text, "  {sign}{label}: {}", plain(value));
    }
}

/// Which output it is, and what it is compared with, where that does not go without saying.
fn head(difference: &Value, is_one_of_several: bool, are_two_filters: bool) -> Option<String> {
    let whose = match difference["of"].as_str() {
        Some("inForce") => " of the filter in force alone, beside the event",
        Some("tried") if are_two_filters => " of the one on trial alone, beside the event",
        _ => "",
    };
    let has_changes = difference["changes"].as_array().is_some_and(|all| !all.is_empty());
    let end = if has_changes || difference["further"] != 0 { "" } else { " the same" };
    let goes_without_saying = !is_one_of_several && whose.is_empty() && end.is_empty();
    (!goes_without_saying).then(|| format!("  output {}{whose}:{end}\n", difference["output"]))
}

fn add_changes(text: &mut String, difference: &Value) {
    for change in difference["changes"].as_array().into_iter().flatten() {
        let label = label(change);
        say(text, "- ", &label, &change["old"]);
        say(text, "+ ", &label, &change["new"]);
    }
    if let Some(further @ 1..) = difference["further"].as_u64() {
        let _ = writeln!(text, "  … and {further} more");
    }
}

fn label(change: &Value) -> String {
    let at = change["at"].as_str().map(|_| plain(&change["at"])).unwrap_or_default();
    match (change["part"].as_str().unwrap_or_default(), &*at) {
        ("json", "") => "body".to_owned(),
        ("json", at) => at.to_owned(),
        ("header", "") => "headers".to_owned(),
        (part, "") => part.to_owned(),
        (part, at) => format!("{part} {at}"),
    }
}

/// A body on one line.
fn shown(body: &Value) -> String {
    const CHARACTERS_MAX: usize = 200;
    let whole = body["text"].as_str().map(str::to_owned);
    let whole = whole.unwrap_or_else(|| format!("base64 {}", plain(&body["base64"])));
    let line: String = whole.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.chars().count() {
        count if count <= CHARACTERS_MAX => line,
        _ => format!(
            "{}… ({} bytes)",
            line.chars().take(CHARACTERS_MAX).collect::<String>(),
            body["bytes"]
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn verdict(word: &str, reason: Option<&str>) -> Value {
        json!({ "verdict": word, "reason": reason, "outputs": [] })
    }

    fn change(part: &str, at: Value, old: Value, new: Value) -> Value {
        json!({ "part": part, "at": at, "old": old, "new": new })
    }

    fn told(before: Value, after: Value, differences: Value) -> String {
        let body = json!({ "text": "{}", "base64": null, "bytes": 2 });
        let example = json!({
            "eventId": "evt_1", "eventType": "a", "body": body, "before": before, "after": after,
            "differences": differences,
        });
        let mut text = String::new();
        compared(&mut text, &example, ("before", "after"));
        text
    }

    #[test]
    fn each_change_is_a_line_for_what_was_and_one_for_what_is() {
        let changes = json!([
            change("type", json!(null), json!("a"), json!("b")),
            change("header", json!("x-a"), json!("1"), json!(null)),
            change("header", json!(null), json!("a, b"), json!("b, a")),
            change("json", json!("/n"), json!("1"), json!("\"\u{1b}\"")),
            change("json", json!(""), json!("1"), json!("2")),
            change("line", json!("3"), json!(null), json!("new")),
            change("byte", json!("7"), json!("00 (8 bytes)"), json!("01 (8 bytes)")),
        ]);
        let one = json!([{ "output": 0, "of": "tried", "changes": changes, "further": 5 }]);
        let wanted = "\nevt_1  a  emit\n  {}\n  - type: a\n  + type: b\n  - header x-a: 1\n  \
                      - headers: a, b\n  + headers: b, a\n  - /n: 1\n  + /n: \"\u{fffd}\"\n  \
                      - body: 1\n  + body: 2\n  + line 3: new\n  - byte 7: 00 (8 bytes)\n  \
                      + byte 7: 01 (8 bytes)\n  … and 5 more\n";
        assert_eq!(told(json!(null), verdict("emit", None), one), wanted);
    }

    #[test]
    fn outputs_say_whose_they_are_and_what_they_are_compared_with() {
        let changes = || json!([change("key", json!(null), json!(null), json!("k"))]);
        let all = json!([
            { "output": 0, "of": "both", "changes": changes(), "further": 0 },
            { "output": 1, "of": "tried", "changes": [], "further": 0 },
            { "output": 2, "of": "inForce", "changes": changes(), "further": 0 },
        ]);
        let emit = || verdict("emit", None);
        let wanted = "\nevt_1  a  emit → emit\n  {}\n  output 0:\n  + key: k\n  \
                      output 1 of the one on trial alone, beside the event: the same\n  \
                      output 2 of the filter in force alone, beside the event:\n  + key: k\n";
        assert_eq!(told(emit(), emit(), all), wanted);
        let one = json!([{ "output": 0, "of": "both", "changes": changes(), "further": 0 }]);
        assert_eq!(told(emit(), emit(), one), "\nevt_1  a  emit → emit\n  {}\n  + key: k\n");
    }

    #[test]
    fn reasons_are_told_once_or_as_a_change() {
        let reject = |reason| verdict("reject", Some(reason));
        let none = || json!([]);
        let alone = told(json!(null), reject("no"), none());
        assert_eq!(alone, "\nevt_1  a  reject\n  {}\n  because: no\n");
        let same = told(reject("no"), reject("no"), none());
        assert_eq!(same, "\nevt_1  a  reject → reject\n  {}\n  because: no\n");
        let other = told(reject("no"), reject("never"), none());
        let wanted = "\nevt_1  a  reject → reject\n  {}\n  - because: no\n  + because: never\n";
        assert_eq!(other, wanted);
    }
}
