//! Whole sets of resources: a file of them made true on a server, compared with it, written by it.

mod carry;
mod export;
mod plan;
mod sheets;
mod shown;
mod standing;
mod write;

pub use export::Export;

use crate::exit::{Exit, Failure};
use crate::given::{ServerArguments, print};
use carry::Outcome;
use clap::Args;
use plan::Plan;
use std::io::{BufRead, IsTerminal};

/// Make all that a file says of resources true on a running server
///
/// What is there already and as it should be is left alone, so that a second apply changes nothing.
/// Everything is read and checked before the first change; a resource that somebody else changes
/// meanwhile is not overwritten.
#[derive(Args)]
#[command(after_help = APPLY_HELP)]
pub struct Apply {
    #[command(flatten)]
    server: ServerArguments,
    #[command(flatten)]
    files: Files,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Remove sources, filters and endpoints that the file does not name, of the applications that
    /// it names; event types and lookup tables too, if it has some. Applications are never removed
    #[arg(long)]
    prune: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

const APPLY_HELP: &str = "\
A file has [[app]], [[event_type]], [[table]], [[source]], [[filter]] and [[endpoint]] tables, \
with the names of the configuration file. What one leaves out is as usual on the server; secrets \
that it does not name stay as they are. What fails midway is told; the same apply again finishes it.

Examples:
  forebay apply -f resources.toml --dry-run
  forebay apply -f resources/ --prune --yes
  forebay export --app shop | sed s/shop/store/ | forebay apply -f - --yes";

/// Compare a file of resources with a running server
///
/// Exits 0 when the server is as the file says, 1 when it differs, 2 or more when that cannot be
/// told.
#[derive(Args)]
#[command(after_help = "Exit codes: 0 the same · 1 differs · 2 usage, configuration or refused · \
                        6 unreachable\n\nExamples:\n  forebay diff -f resources.toml\n  \
                        forebay diff -f resources/ --prune --json")]
pub struct Diff {
    #[command(flatten)]
    server: ServerArguments,
    #[command(flatten)]
    files: Files,
    /// What `apply --prune` would remove differs too
    #[arg(long)]
    prune: bool,
}

#[derive(Args)]
struct Files {
    /// A file of resources, a folder of .toml files, or - for stdin; may be given several times
    #[arg(short = 'f', long = "file", value_name = "FILE", required = true)]
    files: Vec<String>,
}

impl Apply {
    pub fn run(&self) -> Result<Exit, Failure> {
        let plan = Plan::make(&self.server, sheets::read(&self.files.files)?, self.prune)?;
        if plan.changes.is_empty() || self.dry_run {
            shown::plan(&plan, self.server.json)?;
            return Ok(Exit::Ok);
        }
        if !self.server.json {
            shown::plan(&plan, false)?;
        }
        if !self.yes {
            self.ask()?;
        }
        let outcome = carry::out(&self.server, &plan);
        self.tell(&plan, outcome)
    }

    fn ask(&self) -> Result<(), Failure> {
        let reads_stdin = self.files.files.iter().any(|file| file == "-");
        if reads_stdin || !std::io::stdin().is_terminal() || self.server.json {
            let why = "nothing is changed: say --yes to change it, or --dry-run to look alone";
            return Err(Failure::usage(why));
        }
        eprint!("Change it? [y/N] ");
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        match read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
            true => Ok(()),
            false => Err(Failure::new(Exit::Failed, "nothing is changed")),
        }
    }

    fn tell(&self, plan: &Plan, outcome: Outcome) -> Result<Exit, Failure> {
        if self.server.json {
            print(&format!("{:#}\n", shown::as_json(plan, Some(&outcome))))?;
        }
        match &outcome.failed {
            None => {
                eprintln!("all of it is done");
                Ok(Exit::Ok)
            }
            Some(failure) => Err(shown::broken(plan, &outcome, failure)),
        }
    }
}

impl Diff {
    pub fn run(&self) -> Result<Exit, Failure> {
        let compared = sheets::read(&self.files.files)
            .and_then(|wanted| Plan::make(&self.server, wanted, self.prune));
        // 1 says that something differs, as with diff(1).
        let plan = compared.map_err(|failure| failure.but(Exit::Failed, Exit::Usage))?;
        if !plan.changes.is_empty() || self.server.json {
            shown::plan(&plan, self.server.json)?;
        }
        Ok(if plan.changes.is_empty() { Exit::Ok } else { Exit::Failed })
    }
}
