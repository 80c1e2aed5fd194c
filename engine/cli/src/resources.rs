//! Commands about what a server keeps: each asks its management API and shows the answer.

mod audit;
mod choice;
mod compared;
mod deed;
mod erase;
mod fields;
mod filters;
mod journal;
mod kinds;
mod letters;
mod lookup;
mod paused;
mod shipped;
mod stats;
mod story;
mod table;
mod trial;
mod watched;
mod which;
mod within;

pub use audit::Audit;
pub use erase::Erase;
pub use filters::Filter;
use filters::Settings;
pub use kinds::{App, Endpoint, EventType, Key, Source};
pub use letters::{Dlq, Explain};
pub use lookup::Table;
pub use stats::Stats;

use crate::client::{Answer, Call};
use crate::exit::{Exit, Failure};
use crate::given::{ServerArguments, print};
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Map, Value, json};
use table::Column;
pub use table::text;

/// What can be done to a resource. `W` says within what it is, `F` what it is made of.
#[derive(Subcommand)]
pub enum Verb<W: Within, F: Fields> {
    /// List all
    #[command(after_help = F::EXAMPLES.ls)]
    Ls {
        #[command(flatten)]
        server: ServerArguments,
        #[command(flatten)]
        within: W,
        #[command(flatten)]
        choice: F::Choice,
        /// So many at most
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Show one
    #[command(after_help = F::EXAMPLES.get)]
    Get(One<W>),
    /// Create one, and print its id
    #[command(after_help = F::EXAMPLES.create)]
    Create {
        #[command(flatten)]
        server: ServerArguments,
        #[command(flatten)]
        within: W,
        #[command(flatten)]
        fields: F,
    },
    /// Change what is given of one, and leave the rest
    #[command(after_help = F::EXAMPLES.update)]
    Update {
        #[command(flatten)]
        one: One<W>,
        #[command(flatten)]
        fields: F,
    },
    /// Remove one
    #[command(after_help = F::EXAMPLES.rm)]
    Rm(One<W>),
}

/// One of them.
#[derive(Args)]
pub struct One<W: Args> {
    #[command(flatten)]
    server: ServerArguments,
    #[command(flatten)]
    within: W,
    /// Its id, or its own name
    #[arg(value_name = "NAME")]
    which: String,
}

impl<W: Within> One<W> {
    fn path(&self) -> Result<String, Failure> {
        below(&self.within.path()?, &self.which)
    }

    /// Of what is its own, such as `secret`.
    fn path_below(&self, rest: &str) -> Result<String, Failure> {
        Ok(joined(&self.path()?, rest))
    }

    fn found(&self) -> Result<Answer, Failure> {
        ask(&self.server, Method::GET, &self.path()?, None)
    }

    /// Changes what is given of it, and gives it as it is then.
    fn change(&self, fields: &impl Fields) -> Result<Answer, Failure> {
        let body = fields.body()?;
        if body.is_empty() {
            return Err(Failure::usage("say what is to change; --help lists what can be"));
        }
        ask(&self.server, Method::PATCH, &self.path()?, Some(&Value::Object(body)))
    }

    /// Asks for something that has a path of its own; prints the id of what comes of it.
    fn order(&self, what: &str, body: &Value) -> Result<Exit, Failure> {
        let answer = ask(&self.server, Method::POST, &self.path_below(what)?, Some(body))?;
        made(&self.server, &answer, "id")
    }

    /// Puts an earlier version in force again, the one before unless another is named.
    fn roll_back(&self, to: Option<&str>) -> Result<Exit, Failure> {
        let all = self.path_below("version")?;
        let version = match to {
            Some(version) => version.to_owned(),
            None => {
                let versions = ask(&self.server, Method::GET, &all, None)?.json();
                let before = versions["data"][1]["version"].as_str().map(str::to_owned);
                before.ok_or_else(|| {
                    Failure::new(Exit::Failed, format!("{} has no earlier version", self.which))
                })?
            }
        };
        let path = joined(&below(&all, &version)?, "restore");
        made(&self.server, &ask(&self.server, Method::POST, &path, None)?, "version")
    }

    /// Prints the secret that it has, after a rotation where there is one to ask for.
    fn secret(&self, rotation: Option<Value>, member: &str) -> Result<Exit, Failure> {
        let answer = match rotation {
            None => ask(&self.server, Method::GET, &self.path_below("secret")?, None)?,
            Some(body) => {
                ask(&self.server, Method::POST, &self.path_below("secret/rotate")?, Some(&body))?
            }
        };
        made(&self.server, &answer, member)
    }
}

/// Within what a resource is.
pub trait Within: Args {
    /// The path of all of them.
    fn path(&self) -> Result<String, Failure>;
}

/// What a resource is made of.
pub trait Fields: Args {
    /// What a list shows of each.
    const COLUMNS: &'static [Column];
    /// The member that names it.
    const NAME: &'static str;
    /// Without which none is made: the argument, the member, and what it is.
    const NEEDED: &'static [(&'static str, &'static str, &'static str)];
    const EXAMPLES: Examples;
    /// By what a list of them can be narrowed.
    type Choice: Choice;
    /// What a person is told of what stays when one was removed, by its id.
    const LEFT: Option<fn(&str) -> String> = None;

    /// Those that were given.
    fn body(&self) -> Result<Map<String, Value>, Failure>;
}

/// Which of them a list shows.
pub trait Choice: Args {
    /// The parameters of the query that ask for these.
    fn parameters(&self) -> Vec<(&'static str, String)>;
}

/// All of them.
#[derive(Args)]
pub struct All {}

impl Choice for All {
    fn parameters(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// What the help of each verb ends with.
pub struct Examples {
    ls: &'static str,
    get: &'static str,
    create: &'static str,
    update: &'static str,
    rm: &'static str,
}

impl<W: Within, F: Fields> Verb<W, F> {
    pub fn run(&self) -> Result<Exit, Failure> {
        match self {
            Verb::Ls { server, within, choice, limit } => {
                let path = with_all(&within.path()?, &choice.parameters());
                list(server, &path, *limit, F::COLUMNS)
            }
            Verb::Get(one) => show(&one.server, &one.found()?),
            Verb::Create { server, within, fields } => {
                let body = Value::Object(needed::<F>(fields.body()?)?);
                made(server, &ask(server, Method::POST, &within.path()?, Some(&body))?, F::NAME)
            }
            Verb::Update { one, fields } => made(&one.server, &one.change(fields)?, F::NAME),
            Verb::Rm(one) => {
                let path = one.path()?;
                // Afterwards only its id says which it was.
                let left = F::LEFT.map(|left| {
                    let known = ask(&one.server, Method::GET, &path, None)?.json();
                    Ok::<_, Failure>(left(known["id"].as_str().unwrap_or(&one.which)))
                });
                let left = left.transpose()?;
                ask(&one.server, Method::DELETE, &path, None)?;
                eprintln!("removed {}", one.which);
                left.iter().for_each(|left| eprintln!("{left}"));
                Ok(Exit::Ok)
            }
        }
    }
}

/// What a new one is made of, if nothing is missing.
fn needed<F: Fields>(body: Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    match F::NEEDED.iter().find(|(_, member, _)| !body.contains_key(*member)) {
        None => Ok(body),
        Some((argument, _, what)) => Err(Failure::usage(format!("give {argument}, {what}"))),
    }
}

/// A name as a segment of a path, before its query. One that a path takes for a folder would lead
/// to what holds the resource, and there `rm` would remove that.
pub fn below(path: &str, name: &str) -> Result<String, Failure> {
    if matches!(name, "" | "." | "..") {
        return Err(Failure::usage(format!("{name:?} is no name of anything")));
    }
    Ok(joined(path, &encoded(name)))
}

/// A path that goes on, before its query.
fn joined(path: &str, rest: &str) -> String {
    match path.split_once('?') {
        Some((path, query)) => format!("{path}/{rest}?{query}"),
        None => format!("{path}/{rest}"),
    }
}

/// A path that asks for more, behind what its query has.
pub fn with_parameters(path: &str, parameters: &str) -> String {
    format!("{path}{}{parameters}", if path.contains('?') { '&' } else { '?' })
}

/// The same for several, each by its name and as it is.
fn with_all(path: &str, parameters: &[(&'static str, String)]) -> String {
    parameters.iter().fold(path.to_owned(), |path, (name, value)| {
        with_parameters(&path, &format!("{name}={}", encoded(value)))
    })
}

/// A text as it stands in a path or a query.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(byte.into());
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Asks, and fails with what the server says when it does not do it.
pub fn ask(
    server: &ServerArguments,
    method: Method,
    path_and_query: &str,
    body: Option<&Value>,
) -> Result<Answer, Failure> {
    granted(server, exchange(server, method, path_and_query, body.map(as_json))?)
}

/// A body with its media type.
pub type Body = (&'static str, Vec<u8>);

pub fn as_json(body: &Value) -> Body {
    ("application/json", body.to_string().into_bytes())
}

/// Asks, and answers whatever the server said.
fn exchange(
    server: &ServerArguments,
    method: Method,
    path_and_query: &str,
    body: Option<Body>,
) -> Result<Answer, Failure> {
    exchange_with(server, method, path_and_query, body, Vec::new())
}

/// The same, with further headers.
pub fn exchange_with(
    server: &ServerArguments,
    method: Method,
    path_and_query: &str,
    body: Option<Body>,
    mut headers: Vec<(String, String)>,
) -> Result<Answer, Failure> {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let mut url = server.url(path)?;
    url.set_query(Some(query).filter(|query| !query.is_empty()));
    headers.push(("authorization".to_owned(), format!("Bearer {}", server.key()?)));
    let (media_type, body) = body.unzip();
    headers.extend(media_type.map(|given| ("content-type".to_owned(), given.to_owned())));
    Call { method, url, headers, body: body.unwrap_or_default() }.ask_patiently()
}

/// The answer of a server that did it.
fn granted(server: &ServerArguments, answer: Answer) -> Result<Answer, Failure> {
    if answer.is_success() && (answer.body.is_empty() || answer.is_json()) {
        return Ok(answer);
    }
    if answer.is_success() {
        let why = "the answer is not JSON: does --url lead to a Forebay?";
        return Err(Failure::new(Exit::Failed, why));
    }
    if server.json {
        answer.print()?;
    }
    Err(answer.refusal())
}

const PAGE: usize = 250;

/// All pages, or as many as it takes for `limit`.
pub fn pages(
    server: &ServerArguments,
    path: &str,
    limit: Option<usize>,
) -> Result<Vec<Value>, Failure> {
    let mut all = Vec::new();
    each_page(server, path, limit, |page| all.extend(page))?;
    Ok(all)
}

/// The same page by page.
fn each_page(
    server: &ServerArguments,
    path: &str,
    limit: Option<usize>,
    mut take: impl FnMut(Vec<Value>),
) -> Result<(), Failure> {
    let (mut left, mut iterator) = (limit.unwrap_or(usize::MAX), String::new());
    let mut unknown = 0;
    while left > 0 {
        let size = PAGE.min(left);
        let page = with_parameters(path, &format!("limit={size}{iterator}"));
        let mut page = ask(server, Method::GET, &page, None)?.json();
        if page["incomplete"] == true {
            eprintln!("warning: there are others beside these that cannot be read any more");
        }
        unknown += page["unknown"].as_u64().unwrap_or(0);
        if let Value::Array(data) = page["data"].take() {
            left = left.saturating_sub(data.len());
            take(data);
        }
        match page["iterator"].as_str() {
            Some(next) if page["done"] != true => {
                iterator = format!("&iterator={}", encoded(next));
            }
            _ => break,
        }
    }
    if unknown > 0 {
        eprintln!("warning: {unknown} others are damaged and do not say whether they are meant");
    }
    Ok(())
}

fn list(
    server: &ServerArguments,
    path: &str,
    limit: Option<usize>,
    columns: &[Column],
) -> Result<Exit, Failure> {
    listed(server, columns, &pages(server, path, limit)?)
}

fn listed(server: &ServerArguments, columns: &[Column], all: &[Value]) -> Result<Exit, Failure> {
    match server.json {
        true => print(&format!("{}\n", json!({ "data": all })))?,
        false => print(&table::render(columns, all))?,
    }
    if all.is_empty() && !server.json {
        eprintln!("there are none");
    }
    Ok(Exit::Ok)
}

/// One resource, member by member.
fn show(server: &ServerArguments, answer: &Answer) -> Result<Exit, Failure> {
    match server.json {
        true => answer.print()?,
        false => print(&table::members(&answer.json()))?,
    }
    Ok(Exit::Ok)
}

/// The name of what was made or changed.
fn made(server: &ServerArguments, answer: &Answer, name: &str) -> Result<Exit, Failure> {
    let told = answer.json();
    let Some(name) = told[name].as_str() else {
        let why = "the answer does not say what was made: does --url lead to a Forebay?";
        return Err(Failure::new(Exit::Failed, why));
    };
    match server.json {
        true => answer.print()?,
        false => print(&format!("{name}\n"))?,
    }
    Ok(Exit::Ok)
}
