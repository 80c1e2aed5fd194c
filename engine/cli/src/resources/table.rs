use serde_json::Value;
use std::fmt::Write;

/// A column of a list: its head, and the member that it shows.
pub type Column = (&'static str, &'static str);

/// Columns as wide as they need to be.
pub fn render(columns: &[Column], rows: &[Value]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let heads: Vec<String> = columns.iter().map(|(head, _)| (*head).to_owned()).collect();
    let cells = rows.iter().map(|row| columns.iter().map(|(_, at)| text(&row[*at])).collect());
    let lines: Vec<Vec<String>> = [heads].into_iter().chain(cells).collect();
    let width = |n: usize| lines.iter().map(|line| line[n].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut table = String::new();
    for line in &lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(row, "{cell:width$}  ");
        }
        let _ = writeln!(table, "{}", row.trim_end());
    }
    table
}

/// Members that stand beside others for clients of other versions; so does a `version` that is a
/// number.
const FOR_CLIENTS: [&str; 2] = ["filterTypes", "rateLimit"];

/// A line for each member that says something.
pub fn members(resource: &Value) -> String {
    let all = resource.as_object().into_iter().flatten();
    let is_for_clients = |name: &str, value: &Value| {
        FOR_CLIENTS.contains(&name) || (name == "version" && value.is_number())
    };
    let says = |name: &str, value: &Value| !is_empty(value) && !is_for_clients(name, value);
    let all: Vec<_> = all.filter(|(name, value)| says(name, value)).collect();
    let width = all.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    all.iter().fold(String::new(), |mut lines, (name, value)| {
        let _ = writeln!(lines, "{name:width$}  {}", text(value));
        lines
    })
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A value on one line. Control characters of a server stay its own.
pub fn text(value: &Value) -> String {
    let text = match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(is) => if *is { "yes" } else { "no" }.to_owned(),
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    let shown = |letter: char| if letter.is_control() { '\u{fffd}' } else { letter };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_as_wide_as_they_need_to_be() {
        let rows = [json!({ "id": "é1", "on": true }), json!({ "id": "abc", "on": null })];
        assert_eq!(render(&[("ID", "id"), ("ON", "on")], &rows), "ID   ON\né1   yes\nabc  –\n");
        assert_eq!(render(&[("ID", "id")], &[]), "");
    }

    #[test]
    fn members_that_say_nothing_are_left_out() {
        let resource = json!({ "a": "", "b": [], "c": {}, "d": null, "version": 1, "name": false });
        assert_eq!(members(&resource), "name  no\n");
    }

    #[test]
    fn a_server_writes_no_control_characters_on_a_terminal() {
        assert!(!members(&json!({ "a": "\u{1b}[31m" })).contains('\u{1b}'));
    }
}
