use crate::context::Contexts;
use crate::demo::Sabotage;
use crate::exit::TABLE;
use crate::given::{
    BodyArguments, SchemeArguments, SecretArguments, ServerArguments, TargetArguments,
};
use crate::live::{Listen, Tail};
use crate::resources::{
    App, Audit, Dlq, Endpoint, Erase, EventType, Explain, Filter, Key, Source, Stats, Table,
};
use crate::wanted::{Apply, Diff, Export};
use clap::{ArgGroup, Args, Parser, Subcommand};
use std::path::PathBuf;

/// Takes events in, keeps them, runs WebAssembly filters over them and delivers the results
#[derive(Parser)]
#[command(name = "forebay", version, after_help = TABLE, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    Demo(DemoArguments),
    Serve(ServeArguments),
    Check(CheckArguments),
    Config(ConfigArguments),
    Send(SendArguments),
    Trigger(TriggerArguments),
    App(App),
    Endpoint(Endpoint),
    Source(Source),
    Filter(Filter),
    Table(Table),
    EventType(EventType),
    Key(Key),
    Apply(Apply),
    Diff(Diff),
    Export(Export),
    Context(Contexts),
    Dlq(Dlq),
    Explain(Explain),
    Erase(Erase),
    Audit(Audit),
    Stats(Stats),
    Tail(Tail),
    Listen(Listen),
    Sign(SignArguments),
    Verify(VerifyArguments),
    Bench(crate::bench::BenchArguments),
    Doctor(DoctorArguments),
    Backup(BackupArguments),
    Restore(RestoreArguments),
    /// Print the management API as an OpenAPI 3.1 document; a server has it at /openapi.json
    #[command(after_help = "Example:\n  forebay openapi > openapi.json")]
    Openapi,
    /// Compile the module on stdin, for a server that has started this
    #[command(hide = true)]
    Compile,
    /// Write a page for man of each command
    #[command(after_help = MAN_HELP)]
    Man {
        /// Where to; without it the first page goes to stdout
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Print the completions of a shell
    #[command(after_help = "Example:\n  forebay completions bash > \
                            ~/.local/share/bash-completion/completions/forebay")]
    Completions {
        shell: clap_complete::Shell,
    },
}

const MAN_HELP: &str = "\
Examples:
  forebay man --dir ~/.local/share/man/man1
  forebay man | man -l -";

/// Show the main job on this machine: verify, store, filter and deliver webhooks, and check it all
///
/// Starts an engine on loopback in a temporary directory, sends it webhooks as GitHub, Stripe,
/// Shopify, Slack and Standard Webhooks sign them, and receives what comes out. Exits 0 if every
/// event arrived where it should, once, whole and signed, else 1.
#[derive(Args)]
#[command(after_help = DEMO_HELP)]
pub struct DemoArguments {
    /// Events to send: the payloads in turn, each time as a new delivery [default: 2000, or each
    /// payload of a corpus once]
    #[arg(long, value_parser = clap::value_parser!(u32).range(30..))]
    pub events: Option<u32>,
    /// Send these payloads too, byte for byte: a folder <provider>/<event type>/*.json, or the
    /// npm package @octokit/webhooks-examples
    #[arg(long, value_name = "PATH")]
    pub corpus: Option<PathBuf>,
    /// Stay up afterwards, until Ctrl-C, and leave the directory in place
    #[arg(long)]
    pub keep: bool,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
    /// Break something on purpose, to show that it is noticed
    #[arg(long, hide = true, value_enum)]
    pub sabotage: Option<Sabotage>,
}

const DEMO_HELP: &str = "\
Examples:
  forebay demo
  forebay demo --events 20000 --json
  forebay demo --corpus node_modules/@octokit/webhooks-examples";

/// Run the engine
#[derive(Args)]
#[command(after_help = SERVE_HELP)]
pub struct ServeArguments {
    #[command(flatten)]
    pub file: FileArguments,
    /// Where events and state are kept; made at the first start
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
    /// Where to listen, such as 127.0.0.1:8080
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// For development: endpoints may be on this machine
    #[arg(long)]
    pub dev: bool,
}

const SERVE_HELP: &str = "\
SIGHUP reads the configuration again, whole or not at all. SIGTERM and SIGINT drain; a second \
one hurries.

Examples:
  forebay serve
  forebay serve --config forebay.toml --data /var/lib/forebay
  forebay serve --dev --listen 127.0.0.1:0";

#[derive(Args)]
pub struct FileArguments {
    /// The configuration; without it `forebay.toml` here, if there is one
    #[arg(long, value_name = "FILE", env = "FOREBAY_CONFIG")]
    pub config: Option<PathBuf>,
}

/// Check a configuration, with all that it refers to
#[derive(Args)]
#[command(after_help = "Examples:\n  forebay check\n  forebay check /etc/forebay/forebay.toml\n  \
                        forebay check --json forebay.toml")]
pub struct CheckArguments {
    /// Without it `forebay.toml` here
    pub file: Option<PathBuf>,
    /// Endpoints may be on this machine, as with `serve --dev`
    #[arg(long)]
    pub dev: bool,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// Look at the configuration in force
#[derive(Args)]
pub struct ConfigArguments {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Subcommand)]
pub enum ConfigCommand {
    Show(ShowArguments),
}

/// Print every value in force, as TOML; secrets are left out
#[derive(Args)]
#[command(after_help = "Examples:\n  forebay config show --origin\n  \
                        FOREBAY_LOG__DURABILITY=os forebay config show --origin --json")]
pub struct ShowArguments {
    #[command(flatten)]
    pub file: FileArguments,
    /// Say where each value came from
    #[arg(long)]
    pub origin: bool,
    /// Endpoints may be on this machine, as with `serve --dev`
    #[arg(long)]
    pub dev: bool,
    #[arg(long)]
    pub json: bool,
}

/// Publish an event to a server
#[derive(Args)]
#[command(after_help = SEND_HELP)]
pub struct SendArguments {
    #[command(flatten)]
    pub server: ServerArguments,
    /// The application's id or uid; without it that of the key, else default
    #[arg(long, value_name = "APP", env = "FOREBAY_APP")]
    pub app: Option<String>,
    /// The event's type, such as order.paid
    #[arg(long = "type", value_name = "TYPE")]
    pub event_type: String,
    /// Its body: the text itself, @FILE, or - for stdin
    #[arg(long, value_name = "BODY")]
    pub data: String,
    /// Your own id for it: sending it again changes nothing
    #[arg(long)]
    pub id: Option<String>,
    /// What order and keyed state go by, such as a customer's number
    #[arg(long, value_name = "KEY")]
    pub event_key: Option<String>,
    /// Of a body that is not JSON
    #[arg(long, value_name = "MIME", default_value = "application/octet-stream")]
    pub content_type: String,
}

const SEND_HELP: &str = "\
A body that is not JSON is sent as a CloudEvent in binary form.

Examples:
  forebay send --type order.paid --data '{\"total\": 100}'
  forebay send --type order.paid --data @order.json --id order-7 --event-key customer-3
  forebay send --app shop --type order.paid --data '{\"total\": 100}'
  gzip -c notes.txt | forebay send --type notes --id n-1 --data - --content-type application/gzip";

/// Send a signed sample of a provider's webhook to a source
#[derive(Args)]
#[command(after_help = TRIGGER_HELP)]
pub struct TriggerArguments {
    /// A sample, such as github.push; --list shows all
    #[arg(required_unless_present = "list")]
    pub name: Option<String>,
    /// List the samples
    #[arg(long)]
    pub list: bool,
    #[command(flatten)]
    pub target: TargetArguments,
    /// A server that `forebay context` knows by this name
    #[arg(long, value_name = "NAME", env = "FOREBAY_CONTEXT")]
    pub context: Option<String>,
    #[command(flatten)]
    pub file: FileArguments,
    /// The source to send to, of the configuration; without it the first of the provider's scheme
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// Where the source listens; without it as configured, else /in/<provider>
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    #[command(flatten)]
    pub secret: SecretArguments,
    #[arg(long)]
    pub json: bool,
}

const TRIGGER_HELP: &str = "\
Path and secret are those of the configured source, unless they are given. The server is that of
--url, else of the context in use, else the configured one.

Examples:
  forebay trigger --list
  forebay trigger github.push
  forebay trigger stripe.charge.succeeded --url https://in.example.com --secret-env STRIPE_SECRET
  forebay trigger github.push --context staging --secret-file github.secret";

/// Sign a body as a provider would, and print the headers
#[derive(Args)]
#[command(after_help = SIGN_HELP)]
pub struct SignArguments {
    #[command(flatten)]
    pub scheme: SchemeArguments,
    #[command(flatten)]
    pub secret: SecretArguments,
    #[command(flatten)]
    pub body: BodyArguments,
    /// The webhook's id, for schemes that sign one
    #[arg(long, default_value = "msg_1")]
    pub id: String,
    /// List the schemes
    #[arg(long, exclusive = true)]
    pub list: bool,
    /// Print a new secret, and sign nothing
    #[arg(long, exclusive = true)]
    pub new_secret: bool,
    /// Print the headers as a JSON object
    #[arg(long)]
    pub json: bool,
}

const SIGN_HELP: &str = "\
Examples:
  forebay sign --scheme github --secret-env SECRET --body @push.json
  forebay sign --scheme standard-webhooks --secret-file secret --body - < event.json
  forebay sign --scheme hmac --header X-Sig --algorithm sha512 --secret-env S --body hello
  forebay sign --new-secret";

/// Verify a signature; exits 0 when it is right, 1 when not
#[derive(Args)]
#[command(after_help = VERIFY_HELP)]
pub struct VerifyArguments {
    #[command(flatten)]
    pub scheme: SchemeArguments,
    #[command(flatten)]
    pub secret: SecretArguments,
    #[command(flatten)]
    pub body: BodyArguments,
    /// A header of the request, `Name: value`; give all that matter
    #[arg(short = 'H', long = "request-header", value_name = "HEADER")]
    pub headers: Vec<String>,
    /// Print the finding as JSON
    #[arg(long)]
    pub json: bool,
}

const VERIFY_HELP: &str = "\
Examples:
  forebay verify --scheme github --secret-env SECRET --body @push.json \\
    -H 'X-Hub-Signature-256: sha256=…'
  forebay sign --scheme stripe --secret-env S --body @b.json > headers
  forebay verify --scheme stripe --secret-env S --body @b.json -H \"$(cat headers)\"";

/// Copy all that a node keeps into one file, while it runs
///
/// The copy is of one moment: all that had been answered by then is in it, and nothing later.
/// Senders wait some milliseconds.
#[derive(Args)]
#[command(after_help = BACKUP_HELP)]
pub struct BackupArguments {
    /// A tar archive that is not there yet, or - for stdout
    pub file: PathBuf,
    #[command(flatten)]
    pub server: ServerArguments,
    /// Of a data directory that no server has, instead
    #[arg(long, value_name = "DIR", conflicts_with_all = ["url", "key", "key_file", "context"])]
    pub data: Option<PathBuf>,
    /// Leave out the admin key and the key that opens the secrets: a restore needs secrets.key
    /// from elsewhere
    #[arg(long)]
    pub without_keys: bool,
}

const BACKUP_HELP: &str = "\
The file is worth as much as the data directory: it has the keys, unless they are left out, and
every event that retention has kept.

Examples:
  forebay backup forebay-monday.tar
  forebay backup - --without-keys | zstd > forebay.tar.zst
  forebay backup forebay.tar --data /var/lib/forebay";

/// Make a data directory of a backup
///
/// Every file is held against the backup's list and every event is read before the directory is
/// one. What was on its way when the backup was made goes out again, under the same ids.
#[derive(Args)]
#[command(after_help = RESTORE_HELP)]
pub struct RestoreArguments {
    /// The backup, or - for stdin
    pub file: PathBuf,
    /// The data directory: one that is empty or not there
    #[arg(long, value_name = "DIR", default_value = "./forebay-data")]
    pub data: PathBuf,
    /// Print what was restored as JSON
    #[arg(long)]
    pub json: bool,
}

const RESTORE_HELP: &str = "\
Examples:
  forebay restore forebay-monday.tar --data /var/lib/forebay
  zstd -d < forebay.tar.zst | forebay restore - --data ./copy";

/// Ask a server whether it takes events, or recover what is intact in a data directory
///
/// --ready asks a running server, without a key: for the health checks of containers and for
/// scripts that wait for it. --salvage is for a directory that does not open any more: every
/// intact event goes to the file as one CloudEvents JSON line, in the order of the log; the
/// directory is left as it is. No engine may be running on it.
#[derive(Args)]
#[command(group = ArgGroup::new("what").required(true), after_help = DOCTOR_HELP)]
pub struct DoctorArguments {
    /// Ask a running server; exits 0 when it is ready, else 1 with the reason
    #[arg(long, group = "what")]
    pub ready: bool,
    /// Where the events go: a file that is not there yet
    #[arg(long, value_name = "FILE", group = "what")]
    pub salvage: Option<PathBuf>,
    #[command(flatten)]
    pub target: TargetArguments,
    /// Ask again for so many seconds until it is ready
    #[arg(long, value_name = "SECONDS", default_value_t = 0, requires = "ready")]
    pub timeout: u32,
    /// The data directory of --salvage
    #[arg(long, value_name = "DIR", default_value = "./forebay-data")]
    pub data: PathBuf,
    /// Print what was found as JSON
    #[arg(long)]
    pub json: bool,
}

const DOCTOR_HELP: &str = "\
Examples:
  forebay doctor --ready --url http://127.0.0.1:8080
  forebay doctor --ready --timeout 30 && ./send-events
  forebay doctor --salvage events.ndjson --data ./forebay-data";
