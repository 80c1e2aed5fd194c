use anyhow::Context;
use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// Measures the parts of the engine beside their bare limits, in the same run
///
/// Each case takes turns with what stands beside it, and the median of five turns is printed:
/// wall rate, and processor time an event, which a busy machine moves least.
#[derive(Parser)]
#[command(name = "benches", after_help = HELP)]
pub struct Arguments {
    /// What to measure; everything unless something is named
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// How long each case is measured; cases that need little take a tenth of it. For each second
    /// `node` is filled with 100,000 messages and 10,000 endpoints
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,
    /// Of `languages` only the cases whose name has this in it, such as "header" or "×256"
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub only: String,
    /// Where files are written; a directory of its own is made inside, and removed
    #[arg(long)]
    data: Option<PathBuf>,
    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
}

const HELP: &str = "\
Examples:
  cargo run --release -p benches
  cargo run --release -p benches -- log road --seconds 5
  cargo run --release -p benches -- languages --only ×256
  cargo run --release -p benches -- filters --json
  cargo run --release -p benches -- node --seconds 10";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    Log,
    Ingest,
    Delivery,
    Filters,
    Tables,
    Languages,
    Matching,
    Condition,
    Door,
    Signature,
    Road,
    Neighbours,
    Node,
}

impl Part {
    pub fn name(self) -> &'static str {
        match self {
            Part::Log => "log",
            Part::Ingest => "ingest",
            Part::Delivery => "delivery",
            Part::Filters => "filters",
            Part::Tables => "tables",
            Part::Languages => "languages",
            Part::Matching => "matching",
            Part::Condition => "condition",
            Part::Door => "door",
            Part::Signature => "signature",
            Part::Road => "road",
            Part::Neighbours => "neighbours",
            Part::Node => "node",
        }
    }

    pub fn about(self) -> &'static str {
        match self {
            Part::Log => "events of 1 KiB into the log and out of it",
            Part::Ingest => "POSTs of 1 KiB over 64 connections, answered at once",
            Part::Delivery => "POSTs of 1 KiB to a receiver on loopback, 64 at a time",
            Part::Filters => "events through one filter, as a guest thread runs it",
            Part::Tables => "events whose keys a filter looks up in a table",
            Part::Languages => "one filter written in each language",
            Part::Matching => "which endpoints want an event: 10 of so many",
            Part::Condition => "`where` over a body of 1 KiB, parsed anew for each event",
            Part::Door => "batches from one thread to another",
            Part::Signature => "Standard Webhooks over 1 KiB",
            Part::Road => "the whole engine, as `forebay bench` measures it",
            Part::Neighbours => {
                "a filter beside another that takes all it can get, through the engine"
            }
            Part::Node => {
                "the management API on a full node: one client, one connection; CPU of the process"
            }
        }
    }
}

impl Arguments {
    pub fn parts(&self) -> Vec<Part> {
        match self.parts.is_empty() {
            true => Part::value_variants().to_vec(),
            false => self.parts.clone(),
        }
    }

    pub fn span(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    pub fn folder(&self) -> anyhow::Result<TempDir> {
        let folder = match &self.data {
            Some(parent) => TempDir::with_prefix_in("forebay-benches-", parent),
            None => TempDir::with_prefix("forebay-benches-"),
        };
        folder.context("cannot make a directory for the files")
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    match (0.01..=3600.0).contains(&seconds) {
        true => Ok(seconds),
        false => Err("expected between 0.01 and 3600 seconds".to_owned()),
    }
}
