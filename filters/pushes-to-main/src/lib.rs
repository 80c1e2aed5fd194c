//! Owns:    the choice of GitHub pushes to one branch.
//! Imports: forebay-filter, jsontext.
//! Never:   changes an event.

use forebay_filter::{Event, filter};
use jsontext::{Given, Pointer, Text, find};

pub struct Config {
    pub branch: String,
    pointers: [Pointer; 2],
}

impl forebay_filter::Config for Config {
    fn read(bytes: &[u8]) -> Result<Config, String> {
        let mut given = Given::read(bytes)?;
        let branch = given.text("branch")?.unwrap_or_else(|| "main".into());
        given.finish()?;
        Ok(Config { branch, pointers: [Pointer::read("/ref")?, Pointer::read("/deleted")?] })
    }
}

/// Keeps a push that leaves commits on the branch. An error is a push that is none of GitHub's.
pub fn is_to_branch(config: &Config, event: Event) -> Result<bool, String> {
    if event.event_type() != "push" {
        return Ok(false);
    }
    let found = find(event.body(), &config.pointers).map_err(|bad| format!("the body: {bad}"))?;
    let git_ref = found[0].and_then(Text::of).ok_or("the body: `ref` is missing")?.decoded();
    let branch = git_ref.strip_prefix(b"refs/heads/");
    // The push took the branch away.
    let is_deleted = found[1] == Some(b"true");
    Ok(branch == Some(config.branch.as_bytes()) && !is_deleted)
}

filter!(is_to_branch, config = Config);
