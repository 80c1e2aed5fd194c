//! Owns:    how a GitHub push reads as a Slack message.
//! Imports: forebay-filter, jsontext.
//! Never:   sends anything: the endpoint's URL is Slack's incoming webhook.

use forebay_filter::{Event, Output, Verdict, filter};
use jsontext::{Given, Pointer, Reader, Text, Token, find, push_quoted};
use std::fmt::Write;

pub struct Config {
    /// How many commits are listed; the rest are counted.
    pub commits_max: usize,
    of_push: Vec<Pointer>,
    of_commit: Vec<Pointer>,
}

impl forebay_filter::Config for Config {
    fn read(bytes: &[u8]) -> Result<Config, String> {
        let mut given = Given::read(bytes)?;
        let commits_max = given.count("commits_max")?.unwrap_or(5);
        given.finish()?;
        let pointers = |paths: &[&str]| paths.iter().map(|path| Pointer::read(path)).collect();
        let of_push: Result<_, _> = pointers(PUSH);
        let of_commit: Result<_, _> = pointers(COMMIT);
        Ok(Config { commits_max, of_push: of_push?, of_commit: of_commit? })
    }
}

const PUSH: &[&str] =
    &["/ref", "/compare", "/repository/full_name", "/pusher/name", "/deleted", "/commits"];
const COMMIT: &[&str] = &["/id", "/message", "/url", "/author/name"];

struct Push {
    git_ref: String,
    compare: String,
    repository: String,
    pusher: String,
    is_deleted: bool,
    /// The first ones.
    commits: Vec<Commit>,
    count: usize,
}

struct Commit {
    id: String,
    message: String,
    url: String,
    author: String,
}

/// A message for each push; whatever else happens at GitHub is dropped.
pub fn message<'a>(config: &Config, event: Event<'a>) -> Result<Verdict<'a>, String> {
    if event.event_type() != "push" {
        return Ok(Verdict::Drop);
    }
    let text = text_of(&Push::read(config, event.body())?);
    let mut body = b"{\"text\":".to_vec();
    push_quoted(&mut body, text.as_bytes());
    body.push(b'}');
    let output = Output::of(event).body(body).header("content-type", &b"application/json"[..]);
    Ok(Verdict::Emit(vec![output]))
}

filter!(message, config = Config);

impl Push {
    fn read(config: &Config, body: &[u8]) -> Result<Push, String> {
        let told = |bad: jsontext::Bad| format!("the body: {bad}");
        let found = find(body, &config.of_push).map_err(told)?;
        let mut push = Push {
            git_ref: text(&found, PUSH, 0)?,
            compare: text(&found, PUSH, 1)?,
            repository: text(&found, PUSH, 2)?,
            pusher: text(&found, PUSH, 3)?,
            is_deleted: found[4] == Some(b"true"),
            commits: Vec::new(),
            count: 0,
        };
        let commits = found[5].unwrap_or(b"[]");
        let mut reader = Reader::new(commits);
        reader.next().map_err(told)?;
        while let Ok(Some(Token::Open(_))) = reader.next() {
            let from = reader.from;
            reader.skip_known();
            push.count += 1;
            if push.count <= config.commits_max {
                let found = find(&commits[from..reader.at], &config.of_commit).map_err(told)?;
                push.commits.push(Commit {
                    id: text(&found, COMMIT, 0)?,
                    message: text(&found, COMMIT, 1)?,
                    url: text(&found, COMMIT, 2)?,
                    author: text(&found, COMMIT, 3)?,
                });
            }
        }
        Ok(push)
    }
}

fn text(found: &[Option<&[u8]>], names: &[&str], index: usize) -> Result<String, String> {
    match found[index].and_then(Text::of) {
        Some(text) => Ok(String::from_utf8_lossy(&text.decoded()).into_owned()),
        None => Err(format!("the body: `{}` is missing", names[index])),
    }
}

fn text_of(push: &Push) -> String {
    let (who, repository) = (plain(&push.pusher), plain(&push.repository));
    let (kind, name) = match push.git_ref.split_once("refs/tags/") {
        Some((_, tag)) => ("tag ", plain(tag)),
        None => ("", plain(push.git_ref.trim_start_matches("refs/heads/"))),
    };
    if push.is_deleted {
        return format!("*{who}* deleted {kind}`{name}` of {repository}");
    }
    let count = push.count;
    let noun = if count == 1 { "commit" } else { "commits" };
    let what = format!("<{}|{count} {noun}>", plain(&push.compare));
    let mut text = format!("*{who}* pushed {what} to {kind}`{name}` of {repository}");
    for commit in &push.commits {
        let id: String = commit.id.chars().take(7).collect();
        let title = plain(commit.message.lines().next().unwrap_or(""));
        let (url, author) = (plain(&commit.url), plain(&commit.author));
        // Writing to a String cannot fail.
        let _ = write!(text, "\n<{url}|{}> {title} · {author}", plain(&id));
    }
    if count > push.commits.len() {
        let _ = write!(text, "\n… and {} more", count - push.commits.len());
    }
    text
}

/// Text in which Slack sees no markup of its own: these three characters are all it asks for.
fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
