//! Takes from the disk what was erased.
//!
//! An erased event is overwritten by its stub in the batch that erases it, so from then on nobody
//! reads it. Its bytes stay in older files: sorted files of its generation, journals, parcels that
//! were removed. A *round* rewrites those tables and has fjall begin a new journal, and it ends
//! once none of the files that were there at its beginning is. Until then a row in `meta` names
//! the generation, so a start after a crash begins the round anew.

use crate::journal;
use crate::rows::{Row, Table};
use crate::tables::Tables;
use event::Offset;
use fjall::Keyspace;
use log::Failure;
use log::codec::offset_of_key;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Stands for parcels whose event's generation is gone.
pub const NO_GENERATION: u64 = u64::MAX;
/// Steps between two rounds: one erasure after the other must not rewrite the log all the time.
const PAUSE: u32 = 60;
/// fjall begins a new journal when one is full, so an idle log fills it: this much a step.
const FILLER_BYTES: usize = 1 << 20;
pub const FILLERS: usize = 4;
const FILLER_KEY: &[u8] = b"filler";
const PREFIX: &[u8] = b"erase/";

/// What is left to be done, and how far it is.
#[derive(Default)]
pub struct Erasure {
    /// Numbers of generations whose rows are in `meta`.
    pending: BTreeSet<u64>,
    /// Those among them in which something was erased since the round began.
    renewed: BTreeSet<u64>,
    pub round: Option<Round>,
    pause: u32,
}

/// One pass over the files.
pub struct Round {
    numbers: BTreeSet<u64>,
    /// Those that there were when it began.
    journals: Vec<PathBuf>,
    /// Sequence numbers below it are those of what was erased.
    pub seqno: u64,
    pub rewriting: Arc<Mutex<Rewriting>>,
}

/// How far the thread is that rewrites tables.
pub enum Rewriting {
    Wanted,
    UnderWay,
    /// These files are to go as soon as nobody reads them any more.
    Done(Vec<PathBuf>),
}

impl Erasure {
    /// What the rows say.
    pub fn open(tables: &Tables) -> Result<Erasure, Failure> {
        let mut erasure = Erasure::default();
        for guard in tables.meta.prefix(PREFIX) {
            let (key, _) = guard.into_inner().map_err(|err| tables.failure(err))?;
            let bad = Failure::DamagedRow { table: "meta", why: "not an erasure" };
            erasure.pending.insert(offset_of_key(&key[PREFIX.len()..]).ok_or(bad)?.0);
        }
        Ok(erasure)
    }

    pub fn is_over(&self) -> bool {
        self.pending.is_empty()
    }

    /// Rows that belong into the batch that erases something in these generations.
    pub fn rows(numbers: &BTreeSet<u64>) -> impl Iterator<Item = Row> {
        numbers.iter().map(|number| row(key(*number), Some(vec![1])))
    }

    /// That batch was written.
    pub fn note(&mut self, numbers: BTreeSet<u64>) {
        self.pending.extend(&numbers);
        self.renewed.extend(numbers);
    }

    /// A step further, when no round is under way. True when one is to begin.
    pub fn is_due(&mut self) -> bool {
        self.pause = self.pause.saturating_sub(1);
        self.pause == 0 && !self.is_over()
    }

    pub fn begin(&mut self, journals: Vec<PathBuf>, seqno: u64) {
        self.renewed.clear();
        let rewriting = Arc::new(Mutex::new(Rewriting::Wanted));
        let numbers = self.pending.clone();
        self.round = Some(Round { numbers, journals, seqno, rewriting });
    }

    /// Rows to remove once every file of the round is gone.
    pub fn end(&mut self) -> Vec<Row> {
        let Some(round) = self.round.take() else { return Vec::new() };
        self.pause = PAUSE;
        let over: Vec<u64> = round.numbers.difference(&self.renewed).copied().collect();
        for number in &over {
            self.pending.remove(number);
        }
        let removals = over.into_iter().map(|number| row(key(number), None));
        removals.chain([row(FILLER_KEY.to_vec(), None)]).collect()
    }
}

impl Round {
    pub fn concerns(&self, number: u64) -> bool {
        self.numbers.contains(&number)
    }

    /// Whether one of its journals is there, and whether fjall still writes to it.
    pub fn journals(&self, database: &Path) -> std::io::Result<(bool, bool)> {
        let found = journal::paths(database)?;
        let is_there = found.iter().any(|path| self.journals.contains(path));
        Ok((is_there, found.last().is_some_and(|path| self.journals.contains(path))))
    }
}

fn key(number: u64) -> Vec<u8> {
    [PREFIX, &log::codec::offset_key(Offset(number))].concat()
}

fn row(key: Vec<u8>, value: Option<Vec<u8>>) -> Row {
    Row { table: Table::Meta, key, value }
}

pub fn filler() -> Row {
    row(FILLER_KEY.to_vec(), Some(vec![0; FILLER_BYTES]))
}

/// What is in memory of these tables goes to their files, so that the journals before may go.
pub fn flush(tables: &Tables, all: &[Keyspace]) -> Result<(), Failure> {
    for table in all {
        table.rotate_memtable_and_wait().map_err(|err| tables.failure(err))?;
    }
    Ok(())
}

/// Writes the files of some tables anew, without what was overwritten below `seqno`.
///
/// Nothing when somebody still reads the log as it was: then it has to be done again.
pub fn rewrite(
    tables: &Tables,
    some: &[Keyspace],
    seqno: u64,
) -> Result<Option<Vec<PathBuf>>, Failure> {
    flush(tables, some)?;
    // With every flush fjall finds out which versions somebody may still read.
    flush(tables, std::slice::from_ref(&tables.meta))?;
    if tables.db.supervisor.snapshot_tracker.get_seqno_safe_to_gc() + 1 < seqno {
        return Ok(None);
    }
    let mut old = Vec::new();
    for table in some {
        let folder = table.path().join("tables");
        let disk = |source| Failure::Disk { path: folder.clone(), source };
        for entry in std::fs::read_dir(&folder).map_err(disk)? {
            old.push(entry.map_err(disk)?.path());
        }
        table.major_compact().map_err(|err| tables.failure(err))?;
    }
    Ok(Some(old))
}
