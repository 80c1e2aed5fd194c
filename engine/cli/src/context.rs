//! Servers by name, as a person keeps them for the command line.

use crate::exit::{Exit, Failure};
use crate::given::{body, line_of, print};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Servers by name, and which of them is asked when nothing else says so
///
/// Kept in $XDG_CONFIG_HOME/forebay/contexts.toml, else ~/.config/forebay/contexts.toml, for its
/// owner alone. What is typed goes before the environment, the environment before the context.
#[derive(Args)]
#[command(after_help = HELP)]
pub struct Contexts {
    #[command(subcommand)]
    verb: ContextVerb,
}

const HELP: &str = "\
A context's key goes to the context's server alone.

Examples:
  forebay context add prod --url https://hooks.example.com --key-file ~/.keys/prod
  forebay context use prod
  forebay endpoint ls --context staging
  FOREBAY_CONTEXT=staging forebay dlq ls";

#[derive(Subcommand)]
enum ContextVerb {
    /// List all; the one in use has a star
    #[command(after_help = "Example:\n  forebay context ls --json")]
    Ls {
        #[arg(long)]
        json: bool,
    },
    /// Keep one, in the place of another of its name
    #[command(after_help = "\
Examples:
  forebay context add prod --url https://hooks.example.com --key-file ~/.keys/prod
  forebay context add local --url http://127.0.0.1:8080 --store-key < admin.key")]
    Add(New),
    /// Ask this one from now on
    #[command(after_help = "Example:\n  forebay context use prod")]
    Use { name: String },
    /// Show one, without its key
    #[command(after_help = "Example:\n  forebay context show prod --json")]
    Show {
        /// Without it the one in use
        name: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Forget one
    #[command(after_help = "Example:\n  forebay context rm prod")]
    Rm { name: String },
}

#[derive(Args)]
struct New {
    /// What to call it
    name: String,
    /// The server
    #[arg(long, value_name = "URL")]
    url: String,
    /// A file that holds the key, read whenever it is needed
    #[arg(long, value_name = "FILE", group = "key")]
    key_file: Option<PathBuf>,
    /// The environment variable that holds the key
    #[arg(long, value_name = "NAME", group = "key")]
    key_env: Option<String>,
    /// Keep the key itself: it is read from stdin
    #[arg(long, group = "key")]
    store_key: bool,
}

/// A server that a person knows by a name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    pub url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_env: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<String>,
    #[serde(default)]
    context: BTreeMap<String, Context>,
}

/// The one that is named, or else the one in use, if any.
pub fn find(name: Option<&str>) -> Result<Option<Context>, Failure> {
    let Some(path) = path().filter(|path| name.is_some() || path.exists()) else {
        return match name {
            Some(_) => Err(Failure::usage(NO_HOME)),
            None => Ok(None),
        };
    };
    let kept = read(&path)?;
    let name = name.map(str::to_owned).or(kept.current.clone());
    name.map(|name| kept.named(&name).cloned()).transpose()
}

const NO_HOME: &str = "neither XDG_CONFIG_HOME nor HOME is set: contexts have no place";

fn path() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(folder.join("forebay").join("contexts.toml"))
}

fn read(path: &Path) -> Result<Kept, Failure> {
    let fail =
        |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", path.display()));
    match std::fs::read_to_string(path) {
        // Nothing of what is wrong is shown: it may be a key.
        Ok(text) => toml::from_str(&text).map_err(|error: toml::de::Error| fail(&error.message())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Kept::default()),
        Err(error) => Err(fail(&error)),
    }
}

/// Whole or not at all, and for its owner alone.
fn write(path: &Path, kept: &Kept) -> Result<(), Failure> {
    let fail = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Failed, format!("{}: {error}", path.display()))
    };
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder).map_err(|error| fail(&error))?;
    let text = toml::to_string(kept).map_err(|error| fail(&error))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| fail(&error))?;
    file.write_all(text.as_bytes()).map_err(|error| fail(&error))?;
    file.persist(path).map_err(|error| fail(&error.error)).map(drop)
}

impl Kept {
    fn named(&self, name: &str) -> Result<&Context, Failure> {
        self.context.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.context.keys().map(String::as_str).collect();
            let known = match known.is_empty() {
                true => "there is none: `forebay context add` keeps one".to_owned(),
                false => format!("known are: {}", known.join(", ")),
            };
            Failure::usage(format!("there is no context {name:?}; {known}"))
        })
    }
}

impl Context {
    /// None when it has none.
    pub fn key(&self) -> Result<Option<String>, Failure> {
        if let Some(path) = &self.key_file {
            return line_of(path).map(Some);
        }
        if let Some(name) = &self.key_env {
            let unset =
                |_| Failure::usage(format!("the context's key is in {name}, which is not set"));
            return std::env::var(name).map(Some).map_err(unset);
        }
        Ok(self.key.clone())
    }

    fn key_place(&self) -> String {
        match (&self.key_file, &self.key_env, &self.key) {
            (Some(path), ..) => format!("file {}", path.display()),
            (_, Some(name), _) => format!("environment {name}"),
            (.., Some(_)) => "kept".to_owned(),
            _ => "none".to_owned(),
        }
    }
}

impl Contexts {
    pub fn run(&self) -> Result<Exit, Failure> {
        let path = path().ok_or_else(|| Failure::usage(NO_HOME))?;
        let mut kept = read(&path)?;
        match &self.verb {
            ContextVerb::Ls { json } => return list(&kept, *json),
            ContextVerb::Show { name, json } => {
                let none = || Failure::usage("no context is in use; name one");
                let name = name.as_ref().or(kept.current.as_ref()).ok_or_else(none)?;
                return show(name, kept.named(name)?, *json);
            }
            ContextVerb::Add(new) => {
                kept.context.insert(new.name.clone(), new.context()?);
                if kept.context.len() == 1 {
                    kept.current = Some(new.name.clone());
                }
            }
            ContextVerb::Use { name } => {
                kept.named(name)?;
                kept.current = Some(name.clone());
            }
            ContextVerb::Rm { name } => {
                kept.named(name)?;
                kept.context.remove(name);
                kept.current.take_if(|current| current == name);
            }
        }
        write(&path, &kept)?;
        match &kept.current {
            Some(current) => eprintln!("in use: {current}"),
            None => eprintln!("none is in use"),
        }
        Ok(Exit::Ok)
    }
}

impl New {
    fn context(&self) -> Result<Context, Failure> {
        crate::client::parse_url("--url", &self.url)?;
        let key = match self.store_key {
            true => {
                let text = String::from_utf8(body("-")?);
                let text = text.map_err(|_| Failure::usage("a key is text"))?;
                Some(text.trim_end_matches(['\n', '\r']).to_owned())
            }
            false => None,
        };
        // It is read from wherever the command line is then.
        let key_file = self.key_file.as_ref().map(std::path::absolute).transpose();
        let key_file = key_file.map_err(|error| Failure::usage(format!("--key-file: {error}")))?;
        Ok(Context { url: self.url.clone(), key_file, key_env: self.key_env.clone(), key })
    }
}

fn list(kept: &Kept, as_json: bool) -> Result<Exit, Failure> {
    let is_current = |name: &String| kept.current.as_ref() == Some(name);
    if as_json {
        let one = |(name, context): (&String, &Context)| {
            json!({ "name": name, "url": context.url, "key": context.key_place(),
                    "current": is_current(name) })
        };
        let all: Vec<_> = kept.context.iter().map(one).collect();
        print(&format!("{}\n", json!({ "data": all })))?;
        return Ok(Exit::Ok);
    }
    for (name, context) in &kept.context {
        let star = if is_current(name) { '*' } else { ' ' };
        print(&format!("{star} {name}  {}  key: {}\n", context.url, context.key_place()))?;
    }
    if kept.context.is_empty() {
        eprintln!("there are none");
    }
    Ok(Exit::Ok)
}

fn show(name: &str, context: &Context, as_json: bool) -> Result<Exit, Failure> {
    let (url, key) = (&context.url, context.key_place());
    print(&match as_json {
        true => format!("{}\n", json!({ "name": name, "url": url, "key": key })),
        false => format!("name  {name}\nurl   {url}\nkey   {key}\n"),
    })?;
    Ok(Exit::Ok)
}
