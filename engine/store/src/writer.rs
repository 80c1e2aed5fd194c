use crate::directory::Directory;
use crate::erasure::Erasure;
use crate::generations::{Generations, Sealed, encode_seal, name, seal_key};
use crate::head::{Head, HeadFile};
use crate::index::Index;
use crate::mark::{Mark, OpenGeneration};
use crate::options::StoreOptions;
use crate::read::{fold, read_events};
use crate::rotation::{BoundRow, Rotation};
use crate::rows::{Row, Table};
use crate::tables::{MARK_KEY, Tables};
use event::{Event, Offset};
use fjall::{Keyspace, OwnedWriteBatch, PersistMode, Slice};
use log::{Failure, ReadLimit, Sync, codec};
use std::sync::Arc;

/// The tables that come and go. A reader takes the whole view, so a drop never pulls one away
/// from under it.
#[derive(Clone)]
pub struct View {
    pub log: Generations,
    pub duplicates: Rotation,
    pub attempts: Rotation,
}

impl View {
    /// Whether attempt rows should begin a new table once `more` generations are sealed: one for
    /// every so many of the log's.
    pub fn are_attempts_due(&self, more: usize) -> bool {
        self.attempts.open_turn().is_none_or(|turn| {
            let later = self.log.sealed.iter().filter(|seal| seal.end.0 > turn.from).count();
            later + more >= GENERATIONS_OF_ATTEMPTS
        })
    }

    /// Whether both show the same tables.
    pub fn is_same(&self, other: &View) -> bool {
        let shape = |view: &View| {
            let last = |rotation: &Rotation| rotation.turns().last().map(|turn| turn.number);
            let sealed = view.log.sealed.len();
            (sealed, last(&view.duplicates), last(&view.attempts), view.duplicates.turns().len())
        };
        shape(self) == shape(other)
    }
}

/// What only the holder of the lock on it may do: write.
pub struct Writer {
    pub head_file: HeadFile,
    /// As of the last group written.
    pub mark: Mark,
    synced_group: u64,
    synced_head: Offset,
    /// Of the open generation, from `indexed_from` on.
    index: Index,
    indexed_from: Offset,
    /// Nothing is known of the disk any more, so nothing may be added to it.
    is_broken: bool,
    frame: Vec<u8>,
    /// Tables that the last write has left behind: they may go.
    pub left: Vec<Keyspace>,
    pub erasure: Erasure,
}

/// The parts of a store that a write needs.
pub struct Ground<'a> {
    pub tables: &'a Tables,
    pub directory: &'a Directory,
    pub options: &'a StoreOptions,
}

/// What one write brings.
pub struct Content<'a> {
    pub events: &'a [Arc<Event>],
    /// Stubs of events that are there.
    pub erased: &'a [Arc<Event>],
    pub rows: Vec<Row>,
    /// When the newest of its duplicate rows was made, in milliseconds.
    pub duplicates_ms: Option<u64>,
}

/// Tables that a duplicate row may be in, and an attempts table's share of the log.
const DUPLICATE_TURNS: u64 = 6;
const GENERATIONS_OF_ATTEMPTS: usize = 8;

impl Writer {
    /// `mark`: of the last group there is. All of it is synced.
    pub fn new(head_file: HeadFile, mark: Mark, erasure: Erasure) -> Writer {
        Writer {
            head_file,
            mark,
            synced_group: mark.group,
            synced_head: mark.head,
            index: Index::default(),
            indexed_from: mark.head,
            is_broken: false,
            frame: Vec::new(),
            left: Vec::new(),
            erasure,
        }
    }

    pub fn is_synced(&self) -> bool {
        self.synced_group == self.mark.group
    }

    /// `elsewhere`: something else than a write has failed.
    pub fn check(&self, ground: &Ground<'_>, elsewhere: bool) -> Result<(), Failure> {
        if self.is_broken || elsewhere {
            let source = std::io::Error::other("an earlier write or sync failed");
            return Err(ground.directory.disk(source));
        }
        Ok(())
    }

    /// Writes one group as one batch. After an error the disk is not known, so it is the last.
    pub fn write(
        &mut self,
        ground: &Ground<'_>,
        view: &mut View,
        content: Content<'_>,
        sync: Sync,
    ) -> Result<(), Failure> {
        let written = self.write_batch(ground, view, content, sync);
        self.is_broken |= written.is_err();
        written
    }

    fn write_batch(
        &mut self,
        ground: &Ground<'_>,
        view: &mut View,
        content: Content<'_>,
        sync: Sync,
    ) -> Result<(), Failure> {
        let events = content.events;
        let tables = ground.tables;
        let mode = match sync {
            Sync::Now => PersistMode::SyncData,
            // Out of this process at least: its death must take nothing.
            Sync::Later => PersistMode::Buffer,
        };
        let capacity = events.len() + content.erased.len() + content.rows.len() + 4;
        let mut batch =
            OwnedWriteBatch::with_capacity(tables.db.clone(), capacity).durability(Some(mode));
        let mut open = self.mark.open;
        if !events.is_empty() && open.bytes >= ground.options.generation_bytes {
            open = self.seal(ground, view, &mut batch)?;
        }
        self.put_events(&view.log.table, events, &mut open, &mut batch);
        self.put_stubs(&view.log, content.erased, &mut batch);
        let left = put_rows(ground, view, self.mark.head, &content, &mut batch)?;
        let mark = Mark {
            group: self.mark.group + 1,
            synced_group: self.synced_group,
            synced_head: self.synced_head,
            first: self.mark.head,
            head: events.last().map_or(self.mark.head, |event| event.offset().next()),
            seqno: tables.db.seqno(),
            open,
        };
        batch.insert(&tables.meta, MARK_KEY, mark.encode());
        batch.commit().map_err(|err| tables.failure(err))?;
        self.mark = mark;
        self.left.extend(left);
        if sync == Sync::Now { self.note_sync() } else { Ok(()) }
    }

    pub fn sync(&mut self, ground: &Ground<'_>) -> Result<(), Failure> {
        if self.is_synced() {
            return Ok(());
        }
        let synced = ground.tables.db.persist(PersistMode::SyncData);
        let synced = synced.map_err(|err| ground.tables.failure(err));
        let noted = synced.and_then(|()| self.note_sync());
        self.is_broken |= noted.is_err();
        noted
    }

    fn note_sync(&mut self) -> Result<(), Failure> {
        self.synced_group = self.mark.group;
        self.synced_head = self.mark.head;
        self.write_head(false)
    }

    fn write_head(&mut self, is_clean: bool) -> Result<(), Failure> {
        let head = Head { offset: self.synced_head, group: self.synced_group, is_clean };
        self.head_file.write(head)
    }

    /// Syncs everything and says that nothing follows.
    pub fn close(&mut self, ground: &Ground<'_>) -> Result<(), Failure> {
        self.check(ground, false)?;
        self.sync(ground)?;
        self.write_head(true)?;
        self.head_file.sync()
    }

    fn put_events(
        &mut self,
        table: &Keyspace,
        events: &[Arc<Event>],
        open: &mut OpenGeneration,
        batch: &mut OwnedWriteBatch,
    ) {
        for event in events {
            self.frame.clear();
            codec::encode_event(event, &mut self.frame);
            let checksum = codec::frame_checksum(&self.frame).expect("a frame has a checksum");
            open.checksum = fold(checksum, open.checksum);
            open.bytes += self.frame.len() as u64;
            open.newest = open.newest.max(event.envelope.time);
            self.index.add(event);
            batch.insert(table, codec::offset_key(event.offset()), Slice::from(&self.frame));
        }
        // One large event must not hold its size for ever.
        self.frame.shrink_to(1 << 20);
    }

    /// Neither the checksum nor the bytes of a generation know of it: `Store::check` does.
    fn put_stubs(&mut self, log: &Generations, stubs: &[Arc<Event>], batch: &mut OwnedWriteBatch) {
        for stub in stubs {
            let Some((_, table)) = log.from(stub.offset()).next() else { continue };
            self.frame.clear();
            codec::encode_event(stub, &mut self.frame);
            batch.insert(table, codec::offset_key(stub.offset()), Slice::from(&self.frame));
        }
    }

    /// Ends the open generation at the head and begins the next, in the batch of its first group.
    fn seal(
        &mut self,
        ground: &Ground<'_>,
        view: &mut View,
        batch: &mut OwnedWriteBatch,
    ) -> Result<OpenGeneration, Failure> {
        let (open, end) = (self.mark.open, self.mark.head);
        if self.indexed_from > open.first {
            self.index = index_of(ground, &view.log, open.first..end)?;
        }
        for (key, value) in self.index.rows() {
            batch.insert(&view.log.table, key, value);
        }
        batch.insert(&ground.tables.meta, seal_key(open.number), encode_seal(&open, end));
        let next = ground.tables.events(&name(open.number + 1))?;
        let table = std::mem::replace(&mut view.log.table, next);
        view.log.sealed.push(Sealed {
            number: open.number,
            first: open.first,
            end,
            bytes: open.bytes,
            newest: open.newest,
            checksum: open.checksum,
            table,
        });
        self.index = Index::default();
        self.indexed_from = end;
        Ok(OpenGeneration { number: open.number + 1, first: end, ..OpenGeneration::default() })
    }
}

/// After a restart the index of what came before it has to be read.
fn index_of(
    ground: &Ground<'_>,
    log: &Generations,
    range: std::ops::Range<Offset>,
) -> Result<Index, Failure> {
    let mut index = Index::default();
    let mut next = range.start;
    while next < range.end {
        let limit = ReadLimit { events: 4096, bytes: 4 << 20 };
        let events = match read_events(ground.tables, log, next..range.end, limit) {
            // A damaged event is in no index; whoever reads the log itself is told.
            Err(Failure::Damaged { offset }) => {
                next = offset.next();
                continue;
            }
            read => read?,
        };
        events.iter().for_each(|event| index.add(event));
        next = events.last().map_or(range.end, |event| event.offset().next());
    }
    Ok(index)
}

/// Gives the tables that the rows have left behind.
fn put_rows(
    ground: &Ground<'_>,
    view: &mut View,
    head: Offset,
    content: &Content<'_>,
    batch: &mut OwnedWriteBatch,
) -> Result<Vec<Keyspace>, Failure> {
    let mut left = Vec::new();
    if let Some(newest) = content.duplicates_ms {
        left = turn_duplicates(ground, view, newest, batch)?;
    }
    if content.rows.iter().any(|row| row.table == Table::Attempts) {
        turn_attempts(ground, view, head, batch)?;
    }
    let tables = ground.tables;
    for row in &content.rows {
        let table = match row.table {
            Table::Meta => &tables.meta,
            Table::Duplicates => &view.duplicates.open_turn().expect("a turn was begun").table,
            Table::Attempts => &view.attempts.open_turn().expect("a turn was begun").table,
            Table::Retry => &tables.retry,
            Table::Parcel => &tables.parcel,
            Table::Dead => &tables.dead,
            Table::Lane => &tables.lane,
            Table::Gap => &tables.gap,
            Table::Registry => &tables.registry,
        };
        match &row.value {
            Some(value) => batch.insert(table, row.key.as_slice(), value.as_slice()),
            None => batch.remove(table, row.key.as_slice()),
        }
    }
    Ok(left)
}

/// Begins a new table of duplicate rows when the open one has had its share of the window.
fn turn_duplicates(
    ground: &Ground<'_>,
    view: &mut View,
    newest: u64,
    batch: &mut OwnedWriteBatch,
) -> Result<Vec<Keyspace>, Failure> {
    let window = ground.options.duplicate_window.as_millis() as u64 / DUPLICATE_TURNS;
    let rows_max = ground.options.duplicates_max / DUPLICATE_TURNS;
    let is_due = view.duplicates.open_turn().is_none_or(|turn| {
        newest >= turn.from.saturating_add(window.max(1))
            || turn.table.approximate_len() as u64 >= rows_max.max(1)
    });
    if !is_due {
        return Ok(Vec::new());
    }
    let from = view.duplicates.open_turn().map_or(newest, |turn| turn.from.max(newest));
    let row = view.duplicates.begin(ground.tables, from)?;
    put_bound(ground.tables, row, batch);
    // More rows than are allowed: the oldest go, whatever their age.
    let mut left = Vec::new();
    if view.duplicates.turns().len() as u64 > DUPLICATE_TURNS + 1 {
        let second = view.duplicates.turns()[1].from;
        for turn in view.duplicates.retire(second) {
            put_bound(ground.tables, view.duplicates.ended(&turn), batch);
            left.push(turn.table);
        }
    }
    Ok(left)
}

/// Begins a new table of attempt rows with every so many generations of the log.
fn turn_attempts(
    ground: &Ground<'_>,
    view: &mut View,
    head: Offset,
    batch: &mut OwnedWriteBatch,
) -> Result<(), Failure> {
    if view.are_attempts_due(0) {
        let row = view.attempts.begin(ground.tables, head.0)?;
        put_bound(ground.tables, row, batch);
    }
    Ok(())
}

fn put_bound(tables: &Tables, row: BoundRow, batch: &mut OwnedWriteBatch) {
    match row.value {
        Some(value) => batch.insert(&tables.meta, row.key, value),
        None => batch.remove(&tables.meta, row.key),
    }
}
