use super::*;
use crate::shard::lanes::{TURNS_OF_A_LANE, rules_of, throttle_of};
use event::{AttemptRow, LaneId, LaneRow, RetryKey, RetryRow};

/// All that one shard is to know when it starts. Nothing on disk belongs to a shard, so their
/// number may differ at every start.
#[derive(Debug)]
pub struct ShardStart {
    pub shard: u32,
    pub shards: u32,
    pub history: Arc<History>,
    /// The least watermark: the road is walked again from here.
    pub least: Offset,
    pub head: Offset,
    pub lanes: Vec<(LaneId, LaneRow)>,
    pub retries: Vec<(RetryKey, RetryRow)>,
    /// Attempt rows at or above `least`, and those of lanes that were behind.
    pub begun: Vec<AttemptRow>,
    pub hot_bytes_max: usize,
    pub limits: ShardLimits,
    pub seed: u64,
}

/// How much a shard holds open. The defaults are meant for use, less for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardLimits {
    pub ring_slots: usize,
    pub lane_entries_max: usize,
    /// Rows that may wait for the writer before nothing new is started.
    pub rows_waiting_max: usize,
}

impl Default for ShardLimits {
    fn default() -> ShardLimits {
        ShardLimits {
            ring_slots: super::ring::SLOTS,
            lane_entries_max: dispatch::lane::ENTRIES_MAX,
            rows_waiting_max: super::ROWS_WAITING_MAX,
        }
    }
}

/// The shard that an endpoint belongs to, of so many.
pub fn shard_of(endpoint: EndpointId, shards: u32) -> u32 {
    (event::hash_of(&endpoint.0.to_le_bytes()) % u64::from(shards)) as u32
}

impl Shard {
    pub fn start(start: ShardStart, now: Time) -> Shard {
        let snapshot = start.history.at(start.least);
        let mut shard = Shard {
            id: start.shard,
            shards: start.shards,
            next_change: start.history.next_change(start.least),
            history: start.history,
            snapshot,
            ring: Ring::new(start.least, start.limits.ring_slots),
            limits: start.limits,
            turns: 0,
            unwritten: Unwritten::default(),
            head: start.head,
            is_catching_up: false,
            waiting: VecDeque::new(),
            hot_bytes_max: start.hot_bytes_max,
            lanes: BTreeMap::new(),
            searches: BTreeMap::new(),
            searched: None,
            effects: Effects::default(),
            questions: Questions::default(),
            dirty: BTreeSet::new(),
            moved: BTreeSet::new(),
            burying: BTreeSet::new(),
            alarms: BTreeSet::new(),
            asked_again: BTreeMap::new(),
            erased: BTreeSet::new(),
            has_heard: false,
            is_reporting: false,
            is_held: false,
            reported: start.least,
            least: start.least,
            next_tick: now,
            next_upkeep: now,
            is_draining: false,
            rng: Rng::seeded(start.seed),
        };
        let rows: BTreeMap<_, _> = start.lanes.iter().cloned().collect();
        start.lanes.into_iter().for_each(|(id, row)| shard.resume_lane(id, row, now));
        shard.resume_trouble(start.retries, now);
        shard.remember(start.begun, &rows, start.least, now);
        shard
    }

    fn resume_lane(&mut self, id: LaneId, row: LaneRow, now: Time) {
        if !id.is_main() {
            return match self.history.latest().endpoint(id.endpoint) {
                Some(_) => self.begin_search(id, &row),
                None => self.effects.lanes.push(event::Change::Remove(id)),
            };
        }
        let Some(endpoint) = self.history.latest().endpoint(id.endpoint).cloned() else {
            self.effects.lanes.push(event::Change::Remove(id));
            return;
        };
        let since = row.since;
        let rules = rules_of(&endpoint, self.limits.lane_entries_max);
        self.turns += TURNS_OF_A_LANE;
        let mut lane = Lane::resume(id, row, rules.clone(), self.turns, now);
        if endpoint.since > since {
            let routed = self.ring.next();
            lane.take_version(rules, endpoint.since, routed, &mut self.effects);
        }
        lane.hold_to(throttle_of(self.history.latest(), &endpoint));
        self.lanes.insert(id.endpoint, lane);
        self.dirty.insert(id.endpoint);
    }

    fn resume_trouble(&mut self, retries: Vec<(RetryKey, RetryRow)>, now: Time) {
        for (key, row) in retries {
            let id = key.delivery.lane.endpoint;
            if self.history.latest().endpoint(id).is_none() {
                self.drop_retry(key);
                continue;
            }
            self.lane(id, now).add_trouble(key, row);
            self.dirty.insert(id);
        }
    }

    /// What was begun above the least watermark, or by lanes that were behind, is not begun again.
    fn remember(
        &mut self,
        begun: Vec<AttemptRow>,
        rows: &BTreeMap<LaneId, LaneRow>,
        least: Offset,
        now: Time,
    ) {
        for row in begun.into_iter().filter(|_| !bug::is(Bug::NotRemembered)) {
            let (id, offset) = (row.delivery.lane, row.delivery.offset);
            let first = rows.get(&id).map_or(least, |row| row.cursor);
            if offset < first || self.history.latest().endpoint(id.endpoint).is_none() {
                continue;
            }
            self.lane(id.endpoint, now).remember(offset, row.delivery.k, row.outputs);
        }
    }

    pub(super) fn drop_retry(&mut self, key: RetryKey) {
        self.effects.retries.push(event::Change::Remove(key));
        self.effects.parcels.push(event::Change::Remove(key.delivery));
    }
}
