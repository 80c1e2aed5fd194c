use super::Store;
use crate::directory::Shortage;
use crate::erasure::{FILLERS, NO_GENERATION, Rewriting, filler};
use crate::writer::{View, Writer};
use event::Event;
use fjall::Keyspace;
use log::Failure;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

impl Store {
    /// Those of the stubs whose events are there, and the generations that they are in.
    pub(super) fn places<'a>(
        &self,
        view: &View,
        writer: &Writer,
        stubs: &'a [Arc<Event>],
    ) -> (&'a [Arc<Event>], BTreeSet<u64>) {
        let sealed = &view.log.sealed;
        let first = sealed.first().map_or(writer.mark.open.first, |seal| seal.first);
        let (gone, there) = stubs.split_at(stubs.partition_point(|stub| stub.offset() < first));
        let number = |stub: &Arc<Event>| {
            assert!(stub.offset() < writer.mark.head, "only what is there is erased");
            let seal = sealed.iter().find(|seal| stub.offset() < seal.end);
            seal.map_or(writer.mark.open.number, |seal| seal.number)
        };
        let mut numbers: BTreeSet<u64> = there.iter().map(number).collect();
        numbers.extend((!gone.is_empty()).then_some(NO_GENERATION));
        (there, numbers)
    }

    /// Has what was erased until now leave the disk without a pause before it. What this gives is
    /// for `is_off_disk`; the steps are those of `reclaim` all the same.
    pub fn hurry_erasing(&self) -> u64 {
        self.writer().erasure.hurry()
    }

    /// Whether no file has any of that, save of what `erasing_trouble` tells.
    pub fn is_off_disk(&self, erased: u64) -> bool {
        self.writer().erasure.is_gone(erased)
    }

    /// What is missing for what was erased to leave the disk, when that waits for room. It begins
    /// with the first step of `reclaim`.
    pub fn erasing_shortage(&self) -> Result<Option<Shortage>, Failure> {
        let writer = self.writer();
        let Some(round) = &writer.erasure.round else { return Ok(None) };
        let is_wanted = {
            let rewriting = round.rewriting.lock().expect("no holder of this lock panics");
            matches!(*rewriting, Rewriting::Wanted)
        };
        let bytes = if is_wanted { largest(&self.concerned(&writer)) } else { 0 };
        self.directory.shortage(bytes)
    }

    /// One step towards files that hold nothing of what was erased.
    pub(super) fn go_on_erasing(&self, writer: &mut Writer) -> Result<(), Failure> {
        if writer.erasure.round.is_none() {
            if !writer.erasure.is_due() {
                return Ok(());
            }
            let journals = self.journals()?;
            writer.erasure.begin(journals, self.tables.db.seqno());
            // Something for `meta` to flush, by which fjall finds out what is read no more.
            self.fill(writer, 1)?;
        }
        if self.are_journals_gone(writer)? && self.are_files_gone(writer)? {
            let aside = self.directory.forget_aside().err().map(|failure| {
                format!("what a start cut off may hold what was erased, and stays: {failure}")
            });
            let (rows, untold) = writer.erasure.end(aside);
            if let Some(tell) = self.options.tell {
                untold.iter().for_each(|text| tell(text));
            }
            let mut view = View::clone(&self.view());
            self.write_rows(writer, &mut view, rows)?;
        }
        Ok(())
    }

    fn journals(&self) -> Result<Vec<PathBuf>, Failure> {
        crate::journal::paths(&self.directory.database()).map_err(|err| self.directory.disk(err))
    }

    /// fjall removes a journal once it writes to a later one and all that it holds is in tables.
    fn are_journals_gone(&self, writer: &mut Writer) -> Result<bool, Failure> {
        let Some(round) = &writer.erasure.round else { return Ok(true) };
        let found = round.journals(&self.directory.database());
        let (is_there, is_active) = found.map_err(|err| self.directory.disk(err))?;
        if is_active {
            self.fill(writer, FILLERS)?;
            self.upkeep.flush(&self.tables, vec![self.tables.meta.clone()])?;
        } else if is_there {
            self.upkeep.flush(&self.tables, self.all_tables())?;
        }
        Ok(!is_there)
    }

    fn are_files_gone(&self, writer: &mut Writer) -> Result<bool, Failure> {
        let Some(round) = &writer.erasure.round else { return Ok(true) };
        let old = match &*round.rewriting.lock().expect("no holder of this lock panics") {
            Rewriting::UnderWay => return Ok(false),
            Rewriting::Wanted => None,
            Rewriting::Done(done) => Some(done.old.iter().any(|path| path.exists())),
        };
        match old {
            Some(false) => return Ok(true),
            // Somebody was reading them; fjall looks again when it flushes.
            Some(true) => {
                self.fill(writer, 1)?;
                self.upkeep.flush(&self.tables, vec![self.tables.meta.clone()])?;
            }
            None => {
                let (rewriting, seqno) = (round.rewriting.clone(), round.seqno);
                let some = self.concerned(writer);
                if self.directory.shortage(largest(&some))?.is_some() {
                    return Ok(false);
                }
                self.fill(writer, 1)?;
                self.upkeep.rewrite(&self.tables, some, seqno, rewriting)?;
            }
        }
        Ok(false)
    }

    /// The tables whose files are to be written anew, each with its generation's number.
    fn concerned(&self, writer: &Writer) -> Vec<(u64, Keyspace)> {
        let (view, open) = (self.view(), writer.mark.open.number);
        let round = writer.erasure.round.as_ref().expect("a round is under way");
        let is_due = |number: u64| round.concerns(number) && !writer.erasure.is_spared(number);
        let sealed = view.log.sealed.iter().filter(|seal| is_due(seal.number));
        let open = is_due(open).then(|| (open, view.log.table.clone()));
        let fixed = [&self.tables.parcel, &self.tables.dead];
        let fixed = fixed.map(|table| (NO_GENERATION, table.clone()));
        sealed.map(|seal| (seal.number, seal.table.clone())).chain(open).chain(fixed).collect()
    }

    fn all_tables(&self) -> Vec<Keyspace> {
        let view = self.view();
        let tables = &self.tables;
        let fixed = [&tables.meta, &tables.retry, &tables.lane, &tables.parcel, &tables.dead];
        let fixed = fixed.into_iter().chain([&tables.gap, &tables.registry]);
        let turns = view.duplicates.turns().iter().chain(view.attempts.turns());
        let sealed = view.log.sealed.iter().map(|seal| &seal.table);
        let all = fixed.chain(turns.map(|turn| &turn.table)).chain(sealed);
        all.chain([&view.log.table]).cloned().collect()
    }

    /// Without room it waits: what is erased is read by nobody all the same.
    fn fill(&self, writer: &mut Writer, fillers: usize) -> Result<(), Failure> {
        if self.directory.admit(true).is_err() {
            return Ok(());
        }
        let mut view = View::clone(&self.view());
        (0..fillers).try_for_each(|_| self.write_rows(writer, &mut view, vec![filler()]))
    }
}

/// What rewriting them takes: a table is there twice until the last of its old files goes.
fn largest(some: &[(u64, Keyspace)]) -> u64 {
    some.iter().map(|(_, table)| table.disk_space()).max().unwrap_or(0)
}
