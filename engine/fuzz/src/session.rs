use crate::coverage::Coverage;
use crate::mutate::Mutator;
use crate::{Target, corpus};
use event::Rng;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One run of a target over its corpus and what is made of it.
pub struct Session {
    target: &'static Target,
    pool: Vec<Vec<u8>>,
    seeds: usize,
    rng: Rng,
    coverage: Coverage,
    slowest: Duration,
    executions: u64,
    /// Holds the input that is being run, so that it outlives an abort.
    under_way: Option<File>,
}

/// An input at which a property does not hold.
#[derive(Debug)]
pub struct Finding {
    pub input: Vec<u8>,
    pub message: String,
}

/// What a run came to.
#[derive(Debug)]
pub struct Tally {
    pub executions: u64,
    /// Inputs, with those that were there at the start.
    pub pool: usize,
    pub seeds: usize,
    /// Counters reached; 0 in a build without them.
    pub reached: usize,
    pub slowest: Duration,
}

impl Session {
    /// A session over the kept corpus. The same seed, corpus and build make the same inputs.
    pub fn new(target: &'static Target, seed: u64) -> io::Result<Session> {
        let mut pool = corpus::read(&corpus::folder(target.name))?;
        let seeds = pool.len();
        if pool.is_empty() {
            pool.push(Vec::new());
        }
        let rng = Rng::seeded(seed ^ event::hash_of(target.name.as_bytes()));
        let coverage = Coverage::new();
        let (slowest, executions, under_way) = (Duration::ZERO, 0, None);
        Ok(Session { target, pool, seeds, rng, coverage, slowest, executions, under_way })
    }

    /// From now on the input that is run lies in this file while it is.
    pub fn note_in(&mut self, path: &Path) -> io::Result<()> {
        self.under_way = Some(File::create(path)?);
        Ok(())
    }

    /// Every kept input once.
    pub fn run_corpus(&mut self) -> Result<(), Finding> {
        for at in 0..self.pool.len() {
            let input = self.pool[at].clone();
            self.run(&input)?;
            self.coverage.take_new();
        }
        Ok(())
    }

    /// So many changed inputs. Those that reach new places are changed further.
    pub fn run_changed(&mut self, count: usize) -> Result<(), Finding> {
        for _ in 0..count {
            let input = self.next();
            self.run(&input)?;
            if self.coverage.take_new() > 0 {
                self.pool.push(input);
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Vec<u8> {
        let rng = self.rng.clone();
        let (words, bytes_max) = (self.target.words, self.target.bytes_max);
        let mut mutator = Mutator { rng, words, bytes_max };
        // Half of the time one of the newest: what was just reached is not understood yet.
        let all = self.pool.len();
        let from = if mutator.below(2) == 0 { 0 } else { all - all.min(64) };
        let one = from + mutator.below(all - from);
        let other = mutator.below(all);
        let input = mutator.mutate(&self.pool[one], &self.pool[other]);
        self.rng = mutator.rng;
        input
    }

    fn run(&mut self, input: &[u8]) -> Result<(), Finding> {
        if let Some(file) = &self.under_way {
            let written = file.set_len(0).and_then(|()| file.write_all_at(input, 0));
            written.expect("the folder that findings go to can be written");
        }
        self.coverage.clear();
        self.executions += 1;
        let start = Instant::now();
        let ran = catch_unwind(AssertUnwindSafe(|| (self.target.run)(input)));
        self.slowest = self.slowest.max(start.elapsed());
        ran.map_err(|panic| Finding { input: input.to_vec(), message: message_of(&*panic) })
    }

    pub fn tally(&self) -> Tally {
        Tally {
            executions: self.executions,
            pool: self.pool.len(),
            seeds: self.seeds,
            reached: self.coverage.reached(),
            slowest: self.slowest,
        }
    }

    /// Writes the new inputs that the corpus needs to reach all that was reached, the smallest
    /// first, until they are so many bytes. Gives how many were written.
    pub fn keep(&mut self, bytes_max: usize) -> io::Result<usize> {
        let found = self.pool.split_off(self.seeds.max(1).min(self.pool.len()));
        let (seeds, target) = (&self.pool, self.target);
        let kept = crate::sift::sift(target, seeds, found, bytes_max);
        let folder = corpus::folder(target.name);
        kept.iter().try_for_each(|input| corpus::write(&folder, "found-", input).map(drop))?;
        Ok(kept.len())
    }

    /// Where an input that broke a property is written.
    pub fn report(finding: &Finding, folder: &Path, target: &str) -> io::Result<PathBuf> {
        corpus::write(folder, &format!("{target}-"), &finding.input)
    }
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}
