use super::Setting;
use super::filters::shipped;
use crate::measure::{Case, Figure};
use clap::Parser;
use cli::bench::{BenchArguments, measure};
use pipeline::pump::GUEST_NICE;
use runtime::spawn_thread;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const HUNGRY: &str = include_str!("../../guests/hungry.wat");
/// What stands at another endpoint and is asked about the same events.
const NEIGHBOURS: [(&str, usize, &str); 6] = [
    ("one that burns 20 million units an event", 1, HUNGRY),
    ("twelve of these", 12, HUNGRY),
    ("a plain loop", 1, include_str!("../../../engine/filter/tests/hostile/w1-loop.wat")),
    ("only host calls", 1, include_str!("../../../engine/filter/tests/hostile/w1-ping-pong.wat")),
    ("memory.fill of 32 MiB", 1, include_str!("../../../engine/filter/tests/hostile/w1-bulk.wat")),
    ("memory.grow", 1, include_str!("../../../engine/filter/tests/hostile/w2-grow.wat")),
];
/// Events a second: little, so that the machine has room for both.
const RATE: &str = "200";
const TURNS: usize = 5;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    bench: BenchArguments,
}

/// One run of the engine: deliveries a second, CPU-microseconds, milliseconds from end to end.
#[derive(Clone, Copy)]
struct Run {
    delivered: f64,
    cpu_us: f64,
    p50: f64,
    p99: f64,
}

pub fn cases(setting: &Setting<'_>) -> anyhow::Result<Vec<Case>> {
    let file = |name: &str, wasm: &[u8]| -> anyhow::Result<PathBuf> {
        let file = setting.folder.join(name);
        std::fs::write(&file, wasm)?;
        Ok(file)
    };
    // A JSON predicate in Rust, which what `bench` sends passes.
    let healthy = file("healthy.wasm", &shipped("pushes-to-main")?)?;
    let mut cases = vec![beside_a_busy_loop(setting, &healthy)?];
    for (name, count, wat) in
        NEIGHBOURS.iter().take(if setting.is_smoke() { 1 } else { usize::MAX })
    {
        let neighbour = file("neighbour.wasm", &wat::parse_str(wat)?)?;
        let neighbours = vec![&*neighbour; *count];
        cases.push(case(name, setting, &healthy, || run(setting, &healthy, &neighbours))?);
    }
    Ok(cases)
}

/// What any work of that niceness takes from the engine, on a machine that is then full.
fn beside_a_busy_loop(setting: &Setting<'_>, healthy: &Path) -> anyhow::Result<Case> {
    case("no filter, but a loop beside the engine", setting, healthy, || {
        let is_over = Arc::new(AtomicBool::new(false));
        let until = is_over.clone();
        let burning = spawn_thread("loop", GUEST_NICE, move || {
            while !until.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        })?;
        let found = run(setting, healthy, &[]);
        is_over.store(true, Ordering::Relaxed);
        anyhow::ensure!(burning.join().is_ok(), "the loop broke off");
        found
    })
}

/// Both take turns, and the run whose p99 is the median counts.
fn case(
    name: &str,
    setting: &Setting<'_>,
    healthy: &Path,
    mut beside_it: impl FnMut() -> anyhow::Result<Run>,
) -> anyhow::Result<Case> {
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..if setting.is_smoke() { 1 } else { TURNS } {
        alone.push(run(setting, healthy, &[])?);
        beside.push(beside_it()?);
    }
    let (alone, beside) = (median(alone), median(beside));
    let note = format!(
        "\n    (end to end p50 {:.2} to {:.2} ms, p99 {:.2} to {:.2} ms: ×{:.2})",
        alone.p50,
        beside.p50,
        alone.p99,
        beside.p99,
        beside.p99 / alone.p99
    );
    let figures = vec![beside.figure("a healthy filter beside it"), alone.figure("alone")];
    Ok(Case { name: name.to_string(), figures, note, place: None })
}

fn run(setting: &Setting<'_>, healthy: &Path, neighbours: &[&Path]) -> anyhow::Result<Run> {
    let mut line: Vec<OsString> = vec!["neighbours".into(), "--rate".into(), RATE.into()];
    line.extend(["--seconds".into(), setting.span.as_secs_f64().to_string().into()]);
    line.extend(["--data".into(), setting.folder.into()]);
    line.extend(["--filter".into(), healthy.as_os_str().to_owned()]);
    for module in neighbours {
        line.extend(["--beside".into(), module.as_os_str().to_owned()]);
    }
    let report = measure(&Line::try_parse_from(line)?.bench)?;
    let broken = report.broken(&[]);
    anyhow::ensure!(broken.is_empty(), "{}", broken.join("; "));
    let found = report.json();
    let number = |name: &str| found["numbers"][name].as_f64().unwrap_or(f64::NAN);
    Ok(Run {
        delivered: number("delivered"),
        cpu_us: number("cpu"),
        p50: number("e2e.p50"),
        p99: number("e2e.p99"),
    })
}

impl Run {
    fn figure(&self, name: &str) -> Figure {
        let [p50, p99] = [self.p50, self.p99].map(|ms| Some(Duration::from_secs_f64(ms / 1e3)));
        Figure { name: name.into(), per_s: self.delivered, cpu_us: self.cpu_us, p50, p99 }
    }
}

fn median(mut runs: Vec<Run>) -> Run {
    runs.sort_by(|a, b| a.p99.total_cmp(&b.p99));
    runs[runs.len() / 2]
}
