//! Owns:    how a GitHub push reads as a Slack message.
//! Imports: forebay-filter, serde.
//! Never:   sends anything: the endpoint's URL is Slack's incoming webhook.

use forebay_filter::{Event, Output, Verdict, filter, json};
use serde::Deserialize;
use std::borrow::Cow;
use std::fmt::Write;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How many commits are listed; the rest are counted.
    pub commits_max: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config { commits_max: 5 }
    }
}

#[derive(Deserialize)]
struct Push<'a> {
    #[serde(borrow)]
    r#ref: Cow<'a, str>,
    #[serde(borrow)]
    compare: Cow<'a, str>,
    #[serde(borrow)]
    repository: Repository<'a>,
    #[serde(borrow)]
    pusher: Author<'a>,
    #[serde(borrow, default)]
    commits: Vec<Commit<'a>>,
    #[serde(default)]
    deleted: bool,
}

#[derive(Deserialize)]
struct Repository<'a> {
    #[serde(borrow)]
    full_name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Author<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Commit<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow)]
    author: Author<'a>,
}

/// A message for each push; whatever else happens at GitHub is dropped.
pub fn message<'a>(config: &Config, event: Event<'a>) -> Result<Verdict<'a>, String> {
    if event.event_type() != "push" {
        return Ok(Verdict::Drop);
    }
    let text = text_of(&event.json()?, config.commits_max);
    let text = json::to_string(&text).map_err(|error| error.to_string())?;
    let body = format!(r#"{{"text":{text}}}"#);
    let output =
        Output::of(event).body(body.into_bytes()).header("content-type", &b"application/json"[..]);
    Ok(Verdict::Emit(vec![output]))
}

filter!(message, config = Config);

fn text_of(push: &Push, commits_max: usize) -> String {
    let (who, repository) = (plain(&push.pusher.name), plain(&push.repository.full_name));
    let (kind, name) = match push.r#ref.split_once("refs/tags/") {
        Some((_, tag)) => ("tag ", plain(tag)),
        None => ("", plain(push.r#ref.trim_start_matches("refs/heads/"))),
    };
    if push.deleted {
        return format!("*{who}* deleted {kind}`{name}` of {repository}");
    }
    let count = push.commits.len();
    let noun = if count == 1 { "commit" } else { "commits" };
    let what = format!("<{}|{count} {noun}>", plain(&push.compare));
    let mut text = format!("*{who}* pushed {what} to {kind}`{name}` of {repository}");
    for commit in push.commits.iter().take(commits_max) {
        let id: String = commit.id.chars().take(7).collect();
        let title = plain(commit.message.lines().next().unwrap_or(""));
        let (url, author) = (plain(&commit.url), plain(&commit.author.name));
        // Writing to a String cannot fail.
        let _ = write!(text, "\n<{url}|{}> {title} · {author}", plain(&id));
    }
    if count > commits_max {
        let _ = write!(text, "\n… and {} more", count - commits_max);
    }
    text
}

/// Text in which Slack sees no markup of its own: these three characters are all it asks for.
fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
