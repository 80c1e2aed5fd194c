use bytes::Bytes;
use event::{Event, Offset};
use log::{Failure, codec};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// What a salvage found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    pub events: u64,
    pub first: Option<Offset>,
    pub last: Option<Offset>,
    /// Offsets between the first and the last of which no intact record was found.
    pub missing: Vec<std::ops::Range<Offset>>,
    pub files: u64,
}

/// Hands every intact event in `dir` to `sink`, in offset order and each once, whatever became of
/// the files around it. Nothing is written; the store need not open, but nobody may hold it.
///
/// It looks for the frames of events in the raw bytes of every file, so it needs neither HEAD nor
/// a journal or a table that fjall would read. Of two events with one offset the later is given:
/// an offset is used again only after a start that cut the earlier one off. What was cut off and
/// set aside counts only where nothing else is known of an offset. Also events that retention has
/// taken come back where their bytes are still there.
pub fn salvage(
    dir: &Path,
    sink: &mut dyn FnMut(Event) -> io::Result<()>,
) -> Result<Salvaged, Failure> {
    let disk = |path: &Path, source| Failure::Disk { path: path.to_owned(), source };
    let mut files = Vec::new();
    list(dir, &mut files).map_err(|source| disk(dir, source))?;
    // What a start has set aside comes last, and only where nothing else is known of an offset.
    let is_aside = |path: &Path| !path.starts_with(dir.join("log"));
    files.sort_by_key(|path| is_aside(path));
    let mut found: BTreeMap<Offset, Place> = BTreeMap::new();
    for (n, path) in files.iter().enumerate() {
        let bytes = std::fs::read(path).map_err(|source| disk(path, source))?;
        let bytes = Bytes::from(bytes);
        for (at, event) in events_in(&bytes) {
            let place = Place { ms: event.id.millis(), is_stub: event.is_erased(), file: n, at };
            let known = found.entry(event.offset()).or_insert(place);
            // Of an erased event the stub is given, wherever its bytes may still be.
            let is_later = (known.ms, known.is_stub) < (place.ms, place.is_stub);
            if is_later && (is_aside(&files[known.file]) || !is_aside(path)) {
                *known = place;
            }
        }
    }
    let mut salvaged = Salvaged { files: files.len() as u64, ..Salvaged::default() };
    for (offset, event) in read_places(&files, &found) {
        let event = event.map_err(|(path, source)| disk(&path, source))?;
        salvaged.note(offset);
        sink(event).map_err(|source| disk(dir, source))?;
    }
    Ok(salvaged)
}

#[derive(Clone, Copy)]
struct Place {
    ms: u64,
    is_stub: bool,
    file: usize,
    at: usize,
}

impl Salvaged {
    fn note(&mut self, offset: Offset) {
        self.events += 1;
        self.first = self.first.or(Some(offset));
        if let Some(last) = self.last.filter(|last| last.next() < offset) {
            self.missing.push(last.next()..offset);
        }
        self.last = Some(offset);
    }
}

fn list(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => list(&entry.path(), files)?,
            kind if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
    files.sort();
    Ok(())
}

fn events_in(bytes: &Bytes) -> impl Iterator<Item = (usize, Event)> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let (at, length) = codec::find_event(bytes, from)?;
            from = at + length;
            if let Ok(event) = codec::decode_event(&bytes.slice(at..from)) {
                return Some((at, event));
            }
        }
    })
}

type ReadPlace = (Offset, Result<Event, (PathBuf, io::Error)>);

/// Neighbours are mostly in one file, so one file at a time is kept in memory.
fn read_places<'a>(
    files: &'a [PathBuf],
    found: &'a BTreeMap<Offset, Place>,
) -> impl Iterator<Item = ReadPlace> + 'a {
    let mut open: Option<(usize, Bytes)> = None;
    found.iter().map(move |(offset, place)| {
        let path = &files[place.file];
        if open.as_ref().is_none_or(|(file, _)| *file != place.file) {
            match std::fs::read(path) {
                Ok(bytes) => open = Some((place.file, Bytes::from(bytes))),
                Err(err) => return (*offset, Err((path.clone(), err))),
            }
        }
        let (_, bytes) = open.as_ref().expect("the file was just read");
        let changed = || (path.clone(), io::Error::other("the file changed under the salvage"));
        let event = codec::find_event(bytes, place.at)
            .filter(|(at, _)| *at == place.at)
            .and_then(|(at, length)| codec::decode_event(&bytes.slice(at..at + length)).ok());
        (*offset, event.ok_or_else(changed))
    })
}
