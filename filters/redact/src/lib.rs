//! Owns:    taking personal data out of bodies: by place (JSON pointers) and by look (patterns).
//! Imports: forebay-filter, jsontext.
//! Never:   re-encodes a body: every byte that is not redacted stays the byte that it was.

mod body;
mod card;
mod config;
mod email;
mod levels;

pub use config::Config;

use config::Unreadable;
use forebay_filter::{Event, Output, Verdict, filter};

/// Passes what has nothing to redact, emits the rest redacted. Unless it is configured otherwise,
/// a body that has pointers to follow and is no JSON is rejected: what cannot be searched must not
/// leave.
pub fn redact<'a>(config: &Config, event: Event<'a>) -> Verdict<'a> {
    let body = event.body();
    let edited = match body::redacted(config, body) {
        Ok(edited) => edited,
        Err(bad) => match config.unreadable() {
            Unreadable::Reject => return Verdict::reject(format!("the body is not JSON: {bad}")),
            Unreadable::Drop => return Verdict::Drop,
            Unreadable::Search => body::redacted_text(config, body),
        },
    };
    match edited {
        Some(edited) => Verdict::Emit(vec![Output::of(event).body(edited)]),
        None => Verdict::Pass,
    }
}

filter!(redact, config = Config);

#[cfg(test)]
mod tests;
