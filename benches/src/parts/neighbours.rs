use super::Setting;
use crate::measure::{Case, Figure};
use clap::Parser;
use cli::bench::{BenchArguments, measure};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

const HEALTHY: &str = include_str!("../../guests/header.wat");
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
const TURNS: usize = 3;

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
    let file = |name: &str, wat: &str| -> anyhow::Result<PathBuf> {
        let file = setting.folder.join(name);
        std::fs::write(&file, wat::parse_str(wat)?)?;
        Ok(file)
    };
    let healthy = file("healthy.wasm", HEALTHY)?;
    let mut cases = Vec::new();
    for (name, count, wat) in
        NEIGHBOURS.iter().take(if setting.is_smoke() { 1 } else { usize::MAX })
    {
        let neighbour = file("neighbour.wasm", wat)?;
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        for _ in 0..if setting.is_smoke() { 1 } else { TURNS } {
            alone.push(run(setting, &healthy, &[])?);
            beside.push(run(setting, &healthy, &vec![&*neighbour; *count])?);
        }
        let (alone, beside) = (median(alone), median(beside));
        cases.push(Case {
            name: (*name).to_string(),
            figures: vec![beside.figure("a healthy filter beside it"), alone.figure("alone")],
            note: format!(
                "\n    (end to end p50 {:.2} to {:.2} ms, p99 {:.2} to {:.2} ms: ×{:.2})",
                alone.p50,
                beside.p50,
                alone.p99,
                beside.p99,
                beside.p99 / alone.p99
            ),
            place: None,
        });
    }
    Ok(cases)
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
