use super::fields::{Members, json_of};
use super::table::Column;
use super::trial::Trial;
use super::watched::{Candidate, Logs};
use super::within::OfFilters;
use super::{
    One, Within, as_json, ask, exchange, exchange_with, granted, list, listed, made, show,
    with_parameters,
};
use crate::exit::{Exit, Failure};
use crate::given::ServerArguments;
use crate::workshop::{BenchFilter, BuildFilter, InspectFilter, NewFilter, TestFilter};
use clap::{Args, Subcommand};
use forebay::ModuleDigest;
use forebay::config::{read_bytes, read_count};
use hyper::Method;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Filters: WebAssembly modules that drop, change or fan out an application's events
#[derive(Args)]
#[command(after_help = HELP)]
pub struct Filter {
    #[command(subcommand)]
    verb: FilterVerb,
}

const HELP: &str = "\
Begin with new, build and test, on this machine; the others ask a server.

Examples:
  forebay filter new big-orders --lang rust
  forebay filter build big-orders && forebay filter test big-orders
  forebay filter push big-orders big-orders/filter.wasm
  forebay filter push big-orders big_orders.wasm --config '{\"min\": 100}' --on-error drop
  forebay endpoint update ep_1 --filter big-orders
  forebay filter dry-run big-orders --module big_orders.wasm --events 1000
  forebay filter candidate try big-orders --module big_orders.wasm --canary 5
  forebay filter logs big-orders -f --level warn
  forebay filter ls --shipped
  forebay filter create no-cards forebay/redact --config '{\"patterns\": [\"card\"]}'
  forebay filter versions big-orders
  forebay filter rollback big-orders";

#[derive(Subcommand)]
enum FilterVerb {
    New(NewFilter),
    Build(BuildFilter),
    Test(TestFilter),
    Bench(BenchFilter),
    Inspect(InspectFilter),
    /// List all, or with --shipped those that come with Forebay
    #[command(after_help = "\
Examples:
  forebay filter ls --app shop
  forebay filter ls --shipped")]
    Ls {
        /// Those that come with this binary, for endpoints and `--module` to name; asks no server
        #[arg(long, conflicts_with = "limit")]
        shipped: bool,
        #[command(flatten)]
        server: ServerArguments,
        #[command(flatten)]
        within: OfFilters,
        /// So many at most
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Show one, in the version that is in force
    #[command(after_help = "Example:\n  forebay filter get big-orders")]
    Get(One<OfFilters>),
    /// Upload a module and put it in force, and print the version
    #[command(after_help = "\
Examples:
  forebay filter push big-orders big-orders/filter.wasm --config '{\"min\": 100}'
  forebay filter push no-cards forebay/redact")]
    Push {
        #[command(flatten)]
        one: One<OfFilters>,
        /// The module, a .wasm file, or one that comes with the engine, such as forebay/redact
        file: PathBuf,
        #[command(flatten)]
        settings: Settings,
    },
    /// Upload a module under a name that no filter has yet, and print the version
    #[command(after_help = "\
Example:
  forebay filter create big-orders big-orders/filter.wasm --on-error drop")]
    Create {
        #[command(flatten)]
        one: One<OfFilters>,
        /// The module, a .wasm file, or one that comes with the engine, such as forebay/redact
        file: PathBuf,
        #[command(flatten)]
        settings: Settings,
    },
    /// Change what is given of one, and leave the rest
    #[command(after_help = "\
Example:
  forebay filter update big-orders --on-error drop --circuit 20/60s")]
    Update {
        #[command(flatten)]
        one: One<OfFilters>,
        /// The SHA-256 of a module that was uploaded, or one that comes with the engine, such as
        /// forebay/redact
        #[arg(long, value_name = "MODULE")]
        module: Option<String>,
        #[command(flatten)]
        settings: Settings,
    },
    /// List the versions that can be put in force again, the newest first
    #[command(after_help = "Example:\n  forebay filter versions big-orders")]
    Versions(One<OfFilters>),
    /// Put an earlier version in force again
    #[command(after_help = "\
Examples:
  forebay filter rollback big-orders
  forebay filter rollback big-orders --to 9f86d081884c7d659a2feaa0c55ad015")]
    Rollback {
        #[command(flatten)]
        one: One<OfFilters>,
        /// Which one; without it the one before
        #[arg(long, value_name = "VERSION")]
        to: Option<String>,
    },
    /// Show a filter events that the server has, and tell what it would make of them; nothing is
    /// delivered
    #[command(after_help = "\
Examples:
  forebay filter dry-run big-orders --module big_orders.wasm --events 1000
  forebay filter dry-run big-orders --since 2026-01-31T00:00:00Z --type 'order.*' --json")]
    DryRun {
        #[command(flatten)]
        one: One<OfFilters>,
        #[command(flatten)]
        trial: Box<Trial>,
    },
    /// Show what one logged lately, and where it failed
    #[command(after_help = "\
Examples:
  forebay filter logs big-orders --limit 10
  forebay filter logs big-orders -f --level warn")]
    Logs {
        #[command(flatten)]
        one: One<OfFilters>,
        #[command(flatten)]
        logs: Logs,
    },
    /// Try another module or configuration on live events, beside one
    #[command(subcommand)]
    Candidate(Candidate),
    /// Remove one that no endpoint needs
    #[command(after_help = "Example:\n  forebay filter rm big-orders")]
    Rm(One<OfFilters>),
}

#[derive(Args)]
pub(super) struct Settings {
    /// What the module is configured with: a JSON text, @FILE, or - for stdin
    #[arg(long, value_name = "JSON")]
    config: Option<String>,
    /// What becomes of an event whose filter fails: reject, drop, pass, retry or stop
    #[arg(long, value_name = "POLICY")]
    on_error: Option<String>,
    /// Fuel for one batch, such as 50M
    #[arg(long, value_name = "UNITS", value_parser = read_count)]
    fuel: Option<u64>,
    /// Memory of one instance, such as 16MiB
    #[arg(long, value_name = "BYTES", value_parser = read_bytes)]
    memory_bytes: Option<u64>,
    /// Whether each event has a fresh instance
    #[arg(long, value_name = "BOOL")]
    isolate: Option<bool>,
    /// At so many failures within so long its endpoints are paused, as in 20/60s; none for never
    #[arg(long, value_name = "N/SPAN")]
    circuit: Option<String>,
}

/// How modules that come with the engine are named.
const SHIPPED: &str = "forebay/";

const COLUMNS: &[Column] = &[
    ("NAME", "name"),
    ("VERSION", "version"),
    ("ON ERROR", "onError"),
    ("DECLARED", "declared"),
    ("UPDATED", "updatedAt"),
];
const VERSION_COLUMNS: &[Column] = &[
    ("VERSION", "version"),
    ("MODULE", "module"),
    ("SINCE", "since"),
    ("PINNED BY", "pinnedBy"),
    ("CONFIG", "config"),
];

impl Filter {
    pub fn run(&self) -> Result<Exit, Failure> {
        match &self.verb {
            FilterVerb::New(filter) => filter.run(),
            FilterVerb::Build(filter) => filter.run(),
            FilterVerb::Test(filter) => filter.run(),
            FilterVerb::Bench(filter) => filter.run(),
            FilterVerb::Inspect(filter) => filter.run(),
            FilterVerb::Ls { shipped: true, server, .. } => super::shipped::list(server.json),
            FilterVerb::Ls { server, within, limit, .. } => {
                list(server, &within.path()?, *limit, COLUMNS)
            }
            FilterVerb::Get(one) => {
                show(&one.server, &ask(&one.server, Method::GET, &one.path()?, None)?)
            }
            FilterVerb::Push { one, file, settings } => one.push(file, settings),
            FilterVerb::Create { one, file, settings } => one.create(file, settings),
            FilterVerb::Update { one, module, settings } => {
                let mut changes = settings.members()?;
                changes.extend(module.clone().map(|module| ("module".to_owned(), module.into())));
                if changes.is_empty() {
                    return Err(Failure::usage("say what is to change; --help lists what can be"));
                }
                let (path, changes) = (one.path()?, Value::Object(changes));
                one.put_in_force(|| {
                    let changed = ask(&one.server, Method::PATCH, &path, Some(&changes))?;
                    made(&one.server, &changed, "version")
                })
            }
            FilterVerb::Versions(one) => {
                let path = one.path_below("version")?;
                let all = ask(&one.server, Method::GET, &path, None)?.json();
                let all = all["data"].as_array().cloned().unwrap_or_default();
                listed(&one.server, VERSION_COLUMNS, &all)
            }
            FilterVerb::Rollback { one, to } => one.put_in_force(|| one.roll_back(to.as_deref())),
            FilterVerb::DryRun { one, trial } => one.dry_run(trial),
            FilterVerb::Logs { one, logs } => one.logs(logs),
            FilterVerb::Candidate(candidate) => candidate.run(),
            FilterVerb::Rm(one) => {
                ask(&one.server, Method::DELETE, &one.path()?, None)?;
                eprintln!("removed {}", one.which);
                Ok(Exit::Ok)
            }
        }
    }
}

impl One<OfFilters> {
    /// Module and settings come into force together.
    fn push(&self, file: &Path, settings: &Settings) -> Result<Exit, Failure> {
        let (path, changes) = (self.path()?, self.all_of(file, settings)?);
        self.put_in_force(|| {
            let patched = exchange(&self.server, Method::PATCH, &path, Some(as_json(&changes)))?;
            let changed = match patched.status {
                404 => ask(&self.server, Method::PUT, &path, Some(&changes))?,
                _ => granted(&self.server, patched)?,
            };
            made(&self.server, &changed, "version")
        })
    }

    /// Does what puts a version in force, and says so if there was a trial: that is over.
    fn put_in_force(&self, put: impl FnOnce() -> Result<Exit, Failure>) -> Result<Exit, Failure> {
        let was_tried = self.has_candidate()?;
        let exit = put()?;
        if was_tried {
            eprintln!(
                "what was on trial beside {} is over: whatever is put in force ends a trial; \
                 `forebay filter candidate try` begins another",
                self.which
            );
        }
        Ok(exit)
    }

    /// Nothing is beside a filter that is not there.
    fn has_candidate(&self) -> Result<bool, Failure> {
        let found = exchange(&self.server, Method::GET, &self.path()?, None)?;
        match found.status {
            404 => Ok(false),
            _ => Ok(granted(&self.server, found)?.json()["hasCandidate"] == true),
        }
    }

    /// Of several who create one of the same name at once, one does.
    fn create(&self, file: &Path, settings: &Settings) -> Result<Exit, Failure> {
        let (path, all) = (self.path()?, self.all_of(file, settings)?);
        let new_alone = vec![("if-none-match".to_owned(), "*".to_owned())];
        let (server, body) = (&self.server, Some(as_json(&all)));
        let put = exchange_with(server, Method::PUT, &path, body, new_alone)?;
        let is_there = put.status == 412;
        let created = granted(server, put).map_err(|failure| match is_there {
            true => {
                let name = &self.which;
                let text = format!(
                    "there is a filter `{name}`: `forebay filter push` puts another module in \
                     force, `forebay filter update` changes its settings"
                );
                Failure::new(Exit::Failed, text)
            }
            false => failure,
        })?;
        made(server, &created, "version")
    }

    /// Settings with their module, which is uploaded if it is a file.
    fn all_of(&self, file: &Path, settings: &Settings) -> Result<Value, Failure> {
        let mut all = settings.members()?;
        let module = match file.to_str().filter(|name| name.starts_with(SHIPPED)) {
            Some(name) if !file.exists() => name.into(),
            _ => self.stage(file)?,
        };
        all.insert("module".to_owned(), module);
        Ok(all.into())
    }

    /// A module as the API takes it: a file is uploaded, anything else has to be a name.
    pub(super) fn module(&self, named: &str) -> Result<Value, Failure> {
        let file = Path::new(named);
        if file.is_file() {
            return self.stage(file);
        }
        if named.starts_with(SHIPPED) || ModuleDigest::read(named).is_some() {
            return Ok(named.into());
        }
        Err(Failure::usage(format!(
            "--module {named}: there is no such file, and it is neither the SHA-256 of a module \
             nor one that comes with the engine"
        )))
    }

    /// Uploads a module and puts it nowhere. Gives its digest.
    fn stage(&self, file: &Path) -> Result<Value, Failure> {
        let wasm = std::fs::read(file)
            .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
        let path = with_parameters(&self.path_below("version")?, "stage=true");
        let staged = exchange(&self.server, Method::POST, &path, Some(("application/wasm", wasm)))?;
        Ok(granted(&self.server, staged)?.json()["module"].take())
    }
}

impl Settings {
    pub(super) fn members(&self) -> Result<Map<String, Value>, Failure> {
        let config = self.config.as_deref().map(|text| json_of("--config", text)).transpose()?;
        let members = Members::new()
            .with("config", &config)
            .with("onError", &self.on_error)
            .with("fuel", &self.fuel)
            .with("memoryBytes", &self.memory_bytes)
            .with("isolate", &self.isolate)
            .with("circuit", &self.circuit.as_deref().map(circuit).transpose()?);
        Ok(members.0)
    }
}

fn circuit(text: &str) -> Result<Value, Failure> {
    if text == "none" {
        return Ok(Value::Null);
    }
    let read = || {
        let (faults, span) = text.split_once('/')?;
        let (faults, secs) = (faults.parse::<u32>().ok()?, span.strip_suffix('s')?);
        let within_ms = secs.parse::<u64>().ok()?.checked_mul(1000)?;
        Some(json!({ "faults": faults, "withinMs": within_ms }))
    };
    read().ok_or_else(|| Failure::usage(format!("--circuit {text:?}: write it as 20/60s, or none")))
}
