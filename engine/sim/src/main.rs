//! Runs the simulator from the command line.

use clap::Parser;
use runtime::{Clock, Entropy, OsClock, OsEntropy};
use sim::{Counts, Verdict};
use std::process::ExitCode;
use std::time::Duration;

/// So many of the seeds are run twice, to see that they go the same way.
const ONE_IN: u64 = 50;
const TELL_EACH: u64 = 5_000;

/// The whole engine on one thread, driven by a seed, with faults and independent checkers.
///
/// Ends with 1 when a run breaks a promise, and prints the seed that shows it.
#[derive(Parser)]
#[command(after_help = "Examples:
  sim --seeds 2000                 the first two thousand seeds
  sim --fresh 180                  seeds that nobody has run, for three minutes
  sim --seed 42 --trace            one run, in words")]
struct Arguments {
    /// Replay one seed.
    #[arg(long, conflicts_with_all = ["seeds", "fresh"])]
    seed: Option<u64>,
    /// With --seed: say in words what happens.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// How many seeds to run, one after the other.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Then go on for so many seconds with seeds drawn by chance.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    fresh: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(seed) = arguments.seed {
        return one(seed, arguments.trace);
    }
    // A panic is a violation, and is told as one.
    std::panic::set_hook(Box::new(|_| {}));
    let clock = OsClock::new();
    let start = clock.now();
    let mut sweep = Sweep::default();
    for seed in arguments.from..arguments.from + arguments.seeds {
        sweep.run(seed);
    }
    if arguments.fresh > 0 {
        let first = OsEntropy.rng().range(1 << 32..1 << 62);
        let until = clock.now() + Duration::from_secs(arguments.fresh);
        println!("fresh seeds from {first} on, for {} s", arguments.fresh);
        let fresh = (first..).take_while(|_| clock.now() < until);
        fresh.for_each(|seed| sweep.run(seed));
    }
    sweep.tell(clock.now().since(start));
    if sweep.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What many runs came to.
#[derive(Default)]
struct Sweep {
    ran: u64,
    failed: u64,
    steps: u64,
    simulated: Duration,
    counts: Counts,
}

impl Sweep {
    fn run(&mut self, seed: u64) {
        let verdict = sim::run(seed, false);
        if let Some(violation) = &verdict.violation {
            self.failed += 1;
            println!("seed={seed} after {} steps: {violation}", verdict.steps);
        } else if seed.is_multiple_of(ONE_IN) && !goes_the_same_way(&verdict) {
            self.failed += 1;
            println!("seed={seed}: the same seed went another way");
        }
        self.ran += 1;
        self.steps += verdict.steps;
        self.simulated += verdict.simulated;
        self.counts.add(&verdict.counts);
        if self.ran.is_multiple_of(TELL_EACH) {
            println!("{} seeds, {} failed", self.ran, self.failed);
        }
    }

    fn tell(&self, took: Duration) {
        let ratio = self.simulated.as_secs_f64() / took.as_secs_f64().max(0.001);
        println!("{} seeds, {} steps, {} failed", self.ran, self.steps, self.failed);
        println!(
            "{:.1} hours of simulated time in {:.1} s: {ratio:.0} times real time",
            self.simulated.as_secs_f64() / 3600.0,
            took.as_secs_f64(),
        );
        for (name, count) in self.counts.list() {
            println!("  {count:>10} {name}");
        }
    }
}

fn goes_the_same_way(verdict: &Verdict) -> bool {
    let again = sim::run(verdict.seed, false);
    (again.digest, again.steps) == (verdict.digest, verdict.steps)
}

fn one(seed: u64, has_words: bool) -> ExitCode {
    let verdict = sim::run(seed, has_words);
    verdict.words.iter().for_each(|line| println!("{line}"));
    match verdict.violation {
        None => {
            println!("seed={seed}: {} steps, all well", verdict.steps);
            ExitCode::SUCCESS
        }
        Some(violation) => {
            println!("seed={seed}: {} steps, {violation}", verdict.steps);
            ExitCode::FAILURE
        }
    }
}
