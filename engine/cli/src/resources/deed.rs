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
use std::sync::mpsc;
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
        match self.ids.is_empty() {
            true => self.which.each(&self.server, None, |letter| all.push(letter))?,
            false => all = self.named(self.which.app(&self.server)?.as_ref())?,
        }
        Ok(all)
    }

    /// Those that were named, all of them of this application where there is one.
    fn named(&self, app: Option<&Value>) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        for id in &self.ids {
            let asked = ask(&self.server, Method::GET, &below(LETTERS, id)?, None);
            let letter = asked.map_err(|failure| failure.about(id))?.json();
            if app.is_some_and(|app| *app != letter["app"]) {
                let why = match letter["app"].is_null() {
                    true => "does not say of which application it is",
                    false => "is of another application",
                };
                return Err(Failure::new(Exit::Failed, format!("{id} {why}: nothing was done")));
            }
            all.push(letter);
        }
        Ok(all)
    }

    /// All of them before the first is touched: one that dies again meanwhile is not met twice, and
    /// one that is not meant is told in time.
    fn ids(&self) -> Result<Vec<String>, Failure> {
        let mut ids = self.ids.clone();
        if ids.is_empty() {
            self.which.each(&self.server, None, |letter| {
                ids.extend(letter["id"].as_str().map(str::to_owned));
            })?;
        } else if let Some(app) = self.which.app(&self.server)? {
            self.named(Some(&app))?;
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
        let (mut pace, mut done) = (Pace::new(rate), 0);
        for some in ids.chunks(ABREAST) {
            let came = self.abreast(deed, some, &mut pace, bar);
            done += came.iter().filter(|came| matches!(came, Ok(true))).count();
            for (id, came) in some.iter().zip(came) {
                let told = || format!("{id} ({done} of {} were {})", ids.len(), deed.done());
                came.map_err(|failure| failure.about(&told()))?;
            }
        }
        Ok(done)
    }

    /// What came of each, or of those before one was refused: none begins after that is known.
    fn abreast(
        &self,
        deed: Deed,
        some: &[String],
        pace: &mut Pace,
        bar: &ProgressBar,
    ) -> Vec<Result<bool, Failure>> {
        let (refuse, refused) = mpsc::channel();
        std::thread::scope(|scope| {
            let mut asked = Vec::with_capacity(some.len());
            for id in some {
                if refused.recv_timeout(pace.left()).is_ok() {
                    break;
                }
                pace.begins();
                let refuse = refuse.clone();
                asked.push(scope.spawn(move || {
                    let was_there = self.one(deed, id);
                    if was_there.is_err() {
                        let _ = refuse.send(());
                    }
                    bar.inc(1);
                    was_there
                }));
            }
            let joined = asked.into_iter().map(|asked| match asked.join() {
                Ok(came) => came,
                Err(panic) => resume_unwind(panic),
            });
            joined.collect()
        })
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

/// So long between one and the next, by when the one before really began: what came late is not
/// made up for, so a server that was away for a while is not met by all at once.
struct Pace {
    between: Duration,
    last: Option<Instant>,
}

impl Pace {
    /// Of so many in a second; without any they follow at once.
    fn new(rate: Option<f64>) -> Pace {
        let between = rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate));
        Pace { between, last: None }
    }

    fn begins(&mut self) {
        self.last = Some(Instant::now());
    }

    /// How long the next one waits.
    fn left(&self) -> Duration {
        left(self.between, self.last.map(|last| last.elapsed()))
    }
}

/// The same, so long after the one before; the first waits for nothing.
fn left(between: Duration, passed: Option<Duration>) -> Duration {
    passed.map_or(Duration::ZERO, |passed| between.saturating_sub(passed))
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
    use super::{Pace, left, rate};
    use std::time::Duration;

    #[test]
    fn the_next_waits_for_the_one_before_and_makes_up_for_nothing() {
        let between = |text: &str| Pace::new(rate(text).ok()).between.as_millis();
        assert_eq!([between("50/s"), between("1/s"), between("30/m")], [20, 1_000, 2_000]);
        assert_eq!(Pace::new(None).between, Duration::ZERO);
        let ms = Duration::from_millis;
        for (passed, wanted) in [
            (None, 0),
            (Some(0), 100),
            (Some(30), 70),
            (Some(99), 1),
            (Some(100), 0),
            (Some(60_000), 0),
        ] {
            assert_eq!(left(ms(100), passed.map(ms)), ms(wanted), "{passed:?}");
        }
        let mut pace = Pace::new(Some(1.0 / 3600.0));
        assert_eq!(pace.left(), Duration::ZERO);
        // However long the first took to begin, the second has its whole time to wait.
        for _ in 0..2 {
            pace.begins();
            assert!(pace.left() > Duration::from_secs(3000), "{:?}", pace.left());
        }
    }

    #[test]
    fn a_rate_is_so_many_in_a_second() {
        assert_eq!((rate("50/s"), rate("50"), rate("30/m")), (Ok(50.0), Ok(50.0), Ok(0.5)));
        for bad in ["", "0/s", "-1/s", "1.5/s", "1/h", "x", "/s"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}
