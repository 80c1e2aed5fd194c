use crate::dice::Dice;
use event::{Cause, Outcome};
use std::collections::BTreeMap;
use std::time::Duration;

/// How the far side of an endpoint behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Fine,
    /// Answers, but takes its time.
    Slow,
    Down(u16),
    /// Accepts and says nothing until the time-out.
    Hangs,
    Resets,
    /// Some of all that can go wrong, now and then.
    Flaky,
    /// Asks to be left alone for so many seconds.
    Busy(u64),
    Gone,
}

/// The far sides, by URL.
#[derive(Default)]
pub struct Network {
    modes: BTreeMap<String, Mode>,
}

impl Network {
    pub fn set(&mut self, url: &str, mode: Mode) {
        self.modes.insert(url.to_owned(), mode);
    }

    pub fn heal(&mut self) {
        self.modes.clear();
    }

    /// What comes of an attempt, and when. A far side that lies took the delivery all the same.
    pub fn answer(&self, url: &str, timeout: Duration, dice: &mut Dice) -> (Outcome, Duration) {
        let mode = self.modes.get(url).copied().unwrap_or(Mode::Fine);
        let took = dice.micros(200, 30_000);
        let (outcome, took) = match mode {
            Mode::Flaky => one_of_many(took, timeout, dice),
            Mode::Fine => (Outcome::Delivered { status: 200 }, took),
            Mode::Slow => (Outcome::Delivered { status: 202 }, dice.millis(200, 3_000)),
            Mode::Down(status) => (failed(Cause::Status(status), None), took),
            Mode::Hangs => (failed(Cause::Timeout, None), timeout),
            Mode::Resets => (failed(Cause::Connection("reset".into()), None), took),
            Mode::Busy(secs) => (failed(Cause::Status(429), Some(Duration::from_secs(secs))), took),
            Mode::Gone => (Outcome::Gone, took),
        };
        if took >= timeout { (failed(Cause::Timeout, None), timeout) } else { (outcome, took) }
    }
}

fn one_of_many(took: Duration, timeout: Duration, dice: &mut Dice) -> (Outcome, Duration) {
    match dice.between(0, 9) {
        0 => (failed(Cause::Status(503), None), took),
        1 => (failed(Cause::Timeout, None), timeout),
        2 => (failed(Cause::Connection("reset".into()), None), took),
        3 => (failed(Cause::Dns("no such name".into()), None), took),
        4 => (failed(Cause::Status(429), Some(Duration::from_secs(2))), took),
        5 => (Outcome::Delivered { status: 200 }, dice.millis(500, 4_000)),
        _ => (Outcome::Delivered { status: 200 }, took),
    }
}

fn failed(cause: Cause, retry_after: Option<Duration>) -> Outcome {
    Outcome::Failed { cause, retry_after }
}
