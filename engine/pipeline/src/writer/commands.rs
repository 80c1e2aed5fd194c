use super::*;
use event::{
    AttemptState, Change, DeliveryId, Due, EndpointId, Event, EventId, LaneId, Parcel, RegistryKey,
    RetryKey, RetryRow, Stage, Why, hash_of,
};
use registry::{ChangeSet, Row, RowKey};
use std::ops::Range;

/// Searches for one endpoint that may be under way: they take their turns, and each has a row.
const SEARCHES_MAX: usize = 16;
/// For all endpoints of a tenant together.
const SEARCHES_OF_TENANT_MAX: usize = 1_000;
/// For all endpoints together: each is in memory, and shards look at each of them now and then.
const SEARCHES_OF_ALL_MAX: usize = 4_000;

/// What the control side asks of the road.
#[derive(Debug)]
pub enum Command {
    /// Puts a change of endpoints, filters, sources or tenants in force from the next offset on.
    Change(ChangeSet),
    /// Tries a dead letter again, now; its attempts go on counting.
    Redrive(DeliveryId),
    /// Sends an event that has arrived at an endpoint there again, now; its attempts go on
    /// counting. An endpoint with filters is refused, for what it was sent is not kept. Whether it
    /// was sent the event itself is for the caller to see, by `History::has_taken_as_it_is`: that
    /// may ask long conditions, and everybody would wait for them here.
    Resend { endpoint: EndpointId, event: EventId },
    /// Looks through a part of the log for events that the endpoint wants by now and was never
    /// sent, and sends them. Once it is answered, the search goes on after a crash.
    Search { endpoint: EndpointId, range: Range<Offset> },
    /// Forgets a dead letter and its bytes.
    Purge(DeliveryId),
    /// Ends the pause of an endpoint.
    Resume(event::EndpointId),
    /// Takes the content of events, for good. What of them was not sent by now is not sent any
    /// more; dead letters of them are forgotten. It survives a power cut once it is answered.
    Erase {
        /// What is left of each, in offset order.
        stubs: Vec<Arc<Event>>,
        /// Deliveries of them that are in trouble or dead. Those that the attempt rows tell of
        /// need not be named.
        deliveries: Vec<DeliveryId>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    /// The change was made from a snapshot that is no longer the newest: make it again.
    Stale,
    /// There is no such dead letter, nothing that has arrived, or no such endpoint.
    NotFound,
    /// So many searches are under way already, for this endpoint, its tenant or all.
    TooMany,
    /// A row that the command needs is not what was written.
    Damaged,
}

impl Writer {
    pub(super) fn command<T>(
        &mut self,
        ticket: T,
        command: Command,
        now: Time,
        pending: &mut Pending<T>,
    ) -> Result<(), Failure> {
        let outcome = match self.carry_out(command, now, pending) {
            // One row says nothing of the others: the asker is told, and the road goes on.
            Err(Failure::Damaged { .. } | Failure::DamagedRow { .. }) => Err(CommandError::Damaged),
            outcome => outcome?,
        };
        pending.commands.push((ticket, outcome));
        Ok(())
    }

    fn carry_out<T>(
        &mut self,
        command: Command,
        now: Time,
        pending: &mut Pending<T>,
    ) -> Result<Result<(), CommandError>, Failure> {
        match command {
            Command::Change(set) => Ok(self.change(set)),
            Command::Redrive(delivery) => self.redrive(delivery, now, pending),
            Command::Resend { endpoint, event } => self.resend(endpoint, event, now, pending),
            Command::Search { endpoint, range } => Ok(self.search(endpoint, range, pending)),
            Command::Purge(delivery) => self.purge(delivery),
            Command::Resume(endpoint) => {
                let shard = self.shard_of(endpoint);
                pending.tell.push((shard, ToShard::Resume(endpoint)));
                Ok(Ok(()))
            }
            Command::Erase { stubs, deliveries } => self.erase(stubs, deliveries, pending),
        }
    }

    fn change(&mut self, set: ChangeSet) -> Result<(), CommandError> {
        let mut history = History::clone(&self.history);
        let rows = history.apply(set, self.next).map_err(|_| CommandError::Stale)?;
        let before = std::mem::replace(&mut self.history, Arc::new(history));
        self.forget_pauses(&before);
        let puts = rows.into_iter().map(|Row { key, value }| Change::Put(key_of(key), value));
        self.group.registry.extend(puts);
        Ok(())
    }

    fn redrive<T>(
        &mut self,
        delivery: DeliveryId,
        now: Time,
        pending: &mut Pending<T>,
    ) -> Result<Result<(), CommandError>, Failure> {
        let Some(dead) = self.log.letter(delivery)? else {
            return Ok(Err(CommandError::NotFound));
        };
        if self.is_in_group(delivery) {
            return Ok(Err(CommandError::NotFound));
        }
        let row = RetryRow {
            attempts: dead.attempts,
            stage: dead.stage,
            outputs: dead.outputs,
            since: now,
            ruled_by: dead.ruled_by,
            key_hash: dead.key_hash,
        };
        let key = RetryKey { due: Due::At(now), delivery };
        self.group.dead.push(Change::Remove(delivery));
        self.group.retries.push(Change::Put(key, row));
        let shard = self.shard_of(delivery.lane.endpoint);
        pending.tell.push((shard, ToShard::Redriven { key, row }));
        Ok(Ok(()))
    }

    fn resend<T>(
        &mut self,
        endpoint: EndpointId,
        id: EventId,
        now: Time,
        pending: &mut Pending<T>,
    ) -> Result<Result<(), CommandError>, Failure> {
        let lane = LaneId::main(endpoint);
        let delivery = DeliveryId { lane, offset: id.offset(), k: 0 };
        let mut versions = self.history.endpoints_from(endpoint, id.offset());
        // Whichever version it went by: what a filter made of it is not kept.
        let is_plain = versions.all(|version| version.filters.is_empty());
        let Some(latest) = self.history.latest().endpoint(endpoint).filter(|_| is_plain) else {
            return Ok(Err(CommandError::NotFound));
        };
        let Some((event, attempts)) = self.arrived(delivery, id)? else {
            return Ok(Err(CommandError::NotFound));
        };
        let row = RetryRow {
            attempts,
            stage: Stage::Output,
            outputs: 1,
            since: now,
            ruled_by: latest.since,
            key_hash: event.envelope.key.as_deref().map(|key| hash_of(key.as_bytes())),
        };
        let key = RetryKey { due: Due::At(now), delivery };
        let parcel = Parcel { stage: Stage::Output, event, input_key: None };
        self.group.retries.push(Change::Put(key, row));
        self.group.parcels.push(Change::Put(delivery, parcel));
        let shard = self.shard_of(endpoint);
        pending.tell.push((shard, ToShard::Redriven { key, row }));
        Ok(Ok(()))
    }

    fn search<T>(
        &mut self,
        endpoint: EndpointId,
        range: Range<Offset>,
        pending: &mut Pending<T>,
    ) -> Result<(), CommandError> {
        let latest = self.history.latest();
        // One that is polled fetches what it wants.
        let Some(known) = latest.endpoint(endpoint).filter(|known| !known.is_polled()) else {
            return Err(CommandError::NotFound);
        };
        let first = LaneId { endpoint, n: 1 };
        let under_way = self.lanes.range(first..=LaneId { n: u32::MAX, ..first });
        let (mut count, mut n) = (0, first.n);
        for (lane, _) in under_way {
            count += 1;
            n = lane.n.saturating_add(1);
        }
        let all = || self.lanes.keys().filter(|lane| !lane.is_main());
        let is_own = |lane: &&LaneId| {
            latest.endpoint(lane.endpoint).is_some_and(|e| e.tenant == known.tenant)
        };
        let is_full = count >= SEARCHES_MAX
            || all().count() >= SEARCHES_OF_ALL_MAX
            || all().filter(is_own).count() >= SEARCHES_OF_TENANT_MAX;
        if is_full {
            return Err(CommandError::TooMany);
        }
        let cursor = range.start.max(self.log.floor());
        let high = range.end.min(self.log.head());
        if cursor >= high {
            return Ok(());
        }
        let lane = LaneId { endpoint, n };
        let row = LaneRow { cursor, high, since: Offset::ZERO, why: Why::Missing };
        self.put_lane(Change::Put(lane, row.clone()));
        let shard = self.shard_of(endpoint);
        pending.tell.push((shard, ToShard::Search { lane, row }));
        Ok(())
    }

    /// The event of a delivery that is over, and how many attempts it took. None when it is in
    /// trouble or dead, which its parcel shows, or is one output of several.
    fn arrived(
        &self,
        delivery: DeliveryId,
        id: EventId,
    ) -> Result<Option<(Arc<Event>, u32)>, Failure> {
        let rows = self.log.attempts(delivery.offset.only())?;
        let rows = rows.iter().filter(|row| row.delivery.lane == delivery.lane);
        let Some(last) = rows.max_by_key(|row| (row.delivery.k, row.number())) else {
            return Ok(None);
        };
        let is_over = last.state == AttemptState::Delivered && last.outputs == 1;
        let is_kept = self.group.parcels.iter().any(|change| match change {
            Change::Put(id, _) | Change::Remove(id) => *id == delivery,
        });
        if !is_over || is_kept || self.log.parcel(delivery)?.is_some() {
            return Ok(None);
        }
        let event = match self.log.event(delivery.offset) {
            Err(Failure::Damaged { .. }) => return Ok(None),
            event => event?.filter(|event| event.id == id && !event.is_erased()),
        };
        if self.stub_in_group(delivery.offset).is_some() {
            return Ok(None);
        }
        Ok(event.map(|event| (event, last.number())))
    }

    fn purge(&mut self, delivery: DeliveryId) -> Result<Result<(), CommandError>, Failure> {
        let found = match self.log.letter(delivery) {
            // To forget a row takes its key alone.
            Err(Failure::DamagedRow { .. }) => true,
            row => row?.is_some(),
        };
        if !found || self.is_in_group(delivery) {
            return Ok(Err(CommandError::NotFound));
        }
        self.group.dead.push(Change::Remove(delivery));
        self.group.parcels.push(Change::Remove(delivery));
        Ok(Ok(()))
    }

    /// A dead letter that this very group changes already.
    fn is_in_group(&self, delivery: DeliveryId) -> bool {
        self.group.dead.iter().any(|change| match change {
            Change::Put(id, _) | Change::Remove(id) => *id == delivery,
        })
    }

    pub(super) fn put_lane(&mut self, change: Change<LaneId, LaneRow>) {
        let floor = self.log.floor().max(self.group.floor.unwrap_or_default());
        let change = match change {
            Change::Put(id, row) => {
                let row = LaneRow { cursor: row.cursor.max(floor), ..row };
                self.note_pause(id, Some(row.why));
                self.lanes.insert(id, row.clone());
                Change::Put(id, row)
            }
            Change::Remove(id) => {
                self.note_pause(id, None);
                self.lanes.remove(&id);
                Change::Remove(id)
            }
        };
        self.group.lanes.push(change);
    }

    /// A new version ends an endpoint's pause, as its lane will say once it has heard of it.
    fn forget_pauses(&mut self, before: &History) {
        let (before, now) = (before.latest(), self.history.latest());
        let is_same = |id: &EndpointId| match (before.endpoint(*id), now.endpoint(*id)) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            _ => false,
        };
        if !self.pauses.keys().all(is_same) {
            Arc::make_mut(&mut self.pauses).retain(|id, _| is_same(id));
        }
    }

    fn note_pause(&mut self, lane: LaneId, why: Option<Why>) {
        let id = lane.endpoint;
        let pause = why.filter(|why| is_own_fault(*why));
        if lane.is_main() && self.pauses.get(&id).copied() != pause {
            let pauses = Arc::make_mut(&mut self.pauses);
            match pause {
                Some(why) => pauses.insert(id, why),
                None => pauses.remove(&id),
            };
        }
    }

    pub(super) fn shard_of(&self, endpoint: event::EndpointId) -> u32 {
        crate::shard::shard_of(endpoint, self.watermarks.shards.len() as u32)
    }
}

/// A pause that nobody asked for.
pub(super) fn is_own_fault(why: Why) -> bool {
    why.is_pause() && why != Why::Disabled
}

pub(super) fn key_of(key: RowKey) -> RegistryKey {
    RegistryKey { kind: key.kind, id: key.id, since: key.since }
}
