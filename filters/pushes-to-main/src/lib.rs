//! Owns:    the choice of GitHub pushes to one branch.
//! Imports: forebay-filter, serde.
//! Never:   changes an event.

use forebay_filter::{Event, filter};
use serde::Deserialize;
use std::borrow::Cow;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default = "main")]
    pub branch: String,
}

fn main() -> String {
    "main".into()
}

#[derive(Deserialize)]
struct Push<'a> {
    #[serde(borrow)]
    r#ref: Cow<'a, str>,
    /// The push took the branch away.
    #[serde(default)]
    deleted: bool,
}

/// Keeps a push that leaves commits on the branch. An error is a push that is none of GitHub's.
pub fn is_to_branch(config: &Config, event: Event) -> Result<bool, String> {
    if event.event_type() != "push" {
        return Ok(false);
    }
    let push: Push = event.json()?;
    let branch = push.r#ref.strip_prefix("refs/heads/");
    Ok(branch == Some(config.branch.as_str()) && !push.deleted)
}

filter!(is_to_branch, config = Config);
