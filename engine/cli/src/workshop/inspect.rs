use super::subject::Subject;
use super::{columns, plain, size};
use crate::exit::{Exit, Failure};
use crate::given::print;
use crate::number::grouped;
use clap::Args;
use forebay::{Form, Inspection, MemoryRange, Named, digest_of, inspect};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Show what lies in a module, and whether the engine takes it
///
/// Ends with 1 when the engine would refuse it.
#[derive(Args)]
#[command(after_help = HELP)]
pub struct InspectFilter {
    /// A module, or the folder of a filter
    #[arg(value_name = "MODULE", default_value = ".")]
    module: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Nothing of the module is run. The check is the one that an upload meets first.

Examples:
  forebay filter inspect filter.wasm
  forebay filter inspect filters/big-orders --json | jq .imports";

impl InspectFilter {
    pub fn run(&self) -> Result<Exit, Failure> {
        let subject = Subject::find(&self.module, None)?;
        let wasm = subject.load()?.wasm;
        let found = inspect(&wasm);
        let digest = digest_of(&wasm).to_string();
        match self.json {
            true => print(&format!("{:#}\n", as_json(&subject.path, &wasm, &digest, &found)))?,
            false => print(&as_text(&subject.path, &wasm, &digest, &found))?,
        }
        Ok(if found.report.is_ok() { Exit::Ok } else { Exit::Failed })
    }
}

/// The export by which it is asked, and how.
fn contract(form: Form) -> (&'static str, &'static str) {
    match form {
        Form::Batch => ("forebay_process_v1", "a batch of events in, verdicts out"),
        Form::Single => ("forebay_filter_v1", "one body in, keep or drop out"),
    }
}

fn as_text(path: &Path, wasm: &[u8], digest: &str, found: &Inspection) -> String {
    let mut lines = vec![
        ("size", size(wasm.len())),
        ("sha256", digest.to_owned()),
        ("functions", grouped(found.functions.into())),
        ("memory", memory(found.memory)),
        ("features", listed(found.features.iter().map(|name| (*name).to_owned()))),
    ];
    let section = |(name, bytes): &(String, usize)| format!("{} ({})", plain(name), size(*bytes));
    lines.push(("sections", listed(found.sections.iter().map(section))));
    let producer = |(field, name, version): &(String, String, String)| {
        plain(&format!("{field} {name} {version}")).trim_end().to_owned()
    };
    lines.push(("producers", listed(found.producers.iter().map(producer))));
    // Only the first of its lines has the name before it.
    let manifest = found.manifest.as_deref().unwrap_or_default().lines();
    let names = std::iter::once("manifest").chain(std::iter::repeat(""));
    lines.extend(names.zip(manifest.map(plain)));
    let verdict = match &found.report {
        Ok(report) => {
            let (export, how) = contract(report.form);
            lines.push(("contract", format!("version 1, {export}: {how}")));
            "the engine takes it".to_owned()
        }
        Err(refusal) => format!("the engine refuses it: {}", plain(&refusal.to_string())),
    };
    let rows = lines.into_iter().map(|(name, text)| vec![format!("{name:11}{text}")]);
    let mut text = format!("{}\n", plain(&path.display().to_string()));
    text.push_str(&columns("  ", &rows.collect::<Vec<_>>()));
    text.push_str(&of_names("imports", &found.imports));
    text.push_str(&of_names("exports", &found.exports));
    format!("{text}\n{verdict}\n")
}

fn of_names(title: &str, all: &[Named]) -> String {
    if all.is_empty() {
        return format!("\n{title}: none\n");
    }
    let row = |one: &Named| vec![plain(&one.name), one.what.clone()];
    format!("\n{title}\n{}", columns("  ", &all.iter().map(row).collect::<Vec<_>>()))
}

fn listed(all: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = all.collect();
    if all.is_empty() { "–".to_owned() } else { all.join(", ") }
}

fn memory(range: Option<MemoryRange>) -> String {
    let kib = |bytes: u64| format!("{} KiB", grouped(bytes >> 10));
    match range {
        None => "none".to_owned(),
        Some(MemoryRange { initial, maximum: None }) => {
            format!("{} at its start, grows to the filter's limit", kib(initial))
        }
        Some(MemoryRange { initial, maximum: Some(maximum) }) => {
            format!("{} at its start, {} at most", kib(initial), kib(maximum))
        }
    }
}

fn as_json(path: &Path, wasm: &[u8], digest: &str, found: &Inspection) -> Value {
    let names = |all: &[Named]| -> Vec<Value> {
        all.iter().map(|one| json!({ "name": one.name, "type": one.what })).collect()
    };
    let sections = found.sections.iter();
    let sections = sections.map(|(name, bytes)| json!({ "name": name, "bytes": bytes }));
    let producers = found
        .producers
        .iter()
        .map(|(field, name, version)| json!({ "field": field, "name": name, "version": version }));
    let memory = found
        .memory
        .map(|memory| json!({ "initialBytes": memory.initial, "maximumBytes": memory.maximum }));
    // A manifest is JSON by the contract; one that is not is shown as the text that it is.
    let manifest = found.manifest.as_deref();
    let manifest = manifest.map(|text| serde_json::from_str(text).unwrap_or_else(|_| json!(text)));
    let report = found.report.as_ref();
    json!({
        "module": path,
        "bytes": wasm.len(),
        "digest": digest,
        "functions": found.functions,
        "memory": memory,
        "features": found.features,
        "imports": names(&found.imports),
        "exports": names(&found.exports),
        "sections": sections.collect::<Vec<_>>(),
        "producers": producers.collect::<Vec<_>>(),
        "manifest": manifest,
        "contract": report.ok().map(|report| json!({
            "version": 1,
            "export": contract(report.form).0,
        })),
        "accepted": report.is_ok(),
        "refusal": report.err().map(ToString::to_string),
    })
}
