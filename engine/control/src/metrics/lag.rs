use super::readings::age;
use event::{EndpointId, Offset, Time};
use log::{Failure, Log};
use std::collections::BTreeMap;
use std::time::Duration;

/// How far an endpoint's lane is behind the head of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lag {
    /// Of the whole log, whoever they are for: its place in it is all that is known of a lane.
    pub events: u64,
    /// How old the first of them is.
    pub age: Duration,
}

/// Of each of these endpoints, at a time of day. Reads the rows of all lanes that are not level,
/// once, and one event for each place at which one of these lanes is; may block on the disk.
pub(crate) fn lags(
    log: &dyn Log,
    endpoints: &[EndpointId],
    now: Time,
) -> Result<BTreeMap<EndpointId, Lag>, Failure> {
    if endpoints.is_empty() {
        return Ok(BTreeMap::new());
    }
    // The watermark first and the head last: what goes on in between counts as behind.
    let level = log.watermarks()?.map_or(Offset::ZERO, |marks| marks.least());
    let lanes = log.lanes()?.into_iter().filter(|(lane, _)| lane.is_main());
    let behind: BTreeMap<EndpointId, Offset> =
        lanes.map(|(lane, row)| (lane.endpoint, row.cursor)).collect();
    let (floor, head) = (log.floor(), log.head());
    let mut known: BTreeMap<Offset, Lag> = BTreeMap::new();
    let mut lags = BTreeMap::new();
    for endpoint in endpoints {
        let first = behind.get(endpoint).copied().unwrap_or(level).max(floor);
        let lag = match known.get(&first) {
            Some(lag) => *lag,
            None => Lag { events: head.distance_from(first), age: age(log, first, head, now)? },
        };
        known.insert(first, lag);
        lags.insert(*endpoint, lag);
    }
    Ok(lags)
}
