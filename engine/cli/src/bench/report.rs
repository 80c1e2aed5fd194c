use crate::bench::BenchArguments;
use crate::bench::counted::Numbers;
use crate::bench::limit::{Limit, NAMES};
use crate::bench::load::Loaded;
use crate::bench::machine::{Sample, Still, load_average};
use crate::bench::scrape::Commits;
use crate::bench::sink::Counted;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};
use std::fmt;
use std::time::Duration;

/// One stretch of load.
pub struct Phase {
    pub loaded: Loaded,
    pub delivered: u64,
    /// From the first post to the last delivery.
    pub took: Duration,
    pub used: Sample,
    pub after: Sample,
    pub commits: Commits,
}

/// Everything that was measured.
pub struct Report {
    title: String,
    endpoints: usize,
    durability: String,
    still: Still,
    load_after: f64,
    floor_per_s: f64,
    floor: Histogram<u64>,
    idle_rss: u64,
    main: Phase,
    lost: u64,
    counted: Counted,
}

const MIB: f64 = 1_048_576.0;

impl Report {
    pub fn new(
        args: &BenchArguments,
        still: Still,
        floor: Loaded,
        idle: Sample,
        [warm, main]: [Phase; 2],
        counted: Counted,
    ) -> Report {
        let lost_of = |accepted: &Numbers| {
            counted.came.iter().map(|came| accepted.missing_from(came)).sum::<u64>()
        };
        let lost = lost_of(&warm.loaded.accepted) + lost_of(&main.loaded.accepted);
        Report {
            title: title(args),
            endpoints: args.endpoints,
            durability: args.durability.clone(),
            still,
            load_after: load_average(),
            floor_per_s: floor.accepted.count() as f64 / floor.took.as_secs_f64(),
            floor: floor.ack,
            idle_rss: idle.rss_bytes,
            main,
            lost,
            counted,
        }
    }

    /// A number that limits can be set on.
    fn number(&self, name: &str) -> f64 {
        let loaded = &self.main.loaded;
        match name {
            "accepted" => loaded.accepted.count() as f64 / loaded.took.as_secs_f64(),
            "delivered" => self.main.delivered as f64 / self.main.took.as_secs_f64(),
            "lost" => self.lost as f64,
            "duplicates" => self.counted.duplicates as f64,
            "refused" => loaded.refused as f64,
            "cpu" => self.per_event(self.engine_cpu()),
            "rss" => self.main.after.rss_bytes as f64 / MIB,
            "written" => self.main.used.written_bytes as f64 / self.events(),
            "floor" => self.floor_per_s,
            _ => self.quantile(name).expect("every other name is a quantile"),
        }
    }

    fn quantile(&self, name: &str) -> Option<f64> {
        let (of, percent) = name.split_once(".p")?;
        let times = if of == "ack" { &self.main.loaded.ack } else { &self.counted.latency };
        Some(millis(times, percent.parse::<f64>().ok()? / 100.0))
    }

    fn events(&self) -> f64 {
        self.main.loaded.accepted.count().max(1) as f64
    }

    fn per_event(&self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() * 1e6 / self.events()
    }

    fn engine_cpu(&self) -> Duration {
        self.main.used.engine().map(|(_, cpu)| cpu).sum()
    }

    /// What is wrong with these numbers: always a loss or a repeat, and each limit that is passed.
    pub fn broken(&self, limits: &[Limit]) -> Vec<String> {
        let mut broken = Vec::new();
        if self.lost > 0 {
            broken.push(format!("{} accepted events did not arrive", self.lost));
        }
        if self.counted.duplicates > 0 {
            broken.push(format!("{} deliveries came twice", self.counted.duplicates));
        }
        if self.counted.strange > 0 {
            broken.push(format!("{} requests were none of ours", self.counted.strange));
        }
        if self.main.loaded.accepted.count() == 0 {
            broken.push("nothing was accepted".to_owned());
        }
        for limit in limits {
            let value = self.number(&limit.name);
            if limit.is_passed(value) {
                broken.push(format!("{limit}: {} is {value:.3}", limit.name));
            }
        }
        broken
    }

    /// The numbers by name, and what a reader needs to compare them with others.
    pub fn json(&self) -> Value {
        let mut numbers = Map::new();
        for name in NAMES {
            numbers.insert(name.to_owned(), json!(self.number(name)));
        }
        let threads = self.main.used.engine();
        let threads = threads.map(|(name, cpu)| (name.to_owned(), json!(self.per_event(cpu))));
        let [sync_p50, sync_p99] = self.still.sync;
        json!({
            "title": self.title,
            "durability": self.durability,
            "endpoints": self.endpoints,
            "numbers": numbers,
            "events": self.main.loaded.accepted.count(),
            "deliveries": self.main.delivered,
            "events_a_commit": self.main.commits.group(),
            "sync_mean_ms": self.main.commits.sync_ms(),
            "cpu_us_an_event": threads.collect::<Map<_, _>>(),
            "loader_cpu_us_an_event": self.per_event(self.main.loaded.cpu),
            "receiver_cpu_us_an_event": self.per_event(self.main.used.thread("bench-sink")),
            "idle_rss_mib": self.idle_rss as f64 / MIB,
            "machine": {
                "cpu": self.still.cpu,
                "cores": self.still.cores,
                "kernel": self.still.kernel,
                "load_before": self.still.load,
                "load_after": self.load_after,
                "sync_p50_ms": sync_p50.as_secs_f64() * 1e3,
                "sync_p99_ms": sync_p99.as_secs_f64() * 1e3,
            },
        })
    }
}

fn title(args: &BenchArguments) -> String {
    let pace = match args.rate {
        Some(rate) => format!("open loop, {rate} events/s over {} connections", args.connections),
        None => format!("closed loop, {} connections", args.connections),
    };
    let endpoints = match args.endpoints {
        0 => "no endpoint".to_owned(),
        1 => "1 endpoint".to_owned(),
        n => format!("{n} endpoints"),
    };
    let mut title = format!("{pace}, {endpoints}, {} bytes, {}", args.payload, args.durability);
    if args.api {
        title.push_str(", as messages of the API");
    }
    if args.batch > 1 {
        title.push_str(&format!(", {} events a post", args.batch));
    }
    if let Some(max) = args.concurrency {
        title.push_str(&format!(", at most {max} in flight at one"));
    }
    if let Some(filter) = &args.filter {
        title.push_str(&format!(", behind {}", filter.display()));
    }
    for neighbour in &args.beside {
        title.push_str(&format!(", beside {}", neighbour.display()));
    }
    if let Some(condition) = &args.condition {
        title.push_str(&format!(", where {condition}"));
    }
    title
}

fn millis(times: &Histogram<u64>, quantile: f64) -> f64 {
    times.value_at_quantile(quantile) as f64 / 1e3
}

fn quantiles(times: &Histogram<u64>) -> String {
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|q| millis(times, q));
    let most = times.max() as f64 / 1e3;
    format!("p50 {p50:.3}   p99 {p99:.3}   p99.9 {p999:.3}   max {most:.3} ms")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (still, main, loaded) = (&self.still, &self.main, &self.main.loaded);
        let [sync_p50, sync_p99] = still.sync.map(|span| span.as_secs_f64() * 1e3);
        writeln!(f, "{}", self.title)?;
        writeln!(f, "machine    {}, {} cores, Linux {}", still.cpu, still.cores, still.kernel)?;
        writeln!(
            f,
            "           load average {:.1} before, {:.1} after; \
             an idle fdatasync p50 {sync_p50:.3}   p99 {sync_p99:.3} ms",
            still.load, self.load_after
        )?;
        writeln!(
            f,
            "floor      {:.0}/s from loader to receiver without an engine, {}",
            self.floor_per_s,
            quantiles(&self.floor)
        )?;
        writeln!(
            f,
            "accepted   {:.0}/s, {} events, {} refused, {} connections broken",
            self.number("accepted"),
            loaded.accepted.count(),
            loaded.refused,
            loaded.broken
        )?;
        writeln!(f, "answered   {}", quantiles(&loaded.ack))?;
        if self.endpoints > 0 {
            writeln!(
                f,
                "delivered  {:.0}/s, {} deliveries, {} lost, {} twice",
                self.number("delivered"),
                main.delivered,
                self.lost,
                self.counted.duplicates
            )?;
            writeln!(f, "end to end {}", quantiles(&self.counted.latency))?;
        }
        if !loaded.lateness.is_empty() {
            writeln!(f, "own timer  late by {}", quantiles(&loaded.lateness))?;
        }
        self.costs(f)
    }
}

impl Report {
    fn costs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut threads: Vec<_> = self.main.used.engine().collect();
        threads.sort_by_key(|(_, cpu)| std::cmp::Reverse(*cpu));
        let threads = threads.into_iter().map(|(name, cpu)| (name, self.per_event(cpu)));
        let threads = threads.filter(|(_, cpu)| *cpu >= 0.05);
        let parts: Vec<_> = threads.map(|(name, cpu)| format!("{name} {cpu:.1}")).collect();
        writeln!(f, "processor  {:.1} us an event: {}", self.number("cpu"), parts.join(", "))?;
        writeln!(
            f,
            "           beside it loader {:.1}, receiver {:.1}",
            self.per_event(self.main.loaded.cpu),
            self.per_event(self.main.used.thread("bench-sink"))
        )?;
        writeln!(
            f,
            "commits    {:.1} events each; a synced one took {:.3} ms on average",
            self.main.commits.group(),
            self.main.commits.sync_ms()
        )?;
        writeln!(
            f,
            "memory     {:.0} MiB before load, {:.0} MiB after, loader and receiver included",
            self.idle_rss as f64 / MIB,
            self.number("rss")
        )?;
        write!(f, "written    {:.0} bytes an event", self.number("written"))
    }
}
