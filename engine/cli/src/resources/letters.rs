use super::table::Column;
use super::{ask, below, encoded, list, listed, pages, show};
use crate::exit::{Exit, Failure};
use crate::given::ServerArguments;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use event::{EndpointId, TenantId};
use hyper::Method;
use serde_json::Value;

/// Dead letters: deliveries that were given up on
#[derive(Args)]
#[command(after_help = "Examples:\n  forebay dlq ls --app shop --endpoint ci\n  forebay dlq show \
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
        /// Of this application alone
        #[arg(long, value_name = "APP", env = "FOREBAY_APP")]
        app: Option<String>,
        /// Of this endpoint alone: an id such as ep_7, or its name in the application
        #[arg(long, value_name = "ENDPOINT")]
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
            DlqVerb::Ls { server, app, endpoint, limit } => {
                letters(server, app.as_deref(), endpoint.as_deref(), *limit)
            }
            DlqVerb::Show(Letter { server, id }) => {
                let mut answer = ask(server, Method::GET, &below(LETTERS, id)?, None)?;
                if !server.json {
                    answer.body = readable(answer.json()).to_string();
                }
                show(server, &answer)
            }
            DlqVerb::Redrive(letters) => letters.each("redrive", "redriven"),
            DlqVerb::Purge(letters) => letters.each("purge", "purged"),
        }
    }
}

/// The API knows letters by the ids of their endpoints; names are people's.
fn letters(
    server: &ServerArguments,
    app: Option<&str>,
    endpoint: Option<&str>,
    limit: Option<usize>,
) -> Result<Exit, Failure> {
    let of_app = below("/api/v1/app", app.unwrap_or(TenantId::DEFAULT))?;
    let id = |path: &str| -> Result<Value, Failure> {
        Ok(ask(server, Method::GET, path, None)?.json()["id"].take())
    };
    let of_endpoint = match endpoint {
        Some(id) if app.is_none() && EndpointId::read(id).is_some() => Value::from(id),
        Some(name) => id(&below(&format!("{of_app}/endpoint"), name)?)?,
        None => Value::Null,
    };
    if let Some(id) = of_endpoint.as_str() {
        return list(server, &format!("{LETTERS}?endpoint={}", encoded(id)), limit, COLUMNS);
    }
    if app.is_none() {
        return list(server, LETTERS, limit, COLUMNS);
    }
    let app = id(&of_app)?;
    let mut all = pages(server, LETTERS, None)?;
    all.retain(|letter| letter["app"] == app);
    all.truncate(limit.unwrap_or(usize::MAX));
    listed(server, COLUMNS, &all)
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
