use super::table::Column;
use super::{Fields, One, Verb, Within, ask, below, made};
use crate::exit::{Exit, Failure};
use crate::given::{ServerArguments, body};
use clap::{Args, Subcommand, ValueEnum};
use hyper::Method;
use serde_json::{Map, Value, json};

/// Applications: each has endpoints, messages and keys of its own
#[derive(Args)]
#[command(
    after_help = "Examples:\n  forebay app create --name Shop --uid shop\n  forebay app ls\n  \
                        forebay app update shop --metadata plan=gold\n  forebay app rm shop"
)]
pub struct App {
    #[command(subcommand)]
    verb: Verb<OfNode, AppFields>,
}

/// Endpoints: where an application's messages go
#[derive(Args)]
#[command(after_help = ENDPOINT_HELP)]
pub struct Endpoint {
    #[command(subcommand)]
    verb: EndpointVerb,
}

const ENDPOINT_HELP: &str = "\
Examples:
  forebay endpoint create --app shop --to https://example.com/in --type 'order.*'
  forebay endpoint ls --app shop --json
  forebay endpoint update ep_1 --app shop --where 'data.total > 100' --schedule 5s --schedule 5m
  forebay endpoint secret ep_1 --app shop --rotate";

/// Event types: what messages there are, for people to choose from
#[derive(Args)]
#[command(after_help = "Examples:\n  forebay event-type create --name order.paid --description \
                        'An order was paid'\n  forebay event-type ls\n  forebay event-type update \
                        order.paid --archived true")]
pub struct EventType {
    #[command(subcommand)]
    verb: Verb<OfTypes, TypeFields>,
}

/// Keys to the server
#[derive(Args)]
#[command(after_help = KEY_HELP)]
pub struct Key {
    #[command(subcommand)]
    verb: KeyVerb,
}

const KEY_HELP: &str = "\
A key's text is printed once, when it is made: the server keeps a digest of it.

Examples:
  forebay key create --name shop --role producer --app shop --type 'order.*' > shop.key
  forebay key ls
  forebay key rotate 0aB3dE5fG7 --grace-seconds 3600 > shop.key
  forebay key rm 0aB3dE5fG7";

impl App {
    pub fn run(&self) -> Result<Exit, Failure> {
        self.verb.run()
    }
}

impl EventType {
    pub fn run(&self) -> Result<Exit, Failure> {
        self.verb.run()
    }
}

#[derive(Subcommand)]
enum EndpointVerb {
    #[command(flatten)]
    Plain(Box<Verb<OfApp, EndpointFields>>),
    /// Print the secret that its deliveries are signed with
    Secret {
        #[command(flatten)]
        one: One<OfApp>,
        /// Give it a new one first; the old one signs too for a while
        #[arg(long)]
        rotate: bool,
        /// How long the old one signs too [default: a day]
        #[arg(long, value_name = "SECONDS", requires = "rotate")]
        grace_seconds: Option<u32>,
    },
}

impl Endpoint {
    pub fn run(&self) -> Result<Exit, Failure> {
        let (one, rotate, grace_seconds) = match &self.verb {
            EndpointVerb::Plain(verb) => return verb.run(),
            EndpointVerb::Secret { one, rotate, grace_seconds } => (one, *rotate, grace_seconds),
        };
        let (server, path) = (&one.server, one.path()? + "/secret");
        let answer = match rotate {
            false => ask(server, Method::GET, &path, None)?,
            true => {
                let body = json!({ "gracePeriodSeconds": grace_seconds });
                ask(server, Method::POST, &format!("{path}/rotate"), Some(&body))?
            }
        };
        made(server, &answer, "key")
    }
}

#[derive(Subcommand)]
enum KeyVerb {
    #[command(flatten)]
    Plain(Box<Verb<OfKeys, KeyFields>>),
    /// Give a key a new text, and print it; the old one goes on for a while
    Rotate {
        #[command(flatten)]
        server: ServerArguments,
        /// Its id
        name: String,
        /// How long the old one goes on [default: a day]
        #[arg(long, value_name = "SECONDS")]
        grace_seconds: Option<u32>,
    },
}

impl Key {
    pub fn run(&self) -> Result<Exit, Failure> {
        match &self.verb {
            KeyVerb::Plain(verb) => match &**verb {
                Verb::Create { server, within, fields } => {
                    let body = Value::Object(fields.body()?);
                    told_once(server, &within.path()?, &body)
                }
                verb => verb.run(),
            },
            KeyVerb::Rotate { server, name, grace_seconds } => {
                let body = json!({ "gracePeriodSeconds": grace_seconds });
                told_once(server, &(below("/v1/key", name)? + "/rotate"), &body)
            }
        }
    }
}

/// Asks for a key whose text is in this answer alone.
fn told_once(server: &ServerArguments, path: &str, body: &Value) -> Result<Exit, Failure> {
    let answer = ask(server, Method::POST, path, Some(body))?;
    let id = answer.json()["id"].as_str().unwrap_or_default().to_owned();
    eprintln!("key {id}: its text is not shown again");
    made(server, &answer, "token")
}

#[derive(Args)]
struct OfNode {}

impl Within for OfNode {
    fn path(&self) -> Result<String, Failure> {
        Ok("/api/v1/app".to_owned())
    }
}

#[derive(Args)]
struct OfTypes {}

impl Within for OfTypes {
    fn path(&self) -> Result<String, Failure> {
        Ok("/api/v1/event-type".to_owned())
    }
}

#[derive(Args)]
struct OfKeys {}

impl Within for OfKeys {
    fn path(&self) -> Result<String, Failure> {
        Ok("/v1/key".to_owned())
    }
}

#[derive(Args)]
struct OfApp {
    /// The application's id or uid
    #[arg(long, value_name = "APP", env = "FOREBAY_APP", default_value = "default")]
    app: String,
}

impl Within for OfApp {
    fn path(&self) -> Result<String, Failure> {
        Ok(below("/api/v1/app", &self.app)? + "/endpoint")
    }
}

/// Members by their names, those that were given.
struct Members(Map<String, Value>);

impl Members {
    fn new() -> Members {
        Members(Map::new())
    }

    fn with(mut self, name: &str, value: &Option<impl Clone + Into<Value>>) -> Members {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.clone().into());
        }
        self
    }

    /// One empty text clears it.
    fn with_all(mut self, name: &str, values: &[String]) -> Members {
        match values {
            [] => {}
            [empty] if empty.is_empty() => {
                self.0.insert(name.to_owned(), Value::Null);
            }
            values => {
                self.0.insert(name.to_owned(), json!(values));
            }
        }
        self
    }

    /// `KEY=VALUE` each.
    fn with_pairs(mut self, name: &str, pairs: &[String]) -> Result<Members, Failure> {
        let mut map = Map::new();
        for pair in pairs {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(Failure::usage(format!("{pair:?}: it has the form KEY=VALUE")));
            };
            map.insert(key.to_owned(), value.into());
        }
        if !map.is_empty() {
            self.0.insert(name.to_owned(), map.into());
        }
        Ok(self)
    }
}

#[derive(Args)]
struct AppFields {
    /// For people
    #[arg(long)]
    name: Option<String>,
    /// A name of your own, unique on the server
    #[arg(long)]
    uid: Option<String>,
    /// Notes; all of them are replaced
    #[arg(long, value_name = "KEY=VALUE")]
    metadata: Vec<String>,
}

impl Fields for AppFields {
    const COLUMNS: &'static [Column] =
        &[("ID", "id"), ("UID", "uid"), ("NAME", "name"), ("CREATED", "createdAt")];
    const NAME: &'static str = "id";

    fn body(&self) -> Result<Map<String, Value>, Failure> {
        let members = Members::new().with("name", &self.name).with("uid", &self.uid);
        Ok(members.with_pairs("metadata", &self.metadata)?.0)
    }
}

#[derive(Args)]
struct EndpointFields {
    /// The URL that deliveries go to
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// A name of your own, unique in its application
    #[arg(long)]
    uid: Option<String>,
    #[arg(long)]
    description: Option<String>,
    /// A type or a pattern such as 'order.*'; every type without any, or with ''
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Messages of this channel; of all channels without any, or with ''
    #[arg(long = "channel", value_name = "CHANNEL")]
    channels: Vec<String>,
    /// A condition over the event, such as 'data.total > 100'
    #[arg(long = "where", value_name = "EXPRESSION")]
    condition: Option<String>,
    /// A filter of the application; several run in order
    #[arg(long = "filter", value_name = "NAME")]
    filters: Vec<String>,
    /// What order deliveries keep
    #[arg(long, value_enum)]
    ordering: Option<Ordering>,
    /// The pause before a further attempt, such as 5s; give all of them in order
    #[arg(long, value_name = "PAUSE")]
    schedule: Vec<String>,
    /// Of one attempt, all told
    #[arg(long, value_name = "MILLISECONDS")]
    timeout_ms: Option<u64>,
    /// Whether deliveries wait
    #[arg(long, value_name = "BOOL")]
    disabled: Option<bool>,
    /// Notes; all of them are replaced
    #[arg(long, value_name = "KEY=VALUE")]
    metadata: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Ordering {
    None,
    Key,
    Fifo,
}

impl Fields for EndpointFields {
    const COLUMNS: &'static [Column] = &[
        ("ID", "id"),
        ("UID", "uid"),
        ("URL", "url"),
        ("TYPES", "eventTypes"),
        ("DISABLED", "disabled"),
    ];
    const NAME: &'static str = "id";

    fn body(&self) -> Result<Map<String, Value>, Failure> {
        let ordering = self.ordering.and_then(|ordering| {
            let value = ordering.to_possible_value();
            value.map(|value| value.get_name().to_owned())
        });
        let members = Members::new()
            .with("url", &self.to)
            .with("uid", &self.uid)
            .with("description", &self.description)
            .with_all("eventTypes", &self.types)
            .with_all("channels", &self.channels)
            .with("where", &self.condition)
            .with_all("filters", &self.filters)
            .with("ordering", &ordering)
            .with_all("schedule", &self.schedule)
            .with("timeoutMs", &self.timeout_ms)
            .with("disabled", &self.disabled);
        Ok(members.with_pairs("metadata", &self.metadata)?.0)
    }
}

#[derive(Args)]
struct TypeFields {
    /// Such as order.paid
    #[arg(long)]
    name: Option<String>,
    #[arg(long)]
    description: Option<String>,
    /// The JSON Schemas of its versions: a JSON object, @FILE, or - for stdin
    #[arg(long, value_name = "JSON")]
    schemas: Option<String>,
    /// Whether it is left out of lists
    #[arg(long, value_name = "BOOL")]
    archived: Option<bool>,
}

impl Fields for TypeFields {
    const COLUMNS: &'static [Column] =
        &[("NAME", "name"), ("DESCRIPTION", "description"), ("ARCHIVED", "archived")];
    const NAME: &'static str = "name";

    fn body(&self) -> Result<Map<String, Value>, Failure> {
        let read = |text: &String| {
            let read: Result<Value, _> = serde_json::from_slice(&body(text)?);
            read.map_err(|error| Failure::usage(format!("--schemas: {error}")))
        };
        let schemas = self.schemas.as_ref().map(read).transpose()?;
        let members = Members::new()
            .with("name", &self.name)
            .with("description", &self.description)
            .with("schemas", &schemas)
            .with("archived", &self.archived);
        Ok(members.0)
    }
}

#[derive(Args)]
struct KeyFields {
    /// For people
    #[arg(long)]
    name: Option<String>,
    /// What it may do: admin, manager, producer or reader
    #[arg(long)]
    role: Option<String>,
    /// The application that it is bound to
    #[arg(long, value_name = "APP")]
    app: Option<String>,
    /// For a producer: a type or pattern that it may publish; every type without any
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// When it ends, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
}

impl Fields for KeyFields {
    const COLUMNS: &'static [Column] = &[
        ("ID", "id"),
        ("NAME", "name"),
        ("ROLE", "role"),
        ("APP", "app"),
        ("EXPIRES", "expiresAt"),
        ("LAST USED", "lastUsedAt"),
    ];
    const NAME: &'static str = "id";

    fn body(&self) -> Result<Map<String, Value>, Failure> {
        let members = Members::new()
            .with("name", &self.name)
            .with("role", &self.role)
            .with("app", &self.app)
            .with_all("types", &self.types)
            .with("expiresAt", &self.expires_at);
        Ok(members.0)
    }
}
