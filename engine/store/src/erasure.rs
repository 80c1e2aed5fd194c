//! Takes from the disk what was erased.
//!
//! An erased event is overwritten by its stub in the batch that erases it, so from then on nobody
//! reads it. Its bytes stay in older files: sorted files of its generation, journals, parcels that
//! were removed. A *round* rewrites those tables and has fjall begin a new journal, and it ends
//! once none of the files that were there at its beginning is. Until then a row in `meta` names
//! the generation, so a start after a crash begins the round anew.
//!
//! A table that cannot be rewritten, for a block of it cannot be read, holds up nobody but itself:
//! the round ends without it, its row stays, and it is tried again now and then.

use crate::journal;
use crate::rows::{Row, Table};
use crate::tables::Tables;
use event::Offset;
use fjall::Keyspace;
use log::Failure;
use log::codec::offset_of_key;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Stands for what is in no generation: parcels, dead letters, what a start cut off.
pub const NO_GENERATION: u64 = u64::MAX;
/// Steps between two rounds: one erasure after the other must not rewrite the log all the time.
const PAUSE: u32 = 60;
/// Steps until what could not be rewritten is tried again; twice as many after each time.
const RETRY_MIN: u32 = 60;
const RETRY_MAX: u32 = 86_400;
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
    /// Those among them that could not be rewritten.
    stuck: BTreeMap<u64, Stuck>,
    pub round: Option<Round>,
    pause: u32,
    /// Batches that erased something; all that a start found is the first.
    noted: u64,
    /// So many of them are in no file any more, but for what is stuck.
    gone: u64,
    /// Somebody waits for so many.
    wanted: u64,
}

struct Stuck {
    why: String,
    /// Steps, of which so many are left.
    wait: u32,
    left: u32,
}

/// One pass over the files.
pub struct Round {
    numbers: BTreeSet<u64>,
    /// Batches that had been noted by then.
    noted: u64,
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
    Done(Rewritten),
}

#[derive(Default)]
pub struct Rewritten {
    /// These files are to go as soon as nobody reads them any more.
    pub old: Vec<PathBuf>,
    /// Why some tables are as they were, by their generations' numbers.
    failed: BTreeMap<u64, String>,
}

impl Rewritten {
    fn fail(&mut self, number: u64, table: &Keyspace, why: &dyn Display) {
        let text = format!(
            "the table `{}` cannot be rewritten ({why}): what was erased in it stays in its \
             files; `forebay doctor --salvage` takes out what is intact",
            &**table.name()
        );
        add(&mut self.failed, number, text);
    }
}

fn add(failed: &mut BTreeMap<u64, String>, number: u64, text: String) {
    let all = failed.entry(number).or_default();
    if !all.is_empty() {
        all.push_str("; ");
    }
    all.push_str(&text);
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
        erasure.noted = u64::from(!erasure.pending.is_empty());
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
        self.noted += u64::from(!numbers.is_empty());
        self.pending.extend(&numbers);
        self.renewed.extend(numbers);
    }

    /// A step further, when no round is under way. True when one is to begin.
    pub fn is_due(&mut self) -> bool {
        self.pause = self.pause.saturating_sub(1);
        for stuck in self.stuck.values_mut() {
            stuck.left = stuck.left.saturating_sub(1);
        }
        let is_due = |number: &u64| !self.is_spared(*number) || self.renewed.contains(number);
        self.pause == 0 && self.pending.iter().any(is_due)
    }

    /// Whether a generation's table is left alone: it could not be rewritten a short while ago.
    pub fn is_spared(&self, number: u64) -> bool {
        self.stuck.get(&number).is_some_and(|stuck| stuck.left > 0)
    }

    /// Of what was erased in a table that is spared the rest goes: parcels, journals.
    pub fn begin(&mut self, journals: Vec<PathBuf>, seqno: u64) {
        let is_due = |number: &u64| {
            !self.is_spared(*number) || self.renewed.contains(number) || *number == NO_GENERATION
        };
        let numbers = self.pending.iter().copied().filter(is_due).collect();
        self.renewed.clear();
        let rewriting = Arc::new(Mutex::new(Rewriting::Wanted));
        self.round = Some(Round { numbers, noted: self.noted, journals, seqno, rewriting });
    }

    /// Rows to write once every file of the round is gone, but those of tables that could not be
    /// rewritten; and what of that nobody was told yet. `aside` says why something is left there.
    pub fn end(&mut self, aside: Option<String>) -> (Vec<Row>, Vec<String>) {
        let Some(round) = self.round.take() else { return Default::default() };
        let mut failed = match &*round.rewriting.lock().expect("no holder of this lock panics") {
            Rewriting::Done(done) => done.failed.clone(),
            Rewriting::Wanted | Rewriting::UnderWay => BTreeMap::new(),
        };
        if let Some(text) = aside {
            add(&mut failed, NO_GENERATION, text);
        }
        self.gone = round.noted;
        self.pause = if self.wanted > self.gone { 0 } else { PAUSE };
        let mut rows = vec![row(FILLER_KEY.to_vec(), None)];
        let is_left = |number: u64| number != NO_GENERATION && self.is_spared(number);
        let is_rid = |number: &u64| !failed.contains_key(number) && !is_left(*number);
        let rid: Vec<u64> = round.numbers.iter().copied().filter(is_rid).collect();
        for number in rid {
            self.stuck.remove(&number);
            if !self.renewed.contains(&number) {
                self.pending.remove(&number);
                rows.push(row(key(number), None));
            }
        }
        let mut untold = Vec::new();
        for (number, why) in failed {
            if self.pending.insert(number) {
                rows.push(row(key(number), Some(vec![1])));
            }
            untold.extend(self.stick(number, why));
        }
        (rows, untold)
    }

    /// What of it is new.
    fn stick(&mut self, number: u64, why: String) -> Option<String> {
        let before = self.stuck.get(&number);
        let is_told = before.is_some_and(|before| before.why == why);
        let wait = before.map_or(RETRY_MIN, |before| before.wait.saturating_mul(2).min(RETRY_MAX));
        let untold = (!is_told).then(|| why.clone());
        self.stuck.insert(number, Stuck { why, wait, left: wait });
        untold
    }

    /// Why something is not on its way to leave the disk.
    pub fn trouble(&self) -> Option<String> {
        let all: Vec<&str> = self.stuck.values().map(|stuck| &*stuck.why).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// What was erased so far is to go without a pause before it; its number, for `is_gone`.
    pub fn hurry(&mut self) -> u64 {
        self.pause = 0;
        self.stuck.values_mut().for_each(|stuck| stuck.left = 0);
        self.wanted = self.noted;
        self.noted
    }

    /// Whether what `hurry` gave a number for is in no file, but for what is stuck.
    pub fn is_gone(&self, noted: u64) -> bool {
        self.gone >= noted || self.is_over()
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

/// Writes the files of some tables anew, without what was overwritten below `seqno`: each with its
/// generation's number, and one after the other, whatever becomes of those before.
///
/// `Wanted` when somebody still reads the log as it was: then it has to be done again.
pub fn rewrite(tables: &Tables, some: &[(u64, Keyspace)], seqno: u64) -> Rewriting {
    let mut done = Rewritten::default();
    // With every flush fjall finds out which versions somebody may still read.
    let all = some.iter().map(|(_, table)| table).chain([&tables.meta]);
    let all: Vec<Keyspace> = all.cloned().collect();
    if let Err(failure) = flush(tables, &all) {
        some.iter().for_each(|(number, table)| done.fail(*number, table, &failure));
        return Rewriting::Done(done);
    }
    if tables.db.supervisor.snapshot_tracker.get_seqno_safe_to_gc() + 1 < seqno {
        return Rewriting::Wanted;
    }
    for (number, table) in some {
        match rewrite_one(table) {
            Ok(old) => done.old.extend(old),
            Err(why) => done.fail(*number, table, &why),
        }
    }
    Rewriting::Done(done)
}

/// Its files so far.
fn rewrite_one(table: &Keyspace) -> fjall::Result<Vec<PathBuf>> {
    let mut old = Vec::new();
    for entry in std::fs::read_dir(table.path().join("tables"))? {
        old.push(entry?.path());
    }
    table.major_compact()?;
    Ok(old)
}
