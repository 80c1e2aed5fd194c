//! Owns:    taking out of texts what hurts whoever shows them: markup, control characters, length.
//! Imports: forebay-filter, jsontext.
//! Never:   re-encodes a string that it has nothing to say about.

mod clean;

use clean::Rules;
use forebay_filter::{Event, Output, Verdict, filter};
use jsontext::{Bad, Edits, Given, Pointer, Scan, Seen, Text, Token, push_within};

pub struct Config {
    rules: Rules,
    /// Strings there and below are sanitised; all when there are none.
    pointers: Vec<Pointer>,
    not_json: NotJson,
}

#[derive(Clone, Copy)]
enum NotJson {
    Pass,
    Clean,
    Reject,
    Drop,
}

impl forebay_filter::Config for Config {
    fn read(bytes: &[u8]) -> Result<Config, String> {
        let mut given = Given::read(bytes)?;
        let pointers = given.pointers("pointers")?;
        let rules = Rules::read(&mut given)?;
        let choices = [
            ("pass", NotJson::Pass),
            ("clean", NotJson::Clean),
            ("reject", NotJson::Reject),
            ("drop", NotJson::Drop),
        ];
        let not_json = given.choice("not_json", &choices)?.unwrap_or(NotJson::Pass);
        given.finish()?;
        Ok(Config { rules, pointers, not_json })
    }
}

/// Passes what is clean, emits the rest cleaned.
pub fn sanitise<'a>(config: &Config, event: Event<'a>) -> Verdict<'a> {
    let body = event.body();
    let cleaned = match cleaned(config, body) {
        Ok(cleaned) => cleaned,
        Err(bad) => match config.not_json {
            NotJson::Pass => None,
            NotJson::Clean => config.rules.cleaned(body),
            NotJson::Reject => return Verdict::reject(format!("the body is not JSON: {bad}")),
            NotJson::Drop => return Verdict::Drop,
        },
    };
    match cleaned {
        Some(body) => Verdict::Emit(vec![Output::of(event).body(body)]),
        None => Verdict::Pass,
    }
}

filter!(sanitise, config = Config);

fn cleaned(config: &Config, body: &[u8]) -> Result<Option<Vec<u8>>, Bad> {
    let mut scan = Scan::new(body, &config.pointers);
    let mut edits = Edits::default();
    let mut written = Vec::new();
    let mut clean = |text: Text<'_>| {
        if !text.has_escapes && config.rules.has_nothing_against(text.raw) {
            return;
        }
        if let Some(clean) = config.rules.cleaned(&text.decoded()) {
            written.clear();
            push_within(&mut written, &clean);
            edits.replace(body, text.from, text.from + text.raw.len(), &written);
        }
    };
    while let Some(token) = scan.next()? {
        let is_meant = config.pointers.is_empty() || scan.is_within();
        match token {
            Token::Text(text) if is_meant => clean(text),
            Token::Open(_) if !scan.may_lead_below() && !is_meant => scan.skip()?,
            Token::Open(_) if !scan.may_lead_below() => scan.skip_seeing(|seen, _, _| {
                if let Seen::Text(text) = seen {
                    clean(text);
                }
            })?,
            _ => {}
        }
    }
    Ok(edits.finish(body))
}
