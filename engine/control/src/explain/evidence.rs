use event::{
    AttemptRow, DeadRow, DeliveryId, EndpointId, Event, EventId, GapRow, LaneId, LaneRow, Offset,
    RetryKey, RetryRow,
};
use log::{Failure, Log};
use registry::{History, Snapshot};
use std::collections::btree_map::Range;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// All rows that say what became of one event, and the versions that ruled.
pub(crate) struct Evidence {
    pub event: Arc<Event>,
    /// In force at the event's offset.
    pub snapshot: Arc<Snapshot>,
    pub history: History,
    /// Below it nothing is owed by the road.
    pub least: Offset,
    /// The same, read after the lanes: at or above it a lane without a row was level all along, or
    /// behind under no later version than the event's own.
    pub level_from: Offset,
    pub lanes: BTreeMap<LaneId, LaneRow>,
    /// Of this offset, by delivery, in the order of their numbers.
    pub attempts: BTreeMap<DeliveryId, Vec<AttemptRow>>,
    pub retries: BTreeMap<DeliveryId, (RetryKey, RetryRow)>,
    /// None for a row that is damaged.
    pub dead: BTreeMap<DeliveryId, Option<DeadRow>>,
    /// Those whose bytes are kept though neither a retry row nor a dead row of theirs was found: in
    /// trouble, beyond the rows that were looked at.
    pub unfound: BTreeSet<DeliveryId>,
    pub gaps: Vec<GapRow>,
    /// By where a version came into force: when the event just below came in, in milliseconds.
    came: BTreeMap<Offset, u64>,
}

impl Evidence {
    /// Whether a version surely came into force later than this, by the node's own clock.
    pub fn came_after(&self, since: Offset, millis: u64) -> bool {
        self.came.range(..=since).next_back().is_some_and(|(_, came)| *came > millis)
    }

    /// What was begun by this lane.
    pub fn begun_by(&self, lane: LaneId) -> Range<'_, DeliveryId, Vec<AttemptRow>> {
        self.attempts.range(of_lanes(lane, lane))
    }

    /// What was begun by any lane of this endpoint.
    pub fn begun_at(&self, endpoint: EndpointId) -> Range<'_, DeliveryId, Vec<AttemptRow>> {
        let last = LaneId { endpoint, n: u32::MAX };
        self.attempts.range(of_lanes(LaneId::main(endpoint), last))
    }

    /// What this lane tries again.
    pub fn retried_by(&self, lane: LaneId) -> Range<'_, DeliveryId, (RetryKey, RetryRow)> {
        self.retries.range(of_lanes(lane, lane))
    }
}

/// From the first of one lane to the last of another.
fn of_lanes(first: LaneId, last: LaneId) -> RangeInclusive<DeliveryId> {
    let first = DeliveryId { lane: first, offset: Offset::ZERO, k: 0 };
    first..=DeliveryId { lane: last, offset: Offset::MAX, k: u32::MAX }
}

/// What the log has of an event.
pub(crate) enum Found {
    Event(Box<Evidence>),
    /// There is no such event, or not yet.
    Unknown,
    /// Retention has taken it.
    Forgotten,
    /// Its record is not what was written.
    Damaged,
}

/// Retry rows are kept by due time, so one delivery's is found by looking at all: so many. Of those
/// beyond, only the due time is not known.
const RETRIES_MAX: usize = 20_000;
const PAGE: usize = 1_000;
/// Versions that came later of which it is looked up when they came; those beyond came no earlier.
const VERSIONS_MAX: usize = 64;

/// Reads what there is; may block on the disk.
///
/// Rows move while this reads, so the order matters: what a row may have moved *to* is read after
/// it. The watermark is first, so that an event which ended just now is told to be on the road,
/// and never one on the road to have ended.
pub(crate) fn gather(log: &dyn Log, history: &History, id: EventId) -> Result<Found, Failure> {
    let offset = id.offset();
    let least = log.watermarks()?.map_or(Offset::ZERO, |marks| marks.least());
    let lanes = log.lanes()?.into_iter().collect();
    let level_from = log.watermarks()?.map_or(Offset::ZERO, |marks| marks.least());
    if offset >= log.head() {
        return Ok(Found::Unknown);
    }
    if offset < log.floor() {
        return Ok(Found::Forgotten);
    }
    let event = match log.event(offset) {
        Ok(event) => event,
        Err(Failure::Damaged { .. }) => return Ok(Found::Damaged),
        Err(failure) => return Err(failure),
    };
    // After a power cut offsets are used again; ids are not.
    let Some(event) = event.filter(|event| event.id == id) else { return Ok(Found::Unknown) };
    let mut attempts = BTreeMap::<_, Vec<_>>::new();
    for row in log.attempts(offset.only())? {
        attempts.entry(row.delivery).or_default().push(row);
    }
    let retries = retries(log, offset, &attempts)?;
    let dead = dead(log, &attempts)?;
    let mut unfound = BTreeSet::new();
    for delivery in attempts.keys() {
        if !retries.contains_key(delivery)
            && !dead.contains_key(delivery)
            && is_kept(log, *delivery)?
        {
            unfound.insert(*delivery);
        }
    }
    Ok(Found::Event(Box::new(Evidence {
        snapshot: history.at(offset),
        history: history.clone(),
        least,
        level_from,
        lanes,
        came: came(log, history, offset, &attempts)?,
        retries,
        dead,
        unfound,
        attempts,
        gaps: log.gaps()?,
        event,
    })))
}

/// When what ruled later came, at the endpoints where the event was begun.
fn came(
    log: &dyn Log,
    history: &History,
    offset: Offset,
    attempts: &BTreeMap<DeliveryId, Vec<AttemptRow>>,
) -> Result<BTreeMap<Offset, u64>, Failure> {
    let begun: BTreeSet<EndpointId> = attempts.keys().map(|id| id.lane.endpoint).collect();
    let versions = begun.into_iter().flat_map(|id| history.endpoints_from(id, offset));
    let later = versions.map(|version| version.since).filter(|since| *since > offset);
    let later: BTreeSet<Offset> = later.collect();
    let mut came = BTreeMap::new();
    for since in later.into_iter().take(VERSIONS_MAX) {
        match log.event(Offset(since.0 - 1)) {
            Ok(event) => came.extend(event.map(|event| (since, event.id.millis()))),
            Err(Failure::Damaged { .. }) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(came)
}

/// Bytes that are damaged are kept all the same.
fn is_kept(log: &dyn Log, delivery: DeliveryId) -> Result<bool, Failure> {
    match log.parcel(delivery) {
        Ok(parcel) => Ok(parcel.is_some()),
        Err(Failure::Damaged { .. } | Failure::DamagedRow { .. }) => Ok(true),
        Err(failure) => Err(failure),
    }
}

fn retries(
    log: &dyn Log,
    offset: Offset,
    attempts: &BTreeMap<DeliveryId, Vec<AttemptRow>>,
) -> Result<BTreeMap<DeliveryId, (RetryKey, RetryRow)>, Failure> {
    let (mut found, mut seen, mut from) = (BTreeMap::new(), 0, None);
    // Whatever is in trouble has an attempt row, so most events need no look.
    while !attempts.is_empty() && seen < RETRIES_MAX {
        let rows = log.retries(from, PAGE)?;
        seen += rows.len();
        let last = rows.last().filter(|_| rows.len() == PAGE).map(|(key, _)| *key);
        let ours = rows.into_iter().filter(|(key, _)| key.delivery.offset == offset);
        found.extend(ours.map(|(key, row)| (key.delivery, (key, row))));
        let Some(last) = last else { break };
        from = Some(RetryKey { delivery: last.delivery.next(), ..last });
    }
    Ok(found)
}

fn dead(
    log: &dyn Log,
    attempts: &BTreeMap<DeliveryId, Vec<AttemptRow>>,
) -> Result<BTreeMap<DeliveryId, Option<DeadRow>>, Failure> {
    let mut found = BTreeMap::new();
    for delivery in attempts.keys() {
        let row = match log.letter(*delivery) {
            Ok(None) => continue,
            Ok(row) => row,
            Err(Failure::DamagedRow { .. }) => None,
            Err(failure) => return Err(failure),
        };
        found.insert(*delivery, row);
    }
    Ok(found)
}
