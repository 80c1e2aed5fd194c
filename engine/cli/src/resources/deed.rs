use super::erase::bar;
use super::letters::{COLUMNS, LETTERS};
use super::which::Which;
use super::{ask, below, exchange, granted, listed};
use crate::exit::{Exit, Failure};
use crate::given::{ServerArguments, print};
use clap::Args;
use hyper::Method;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::panic::resume_unwind;
use std::time::{Duration, Instant};

/// Dead letters that something is done to.
#[derive(Args)]
pub struct Letters {
    #[command(flatten)]
    server: ServerArguments,
    /// Such as dl_7-0-1042-0; without any, options say which
    #[arg(value_name = "ID", conflicts_with_all = ["endpoint", "types", "since", "until", "all"])]
    ids: Vec<String>,
    #[command(flatten)]
    which: Which,
    /// All that there are, or all of --app
    #[arg(long)]
    all: bool,
    /// Say which they are, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// What is done to them.
#[derive(Clone, Copy)]
pub enum Deed {
    Redrive,
    Purge,
}

impl Deed {
    fn name(self) -> &'static str {
        match self {
            Deed::Redrive => "redrive",
            Deed::Purge => "purge",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Deed::Redrive => "redriven",
            Deed::Purge => "purged",
        }
    }
}

const NOBODY: &str = "say which: ids, --endpoint, --type, --since or --until; or --all, with --app \
                      for all of an application";
/// Requests at a time: enough for the server to commit them together.
const ABREAST: usize = 16;
/// Before a server that had no room is asked again.
const PAUSE: Duration = Duration::from_millis(100);
const TRIES: usize = 100;

impl Letters {
    pub(super) fn run(&self, deed: Deed, rate: Option<f64>) -> Result<Exit, Failure> {
        if self.ids.is_empty() && !self.all && !self.which.is_told() {
            return Err(Failure::usage(NOBODY));
        }
        if self.dry_run {
            let letters = self.letters()?;
            listed(&self.server, COLUMNS, &letters)?;
            eprintln!("{} would be {}", letters.len(), deed.done());
            return Ok(Exit::Ok);
        }
        let ids = self.ids()?;
        let bar = bar();
        bar.set_length(ids.len() as u64);
        let done = self.each(deed, &ids, rate, &bar);
        bar.finish_and_clear();
        let done = done?;
        let gone = ids.len() - done;
        if self.server.json {
            print(&format!("{}\n", json!({ (deed.done()): done, "gone": gone })))?;
        } else if gone > 0 {
            eprintln!("{} {done}; {gone} were no dead letters any more", deed.done());
        } else {
            eprintln!("{} {done}", deed.done());
        }
        Ok(Exit::Ok)
    }

    /// As they are now.
    fn letters(&self) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        for id in &self.ids {
            all.push(ask(&self.server, Method::GET, &below(LETTERS, id)?, None)?.json());
        }
        if self.ids.is_empty() {
            self.which.each(&self.server, None, |letter| all.push(letter))?;
        }
        Ok(all)
    }

    /// All of them before the first is touched: one that dies again meanwhile is not met twice.
    fn ids(&self) -> Result<Vec<String>, Failure> {
        let mut ids = self.ids.clone();
        if ids.is_empty() {
            self.which.each(&self.server, None, |letter| {
                ids.extend(letter["id"].as_str().map(str::to_owned));
            })?;
        }
        Ok(ids)
    }

    /// Stops soon after the first that is refused, with those before it done. Gives how many were
    /// there.
    fn each(
        &self,
        deed: Deed,
        ids: &[String],
        rate: Option<f64>,
        bar: &ProgressBar,
    ) -> Result<usize, Failure> {
        let (start, mut done) = (Instant::now(), 0);
        for (n, some) in ids.chunks(ABREAST).enumerate() {
            let came: Vec<Result<bool, Failure>> = std::thread::scope(|scope| {
                let asked = some.iter().enumerate().map(|(k, id)| {
                    let before = (n * ABREAST + k) as f64;
                    let due = rate.map(|rate| Duration::from_secs_f64(before / rate));
                    scope.spawn(move || {
                        let left = due.and_then(|due| due.checked_sub(start.elapsed()));
                        std::thread::sleep(left.unwrap_or_default());
                        let was_there = self.one(deed, id);
                        bar.inc(1);
                        was_there
                    })
                });
                // All are on their way before the first is waited for.
                let asked: Vec<_> = asked.collect();
                let joined = asked.into_iter().map(|asked| match asked.join() {
                    Ok(came) => came,
                    Err(panic) => resume_unwind(panic),
                });
                joined.collect()
            });
            done += came.iter().filter(|came| matches!(came, Ok(true))).count();
            for (id, came) in some.iter().zip(came) {
                let told = || format!("{id} ({done} of {} were {})", ids.len(), deed.done());
                came.map_err(|failure| failure.about(&told()))?;
            }
        }
        Ok(done)
    }

    /// Whether it was there. One that was named has to be.
    fn one(&self, deed: Deed, id: &str) -> Result<bool, Failure> {
        let path = format!("{}/{}", below(LETTERS, id)?, deed.name());
        let ask = || exchange(&self.server, Method::POST, &path, None);
        let mut answer = ask()?;
        for _ in 1..TRIES {
            if answer.status != 503 {
                break;
            }
            std::thread::sleep(PAUSE);
            answer = ask()?;
        }
        if answer.status == 404 && self.ids.is_empty() {
            return Ok(false);
        }
        granted(&self.server, answer).map(|_| true)
    }
}

/// How many in a second.
pub fn rate(text: &str) -> Result<f64, String> {
    let (number, seconds) = match text.split_once('/') {
        None => (text, 1.0),
        Some((number, "s")) => (number, 1.0),
        Some((number, "m")) => (number, 60.0),
        Some(_) => ("", 1.0),
    };
    match number.parse::<u32>() {
        Ok(number) if number > 0 => Ok(f64::from(number) / seconds),
        _ => Err("write it as 50/s or 30/m".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn a_rate_is_so_many_in_a_second() {
        assert_eq!((rate("50/s"), rate("50"), rate("30/m")), (Ok(50.0), Ok(50.0), Ok(0.5)));
        for bad in ["", "0/s", "-1/s", "1.5/s", "1/h", "x", "/s"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}
