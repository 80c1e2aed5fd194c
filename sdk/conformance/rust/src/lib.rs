//! Owns:    what `../README.md` says that one filter does in every language, in Rust.
//! Imports: forebay-filter, serde.
//! Never:   anything that an author of a filter would not write.

use forebay_filter::{Event, Header, Level, Output, Verdict, count, filter, gauge, log, look_up};
use serde::Deserialize;

#[derive(Deserialize)]
struct Config {
    greeting: Option<String>,
}

fn conform<'a>(config: &'a Config, event: Event<'a>) -> Result<Verdict<'a>, String> {
    let body = event.body();
    let output = Output::of(event);
    Ok(match event.event_type() {
        "pass" => Verdict::Pass,
        "drop" => Verdict::Drop,
        "reject" => Verdict::reject(text(body)),
        "fail" => return Err(text(body)),
        "retry" => Verdict::retry(60_000, "later"),
        "body" => one(output.body([b"<", body, b">"].concat())),
        "alias" => one(output.body(inner(body))),
        "empty" => one(output.body(&b""[..])),
        "key" => one(output.key(format!("key of {}", event.key().unwrap_or("")))),
        "type" => one(output.event_type(format!("renamed.{}", event.id()))),
        "headers" => one(with_fewer_headers(event)),
        "bare" => one(output.headers(Vec::new())),
        "stamp" => one(output.header("x-stamp", &b"1"[..])),
        "kept" if event.header("x-kept") == Some("ok") => Verdict::Pass,
        "kept" => Verdict::Drop,
        "table" => one(output.body(look_up("words", body).unwrap_or_else(|| b"none".into()))),
        "fan" => Verdict::Emit(fanned(event)),
        "copies" => {
            let copies = text(body).parse().map_err(|_| String::from("no number of copies"))?;
            Verdict::Emit(vec![output; copies])
        }
        "none" => Verdict::Emit(Vec::new()),
        "dump" => one(output.body(dumped(event))),
        "config" => one(output.body(config.greeting.as_deref().unwrap_or("none").as_bytes())),
        "log" => {
            log(Level::Info, &text(body));
            Verdict::Pass
        }
        "count" => {
            count("seen", 2.0);
            gauge("depth", 1.5);
            Verdict::Pass
        }
        "spin" => loop {
            std::hint::spin_loop();
        },
        other => Verdict::reject(format!("unknown type: {other}")),
    })
}

filter!(conform, config = Config);

fn one(output: Output<'_>) -> Verdict<'_> {
    Verdict::Emit(vec![output])
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

/// Without the first and the last byte.
fn inner(body: &[u8]) -> &[u8] {
    match body {
        [_, inner @ .., _] => inner,
        _ => b"",
    }
}

fn with_fewer_headers(event: Event<'_>) -> Output<'_> {
    let kept = event.headers().filter(|(name, _)| !name.starts_with("x-drop-"));
    let mut headers: Vec<Header<'_>> =
        kept.map(|(name, value)| (name.into(), value.into())).collect();
    let count = event.headers().count().to_string();
    headers.push(("x-conformance".into(), count.into_bytes().into()));
    Output::of(event).headers(headers)
}

fn fanned(event: Event<'_>) -> Vec<Output<'_>> {
    let parts = event.body().split(|byte| *byte == b'\n');
    parts.enumerate().map(|(i, part)| Output::of(event).body(part).key(i.to_string())).collect()
}

fn dumped(event: Event<'_>) -> Vec<u8> {
    let mut dump = format!(
        "id={}\ntype={}\nkey={}\nsource={}\noffset={}\ntime_ns={}\n\
         is_json={}\nis_replay={}\nis_dry_run={}\n",
        event.id(),
        event.event_type(),
        event.key().unwrap_or(""),
        event.source(),
        event.offset(),
        event.time_ns(),
        event.is_json(),
        event.is_replay(),
        event.is_dry_run(),
    )
    .into_bytes();
    for (name, value) in event.headers() {
        dump.extend([name.as_bytes(), b": ", value, b"\n"].concat());
    }
    dump.push(b'\n');
    dump.extend(event.body());
    dump
}
