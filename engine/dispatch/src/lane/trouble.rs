use crate::Ordering;
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
    ordering: Ordering,
}

impl Trouble {
    pub fn new(ordering: Ordering) -> Trouble {
        Trouble {
            waiting: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            queues: BTreeMap::new(),
            unparked: BTreeSet::new(),
            ordering,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_empty()
    }

    pub fn len(&self) -> usize {
        self.waiting.len() + self.in_flight.len()
    }

    pub fn blocks(&self, key_hash: Option<u64>) -> bool {
        let is_keyed = self.ordering == Ordering::Key;
        is_keyed && key_hash.is_some_and(|key| self.queues.contains_key(&key))
    }

    pub fn is_in_flight(&self, offset: Offset, k: u32) -> bool {
        self.in_flight.contains_key(&(offset, k))
    }

    pub fn row_in_flight(&self, offset: Offset, k: u32) -> RetryRow {
        self.in_flight[&(offset, k)].1
    }

    /// When the first failure of those that are waiting was.
    pub fn oldest_failure(&self) -> Option<Time> {
        self.waiting.values().map(|row| row.since).min()
    }

    pub fn add(&mut self, key: RetryKey, row: RetryRow) {
        self.waiting.insert(key, row);
        self.queue(&key, &row);
        self.unpark(&key, &row);
    }

    /// Takes the next delivery that may be attempted now.
    pub fn take_due(&mut self, now: Time) -> Option<(DeliveryId, RetryRow)> {
        let key = self.first_unparked().or_else(|| self.first_due(now))?;
        let row = self.waiting.remove(&key).expect("it was found here");
        self.in_flight.insert((key.delivery.offset, key.delivery.k), (key, row));
        Some((key.delivery, row))
    }

    pub fn has_due(&self, now: Time) -> bool {
        !self.unparked.is_empty() || self.first_due(now).is_some()
    }

    pub fn next_due(&self) -> Option<Time> {
        if !self.unparked.is_empty() {
            return Some(Time::ZERO);
        }
        let first = self.waiting.keys().find(|key| self.is_first(key))?;
        match first.due {
            Due::At(time) => Some(time),
            Due::Parked => None,
        }
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

    /// Lets the next of a key go, once what was landed has been added again or is gone.
    pub fn release(&mut self, lane: LaneId, landed: &RetryRow) {
        let queue = self.queue_of(landed).and_then(|name| self.queues.get(&name));
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

    /// A row may have come before one that was first; that one waits again.
    fn first_unparked(&mut self) -> Option<RetryKey> {
        while let Some(key) = self.unparked.pop_first() {
            let row = self.waiting.get(&key);
            let is_free = row.is_some_and(|row| self.queue_of(row).is_none());
            if is_free || self.is_first(&key) {
                return Some(key);
            }
        }
        None
    }

    fn first_due(&self, now: Time) -> Option<RetryKey> {
        let is_due = |key: &&RetryKey| matches!(key.due, Due::At(time) if time <= now);
        self.waiting.keys().take_while(is_due).find(|key| self.is_first(key)).copied()
    }

    fn is_first(&self, key: &RetryKey) -> bool {
        let Some(row) = self.waiting.get(key) else { return false };
        let place = (key.delivery.offset, key.delivery.k);
        let queue = self.queue_of(row).and_then(|name| self.queues.get(&name));
        queue.is_none_or(|queue| queue.first() == Some(&place))
    }
}
