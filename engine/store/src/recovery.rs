use crate::directory::Directory;
use crate::generations::Generations;
use crate::head::{Found, Head, HeadFile};
use crate::manifest::{find_damaged_file, find_damaged_list};
use crate::mark::Mark;
use crate::options::StoreOptions;
use crate::read::find_damaged;
use crate::rotation::Rotation;
use crate::rows::FLOOR_KEY;
use crate::scan::{Break, Scan};
use crate::tables::{MARK_KEY, Tables};
use crate::unfinished::{Unfinished, has_files_in};
use crate::writer::View;
use event::Offset;
use log::{Failure, codec};
use std::fs::OpenOptions;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// What a start found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    pub head: Offset,
    pub floor: Offset,
    /// The last holder closed the log.
    pub was_clean: bool,
    /// Groups at the end that had not been synced whole. None of them was promised.
    pub torn: Option<TornTail>,
    /// Events that a damaged block of a table has taken, among those that a start looks at: the
    /// ones that the journals hold too. A read names them; the others flow.
    pub damaged: Vec<Offset>,
    /// HEAD was not there or not readable: what the groups themselves know of what had been synced
    /// was all that could be checked, and none knows of its own sync.
    pub head_was_lost: bool,
    /// There was no room, so the ballast was given up. It is laid again when there is.
    pub freed_ballast: bool,
}

/// Bytes that were cut off a journal, and where they are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    pub journal: PathBuf,
    pub at: u64,
    pub bytes: u64,
    pub aside: PathBuf,
}

/// A database that holds all that was ever synced, and what it holds.
pub struct Opened {
    pub tables: Tables,
    pub view: View,
    pub mark: Mark,
    pub floor: Offset,
    pub torn: Option<TornTail>,
    pub damaged: Vec<Offset>,
}

/// What must be there, or accepted events are gone.
struct Promised {
    group: u64,
    head: Offset,
}

/// Opens the database of a directory so that nothing that was synced is missing from it.
///
/// *Offsets decide what damage means.* The journals are read first. Damage after the last group
/// that was synced is a torn tail: it is set aside, cut and told. Damage before is a loss: the
/// start is refused and nothing is changed.
pub fn open(
    dir: &Directory,
    options: &StoreOptions,
    head_file: &mut HeadFile,
    found: Found,
) -> Result<Opened, Failure> {
    let disk = |source| dir.disk(source);
    Unfinished::put_back(dir)?;
    let told = match found {
        Found::Head(head) => head,
        Found::Nothing | Found::Unreadable => Head::default(),
    };
    let mut scan = Scan::read(&dir.database(), told.group).map_err(disk)?;
    let is_unborn = !matches!(found, Found::Head(_)) && is_unborn(dir, &scan).map_err(disk)?;
    if is_unborn {
        dir.empty_database()?;
        scan = Scan::default();
    }
    let promised = Promised {
        group: told.group.max(scan.synced_group),
        head: told.offset.max(scan.synced_head),
    };
    refuse_a_loss(&scan, &promised)?;
    if !is_unborn && let Some(list) = find_damaged_list(&dir.database()).map_err(disk)? {
        return Err(promised.lost(&list, scan.last.map_or(Offset::ZERO, |last| last.head)));
    }
    if scan.broken.is_some() {
        // What the rubble knows of earlier syncs must outlive a kill between the cut and the end
        // of this start.
        head_file.write(Head { offset: promised.head, group: promised.group, is_clean: false })?;
        head_file.sync()?;
    }
    let torn = scan.broken.as_ref().map(|broken| cut(dir, broken)).transpose()?;
    write_again(&scan).map_err(disk)?;
    let unfinished = Unfinished::take(dir)?;
    let path = unfinished.first().or(scan.active.as_deref()).map(Path::to_owned);
    let opened = open_whole(dir, options, &scan, &promised, path.unwrap_or(dir.database()));
    let settled = match (&opened, &scan.broken) {
        (Ok(_), _) => unfinished.forget(),
        (Err(_), Some(broken)) => unfinished.restore().and_then(|()| restore(broken)),
        (Err(_), None) => unfinished.restore(),
    };
    settled.map_err(|source| dir.disk(source))?;
    opened.map(|opened| Opened { torn, ..opened })
}

/// Whether there never was a group: the first start writes HEAD last, and until then nothing could
/// be committed. fjall would not open what it has half made.
fn is_unborn(dir: &Directory, scan: &Scan) -> io::Result<bool> {
    if scan.last.is_some() || scan.broken.is_some() {
        return Ok(false);
    }
    let entries = match std::fs::read_dir(dir.database().join("keyspaces")) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(true),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        // The table 0 is fjall's own list of tables.
        if !path.ends_with("0") && has_files_in(&path.join("tables"))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Without an intact group in the journals only the tables tell what is there: `open_whole` looks.
fn refuse_a_loss(scan: &Scan, promised: &Promised) -> Result<(), Failure> {
    let is_kept = scan.last.is_none_or(|last| last.group >= promised.group);
    let path = match &scan.broken {
        Some(broken) if !is_kept || !broken.is_active => &broken.path,
        Some(_) => return Ok(()),
        None if is_kept => return Ok(()),
        None => scan.active.as_ref().expect("a group stood in a journal"),
    };
    Err(promised.lost(path, scan.last.map_or(Offset::ZERO, |last| last.head)))
}

fn cut(dir: &Directory, broken: &Break) -> Result<TornTail, Failure> {
    let aside = dir.set_aside(&broken.path, broken.at, &broken.rest)?;
    let shorten = || -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(&broken.path)?;
        file.set_len(broken.at)?;
        file.sync_all()
    };
    shorten().map_err(|source| dir.disk(source))?;
    let bytes = broken.rest.len() as u64;
    Ok(TornTail { journal: broken.path.clone(), at: broken.at, bytes, aside })
}

/// Writes what HEAD does not know to have been synced once more, the same bytes to the same place.
///
/// After a sync that failed, the pages that it could not write look as if it had: they can be
/// read, and no later sync tries them again. So a sync of what an earlier process left proves
/// nothing for pages that this one has not written.
fn write_again(scan: &Scan) -> io::Result<()> {
    let Some(active) = scan.active.as_ref().filter(|_| !scan.unsynced.is_empty()) else {
        return Ok(());
    };
    let file = OpenOptions::new().read(true).write(true).open(active)?;
    let (mut at, mut chunk) = (scan.unsynced.start, vec![0; 1 << 20]);
    while at < scan.unsynced.end {
        let count = chunk.len().min((scan.unsynced.end - at) as usize);
        file.read_exact_at(&mut chunk[..count], at)?;
        file.write_all_at(&chunk[..count], at)?;
        at += count as u64;
    }
    file.sync_all()
}

fn restore(broken: &Break) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(&broken.path)?;
    file.seek(SeekFrom::Start(broken.at))?;
    file.write_all(&broken.rest)?;
    file.sync_all()
}

fn open_whole(
    dir: &Directory,
    options: &StoreOptions,
    scan: &Scan,
    promised: &Promised,
    suspect: PathBuf,
) -> Result<Opened, Failure> {
    let known = scan.last.map_or(Offset::ZERO, |last| last.head);
    // fjall says neither which file is damaged nor which event is gone: this is what the files
    // themselves and the journals know of it.
    let name = |failure: Failure| match failure {
        Failure::Corrupt { .. } => {
            let damaged = find_damaged_file(&dir.database()).ok().flatten();
            promised.lost(damaged.as_ref().unwrap_or(&suspect), known)
        }
        other => other,
    };
    let tables = Tables::open(&dir.database(), options, promised.group > 0).map_err(name)?;
    let mark = tables.meta.get(MARK_KEY).map_err(|err| name(tables.failure(err)))?;
    let mark = mark.map(|bytes| Mark::decode(&bytes).ok_or_else(|| promised.lost(&suspect, known)));
    let mark = mark.transpose()?.unwrap_or_default();
    if let Some(missing) = missing_journal(scan, tables.flushed) {
        return Err(promised.lost(&missing, known));
    }
    let is_journal_in = scan.last.is_none_or(|last| last == mark);
    if mark.group < promised.group || !is_journal_in {
        return Err(promised.lost(&suspect, mark.head.min(known)));
    }
    let floor = floor(&tables)?;
    let generations = Generations::open(&tables, &mark.open, floor).map_err(name)?;
    let duplicates = Rotation::open(&tables, "ids").map_err(name)?;
    let attempts = Rotation::open(&tables, "attempts").map_err(name)?;
    let view = View { log: generations, duplicates, attempts };
    let damaged = Vec::new();
    let opened = Opened { tables, view, mark, floor, torn: None, damaged };
    let first = scan.first.map_or(mark.head, |first| first.first);
    let damaged = check_events(&opened, first).map_err(|failure| match failure {
        Failure::Damaged { offset } => promised.lost(&suspect, offset),
        other => other,
    })?;
    Ok(Opened { damaged, ..opened })
}

/// Journals go oldest first, each once all that it holds is in the tables, and every group writes
/// the mark. So the newest mark in the tables is that of the group before the first one in the
/// journals, or a later one; else a journal is missing.
fn missing_journal(scan: &Scan, flushed: Option<Mark>) -> Option<PathBuf> {
    let flushed = flushed.map_or(0, |mark| mark.group);
    let oldest = scan
        .oldest
        .as_ref()
        .filter(|_| scan.first.is_some_and(|first| flushed + 1 < first.group))?;
    let number: u64 = oldest.file_stem()?.to_str()?.parse().ok()?;
    Some(oldest.with_file_name(format!("{}.jnl", number.saturating_sub(1))))
}

fn floor(tables: &Tables) -> Result<Offset, Failure> {
    let row = tables.meta.get(FLOOR_KEY).map_err(|err| tables.failure(err))?;
    let bad = |_| Failure::DamagedRow { table: "meta", why: "not a floor" };
    let floor = row.map(|value| codec::decode_floor(FLOOR_KEY, &value).map_err(bad));
    Ok(floor.transpose()?.unwrap_or_default())
}

/// Every event that the journals hold must have come through fjall's replay. One that came through
/// earlier and stands in a damaged block by now is no reason to keep the others back.
fn check_events(opened: &Opened, first: Offset) -> Result<Vec<Offset>, Failure> {
    let mut next = first.max(opened.floor);
    let mut damaged = Vec::new();
    for (end, table) in opened.view.log.from(next) {
        let end = end.min(opened.mark.head);
        if next < end {
            damaged.extend(find_damaged(&opened.tables, table, next..end)?);
            next = end;
        }
    }
    Ok(damaged)
}

impl Promised {
    /// `intact` is one past the last event that is known to be there.
    fn lost(&self, path: &Path, intact: Offset) -> Failure {
        let before = |head: Offset| head.0.checked_sub(1).map(Offset);
        Failure::Corrupt {
            path: path.to_owned(),
            last_intact: before(intact),
            accepted: before(self.head).unwrap_or_default(),
        }
    }
}
