use super::{CONTENTS, Contents, Entry, FORMAT, KEYS, hex};
use event::{Offset, Time};
use log::{Failure, Log};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::{RESTORING, Shortage, Snapshot, Store, StoreOptions};
use tar::{Builder, EntryType, Header};

/// A node as it was at one moment, in open files: whatever it does meanwhile, this is written.
pub struct Backup {
    snapshot: Snapshot,
    /// What lies beside the log: modules, tables, keys. By their names in the data directory.
    others: BTreeMap<PathBuf, Other>,
    with_keys: bool,
    made_at: Time,
}

/// A file beside the log, and how much of it there was.
struct Other {
    file: File,
    bytes: u64,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupSummary {
    /// One past the last event that it has.
    pub head: Offset,
    pub floor: Offset,
    pub files: u64,
    /// Of the files, without what the archive adds.
    pub bytes: u64,
    pub with_keys: bool,
}

/// What is of this machine or made anew: the log is in the snapshot.
const LEFT_OUT: [&str; 6] = ["LOCK", "BALLAST", "HEAD", "log", "aside", RESTORING];

/// Twice as long as it takes on a node of ordinary size.
const ERASING_MAX: Duration = Duration::from_secs(240);
const ERASING_BEAT: Duration = Duration::from_millis(20);
const MIB: u64 = 1 << 20;

impl Backup {
    /// Holds what the engine on `store` and `data` has, once no file has what was erased before
    /// this was asked for. Blocks, for minutes then; commits wait some milliseconds. Without keys
    /// the secrets in it can be read by nobody who has not `secrets.key`. `beat` is called now and
    /// then, and ends the waiting by its failure.
    ///
    /// Errors: `Unusable` when there are more files than may be open, and when what was erased does
    /// not leave the disk in time; `Disk`.
    pub(crate) fn hold(
        (store, data): (&Store, &Path),
        with_keys: bool,
        made_at: Time,
        beat: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<Backup, Failure> {
        wait_for_erasures((store, data), beat)?;
        let disk = |source| Failure::Disk { path: data.to_owned(), source };
        // Others hold the rest; a node that finds no descriptor ends.
        let files_max = runtime::descriptors_max().map_or(usize::MAX, |all| (all / 4) as usize);
        // Files come before the log names them and go after it has forgotten them. So all that it
        // names is there before it is held, or after.
        let mut others = files_beside(data, with_keys).map_err(disk)?;
        let snapshot = store.snapshot(files_max.saturating_sub(2 * others.len()))?;
        // Those that were there first stay as they were: a place in the log that one of them has
        // written down is none that the snapshot does not reach.
        for (name, other) in files_beside(data, with_keys).map_err(disk)? {
            others.entry(name).or_insert(other);
        }
        Ok(Backup { snapshot, others, with_keys, made_at })
    }

    /// The same of a directory that no engine has.
    ///
    /// Errors: those of a start, too; nothing that such a one would refuse is backed up.
    pub fn of(data: &Path, with_keys: bool, made_at: Time) -> Result<Backup, Failure> {
        let options =
            StoreOptions { ballast_bytes: 0, disk_floor_bytes: 0, ..StoreOptions::new(data) };
        let (store, _) = Store::open(options)?;
        let lease = store.claim()?;
        Backup::hold((&store, data), with_keys, made_at, &mut || store.reclaim(lease))
    }

    /// Writes it as a tar archive, which ends with a list of all that it holds.
    pub fn write(self, out: &mut dyn Write) -> io::Result<BackupSummary> {
        let mut archive = Archive { tar: Builder::new(out), at: self.made_at, entries: Vec::new() };
        for folder in &self.snapshot.folders {
            archive.folder(folder)?;
        }
        for file in &self.snapshot.files {
            archive.file(&file.name, file.bytes, &mut file.reader())?;
        }
        let folders: BTreeSet<_> =
            self.others.keys().flat_map(|name| name.ancestors().skip(1)).collect();
        for folder in folders.into_iter().filter(|folder| !folder.as_os_str().is_empty()) {
            archive.folder(folder)?;
        }
        for (name, Other { file, bytes }) in &self.others {
            let mut file = file;
            archive.file(name, *bytes, &mut file)?;
        }
        let summary = BackupSummary {
            head: self.snapshot.head,
            floor: self.snapshot.floor,
            files: archive.entries.len() as u64,
            bytes: archive.entries.iter().map(|entry| entry.bytes).sum(),
            with_keys: self.with_keys,
        };
        let contents = Contents {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            made_at_ms: self.made_at.millis(),
            head: summary.head.0,
            floor: summary.floor.0,
            with_keys: self.with_keys,
            files: std::mem::take(&mut archive.entries),
        };
        let text = serde_json::to_vec_pretty(&contents).expect("it is strings and numbers");
        archive.file(Path::new(CONTENTS), text.len() as u64, &mut &text[..])?;
        archive.tar.into_inner()?.flush()?;
        Ok(summary)
    }
}

/// An archive is out of reach of any erasure, so it is not to have what was erased before. What
/// cannot leave the disk, for a table is damaged, was told, and is no reason to have no backup.
fn wait_for_erasures(
    (store, data): (&Store, &Path),
    beat: &mut dyn FnMut() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let erased = store.hurry_erasing();
    let mut waited = Duration::ZERO;
    while !store.is_off_disk(erased) {
        if waited >= ERASING_MAX {
            return Err(still_on_disk((store, data)));
        }
        beat()?;
        std::thread::park_timeout(ERASING_BEAT);
        waited += ERASING_BEAT;
    }
    Ok(())
}

/// Why there is no backup as long as what was erased is there.
fn still_on_disk((store, data): (&Store, &Path)) -> Failure {
    let why = match store.erasing_shortage() {
        Err(failure) => return failure,
        Ok(None) => "what was erased has not left the disk yet, and would be in the backup: wait \
                     for it with `forebay erase --wait`, then make one"
            .to_owned(),
        Ok(Some(Shortage { free_bytes, needed_bytes })) => format!(
            "the disk is too full for what was erased to leave it, and that would be in the \
             backup: {} MiB have to be free, and {} MiB are; free some, then make one",
            needed_bytes.div_ceil(MIB),
            free_bytes / MIB,
        ),
    };
    Failure::Unusable { path: data.to_owned(), why }
}

/// Every file of a data directory that is worth keeping, but the log.
fn files_beside(data: &Path, with_keys: bool) -> io::Result<BTreeMap<PathBuf, Other>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(data.join(&folder))? {
            let entry = entry?;
            let name = folder.join(entry.file_name());
            if !is_kept(&name, with_keys) {
                continue;
            }
            // What a link names is a part of the directory like the rest.
            let kind = match fs::metadata(entry.path()) {
                Err(err) if err.kind() == io::ErrorKind::NotFound => continue,
                found => found?,
            };
            if kind.is_dir() {
                folders.push(name);
            } else if kind.is_file() {
                match File::open(entry.path()) {
                    Err(err) if err.kind() == io::ErrorKind::NotFound => {}
                    file => {
                        let file = file?;
                        let bytes = file.metadata()?.len();
                        files.insert(name, Other { file, bytes });
                    }
                }
            }
        }
    }
    Ok(files)
}

fn is_kept(name: &Path, with_keys: bool) -> bool {
    let is_one_of = |names: &[&str]| names.iter().any(|other| name == Path::new(other));
    let is_key = is_one_of(&KEYS);
    // The cache of compiled modules is this machine's own, and so is the key that seals it.
    let is_made_anew = name == Path::new("modules/seal.key")
        || name.extension().is_some_and(|ext| ext == "compiled" || ext == "new");
    !is_one_of(&LEFT_OUT) && !is_made_anew && (with_keys || !is_key)
}

struct Archive<'a> {
    tar: Builder<&'a mut dyn Write>,
    at: Time,
    entries: Vec<Entry>,
}

impl Archive<'_> {
    fn folder(&mut self, name: &Path) -> io::Result<()> {
        let mut header = self.header(EntryType::Directory, 0, 0o700);
        self.tar.append_data(&mut header, name, io::empty())
    }

    fn file(&mut self, name: &Path, bytes: u64, content: &mut dyn Read) -> io::Result<()> {
        let mut header = self.header(EntryType::Regular, bytes, 0o600);
        let mut counted = Counted { content, left: bytes, hash: Sha256::new() };
        self.tar.append_data(&mut header, name, &mut counted)?;
        let name = name.to_str().expect("the engine gave it its name").to_owned();
        self.entries.push(Entry { name, bytes, sha256: hex(&counted.hash.finalize()) });
        Ok(())
    }

    fn header(&self, kind: EntryType, bytes: u64, mode: u32) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(bytes);
        header.set_mode(mode);
        header.set_mtime(self.at.millis() / 1000);
        header
    }
}

/// So many bytes, no fewer, and their checksum.
struct Counted<'a> {
    content: &'a mut dyn Read,
    left: u64,
    hash: Sha256,
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let room = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.content.read(&mut into[..room])?;
        if count == 0 && room > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file has become shorter"));
        }
        self.hash.update(&into[..count]);
        self.left -= count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use event::{Envelope, Event, EventId, TenantId};
    use log::{Group, Sync};
    use std::sync::Arc;

    fn open(data: &Path, disk_floor_bytes: u64) -> Store {
        let options =
            StoreOptions { ballast_bytes: 0, disk_floor_bytes, ..StoreOptions::new(data) };
        Store::open(options).unwrap().0
    }

    #[test]
    fn a_disk_without_room_for_an_erasure_is_told_of_where_it_keeps_a_backup_waiting() {
        let data = tempfile::tempdir().unwrap();
        let told = |store: &Store| {
            store.reclaim(store.claim().unwrap()).unwrap();
            still_on_disk((store, data.path())).to_string()
        };
        let store = open(data.path(), 0);
        let envelope = Envelope::new(TenantId::new("t"), "s", "note", Time::from_secs(1));
        let (id, body) = (EventId::new(1_000, Offset(0)), Bytes::from_static(b"x"));
        let event = Event { id, envelope, body };
        let erased = vec![Arc::new(event.stub(Time::from_secs(2)))];
        let events = vec![Arc::new(event)];
        for group in [Group { events, ..Group::default() }, Group { erased, ..Group::default() }] {
            store.commit(store.claim().unwrap(), &group, Sync::Now).unwrap();
        }
        assert!(told(&store).contains("`forebay erase --wait`"), "{}", told(&store));
        // Rows still go in.
        let floor = store.room().unwrap().free_bytes.saturating_mul(2);
        drop(store);
        let told = told(&open(data.path(), floor));
        assert!(told.contains("MiB have to be free") && !told.contains("--wait"), "{told}");
    }
}
