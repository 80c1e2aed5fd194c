use super::cases::{Case, load};
use super::compare::{Got, differences};
use super::subject::{Loaded, Subject};
use super::toolchain::Telling;
use super::watch::{Looks, look, look_at_sources, wait};
use super::{Language, build, columns, plain, size};
use crate::commands::compile::compiler;
use crate::exit::{Exit, Failure};
use crate::given::print;
use crate::number::grouped;
use clap::Args;
use forebay::config::{read_bytes, read_count};
use forebay::{ChainAnswer, Guest, LogLine, Setup, Workbench, digest_of};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Run a filter's cases, on the engine's own host with its limits
///
/// Ends with 1 when a case fails, with 2 when a file of cases cannot be read.
#[derive(Args)]
#[command(after_help = HELP)]
pub struct TestFilter {
    /// The folder of the filter, or a module with its cases beside it
    #[arg(value_name = "DIR|MODULE", default_value = ".")]
    subject: PathBuf,
    /// The module to run in the place of the one that lies there
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Build it, run them, and do so again whenever something changes, until Ctrl-C
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    limits: LimitArguments,
    /// Print what came of each case as JSON
    #[arg(long)]
    json: bool,
}

/// What the filter may use, where that is not as for any.
#[derive(Args)]
pub struct LimitArguments {
    /// Fuel for one batch, such as 200M [default: 100M]
    #[arg(long, value_name = "UNITS", value_parser = read_count)]
    fuel: Option<u64>,
    /// Memory of one instance, such as 64MiB [default: 32MiB]
    #[arg(long, value_name = "BYTES", value_parser = read_bytes)]
    memory_bytes: Option<u64>,
}

const HELP: &str = "\
Cases are read from cases.json and cases/*.json in the folder. Each is asked alone, on a fresh
instance, whose start is in the fuel that is told; then all of one configuration are asked in one
batch, twice, and have to come to the same.

With --watch the filter is built at the start and whenever a source changes; while it does not
compile, no case is run. A module that is named is not built, nor is what there is no compiler for:
it is tested as it lies there.

Examples:
  forebay filter test
  forebay filter test filters/big-orders --watch
  forebay filter test --module target/wasm32-unknown-unknown/debug/big_orders.wasm
  forebay filter test --json | jq '.cases[] | select(.passed == false)'";

impl LimitArguments {
    pub fn setup<'a>(&self, config: &'a str) -> Setup<'a> {
        let memory_bytes = self.memory_bytes.map(|bytes| bytes as usize);
        Setup { config, fuel: self.fuel, memory_bytes, isolate: false }
    }
}

/// What came of all cases.
struct Report {
    subject: PathBuf,
    bytes: usize,
    digest: String,
    results: Vec<CaseResult>,
}

struct CaseResult {
    file: PathBuf,
    name: String,
    /// What the filter said of each event.
    said: Vec<String>,
    fuel: u64,
    differences: Vec<String>,
    logs: Vec<LogLine>,
}

/// A module that is compiled, and what it was compiled from.
struct Compiled {
    wasm: Vec<u8>,
    bench: Workbench,
}

impl TestFilter {
    pub fn run(&self) -> Result<Exit, Failure> {
        let mut compiled = None;
        if !self.watch {
            return self.examine(&mut compiled).and_then(|report| self.tell(&report));
        }
        let mut built = Looks::new();
        loop {
            let sources = self.sources();
            let is_built = sources == built || self.build();
            // Looked at when the module has been written, which is no change to wait for.
            let rest = self.rest();
            if is_built {
                built = sources.clone();
                let told = self.examine(&mut compiled).and_then(|report| self.tell(&report));
                if let Err(failure) = told {
                    eprint!("{failure}");
                }
            }
            eprintln!("waiting for a change; Ctrl-C ends this");
            let all = |sources: Looks, rest: Looks| -> Looks {
                sources.into_iter().chain(rest).collect()
            };
            wait(&all(sources, rest), || all(self.sources(), self.rest()));
        }
    }

    /// None of a module that is named: it is whoever named it who builds it.
    fn sources(&self) -> Looks {
        match &self.module {
            Some(_) => Looks::new(),
            None => look_at_sources(&self.subject),
        }
    }

    /// What the cases are run with, and they themselves.
    fn rest(&self) -> Looks {
        look(Subject::find(&self.subject, self.module.as_deref()).ok())
    }

    /// False when what is there does not compile. Without a compiler there is only the module.
    fn build(&self) -> bool {
        let language = Language::of(&self.subject);
        let Some(language) = language.filter(|language| language.script_end().is_none()) else {
            return true;
        };
        let Err(failure) = build::module(&self.subject, language, Telling::Names) else {
            return true;
        };
        eprint!("{failure}");
        failure.exit == Exit::Usage
    }

    /// A module that is the same as before is not compiled again: that of a script takes seconds.
    fn examine(&self, compiled: &mut Option<Compiled>) -> Result<Report, Failure> {
        let subject = Subject::find(&self.subject, self.module.as_deref())?;
        let cases = load(&subject.folder)?;
        let loaded = subject.load()?;
        if compiled.as_ref().is_none_or(|compiled| compiled.wasm != loaded.wasm) {
            let bench = Workbench::open(&loaded.wasm, compiler().as_ref()).map_err(|failure| {
                let shown = subject.path.display();
                Failure::new(Exit::Failed, format!("the engine refuses {shown}: {failure}"))
            })?;
            *compiled = Some(Compiled { wasm: loaded.wasm.clone(), bench });
        }
        let bench = &compiled.as_ref().expect("it was compiled just now").bench;
        let mut results = Vec::new();
        let mut alike: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (n, case) in cases.iter().enumerate() {
            let answer = self.guest(bench, &loaded, case)?.ask(&case.events);
            results.push(CaseResult::of(case, &answer));
            if answer.faults.is_empty() {
                alike.entry(&case.config).or_default().push(n);
            }
        }
        for members in alike.values().filter(|members| members.len() > 1) {
            let guest = self.guest(bench, &loaded, &cases[members[0]])?;
            // Twice, because an instance is used again for the next batch.
            for _ in 0..2 {
                together(&guest, &cases, members, &mut results);
            }
        }
        let digest = digest_of(&loaded.wasm).to_string();
        Ok(Report { subject: subject.path, bytes: loaded.wasm.len(), digest, results })
    }

    fn guest(&self, bench: &Workbench, loaded: &Loaded, case: &Case) -> Result<Guest, Failure> {
        let config = loaded.config(&case.config)?;
        bench.guest(&self.limits.setup(&config)).map_err(|failure| {
            let file = case.file.display();
            Failure::usage(format!("{file}: case {:?}: {failure}", case.name))
        })
    }

    fn tell(&self, report: &Report) -> Result<Exit, Failure> {
        match self.json {
            true => print(&format!("{:#}\n", report.json()))?,
            false => print(&report.text())?,
        }
        Ok(if report.failed() == 0 { Exit::Ok } else { Exit::Failed })
    }
}

/// Asks about the events of several cases in one question. A case that was right alone and is
/// wrong now depends on what else the filter sees.
fn together(guest: &Guest, cases: &[Case], members: &[usize], results: &mut [CaseResult]) {
    let events: Vec<_> = members.iter().flat_map(|n| cases[*n].events.iter().cloned()).collect();
    let answer = guest.ask(&events);
    let mut at = 0;
    for n in members {
        let found = all_differences(&cases[*n], &answer, at);
        at += cases[*n].events.len();
        if results[*n].differences.is_empty() {
            let line = |line| format!("in one batch with the other cases: {line}");
            results[*n].differences.extend(found.into_iter().map(line));
        }
    }
}

/// Those of a case whose first event is the answer's `from`-th.
fn all_differences(case: &Case, answer: &ChainAnswer, from: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for (n, (event, want)) in case.events.iter().zip(&case.wants).enumerate() {
        let got = got(answer, from + n);
        let place = if case.events.len() == 1 { String::new() } else { format!("event {n}: ") };
        let found = differences(event, want, &got);
        lines.extend(found.into_iter().map(|line| format!("{place}{line}")));
    }
    lines
}

fn got(answer: &ChainAnswer, n: usize) -> Got<'_> {
    let fault = answer.faults.iter().find(|fault| fault.event == n);
    Got::of(&answer.verdicts[n], fault)
}

impl CaseResult {
    fn of(case: &Case, answer: &ChainAnswer) -> CaseResult {
        let said = |n: usize| match got(answer, n) {
            Got::Emit(outputs) => format!("emit {}", outputs.len()),
            other => other.word().to_owned(),
        };
        CaseResult {
            file: case.file.clone(),
            name: case.name.clone(),
            said: (0..case.events.len()).map(said).collect(),
            fuel: answer.fuel,
            differences: all_differences(case, answer, 0),
            logs: answer.logs.clone(),
        }
    }

    fn has_passed(&self) -> bool {
        self.differences.is_empty()
    }

    /// What it said, short: a batch's answers are counted.
    fn summary(&self) -> String {
        match self.said.as_slice() {
            [only] => only.clone(),
            several => format!("{} answers", several.len()),
        }
    }

    fn json(&self) -> Value {
        let log = |line: &LogLine| {
            let (event, level) = (line.event, level(line.level));
            json!({ "event": event, "level": level, "text": line.text })
        };
        json!({
            "file": self.file,
            "name": self.name,
            "passed": self.has_passed(),
            "verdicts": self.said,
            "fuel": self.fuel,
            "differences": self.differences,
            "logs": self.logs.iter().map(log).collect::<Vec<_>>(),
        })
    }
}

impl Report {
    fn failed(&self) -> usize {
        self.results.iter().filter(|result| !result.has_passed()).count()
    }

    fn text(&self) -> String {
        let subject = self.subject.display();
        let mut text = format!("{subject}  {}  sha256 {}\n\n", size(self.bytes), self.digest);
        let row = |result: &CaseResult| {
            let word = if result.has_passed() { "ok" } else { "FAILED" };
            let fuel = format!("{} fuel", grouped(result.fuel));
            vec![word.to_owned(), plain(&result.name), result.summary(), fuel]
        };
        let rows: Vec<_> = self.results.iter().map(row).collect();
        text.push_str(&columns("  ", &rows));
        for result in self.results.iter().filter(|result| !result.has_passed()) {
            text.push_str(&format!("\n{}, in {}\n", plain(&result.name), result.file.display()));
            for line in &result.differences {
                text.push_str(&format!("  {line}\n"));
            }
            for line in &result.logs {
                text.push_str(&format!("  it logged ({}): {}\n", level(line.level), line.text));
            }
        }
        let failed = self.failed();
        let passed = self.results.len() - failed;
        text.push_str(&format!("\n{passed} passed, {failed} failed\n"));
        text
    }

    fn json(&self) -> Value {
        let failed = self.failed();
        json!({
            "module": self.subject,
            "bytes": self.bytes,
            "digest": self.digest,
            "passed": self.results.len() - failed,
            "failed": failed,
            "cases": self.results.iter().map(CaseResult::json).collect::<Vec<_>>(),
        })
    }
}

fn level(level: u8) -> &'static str {
    match level {
        0 => "debug",
        1 => "info",
        2 => "warn",
        _ => "error",
    }
}
