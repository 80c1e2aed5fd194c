//! `sim --seed N --trace` replays one run in words; `sim --seeds N [--from N]` runs many.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse::<u64>().ok()
    };
    let has_words = args.iter().any(|arg| arg == "--trace");
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    if let Some(seed) = number("--seed") {
        return one(seed, has_words);
    }
    let from = number("--from").unwrap_or(0);
    let count = number("--seeds").unwrap_or(1_000);
    let mut failed = 0;
    for seed in from..from + count {
        let verdict = sim::run(seed, false);
        if let Some(violation) = verdict.violation {
            failed += 1;
            println!("seed={seed} steps={} {violation}", verdict.steps);
        }
    }
    println!("{count} seeds, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(seed: u64, has_words: bool) -> ExitCode {
    let verdict = sim::run(seed, has_words);
    verdict.words.iter().for_each(|line| println!("{line}"));
    println!("{:?}", verdict.counts);
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
