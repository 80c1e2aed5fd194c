use super::table::Column;
use super::within::OfTables;
use super::{
    One, Within, ask, below, encoded, exchange, granted, list, listed, made, show, with_parameters,
};
use crate::exit::{Exit, Failure};
use crate::given::{ServerArguments, print};
use clap::{Args, Subcommand};
use hyper::Method;
use std::path::{Path, PathBuf};

/// Lookup tables: keys and values that an application's filters enrich events with
#[derive(Args)]
#[command(after_help = HELP)]
pub struct Table {
    #[command(subcommand)]
    verb: TableVerb,
}

const HELP: &str = "\
A file is .csv with a line of column names, .json with one object, or .ndjson with an object on
each line. All that a table held is replaced at once.

Examples:
  forebay table load countries.csv
  forebay table load export.csv --name countries --by code --value name
  forebay table lookup countries DE
  forebay table ls --json
  forebay table rollback countries";

#[derive(Subcommand)]
enum TableVerb {
    /// List all
    #[command(after_help = "Example:\n  forebay table ls --json")]
    Ls {
        #[command(flatten)]
        server: ServerArguments,
        #[command(flatten)]
        within: OfTables,
        /// So many at most
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Show one, in the version that is in force, without what it holds
    #[command(after_help = "Example:\n  forebay table get countries")]
    Get(One<OfTables>),
    /// Make a table of a file, or replace all that it holds, and print the version
    #[command(after_help = "\
Examples:
  forebay table load countries.csv
  forebay table load export.csv --name countries --by code --value name")]
    Load(Load),
    /// Print what a table has for a key, as filters get it
    #[command(after_help = "Example:\n  forebay table lookup countries DE")]
    Lookup {
        #[command(flatten)]
        one: One<OfTables>,
        /// What to look up
        #[arg(value_name = "KEY")]
        wanted: String,
    },
    /// List the versions that can be put in force again, the newest first
    #[command(after_help = "Example:\n  forebay table versions countries")]
    Versions(One<OfTables>),
    /// Put an earlier version in force again
    #[command(after_help = "\
Examples:
  forebay table rollback countries
  forebay table rollback countries --to 9f86d081884c7d659a2feaa0c55ad015")]
    Rollback {
        #[command(flatten)]
        one: One<OfTables>,
        /// Which one; without it the one before
        #[arg(long, value_name = "VERSION")]
        to: Option<String>,
    },
    /// Remove one; filters that ask for it find no key any more
    #[command(after_help = "Example:\n  forebay table rm countries")]
    Rm(One<OfTables>),
}

#[derive(Args)]
struct Load {
    #[command(flatten)]
    server: ServerArguments,
    #[command(flatten)]
    within: OfTables,
    /// What it is made of
    file: PathBuf,
    /// The table; without it the file's name up to its dot
    #[arg(long)]
    name: Option<String>,
    /// The column or member that holds the keys; of CSV the first one without it, and .ndjson needs
    /// it
    #[arg(long, value_name = "COLUMN")]
    by: Option<String>,
    /// The one that holds the values; without it a value is all of its row, as JSON
    #[arg(long, value_name = "COLUMN")]
    value: Option<String>,
}

const COLUMNS: &[Column] = &[
    ("NAME", "name"),
    ("VERSION", "version"),
    ("KEYS", "keys"),
    ("BYTES", "bytes"),
    ("DECLARED", "declared"),
    ("SINCE", "since"),
];
const VERSION_COLUMNS: &[Column] =
    &[("VERSION", "version"), ("KEYS", "keys"), ("BYTES", "bytes"), ("SINCE", "since")];

impl Table {
    pub fn run(&self) -> Result<Exit, Failure> {
        match &self.verb {
            TableVerb::Ls { server, within, limit } => {
                list(server, &within.path()?, *limit, COLUMNS)
            }
            TableVerb::Get(one) => {
                show(&one.server, &ask(&one.server, Method::GET, &one.path()?, None)?)
            }
            TableVerb::Load(load) => load.run(),
            TableVerb::Lookup { one, wanted } => one.look_up(wanted),
            TableVerb::Versions(one) => {
                let all = ask(&one.server, Method::GET, &one.path_below("version")?, None)?.json();
                let all = all["data"].as_array().cloned().unwrap_or_default();
                listed(&one.server, VERSION_COLUMNS, &all)
            }
            TableVerb::Rollback { one, to } => one.roll_back(to.as_deref()),
            TableVerb::Rm(one) => {
                ask(&one.server, Method::DELETE, &one.path()?, None)?;
                eprintln!("removed {}", one.which);
                Ok(Exit::Ok)
            }
        }
    }
}

impl Load {
    fn run(&self) -> Result<Exit, Failure> {
        let shown = self.file.display();
        let media_type = media_type(&self.file).ok_or_else(|| {
            let advice = "name it .csv, .json, .ndjson or .jsonl after what is in it";
            Failure::usage(format!("{shown} does not say what is in it: {advice}"))
        })?;
        if media_type == LINES && self.by.is_none() {
            let why = "say with --by which member of each line is the key";
            return Err(Failure::usage(format!("{shown}: {why}")));
        }
        let stem = self.file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = self.name.clone().or(stem).unwrap_or_default();
        let text = std::fs::read(&self.file)
            .map_err(|error| Failure::usage(format!("{shown}: {error}")))?;
        let mut path = below(&self.within.path()?, &name)?;
        for (parameter, column) in [("key", &self.by), ("value", &self.value)] {
            if let Some(column) = column {
                path = with_parameters(&path, &format!("{parameter}={}", encoded(column)));
            }
        }
        let loaded = exchange(&self.server, Method::PUT, &path, Some((media_type, text)))?;
        made(&self.server, &granted(&self.server, loaded)?, "version")
    }
}

/// The media type of an object on each line.
const LINES: &str = "application/x-ndjson";

fn media_type(file: &Path) -> Option<&'static str> {
    Some(match file.extension()?.to_str()? {
        "csv" => "text/csv",
        "json" => "application/json",
        "ndjson" | "jsonl" => LINES,
        _ => return None,
    })
}

impl One<OfTables> {
    fn look_up(&self, key: &str) -> Result<Exit, Failure> {
        let path = with_parameters(&self.path_below("entry")?, &format!("key={}", encoded(key)));
        let answer = ask(&self.server, Method::GET, &path, None)?;
        match self.server.json {
            true => answer.print()?,
            false => print(&format!("{}\n", answer.json()["value"].as_str().unwrap_or_default()))?,
        }
        Ok(Exit::Ok)
    }
}
