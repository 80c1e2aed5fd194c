//! The same things in a file's words and in those of the management API, which differ.

use super::{Module, ResourceKind, Words};
use crate::config::shipped::Shipped;
use crate::config::units::{self, show_bytes, show_count, show_span};
use event::TenantId;
use registry::{Candidate, STOP_AFTER_FAULTS, Share};
use serde_json::{Value, json};
use std::time::Duration;

/// A setting: what a file calls it, what the API does, how a value is written there, and what the
/// API takes for "as usual".
pub(super) struct Word {
    file: &'static str,
    api: &'static str,
    form: Form,
    usual: Usual,
}

#[derive(Clone, Copy)]
enum Form {
    Same,
    /// `"15s"` for milliseconds.
    Span,
    /// `["5s"]` for the like.
    Spans,
    /// `"32MiB"` for bytes.
    Size,
    /// `"100M"` for a number.
    Count,
    /// `{ faults = 20, within = "1m" }` for the like in milliseconds.
    Circuit,
}

#[derive(Clone, Copy)]
enum Usual {
    Null,
    Text,
    False,
    Table,
}

const fn word(file: &'static str, api: &'static str, form: Form, usual: Usual) -> Word {
    Word { file, api, form, usual }
}

const APP: &[Word] = &[
    word("name", "name", Form::Same, Usual::Null),
    word("metadata", "metadata", Form::Same, Usual::Table),
    word("rate", "throttleRate", Form::Same, Usual::Null),
];
const EVENT_TYPE: &[Word] = &[
    word("description", "description", Form::Same, Usual::Text),
    word("archived", "archived", Form::Same, Usual::False),
    word("deprecated", "deprecated", Form::Same, Usual::False),
    word("schemas", "schemas", Form::Same, Usual::Null),
    word("enforced_schema", "enforcedSchema", Form::Same, Usual::Null),
    word("group", "groupName", Form::Same, Usual::Null),
    word("feature_flag", "featureFlag", Form::Same, Usual::Null),
    word("feature_flags", "featureFlags", Form::Same, Usual::Null),
];
/// What a lookup table holds is told by its version alone.
pub(super) const TABLE_CONTENT: &str = "content";
/// What is tried beside a filter has a path of its own.
const CANDIDATE: &str = "candidate";
const FILTER: &[Word] = &[
    word("config", "config", Form::Same, Usual::Table),
    word("on_error", "onError", Form::Same, Usual::Null),
    word("fuel", "fuel", Form::Count, Usual::Null),
    word("memory", "memoryBytes", Form::Size, Usual::Null),
    word("isolate", "isolate", Form::Same, Usual::False),
    word("circuit", "circuit", Form::Circuit, Usual::Null),
];
const SOURCE: &[Word] = &[
    word("scheme", "scheme", Form::Same, Usual::Null),
    word("path", "path", Form::Same, Usual::Null),
];
const ENDPOINT: &[Word] = &[
    word("url", "url", Form::Same, Usual::Null),
    word("description", "description", Form::Same, Usual::Text),
    word("types", "eventTypes", Form::Same, Usual::Null),
    word("channels", "channels", Form::Same, Usual::Null),
    word("where", "where", Form::Same, Usual::Null),
    word("filters", "filters", Form::Same, Usual::Null),
    word("ordering", "ordering", Form::Same, Usual::Null),
    word("schedule", "schedule", Form::Spans, Usual::Null),
    word("timeout", "timeoutMs", Form::Span, Usual::Null),
    word("rate", "throttleRate", Form::Same, Usual::Null),
    word("disabled", "disabled", Form::Same, Usual::False),
    word("metadata", "metadata", Form::Same, Usual::Table),
    word("transformation", "transformation", Form::Same, Usual::Null),
];

/// What says no more than its absence would.
const SILENT: [(&str, &str); 2] = [("ordering", "none"), ("on_error", "reject")];

impl ResourceKind {
    fn table(self) -> &'static [Word] {
        match self {
            ResourceKind::App => APP,
            ResourceKind::EventType => EVENT_TYPE,
            ResourceKind::Table => &[],
            ResourceKind::Filter => FILTER,
            ResourceKind::Source => SOURCE,
            ResourceKind::Endpoint => ENDPOINT,
        }
    }

    /// What the API tells of one, in a file's words.
    pub fn words(self, told: &Value, name: &str) -> Words {
        let mut words = Words::new();
        if self == ResourceKind::Source {
            words = source_words(&told["settings"]);
        }
        for Word { file, api, form, .. } in self.table() {
            let value = form.of_api(&told[*api]);
            let is_silent = SILENT.iter().any(|(key, text)| key == file && value == *text);
            // No pauses is one attempt; nothing else says anything by being empty.
            if *file == "schedule" && value.is_array() {
                words.insert((*file).into(), value);
            } else if !is_silent {
                put(&mut words, file, value);
            }
        }
        if self == ResourceKind::Table {
            put(&mut words, TABLE_CONTENT, told["version"].clone());
        }
        if self == ResourceKind::Filter {
            let digest = told["module"].as_str().unwrap_or_default();
            words.insert("module".into(), module_word(name, digest).into());
            put(&mut words, CANDIDATE, candidate_of_api(name, &told[CANDIDATE]));
        }
        words
    }

    /// What the API is to be told of a new one. A filter's module is its caller's to add.
    pub fn members(self, words: &Words, name: &str) -> Words {
        self.change(&Words::new(), words, name)
    }

    /// What the API is to be told so that `before` becomes `after`.
    pub fn change(self, before: &Words, after: &Words, name: &str) -> Words {
        let mut members = Words::new();
        for Word { file, api, form, usual } in self.table() {
            let (was, is) = (before.get(*file), after.get(*file));
            if was != is {
                let told = is.map_or_else(|| usual.told(), |value| form.to_api(value));
                members.insert((*api).into(), told);
            }
        }
        if self == ResourceKind::App && before.is_empty() || members.contains_key("name") {
            let given = after.get("name").cloned();
            members.insert("name".into(), given.unwrap_or_else(|| name.into()));
        }
        if self == ResourceKind::EventType && before.is_empty() {
            members.entry("description").or_insert_with(|| "".into());
        }
        if self == ResourceKind::Source {
            let (was, is) = (source_settings(before), source_settings(after));
            if was != is {
                members.insert("settings".into(), is.into());
            }
        }
        members
    }

    /// Takes out what a server does by itself to what does not say otherwise: `usual` is its word
    /// on that, `app` the id that it knows the application by.
    pub fn leave_out_usual(self, words: &mut Words, usual: &Value, name: &str, app: &str) {
        let mut usual = self.words(&usual[self.key()], name);
        match self {
            ResourceKind::App => drop(usual.insert("name".into(), name.into())),
            ResourceKind::Source => {
                let own = if app == TenantId::DEFAULT { String::new() } else { format!("{app}/") };
                usual.insert("path".into(), format!("/in/{own}{name}").into());
            }
            ResourceKind::Filter => drop(usual.remove("module")),
            ResourceKind::EventType | ResourceKind::Table | ResourceKind::Endpoint => {}
        }
        words.retain(|key, value| usual.get(key) != Some(value));
    }
}

impl Word {
    pub fn of_module(name: &str, module: &Module) -> String {
        module_word(name, &module.digest().to_string())
    }
}

/// A filter that is named after what comes with the engine is made of it; else a digest says more.
fn module_word(filter: &str, digest: &str) -> String {
    let own = Shipped::find(filter).map(Shipped::digest);
    match own.is_some_and(|own| own.to_string() == digest) {
        true => filter.to_owned(),
        false => format!("sha256:{digest}"),
    }
}

impl Form {
    fn of_api(self, value: &Value) -> Value {
        let number = value.as_u64();
        let read = match self {
            Form::Same => None,
            Form::Span => number.map(|ms| span_word(Duration::from_millis(ms))),
            Form::Size => number.map(size_word),
            Form::Count => number.map(count_word),
            Form::Spans => value.as_array().map(|all| {
                let pause = |text: &Value| match units::span(text.as_str().unwrap_or_default()) {
                    Some(span) => span_word(span),
                    None => text.clone(),
                };
                all.iter().map(pause).collect()
            }),
            Form::Circuit => value["withinMs"].as_u64().map(|ms| {
                let within = span_word(Duration::from_millis(ms));
                json!({ "faults": value["faults"], "within": within })
            }),
        };
        read.unwrap_or_else(|| value.clone())
    }

    fn to_api(self, value: &Value) -> Value {
        let text = value.as_str();
        let written = match self {
            Form::Same | Form::Spans => None,
            Form::Span => text.and_then(units::span).map(|span| json!(millis(span))),
            Form::Size => text.and_then(units::bytes).map(Value::from),
            Form::Count => text.and_then(units::count).map(Value::from),
            Form::Circuit => value["within"]
                .as_str()
                .and_then(units::span)
                .map(|span| json!({ "faults": value["faults"], "withinMs": millis(span) })),
        };
        written.unwrap_or_else(|| value.clone())
    }
}

impl Usual {
    fn told(self) -> Value {
        match self {
            Usual::Null => Value::Null,
            Usual::Text => "".into(),
            Usual::False => false.into(),
            Usual::Table => json!({}),
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Whole, whatever of it is the filter's own: so it reads the same, whoever tells it.
pub(super) fn candidate_words(filter: &str, candidate: &Candidate) -> Value {
    let config: Value = serde_json::from_str(&candidate.config).unwrap_or_default();
    let (canary, faults) = match candidate.share {
        Share::Canary(percent) => (Some(percent), Some(candidate.stop_after_faults)),
        Share::Shadow => (None, None),
    };
    let told = json!({
        "module": candidate.module.to_string(),
        "config": config,
        "canary": canary,
        "stopAfterFaults": faults,
    });
    candidate_of_api(filter, &told)
}

/// Nothing where there is none. Its configuration is said also where it is empty: what is left out
/// is the filter's own.
fn candidate_of_api(filter: &str, told: &Value) -> Value {
    let Some(digest) = told["module"].as_str() else { return Value::Null };
    let mut words = Words::new();
    put(&mut words, "module", module_word(filter, digest).into());
    words.insert("config".to_owned(), told["config"].clone());
    put(&mut words, "canary", told["canary"].clone());
    let faults = told["stopAfterFaults"].as_u64();
    if faults != Some(STOP_AFTER_FAULTS.into()) {
        put(&mut words, "stop_after_faults", json!(faults));
    }
    words.into()
}

/// Puts in what says something.
pub(super) fn put(words: &mut Words, key: &str, value: Value) {
    let is_silent = match &value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    };
    if !is_silent {
        words.insert(key.to_owned(), value);
    }
}

pub(super) fn span_word(span: Duration) -> Value {
    show_span(span).into()
}

pub(super) fn size_word(bytes: u64) -> Value {
    show_bytes(bytes).into()
}

pub(super) fn count_word(count: u64) -> Value {
    match show_count(count) {
        plain if plain.bytes().all(|b| b.is_ascii_digit()) => count.into(),
        scaled => scaled.into(),
    }
}

/// What the API calls the settings of a source, as a file has it.
pub(super) fn source_words(settings: &Value) -> Words {
    let mut words = Words::new();
    for (name, value) in settings.as_object().into_iter().flatten() {
        match &**name {
            "json_only" if *value == true => put(&mut words, "content", "json".into()),
            "json_only" => {}
            "body_bytes_max" => put(&mut words, "max_body", Form::Size.of_api(value)),
            "hmac" => {
                let mut hmac = value.as_object().cloned().unwrap_or_default();
                if let Some(secs) = hmac.remove("tolerance_secs").and_then(|secs| secs.as_u64()) {
                    hmac.insert("tolerance".into(), span_word(Duration::from_secs(secs)));
                }
                hmac.retain(|_, value| !value.is_null());
                put(&mut words, "hmac", hmac.into());
            }
            "respond" => {
                let mut respond = value.as_object().cloned().unwrap_or_default();
                respond.retain(|_, value| !value.is_null());
                put(&mut words, "respond", respond.into());
            }
            _ => put(&mut words, name, value.clone()),
        }
    }
    words
}

fn source_settings(words: &Words) -> Words {
    let mut settings = Words::new();
    for (key, value) in words {
        match &**key {
            "scheme" | "path" => {}
            "content" => put(&mut settings, "json_only", true.into()),
            "max_body" => put(&mut settings, "body_bytes_max", Form::Size.to_api(value)),
            "hmac" => {
                let mut hmac = value.as_object().cloned().unwrap_or_default();
                if let Some(text) = hmac.remove("tolerance") {
                    let span = units::span(text.as_str().unwrap_or_default());
                    let secs = span.unwrap_or_default().as_secs();
                    hmac.insert("tolerance_secs".into(), secs.into());
                }
                put(&mut settings, "hmac", hmac.into());
            }
            _ => put(&mut settings, key, value.clone()),
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn goes_both_ways(kind: ResourceKind, told: Value, words: Value) {
        let read = kind.words(&told, "n");
        assert_eq!(Value::from(read.clone()), words);
        let members = Value::from(kind.members(&read, "n"));
        for (name, value) in members.as_object().into_iter().flatten() {
            assert_eq!(*value, told[name], "{name}");
        }
    }

    #[test]
    fn what_the_api_tells_is_written_in_the_words_of_a_file_and_back() {
        goes_both_ways(
            ResourceKind::Endpoint,
            json!({
                "id": "ep_1", "url": "https://a.b", "description": "", "eventTypes": ["a"],
                "filters": [], "ordering": "none", "schedule": ["5s", "90m"], "timeoutMs": 1500,
                "throttleRate": 7, "disabled": false, "metadata": {}, "where": "x = 1",
                "transformation": { "code": "c", "enabled": false, "variables": {} },
            }),
            json!({
                "url": "https://a.b", "types": ["a"], "schedule": ["5s", "90m"],
                "timeout": "1500ms", "rate": 7, "where": "x = 1",
                "transformation": { "code": "c", "enabled": false, "variables": {} },
            }),
        );
        goes_both_ways(
            ResourceKind::Source,
            json!({ "scheme": "hmac", "path": "/in/app_1/n", "settings": {
                "json_only": true, "body_bytes_max": 1 << 20, "type": "path:kind",
                "hmac": { "header": "x-sig", "tolerance_secs": 300 },
                "respond": { "status": 204, "duplicate": 204 },
            }}),
            json!({
                "scheme": "hmac", "path": "/in/app_1/n", "content": "json",
                "max_body": "1MiB", "type": "path:kind",
                "hmac": { "header": "x-sig", "tolerance": "5m" },
                "respond": { "status": 204, "duplicate": 204 },
            }),
        );
        goes_both_ways(
            ResourceKind::Filter,
            json!({ "module": "00", "config": { "n": 1 }, "onError": "drop", "fuel": 5_000_000,
                    "memoryBytes": 33_554_432, "isolate": true,
                    "circuit": { "faults": 5, "withinMs": 60_000 } }),
            json!({ "module": "sha256:00", "config": { "n": 1 }, "on_error": "drop",
                    "fuel": "5M", "memory": "32MiB", "isolate": true,
                    "circuit": { "faults": 5, "within": "1m" } }),
        );
    }

    #[test]
    fn what_is_tried_beside_a_filter_reads_the_same_in_a_file_and_on_a_server() {
        let module = registry::ModuleDigest([7; 32]);
        let mut candidate = Candidate {
            module,
            config: r#"{"n":1}"#.to_owned(),
            share: Share::Canary(10),
            stop_after_faults: 0,
            ended: None,
        };
        let told = json!({ "module": "00", "candidate": {
            "module": module.to_string(), "config": { "n": 1 }, "canary": 10,
            "stopAfterFaults": 0, "ended": null, "judged": 5, "examples": [],
        }});
        let words = json!({
            "module": format!("sha256:{module}"), "config": { "n": 1 }, "canary": 10,
            "stop_after_faults": 0,
        });
        assert_eq!(ResourceKind::Filter.words(&told, "n")["candidate"], words);
        assert_eq!(candidate_words("n", &candidate), words);
        candidate.share = Share::Shadow;
        candidate.config = "{}".to_owned();
        let bare = json!({ "module": words["module"], "config": {} });
        assert_eq!(candidate_words("n", &candidate), bare);
        candidate.module = Shipped::find("forebay/redact").unwrap().digest();
        let shipped = candidate_words("forebay/redact", &candidate);
        assert_eq!(shipped["module"], "forebay/redact", "as the filter's own is named");
    }

    #[test]
    fn no_pauses_is_not_the_usual_pauses() {
        let usual = json!({ "endpoint": { "schedule": ["5s"], "timeoutMs": 15_000 } });
        let told = json!({ "url": "https://a.b", "schedule": [], "timeoutMs": 15_000 });
        let mut words = ResourceKind::Endpoint.words(&told, "");
        ResourceKind::Endpoint.leave_out_usual(&mut words, &usual, "", "");
        assert_eq!(Value::from(words.clone()), json!({ "url": "https://a.b", "schedule": [] }));
        let mut back = words.clone();
        back.remove("schedule");
        let change = ResourceKind::Endpoint.change(&words, &back, "");
        assert_eq!(Value::from(change), json!({ "schedule": null }));
    }
}
