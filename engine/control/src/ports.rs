use crate::ProcessUse;
use event::DeliveryId;
use log::Log;
use registry::History;
use std::pin::Pin;

pub type Pending<T> = Pin<Box<dyn Future<Output = T>>>;

/// What a person may do to the road. A command is durable when its future resolves; dropping the
/// future does not take it back.
pub trait Commands {
    /// Reads the configuration again: all of it comes into force, or nothing does.
    fn reload(&self) -> Pending<Result<Reloaded, Denied>>;

    /// Tries a dead letter again, now.
    fn redrive(&self, letter: DeliveryId) -> Pending<Result<(), Denied>>;

    /// Forgets a dead letter and its bytes.
    fn purge(&self, letter: DeliveryId) -> Pending<Result<(), Denied>>;
}

/// What a reload came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// How many resources are new, changed or gone.
    pub changes: usize,
    /// Settings that differ and wait for a restart.
    pub restart: Vec<String>,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    NotFound,
    /// What is wrong with what was asked for, in words for the operator.
    Rejected(String),
    /// Something else changed at the same time: ask again.
    Stale,
    /// No room now: ask again in a moment.
    Busy,
    Stopping,
}

/// A look at the log, and at which versions ruled when. It may block on the disk.
pub type Reading = Box<dyn FnOnce(&dyn Log, &History) + Send>;

/// Where blocking reads are run.
pub trait Reads {
    /// Runs the reading on a thread that may block, with the newest history. A reading that
    /// cannot be run is dropped, and the request that waits for it is answered 503.
    fn read(&self, reading: Reading);
}

/// The machine that the process runs on.
pub trait Machine {
    /// What it says of this process now: a few small files, read at each scrape.
    fn usage(&self) -> ProcessUse;
}
