//! Walks of the log that end: each looks at so much and no more, then says where to go on.

use event::{AttemptRow, Event, Offset};
use log::{Failure, Log, ReadLimit};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

/// Which part of the log, and from which end.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub range: Range<Offset>,
    pub is_newest_first: bool,
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// There is no more.
    Whole,
    /// Whoever walked has enough.
    Enough,
    /// It has taken long enough; everything up to here, in the direction of the walk, was seen.
    /// The offset itself was the last.
    Tired(Offset),
}

const EVENTS_MAX: u64 = 5_000;
const BYTES_MAX: usize = 32 << 20;
const ROWS_MAX: usize = 10_000;
/// Offsets that a walk of attempts goes over.
const OFFSETS_MAX: u64 = 200_000;

/// A step begins small, for most pages are found at once, and doubles while it brings little.
const STEP: u64 = 8;
const STEP_MAX: u64 = 512;
/// A step over attempts brings all of each event's, so it stays shorter.
const STEP_OF_ATTEMPTS_MAX: u64 = 64;
const STEP_BYTES: usize = 1 << 20;
/// A longer step than one event that brings more is taken back and made shorter: many small events
/// say nothing of how large the next ones are.
const STEP_BYTES_MAX: usize = 4 * STEP_BYTES;
const STEP_ROWS: usize = 2_000;

/// Shows every event that can be read; one whose record is damaged is passed over.
pub(crate) fn events(
    log: &dyn Log,
    path: Path,
    visit: impl FnMut(&Arc<Event>) -> Result<ControlFlow<()>, Failure>,
) -> Result<End, Failure> {
    events_and_damaged(log, path, &mut Vec::new(), visit)
}

/// The same, and names those that it passed over: of the step in which it ended also those behind
/// the last that was shown.
pub(crate) fn events_and_damaged(
    log: &dyn Log,
    path: Path,
    damaged: &mut Vec<Offset>,
    mut visit: impl FnMut(&Arc<Event>) -> Result<ControlFlow<()>, Failure>,
) -> Result<End, Failure> {
    let mut steps = Steps::new(log, path, STEP_MAX);
    let (mut seen, mut bytes) = (0, 0);
    while let Some(step) = steps.next() {
        let bytes_max = if step == step.start.only() { usize::MAX } else { STEP_BYTES_MAX };
        let Some(read) = readable(log, step.clone(), bytes_max)? else {
            steps.take_back(step);
            continue;
        };
        let events = read.events;
        damaged.extend(read.damaged);
        let weight: usize = events.iter().map(|event| event.weight()).sum();
        if steps.walk(&events, &mut visit)?.is_break() {
            return Ok(End::Enough);
        }
        (seen, bytes) = (seen + (step.end.0 - step.start.0), bytes + weight);
        steps.fit(weight, STEP_BYTES);
        if seen >= EVENTS_MAX || bytes >= BYTES_MAX {
            return Ok(steps.tired(&step));
        }
    }
    Ok(End::Whole)
}

/// Shows every attempt row of the path's events.
pub(crate) fn attempts(
    log: &dyn Log,
    path: Path,
    mut visit: impl FnMut(&AttemptRow) -> Result<ControlFlow<()>, Failure>,
) -> Result<End, Failure> {
    let mut steps = Steps::new(log, path, STEP_OF_ATTEMPTS_MAX);
    let (mut seen, mut count) = (0, 0);
    while let Some(step) = steps.next() {
        let rows = log.attempts(step.clone())?;
        if steps.walk(&rows, &mut visit)?.is_break() {
            return Ok(End::Enough);
        }
        (seen, count) = (seen + (step.end.0 - step.start.0), count + rows.len());
        steps.fit(rows.len(), STEP_ROWS);
        if seen >= OFFSETS_MAX || count >= ROWS_MAX {
            return Ok(steps.tired(&step));
        }
    }
    Ok(End::Whole)
}

/// The first offset whose event was accepted at or after a time, in milliseconds: those of the
/// ids never decrease.
pub(crate) fn offset_at(log: &dyn Log, millis: u64) -> Result<Offset, Failure> {
    let (mut low, mut high) = (log.floor().0, log.head().0);
    while low < high {
        let middle = low + (high - low) / 2;
        match first_readable(log, Offset(middle)..Offset(high.min(middle + STEP)))? {
            Some(event) if event.id.millis() < millis => low = event.offset().0 + 1,
            _ => high = middle,
        }
    }
    Ok(Offset(low))
}

fn first_readable(log: &dyn Log, range: Range<Offset>) -> Result<Option<Arc<Event>>, Failure> {
    for at in range.start.0..range.end.0 {
        match log.event(Offset(at)) {
            Ok(None) | Err(Failure::Damaged { .. }) => {}
            event => return event,
        }
    }
    Ok(None)
}

/// The events of a range, and which records of it are damaged.
#[derive(Default)]
struct Readable {
    events: Vec<Arc<Event>>,
    damaged: Vec<Offset>,
}

/// Nothing when the events have more bytes together.
fn readable(
    log: &dyn Log,
    range: Range<Offset>,
    bytes_max: usize,
) -> Result<Option<Readable>, Failure> {
    let (mut all, mut at, mut bytes) = (Readable::default(), range.start, 0);
    while at < range.end {
        let limit = ReadLimit { events: STEP_MAX as usize, bytes: STEP_BYTES };
        let events = match log.read(at..range.end, limit) {
            Ok(events) => events,
            Err(Failure::Damaged { offset }) if offset > at => log.read(at..offset, limit)?,
            Err(Failure::Damaged { .. }) => {
                all.damaged.push(at);
                at = at.next();
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let Some(last) = events.last() else { break };
        at = last.offset().next();
        bytes += events.iter().map(|event| event.weight()).sum::<usize>();
        if bytes > bytes_max {
            return Ok(None);
        }
        all.events.extend(events);
    }
    Ok(Some(all))
}

struct Steps {
    left: Range<Offset>,
    is_newest_first: bool,
    size: u64,
    size_max: u64,
}

impl Steps {
    fn new(log: &dyn Log, path: Path, size_max: u64) -> Steps {
        let left = path.range.start.max(log.floor())..path.range.end.min(log.head());
        Steps { left, is_newest_first: path.is_newest_first, size: STEP, size_max }
    }

    fn next(&mut self) -> Option<Range<Offset>> {
        let Range { start, end } = self.left;
        if start >= end {
            return None;
        }
        let step = match self.is_newest_first {
            true => Offset(end.0.saturating_sub(self.size)).max(start)..end,
            false => start..Offset(start.0.saturating_add(self.size)).min(end),
        };
        match self.is_newest_first {
            true => self.left.end = step.start,
            false => self.left.start = step.end,
        }
        Some(step)
    }

    /// What it was stays to be done, in shorter steps.
    fn take_back(&mut self, step: Range<Offset>) {
        match self.is_newest_first {
            true => self.left.end = step.end,
            false => self.left.start = step.start,
        }
        self.size = (self.size / 8).max(1);
    }

    fn walk<T>(
        &self,
        found: &[T],
        visit: &mut impl FnMut(&T) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<ControlFlow<()>, Failure> {
        for n in 0..found.len() {
            let n = if self.is_newest_first { found.len() - 1 - n } else { n };
            if visit(&found[n])?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Doubles the step after one that brought little, and quarters it after one that brought much.
    fn fit(&mut self, brought: usize, wanted: usize) {
        self.size = match brought {
            little if little < wanted / 2 => (self.size * 2).min(self.size_max),
            much if much > wanted * 2 => (self.size / 4).max(1),
            _ => self.size,
        };
    }

    fn tired(&self, step: &Range<Offset>) -> End {
        match (self.left.is_empty(), self.is_newest_first) {
            (true, _) => End::Whole,
            (false, true) => End::Tired(step.start),
            (false, false) => End::Tired(Offset(step.end.0 - 1)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;
    use log::contract::event;
    use log::{Group, MemLog, Sync};

    fn log(events: u64) -> MemLog {
        let log = MemLog::new(1_000_000);
        let group = Group { events: (0..events).map(event).collect(), ..Group::default() };
        log.commit(log.claim().unwrap(), &group, Sync::Now).unwrap();
        log
    }

    fn path(from: u64, until: u64, is_newest_first: bool) -> Path {
        Path { range: Offset(from)..Offset(until), is_newest_first }
    }

    fn seen(log: &MemLog, path: Path, most: usize) -> (Vec<u64>, End) {
        let mut offsets = Vec::new();
        let end = events(log, path, |event| {
            offsets.push(event.offset().0);
            match offsets.len() < most {
                true => Ok(ControlFlow::Continue(())),
                false => Ok(ControlFlow::Break(())),
            }
        });
        (offsets, end.unwrap())
    }

    #[test]
    fn both_ways_show_all_once_and_in_order() {
        let log = log(3_000);
        let up: Vec<u64> = (5..2_990).collect();
        let down: Vec<u64> = up.iter().rev().copied().collect();
        assert_eq!(seen(&log, path(5, 2_990, false), usize::MAX), (up, End::Whole));
        assert_eq!(seen(&log, path(5, 2_990, true), usize::MAX), (down, End::Whole));
        assert_eq!(seen(&log, path(0, 9_999, true), 2), (vec![2_999, 2_998], End::Enough));
        assert_eq!(seen(&log, path(7, 7, true), 2), (vec![], End::Whole));
    }

    #[test]
    fn large_events_after_many_small_ones_are_not_all_held_at_once() {
        let log = MemLog::new(1_000_000);
        let large = |n| {
            let mut event = event(n);
            std::sync::Arc::get_mut(&mut event).unwrap().body = vec![0; 1 << 20].into();
            event
        };
        let all = (0..3_000).map(|n| if n < 200 { large(n) } else { event(n) });
        let group = Group { events: all.collect(), ..Group::default() };
        log.commit(log.claim().unwrap(), &group, Sync::Now).unwrap();
        let (offsets, end) = seen(&log, path(0, 3_000, true), usize::MAX);
        let End::Tired(at) = end else { panic!("{end:?}") };
        assert!((165..=175).contains(&at.0), "it goes on below {at}, after some 32 MiB");
        assert_eq!(offsets, (at.0..3_000).rev().collect::<Vec<_>>());
    }

    #[test]
    fn a_damaged_record_is_passed_over() {
        let log = log(40);
        log.damage(Offset(39));
        log.damage(Offset(20));
        log.damage(Offset(21));
        let (offsets, end) = seen(&log, path(0, 40, true), usize::MAX);
        assert_eq!((offsets.len(), end), (37, End::Whole));
        let mut damaged = Vec::new();
        let all = |_: &Arc<Event>| Ok(ControlFlow::Continue(()));
        events_and_damaged(&log, path(0, 40, false), &mut damaged, all).unwrap();
        assert_eq!(damaged, [20, 21, 39].map(Offset));
        assert_eq!(offset_at(&log, event(30).id.millis()).unwrap(), Offset(30));
    }

    #[test]
    fn a_long_walk_says_where_to_go_on() {
        let log = log(EVENTS_MAX + 5_000);
        for is_newest_first in [true, false] {
            let whole = path(0, u64::MAX, is_newest_first);
            let (first, End::Tired(at)) = seen(&log, whole, usize::MAX) else { panic!("whole") };
            assert_eq!(first.last(), Some(&at.0));
            let rest = match is_newest_first {
                true => path(0, at.0, true),
                false => path(at.0 + 1, u64::MAX, false),
            };
            let (second, end) = seen(&log, rest, usize::MAX);
            assert_eq!(end, End::Whole);
            assert_eq!(first.len() + second.len(), EVENTS_MAX as usize + 5_000);
        }
    }

    #[test]
    fn the_first_offset_of_a_time_is_found() {
        let log = log(100);
        for n in [0, 1, 50, 99] {
            assert_eq!(offset_at(&log, event(n).id.millis()).unwrap(), Offset(n));
        }
        assert_eq!(offset_at(&log, 0).unwrap(), Offset(0));
        assert_eq!(offset_at(&log, u64::MAX).unwrap(), Offset(100));
    }
}
