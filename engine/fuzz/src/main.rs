//! `fuzz TARGET [--seconds N] [--seed N] [--keep BYTES] [--findings FOLDER]` runs one target;
//! `fuzz TARGET --input FILE` runs one input; `fuzz` alone names the targets.

#![allow(
    clippy::disallowed_methods,
    reason = "a driver of tests meets the machine's clock and arguments"
)]

use fuzz::{Finding, Session, TARGETS, Target};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Inputs between two looks at the clock.
const ROUND: usize = 256;

struct Arguments(Vec<String>);

impl Arguments {
    fn text(&self, name: &str) -> Option<&str> {
        let at = self.0.iter().position(|argument| argument == name)?;
        self.0.get(at + 1).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }
}

fn main() -> ExitCode {
    let arguments = Arguments(std::env::args().skip(1).collect());
    let named = arguments.0.first().map(String::as_str).unwrap_or_default();
    let Some(target) = TARGETS.iter().find(|target| target.name == named) else {
        TARGETS.iter().for_each(|target| println!("{}", target.name));
        return ExitCode::from(2);
    };
    if let Some(path) = arguments.text("--input") {
        let input = std::fs::read(path).expect("the named input can be read");
        (target.run)(&input);
        return ExitCode::SUCCESS;
    }
    match run(target, &arguments) {
        Ok(is_well) if is_well => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run(target: &'static Target, arguments: &Arguments) -> std::io::Result<bool> {
    let findings = arguments.text("--findings").map_or_else(std::env::temp_dir, PathBuf::from);
    std::fs::create_dir_all(&findings)?;
    let under_way = findings.join(format!("{}-under-way", target.name));
    let limit = Duration::from_secs(arguments.number("--seconds").unwrap_or(60));
    let seed = arguments.number("--seed").unwrap_or(0);
    let mut session = Session::new(target, seed)?;
    session.note_in(&under_way)?;
    let start = Instant::now();
    let mut found = session.run_corpus();
    while found.is_ok() && start.elapsed() < limit {
        found = session.run_changed(ROUND);
    }
    let tally = session.tally();
    println!(
        "{}: {} executions in {} s, {} of {} inputs kept at the start, {} places reached, \
         slowest {} ms",
        target.name,
        tally.executions,
        start.elapsed().as_secs(),
        tally.seeds,
        tally.pool,
        tally.reached,
        tally.slowest.as_millis(),
    );
    std::fs::remove_file(&under_way)?;
    if let Err(finding) = &found {
        tell(finding, target, &findings)?;
        return Ok(false);
    }
    if let Some(bytes) = arguments.number("--keep") {
        println!("{} new inputs kept", session.keep(bytes as usize)?);
    }
    Ok(true)
}

fn tell(finding: &Finding, target: &Target, findings: &std::path::Path) -> std::io::Result<()> {
    let path = Session::report(finding, findings, target.name)?;
    println!("{}: {}", target.name, finding.message);
    println!("input: {}", path.display());
    Ok(())
}
