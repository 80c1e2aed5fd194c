use crate::arguments::SendArguments;
use crate::client::{Answer, Call};
use crate::exit::{Exit, Failure};
use crate::given::{body, print};
use crate::resources::encoded;
use hyper::Method;
use serde_json::Value;
use serde_json::value::RawValue;
use std::io::IsTerminal;

pub fn run(arguments: &SendArguments) -> Result<Exit, Failure> {
    let (mut url, key) = (arguments.server.url("/v1/events")?, arguments.server.key()?);
    if let Some(app) = &arguments.app {
        url.set_query(Some(&format!("app={}", encoded(app))));
    }
    let (mut headers, body) = form(arguments, body(&arguments.data)?)?;
    headers.push(("authorization".into(), format!("Bearer {key}")));
    let answer = Call { method: Method::POST, url, headers, body }.ask()?;
    tell(&answer, arguments.server.json)
}

type Headers = Vec<(String, String)>;

/// JSON goes as it is, byte for byte; anything else as a CloudEvent in binary form.
fn form(arguments: &SendArguments, data: Vec<u8>) -> Result<(Headers, Vec<u8>), Failure> {
    if let Ok(raw) = serde_json::from_slice::<&RawValue>(&data) {
        let mut text = format!("{{\"type\":{}", Value::from(arguments.event_type.as_str()));
        for (name, value) in [("id", &arguments.id), ("key", &arguments.event_key)] {
            if let Some(value) = value {
                text.push_str(&format!(",\"{name}\":{}", Value::from(value.as_str())));
            }
        }
        text.push_str(&format!(",\"data\":{}}}", raw.get()));
        return Ok((vec![("content-type".into(), "application/json".into())], text.into_bytes()));
    }
    let id = arguments.id.clone();
    let id = id.ok_or_else(|| Failure::usage("a body that is not JSON needs an --id"))?;
    let mut headers = vec![
        ("content-type".to_owned(), arguments.content_type.clone()),
        ("ce-specversion".to_owned(), "1.0".to_owned()),
        ("ce-id".to_owned(), id),
        ("ce-source".to_owned(), "forebay-cli".to_owned()),
        ("ce-type".to_owned(), arguments.event_type.clone()),
    ];
    headers.extend(arguments.event_key.clone().map(|key| ("ce-partitionkey".to_owned(), key)));
    Ok((headers, data))
}

/// The event's id goes to stdout, or the whole answer.
pub fn tell(answer: &Answer, is_json: bool) -> Result<Exit, Failure> {
    if is_json {
        answer.print()?;
    }
    if !answer.is_success() {
        return Err(answer.refusal());
    }
    if is_json {
        return Ok(Exit::Ok);
    }
    let told = answer.json();
    match told["id"].as_str() {
        Some(id) => print(&format!("{id}\n"))?,
        None if !answer.body.is_empty() => answer.print()?,
        None => {}
    }
    if told["duplicate"].as_bool() == Some(true) {
        eprintln!("it was there already");
    } else if std::io::stderr().is_terminal() {
        eprintln!("accepted ({})", answer.status);
    }
    Ok(Exit::Ok)
}
