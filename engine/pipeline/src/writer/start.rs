use super::commands::{is_own_fault, key_of};
use super::rebase::rebase;
use super::*;
use crate::shard::{ShardLimits, ShardStart, shard_of};
use event::Change;
use event::{AttemptRow, EndpointId, RetryKey, RetryRow};
use registry::{Declared, Rejected, Row, RowError, RowKey, SealingKey};

const RETRIES_PAGE: usize = 4096;

#[derive(Clone, Debug)]
pub struct WriterOptions {
    pub durability: Durability,
    pub group_bytes_max: usize,
    pub group_events_max: usize,
    pub duplicate_window: Duration,
    pub retention: Retention,
    pub shards: u32,
    /// Of events that the road keeps in memory, over all shards.
    pub hot_bytes_max: usize,
    pub seed: u64,
    /// Opens the secrets that registry rows keep.
    pub sealing: Option<Arc<SealingKey>>,
}

/// The writer, and what each shard is to start from.
pub struct Started {
    pub writer: Writer,
    pub shards: Vec<ShardStart>,
}

#[derive(Debug)]
pub enum StartError {
    Log(Failure),
    /// A registry row of a later version, or one that is damaged.
    Registry(RowError),
    /// What is declared cannot be put in force.
    Declared(Rejected),
}

impl From<Failure> for StartError {
    fn from(failure: Failure) -> StartError {
        StartError::Log(failure)
    }
}

impl Writer {
    /// Claims the log, reads back what the last process left, and puts what is declared in force
    /// from the head on. Blocks until that is durable.
    pub fn start(
        log: Arc<dyn Log>,
        options: WriterOptions,
        declared: &Declared,
        now: Time,
    ) -> Result<Started, StartError> {
        let lease = log.claim()?;
        let rows = log.registry()?.into_iter().map(|(key, value)| Row {
            key: RowKey { kind: key.kind, id: key.id, since: key.since },
            value,
        });
        let mut history = History::from_rows(rows, declared, options.sealing.as_deref())
            .map_err(StartError::Registry)?;
        let set = history.latest().diff(declared).map_err(StartError::Declared)?;
        let rows = history.apply(set, log.head()).expect("nobody else changes it yet");
        let history = Arc::new(history);
        let least = log.watermarks()?.unwrap_or_default().least().max(log.floor());
        let watermarks = Watermarks { shards: vec![least; options.shards as usize] };
        let lanes = log.lanes()?;
        let mut retries = all_retries(&*log)?;
        let rebased = rebase(&mut retries, now, |id| longest_wait(&history, id));
        let shards = shard_starts(&*log, &options, &history, least, &lanes, &retries)?;
        let registry = rows.into_iter().map(|row| Change::Put(key_of(row.key), row.value));
        let group = Group {
            watermarks: Some(watermarks.clone()),
            registry: registry.collect(),
            retries: rebased,
            ..Group::default()
        };
        log.commit(lease, &group, Sync::Now)?;
        let writer = Writer {
            next: log.head(),
            last_ms: last_ms(&*log)?,
            duplicates: Duplicates::new(options.duplicate_window),
            pauses: Arc::new(pauses(&lanes)),
            lanes: lanes.into_iter().collect(),
            group: Group::default(),
            group_bytes: 0,
            rows_due: None,
            sync_due: None,
            next_upkeep: now,
            expiring: Offset::ZERO,
            is_refusing: false,
            unheard: Vec::new(),
            log,
            lease,
            options,
            history,
            watermarks,
        };
        Ok(Started { writer, shards })
    }
}

fn pauses(lanes: &[(LaneId, LaneRow)]) -> Pauses {
    let paused = lanes.iter().filter(|(_, row)| is_own_fault(row.why));
    paused.map(|(id, row)| (id.endpoint, row.why)).collect()
}

/// Ids go on past the last one, also if the clock went back meanwhile or stands still: an event
/// that a power cut took may have had the offset that comes next.
fn last_ms(log: &dyn Log) -> Result<u64, Failure> {
    let head = log.head();
    if head == Offset::ZERO {
        return Ok(0);
    }
    match log.event(Offset(head.0 - 1)) {
        Ok(event) => Ok(event.map_or(0, |event| event.id.millis() + 1)),
        Err(Failure::Damaged { .. }) => Ok(0),
        Err(failure) => Err(failure),
    }
}

fn shard_starts(
    log: &dyn Log,
    options: &WriterOptions,
    history: &Arc<History>,
    least: Offset,
    lanes: &[(LaneId, LaneRow)],
    retries: &[(RetryKey, RetryRow)],
) -> Result<Vec<ShardStart>, Failure> {
    let begun = all_begun(log, least, lanes)?;
    let shards = options.shards;
    let starts = (0..shards).map(|shard| {
        let is_here = |lane: LaneId| shard_of(lane.endpoint, shards) == shard;
        ShardStart {
            shard,
            shards,
            history: history.clone(),
            least,
            head: log.head(),
            lanes: lanes.iter().filter(|(id, _)| is_here(*id)).cloned().collect(),
            retries: retries
                .iter()
                .filter(|(key, _)| is_here(key.delivery.lane))
                .copied()
                .collect(),
            begun: begun.iter().filter(|row| is_here(row.delivery.lane)).cloned().collect(),
            hot_bytes_max: options.hot_bytes_max / shards as usize,
            limits: ShardLimits::default(),
            seed: options.seed.wrapping_add(u64::from(shard)),
        }
    });
    Ok(starts.collect())
}

/// The longest that an endpoint's own schedule makes a delivery wait. Jitter at most doubles it.
fn longest_wait(history: &History, id: EndpointId) -> Duration {
    let endpoint = history.latest().endpoint(id);
    let longest = endpoint.and_then(|endpoint| endpoint.terms.schedule.iter().max().copied());
    longest.unwrap_or_default().saturating_mul(2)
}

fn all_retries(log: &dyn Log) -> Result<Vec<(RetryKey, RetryRow)>, Failure> {
    let mut all: Vec<(RetryKey, RetryRow)> = Vec::new();
    loop {
        let from = all.last().map(|(key, _)| *key);
        let page = log.retries(from, RETRIES_PAGE)?;
        let is_last = page.len() < RETRIES_PAGE;
        let known = usize::from(from.is_some() && page.first().map(|row| row.0) == from);
        all.extend_from_slice(&page[known..]);
        if is_last {
            return Ok(all);
        }
    }
}

/// Attempt rows that tell what was begun: of the road from `least` on, and of each lane that is
/// behind between its cursor and its high mark.
fn all_begun(
    log: &dyn Log,
    least: Offset,
    lanes: &[(LaneId, LaneRow)],
) -> Result<Vec<AttemptRow>, Failure> {
    let mut begun = Vec::new();
    for (id, row) in lanes.iter().filter(|(id, _)| id.is_main()) {
        let range = row.cursor..row.high.max(row.cursor);
        let rows = log.attempts(range)?.into_iter();
        begun.extend(rows.filter(|attempt| attempt.delivery.lane == *id));
    }
    let behind: BTreeMap<_, _> = lanes.iter().cloned().collect();
    let road = log.attempts(least..Offset::MAX)?.into_iter();
    begun.extend(road.filter(|row| !behind.contains_key(&row.delivery.lane)));
    Ok(begun)
}
