use crate::ChangeError;
use crate::changes::Changes;
use control::{Commands, Denied, Machine, Pending, ProcessTexts, ProcessUse, Published};
use control::{Reading, Reads, Reloaded};
use event::{Arrival, DeliveryId, EndpointId, Event, EventId, Offset, Why};
use log::Log;
use pipeline::pump::{Publisher, Refused};
use pipeline::writer::{Command, CommandError, Receipt};
use registry::{ChangeSet, History, Kind};
use runtime::spawn_thread;
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the API may do to the road.
pub struct Desk(pub Changes);

impl Commands for Desk {
    fn history(&self) -> Arc<History> {
        self.0.publisher.history()
    }

    fn pauses(&self) -> Arc<BTreeMap<EndpointId, Why>> {
        self.0.publisher.pauses()
    }

    fn change(&self, set: ChangeSet) -> Pending<Result<(), Denied>> {
        let (changes, publisher) = (self.0.clone(), self.0.publisher.clone());
        let has = |kind| set.changed().iter().any(|line| line.kind == kind);
        let (has_sources, has_tables) = (has(Kind::Source), has(Kind::Table));
        Box::pin(async move {
            ask(publisher.clone(), Command::Change(set)).await?;
            if has_sources {
                changes.ways.refresh(&publisher);
            }
            if has_tables {
                changes.renew_tables();
            }
            Ok(())
        })
    }

    fn publish(&self, arrival: Arrival) -> Pending<Result<Published, Denied>> {
        let publisher = self.0.publisher.clone();
        Box::pin(async move {
            match publisher.publish(arrival).await {
                Ok(Receipt::Accepted { id, is_duplicate, .. }) => {
                    Ok(Published { id, is_duplicate })
                }
                Ok(Receipt::Conflict { id }) => Err(Denied::Conflict(id)),
                Ok(Receipt::Full) => Err(Denied::Full),
                Err(why) => Err(refused(why)),
            }
        })
    }

    fn reload(&self) -> Pending<Result<Reloaded, Denied>> {
        let changes = self.0.clone();
        Box::pin(async move {
            match changes.reload().await {
                Ok(came) => Ok(Reloaded { changes: came.changes, restart: came.waiting }),
                Err(ChangeError::Stopping) => Err(Denied::Stopping),
                Err(ChangeError::Busy) => Err(Denied::Busy),
                Err(error) => Err(Denied::Rejected(error.to_string())),
            }
        })
    }

    fn redrive(&self, letter: DeliveryId) -> Pending<Result<(), Denied>> {
        Box::pin(ask(self.0.publisher.clone(), Command::Redrive(letter)))
    }

    fn resend(&self, endpoint: EndpointId, event: EventId) -> Pending<Result<(), Denied>> {
        Box::pin(ask(self.0.publisher.clone(), Command::Resend { endpoint, event }))
    }

    fn search(&self, endpoint: EndpointId, range: Range<Offset>) -> Pending<Result<(), Denied>> {
        Box::pin(ask(self.0.publisher.clone(), Command::Search { endpoint, range }))
    }

    fn purge(&self, letter: DeliveryId) -> Pending<Result<(), Denied>> {
        Box::pin(ask(self.0.publisher.clone(), Command::Purge(letter)))
    }

    fn erase(
        &self,
        stubs: Vec<Arc<Event>>,
        deliveries: Vec<DeliveryId>,
    ) -> Pending<Result<(), Denied>> {
        Box::pin(ask(self.0.publisher.clone(), Command::Erase { stubs, deliveries }))
    }
}

async fn ask(publisher: Publisher, command: Command) -> Result<(), Denied> {
    match publisher.command(command).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(CommandError::NotFound)) => Err(Denied::NotFound),
        Ok(Err(CommandError::Stale)) => Err(Denied::Stale),
        Ok(Err(CommandError::TooMany)) => Err(Denied::TooMany),
        Ok(Err(CommandError::Damaged)) => Err(Denied::Damaged),
        Err(why) => Err(refused(why)),
    }
}

fn refused(why: Refused) -> Denied {
    match why {
        Refused::Busy => Denied::Busy,
        Refused::Stopping => Denied::Stopping,
    }
}

/// Runs readings on threads of their own, a few at a time.
pub struct Shelf {
    pub log: Arc<dyn Log>,
    pub publisher: Publisher,
    pub running: Arc<AtomicUsize>,
}

/// A reading that has answered may still hold its place until its thread gets to run again.
const READINGS_MAX: usize = 16;
const READER_NICE: u8 = 5;

impl Reads for Shelf {
    fn head(&self) -> Offset {
        self.log.head()
    }

    fn read(&self, reading: Reading) {
        if self.running.fetch_add(1, Ordering::AcqRel) >= READINGS_MAX {
            self.running.fetch_sub(1, Ordering::AcqRel);
            return;
        }
        let (log, history) = (self.log.clone(), self.publisher.history());
        let place = Place(self.running.clone());
        // Without a thread the reading is dropped, and who waits for it is told.
        let _ = spawn_thread("control", READER_NICE, move || {
            reading(&*log, &history);
            drop(place);
        });
    }
}

/// A place among the readings that run, given back however the reading ends.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Linux's /proc; elsewhere nothing is known.
pub struct Proc;

impl Machine for Proc {
    fn usage(&self) -> ProcessUse {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let open_files = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64);
        ProcessUse::of(&ProcessTexts {
            stat: &read("/proc/self/stat"),
            status: &read("/proc/self/status"),
            limits: &read("/proc/self/limits"),
            machine: &read("/proc/stat"),
            open_files,
        })
    }
}
