//! Owns:    messages for Slack and Discord, of a template that the event fills.
//! Imports: forebay-filter, jsontext.
//! Never:   lets an event's text be markup or mention anybody.

mod message;

use forebay_filter::{Event, Output, Verdict, filter};
use jsontext::{Given, Missing, NotJson, Part, Pointer, Template, find, push_quoted};
use message::{Chat, Message};

pub struct Config {
    chat: Chat,
    template: Template,
    pointers: Vec<Pointer>,
    /// Characters of the message, and of each value in it.
    length_max: usize,
    value_max: usize,
    missing: Missing,
    not_json: NotJson,
}

impl forebay_filter::Config for Config {
    fn read(bytes: &[u8]) -> Result<Config, String> {
        let mut given = Given::read(bytes)?;
        let chats = [("slack", Chat::Slack), ("discord", Chat::Discord)];
        let chat = given.choice("chat", &chats)?.unwrap_or(Chat::Slack);
        let mut pointers = Vec::new();
        let wanted = "the message, such as \"{{type}}: {{/title}}\"";
        let text = given.text("text")?.ok_or_else(|| given.missing("text", wanted))?;
        let template = Template::read(&text, &mut pointers);
        let template = template.map_err(|why| given.bad("text", why))?;
        let length_max = given.count("length_max")?.unwrap_or(chat.length_max());
        if length_max == 0 || length_max > chat.length_max() {
            let why = format_args!("is from 1 to {}", chat.length_max());
            return Err(given.bad("length_max", why));
        }
        let value_max = given.count("value_max")?.unwrap_or(300);
        let (missing, not_json) = (Missing::of(&mut given)?, NotJson::of(&mut given)?);
        given.finish()?;
        Ok(Config { chat, template, pointers, length_max, value_max, missing, not_json })
    }
}

pub fn message<'a>(config: &'a Config, event: Event<'a>) -> Verdict<'a> {
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
    let mut message = Message::new(config.chat, config.length_max);
    for part in &config.template.parts {
        match part {
            Part::Literal(text) => message.push_markup(text),
            Part::Place(place) => match (place.text(event, &found), config.missing) {
                (Some(value), _) => message.push_plain(&value, config.value_max),
                (None, Missing::Null) => {}
                (None, Missing::Drop) => return Verdict::Drop,
                (None, Missing::Reject) => {
                    return Verdict::reject(format!("the event has no {{{{{}}}}}", place.name));
                }
            },
        }
    }
    let (before, after) = config.chat.envelope();
    let mut body = before.as_bytes().to_vec();
    push_quoted(&mut body, message.text().as_bytes());
    body.extend_from_slice(after.as_bytes());
    let content_type = &b"application/json"[..];
    Verdict::Emit(vec![Output::of(event).body(body).header("content-type", content_type)])
}

filter!(message, config = Config);
