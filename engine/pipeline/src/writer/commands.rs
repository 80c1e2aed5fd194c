use super::*;
use event::{Change, DeliveryId, Due, RegistryKey, RetryKey, RetryRow};
use registry::{ChangeSet, Row, RowKey};

/// What the control side asks of the road.
#[derive(Debug)]
pub enum Command {
    /// Puts a change of endpoints, filters, sources or tenants in force from the next offset on.
    Change(ChangeSet),
    /// Tries a dead letter again, now; its attempts go on counting.
    Redrive(DeliveryId),
    /// Forgets a dead letter and its bytes.
    Purge(DeliveryId),
    /// Ends the pause of an endpoint.
    Resume(event::EndpointId),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    /// The change was made from a snapshot that is no longer the newest: make it again.
    Stale,
    /// There is no such dead letter.
    NotFound,
}

impl Writer {
    pub(super) fn command<T>(
        &mut self,
        ticket: T,
        command: Command,
        now: Time,
        pending: &mut Pending<T>,
    ) -> Result<(), Failure> {
        let outcome = match command {
            Command::Change(set) => self.change(set),
            Command::Redrive(delivery) => self.redrive(delivery, now, pending)?,
            Command::Purge(delivery) => self.purge(delivery)?,
            Command::Resume(endpoint) => {
                let shard = self.shard_of(endpoint);
                pending.tell.push((shard, ToShard::Resume(endpoint)));
                Ok(())
            }
        };
        pending.commands.push((ticket, outcome));
        Ok(())
    }

    fn change(&mut self, set: ChangeSet) -> Result<(), CommandError> {
        let mut history = History::clone(&self.history);
        let rows = history.apply(set, self.next).map_err(|_| CommandError::Stale)?;
        self.history = Arc::new(history);
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
        let Some((_, dead)) = self.log.dead(Some(delivery), 1)?.into_iter().find(is(delivery))
        else {
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

    fn purge(&mut self, delivery: DeliveryId) -> Result<Result<(), CommandError>, Failure> {
        let found = self.log.dead(Some(delivery), 1)?.into_iter().any(|row| is(delivery)(&row));
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
                self.lanes.insert(id, row.clone());
                Change::Put(id, row)
            }
            Change::Remove(id) => {
                self.lanes.remove(&id);
                Change::Remove(id)
            }
        };
        self.group.lanes.push(change);
    }

    pub(super) fn shard_of(&self, endpoint: event::EndpointId) -> u32 {
        crate::shard::shard_of(endpoint, self.watermarks.shards.len() as u32)
    }
}

fn is<V>(delivery: DeliveryId) -> impl Fn(&(DeliveryId, V)) -> bool {
    move |(id, _)| *id == delivery
}

pub(super) fn key_of(key: RowKey) -> RegistryKey {
    RegistryKey { kind: key.kind, id: key.id, since: key.since }
}
