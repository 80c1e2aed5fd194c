use event::{Offset, RetryKey, Time, Why};
use log::{Failure, Log};
use std::time::Duration;

/// What is read when somebody scrapes, because it is a state and not a count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Readings {
    /// Of the lane that is furthest behind: events of the log that it has not passed. A paused
    /// lane counts: what it has not read is what retention will take from it.
    pub lane_lag_events: u64,
    /// How old the first of these events is.
    pub lane_lag: Duration,
    /// Deliveries in trouble, those that are parked too.
    pub retries_scheduled: u64,
    pub dead_letters: u64,
    /// Lanes whose breaker is open.
    pub breakers_open: u64,
    pub log_bytes: u64,
    pub disk_free_bytes: u64,
}

/// Rows of one kind are counted up to here, so that a scrape has a bounded cost: about 0.1 s.
const COUNTED_MAX: u64 = 100_000;
const PAGE: usize = 1_000;

impl Readings {
    /// Reads the log's rows; may block on the disk. Retries and dead letters are counted up to
    /// 100,000. `now` is a time of day.
    pub fn of(log: &dyn Log, now: Time) -> Result<Readings, Failure> {
        // The watermark first: a lane that leaves the road in between then counts twice, never not.
        let least = log.watermarks()?.map_or(Offset::ZERO, |marks| marks.least());
        let mut lanes = log.lanes()?;
        lanes.retain(|(lane, _)| lane.is_main());
        let head = log.head();
        let first = lanes.iter().map(|(_, row)| row.cursor).chain([least]).min();
        let first = first.unwrap_or(head).max(log.floor());
        let breakers = lanes.iter().filter(|(_, row)| row.why == Why::Breaker).count();
        Ok(Readings {
            lane_lag_events: head.distance_from(first),
            lane_lag: age(log, first, head, now)?,
            retries_scheduled: count_retries(log)?,
            dead_letters: count_dead(log)?,
            breakers_open: breakers as u64,
            log_bytes: log.generations()?.iter().map(|generation| generation.bytes).sum(),
            disk_free_bytes: log.room()?.free_bytes,
        })
    }
}

/// How old the event at `first` is; zero at the head, and where that is not known.
pub(super) fn age(
    log: &dyn Log,
    first: Offset,
    head: Offset,
    now: Time,
) -> Result<Duration, Failure> {
    if first >= head {
        return Ok(Duration::ZERO);
    }
    match log.event(first) {
        Ok(event) => Ok(event.map_or(Duration::ZERO, |event| now.since(event.envelope.time))),
        // Its age is not known, and that it is damaged is told elsewhere.
        Err(Failure::Damaged { .. }) => Ok(Duration::ZERO),
        Err(failure) => Err(failure),
    }
}

fn count_retries(log: &dyn Log) -> Result<u64, Failure> {
    let (mut count, mut from) = (0, None);
    while count < COUNTED_MAX {
        let rows = log.retries(from, PAGE)?;
        count += rows.len() as u64;
        let Some((last, _)) = rows.last().filter(|_| rows.len() == PAGE) else { break };
        from = Some(RetryKey { delivery: last.delivery.next(), ..*last });
    }
    Ok(count)
}

fn count_dead(log: &dyn Log) -> Result<u64, Failure> {
    let (mut count, mut from) = (0, None);
    while count < COUNTED_MAX {
        let rows = log.letters(from, PAGE)?.rows;
        count += rows.len() as u64;
        let Some((last, _)) = rows.last().filter(|_| rows.len() == PAGE) else { break };
        from = Some(last.next());
    }
    Ok(count)
}
