use crate::erasure::{Rewriting, flush, rewrite};
use crate::options::Spawn;
use crate::tables::Tables;
use crate::{generations, rotation};
use fjall::Keyspace;
use log::Failure;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A thread that makes tables before they are needed and drops those that are not any more, so
/// that a commit does neither: each is several syncs. It also rewrites what erasure has left.
///
/// It never has to come first. A table that is not made yet is made by whoever needs it, and one
/// that a kill has kept from being dropped goes with the next start.
pub struct Upkeep {
    work: Option<SyncSender<Work>>,
    thread: Option<JoinHandle<()>>,
    has_failed: Arc<AtomicBool>,
    /// The last table of each kind that was asked for.
    made: Mutex<BTreeMap<Kind, u64>>,
}

/// What a table is made for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Events,
    Attempts,
}

enum Work {
    Make(Kind, u64),
    Drop(Keyspace),
    Flush(Vec<Keyspace>),
    Rewrite { some: Vec<(u64, Keyspace)>, seqno: u64, rewriting: Arc<Mutex<Rewriting>> },
}

impl Work {
    fn run(self, tables: &Tables) -> Result<(), Failure> {
        match self {
            Work::Make(Kind::Events, n) => tables.events(&generations::name(n)).map(drop),
            Work::Make(Kind::Attempts, n) => tables.rows(&rotation::name("attempts", n)).map(drop),
            Work::Drop(table) => tables.drop_table(table),
            Work::Flush(some) => flush(tables, &some),
            Work::Rewrite { some, seqno, rewriting } => {
                // What fails is tried again: until it is done the old files stay, and harm nobody.
                let next = rewrite(tables, &some, seqno);
                *rewriting.lock().expect("no holder of this lock panics") = next;
                Ok(())
            }
        }
    }
}

/// More than this is never waiting but after a long stall; then the caller works itself.
const WAITING_MAX: usize = 64;

impl Upkeep {
    /// Errors: `Disk` when there is no thread to be had.
    pub fn start(tables: Arc<Tables>, spawn: Option<Spawn>) -> Result<Upkeep, Failure> {
        let has_failed = Arc::new(AtomicBool::new(false));
        let mut upkeep = Upkeep {
            work: None,
            thread: None,
            has_failed: has_failed.clone(),
            made: Mutex::default(),
        };
        let Some(spawn) = spawn else { return Ok(upkeep) };
        let path = tables.path.clone();
        let (sender, receiver) = sync_channel::<Work>(WAITING_MAX);
        let run = move || {
            while let Ok(work) = receiver.recv() {
                // A table that was half made or half dropped is for the next start to look at.
                if work.run(&tables).is_err() {
                    has_failed.store(true, Ordering::Release);
                }
            }
        };
        let thread = spawn("upkeep", Box::new(run));
        upkeep.thread = Some(thread.map_err(|source| Failure::Disk { path, source })?);
        upkeep.work = Some(sender);
        Ok(upkeep)
    }

    /// Soon there is the table `number` of a kind.
    pub fn make(&self, kind: Kind, number: u64) {
        let Some(work) = &self.work else { return };
        let mut made = self.made.lock().expect("no holder of this lock panics");
        let is_new = made.get(&kind).is_none_or(|last| *last < number);
        if is_new && work.try_send(Work::Make(kind, number)).is_ok() {
            made.insert(kind, number);
        }
    }

    /// Soon `table` is gone.
    pub fn drop_table(&self, tables: &Tables, table: Keyspace) -> Result<(), Failure> {
        self.send(tables, Work::Drop(table))
    }

    /// Soon what is in memory of `some` is in their files.
    pub fn flush(&self, tables: &Tables, some: Vec<Keyspace>) -> Result<(), Failure> {
        self.send(tables, Work::Flush(some))
    }

    /// Soon the files of `some` are new ones, or `rewriting` says that it is to be done again, or
    /// why not.
    pub fn rewrite(
        &self,
        tables: &Tables,
        some: Vec<(u64, Keyspace)>,
        seqno: u64,
        rewriting: Arc<Mutex<Rewriting>>,
    ) -> Result<(), Failure> {
        *rewriting.lock().expect("no holder of this lock panics") = Rewriting::UnderWay;
        self.send(tables, Work::Rewrite { some, seqno, rewriting })
    }

    fn send(&self, tables: &Tables, work: Work) -> Result<(), Failure> {
        let Some(sender) = &self.work else { return work.run(tables) };
        match sender.try_send(work) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(work) | TrySendError::Disconnected(work)) => work.run(tables),
        }
    }

    /// Whether something went wrong that nobody was told.
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }
}

impl Drop for Upkeep {
    /// Ends the thread, once it has done what it was asked for.
    fn drop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            // It has no secret to take with it: a table that it left is dropped by the next start.
            let _ = thread.join();
        }
    }
}
