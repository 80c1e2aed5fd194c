use super::compared::compared;
use super::erase::bar;
use super::fields::Members;
use super::within::OfFilters;
use super::{One, Settings, ask};
use crate::exit::{Exit, Failure};
use crate::given::print;
use crate::workshop::size;
use clap::Args;
use hyper::Method;
use serde_json::{Value, json};
use std::fmt::Write;

/// Which events a filter is tried with, and what stands in the place of what is in force.
#[derive(Args)]
pub struct Trial {
    /// A module to try in the place of that in force: a .wasm file, the SHA-256 of one that was
    /// uploaded, or one that comes with the engine, such as forebay/redact
    #[arg(long, value_name = "MODULE")]
    module: Option<String>,
    #[command(flatten)]
    settings: Settings,
    /// So many events, the newest, 1,000 at a time [default: 100]
    #[arg(long, value_name = "N")]
    events: Option<usize>,
    /// Events of this type alone; may be given several times
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Events since this time alone, such as 2026-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Events before this time alone
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// So many examples [default: 10]
    #[arg(long, value_name = "N")]
    examples: Option<usize>,
}

const EVENTS_DEFAULT: usize = 100;
const EXAMPLES_DEFAULT: usize = 10;
/// What a server takes in one request.
const PART_EVENTS_MAX: usize = 1_000;
/// Of several parts as many are told as of one.
const LISTS: [(&str, usize); 2] = [("faults", 20), ("logs", 100)];

impl One<OfFilters> {
    pub(super) fn dry_run(&self, trial: &Trial) -> Result<Exit, Failure> {
        let mut filter = trial.settings.members()?;
        if let Some(module) = &trial.module {
            filter.insert("module".to_owned(), self.module(module)?);
        }
        let filter = Some(filter).filter(|filter| !filter.is_empty()).map(Value::from);
        let types = (!trial.types.is_empty()).then(|| json!(trial.types));
        let body = Members::new()
            .with("filter", &filter)
            .with("eventTypes", &types)
            .with("since", &trial.since)
            .with("until", &trial.until);
        let told = self.in_parts(body.0.into(), trial)?;
        match self.server.json {
            true => print(&format!("{told}\n"))?,
            false => print(&report(&told))?,
        }
        Ok(Exit::Ok)
    }

    /// One request, or as many as it takes for the events that were asked for by number.
    fn in_parts(&self, mut body: Value, trial: &Trial) -> Result<Value, Failure> {
        let (path, bar) = (self.path_below("dry-run")?, bar());
        let events = trial.events.unwrap_or(EVENTS_DEFAULT);
        let mut examples_left = trial.examples.unwrap_or(EXAMPLES_DEFAULT);
        let (mut seen, mut whole) = (0, Value::Null);
        loop {
            body["events"] = PART_EVENTS_MAX.min(events.saturating_sub(seen)).into();
            body["examples"] = examples_left.into();
            let part = ask(&self.server, Method::POST, &path, Some(&body))?.json();
            seen += part["events"].as_u64().unwrap_or(0) as usize;
            let examples = part["examples"].as_array().map_or(0, Vec::len);
            examples_left = examples_left.saturating_sub(examples);
            let iterator = part["iterator"].clone();
            add(&mut whole, part);
            if trial.events.is_none() || seen >= events || iterator.is_null() {
                break;
            }
            body["iterator"] = iterator;
            bar.set_length(events as u64);
            bar.set_position(seen as u64);
            bar.set_message("events");
        }
        bar.finish_and_clear();
        for (name, most) in LISTS {
            if let Some(list) = whole.get_mut(name).and_then(Value::as_array_mut) {
                list.truncate(most);
            }
        }
        Ok(whole)
    }
}

/// What came of a part, added to what came of those before it.
fn add(whole: &mut Value, part: Value) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (name, part) in part {
                match whole.get_mut(&name) {
                    // Each part has instances of its own.
                    Some(most) if name == "memoryBytes" => {
                        if part.as_u64() > most.as_u64() {
                            *most = part;
                        }
                    }
                    Some(sum) => add(sum, part),
                    None => {
                        whole.insert(name, part);
                    }
                }
            }
        }
        (Value::Array(whole), Value::Array(part)) => whole.extend(part),
        (Value::Number(sum), Value::Number(part)) => {
            let both = sum.as_u64().zip(part.as_u64());
            *sum = both.map_or(part, |(sum, part)| sum.saturating_add(part).into());
        }
        (whole, part) => *whole = part,
    }
}

/// What came of it, for people.
fn report(told: &Value) -> String {
    let mut text = String::new();
    let differing = told["differing"].as_u64();
    let _ = writeln!(text, "{} events, {}", told["events"], counts(told));
    if let Some(differing) = differing {
        let _ = writeln!(text, "in force: {}; {differing} differ", counts(&told["before"]));
    }
    if told["cutShort"] == true {
        let events = &told["events"];
        let _ = writeln!(text, "the newest {events} of this range; --events N looks at more");
    }
    for example in told["examples"].as_array().into_iter().flatten() {
        compared(&mut text, example, ("before", "after"));
    }
    let faults = told["faults"].as_array().map_or(&[][..], Vec::as_slice);
    for fault in faults {
        let (id, kind) = (plain(&fault["eventId"]), plain(&fault["kind"]));
        let _ = writeln!(text, "\n{id}  failed ({kind}): {}", plain(&fault["text"]));
    }
    let count = told["faultCount"].as_u64().unwrap_or(0);
    if count > faults.len() as u64 {
        let _ = writeln!(text, "… {count} failures in all");
    }
    for line in told["logs"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "\n{}: {}", plain(&line["level"]), plain(&line["text"]));
    }
    text
}

fn counts(counts: &Value) -> String {
    let number = |name: &str| counts[name].as_u64().unwrap_or(0);
    let words = [
        ("passed", "passed"),
        ("dropped", "dropped"),
        ("emitted", "replaced"),
        ("rejected", "rejected"),
        ("retried", "to be shown again"),
        ("stopped", "stopped"),
    ];
    let mut told: Vec<String> = words
        .iter()
        .filter(|(name, _)| number(name) > 0)
        .map(|(name, word)| format!("{} {word}", number(name)))
        .collect();
    if number("emitted") > 0 {
        told.push(format!("{} outputs", number("outputs")));
    }
    let micros = number("micros");
    told.push(format!("{}.{:03} ms, {} fuel", micros / 1000, micros % 1000, number("fuel")));
    told.push(format!("{} of memory", size(number("memoryBytes") as usize)));
    told.join(", ")
}

pub(super) fn plain(value: &Value) -> String {
    super::table::text(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_a_whole() {
        let part = |events: u64, memory: u64, id: &str, iterator: Value| {
            let before = json!({ "passed": events, "memoryBytes": memory + 1 });
            json!({
                "events": events, "memoryBytes": memory, "before": before, "differing": null,
                "examples": [{ "eventId": id }], "cutShort": !iterator.is_null(),
                "iterator": iterator,
            })
        };
        let mut whole = Value::Null;
        add(&mut whole, part(2, 9, "a", json!("evt_1")));
        add(&mut whole, part(3, 7, "b", json!(null)));
        let wanted = json!({
            "events": 5, "memoryBytes": 9, "before": { "passed": 5, "memoryBytes": 10 },
            "differing": null, "examples": [{ "eventId": "a" }, { "eventId": "b" }],
            "cutShort": false, "iterator": null,
        });
        assert_eq!(whole, wanted);
    }
}
