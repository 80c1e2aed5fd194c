use super::deed::{Deed, Letters, rate};
use super::table::Column;
use super::which::Which;
use super::{ask, below, listed, show};
use crate::exit::{Exit, Failure};
use crate::given::ServerArguments;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use event::EventId;
use hyper::Method;
use serde_json::Value;

/// Dead letters: deliveries that were given up on
#[derive(Args)]
#[command(after_help = HELP)]
pub struct Dlq {
    #[command(subcommand)]
    verb: DlqVerb,
}

const HELP: &str = "\
Examples:
  forebay dlq ls --app shop --endpoint ci
  forebay dlq show dl_7-0-1042-0 --json
  forebay dlq redrive dl_7-0-1042-0
  forebay dlq redrive --endpoint ep_7 --since 2026-01-31T00:00:00Z --rate 50/s
  forebay dlq purge --app shop --type 'order.*' --dry-run";

#[derive(Subcommand)]
enum DlqVerb {
    /// List them, by endpoint and age
    #[command(after_help = LS_HELP)]
    Ls {
        #[command(flatten)]
        server: ServerArguments,
        #[command(flatten)]
        which: Which,
        /// So many at most
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Show one, with what would be sent
    #[command(after_help = "Example:\n  forebay dlq show dl_7-0-1042-0")]
    Show(Letter),
    /// Try some again, now
    #[command(after_help = REDRIVE_HELP)]
    Redrive {
        #[command(flatten)]
        letters: Letters,
        /// So many in a second at most, such as 50/s, or in a minute, such as 30/m
        #[arg(long, value_name = "N/s", value_parser = rate)]
        rate: Option<f64>,
    },
    /// Forget some, with their bytes, for good
    #[command(after_help = PURGE_HELP)]
    Purge(Letters),
}

const LS_HELP: &str = "\
Examples:
  forebay dlq ls
  forebay dlq ls --app shop --endpoint ci --type 'order.*' --json
  forebay dlq ls --since 2026-01-31T00:00:00Z --limit 20";

const REDRIVE_HELP: &str = "\
Examples:
  forebay dlq redrive dl_7-0-1042-0
  forebay dlq redrive --app shop --endpoint ci --dry-run
  forebay dlq redrive --since 2026-01-31T00:00:00Z --type 'order.*' --rate 50/s
  forebay dlq redrive --all --json";

const PURGE_HELP: &str = "\
Examples:
  forebay dlq purge dl_7-0-1042-0
  forebay dlq purge --endpoint ep_7 --until 2026-01-31T00:00:00Z --dry-run
  forebay dlq purge --app shop --all";

#[derive(Args)]
struct Letter {
    #[command(flatten)]
    server: ServerArguments,
    /// Such as dl_7-0-1042-0
    id: String,
}

pub(super) const LETTERS: &str = "/v1/dead-letter";
pub(super) const COLUMNS: &[Column] = &[
    ("ID", "id"),
    ("ENDPOINT", "endpoint"),
    ("TYPE", "eventType"),
    ("ATTEMPTS", "attempts"),
    ("DIED", "diedAt"),
    ("REASON", "reason"),
];

impl Dlq {
    pub fn run(&self) -> Result<Exit, Failure> {
        match &self.verb {
            DlqVerb::Ls { server, which, limit } => {
                let mut all = Vec::new();
                which.each(server, *limit, |letter| all.push(letter))?;
                listed(server, COLUMNS, &all)
            }
            DlqVerb::Show(Letter { server, id }) => {
                let mut answer = ask(server, Method::GET, &below(LETTERS, id)?, None)?;
                if !server.json {
                    answer.body = readable(answer.json()).to_string();
                }
                show(server, &answer)
            }
            DlqVerb::Redrive { letters, rate } => letters.run(Deed::Redrive, *rate),
            DlqVerb::Purge(letters) => letters.run(Deed::Purge, None),
        }
    }
}

/// With its body as text, if it is text.
fn readable(mut letter: Value) -> Value {
    let bytes = letter["bodyBase64"].as_str().and_then(|text| STANDARD.decode(text).ok());
    if let (Some(Ok(text)), Some(members)) = (bytes.map(String::from_utf8), letter.as_object_mut())
    {
        members.remove("bodyBase64");
        members.insert("body".to_owned(), text.into());
    }
    letter
}

/// Say what became of an event at each endpoint, and why
#[derive(Args)]
#[command(after_help = "Example:\n  forebay explain evt_00q44lvidng000000000000")]
pub struct Explain {
    #[command(flatten)]
    server: ServerArguments,
    /// The event's id
    event: String,
}

impl Explain {
    pub fn run(&self) -> Result<Exit, Failure> {
        let path = below("/v1/explain", &self.event)?;
        // The server has no path for what is none.
        if let Err(bad) = self.event.parse::<EventId>() {
            return Err(Failure::usage(format!("{:?} is {bad}", self.event)));
        }
        let answer = ask(&self.server, Method::GET, &path, None)?;
        if self.server.json {
            return show(&self.server, &answer);
        }
        let told = answer.json();
        crate::given::print(&super::story::tell(&told))?;
        Ok(Exit::Ok)
    }
}
