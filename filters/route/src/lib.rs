//! Owns:    what becomes of an event by the value of one of its fields.
//! Imports: forebay-filter, jsontext.
//! Never:   changes a body.

mod rules;

use forebay_filter::{Event, Output, Verdict, filter};
use jsontext::{Given, NotJson, Pointer, Source, find};
use rules::{Deed, Outcome, Rule};

pub struct Config {
    by: Source,
    pointers: Vec<Pointer>,
    rules: Vec<Rule>,
    otherwise: Deed,
    /// When there is no such field.
    missing: Deed,
    not_json: NotJson,
}

impl forebay_filter::Config for Config {
    fn read(bytes: &[u8]) -> Result<Config, String> {
        let mut given = Given::read(bytes)?;
        let mut pointers = Vec::new();
        let wanted = "the field to look at, such as \"/action\", \"type\" or \"headers.x-kind\"";
        let by = given.text("by")?.ok_or_else(|| given.missing("by", wanted))?;
        let by = Source::read(&by, &mut pointers).map_err(|why| given.bad("by", why))?;
        let rules = Rule::all(&mut given, &mut pointers)?;
        let otherwise = Deed::of(&mut given, "otherwise", &mut pointers)?.unwrap_or(Deed::PASS);
        let missing = Deed::of(&mut given, "missing", &mut pointers)?;
        let missing = missing.unwrap_or_else(|| otherwise.clone());
        let not_json = NotJson::of(&mut given)?;
        given.finish()?;
        Ok(Config { by, pointers, rules, otherwise, missing, not_json })
    }
}

/// The first rule that the field's value suits decides.
pub fn route<'a>(config: &'a Config, event: Event<'a>) -> Verdict<'a> {
    let found = match find(event.body(), &config.pointers) {
        _ if config.pointers.is_empty() => Vec::new(),
        Ok(found) => found,
        Err(bad) => {
            return match config.not_json {
                NotJson::Pass => Verdict::Pass,
                NotJson::Drop => Verdict::Drop,
                NotJson::Reject => Verdict::reject(format!("the body is not JSON: {bad}")),
            };
        }
    };
    let deed = match config.by.text(event, &found) {
        None => &config.missing,
        Some(value) => match config.rules.iter().find(|rule| rule.suits(&value)) {
            Some(rule) => &rule.deed,
            None => &config.otherwise,
        },
    };
    match &deed.outcome {
        Outcome::Pass => Verdict::Pass,
        Outcome::Drop => Verdict::Drop,
        Outcome::Reject(reason) => Verdict::reject(reason.as_str()),
        Outcome::Emit => {
            let output = |i: usize| {
                let mut output = Output::of(event).route(deed.to);
                if let Some(template) = deed.types.get(i) {
                    output = output.event_type(rules::filled(template, event, &found));
                }
                if let Some(template) = &deed.key {
                    output = output.key(rules::filled(template, event, &found));
                }
                output
            };
            Verdict::Emit((0..deed.types.len().max(1)).map(output).collect())
        }
    }
}

filter!(route, config = Config);
