use crate::journal::{self, Journal, Step};
use crate::mark::Mark;
use event::Offset;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What the journals hold, before fjall has seen them.
#[derive(Debug, Default)]
pub struct Scan {
    /// The first and the last group of the unbroken run that the journals start with.
    pub first: Option<Mark>,
    pub last: Option<Mark>,
    /// The farthest that any intact mark, also one behind the break, knows to have been synced.
    pub synced_group: u64,
    pub synced_head: Offset,
    pub broken: Option<Break>,
    /// The first journal that there is.
    pub oldest: Option<PathBuf>,
    /// Where the next group would be written.
    pub active: Option<PathBuf>,
    /// The groups in the active journal that HEAD does not know to have been synced.
    pub unsynced: Range<u64>,
}

/// A place that is neither a group nor the end.
#[derive(Debug)]
pub struct Break {
    pub path: PathBuf,
    /// The end of the last intact group before it.
    pub at: u64,
    /// Every byte after that, zeros at the end left out.
    pub rest: Vec<u8>,
    /// No journal was begun after this one, so it may end in what was never synced: fjall syncs
    /// a journal whole before it begins another.
    pub is_active: bool,
}

/// fjall's own threads take sequence numbers too, so the one of a group may be a little later
/// than its mark says. Farther off, the header of the batch is damaged: no checksum covers it,
/// and fjall would take the batch for one that it has already stored.
const SEQNO_SLACK: u64 = 1 << 24;

impl Scan {
    /// `synced_group`: the last group that HEAD knows to have been synced.
    pub fn read(dir: &Path, synced_group: u64) -> io::Result<Scan> {
        let paths = journal::paths(dir)?;
        let (oldest, active) = (paths.first().cloned(), paths.last().cloned());
        let mut scan = Scan { oldest, active, ..Scan::default() };
        let mut seqno = None;
        for (i, path) in paths.iter().enumerate() {
            let mut journal = Journal::open(path)?;
            let is_unbroken = scan.read_one(&mut journal, &mut seqno, synced_group)?;
            scan.unsynced.end = journal.at();
            if is_unbroken {
                continue;
            }
            let rest = journal.rest()?;
            let is_active = i + 1 == paths.len();
            scan.broken = Some(Break { path: path.clone(), at: journal.at(), rest, is_active });
            scan.read_rubble(&paths[i + 1..])?;
            break;
        }
        Ok(scan)
    }

    /// Whether the journal was unbroken.
    fn read_one(
        &mut self,
        journal: &mut Journal,
        seqno: &mut Option<u64>,
        synced_group: u64,
    ) -> io::Result<bool> {
        self.unsynced.start = 0;
        // `journal.at()` must stay before a batch that does not follow the last one, so the
        // place is remembered before each step.
        loop {
            let start = journal.at();
            match journal.step()? {
                Step::End => return Ok(true),
                Step::Broken => return Ok(false),
                Step::Batch(batch) => {
                    let mark = batch.mark;
                    let slack = batch.seqno.wrapping_sub(mark.seqno);
                    let follows = seqno.is_none_or(|before| before < batch.seqno)
                        && self.last.is_none_or(|last| is_next(&last, &mark));
                    self.heed(&mark);
                    if !follows || slack >= SEQNO_SLACK {
                        journal.back_to(start);
                        return Ok(false);
                    }
                    *seqno = Some(batch.seqno);
                    self.first = self.first.or(Some(mark));
                    self.last = Some(mark);
                    if mark.group <= synced_group {
                        self.unsynced.start = journal.at();
                    }
                }
            }
        }
    }

    fn read_rubble(&mut self, later: &[PathBuf]) -> io::Result<()> {
        let rest = self.broken.as_mut().map(|broken| std::mem::take(&mut broken.rest));
        let rest = rest.unwrap_or_default();
        Mark::find_all(&rest).for_each(|mark| self.heed(&mark));
        for path in later {
            let bytes = std::fs::read(path)?;
            Mark::find_all(&bytes).for_each(|mark| self.heed(&mark));
        }
        if let Some(broken) = &mut self.broken {
            broken.rest = rest;
        }
        Ok(())
    }

    fn heed(&mut self, mark: &Mark) {
        self.synced_group = self.synced_group.max(mark.synced_group);
        self.synced_head = self.synced_head.max(mark.synced_head);
    }
}

fn is_next(last: &Mark, mark: &Mark) -> bool {
    mark.group == last.group + 1 && mark.first == last.head
}
