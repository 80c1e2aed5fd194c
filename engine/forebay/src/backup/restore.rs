use super::{BackupSummary, CONTENTS, Contents, Entry, FORMAT, hex};
use event::Offset;
use log::{Failure, Log};
use serde_json::error::Category;
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use store::{RESTORING, Store, StoreOptions};
use tar::{Archive, EntryType};

/// A backup that was unpacked and not looked at yet. Dropping it takes it away again.
pub struct Restoring {
    data: PathBuf,
    staging: Staging,
    contents: Contents,
}

/// A folder that goes with this.
struct Staging(PathBuf);

/// A data directory that is ready for an engine.
#[derive(Debug)]
pub struct Restored {
    /// One past the last event.
    pub head: Offset,
    pub floor: Offset,
    pub files: u64,
    pub bytes: u64,
    /// Without them `secrets.key` has to be put there before a start, if anything is sealed.
    pub with_keys: bool,
    /// Milliseconds since 1970.
    pub made_at_ms: u64,
    /// The first row and the first event that were damaged when the backup was made, if any were.
    /// A start may refuse a row like that; an event (`Damaged`) is a gap to those who are owed it,
    /// and the others flow.
    pub damaged: Vec<Failure>,
}

/// Why a backup is not restored. Nothing is left of it then, unless the disk failed when it was
/// moved to its place: no engine starts there.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("{} is not empty: a backup is restored into a directory of its own", .0.display())]
    NotEmpty(PathBuf),
    #[error("the archive is {0}")]
    Archive(String),
    #[error("{}: {source}", path.display())]
    Disk { path: PathBuf, source: io::Error },
    #[error("what the archive holds: {0}")]
    Log(#[from] Failure),
}

impl RestoreError {
    /// The process exit code that tells this failure to a supervisor.
    pub fn exit_code(&self) -> u8 {
        match self {
            RestoreError::NotEmpty(_) => 2,
            RestoreError::Archive(_) => 3,
            RestoreError::Disk { .. } => 5,
            RestoreError::Log(failure) => failure.exit_code(),
        }
    }
}

/// Of the list of files in an archive.
const CONTENTS_BYTES_MAX: u64 = 256 << 20;

impl Restoring {
    /// Unpacks an archive into `data`, which must be empty or not there, and holds every file
    /// against the archive's list. No engine starts on `data` before `finish`.
    pub fn unpack(archive: impl Read, data: &Path) -> Result<Restoring, RestoreError> {
        make_folder(data, true).map_err(|source| disk(data, source))?;
        let mut there = fs::read_dir(data).map_err(|source| disk(data, source))?;
        // Where a file system is mounted.
        if there.any(|entry| entry.is_ok_and(|entry| entry.file_name() != "lost+found")) {
            return Err(RestoreError::NotEmpty(data.to_owned()));
        }
        let staging = data.join(RESTORING);
        make_folder(&staging, false).map_err(|source| disk(&staging, source))?;
        let staging = Staging(staging);
        let contents = read_archive(archive, Some(&staging.0))?;
        Ok(Restoring { data: data.to_owned(), staging, contents })
    }

    /// Opens the log and reads every event and row of it, then puts it in its place. Takes as long
    /// as to read all of it takes.
    pub fn finish(self) -> Result<Restored, RestoreError> {
        let options = StoreOptions {
            ballast_bytes: 0,
            disk_floor_bytes: 0,
            ..StoreOptions::new(&self.staging.0)
        };
        let (store, _) = Store::open(options)?;
        let mut damaged = Vec::new();
        for checked in [store.check_rows(), store.check_events()] {
            match checked {
                Err(damage @ (Failure::Damaged { .. } | Failure::DamagedRow { .. })) => {
                    damaged.push(damage);
                }
                checked => checked?,
            }
        }
        let contents = &self.contents;
        let restored = Restored {
            head: store.head(),
            floor: store.floor(),
            files: contents.files.len() as u64,
            bytes: contents.files.iter().map(|entry| entry.bytes).sum(),
            with_keys: contents.with_keys,
            made_at_ms: contents.made_at_ms,
            damaged,
        };
        if (restored.head.0, restored.floor.0) != (contents.head, contents.floor) {
            let why = format!(
                "not what it says: its log ends at {}, and {} was backed up",
                restored.head, contents.head
            );
            return Err(RestoreError::Archive(why));
        }
        drop(store);
        let data = self.data.clone();
        self.move_in().map_err(|source| disk(&data, source))?;
        Ok(restored)
    }

    /// HEAD first and the log last: without a log no engine starts where there is a HEAD. What did
    /// not get there stays where it is.
    fn move_in(self) -> io::Result<()> {
        let Restoring { data, staging, .. } = self;
        fs::remove_file(staging.0.join("LOCK"))?;
        let entries: Result<Vec<_>, _> = fs::read_dir(&staging.0)?.collect();
        let mut names: Vec<_> = entries?.iter().map(fs::DirEntry::file_name).collect();
        names.sort_by_key(|name| (name == "log", name != "HEAD"));
        let staging = staging.keep();
        for name in names {
            fs::rename(staging.join(&name), data.join(&name))?;
        }
        fs::remove_dir(&staging)?;
        File::open(&data)?.sync_all()
    }
}

impl Staging {
    /// From now on it stays.
    fn keep(mut self) -> PathBuf {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// Reads an archive and holds every file against its list: what `Restoring::unpack` looks at,
/// without a copy.
pub fn verify(archive: impl Read) -> Result<BackupSummary, RestoreError> {
    let contents = read_archive(archive, None)?;
    Ok(BackupSummary {
        head: Offset(contents.head),
        floor: Offset(contents.floor),
        files: contents.files.len() as u64,
        bytes: contents.files.iter().map(|entry| entry.bytes).sum(),
        with_keys: contents.with_keys,
    })
}

fn read_archive(archive: impl Read, place: Option<&Path>) -> Result<Contents, RestoreError> {
    let mut archive = Archive::new(archive);
    let (mut found, mut folders) = (Vec::new(), Vec::from_iter(place.map(Path::to_owned)));
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.into_owned();
        let is_plain = name.components().all(|part| matches!(part, Component::Normal(_)));
        let (Some(text), true) = (name.to_str(), is_plain) else {
            let why = format!("not ours: it has {}", name.display());
            return Err(RestoreError::Archive(why));
        };
        if text == CONTENTS {
            let contents = read_contents(&mut entry)?;
            sync(&folders)?;
            return hold_against(contents, found);
        }
        let path = place.map(|place| place.join(&name));
        match entry.header().entry_type() {
            EntryType::Directory => {
                if let Some(path) = path {
                    make_folder(&path, false).map_err(|source| disk(&path, source))?;
                    folders.push(path);
                }
            }
            EntryType::Regular => {
                let (bytes, sha256) = take(&mut entry, path.as_deref())?;
                found.push(Entry { name: text.to_owned(), bytes, sha256 });
            }
            _ => {
                let why = format!("not ours: {text} is neither a file nor a folder");
                return Err(RestoreError::Archive(why));
            }
        }
    }
    Err(RestoreError::Archive("incomplete: its list of files is missing".into()))
}

fn take(from: &mut dyn Read, path: Option<&Path>) -> Result<(u64, String), RestoreError> {
    let path_or = path.unwrap_or(Path::new(""));
    let open = |path| OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = path.map(open).transpose().map_err(|source| disk(path_or, source))?;
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut chunk = vec![0; 256 << 10];
    loop {
        let count = from.read(&mut chunk).map_err(broken)?;
        let written = file.as_mut().map(|file| match count {
            0 => file.sync_all(),
            _ => file.write_all(&chunk[..count]),
        });
        written.transpose().map_err(|source| disk(path_or, source))?;
        if count == 0 {
            return Ok((bytes, hex(&hash.finalize())));
        }
        hash.update(&chunk[..count]);
        bytes += count as u64;
    }
}

fn broken(source: io::Error) -> RestoreError {
    RestoreError::Archive(format!("broken: {source}"))
}

fn disk(path: &Path, source: io::Error) -> RestoreError {
    RestoreError::Disk { path: path.to_owned(), source }
}

fn read_contents(from: &mut dyn Read) -> Result<Contents, RestoreError> {
    // A later format may have other members.
    #[derive(serde::Deserialize)]
    struct Form {
        format: u32,
    }
    let mut text = Vec::new();
    let read = from.take(CONTENTS_BYTES_MAX).read_to_end(&mut text);
    read.map_err(broken)?;
    let unreadable = |error: serde_json::Error| match error.classify() {
        Category::Eof => RestoreError::Archive("incomplete: its list of files is cut".into()),
        _ => RestoreError::Archive(format!("broken: its list of files: {error}")),
    };
    let form: Form = serde_json::from_slice(&text).map_err(unreadable)?;
    if form.format > FORMAT {
        let why = format!(
            "of a newer version (format {}, known is {FORMAT}): restore it by that version",
            form.format
        );
        return Err(RestoreError::Archive(why));
    }
    serde_json::from_slice(&text).map_err(unreadable)
}

/// Nothing may be missing, added or changed.
fn hold_against(mut contents: Contents, mut found: Vec<Entry>) -> Result<Contents, RestoreError> {
    contents.files.sort();
    found.sort();
    let changed = contents.files.iter().find(|entry| found.binary_search(entry).is_err());
    if let Some(entry) = changed {
        return Err(RestoreError::Archive(format!("damaged: {} is not as listed", entry.name)));
    }
    if found.len() != contents.files.len() {
        return Err(RestoreError::Archive("damaged: it has files that are not listed".into()));
    }
    Ok(contents)
}

fn make_folder(path: &Path, may_be_there: bool) -> io::Result<()> {
    DirBuilder::new().recursive(may_be_there).mode(0o700).create(path)
}

fn sync(folders: &[PathBuf]) -> Result<(), RestoreError> {
    let sync = |folder: &PathBuf| File::open(folder).and_then(|file| file.sync_all());
    folders.iter().try_for_each(|folder| sync(folder).map_err(|source| disk(folder, source)))
}
