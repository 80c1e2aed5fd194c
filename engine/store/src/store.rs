mod as_log;
mod check;
mod erase;
mod snapshot;

pub use snapshot::{Snapshot, SnapshotFile};

use crate::directory::{Directory, sync_dir};
use crate::erasure::Erasure;
use crate::generations::seal_key;
use crate::head::{Found, Head, HeadFile};
use crate::index::{IndexEntry, decode_index, index_key};
use crate::options::{Durability, StoreOptions};
use crate::read::read_rows;
use crate::recovery::{self, Recovered};
use crate::rotation::{Rotation, Turn};
use crate::rows::{Row, Table};
use crate::tables::Tables;
use crate::upkeep::{Kind, Upkeep};
use crate::writer::{Content, Ground, View, Writer};
use bytes::Bytes;
use event::{Offset, StreamId, TenantId, Time};
use fjall::Keyspace;
use log::{Failure, Lease, Sync, codec};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

/// The log of one node, on disk.
///
/// Dropping it syncs and says so in HEAD; the next start then knows that nothing was cut short.
pub struct Store {
    /// First, so that its thread has ended before anything else goes.
    upkeep: Upkeep,
    /// The writer's state; before `view` where both are taken.
    writer: Mutex<Writer>,
    view: RwLock<Arc<View>>,
    /// One past the last event that may be read. Stored after its commit returned: a read past it
    /// could see half of a group.
    head: AtomicU64,
    floor: AtomicU64,
    token: AtomicU64,
    options: StoreOptions,
    tables: Arc<Tables>,
    /// Last, so that the lock outlives the database.
    directory: Directory,
}

impl Store {
    /// Takes the directory and brings back all that was ever synced.
    ///
    /// Errors: `Unusable`, `Locked`, `Corrupt` when something that was synced is gone (nothing is
    /// changed then), `Disk`.
    pub fn open(options: StoreOptions) -> Result<(Store, Recovered), Failure> {
        let directory = Directory::take(&options.dir, options.disk_floor_bytes)?;
        let freed_ballast = directory.free_ballast()?;
        let (mut head_file, found) = HeadFile::open(&directory.head())?;
        let opened = recovery::open(&directory, &options, &mut head_file, found)?;
        let mark = opened.mark;
        let head = Head { offset: mark.head, group: mark.group, is_clean: false };
        // Both slots, so that no later write of HEAD needs room.
        head_file.write(head)?;
        head_file.write(head)?;
        head_file.sync()?;
        sync_dir(directory.path()).map_err(|source| directory.disk(source))?;
        directory.lay_ballast(options.ballast_bytes)?;
        let recovered = Recovered {
            head: mark.head,
            floor: opened.floor,
            was_clean: matches!(found, Found::Head(Head { is_clean: true, .. }))
                || (found == Found::Nothing && mark.group == 0),
            torn: opened.torn,
            damaged: opened.damaged,
            head_was_lost: !matches!(found, Found::Head(_)) && mark.group > 0,
            freed_ballast,
        };
        let tables = Arc::new(opened.tables);
        let erasure = Erasure::open(&tables)?;
        let store = Store {
            upkeep: Upkeep::start(tables.clone(), options.spawn)?,
            writer: Mutex::new(Writer::new(head_file, mark, erasure)),
            view: RwLock::new(Arc::new(opened.view)),
            head: AtomicU64::new(mark.head.0),
            floor: AtomicU64::new(opened.floor.0),
            token: AtomicU64::new(0),
            options,
            tables,
            directory,
        };
        Ok((store, recovered))
    }

    /// What the index of the sealed generation that holds `offset` says of a tenant's events in
    /// one stream. Nothing when that generation is open, or gone, or its index is not readable:
    /// then the events themselves have to be read.
    pub fn index(
        &self,
        offset: Offset,
        stream: StreamId,
        tenant: &TenantId,
    ) -> Result<Option<Vec<IndexEntry>>, Failure> {
        let view = self.view();
        let mut sealed = view.log.sealed.iter();
        let Some(seal) = sealed.find(|seal| seal.first <= offset && offset < seal.end) else {
            return Ok(None);
        };
        let row = seal.table.get(index_key(stream, tenant));
        let row = row.map_err(|err| self.tables.failure(err))?;
        Ok(match row {
            None => Some(Vec::new()),
            Some(value) => decode_index(&Bytes::copy_from_slice(&value)),
        })
    }

    /// When the oldest duplicate row that is still known may have been written. Later than the
    /// window allows when there were more rows than are kept.
    pub fn duplicates_since(&self) -> Time {
        let view = self.view();
        Time::from_millis(view.duplicates.turns().first().map_or(0, |turn| turn.from))
    }

    fn view(&self) -> Arc<View> {
        self.view.read().expect("no holder of this lock panics").clone()
    }

    fn set_view(&self, view: View) {
        *self.view.write().expect("no holder of this lock panics") = Arc::new(view);
    }

    fn ground(&self) -> Ground<'_> {
        Ground { tables: &self.tables, directory: &self.directory, options: &self.options }
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().expect("a holder of this lock panicked: the log is not known")
    }

    /// The writer, for the holder of the lease, unless an earlier write failed.
    fn writer_of(&self, lease: Lease) -> Result<MutexGuard<'_, Writer>, Failure> {
        let writer = self.writer();
        if lease.token != self.token.load(Ordering::Acquire) {
            return Err(Failure::LeaseLost);
        }
        writer.check(&self.ground(), self.upkeep.has_failed())?;
        Ok(writer)
    }

    /// Half a generation ahead, so that nobody waits for it.
    fn prepare(&self, writer: &Writer) {
        let open = writer.mark.open;
        if open.bytes < self.options.generation_bytes / 2 {
            return;
        }
        self.upkeep.make(Kind::Events, open.number + 1);
        let view = self.view();
        if view.are_attempts_due(1) {
            self.upkeep.make(Kind::Attempts, view.attempts.next_number());
        }
    }

    fn show(&self, writer: &Writer, sync: Sync) {
        if sync == Sync::Now || self.options.durability == Durability::Os {
            self.head.store(writer.mark.head.0, Ordering::Release);
        }
    }

    fn rows<T>(
        &self,
        table: (&fjall::Keyspace, &'static str),
        from: Option<Vec<u8>>,
        count: usize,
        decode: impl Fn(&[u8], &[u8]) -> Result<T, codec::BadRecord>,
    ) -> Result<Vec<T>, Failure> {
        let start = from.map_or(Bound::Unbounded, Bound::Included);
        read_rows(&self.tables, table, (start, Bound::Unbounded), count, decode)
    }

    /// Drops what `floor` and the watermarks have freed, rows first: a start that finds tables
    /// without them drops those, and one that finds the rows of the oldest tables alone, for a
    /// power cut took only the rows' removal, has nothing to do.
    fn drop_below(&self, writer: &mut Writer, floor: Offset, least: Offset) -> Result<(), Failure> {
        let mut view = View::clone(&self.view());
        let kept = view.log.sealed.iter().position(|seal| seal.end > floor);
        let gone = kept.unwrap_or(view.log.sealed.len());
        let sealed: Vec<_> = view.log.sealed.drain(..gone).collect();
        let attempts = view.attempts.retire(floor.min(least).0);
        if sealed.is_empty() && attempts.is_empty() {
            return Ok(());
        }
        let seals = sealed.iter().map(|seal| Row {
            table: Table::Meta,
            key: seal_key(seal.number),
            value: None,
        });
        let bounds = attempts.iter().map(|turn| ended(&view.attempts, turn));
        let rows = seals.chain(bounds).collect();
        self.set_view(view.clone());
        self.write_rows(writer, &mut view, rows)?;
        let tables = sealed.into_iter().map(|seal| seal.table);
        self.drop_tables(tables.chain(attempts.into_iter().map(|turn| turn.table)))
    }

    fn drop_tables(&self, mut tables: impl Iterator<Item = Keyspace>) -> Result<(), Failure> {
        tables.try_for_each(|table| self.upkeep.drop_table(&self.tables, table))
    }

    fn write_rows(
        &self,
        writer: &mut Writer,
        view: &mut View,
        rows: Vec<Row>,
    ) -> Result<(), Failure> {
        let content = Content { events: &[], erased: &[], rows, duplicates_ms: None };
        writer.write(&self.ground(), view, content, Sync::Later)
    }

    fn sync_all(&self, writer: &mut Writer) -> Result<(), Failure> {
        writer.sync(&self.ground())?;
        self.show(writer, Sync::Now);
        Ok(())
    }
}

/// The row that goes with a table of `rotation`.
fn ended(rotation: &Rotation, turn: &Turn) -> Row {
    let bound = rotation.ended(turn);
    Row { table: Table::Meta, key: bound.key, value: bound.value }
}

impl Drop for Store {
    fn drop(&mut self) {
        let Ok(mut writer) = self.writer.lock() else { return };
        // A start after this one finds out by itself whether anything is missing.
        let _ = writer.close(&self.ground());
    }
}
