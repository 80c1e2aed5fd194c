use super::Setting;
use crate::measure::{Case, Figure};
use clap::Parser;
use cli::bench::{BenchArguments, Report, measure};
use std::time::Duration;

/// What `forebay bench` is asked for.
const RUNS: [(&str, &[&str]); 6] = [
    ("accepted, 16 connections, no endpoint", &["--connections", "16", "--endpoints", "0"]),
    ("accepted, 64 connections, no endpoint", &["--endpoints", "0"]),
    ("delivered, 64 connections, 1 endpoint", &[]),
    ("delivered, 64 connections, 10 endpoints", &["--endpoints", "10"]),
    (
        "accepted, 4 connections, 100 events a post, no endpoint",
        &["--connections", "4", "--batch", "100", "--endpoints", "0"],
    ),
    ("delivered, 2,000 a second asked for, 1 endpoint", &["--rate", "2000"]),
];

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    bench: BenchArguments,
}

pub fn cases(setting: &Setting<'_>) -> anyhow::Result<Vec<Case>> {
    RUNS.iter().map(|(name, options)| case(setting, name, options)).collect()
}

fn case(setting: &Setting<'_>, name: &str, options: &[&str]) -> anyhow::Result<Case> {
    let seconds = setting.span.as_secs_f64().to_string();
    let folder = setting.folder.display().to_string();
    let always = ["road", "--seconds", &seconds, "--data", &folder];
    let line = Line::try_parse_from(always.iter().chain(options))?;
    let report = measure(&line.bench)?;
    let broken = report.broken(&[]);
    anyhow::ensure!(broken.is_empty(), "{name}: {}", broken.join("; "));
    let found = report.json();
    let number = |name: &str| found["numbers"][name].as_f64().unwrap_or(f64::NAN);
    let of = if name.starts_with("delivered") { "delivered" } else { "accepted" };
    let millis = |name: &str| Some(Duration::from_secs_f64(number(name) / 1e3));
    let ours = Figure {
        name: "the engine: CPU an event, p50, p99 of the answer".into(),
        per_s: number(of),
        cpu_us: number("cpu"),
        p50: millis("ack.p50"),
        p99: millis("ack.p99"),
    };
    let floor = Figure {
        name: "loader to receiver, without an engine".into(),
        per_s: number("floor"),
        cpu_us: found["loader_cpu_us_an_event"].as_f64().unwrap_or(f64::NAN),
        p50: None,
        p99: None,
    };
    Ok(Case {
        name: name.to_string(),
        figures: vec![ours, floor],
        note: note(&report),
        place: None,
    })
}

fn note(report: &Report) -> String {
    let found = report.json();
    let number = |name: &str| found[name].as_f64().unwrap_or(f64::NAN);
    let threads = found["cpu_us_an_event"].as_object().into_iter().flatten();
    let mut threads: Vec<_> =
        threads.map(|(name, cpu)| (name, cpu.as_f64().unwrap_or(0.0))).collect();
    threads.retain(|(_, cpu)| *cpu >= 0.05);
    threads.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let threads: Vec<_> = threads.iter().map(|(name, cpu)| format!("{name} {cpu:.1}")).collect();
    format!(
        "\n    (groups of {:.1}, a commit {:.3} ms, load {:.1}; CPU-us {})",
        number("events_a_commit"),
        number("sync_mean_ms"),
        found["machine"]["load_after"].as_f64().unwrap_or(f64::NAN),
        threads.join(", ")
    )
}
