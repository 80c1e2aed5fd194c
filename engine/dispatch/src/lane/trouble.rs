use crate::Ordering;
use crate::bug::{self, Bug};
use event::{DeliveryId, Due, LaneId, Offset, RetryKey, RetryRow, Time};
use std::collections::{BTreeMap, BTreeSet};

/// The deliveries of a lane that retry rows keep.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    /// By due time, the parked last. Those in flight are not here.
    waiting: BTreeMap<RetryKey, RetryRow>,
    /// Being fetched, asked about, or attempted; the key is the row that is on disk.
    in_flight: BTreeMap<(Offset, u32), (RetryKey, RetryRow)>,
    /// All of a blocked key in log order, in flight or not. Only the first may be attempted. In
    /// fifo order all of the lane are as of one key.
    queues: BTreeMap<u64, BTreeSet<(Offset, u32)>>,
    /// Parked rows that are first of their key.
    unparked: BTreeSet<RetryKey>,
    /// Given up on, with the queue that each holds up until its dead row is on disk: a crash in
    /// between brings it back, and nothing may have overtaken it.
    buried: Vec<(u64, (Offset, u32))>,
    /// Those whose dead rows are on their way.
    reported: Vec<(u64, (Offset, u32))>,
    ordering: Ordering,
}

impl Trouble {
    pub fn new(ordering: Ordering) -> Trouble {
        Trouble {
            waiting: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            queues: BTreeMap::new(),
            unparked: BTreeSet::new(),
            buried: Vec::new(),
            reported: Vec::new(),
            ordering,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_empty() && !self.has_graves()
    }

    fn has_graves(&self) -> bool {
        !self.buried.is_empty() || !self.reported.is_empty()
    }

    pub fn len(&self) -> usize {
        self.waiting.len() + self.in_flight.len()
    }

    pub fn blocks(&self, key_hash: Option<u64>) -> bool {
        let is_keyed = self.ordering == Ordering::Key && !bug::is(Bug::KeyOvertakes);
        is_keyed && key_hash.is_some_and(|key| self.queues.contains_key(&key))
    }

    pub fn is_in_flight(&self, offset: Offset, k: u32) -> bool {
        self.in_flight.contains_key(&(offset, k))
    }

    pub fn outputs_in_flight(&self) -> impl Iterator<Item = (Offset, u32)> + '_ {
        self.in_flight.keys().copied()
    }

    pub fn row_in_flight(&self, offset: Offset, k: u32) -> RetryRow {
        self.in_flight[&(offset, k)].1
    }

    pub fn add(&mut self, key: RetryKey, row: RetryRow) {
        self.waiting.insert(key, row);
        self.queue(&key, &row);
        self.unpark(&key, &row);
    }

    /// Takes the next delivery that may be attempted now. `busy`: keys whose entries are in
    /// flight.
    pub fn take_due(&mut self, now: Time, busy: &BTreeSet<u64>) -> Option<(DeliveryId, RetryRow)> {
        let key = self.first_unparked(busy).or_else(|| self.first_due(now, busy))?;
        self.unparked.remove(&key);
        let row = self.waiting.remove(&key).expect("it was found here");
        self.in_flight.insert((key.delivery.offset, key.delivery.k), (key, row));
        Some((key.delivery, row))
    }

    pub fn has_due(&self, now: Time) -> bool {
        !self.unparked.is_empty() || self.first_due(now, &BTreeSet::new()).is_some()
    }

    pub fn next_due(&self) -> Option<Time> {
        if !self.unparked.is_empty() {
            return Some(Time::ZERO);
        }
        self.waiting.keys().find(|key| self.is_first(key))?.due.time()
    }

    /// An attempt ended: the row that is on disk, to be removed or replaced.
    pub fn land(&mut self, offset: Offset, k: u32) -> Option<(RetryKey, RetryRow)> {
        let (key, row) = self.in_flight.remove(&(offset, k))?;
        let Some(name) = self.queue_of(&row) else { return Some((key, row)) };
        if let Some(queue) = self.queues.get_mut(&name) {
            queue.remove(&(offset, k));
            if queue.is_empty() {
                self.queues.remove(&name);
            }
        }
        Some((key, row))
    }

    /// What was taken waits again, as it did before.
    pub fn put_back(&mut self, offset: Offset, k: u32) {
        if let Some((key, row)) = self.in_flight.remove(&(offset, k)) {
            self.add(key, row);
        }
    }

    /// A delivery was given up on: what is queued behind it waits until that is on disk.
    pub fn bury(&mut self, offset: Offset, k: u32, row: &RetryRow) {
        if let Some(name) = self.queue_of(row).filter(|_| !bug::is(Bug::GraveForgotten)) {
            self.queues.entry(name).or_default().insert((offset, k));
            self.buried.push((name, (offset, k)));
        }
    }

    /// A report that holds all dead rows so far is on its way. True when there are some.
    pub fn report_buried(&mut self) -> bool {
        self.reported.append(&mut self.buried);
        !self.reported.is_empty()
    }

    /// That report is on disk.
    pub fn buried_for_good(&mut self, lane: LaneId) {
        for (name, place) in std::mem::take(&mut self.reported) {
            if let Some(queue) = self.queues.get_mut(&name) {
                queue.remove(&place);
                if queue.is_empty() {
                    self.queues.remove(&name);
                }
            }
            self.release_queue(lane, name);
        }
    }

    /// Lets the next of a key go, once what was landed has been added again or is gone.
    pub fn release(&mut self, lane: LaneId, landed: &RetryRow) {
        if let Some(name) = self.queue_of(landed) {
            self.release_queue(lane, name);
        }
    }

    fn release_queue(&mut self, lane: LaneId, name: u64) {
        let queue = self.queues.get(&name);
        let Some((offset, k)) = queue.and_then(|queue| queue.first().copied()) else { return };
        let key = RetryKey { due: Due::Parked, delivery: DeliveryId { lane, offset, k } };
        if let Some(row) = self.waiting.get(&key).copied() {
            self.unpark(&key, &row);
        }
    }

    /// Sets the rule by which keys block, for rows that are here and those to come.
    pub fn set_ordering(&mut self, ordering: Ordering) {
        if self.ordering == ordering {
            return;
        }
        self.ordering = ordering;
        self.unparked.clear();
        self.queues.clear();
        self.buried.clear();
        self.reported.clear();
        let in_flight: Vec<_> = self.in_flight.values().copied().collect();
        in_flight.iter().for_each(|(key, row)| self.queue(key, row));
        let rows: Vec<_> = self.waiting.iter().map(|(key, row)| (*key, *row)).collect();
        rows.iter().for_each(|(key, row)| self.queue(key, row));
        rows.iter().for_each(|(key, row)| self.unpark(key, row));
    }

    /// Every row, for the endpoint that was deleted.
    pub fn drain(&mut self) -> Vec<RetryKey> {
        let keys = self.waiting.keys().copied();
        let keys = keys.chain(self.in_flight.values().map(|(key, _)| *key)).collect();
        *self = Trouble::new(self.ordering);
        keys
    }

    /// What the row may block, and be blocked by.
    fn queue_of(&self, row: &RetryRow) -> Option<u64> {
        match self.ordering {
            Ordering::None => None,
            Ordering::Key => row.key_hash,
            Ordering::Fifo => Some(0),
        }
    }

    fn queue(&mut self, key: &RetryKey, row: &RetryRow) {
        if let Some(name) = self.queue_of(row) {
            let place = (key.delivery.offset, key.delivery.k);
            self.queues.entry(name).or_default().insert(place);
        }
    }

    fn unpark(&mut self, key: &RetryKey, row: &RetryRow) {
        let is_free = self.queue_of(row).is_none() || self.is_first(key);
        if key.due == Due::Parked && is_free {
            self.unparked.insert(*key);
        }
    }

    fn first_unparked(&mut self, busy: &BTreeSet<u64>) -> Option<RetryKey> {
        // A row may have come before one that was first; that one waits again.
        let is_free = |key: &RetryKey| match self.waiting.get(key) {
            Some(row) => self.queue_of(row).is_none() || self.is_first(key),
            None => false,
        };
        let stale: Vec<_> = self.unparked.iter().filter(|key| !is_free(key)).copied().collect();
        stale.iter().for_each(|key| {
            self.unparked.remove(key);
        });
        self.unparked.iter().find(|key| !self.is_busy(key, busy)).copied()
    }

    fn first_due(&self, now: Time, busy: &BTreeSet<u64>) -> Option<RetryKey> {
        let is_due = |key: &&RetryKey| matches!(key.due, Due::At(time) if time <= now);
        let mut due = self.waiting.keys().take_while(is_due);
        due.find(|key| self.is_first(key) && !self.is_busy(key, busy)).copied()
    }

    fn is_busy(&self, key: &RetryKey, busy: &BTreeSet<u64>) -> bool {
        let queue = self.waiting.get(key).and_then(|row| self.queue_of(row));
        queue.is_some_and(|name| busy.contains(&name) || self.has_in_flight(name))
    }

    /// A later one of the queue is under way: what a redrive brings back waits for it.
    fn has_in_flight(&self, name: u64) -> bool {
        self.in_flight.values().any(|(_, row)| self.queue_of(row) == Some(name))
    }

    fn is_first(&self, key: &RetryKey) -> bool {
        let Some(row) = self.waiting.get(key) else { return false };
        let place = (key.delivery.offset, key.delivery.k);
        let queue = self.queue_of(row).and_then(|name| self.queues.get(&name));
        queue.is_none_or(|queue| queue.first() == Some(&place))
    }
}
