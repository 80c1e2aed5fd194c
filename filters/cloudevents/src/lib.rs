//! Owns:    events as structured CloudEvents 1.0, and the way back.
//! Imports: forebay-filter, jsontext.
//! Never:   re-encodes data that is JSON.

mod base64;
mod unwrap;
mod wrap;

use forebay_filter::{Event, Verdict, filter};
use jsontext::{Given, Pointer, Source};

pub struct Config {
    mode: Mode,
    /// Of wrapped events; the name of the event's source when it is not said.
    source: Option<String>,
    subject: Option<Source>,
    pointers: Vec<Pointer>,
    /// Whether attributes become `ce-*` headers.
    headers: bool,
    otherwise: Otherwise,
}

#[derive(Clone, Copy)]
enum Mode {
    Wrap,
    Unwrap,
}

/// What becomes of a body that is no CloudEvent, where one is to be unwrapped.
#[derive(Clone, Copy)]
enum Otherwise {
    Pass,
    Reject,
    Drop,
}

pub(crate) const CONTENT_TYPE: &str = "application/cloudevents+json";

impl forebay_filter::Config for Config {
    fn read(bytes: &[u8]) -> Result<Config, String> {
        let mut given = Given::read(bytes)?;
        let mode = given.choice("mode", &[("wrap", Mode::Wrap), ("unwrap", Mode::Unwrap)])?;
        let mode = mode.unwrap_or(Mode::Wrap);
        let source = given.text("source")?;
        let mut pointers = Vec::new();
        let subject = match given.text("subject")? {
            Some(name) => {
                let read = Source::read(&name, &mut pointers);
                Some(read.map_err(|why| given.bad("subject", why))?)
            }
            None => None,
        };
        let headers = given.flag("headers")?;
        let choices =
            [("pass", Otherwise::Pass), ("reject", Otherwise::Reject), ("drop", Otherwise::Drop)];
        let otherwise = given.choice("otherwise", &choices)?;
        let stranger = match mode {
            Mode::Wrap => [("headers", headers.is_some()), ("otherwise", otherwise.is_some())],
            Mode::Unwrap => [("source", source.is_some()), ("subject", subject.is_some())],
        };
        if let Some((key, _)) = stranger.iter().find(|(_, is_given)| *is_given) {
            return Err(given.bad(key, "is for the other mode"));
        }
        if source.as_deref() == Some("") {
            return Err(given.bad("source", "must not be empty"));
        }
        given.finish()?;
        let headers = headers.unwrap_or(true);
        let otherwise = otherwise.unwrap_or(Otherwise::Pass);
        Ok(Config { mode, source, subject, pointers, headers, otherwise })
    }
}

pub fn cloudevents<'a>(config: &'a Config, event: Event<'a>) -> Verdict<'a> {
    match config.mode {
        Mode::Wrap => wrap::wrapped(config, event),
        Mode::Unwrap => match unwrap::unwrapped(config, event) {
            Some(verdict) => verdict,
            None => match config.otherwise {
                Otherwise::Pass => Verdict::Pass,
                Otherwise::Reject => Verdict::reject("the body is no structured CloudEvent"),
                Otherwise::Drop => Verdict::Drop,
            },
        },
    }
}

filter!(cloudevents, config = Config);

/// Whether a content type is that of JSON.
fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or("").trim();
    kind.eq_ignore_ascii_case("application/json")
        || kind.eq_ignore_ascii_case("text/json")
        || kind.to_ascii_lowercase().ends_with("+json")
}
