//! Values and tables as TOML.

use serde_json::Value;

/// On one line; None for what TOML cannot say.
pub fn inline(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(fact) => fact.to_string(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => number.to_string(),
            None if number.is_u64() => return None,
            None => format!("{:?}", number.as_f64()?),
        },
        Value::String(text) => quoted(text),
        Value::Array(all) => {
            let all: Option<Vec<String>> = all.iter().map(inline).collect();
            format!("[{}]", all?.join(", "))
        }
        Value::Object(members) => {
            let mut entries = Vec::new();
            for (name, value) in members {
                entries.push(format!("{} = {}", key(name), inline(value)?));
            }
            if entries.is_empty() { "{}".into() } else { format!("{{ {} }}", entries.join(", ")) }
        }
    })
}

pub fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !name.is_empty() && name.chars().all(is_bare) {
        true => name.to_owned(),
        false => serde_json::Value::from(name).to_string(),
    }
}

/// A setting as it stands in a file. What TOML cannot say is said as a text of JSON; what is tried
/// beside a filter is made of settings itself.
pub fn line(name: &str, value: &Value) -> String {
    if let ("candidate", Value::Object(own)) = (name, value) {
        let own: Vec<String> = own.iter().map(|(name, value)| line(name, value)).collect();
        return format!("{name} = {{ {} }}", own.join(", "));
    }
    let is_free = matches!(name, "config" | "schemas");
    let is_table = value.is_object() || value.is_array();
    match inline(value).filter(|_| !is_free || is_table) {
        Some(text) => format!("{} = {text}", key(name)),
        None => format!("{} = {}", key(&format!("{name}_json")), quoted(&value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_is_read_back() {
        for value in [
            json!("a \"b\"\n'c'\t\u{1}"),
            json!([1, -2, 1.0, 1e300, true, "x", [], {}]),
            json!({ "a b": { "é": 1 }, "c\"d\n": [{ "e": "f" }] }),
        ] {
            let text = format!("v = {}", inline(&value).unwrap());
            let read: toml::Table = text.parse().unwrap();
            assert_eq!(serde_json::to_value(&read["v"]).unwrap(), value, "{text}");
        }
        assert_eq!(line("config", &json!({ "a": null })), "config_json = '{\"a\":null}'");
        assert_eq!(line("config", &json!({ "a": 1 })), "config = { a = 1 }");
        assert_eq!(line("config", &json!(7)), "config_json = \"7\"");
        let tried = json!({ "canary": 5, "config": { "a": null } });
        let told = line("candidate", &tried);
        assert_eq!(told, "candidate = { canary = 5, config_json = '{\"a\":null}' }");
        let read: toml::Table = told.parse().unwrap();
        assert_eq!(read["candidate"]["config_json"].as_str(), Some("{\"a\":null}"));
        assert_eq!(inline(&json!(u64::MAX)), None);
    }
}
