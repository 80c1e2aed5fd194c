use crate::generations::Generations;
use crate::tables::Tables;
use bytes::Bytes;
use event::{Event, Offset};
use fjall::{Keyspace, Slice};
use log::{Failure, ReadLimit, codec};
use std::collections::VecDeque;
use std::ops::{Bound, Range};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The events of `range`, all of which must be there; fewer when `limit` ends them first, or
/// before the first damaged one.
pub fn read_events(
    tables: &Tables,
    generations: &Generations,
    range: Range<Offset>,
    limit: ReadLimit,
) -> Result<Vec<Arc<Event>>, Failure> {
    let mut run = Run { next: range.start, bytes: 0, limit, events: Vec::new() };
    for (end, table) in generations.from(range.start) {
        let until = end.min(range.end);
        match run.read(tables, table, until) {
            Ok(true) => {}
            Ok(false) => break,
            Err(Failure::Damaged { .. }) if !run.events.is_empty() => break,
            Err(failure) => return Err(failure),
        }
        if until == range.end {
            break;
        }
    }
    Ok(run.events)
}

struct Run {
    next: Offset,
    bytes: usize,
    limit: ReadLimit,
    events: Vec<Arc<Event>>,
}

/// How far a scan of one table got.
enum Scan {
    /// To the end of the range.
    Ended,
    /// The limit is reached.
    Over,
    /// The next offset did not come, or not as it was written.
    Stuck,
}

impl Run {
    /// Whether there is more to read.
    fn read(&mut self, tables: &Tables, table: &Keyspace, end: Offset) -> Result<bool, Failure> {
        loop {
            match self.scan(tables, table, end)? {
                Scan::Ended => return Ok(true),
                Scan::Over => return Ok(false),
                Scan::Stuck => {}
            }
            // A scan of fjall's also loses intact rows that lie beside an unreadable block.
            let damaged = Failure::Damaged { offset: self.next };
            let Some(value) = get(tables, table, self.next)? else { return Err(damaged) };
            let event =
                event_of(&codec::offset_key(self.next), &value, self.next).ok_or(damaged)?;
            if !self.take(event) {
                return Ok(false);
            }
        }
    }

    fn scan(&mut self, tables: &Tables, table: &Keyspace, end: Offset) -> Result<Scan, Failure> {
        let keys = codec::offset_key(self.next)..codec::offset_key(end);
        for guard in table.range(keys) {
            let (key, value) = match guard.into_inner() {
                Ok(row) => row,
                Err(err) => {
                    disk_error(tables.failure(err))?;
                    return Ok(Scan::Stuck);
                }
            };
            let Some(event) = event_of(&key, &value, self.next) else { return Ok(Scan::Stuck) };
            if !self.take(event) {
                return Ok(Scan::Over);
            }
        }
        // Offsets are dense: one that does not come is as lost as one that is not intact.
        Ok(if self.next < end { Scan::Stuck } else { Scan::Ended })
    }

    /// False when the limit leaves no room for it.
    fn take(&mut self, event: Event) -> bool {
        self.bytes = self.bytes.saturating_add(event.weight());
        let is_over = self.events.len() >= self.limit.events || self.bytes > self.limit.bytes;
        if !self.events.is_empty() && is_over {
            return false;
        }
        self.events.push(Arc::new(event));
        self.next = self.next.next();
        true
    }
}

/// The row of one offset, looked up by itself; `None` when it is not there or cannot be read.
fn get(tables: &Tables, table: &Keyspace, offset: Offset) -> Result<Option<Slice>, Failure> {
    match table.get(codec::offset_key(offset)) {
        Ok(value) => Ok(value),
        Err(err) => disk_error(tables.failure(err)).map(|()| None),
    }
}

fn disk_or(damaged: Failure, failure: Failure) -> Failure {
    match failure {
        Failure::Disk { .. } => failure,
        _ => damaged,
    }
}

fn event_of(key: &[u8], value: &[u8], offset: Offset) -> Option<Event> {
    if codec::offset_of_key(key) != Some(offset) {
        return None;
    }
    // Copied out: a slice of fjall's would keep its whole block in memory.
    let event = codec::decode_event(&Bytes::copy_from_slice(value)).ok()?;
    (event.offset() == offset).then_some(event)
}

/// The checksums of the events of `range`, all of them in `table` and intact, each folded into
/// the one of those before. Nothing when some of them are erased.
pub fn fold_checksums(
    tables: &Tables,
    table: &Keyspace,
    range: Range<Offset>,
) -> Result<Option<u64>, Failure> {
    let (mut next, mut folded, mut has_stubs) = (range.start, 0, false);
    for guard in table.range(codec::offset_key(range.start)..codec::offset_key(range.end)) {
        let damaged = Failure::Damaged { offset: next };
        let (key, value) = match guard.into_inner() {
            Ok(row) => row,
            Err(err) => return Err(disk_or(damaged, tables.failure(err))),
        };
        let checksum = whole(&key, &value, next).ok_or(damaged)?;
        folded = fold(checksum, folded);
        has_stubs |= event_of(&key, &value, next).is_some_and(|event| event.is_erased());
        next = next.next();
    }
    match next < range.end {
        true => Err(Failure::Damaged { offset: next }),
        false => Ok((!has_stubs).then_some(folded)),
    }
}

/// The events of `range` in `table` whose place is taken, but not by what was written.
///
/// Errors: `Damaged` names an event that is not there at all.
pub fn find_damaged(
    tables: &Tables,
    table: &Keyspace,
    range: Range<Offset>,
) -> Result<Vec<Offset>, Failure> {
    let (mut next, mut damaged) = (range.start, Vec::new());
    let end = codec::offset_key(range.end);
    while next < range.end {
        let (before, mut was_stuck) = (damaged.len(), false);
        for guard in table.range(codec::offset_key(next)..end) {
            match guard.into_inner() {
                Ok((key, _)) if codec::offset_of_key(&key) != Some(next) => {
                    return Err(Failure::Damaged { offset: next });
                }
                Ok((key, value)) if whole(&key, &value, next).is_some() => next = next.next(),
                Ok(_) => {
                    damaged.push(next);
                    next = next.next();
                }
                Err(err) => {
                    disk_error(tables.failure(err))?;
                    // A scan also loses intact rows that lie beside the unreadable block.
                    let value = get(tables, table, next)?;
                    let key = codec::offset_key(next);
                    if value.is_none_or(|value| whole(&key, &value, next).is_none()) {
                        damaged.push(next);
                    }
                    next = next.next();
                    was_stuck = true;
                    break;
                }
            }
        }
        // Only an unreadable block ends a scan early, and what is behind it may be readable.
        if next < range.end && damaged.len() == before && !was_stuck {
            return Err(Failure::Damaged { offset: next });
        }
    }
    Ok(damaged)
}

fn disk_error(failure: Failure) -> Result<(), Failure> {
    match failure {
        Failure::Disk { .. } => Err(failure),
        _ => Ok(()),
    }
}

/// The checksum of the frame in `value`, if that is the event of `offset` and intact.
fn whole(key: &[u8], value: &[u8], offset: Offset) -> Option<u64> {
    let is_whole = codec::offset_of_key(key) == Some(offset)
        && codec::check_event(value) == Ok(value.len())
        && codec::frame_offset(value) == Some(offset);
    codec::frame_checksum(value).filter(|_| is_whole)
}

pub fn fold(checksum: u64, before: u64) -> u64 {
    xxh3_64_with_seed(&checksum.to_le_bytes(), before)
}

/// At most `count` rows from `from` on, decoded.
pub fn read_rows<T>(
    tables: &Tables,
    table: (&Keyspace, &'static str),
    keys: (Bound<Vec<u8>>, Bound<Vec<u8>>),
    count: usize,
    decode: impl Fn(&[u8], &[u8]) -> Result<T, codec::BadRecord>,
) -> Result<Vec<T>, Failure> {
    let mut rows = Vec::new();
    for guard in table.0.range(keys).take(count) {
        let (key, value) = guard.into_inner().map_err(|err| row_failure(tables, table.1, err))?;
        rows.push(decode(&key, &value).map_err(|bad| damaged_row(table.1, bad))?);
    }
    Ok(rows)
}

/// Whether every row of a table can be read.
pub fn check_rows<T>(
    tables: &Tables,
    table: (&Keyspace, &'static str),
    decode: impl Fn(&[u8], &[u8]) -> Result<T, codec::BadRecord>,
) -> Result<(), Failure> {
    for guard in table.0.iter() {
        let (key, value) = guard.into_inner().map_err(|err| row_failure(tables, table.1, err))?;
        decode(&key, &value).map_err(|bad| damaged_row(table.1, bad))?;
    }
    Ok(())
}

/// Key and value of at most `count` rows from `from` on, past blocks that cannot be read, and
/// whether there were such. Beside a block like that intact rows may be passed over too.
pub fn read_past_damage(
    tables: &Tables,
    table: (&Keyspace, &'static str),
    from: Option<impl AsRef<[u8]>>,
    count: usize,
) -> Result<(Vec<(Slice, Slice)>, bool), Failure> {
    let from = from.as_ref().map(AsRef::as_ref);
    let (mut rows, mut is_incomplete) = (Vec::new(), false);
    for guard in table.0.range(keys_from(from)).take(count) {
        match guard.into_inner() {
            Ok(row) => rows.push(row),
            Err(err) => {
                disk_error(row_failure(tables, table.1, err))?;
                is_incomplete = true;
                break;
            }
        }
    }
    if is_incomplete {
        let last = rows.last().map(|(key, _): &(Slice, Slice)| key.clone());
        let behind = read_behind_damage(tables, table, last.as_deref().or(from), count)?;
        let is_new = |(key, _): &(Slice, Slice)| last.as_ref().is_none_or(|last| key > last);
        rows.extend(behind.into_iter().filter(is_new));
        rows.truncate(count);
    }
    Ok((rows, is_incomplete))
}

fn keys_from(key: Option<&[u8]>) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    (key.map_or(Bound::Unbounded, |key| Bound::Included(key.to_vec())), Bound::Unbounded)
}

/// The first `count` rows behind the last block that cannot be read. Where that block ends only a
/// scan from the other side can tell.
fn read_behind_damage(
    tables: &Tables,
    table: (&Keyspace, &'static str),
    from: Option<&[u8]>,
    count: usize,
) -> Result<VecDeque<(Slice, Slice)>, Failure> {
    let mut rows = VecDeque::new();
    for guard in table.0.range(keys_from(from)).rev() {
        match guard.into_inner() {
            Ok(row) => rows.push_front(row),
            Err(err) => {
                disk_error(row_failure(tables, table.1, err))?;
                break;
            }
        }
        rows.truncate(count);
    }
    Ok(rows)
}

/// The row under `key`, decoded.
pub fn read_row<T>(
    tables: &Tables,
    table: (&Keyspace, &'static str),
    key: &[u8],
    decode: impl Fn(&Slice) -> Result<T, codec::BadRecord>,
) -> Result<Option<T>, Failure> {
    let value = table.0.get(key).map_err(|err| row_failure(tables, table.1, err))?;
    value.map(|value| decode(&value).map_err(|bad| damaged_row(table.1, bad))).transpose()
}

fn row_failure(tables: &Tables, table: &'static str, err: fjall::Error) -> Failure {
    let unread = Failure::DamagedRow { table, why: "its block is not what was written" };
    disk_or(unread, tables.failure(err))
}

fn damaged_row(table: &'static str, bad: codec::BadRecord) -> Failure {
    Failure::DamagedRow { table, why: bad.0 }
}
