//! Load through the whole engine over loopback. Every event bears a number, and every number is
//! looked for where it should arrive.

mod clock;
mod counted;
mod limit;
mod load;
mod machine;
mod report;
mod scrape;
mod setup;
mod sink;
mod wire;

pub use crate::number::thousands;
pub use clock::Clock;
pub use limit::{Limit, NAMES};
pub use load::{Load, Loaded, Pace, Way};
pub use machine::{Sample, Still, load_average, thread_cpu};
pub use report::Report;
pub use setup::{KEY, Setup};
pub use sink::{Counted, Sink};
pub use wire::{Message, next_message};

use crate::exit::{Exit, Failure};
use crate::given::print;
use anyhow::{Context, bail};
use forebay::Engine;
use report::Phase;
use scrape::Commits;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Measures this machine: the whole engine under load, with a loader and a receiver beside it.
///
/// Ends with 1 when an accepted event did not arrive, when one arrived twice, or when a limit was
/// passed.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct BenchArguments {
    /// Connections of the loader. Closed loop: each posts as soon as it was answered
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Open loop: so many events a second, come what may. Latency counts from when a post was due
    #[arg(long)]
    rate: Option<u32>,
    /// Events in one post (NDJSON, when more than one)
    #[arg(long, default_value_t = 1)]
    batch: usize,
    /// Events come in as messages of the management API instead of by a source
    #[arg(long, conflicts_with = "batch")]
    api: bool,
    /// How long load is measured, after a second to warm up
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// When a post is answered: "fsync" (survives a power cut) or "os" (survives the process)
    #[arg(long, default_value = "fsync", value_parser = ["fsync", "os"])]
    durability: String,
    /// Bytes of each event's body
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(128..))]
    payload: u32,
    /// Endpoints that want every event; 0 measures the way to the log alone
    #[arg(long, default_value_t = 1)]
    endpoints: usize,
    /// Attempts in flight at one endpoint, at most [default: as for any endpoint]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    concurrency: Option<u32>,
    /// A module (.wasm) before each endpoint. It must let every event pass, else they count as lost
    #[arg(long)]
    filter: Option<PathBuf>,
    /// A module (.wasm) before one endpoint more, which nothing comes through and nobody counts:
    /// how much a hungry neighbour disturbs the others. May be given several times
    #[arg(long, value_name = "MODULE")]
    beside: Vec<PathBuf>,
    /// A condition before each endpoint. It must let every event pass
    #[arg(long = "where", value_name = "EXPRESSION")]
    condition: Option<String>,
    /// Where the log lies; a directory of its own is made inside, and removed
    #[arg(long)]
    data: Option<PathBuf>,
    /// Fails when a number passes a limit, such as 'p99>20ms' or 'delivered<20000'
    #[arg(long, value_name = "LIMIT")]
    fail_if: Vec<Limit>,
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Loader and receiver run beside the engine on this machine; their processor time is told apart.

Examples:
  forebay bench
  forebay bench --rate 2000 --fail-if 'p99>20ms'
  forebay bench --endpoints 10 --durability os --json
  forebay bench --endpoints 0 --api
  forebay bench --endpoints 0 --connections 16 --batch 100";

/// Deliveries that do not come for so long will not come.
const PATIENCE: Duration = Duration::from_secs(15);
const WARM_UP: Duration = Duration::from_secs(1);
const FLOOR: Duration = Duration::from_millis(1500);
/// So long what comes twice may still come.
const SETTLE: Duration = Duration::from_millis(200);

pub(crate) fn run(arguments: &BenchArguments) -> Result<Exit, Failure> {
    let report = measure(arguments).map_err(|error| Failure::usage(format!("{error:#}")))?;
    match arguments.json {
        true => print(&format!("{}\n", report.json()))?,
        false => print(&format!("{report}\n"))?,
    }
    let broken = report.broken(&arguments.fail_if);
    broken.iter().for_each(|why| eprintln!("failed: {why}"));
    Ok(if broken.is_empty() { Exit::Ok } else { Exit::Failed })
}

/// Runs it all, and tells what was measured.
pub fn measure(args: &BenchArguments) -> anyhow::Result<Report> {
    if args.connections == 0 || args.batch == 0 {
        bail!("--connections and --batch must be at least 1");
    }
    if !(0.01..=86_400.0).contains(&args.seconds) {
        bail!("--seconds must be between 0.01 and a day");
    }
    let span = Duration::from_secs_f64(args.seconds);
    let setup = Setup::new(args)?;
    let still = Still::look(setup.data())?;
    let clock = Clock::start();
    let sink = Sink::start(clock, args.endpoints)?;
    eprintln!("measuring the loader against the receiver, without an engine");
    let floor = floor(args, clock, &sink, span.min(FLOOR))?;
    let engine = Engine::open(setup.plan(sink.addr())?)?;
    let addr = engine.addr().context("the engine listens")?;
    let idle = Sample::take()?;
    eprintln!("warming up, then measuring for {} s", args.seconds);
    let warm = phase(args, clock, &sink, addr, 0, span.min(WARM_UP))?;
    let next = warm.loaded.next;
    let main = phase(args, clock, &sink, addr, next, span)?;
    let counted = sink.stop();
    let stopped = setup::block_on(engine.shutdown(Duration::from_secs(10)))?;
    if !stopped {
        bail!("the engine did not stop in 10 s");
    }
    Ok(Report::new(args, still, floor, idle, [warm, main], counted))
}

fn load(args: &BenchArguments, clock: Clock, first: u64) -> Load {
    let pace = match args.rate {
        Some(rate) => Pace::Open { rate },
        None => Pace::Closed,
    };
    Load {
        clock,
        connections: args.connections,
        pace,
        batch: args.batch,
        payload: args.payload as usize,
        first,
        way: match (args.api, args.batch) {
            (true, _) => Way::Message,
            (false, 1) => Way::Source,
            (false, _) => Way::Events,
        },
    }
}

/// What the loader and the receiver can do without an engine between them.
fn floor(
    args: &BenchArguments,
    clock: Clock,
    sink: &Sink,
    span: Duration,
) -> anyhow::Result<Loaded> {
    let load = Load { way: Way::Floor, batch: 1, pace: Pace::Closed, ..load(args, clock, 0) };
    load.run(sink.addr(), span)
}

/// Loads, and waits until all that was accepted has arrived, or nothing comes any more.
fn phase(
    args: &BenchArguments,
    clock: Clock,
    sink: &Sink,
    addr: SocketAddr,
    first: u64,
    span: Duration,
) -> anyhow::Result<Phase> {
    sink.time_from(first);
    let commits_before = Commits::ask(addr)?;
    let (before, came_before) = (Sample::take()?, sink.count());
    let start = Instant::now();
    let loaded = load(args, clock, first).run(addr, span)?;
    let wanted = came_before + loaded.accepted.count() * args.endpoints as u64;
    let (mut came, mut last) = (sink.count(), Instant::now());
    while came < wanted && last.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(1));
        if sink.count() != came {
            (came, last) = (sink.count(), Instant::now());
        }
    }
    let took = if args.endpoints == 0 { loaded.took } else { last.duration_since(start) };
    let after = Sample::take()?;
    std::thread::sleep(SETTLE);
    let used = after.since(&before);
    let commits = Commits::ask(addr)?.since(commits_before);
    Ok(Phase { loaded, delivered: came - came_before, took, used, after, commits })
}
