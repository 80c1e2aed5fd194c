//! Arguments that several commands share, and what they come to.

use crate::client::parse_url;
use crate::context::{self, Context};
use crate::exit::{Exit, Failure};
use clap::Args;
use event::Time;
use forebay::config::{Config, Flags, HmacSettings, Inputs, SourceSettings};
use signature::{Scheme, Secret};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use url::{Host, Url};

#[derive(Args)]
pub struct TargetArguments {
    /// The server
    #[arg(long, value_name = "URL", env = "FOREBAY_URL")]
    pub url: Option<String>,
}

/// A server, and the right to ask it.
#[derive(Args)]
pub struct ServerArguments {
    #[command(flatten)]
    pub target: TargetArguments,
    /// The admin key, or another that may do this; without any, that of ./forebay-data for a server
    /// on this machine
    #[arg(long, value_name = "KEY", env = "FOREBAY_KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// A file that holds the key
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// A server that `forebay context` knows by this name, with its key
    #[arg(long, value_name = "NAME", env = "FOREBAY_CONTEXT")]
    pub context: Option<String>,
    /// Print the server's answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// At least one, unless the scheme is open; the first is the one to sign with.
#[derive(Args)]
pub struct SecretArguments {
    /// The environment variable that holds the secret
    #[arg(long, value_name = "NAME")]
    pub secret_env: Vec<String>,
    /// The file that holds the secret
    #[arg(long, value_name = "FILE")]
    pub secret_file: Vec<PathBuf>,
    /// The secret itself, for all on this machine to see
    #[arg(long, value_name = "TEXT")]
    pub secret: Vec<String>,
}

#[derive(Args)]
pub struct BodyArguments {
    /// The text itself, @FILE, or - for stdin
    #[arg(long, value_name = "BODY", default_value = "-")]
    pub body: String,
    /// The time of signing or of arrival, in seconds since 1970; without it now
    #[arg(long, value_name = "SECONDS")]
    pub at: Option<u64>,
    /// The address that the sender calls, for schemes that sign it
    #[arg(long, default_value = "")]
    pub url: String,
    #[arg(long, default_value = "POST")]
    pub method: String,
}

#[derive(Args)]
pub struct SchemeArguments {
    /// A provider, standard-webhooks or hmac; `forebay sign --list` shows all
    #[arg(long, required_unless_present_any = ["list", "new_secret"])]
    pub scheme: Option<String>,
    /// For hmac: the header of the signature [x-signature]
    #[arg(long, value_name = "NAME")]
    pub header: Option<String>,
    /// For hmac: what stands before the signature, such as sha256=
    #[arg(long)]
    pub prefix: Option<String>,
    /// For hmac: sha256, sha512 or sha1
    #[arg(long)]
    pub algorithm: Option<String>,
    /// For hmac: of the signature, hex or base64
    #[arg(long)]
    pub encoding: Option<String>,
    /// For hmac: of the secret, text, whsec, hex or base64
    #[arg(long)]
    pub secret_encoding: Option<String>,
    /// For hmac: what is signed, such as '{timestamp}.{body}'
    #[arg(long, value_name = "TEMPLATE")]
    pub signed: Option<String>,
    /// For hmac
    #[arg(long, value_name = "NAME")]
    pub id_header: Option<String>,
    /// For hmac
    #[arg(long, value_name = "NAME")]
    pub timestamp_header: Option<String>,
    /// For hmac: the timestamp's form, seconds, millis or rfc3339
    #[arg(long, value_name = "FORM")]
    pub timestamp: Option<String>,
}

impl SchemeArguments {
    pub fn scheme(&self) -> Result<Scheme, Failure> {
        let name = self.scheme.as_deref().unwrap_or_default();
        let settings = SourceSettings { hmac: Some(self.hmac()), ..SourceSettings::default() };
        if name != "hmac" && self.hmac() != HmacSettings::default() {
            return Err(Failure::usage("--header and its like are for --scheme hmac alone"));
        }
        match settings.scheme(name) {
            Some(scheme) => scheme.map_err(Failure::usage),
            None => Err(Failure::usage(format!(
                "unknown scheme {name:?}; `forebay sign --list` shows those that are known"
            ))),
        }
    }

    fn hmac(&self) -> HmacSettings {
        HmacSettings {
            header: self.header.clone(),
            prefix: self.prefix.clone(),
            algorithm: self.algorithm.clone(),
            encoding: self.encoding.clone(),
            secret_encoding: self.secret_encoding.clone(),
            signed: self.signed.clone(),
            id_header: self.id_header.clone(),
            timestamp_header: self.timestamp_header.clone(),
            timestamp: self.timestamp.clone(),
            ..HmacSettings::default()
        }
    }
}

impl SecretArguments {
    pub fn is_given(&self) -> bool {
        !(self.secret.is_empty() && self.secret_env.is_empty() && self.secret_file.is_empty())
    }

    /// In the form that the scheme wants.
    pub fn secrets(&self, scheme: &Scheme) -> Result<Vec<Secret>, Failure> {
        let mut texts = self.secret.clone();
        for name in &self.secret_env {
            let found = std::env::var(name);
            texts.push(found.map_err(|_| Failure::usage(format!("{name} is not set")))?);
        }
        for path in &self.secret_file {
            texts.push(line_of(path)?);
        }
        if texts.is_empty() && !scheme.is_open() {
            return Err(Failure::usage("give a secret: --secret-env, --secret-file or --secret"));
        }
        let parse = |text: &String| Secret::parse(text, scheme.secret).map_err(Failure::usage);
        texts.iter().map(parse).collect()
    }
}

/// Where `serve` listens unless it is told otherwise.
pub const SERVER: &str = "http://127.0.0.1:8080";

/// The key that `serve` makes where it is started.
const KEY_HERE: &str = "forebay-data/admin.key";

impl TargetArguments {
    /// The context that says which server is asked; None when the URL says so, or nothing does.
    /// What was typed goes before what the environment has.
    pub fn context(&self, name: &Option<String>) -> Result<Option<Context>, Failure> {
        let is_of = |variable: &str, given: &Option<String>| {
            given.is_some() && std::env::var(variable).ok() == *given
        };
        let is_typed = name.is_some() && !is_of("FOREBAY_CONTEXT", name);
        let is_by_url = self.url.is_some() && (!is_typed || !is_of("FOREBAY_URL", &self.url));
        match is_by_url {
            true => Ok(None),
            false => context::find(name.as_deref().filter(|name| !name.is_empty())),
        }
    }
}

impl ServerArguments {
    /// The server's URL, with a path below it.
    pub fn url(&self, path: &str) -> Result<Url, Failure> {
        let mut url = match (self.context()?, &self.target.url) {
            (Some(context), _) => parse_url("the context's URL", &context.url)?,
            (None, given) => parse_url("--url", given.as_deref().unwrap_or(SERVER))?,
        };
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
        Ok(url)
    }

    fn context(&self) -> Result<Option<Context>, Failure> {
        self.target.context(&self.context)
    }

    pub fn key(&self) -> Result<String, Failure> {
        // What was typed goes before what the environment has.
        if let Some(path) = &self.key_file {
            return line_of(path);
        }
        let is_typed = self.key.is_some() && std::env::var("FOREBAY_KEY").ok() != self.key;
        if !is_typed && let Some(key) = self.context()?.map(|context| context.key()).transpose()? {
            // A key of the environment is another server's, for all that is known.
            let none = || Failure::usage("the context has no key: --key-file gives one");
            return key.ok_or_else(none);
        }
        if let Some(key) = self.key.as_ref().filter(|key| !key.is_empty()) {
            return Ok(key.clone());
        }
        let is_here = self.url("")?.host().is_some_and(|host| match host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        });
        let here = Path::new(KEY_HERE);
        match is_here && here.exists() {
            true => line_of(here),
            false => Err(Failure::usage(
                "give the server's key: --key-file, or FOREBAY_KEY in the environment",
            )),
        }
    }
}

impl BodyArguments {
    pub fn at(&self) -> Time {
        self.at.map_or_else(now, Time::from_secs)
    }
}

pub fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time::ZERO + since
}

/// The text itself, `@FILE`, or `-` for stdin.
pub fn body(argument: &str) -> Result<Vec<u8>, Failure> {
    let read = |path: &str| match path {
        "-" => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
        }
        _ => std::fs::read(path),
    };
    let path = if argument == "-" { Some("-") } else { argument.strip_prefix('@') };
    match path {
        Some(path) => read(path).map_err(|error| Failure::usage(format!("{path}: {error}"))),
        None => Ok(argument.as_bytes().to_vec()),
    }
}

/// A file's text without the line break at its end.
pub fn line_of(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// What a configuration is read from: this file, or `forebay.toml` here, or no file.
pub fn inputs(file: Option<&Path>, flags: Flags) -> Inputs {
    let here = || Some(PathBuf::from("forebay.toml")).filter(|path| path.exists());
    Inputs { file: file.map(Path::to_owned).or_else(here), flags, ..Inputs::of_process() }
}

pub fn load(file: Option<&Path>, dev: bool) -> Result<Config, Failure> {
    let config = Config::load(&inputs(file, Flags { dev, ..Flags::default() }))?;
    crate::subscriber::check(&config.observe)?;
    Ok(config)
}

/// Writes to stdout. A reader that went away is no failure of ours.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Failed, format!("stdout: {error}")))
        }
        _ => Ok(()),
    }
}
