//! Owns:    making a body of a template whose places the event fills.
//! Imports: forebay-filter, jsontext.
//! Never:   emits JSON that is none: what fills a place is written as the place wants it.

mod plan;

use forebay_filter::{Event, Output, Verdict, filter};
use jsontext::{Given, Missing, NotJson, Pointer, find};
use plan::{Op, Plan};

pub struct Config {
    plan: Plan,
    pointers: Vec<Pointer>,
    content_type: String,
    missing: Missing,
    not_json: NotJson,
}

impl forebay_filter::Config for Config {
    fn read(bytes: &[u8]) -> Result<Config, String> {
        let mut given = Given::read(bytes)?;
        let mut pointers = Vec::new();
        let (json, text) = (given.value("json"), given.text("text")?);
        let (plan, usual) = match (json, text) {
            (Some(value), None) => {
                let plan = Plan::of_json(&value, &mut pointers);
                (plan.map_err(|why| given.bad("json", why))?, "application/json")
            }
            (None, Some(text)) => {
                let plan = Plan::of_text(&text, &mut pointers);
                (plan.map_err(|why| given.bad("text", why))?, "text/plain; charset=utf-8")
            }
            (None, None) => {
                return Err(
                    given.missing("json", "the body to make, or `text` for one that is no JSON")
                );
            }
            (Some(_), Some(_)) => return Err(given.bad("text", "is given, and `json` is, too")),
        };
        let content_type = given.text("content_type")?.unwrap_or_else(|| usual.to_owned());
        if content_type.bytes().any(|byte| !(b' '..=b'~').contains(&byte)) {
            return Err(given.bad("content_type", "must be printable ASCII"));
        }
        let (missing, not_json) = (Missing::of(&mut given)?, NotJson::of(&mut given)?);
        given.finish()?;
        Ok(Config { plan, pointers, content_type, missing, not_json })
    }
}

/// The host takes no more.
const BYTES_MAX: usize = 8 << 20;

pub fn fill<'a>(config: &'a Config, event: Event<'a>) -> Verdict<'a> {
    // A template that asks nothing of the body takes any.
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
    let mut body = Vec::new();
    for op in &config.plan.0 {
        if let Op::Place(place, form) = op
            && !form.push(place, event, &found, &mut body)
        {
            match config.missing {
                Missing::Null => form.push_nothing(&mut body),
                Missing::Drop => return Verdict::Drop,
                Missing::Reject => {
                    return Verdict::reject(format!("the event has no {{{{{}}}}}", place.name));
                }
            }
        }
        if let Op::Literal(bytes) = op {
            body.extend_from_slice(bytes);
        }
        if body.len() > BYTES_MAX {
            return Verdict::reject("filled, the template would be larger than 8 MiB");
        }
    }
    let content_type = config.content_type.as_bytes();
    Verdict::Emit(vec![Output::of(event).body(body).header("content-type", content_type)])
}

filter!(fill, config = Config);
