use crate::StoreOptions;
use crate::directory::sync_dir;
use crate::mark::Mark;
use fjall::config::{BlockSizePolicy, CompressionPolicy, FilterPolicy};
use fjall::{AbstractTree, CompressionType, Database, Keyspace, KeyspaceCreateOptions};
use log::Failure;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The database and the tables that are always there. The log, the duplicate rows and the attempt
/// rows live in tables that are dropped whole (`Rotation`, `Generations`).
pub struct Tables {
    pub db: Database,
    pub path: PathBuf,
    pub meta: Keyspace,
    pub retry: Keyspace,
    pub lane: Keyspace,
    pub parcel: Keyspace,
    pub dead: Keyspace,
    pub gap: Keyspace,
    pub registry: Keyspace,
    /// The newest mark that was no longer in memory alone when the database was opened.
    pub flushed: Option<Mark>,
    memtable_bytes: u64,
    /// Held while a table is made: fjall gives it to others before its name is synced.
    making: Mutex<()>,
}

const FIXED: [&str; 7] = ["meta", "retry", "lane", "parcel", "dead", "gap", "registry"];
/// Where the last group's mark is in `meta`.
pub const MARK_KEY: &[u8] = b"mark";
/// The least that fjall takes: a start replays all of it, and some more.
const JOURNALS_BYTES: u64 = 64 << 20;

impl Tables {
    /// Opens what is there, or makes a new database; never makes a table that was lost, which one
    /// is when there were groups already.
    pub fn open(path: &Path, options: &StoreOptions, has_groups: bool) -> Result<Tables, Failure> {
        let is_new = !path.join("version").exists();
        let db = open_database(path, options)?;
        let found = db.list_keyspace_names();
        let is_missing = |name: &&str| !found.iter().any(|table| &**table == *name);
        let lacks_some = !is_new && FIXED.iter().any(is_missing);
        if lacks_some && has_groups {
            return Err(unreadable(path));
        }
        let make = |name: &str| {
            let made = db.keyspace(name, || row_options(options.memtable_bytes));
            made.map_err(|err| failure(path, err))
        };
        let meta = make("meta")?;
        let flushed = flushed_mark(&meta).map_err(|err| failure(path, err))?;
        // An interrupted first start leaves some of them out, but never once there is a group.
        let has_groups = meta.contains_key(MARK_KEY).map_err(|err| failure(path, err))?;
        if lacks_some && has_groups {
            return Err(unreadable(path));
        }
        let tables = Tables {
            meta,
            retry: make("retry")?,
            lane: make("lane")?,
            parcel: make("parcel")?,
            dead: make("dead")?,
            gap: make("gap")?,
            registry: make("registry")?,
            flushed,
            path: path.to_owned(),
            memtable_bytes: options.memtable_bytes,
            making: Mutex::default(),
            db,
        };
        // Also for tables that a start made which was cut short.
        tables.sync_names()?;
        Ok(tables)
    }

    /// The table of events `name`, made if it is not there.
    pub fn events(&self, name: &str) -> Result<Keyspace, Failure> {
        let options = || {
            row_options(self.memtable_bytes)
                .data_block_size_policy(BlockSizePolicy::all(32 << 10))
                .filter_policy(FilterPolicy::disabled())
        };
        self.make(name, options)
    }

    /// The table of rows `name`, made if it is not there.
    pub fn rows(&self, name: &str) -> Result<Keyspace, Failure> {
        self.make(name, || row_options(self.memtable_bytes))
    }

    fn make(
        &self,
        name: &str,
        options: impl FnOnce() -> KeyspaceCreateOptions,
    ) -> Result<Keyspace, Failure> {
        let _making = self.making.lock().expect("no holder of this lock panics");
        let is_new = !self.db.keyspace_exists(name);
        let table = self.db.keyspace(name, options).map_err(|err| self.failure(err))?;
        if is_new {
            self.sync_names()?;
        }
        Ok(table)
    }

    /// fjall syncs what is in a new table's directory, but not that the directory is there: a
    /// power cut would take the table, and with it what the journal holds for it.
    fn sync_names(&self) -> Result<(), Failure> {
        let path = self.path.join("keyspaces");
        sync_dir(&path).map_err(|source| Failure::Disk { path, source })
    }

    /// The numbers of the tables called `<name>-<number>`, in order.
    pub fn numbers(&self, name: &str) -> Vec<u64> {
        let names = self.db.list_keyspace_names();
        let number = |table: &str| table.strip_prefix(name)?.strip_prefix('-')?.parse().ok();
        let mut numbers: Vec<u64> = names.iter().filter_map(|table| number(table)).collect();
        numbers.sort_unstable();
        numbers
    }

    pub fn drop_table(&self, table: Keyspace) -> Result<(), Failure> {
        self.db.delete_keyspace(table).map_err(|err| self.failure(err))
    }

    pub fn failure(&self, err: fjall::Error) -> Failure {
        failure(&self.path, err)
    }
}

fn flushed_mark(meta: &Keyspace) -> fjall::Result<Option<Mark>> {
    let Some(seqno) = meta.tree.get_highest_persisted_seqno() else { return Ok(None) };
    // As of then: what is in memory is of a later number.
    let mark = meta.tree.get(MARK_KEY, seqno + 1)?;
    Ok(mark.and_then(|mark| Mark::decode(&mark)))
}

/// Uncompressed, so that events can be found in the files of a database that does not open.
fn row_options(memtable_bytes: u64) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .data_block_compression_policy(CompressionPolicy::disabled())
        .index_block_compression_policy(CompressionPolicy::disabled())
        .max_memtable_size(memtable_bytes)
}

fn open_database(path: &Path, options: &StoreOptions) -> Result<Database, Failure> {
    let open = || {
        Database::builder(path)
            .cache_size(options.cache_bytes)
            .journal_compression(CompressionType::None)
            .max_journaling_size(JOURNALS_BYTES)
            .worker_threads(1)
            .open()
    };
    // It panics on some damaged files.
    match catch_unwind(AssertUnwindSafe(open)) {
        Ok(Err(fjall::Error::Io(err) | fjall::Error::Storage(fjall::LsmError::Io(err))))
            if is_of_content(err.kind()) =>
        {
            Err(unreadable(path))
        }
        Ok(opened) => opened.map_err(|err| failure(path, err)),
        Err(_) => Err(unreadable(path)),
    }
}

/// Whether an error tells of files that are not as they were written, not of a failing disk.
fn is_of_content(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound
            | ErrorKind::UnexpectedEof
            | ErrorKind::InvalidData
            // A place before the start of a file that is too short.
            | ErrorKind::InvalidInput
    )
}

/// Damaged in a way that fjall does not tell. Whoever knows more names it.
pub fn unreadable(path: &Path) -> Failure {
    let accepted = event::Offset::ZERO;
    Failure::Corrupt { path: path.to_owned(), last_intact: None, accepted }
}

/// What an error of fjall's means to us: trouble with the disk, or files that are not as they
/// were written.
pub fn failure(path: &Path, err: fjall::Error) -> Failure {
    let path = path.to_owned();
    match err {
        fjall::Error::Io(source) | fjall::Error::Storage(fjall::LsmError::Io(source)) => {
            // Not `Full`: what was written of the last group is not known any more.
            Failure::Disk { path, source }
        }
        fjall::Error::Locked => Failure::Locked { path, holder: "another process".to_owned() },
        fjall::Error::Poisoned => {
            let source = std::io::Error::other("an earlier write or sync failed");
            Failure::Disk { path, source }
        }
        _ => unreadable(&path),
    }
}
