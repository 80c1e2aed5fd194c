use super::Setting;
use crate::events::{body, envelope, event};
use crate::measure::{Case, Contender, Meter, Turn, compare};
use bytes::Bytes;
use event::{Envelope, Event, Offset};
use fjall::config::{BlockSizePolicy, CompressionPolicy, FilterPolicy};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use log::{Group, Lease, Log, ReadLimit, Sync};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Store, StoreOptions};

const BYTES: usize = 1024;
const GROUPS: [usize; 4] = [1, 10, 100, 1000];
/// Events of one read.
const READ: usize = 64;
const ROWS: u64 = 1_000_000;

pub fn cases(setting: &Setting<'_>) -> anyhow::Result<Vec<Case>> {
    let mut ours = Ours::open(&setting.folder.join("store"))?;
    let mut raw = Raw::open(&setting.folder.join("fjall"))?;
    let mut bare = Bare::open(&setting.folder.join("file"))?;
    let mut cases = Vec::new();
    for group in GROUPS {
        let contenders = vec![
            committing("Log::commit of the room `store`", group, |group| ours.commit(group)),
            committing("fjall alone", group, |group| raw.commit(group)),
            committing("write and fdatasync, a zeroed file", group, |group| bare.commit(group)),
        ];
        cases.push(compare(format!("commits of {group}, synced"), setting.span, contenders)?);
    }
    cases.push(reads(setting, &ours, &raw)?);
    drop((ours, raw));
    cases.push(opening(setting)?);
    Ok(cases)
}

/// Commits group after group. Making the events, some 0.2 us each, is counted with ours.
fn committing<'a>(
    name: &str,
    group: usize,
    mut commit: impl FnMut(&Pack<'_>) -> anyhow::Result<()> + 'a,
) -> Contender<'a> {
    let (envelope, body) = (envelope(), body(BYTES));
    Contender::new(name, move |span| {
        let pack = Pack { envelope: &envelope, body: &body, count: group };
        let mut took = Vec::new();
        let meter = Meter::start();
        let mut wall = Duration::ZERO;
        while wall < span {
            let start = Instant::now();
            commit(&pack)?;
            took.push(start.elapsed());
            wall += start.elapsed();
        }
        let turn = meter.stop((took.len() * group) as u64);
        took.sort();
        Ok(Turn { p50: Some(took[took.len() / 2]), ..turn })
    })
}

/// Events to be, of one kind.
struct Pack<'a> {
    envelope: &'a Envelope,
    body: &'a Bytes,
    count: usize,
}

struct Ours {
    store: Store,
    lease: Lease,
    /// One past the last event written; the head is one past the last that was synced.
    next: u64,
}

impl Ours {
    fn open(path: &Path) -> anyhow::Result<Ours> {
        let options = StoreOptions { ballast_bytes: 0, ..StoreOptions::new(path) };
        let (store, _) = Store::open(options)?;
        Ok(Ours { lease: store.claim()?, next: store.head().0, store })
    }

    fn commit(&mut self, pack: &Pack<'_>) -> anyhow::Result<()> {
        self.write(pack, Sync::Now)
    }

    fn write(&mut self, pack: &Pack<'_>, sync: Sync) -> anyhow::Result<()> {
        let first = self.next;
        self.next += pack.count as u64;
        let made = |offset| event(offset, pack.envelope, pack.body);
        let events: Vec<Arc<Event>> = (first..self.next).map(made).collect();
        Ok(self.store.commit(self.lease, &Group { events, ..Group::default() }, sync)?)
    }
}

/// The same keys, values and settings as the room's, without marks, index or checks.
struct Raw {
    db: Database,
    table: Keyspace,
    next: u64,
}

impl Raw {
    fn open(path: &Path) -> anyhow::Result<Raw> {
        let options = StoreOptions::new(path);
        let db = Database::builder(path)
            .worker_threads(1)
            .cache_size(options.cache_bytes)
            .journal_compression(CompressionType::None)
            .open()?;
        let made = || {
            KeyspaceCreateOptions::default()
                .data_block_compression_policy(CompressionPolicy::disabled())
                .index_block_compression_policy(CompressionPolicy::disabled())
                .max_memtable_size(options.memtable_bytes)
                .data_block_size_policy(BlockSizePolicy::all(32 << 10))
                .filter_policy(FilterPolicy::disabled())
        };
        let table = db.keyspace("log", made)?;
        Ok(Raw { db, table, next: 0 })
    }

    fn commit(&mut self, pack: &Pack<'_>) -> anyhow::Result<()> {
        self.write(pack, PersistMode::SyncData)
    }

    fn write(&mut self, pack: &Pack<'_>, mode: PersistMode) -> anyhow::Result<()> {
        let mut batch = self.db.batch().durability(Some(mode));
        for _ in 0..pack.count {
            batch.insert(&self.table, self.next.to_be_bytes(), pack.body.as_ref());
            self.next += 1;
        }
        Ok(batch.commit()?)
    }
}

/// What the disk itself takes: a file whose room and length are there already.
struct Bare {
    file: File,
    at: u64,
    group: Vec<u8>,
}

const FILE_BYTES: u64 = 64 << 20;

impl Bare {
    fn open(path: &Path) -> anyhow::Result<Bare> {
        let file = File::create(path)?;
        let zeroes = vec![0; 1 << 20];
        for at in (0..FILE_BYTES).step_by(zeroes.len()) {
            file.write_all_at(&zeroes, at)?;
        }
        file.sync_all()?;
        Ok(Bare { file, at: 0, group: Vec::new() })
    }

    fn commit(&mut self, pack: &Pack<'_>) -> anyhow::Result<()> {
        self.group.clear();
        (0..pack.count).for_each(|_| self.group.extend_from_slice(pack.body));
        let size = self.group.len() as u64;
        if self.at + size > FILE_BYTES {
            self.at = 0;
        }
        self.file.write_all_at(&self.group, self.at)?;
        self.at += size;
        Ok(self.file.sync_data()?)
    }
}

/// From places all over the log, as lanes that are behind read it.
fn reads(setting: &Setting<'_>, ours: &Ours, raw: &Raw) -> anyhow::Result<Case> {
    let places = |head: u64| {
        let mut n = 0u64;
        move || {
            n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
            n % (head - READ as u64).max(1)
        }
    };
    let head = ours.store.head();
    let mut place = places(head.0);
    let limit = ReadLimit { events: READ, bytes: 1 << 20 };
    let store = Contender::repeated("Log::read of the room `store`", READ as u64, move || {
        let events = ours.store.read(Offset(place())..head, limit).expect("it is whole");
        assert_eq!(events.len(), READ);
    });
    let mut place = places(raw.next);
    let fjall = Contender::repeated("a range of fjall alone, copied out", READ as u64, move || {
        let from = place().to_be_bytes();
        let values = raw.table.range(from..).take(READ).map(|row| row.into_inner());
        let bytes = |value: fjall::Slice| Bytes::copy_from_slice(&value);
        let rows: Vec<Bytes> = values.map(|row| bytes(row.expect("it is whole").1)).collect();
        assert_eq!(rows.len(), READ);
    });
    compare(format!("reads of {READ} from a cursor"), setting.span, vec![store, fjall])
}

/// How long a start takes; an operation is one start.
fn opening(setting: &Setting<'_>) -> anyhow::Result<Case> {
    let rows = if setting.is_smoke() { ROWS / 100 } else { ROWS };
    let (envelope, body) = (envelope(), Bytes::from_static(&[b'7'; 64]));
    let pack = Pack { envelope: &envelope, body: &body, count: 1000 };
    let [at_store, at_fjall] = ["opened", "opened-fjall"].map(|name| setting.folder.join(name));
    let (mut ours, mut raw) = (Ours::open(&at_store)?, Raw::open(&at_fjall)?);
    for _ in 0..rows / pack.count as u64 {
        ours.write(&pack, Sync::Later)?;
        raw.write(&pack, PersistMode::Buffer)?;
    }
    drop((ours, raw));
    let store = Contender::new("Store::open", |_| {
        timed(|| {
            let ours = Ours::open(&at_store)?;
            anyhow::ensure!(ours.store.head() == Offset(rows), "rows are missing");
            Ok(ours)
        })
    });
    let fjall = Contender::new("fjall alone", |_| timed(|| Raw::open(&at_fjall)));
    let case = format!("starts after {rows} events of 64 bytes");
    compare(case, Duration::ZERO, vec![store, fjall])
}

/// Closing is not counted.
fn timed<T>(open: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<Turn> {
    let meter = Meter::start();
    let opened = open()?;
    let turn = meter.stop(1);
    drop(opened);
    Ok(Turn { p50: Some(turn.wall), ..turn })
}
