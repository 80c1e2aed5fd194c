//! How much of what happened when, by application, endpoint and event type: bounded, and kept over
//! restarts by whoever owns the files.

mod counts;
mod line;
mod series;
mod shelf;
mod sketch;
mod tally;

pub use counts::Counts;
pub(crate) use counts::Totals;
pub use series::Series;
pub(crate) use series::Wanted;
pub(crate) use shelf::Slice;
pub(crate) use sketch::Sketch;
pub use tally::Tally;

use event::Time;
use shelf::{Shelf, Slots};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was counted over time. Threads of the road count by a `Tally` each, which takes no lock;
/// what they have is gathered here every few seconds and when somebody asks.
///
/// Minutes are kept for six hours and hours for 35 days, fewer when there are more than 40,000
/// series and slots of a kind in which something happened: then the oldest go, of all series.
pub struct Stats {
    state: Mutex<State>,
    fresh: Sender<Live>,
}

struct State {
    fresh: Receiver<Live>,
    live: Vec<Live>,
    minutes: Shelf,
    hours: Shelf,
    /// By minute, what no file has.
    unsaved: Slots,
    /// Hours that are over and whole in a file.
    closed: BTreeSet<u64>,
}

/// A series that some thread counts in.
struct Live {
    series: Series,
    counts: Arc<Counts>,
    /// When it last had something, as far as it was gathered.
    used: Time,
}

pub(crate) const MINUTE: u64 = 60;
pub(crate) const HOUR: u64 = 3600;
pub(crate) const MINUTES_KEPT: u64 = 6 * 60;
const HOURS_KEPT: u64 = 35 * 24;
const CELLS_MAX: usize = 40_000;
/// A series without anything new for so long makes room for others.
const IDLE_SECS: u64 = 3600;

/// What a file of minutes is to have added: the hour that it is of, and lines.
pub type Unsaved = BTreeMap<u64, String>;

impl Stats {
    pub fn new() -> Arc<Stats> {
        let (fresh, registered) = channel();
        let state = State {
            fresh: registered,
            live: Vec::new(),
            minutes: Shelf::new(MINUTE, MINUTES_KEPT, CELLS_MAX),
            hours: Shelf::new(HOUR, HOURS_KEPT, CELLS_MAX),
            unsaved: Slots::new(),
            closed: BTreeSet::new(),
        };
        Arc::new(Stats { state: Mutex::new(state), fresh })
    }

    /// Counts for one thread.
    pub fn tally(&self) -> Tally {
        Tally::new(self.fresh.clone())
    }

    /// Gathers what was counted since the last time, as of `now`, a time of day.
    pub fn gather(&self, now: Time) {
        self.state().gather(now);
    }

    /// What no file has yet, which is taken to be written.
    pub fn take_unsaved(&self) -> Unsaved {
        let mut lines = Unsaved::new();
        for (minute, cells) in std::mem::take(&mut self.state().unsaved) {
            let text: &mut String = lines.entry(minute * MINUTE / HOUR).or_default();
            for (series, totals) in cells {
                line::write(text, minute, &series, &totals);
            }
        }
        lines
    }

    /// The hours that are over at `now` and that no file has as a whole, with their lines.
    pub fn hours_over(&self, now: Time) -> Vec<(u64, String)> {
        let state = self.state();
        let over = state.hours.slots().range(..now.secs() / HOUR);
        let open = over.filter(|(hour, _)| !state.closed.contains(hour));
        let text = |(hour, cells): (&u64, &BTreeMap<Series, Totals>)| {
            let mut text = String::new();
            cells.iter().for_each(|(series, totals)| line::write(&mut text, *hour, series, totals));
            line::close(&mut text, *hour);
            (*hour, text)
        };
        open.map(text).collect()
    }

    /// A file has the hour as a whole.
    pub fn hour_is_kept(&self, hour: u64) {
        self.state().closed.insert(hour);
    }

    /// Every hour that is whole in a file and still kept, as that file is to be.
    pub fn kept_hours(&self) -> String {
        let state = self.state();
        let mut text = String::new();
        for (hour, cells) in state.hours.slots() {
            if state.closed.contains(hour) {
                let each = cells.iter();
                each.for_each(|(series, totals)| line::write(&mut text, *hour, series, totals));
                line::close(&mut text, *hour);
            }
        }
        text
    }

    /// Reads what a file of whole hours has. An hour whose end is not there does not count, nor
    /// does a line that is not what was written.
    pub fn read_hours(&self, text: &str) {
        let mut state = self.state();
        // An hour whose end was not written was written again, whole.
        let mut open: BTreeMap<u64, BTreeMap<Series, Totals>> = BTreeMap::new();
        for line in text.lines().filter_map(line::read) {
            match line {
                line::Line::Cell(hour, series, totals) => {
                    open.entry(hour).or_default().insert(series, totals);
                }
                line::Line::End(hour) => {
                    let cells = open.remove(&hour).unwrap_or_default();
                    if state.closed.insert(hour) {
                        cells.iter().for_each(|(key, cell)| state.hours.add(hour, key, cell));
                    }
                }
            }
        }
    }

    /// Reads what a file of minutes has, after the whole hours.
    pub fn read_minutes(&self, text: &str) {
        let mut state = self.state();
        for line in text.lines().filter_map(line::read) {
            let line::Line::Cell(minute, series, totals) = line else { continue };
            state.minutes.add(minute, &series, &totals);
            let hour = minute * MINUTE / HOUR;
            if !state.closed.contains(&hour) {
                state.hours.add(hour, &series, &totals);
            }
        }
    }

    /// What was counted from one second to another, in slots of `step` seconds: by hours where
    /// that is as fine as is asked for.
    pub(crate) fn read(&self, span: Range<u64>, step: u64, wanted: &Wanted) -> Slice {
        let state = self.state();
        let is_hourly = step.is_multiple_of(HOUR) && span.start.is_multiple_of(HOUR);
        if is_hourly { &state.hours } else { &state.minutes }.read(span, step, wanted)
    }

    /// From when on all is kept that was counted in minutes, and in hours.
    pub(crate) fn kept_from(&self, now: Time) -> (u64, u64) {
        let state = self.state();
        (state.minutes.kept_from(now.secs()), state.hours.kept_from(now.secs()))
    }

    /// Attempts that are under way.
    pub(crate) fn sending(&self, wanted: &Wanted) -> u64 {
        let state = self.state();
        let live = state.live.iter().filter(|live| wanted.is(&live.series));
        live.map(|live| live.counts.sending()).sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Counts that a panic left behind are as good as others.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn gather(&mut self, now: Time) {
        self.live.extend(self.fresh.try_iter());
        let minute = now.secs() / MINUTE;
        let (minutes, hours, unsaved) = (&mut self.minutes, &mut self.hours, &mut self.unsaved);
        self.live.retain_mut(|live| {
            live.used = live.used.min(now);
            let Some(totals) = live.counts.take() else {
                let is_idle = now.secs().saturating_sub(live.used.secs()) >= IDLE_SECS;
                return !(is_idle && live.counts.retire());
            };
            live.used = now;
            minutes.add(minute, &live.series, &totals);
            hours.add(minute * MINUTE / HOUR, &live.series, &totals);
            let cells = unsaved.entry(minute).or_default();
            cells.entry(live.series.clone()).or_default().add(&totals);
            true
        });
        self.minutes.expire(minute);
        let hour = now.secs() / HOUR;
        self.hours.expire(hour);
        self.closed = self.closed.split_off(&hour.saturating_sub(HOURS_KEPT));
    }
}

#[cfg(test)]
mod tests;
