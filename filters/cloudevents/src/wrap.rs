use crate::{CONTENT_TYPE, Config, base64, is_json};
use forebay_filter::{Event, Output, Verdict};
use jsontext::{check, find, push_quoted, written_time};

pub fn wrapped<'a>(config: &'a Config, event: Event<'a>) -> Verdict<'a> {
    let content_type = event.header("content-type").unwrap_or("");
    if content_type.starts_with(CONTENT_TYPE) {
        return Verdict::Pass;
    }
    let body = event.body();
    let mut json = Vec::with_capacity(body.len() + 512);
    json.extend_from_slice(b"{\"specversion\":\"1.0\"");
    let source = config.source.as_deref().unwrap_or(event.source());
    push_text(&mut json, "id", event.header("ce-id").unwrap_or(event.id()));
    push_text(&mut json, "source", if source.is_empty() { "/" } else { source });
    push_text(&mut json, "type", event.event_type());
    match event.header("ce-time") {
        Some(time) => push_text(&mut json, "time", time),
        None => push_text(&mut json, "time", &written_time(event.time_ns())),
    }
    if let Some(subject) = subject(config, event) {
        push_text(&mut json, "subject", &subject);
    }
    for (name, value) in event.headers() {
        if let Some(name) = name.strip_prefix("ce-")
            && is_extension(name)
        {
            push_text(&mut json, name, &decoded(value));
        }
    }
    push_data(&mut json, body, content_type);
    json.push(b'}');
    Verdict::Emit(vec![
        Output::of(event).body(json).header("content-type", CONTENT_TYPE.as_bytes()),
    ])
}

fn push_data(json: &mut Vec<u8>, body: &[u8], content_type: &str) {
    let is_text = std::str::from_utf8(body).is_ok();
    let may_be_json = content_type.is_empty() || is_json(content_type);
    let is_json = may_be_json && is_text && check(body).is_ok();
    let usual = match (is_json, is_text) {
        (true, _) => "application/json",
        (_, true) => "text/plain",
        _ => "application/octet-stream",
    };
    // Text that only calls itself JSON must not be taken for a JSON string.
    let kept = !content_type.is_empty() && (is_json || !may_be_json);
    push_text(json, "datacontenttype", if kept { content_type } else { usual });
    if body.is_empty() {
        return;
    }
    if is_json {
        json.extend_from_slice(b",\"data\":");
        json.extend_from_slice(body);
    } else if is_text {
        json.extend_from_slice(b",\"data\":");
        push_quoted(json, body);
    } else {
        json.extend_from_slice(b",\"data_base64\":\"");
        base64::push(json, body);
        json.push(b'"');
    }
}

fn subject(config: &Config, event: Event<'_>) -> Option<String> {
    let subject = config.subject.as_ref();
    let Some(source) = subject else {
        return event.header("ce-subject").map(|value| decoded(value.as_bytes()));
    };
    let found = match config.pointers.is_empty() {
        true => Vec::new(),
        false => find(event.body(), &config.pointers).ok()?,
    };
    let text = source.text(event, &found)?;
    Some(String::from_utf8_lossy(&text).into_owned()).filter(|text| !text.is_empty())
}

/// An attribute that the specification does not name, by a name that it allows.
fn is_extension(name: &str) -> bool {
    let known = ["specversion", "id", "source", "type", "time", "subject", "datacontenttype"];
    !known.contains(&name)
        && !["data", "data_base64"].contains(&name)
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn push_text(json: &mut Vec<u8>, name: &str, text: &str) {
    json.extend_from_slice(b",\"");
    json.extend_from_slice(name.as_bytes());
    json.extend_from_slice(b"\":");
    push_quoted(json, text.as_bytes());
}

/// A header's value without the percents of CloudEvents' HTTP binding.
fn decoded(value: &[u8]) -> String {
    let mut text = Vec::with_capacity(value.len());
    let mut at = 0;
    while at < value.len() {
        let hex = |i: usize| value.get(i).and_then(|&digit| char::from(digit).to_digit(16));
        match (value[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                text.push((high << 4 | low) as u8);
                at += 3;
            }
            (byte, ..) => {
                text.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}
