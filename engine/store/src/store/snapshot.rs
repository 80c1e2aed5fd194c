use super::Store;
use crate::directory::Directory;
use crate::head::{Head, slots};
use event::Offset;
use log::{Failure, Log};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The log as it was at one moment, as open files: what the log does meanwhile changes nothing of
/// it, and their room on the disk is free again when it is dropped.
///
/// Its files, under their names in a directory of their own, are what a start after a power cut at
/// that moment would have found: all that had been answered is there.
pub struct Snapshot {
    pub head: Offset,
    pub floor: Offset,
    /// Within the data directory, each after the one that it is in; fjall needs empty ones too.
    pub folders: Vec<PathBuf>,
    pub files: Vec<SnapshotFile>,
}

/// One file, to be read once.
pub struct SnapshotFile {
    /// Within the data directory.
    pub name: PathBuf,
    pub bytes: u64,
    content: Content,
}

enum Content {
    File(File),
    Bytes(Vec<u8>),
}

impl SnapshotFile {
    /// The `bytes` that it had.
    pub fn reader(&self) -> impl Read + '_ {
        let (file, bytes) = match &self.content {
            Content::File(file) => (Some(ReadAt { file, at: 0 }.take(self.bytes)), &[][..]),
            Content::Bytes(bytes) => (None, &bytes[..]),
        };
        Either { file, bytes }
    }
}

struct Either<'a> {
    file: Option<io::Take<ReadAt<'a>>>,
    bytes: &'a [u8],
}

impl Read for Either<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.read(into),
            None => self.bytes.read(into),
        }
    }
}

struct ReadAt<'a> {
    file: &'a File,
    at: u64,
}

impl Read for ReadAt<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(into, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// fjall's thread adds and removes files now and then; while it does, nothing is held.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(20);

impl Store {
    /// Holds the log as it is now, all of it synced. Commits wait meanwhile: for some milliseconds,
    /// mostly those of a sync.
    ///
    /// Each file of the log takes a descriptor as long as the snapshot lives.
    ///
    /// Errors: `Unusable` when there are more than `files_max`, and when they do not keep still;
    /// then nothing has changed. `Disk`.
    pub fn snapshot(&self, files_max: usize) -> Result<Snapshot, Failure> {
        for _ in 0..TRIES {
            if let Some(snapshot) = self.try_snapshot(files_max)? {
                return Ok(snapshot);
            }
            std::thread::park_timeout(PAUSE);
        }
        let why = "its files do not keep still for long enough to be held";
        Err(unusable(&self.directory, why.into()))
    }

    fn try_snapshot(&self, files_max: usize) -> Result<Option<Snapshot>, Failure> {
        let mut writer = self.writer();
        writer.check(&self.ground(), self.upkeep.has_failed())?;
        self.sync_all(&mut writer)?;
        let mark = writer.mark;
        let head = Head { offset: mark.head, group: mark.group, is_clean: false };
        let floor = self.floor();
        let database = self.directory.database();
        let disk = |source| self.directory.disk(source);
        let Some(found) = there(Found::under(&database)).map_err(disk)? else { return Ok(None) };
        if found.files.len() > files_max {
            let count = found.files.len();
            let why = format!(
                "it has {count} files, and {files_max} may be held open: raise the limit of open \
                 files (ulimit -n)"
            );
            return Err(unusable(&self.directory, why));
        }
        let held = there(hold(&self.directory, &found.files)).map_err(disk)?;
        // One that was added, or written anew and renamed, has another name: what was opened are
        // files of one moment.
        let again = there(Found::under(&database)).map_err(disk)?;
        let Some(mut files) = held.filter(|_| again.as_ref() == Some(&found)) else {
            return Ok(None);
        };
        drop(writer);
        let within = |path: &PathBuf| within(&self.directory, path);
        let folders = found.folders.iter().map(within).collect();
        let slots = slots(head);
        let bytes = slots.len() as u64;
        files.push(SnapshotFile { name: "HEAD".into(), bytes, content: Content::Bytes(slots) });
        Ok(Some(Snapshot { head: mark.head, floor, folders, files }))
    }
}

/// Nothing when a part of it has just gone.
fn there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

fn unusable(directory: &Directory, why: String) -> Failure {
    Failure::Unusable { path: directory.path().to_owned(), why }
}

/// What a database has on the disk.
#[derive(PartialEq, Eq)]
struct Found {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Found {
    fn under(dir: &Path) -> io::Result<Found> {
        let mut found = Found { folders: vec![dir.to_owned()], files: Vec::new() };
        let mut next = 0;
        while let Some(folder) = found.folders.get(next).cloned() {
            next += 1;
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                match entry.file_type()?.is_dir() {
                    true => found.folders.push(entry.path()),
                    false => found.files.push(entry.path()),
                }
            }
        }
        found.folders.sort();
        found.files.sort();
        Ok(found)
    }
}

fn within(directory: &Directory, path: &Path) -> PathBuf {
    path.strip_prefix(directory.path()).expect("it is below it").to_owned()
}

/// Of a journal that nothing was written to: fjall opens none that is empty.
const UNWRITTEN_BYTES: usize = 4096;

fn hold(directory: &Directory, paths: &[PathBuf]) -> io::Result<Vec<SnapshotFile>> {
    let active = crate::journal::paths(&directory.database())?.pop();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        // Nobody else opens the lock, which is empty: closing it might let go of it.
        let is_lock = path.file_name().is_some_and(|name| name == "lock");
        let (bytes, content) = if is_lock {
            (0, Content::Bytes(Vec::new()))
        } else {
            let file = File::open(path)?;
            match active.as_ref() == Some(path) {
                true => match written(&file)? {
                    0 => (UNWRITTEN_BYTES as u64, Content::Bytes(vec![0; UNWRITTEN_BYTES])),
                    bytes => (bytes, Content::File(file)),
                },
                false => (file.metadata()?.len(), Content::File(file)),
            }
        };
        files.push(SnapshotFile { name: within(directory, path), bytes, content });
    }
    Ok(files)
}

/// How much of a journal has been written to: the rest was allocated ahead and is zeros, and what
/// is written there later belongs to no moment. A batch ends in something else than a zero.
fn written(file: &File) -> io::Result<u64> {
    let mut chunk = vec![0; 1 << 20];
    let mut end = file.metadata()?.len();
    while end > 0 {
        let count = chunk.len().min(end as usize);
        let start = end - count as u64;
        file.read_exact_at(&mut chunk[..count], start)?;
        if let Some(last) = chunk[..count].iter().rposition(|byte| *byte != 0) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
