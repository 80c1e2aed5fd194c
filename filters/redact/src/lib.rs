//! Owns:    taking personal data out of bodies: by place (JSON pointers) and by look (patterns).
//! Imports: forebay-filter, serde.
//! Never:   re-encodes a body: every byte that is not redacted stays the byte that it was.

mod card;
mod edit;
mod email;
mod json;
mod pointer;

use edit::Edits;
use forebay_filter::{Event, Output, Verdict, filter};
use pointer::Pointer;
use serde::Deserialize;

/// What is redacted, and what stands there afterwards.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// JSON pointers (RFC 6901) of values to replace; `*` stands for every member or element.
    pointers: Vec<Pointer>,
    /// What to look for everywhere else: in JSON within its strings, names and numbers.
    patterns: Vec<Pattern>,
    mask: Mask,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    Email,
    Card,
}

/// The replacement, as plain text and as it reads inside a JSON string.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Mask {
    plain: String,
    escaped: String,
}

impl From<String> for Mask {
    fn from(plain: String) -> Mask {
        let quoted = forebay_filter::json::to_string(&plain).unwrap_or_default();
        let escaped = quoted.trim_start_matches('"');
        let escaped = escaped.strip_suffix('"').unwrap_or(escaped).to_string();
        Mask { plain, escaped }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            pointers: Vec::new(),
            patterns: vec![Pattern::Email, Pattern::Card],
            mask: Mask::from(String::from("[redacted]")),
        }
    }
}

/// Passes what has nothing to redact, emits the rest redacted. A body that has pointers to follow
/// and is no JSON is rejected: what cannot be searched must not leave.
pub fn redact<'a>(config: &Config, event: Event<'a>) -> Verdict<'a> {
    let body = event.body();
    let edits = match json::edits(config, body) {
        Ok(edits) => edits,
        Err(_) if config.pointers.is_empty() => plain_edits(config, body),
        Err(bad) => return Verdict::reject(format!("the body is not JSON: {bad}")),
    };
    if edits.is_empty() {
        return Verdict::Pass;
    }
    Verdict::Emit(vec![Output::of(event).body(edits.applied_to(body))])
}

filter!(redact, config = Config);

fn plain_edits<'c>(config: &'c Config, body: &[u8]) -> Edits<'c> {
    let mut edits = Edits::default();
    for (from, to) in found(&config.patterns, body) {
        edits.replace(from, to, "", &config.mask.plain, "");
    }
    edits
}

/// Where the patterns match, in order and apart from one another.
fn found(patterns: &[Pattern], text: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for pattern in patterns {
        match pattern {
            Pattern::Email => email::find(text, &mut found),
            Pattern::Card => card::find(text, &mut found),
        }
    }
    found.sort_unstable();
    // Two that overlap become one, so that nothing of either is left.
    found.dedup_by(|next, last| {
        let overlaps = next.0 < last.1;
        if overlaps {
            last.1 = last.1.max(next.1);
        }
        overlaps
    });
    found
}
