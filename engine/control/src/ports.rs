use crate::ProcessUse;
use bytes::Bytes;
use event::{
    Arrival, DeliveryId, EndpointId, Event, EventId, Offset, Refusal, TenantId, Verdict, Why,
};
use log::Log;
use registry::{
    ChangeSet, DeclaredSource, FilterVersion, History, ModuleDigest, Snapshot, TableDigest,
};
use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::mpsc;

pub type Pending<T> = Pin<Box<dyn Future<Output = T>>>;

/// What a person may do to the road. A command is durable when its future resolves; dropping the
/// future does not take it back.
pub trait Commands {
    /// All versions of what is configured, as last committed. Never blocks.
    fn history(&self) -> Arc<History>;

    /// The endpoints that are paused because of what came of their deliveries. Never blocks.
    fn pauses(&self) -> Arc<BTreeMap<EndpointId, Why>>;

    /// Puts a change in force, whole or not at all. `Denied::Stale` when another came first: then
    /// it has to be made again from a newer snapshot.
    fn change(&self, set: ChangeSet) -> Pending<Result<(), Denied>>;

    /// Hands an event over to the road.
    fn publish(&self, arrival: Arrival) -> Pending<Result<Published, Denied>>;

    /// Reads the configuration again: all of it comes into force, or nothing does.
    fn reload(&self) -> Pending<Result<Reloaded, Denied>>;

    /// Tries a dead letter again, now.
    fn redrive(&self, letter: DeliveryId) -> Pending<Result<(), Denied>>;

    /// Sends an event that has arrived at an endpoint there again, now. `NotFound` when it has not
    /// arrived, is being tried, when the endpoint has or had filters, or when no version of it that
    /// is known would send the event as it is.
    fn resend(&self, endpoint: EndpointId, event: EventId) -> Pending<Result<(), Denied>>;

    /// Looks through a part of the log for events that an endpoint wants by now and was never sent,
    /// and sends them. The search goes on after this is answered, and after a restart.
    fn search(&self, endpoint: EndpointId, range: Range<Offset>) -> Pending<Result<(), Denied>>;

    /// Forgets a dead letter and its bytes.
    fn purge(&self, letter: DeliveryId) -> Pending<Result<(), Denied>>;

    /// Takes the content of events for good: stubs, in offset order, take their places.
    /// `deliveries` are those of events that retention has taken.
    fn erase(
        &self,
        stubs: Vec<Arc<Event>>,
        deliveries: Vec<DeliveryId>,
    ) -> Pending<Result<(), Denied>>;
}

/// A durable event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    pub id: EventId,
    /// The event was there already, under this id.
    pub is_duplicate: bool,
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
    /// A row that this is about is not what was written.
    Damaged,
    /// The event's key is that of this one, which is another.
    Conflict(EventId),
    /// As many of this kind are under way as may be.
    TooMany,
    /// The disk is full.
    Full,
    /// What went wrong inside: for the operator, not for who asks.
    Failed(String),
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

    /// The offset of the next event. Never blocks.
    fn head(&self) -> Offset;
}

/// Whether a source could let events in beside those that a snapshot has, or why not, in words for
/// whoever makes it.
pub type Doors = Box<dyn Fn(&Snapshot, &DeclaredSource) -> Result<(), String>>;

/// What the rules for deliveries say of an endpoint's URL, before any of its names is looked up.
pub type Reach = Box<dyn Fn(&str) -> Result<(), Refusal>>;

/// The WebAssembly modules that filters are made of.
pub trait Modules {
    /// Verifies and compiles a module, and keeps it under its digest; it is durable when the
    /// future resolves. `Denied::Rejected` says what its author has to change.
    fn keep(&self, wasm: Bytes) -> Pending<Result<ModuleDigest, Denied>>;

    /// Starts a filter afresh and shows it one event. `Denied::Rejected` says why it does not
    /// start, by its settings or the module's own word.
    fn try_out(&self, filter: FilterVersion) -> Pending<Result<(), Denied>>;

    /// Shows each of these filters the same events, one after the other, with nothing coming of it.
    /// When that takes too long, or what is put out grows too large, it ends early, for all of them
    /// after the same event.
    fn dry_run(
        &self,
        filters: Vec<FilterVersion>,
        events: Vec<Arc<Event>>,
    ) -> Pending<Result<Vec<Trial>, Denied>>;

    /// Whether a module of this digest was kept. A short look at the disk.
    fn has(&self, digest: &ModuleDigest) -> bool;

    /// The module that comes with the engine under a name like `forebay/redact`.
    fn shipped(&self, name: &str) -> Option<Bytes>;

    /// What to say of a name like `forebay/redakt` that no such module has.
    fn unshipped(&self, name: &str) -> String;
}

/// The contents of lookup tables.
pub trait Tables {
    /// Reads the text of a table and keeps what it holds, under its digest; it is durable when the
    /// future resolves. `Denied::Rejected` says what its author has to change, and on which line.
    fn keep(&self, text: Bytes, how: TableText) -> Pending<Result<KeptTable, Denied>>;

    /// What was kept before and is still named by a version.
    fn find(&self, digest: TableDigest) -> Pending<Result<KeptTable, Denied>>;

    /// A value of a table that is in force. Never blocks.
    fn look_up(&self, app: &TenantId, name: &str, key: &str) -> Option<String>;
}

/// The archive of a backup, piece by piece, and whether all of it was sent: set before the last
/// piece's sender goes.
pub type Pieces = (mpsc::Receiver<io::Result<Bytes>>, Arc<AtomicBool>);

/// Copies of the whole node.
pub trait Backups {
    /// Holds the node as it is now and begins to give it as a tar archive. `Denied::Busy` while
    /// another backup is under way; `Denied::Rejected` says why there can be none.
    fn begin(&self, with_keys: bool) -> Pending<Result<Pieces, Denied>>;
}

/// How the text of a table is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableText {
    pub form: TableForm,
    /// The column or member that holds the keys.
    pub key: Option<String>,
    /// The one that holds the values; without it a value is all of its row, as JSON.
    pub value: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableForm {
    Csv,
    /// One object: its members' names are the keys.
    Json,
    /// An object on each line.
    JsonLines,
}

/// A content that is kept as long as somebody has this, and then as long as a version names it.
#[derive(Clone)]
pub struct KeptTable {
    pub digest: TableDigest,
    pub keys: u64,
    pub bytes: u64,
    pub hold: Arc<dyn Any + Send + Sync>,
}

/// What a filter made of the events that it was shown, the first ones or all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trial {
    /// One for each event.
    pub verdicts: Vec<Verdict>,
    /// Failures that its policy was asked about, the first few.
    pub faults: Vec<Fault>,
    pub fault_count: usize,
    /// The first few.
    pub said: Vec<Said>,
    pub fuel: u64,
    pub took: Duration,
    /// The largest memory that one instance of it had.
    pub memory_bytes: usize,
}

/// A failure of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which of the events.
    pub event: usize,
    /// A stable word.
    pub kind: &'static str,
    pub text: String,
}

/// A line that a filter logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Which of the events, where the filter said so.
    pub event: Option<usize>,
    /// 0 debug, 1 info, 2 warn, 3 error.
    pub level: u8,
    pub text: String,
}

/// The log of changes, a line of JSON for each.
pub trait Book {
    /// Keeps a line. It survives the death of the process; the oldest go when there are many.
    fn keep(&self, line: &str);

    /// So many lines, the newest first, from where the page before ended. `Denied::NotFound` for a
    /// place that no page gives.
    fn page(&self, from: Option<String>, count: usize) -> Pending<Result<BookPage, Denied>>;
}

/// Lines, and where they end, if there are older ones. Lines that come meanwhile do not shift it.
pub type BookPage = (Vec<String>, Option<String>);

/// Where consumers of polled endpoints have come to.
pub trait Bookmarks {
    /// The next offset that it is to be told, if it was ever told to be kept.
    fn find(&self, endpoint: EndpointId, consumer: &str) -> Option<Offset>;

    /// Keeps it. It survives the death of the process; a power cut may take the last ones.
    fn put(&self, endpoint: EndpointId, consumer: &str, next: Offset) -> Result<(), Denied>;
}

/// The machine that the process runs on.
pub trait Machine {
    /// What it says of this process now: a few small files, read at each scrape.
    fn usage(&self) -> ProcessUse;
}
