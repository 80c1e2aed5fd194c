use super::fields::{AppFields, EndpointFields, KeyFields, SourceFields, TypeFields};
use super::fields::{json_of, line};
use super::journal::Journal;
use super::within::{OfApp, OfKeys, OfNode, OfSources, OfTypes};
use super::{
    Fields, One, Verb, Within, ask, below, encoded, made, needed, show, table, with_parameters,
};
use crate::exit::{Exit, Failure};
use crate::given::{ServerArguments, print};
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

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
  forebay endpoint update ep_1 --app shop --transformation @slim.js --variable team=red
  forebay endpoint secret ep_1 --app shop --rotate
  forebay endpoint send-example ep_1 --app shop --type order.paid
  forebay endpoint recover ep_1 --app shop --since 2026-11-01T00:00:00Z
  forebay endpoint replay-missing ep_1 --app shop --since 2026-11-01T00:00:00Z";

/// Event types: what messages there are, for people to choose from, and what they are held to
#[derive(Args)]
#[command(after_help = TYPE_HELP)]
pub struct EventType {
    #[command(subcommand)]
    verb: TypeVerb,
}

const TYPE_HELP: &str = "\
Examples:
  forebay event-type create --name order.paid --description 'An order was paid'
  forebay event-type update order.paid --schema @order.schema.json --enforce 1
  forebay event-type check order.paid order.json
  forebay event-type update order.paid --archived true
  forebay event-type ls";

/// Sources: the ways in for webhooks of others, each with the scheme that verifies them
#[derive(Args)]
#[command(after_help = SOURCE_HELP)]
pub struct Source {
    #[command(subcommand)]
    verb: SourceVerb,
}

const SOURCE_HELP: &str = "\
Examples:
  forebay source create --name github --scheme github --secret @github.secret
  forebay source create --name till --scheme hmac \\
    --settings '{\"hmac\": {\"header\": \"X-Till-Signature\"}}'
  forebay source secret till
  forebay source secret till --rotate --grace-seconds 3600
  forebay source journal till -f
  forebay source ls --json";

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

const CHECK_HELP: &str = "\
Examples:
  forebay event-type check order.paid order.json
  forebay event-type check order.paid - --schema-version 2 < order.json";

impl App {
    pub fn run(&self) -> Result<Exit, Failure> {
        self.verb.run()
    }
}

#[derive(Subcommand)]
enum TypeVerb {
    #[command(flatten)]
    Plain(Box<Verb<OfTypes, TypeFields>>),
    /// Say whether a payload is as a type's schema says, and where not; nothing is sent
    #[command(after_help = CHECK_HELP)]
    Check {
        #[command(flatten)]
        server: ServerArguments,
        /// Of the event type
        name: String,
        /// The payload, as JSON; - for stdin
        #[arg(value_name = "FILE")]
        payload: String,
        /// Which of its schemas [default: the one that is enforced, else the last by name]
        #[arg(long, value_name = "VERSION")]
        schema_version: Option<String>,
    },
}

impl EventType {
    pub fn run(&self) -> Result<Exit, Failure> {
        let (server, name, payload, version) = match &self.verb {
            TypeVerb::Plain(verb) => return verb.run(),
            TypeVerb::Check { server, name, payload, schema_version } => {
                (server, name, payload, schema_version)
            }
        };
        let file = if payload == "-" { "-".to_owned() } else { format!("@{payload}") };
        let payload = json_of(payload, &file)?;
        let path = below("/v1/event-type", name)? + "/check";
        let path = match version {
            Some(version) => with_parameters(&path, &format!("version={}", encoded(version))),
            None => path,
        };
        let answer = ask(server, Method::POST, &path, Some(&payload))?;
        let told = answer.json();
        if server.json {
            answer.print()?;
        }
        let version = table::text(&told["version"]);
        if told["isValid"] == true {
            eprintln!("it is as version {version} of the schema says");
            return Ok(Exit::Ok);
        }
        for error in told["errors"].as_array().into_iter().flatten().filter(|_| !server.json) {
            let at = error["at"].as_str().filter(|at| !at.is_empty()).unwrap_or("/");
            print(&format!("{at}: {}\n", table::text(&error["detail"])))?;
        }
        let why = format!("it is not as version {version} of the schema says");
        Err(Failure::new(Exit::Failed, why))
    }
}

#[derive(Subcommand)]
enum EndpointVerb {
    #[command(flatten)]
    Plain(Box<Verb<OfApp, EndpointFields>>),
    /// Print the secret that its deliveries are signed with
    #[command(after_help = SECRET_HELP)]
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
    /// Send the example of an event type to it, and to no other; prints the message's id
    ///
    /// It comes through the endpoint's filters, whatever the types, channels and condition.
    #[command(after_help = "Example:\n  forebay endpoint send-example ep_1 --type order.paid")]
    SendExample {
        #[command(flatten)]
        one: One<OfApp>,
        /// The event type, whose newest schema has `examples`; svix.ping is always there
        #[arg(long, value_name = "TYPE")]
        r#type: String,
    },
    /// Try its dead letters again, those of messages of a time; prints the name of the task
    ///
    /// The server goes on with it by itself, and leaves what is left at a restart. `forebay dlq
    /// redrive` waits for the end, and counts.
    #[command(after_help = RECOVER_HELP)]
    Recover {
        #[command(flatten)]
        one: One<OfApp>,
        #[command(flatten)]
        span: Span,
    },
    /// Send it what it wants by now and was never sent; prints the name of the task
    ///
    /// Messages of the time that were sent to it, or given up on, are left alone: `forebay dlq
    /// redrive` and `recover` try those again. The server goes on with it after a restart.
    #[command(after_help = REPLAY_HELP)]
    ReplayMissing {
        #[command(flatten)]
        one: One<OfApp>,
        #[command(flatten)]
        span: Span,
    },
}

/// From when until when.
#[derive(Args)]
struct Span {
    /// Messages from this time on, such as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    since: String,
    /// Messages before this time; without it all that there are
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Span {
    fn body(&self) -> Value {
        json!({ "since": self.since, "until": self.until })
    }
}

const SECRET_HELP: &str = "\
Examples:
  forebay endpoint secret ep_1 --app shop
  forebay endpoint secret ep_1 --app shop --rotate --grace-seconds 3600";

const RECOVER_HELP: &str = "\
Examples:
  forebay endpoint recover ep_1 --app shop --since 2026-11-01T00:00:00Z
  forebay endpoint recover ep_1 --since 2026-11-01T00:00:00Z --until 2026-11-02T00:00:00Z --json";

const REPLAY_HELP: &str = "\
Examples:
  forebay endpoint replay-missing ep_1 --app shop --since 2026-11-01T00:00:00Z
  forebay endpoint replay-missing ep_1 --since 2026-11-01T00:00:00Z \\
    --until 2026-11-02T00:00:00Z --json";

impl Endpoint {
    pub fn run(&self) -> Result<Exit, Failure> {
        match &self.verb {
            EndpointVerb::Plain(verb) => match &**verb {
                Verb::Get(one) => {
                    let found = one.found()?;
                    let exit = show(&one.server, &found)?;
                    one.tell_of_pause(&found.json());
                    Ok(exit)
                }
                Verb::Update { one, fields } => {
                    let changed = one.change(fields)?;
                    let exit = made(&one.server, &changed, EndpointFields::NAME)?;
                    one.warn_of_circuits(&changed.json());
                    Ok(exit)
                }
                verb => verb.run(),
            },
            EndpointVerb::Secret { one, rotate, grace_seconds } => {
                one.secret(rotate.then(|| json!({ "gracePeriodSeconds": grace_seconds })), "key")
            }
            EndpointVerb::SendExample { one, r#type } => {
                one.order("send-example", &json!({ "eventType": r#type }))
            }
            EndpointVerb::Recover { one, span } => one.order("recover", &span.body()),
            EndpointVerb::ReplayMissing { one, span } => one.order("replay-missing", &span.body()),
        }
    }
}

#[derive(Subcommand)]
enum SourceVerb {
    #[command(flatten)]
    Plain(Box<Verb<OfSources, SourceFields>>),
    /// Show what came to one lately, and why it was refused
    ///
    /// The server keeps the last hundred requests of each source in memory: a restart forgets them.
    /// Of what a request held only the names of its headers are kept.
    #[command(after_help = JOURNAL_HELP)]
    Journal(Journal),
    /// Print the secret that senders sign with
    #[command(after_help = SOURCE_SECRET_HELP)]
    Secret {
        #[command(flatten)]
        one: One<OfSources>,
        /// Give it a new one first; the old one verifies too for a while
        #[arg(long)]
        rotate: bool,
        /// The new one: the text itself, @FILE, or - for stdin; made when it is not said
        #[arg(long, value_name = "SECRET", requires = "rotate")]
        to: Option<String>,
        /// How long the old one verifies too [default: a day]
        #[arg(long, value_name = "SECONDS", requires = "rotate")]
        grace_seconds: Option<u32>,
    },
}

const JOURNAL_HELP: &str = "\
Examples:
  forebay source journal github --limit 10
  forebay source journal github -f --json";

const SOURCE_SECRET_HELP: &str = "\
Examples:
  forebay source secret till
  forebay source secret till --rotate --to @new.secret --grace-seconds 3600";

impl Source {
    pub fn run(&self) -> Result<Exit, Failure> {
        let (one, rotate, to, grace_seconds) = match &self.verb {
            SourceVerb::Plain(verb) => return verb.run(),
            SourceVerb::Journal(journal) => return journal.run(),
            SourceVerb::Secret { one, rotate, to, grace_seconds } => {
                (one, *rotate, to, grace_seconds)
            }
        };
        let new = to.as_deref().map(line).transpose()?;
        let rotation = || json!({ "secret": new, "gracePeriodSeconds": grace_seconds });
        one.secret(rotate.then(rotation), "secret")
    }
}

#[derive(Subcommand)]
enum KeyVerb {
    #[command(flatten)]
    Plain(Box<Verb<OfKeys, KeyFields>>),
    /// Give a key a new text, and print it; the old one goes on for a while
    #[command(after_help = ROTATE_HELP)]
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

const ROTATE_HELP: &str =
    "Example:\n  forebay key rotate 0aB3dE5fG7 --grace-seconds 3600 > shop.key";

impl Key {
    pub fn run(&self) -> Result<Exit, Failure> {
        match &self.verb {
            KeyVerb::Plain(verb) => match &**verb {
                Verb::Create { server, within, fields } => {
                    let body = Value::Object(needed::<KeyFields>(fields.body()?)?);
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
