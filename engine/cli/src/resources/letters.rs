use super::table::Column;
use super::{ask, below, encoded, list, show};
use crate::exit::{Exit, Failure};
use crate::given::ServerArguments;
use clap::{Args, Subcommand};
use hyper::Method;

/// Dead letters: deliveries that were given up on
#[derive(Args)]
#[command(after_help = "Examples:\n  forebay dlq ls --endpoint ep_7\n  forebay dlq show \
                        dl_7-0-1042-0 --json\n  forebay dlq redrive dl_7-0-1042-0\n  \
                        forebay dlq purge dl_7-0-1042-0")]
pub struct Dlq {
    #[command(subcommand)]
    verb: DlqVerb,
}

#[derive(Subcommand)]
enum DlqVerb {
    /// List them, by endpoint and age
    Ls {
        #[command(flatten)]
        server: ServerArguments,
        /// Of this endpoint alone, such as ep_7
        #[arg(long, value_name = "ID")]
        endpoint: Option<String>,
        /// So many at most
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Show one, with what would be sent
    Show(Letter),
    /// Try some again, now
    Redrive(Letters),
    /// Forget some, with their bytes
    Purge(Letters),
}

#[derive(Args)]
struct Letter {
    #[command(flatten)]
    server: ServerArguments,
    /// Such as dl_7-0-1042-0
    id: String,
}

#[derive(Args)]
struct Letters {
    #[command(flatten)]
    server: ServerArguments,
    /// Such as dl_7-0-1042-0
    #[arg(required = true)]
    ids: Vec<String>,
}

const LETTERS: &str = "/v1/dead-letter";
const COLUMNS: &[Column] = &[
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
            DlqVerb::Ls { server, endpoint, limit } => {
                let of = endpoint.as_ref().map(|id| format!("?endpoint={}", encoded(id)));
                list(server, &format!("{LETTERS}{}", of.unwrap_or_default()), *limit, COLUMNS)
            }
            DlqVerb::Show(Letter { server, id }) => {
                show(server, &ask(server, Method::GET, &below(LETTERS, id)?, None)?)
            }
            DlqVerb::Redrive(letters) => letters.each("redrive", "redriven"),
            DlqVerb::Purge(letters) => letters.each("purge", "purged"),
        }
    }
}

impl Letters {
    /// Stops at the first that is refused, with the others before it done.
    fn each(&self, deed: &str, done: &str) -> Result<Exit, Failure> {
        for id in &self.ids {
            ask(&self.server, Method::POST, &format!("{}/{deed}", below(LETTERS, id)?), None)?;
            eprintln!("{done} {id}");
        }
        Ok(Exit::Ok)
    }
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
        let answer = ask(&self.server, Method::GET, &below("/v1/explain", &self.event)?, None)?;
        if self.server.json {
            return show(&self.server, &answer);
        }
        let told = answer.json();
        crate::given::print(&super::story::tell(&told))?;
        Ok(Exit::Ok)
    }
}
