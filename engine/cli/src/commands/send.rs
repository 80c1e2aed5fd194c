use crate::arguments::SendArguments;
use crate::client::{Answer, Call, parse_url};
use crate::exit::{Exit, Failure};
use crate::given::{body, line_of, print};
use serde_json::Value;
use serde_json::value::RawValue;
use std::io::IsTerminal;

/// Where `serve` listens unless it is told otherwise.
pub const SERVER: &str = "http://127.0.0.1:8080";

pub fn run(arguments: &SendArguments) -> Result<Exit, Failure> {
    let mut url = parse_url(arguments.target.url.as_deref().unwrap_or(SERVER))?;
    url.set_path(&format!("{}/v1/events", url.path().trim_end_matches('/')));
    let key = match (&arguments.key, &arguments.key_file) {
        (Some(key), _) => key.clone(),
        (None, Some(path)) => line_of(path)?,
        (None, None) => {
            let advice = "give the server's key: --key-file, or FOREBAY_KEY in the environment";
            return Err(Failure::usage(advice));
        }
    };
    let (mut headers, body) = form(arguments, body(&arguments.data)?)?;
    headers.push(("authorization".into(), format!("Bearer {key}")));
    let answer = Call { url, headers, body }.post()?;
    tell(&answer, arguments.json)
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
    let parsed: Option<Value> = serde_json::from_str(&answer.body).ok();
    let is_taken = (200..300).contains(&answer.status);
    if !is_taken {
        if is_json {
            print(&format!("{}\n", answer.body.trim_end()))?;
        }
        let why = parsed.as_ref().and_then(|problem| {
            problem["detail"].as_str().or(problem["title"].as_str()).map(str::to_owned)
        });
        let why = why.unwrap_or_else(|| answer.body.trim().to_owned());
        return Err(Failure::new(Exit::Failed, format!("{} {why}", answer.status)));
    }
    if is_json {
        print(&format!("{}\n", answer.body.trim_end()))?;
        return Ok(Exit::Ok);
    }
    let parsed = parsed.unwrap_or_default();
    match parsed["id"].as_str() {
        Some(id) => print(&format!("{id}\n"))?,
        None if !answer.body.is_empty() => print(&format!("{}\n", answer.body.trim_end()))?,
        None => {}
    }
    if parsed["duplicate"].as_bool() == Some(true) {
        eprintln!("it was there already");
    } else if std::io::stderr().is_terminal() {
        eprintln!("accepted ({})", answer.status);
    }
    Ok(Exit::Ok)
}
