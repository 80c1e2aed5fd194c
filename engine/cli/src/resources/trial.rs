use super::compared::compared;
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
    /// So many events, the newest [default: 100]
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
            .with("events", &trial.events)
            .with("eventTypes", &types)
            .with("since", &trial.since)
            .with("until", &trial.until)
            .with("examples", &trial.examples);
        let path = self.path_below("dry-run")?;
        let answer = ask(&self.server, Method::POST, &path, Some(&body.0.into()))?;
        match self.server.json {
            true => answer.print()?,
            false => print(&report(&answer.json()))?,
        }
        Ok(Exit::Ok)
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
        text.push_str("there may be further ones: it took too long, or they are too large\n");
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
