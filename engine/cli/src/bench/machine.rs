//! What the machine says of itself and of this process. Where there is no `/proc`, nothing.

use anyhow::Context;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// The machine before anything runs.
pub struct Still {
    pub cpu: String,
    pub cores: usize,
    pub kernel: String,
    pub load: f64,
    /// Of a 4 KiB write and its fdatasync in the log's directory, median and 99th percentile.
    pub sync: [Duration; 2],
}

impl Still {
    pub fn look(data: &Path) -> anyhow::Result<Still> {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let named = cpus.lines().find_map(|line| line.strip_prefix("model name"));
        Ok(Still {
            cpu: named.map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':'])).into(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: first_line("/proc/sys/kernel/osrelease"),
            load: load_average(),
            sync: syncs(data).context("cannot write where the log will lie")?,
        })
    }
}

fn syncs(folder: &Path) -> io::Result<[Duration; 2]> {
    const COUNT: usize = 200;
    let path = folder.join("sync-probe");
    let mut file = fs::File::create(&path)?;
    // As the log's journal: its room is taken before, so a sync writes no metadata.
    file.write_all(&vec![0; 4096 * COUNT])?;
    file.sync_all()?;
    io::Seek::rewind(&mut file)?;
    let mut took = Vec::new();
    for _ in 0..COUNT {
        let start = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        took.push(start.elapsed());
    }
    fs::remove_file(path)?;
    took.sort();
    Ok([took[COUNT / 2], took[COUNT * 99 / 100]])
}

pub fn load_average() -> f64 {
    let first = first_line("/proc/loadavg");
    first.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0)
}

fn first_line(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// Processor time of the calling thread.
pub fn thread_cpu() -> io::Result<Duration> {
    bring_up_to_date();
    Ok(cpu_in("/proc/thread-self/schedstat".as_ref()).unwrap_or_default())
}

/// The kernel adds a thread's time up when it leaves the processor, else at each tick only, which
/// may be 4 ms.
fn bring_up_to_date() {
    std::thread::yield_now();
}

fn cpu_in(schedstat: &Path) -> Option<Duration> {
    let text = fs::read_to_string(schedstat).ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

/// What this process has used so far.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// By the thread's name; threads of one name are added up.
    pub cpu: BTreeMap<String, Duration>,
    pub written_bytes: u64,
    pub rss_bytes: u64,
}

impl Sample {
    pub fn take() -> io::Result<Sample> {
        bring_up_to_date();
        let mut cpu: BTreeMap<String, Duration> = BTreeMap::new();
        for task in fs::read_dir("/proc/self/task").into_iter().flatten() {
            let path = task?.path();
            let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
            *cpu.entry(name.trim().to_owned()).or_default() +=
                cpu_in(&path.join("schedstat")).unwrap_or_default();
        }
        let written_bytes = number_in("/proc/self/io", "write_bytes:").unwrap_or(0);
        let rss_bytes = number_in("/proc/self/status", "VmRSS:").unwrap_or(0) * 1024;
        Ok(Sample { cpu, written_bytes, rss_bytes })
    }

    /// What was used between the two; memory as it is now.
    pub fn since(&self, before: &Sample) -> Sample {
        let cpu = self.cpu.iter().map(|(name, cpu)| {
            let earlier = before.cpu.get(name).copied().unwrap_or_default();
            (name.clone(), cpu.saturating_sub(earlier))
        });
        Sample {
            cpu: cpu.collect(),
            written_bytes: self.written_bytes.saturating_sub(before.written_bytes),
            rss_bytes: self.rss_bytes,
        }
    }

    /// Threads of the engine: all but ours, the main thread among them.
    pub fn engine(&self) -> impl Iterator<Item = (&str, Duration)> {
        let main = first_line("/proc/self/comm");
        let is_ours = move |name: &str| name.starts_with("bench-") || name == main;
        let threads = self.cpu.iter().filter(move |(name, _)| !is_ours(name));
        threads.map(|(name, cpu)| (name.as_str(), *cpu))
    }

    pub fn thread(&self, name: &str) -> Duration {
        self.cpu.get(name).copied().unwrap_or_default()
    }
}

fn number_in(path: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}
