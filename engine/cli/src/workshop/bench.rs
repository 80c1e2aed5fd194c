use super::subject::Subject;
use super::trial::LimitArguments;
use super::{columns, plain, size, words};
use crate::bench::thread_cpu;
use crate::commands::compile::compiler;
use crate::exit::{Exit, Failure};
use crate::given::print;
use crate::number::grouped;
use bytes::Bytes;
use clap::Args;
use event::{Envelope, Event, EventId, Headers, Offset, TenantId, Time, Verdict};
use forebay::{Guest, Workbench};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Measure what an event costs in a filter, in batches of 1, 16 and 256
///
/// Ends with 1 when the filter fails at the event.
#[derive(Args)]
#[command(after_help = HELP)]
pub struct BenchFilter {
    /// A module, or the folder of a filter
    #[arg(value_name = "MODULE", default_value = ".")]
    module: PathBuf,
    /// What the event's body is [default: an order as JSON, of 1 KiB]
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// The event's type
    #[arg(long = "type", value_name = "TYPE", default_value = "order.paid")]
    event_type: String,
    /// What the filter is configured with: a JSON text, or @FILE
    #[arg(long, value_name = "JSON", default_value = "{}")]
    config: String,
    #[command(flatten)]
    limits: LimitArguments,
    /// How long each size of batch is measured
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    seconds: f64,
    /// Print what was measured as JSON
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
One thread asks on the engine's own host. The time is that of the processor, so what else the
machine does counts for little; the host's way in and out, some 0.3 µs an event, is in it. Fuel is
what the filter's limits are measured in, and is the same on every machine.

Examples:
  forebay filter bench filter.wasm
  forebay filter bench filter.wasm --body order.json --config '{\"min\": 100}'
  forebay filter bench filters/big-orders --json";

const SIZES: [usize; 3] = [1, 16, 256];
const BODY_BYTES: usize = 1024;
/// Calls before the first that counts: the instance is started, and its memory is what it will be.
const WARM_UP_CALLS: usize = 20;

/// What one size of batch came to.
struct Measured {
    batch: usize,
    events: u64,
    took: Duration,
    fuel: u64,
    memory_bytes: usize,
    verdict: &'static str,
}

/// What starting an instance and asking it for the first time came to.
struct First {
    took: Duration,
    fuel: u64,
}

impl BenchFilter {
    pub fn run(&self) -> Result<Exit, Failure> {
        if !(0.001..=3600.0).contains(&self.seconds) {
            return Err(Failure::usage("--seconds must be between 0.001 and an hour"));
        }
        let subject = Subject::find(&self.module, None)?;
        let loaded = subject.load()?;
        let config = crate::given::body(&self.config)?;
        let config = loaded.config(&String::from_utf8_lossy(&config))?;
        let event = self.event()?;
        let began = Instant::now();
        let bench = Workbench::open(&loaded.wasm, compiler().as_ref())
            .map_err(|failure| Failure::new(Exit::Failed, failure))?;
        let compiled = began.elapsed();
        let guest = || bench.guest(&self.limits.setup(&config)).map_err(Failure::usage);
        let first = first(&guest()?, &event)?;
        let span = Duration::from_secs_f64(self.seconds);
        let all: Vec<Measured> = SIZES
            .into_iter()
            .map(|size| measure(&guest()?, &event, size, span))
            .collect::<Result<_, Failure>>()?;
        let bytes = loaded.wasm.len();
        if self.json {
            let told = json!({
                "module": subject.path,
                "bytes": bytes,
                "bodyBytes": event.body.len(),
                "compileMicros": compiled.as_micros() as u64,
                "firstMicros": first.took.as_micros() as u64,
                "firstFuel": first.fuel,
                "batches": all.iter().map(Measured::json).collect::<Vec<_>>(),
            });
            print(&format!("{told:#}\n"))?;
            return Ok(Exit::Ok);
        }
        let head = format!(
            "{}  {}, compiled in {}; start and first event take {} and {} fuel\n\
             events of type {} with {}, verdict {}\n\n",
            subject.path.display(),
            size(bytes),
            span_text(compiled),
            span_text(first.took),
            grouped(first.fuel),
            plain(&self.event_type),
            size(event.body.len()),
            all[0].verdict,
        );
        let titles = ["BATCH", "EVENTS/S", "NS/EVENT", "FUEL/EVENT", "MEMORY"];
        let titles = titles.map(str::to_owned).to_vec();
        let rows: Vec<_> = [titles].into_iter().chain(all.iter().map(Measured::row)).collect();
        print(&(head + &columns("", &rows)))?;
        Ok(Exit::Ok)
    }

    fn event(&self) -> Result<Event, Failure> {
        let body = match &self.body {
            Some(path) => fs::read(path)
                .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?,
            None => usual_body(),
        };
        let mut headers = Headers::new();
        if serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok() {
            headers.push("content-type", b"application/json");
        }
        let (tenant, time) = (TenantId::new(TenantId::DEFAULT), Time::from_secs(1_767_225_600));
        let envelope = Envelope {
            key: Some("customer-1".into()),
            headers,
            ..Envelope::new(tenant, "bench", &self.event_type, time)
        };
        Ok(Event { id: EventId::new(0, Offset(0)), envelope, body: Bytes::from(body) })
    }
}

fn usual_body() -> Vec<u8> {
    let lead = r#"{"id":7,"amount":1999,"currency":"EUR","customer":{"name":"Ada"},"note":""#;
    let filler = "x".repeat(BODY_BYTES - lead.len() - 2);
    format!("{lead}{filler}\"}}").into_bytes()
}

fn first(guest: &Guest, event: &Event) -> Result<First, Failure> {
    let event = [Arc::new(event.clone())];
    let began = Instant::now();
    let answer = guest.ask(&event);
    let took = began.elapsed();
    match answer.faults.first() {
        Some(fault) => Err(Failure::new(Exit::Failed, plain(words(fault)))),
        None => Ok(First { took, fuel: answer.fuel }),
    }
}

fn measure(
    guest: &Guest,
    event: &Event,
    batch: usize,
    span: Duration,
) -> Result<Measured, Failure> {
    // Events of their own, as the log would give them.
    let events: Vec<Arc<Event>> = (0..batch as u64)
        .map(|n| Arc::new(Event { id: EventId::new(0, Offset(n)), ..event.clone() }))
        .collect();
    let mut last = guest.ask(&events);
    for _ in 1..WARM_UP_CALLS {
        last = guest.ask(&events);
    }
    let verdict = match &last.verdicts[0] {
        Verdict::Pass => "pass",
        Verdict::Drop => "drop",
        Verdict::Emit(_) => "emit",
        Verdict::Reject { .. } => "reject",
        Verdict::Retry { .. } => "retry",
        Verdict::Stop { .. } => "stop",
    };
    let (began, before) = (Instant::now(), cpu()?);
    let (mut calls, mut fuel) = (0_u64, 0_u64);
    while began.elapsed() < span {
        let answer = guest.ask(&events);
        if let Some(fault) = answer.faults.first() {
            return Err(Failure::new(Exit::Failed, plain(words(fault))));
        }
        fuel += answer.fuel;
        calls += 1;
    }
    let took = cpu()?.saturating_sub(before);
    // Where the system does not tell, the clock does.
    let took = if took.is_zero() { began.elapsed() } else { took };
    let (events, memory_bytes) = (calls * batch as u64, guest.memory_bytes());
    Ok(Measured { batch, events, took, fuel, memory_bytes, verdict })
}

fn cpu() -> Result<Duration, Failure> {
    thread_cpu().map_err(|error| Failure::new(Exit::Failed, error))
}

fn span_text(span: Duration) -> String {
    match span.as_micros() {
        micros @ 0..1000 => format!("{micros} µs"),
        micros => format!("{:.1} ms", micros as f64 / 1e3),
    }
}

impl Measured {
    fn nanos(&self) -> f64 {
        self.took.as_nanos() as f64 / self.events.max(1) as f64
    }

    fn rate(&self) -> f64 {
        1e9 / self.nanos().max(f64::MIN_POSITIVE)
    }

    fn row(&self) -> Vec<String> {
        vec![
            self.batch.to_string(),
            grouped(self.rate() as u64),
            grouped(self.nanos() as u64),
            grouped(self.fuel / self.events.max(1)),
            size(self.memory_bytes),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "batch": self.batch,
            "events": self.events,
            "eventsPerSecond": self.rate(),
            "nanosPerEvent": self.nanos(),
            "fuelPerEvent": self.fuel as f64 / self.events.max(1) as f64,
            "memoryBytes": self.memory_bytes,
            "verdict": self.verdict,
        })
    }
}
