use crate::arguments::DoctorArguments;
use crate::client::{Answer, Call, parse_url};
use crate::exit::{Exit, Failure};
use crate::given::{SERVER, print};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forebay::{Event, Salvaged, salvage};
use hyper::Method;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

const BEAT: Duration = Duration::from_millis(200);
/// For the one question that is asked without `--timeout`.
const ONE_ASK: Duration = Duration::from_secs(5);

pub fn run(options: &DoctorArguments) -> Result<Exit, Failure> {
    match &options.salvage {
        Some(file) => recover(options, file),
        None => ready(options),
    }
}

/// Whatever keeps it from being ready ends with 1: who checks a container's health takes no other
/// number, also where nobody answers.
fn ready(options: &DoctorArguments) -> Result<Exit, Failure> {
    let wait = Duration::from_secs(options.timeout.into());
    let end = Instant::now() + wait;
    let left = || end.saturating_duration_since(Instant::now());
    let mut url = parse_url("--url", options.target.url.as_deref().unwrap_or(SERVER))?;
    url.set_path(&format!("{}/readyz", url.path().trim_end_matches('/')));
    loop {
        let call =
            Call { method: Method::GET, url: url.clone(), headers: Vec::new(), body: Vec::new() };
        // The last one, too, has time enough for a server that answers at once.
        let limit = if wait.is_zero() { ONE_ASK } else { left().max(BEAT) };
        let why = match call.ask_within(limit) {
            Ok(answer) if answer.is_success() => None,
            Ok(answer) => Some(reason(&answer)),
            Err(failure) => Some(failure.message().to_owned()),
        };
        let left = left();
        if why.is_none() || left.is_zero() {
            return told(options, why);
        }
        std::thread::sleep(BEAT.min(left));
    }
}

fn reason(answer: &Answer) -> String {
    match answer.json()["detail"].as_str() {
        Some(why) => why.to_owned(),
        None => format!("it answered {}", answer.status),
    }
}

fn told(options: &DoctorArguments, why: Option<String>) -> Result<Exit, Failure> {
    if options.json {
        print(&format!("{}\n", json!({ "ready": why.is_none(), "reason": why })))?;
    } else if why.is_none() {
        print("ready\n")?;
    }
    match why {
        None => Ok(Exit::Ok),
        Some(_) if options.json => Ok(Exit::Failed),
        Some(why) => Err(Failure::new(Exit::Failed, format!("not ready: {why}"))),
    }
}

fn recover(options: &DoctorArguments, to: &Path) -> Result<Exit, Failure> {
    if !options.data.join("log").is_dir() {
        let data = options.data.display();
        return Err(Failure::usage(format!("{data} is no data directory: it has no `log`")));
    }
    let shown = to.display();
    let file = File::create_new(to)
        .map_err(|error| Failure::usage(format!("cannot make {shown}: {error}")))?;
    let mut out = BufWriter::new(file);
    let salvaged = salvage(&options.data, &mut |event| writeln!(out, "{}", line(&event)))
        .map_err(|failure| Failure::new(Exit::Engine(failure.exit_code()), failure))?;
    let written = out.flush().and_then(|()| out.get_ref().sync_all());
    written.map_err(|error| Failure::new(Exit::Engine(5), format!("{shown}: {error}")))?;
    tell(&salvaged, options, to)?;
    Ok(Exit::Ok)
}

/// CloudEvents 1.0, with the body as it was.
fn line(event: &Event) -> Value {
    let envelope = &event.envelope;
    let headers = envelope.headers.iter();
    let headers = headers.map(|(name, value)| json!([name, String::from_utf8_lossy(value)]));
    json!({
        "specversion": "1.0",
        "id": event.id.to_string(),
        "source": &*envelope.source,
        "type": &*envelope.event_type,
        "tenant": envelope.tenant.as_str(),
        "key": envelope.key.as_deref(),
        "offset": event.offset().0,
        "timens": envelope.time.nanos(),
        "headers": headers.collect::<Vec<_>>(),
        "data_base64": STANDARD.encode(&event.body),
    })
}

fn tell(salvaged: &Salvaged, options: &DoctorArguments, to: &Path) -> Result<(), Failure> {
    let missing: u64 = salvaged.missing.iter().map(|gap| gap.end.distance_from(gap.start)).sum();
    if options.json {
        let gaps = salvaged.missing.iter().map(|gap| json!([gap.start.0, gap.end.0]));
        let summary = json!({
            "events": salvaged.events,
            "first": salvaged.first.map(|offset| offset.0),
            "last": salvaged.last.map(|offset| offset.0),
            "missing": missing,
            "gaps": gaps.collect::<Vec<_>>(),
            "files": salvaged.files,
        });
        return print(&format!("{summary}\n"));
    }
    let file = to.display();
    let files = salvaged.files;
    print(&format!("{} intact events from {files} files are in {file}\n", salvaged.events))?;
    for gap in &salvaged.missing {
        print(&format!("no intact record: offsets {} to {}\n", gap.start, gap.end.0 - 1))?;
    }
    Ok(())
}
