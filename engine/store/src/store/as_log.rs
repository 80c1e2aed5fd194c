use super::{Store, ended};
use crate::erasure::Erasure;
use crate::read::{read_events, read_past_damage, read_row, read_rows};
use crate::rows::{WATERMARKS_KEY, rows_of};
use crate::writer::{Content, View};
use event::{DeliveryId, Event, LaneId, Offset, TenantId, Time};
use log::{
    AttemptRow, DeadRow, DuplicateRow, Failure, GapRow, Generation, Group, LaneRow, Lease, Letters,
    Log, Parcel, ReadLimit, RegistryKey, RetryKey, RetryRow, Room, Sync, Watermarks, codec,
};
use std::ops::{Bound, Range};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Log for Store {
    fn claim(&self) -> Result<Lease, Failure> {
        // Under the writer's lock, so that no commit of the holder before is still under way.
        let _writer = self.writer();
        Ok(Lease { token: self.token.fetch_add(1, Ordering::AcqRel) + 1 })
    }

    fn commit(&self, lease: Lease, group: &Group, sync: Sync) -> Result<(), Failure> {
        let mut writer = self.writer_of(lease)?;
        for (i, event) in group.events.iter().enumerate() {
            let place = Offset(writer.mark.head.0 + i as u64);
            assert_eq!(event.offset(), place, "events are dense from the head on");
        }
        if group.is_empty() {
            return if sync == Sync::Now { self.sync_all(&mut writer) } else { Ok(()) };
        }
        self.directory.admit(!group.events.is_empty())?;
        let before = self.view();
        let mut view = View::clone(&before);
        let (erased, numbers) = self.places(&view, &writer, &group.erased);
        let mut rows = rows_of(group, self.floor());
        rows.extend(Erasure::rows(&numbers));
        let content = Content {
            events: &group.events,
            erased,
            rows,
            duplicates_ms: group.duplicates.iter().map(|row| row.id.millis()).max(),
        };
        writer.write(&self.ground(), &mut view, content, sync)?;
        if !view.is_same(&before) {
            self.set_view(view);
        }
        writer.erasure.note(numbers);
        self.drop_tables(std::mem::take(&mut writer.left).into_iter())?;
        let floor = group.floor.unwrap_or_default();
        self.floor.fetch_max(floor.0, Ordering::AcqRel);
        self.show(&writer, sync);
        self.prepare(&writer);
        Ok(())
    }

    fn sync(&self, lease: Lease) -> Result<(), Failure> {
        let mut writer = self.writer_of(lease)?;
        self.sync_all(&mut writer)
    }

    fn head(&self) -> Offset {
        Offset(self.head.load(Ordering::Acquire))
    }

    fn floor(&self) -> Offset {
        Offset(self.floor.load(Ordering::Acquire))
    }

    fn read(&self, range: Range<Offset>, limit: ReadLimit) -> Result<Vec<Arc<Event>>, Failure> {
        // In this order: the view has the tables of all that is below an earlier head, and what
        // it may lack already is below a later floor.
        let end = range.end.min(self.head());
        let view = self.view();
        let start = range.start.max(self.floor());
        if start >= end {
            return Ok(Vec::new());
        }
        read_events(&self.tables, &view.log, start..end, limit)
    }

    fn duplicate(
        &self,
        tenant: &TenantId,
        source: &str,
        key: &[u8],
    ) -> Result<Option<DuplicateRow>, Failure> {
        let key = codec::duplicate_key(tenant, source, key);
        for turn in self.view().duplicates.turns().iter().rev() {
            let table = (&turn.table, "duplicates");
            let row = read_row(&self.tables, table, &key, |v| codec::decode_duplicate(&key, v))?;
            if row.is_some() {
                return Ok(row);
            }
        }
        Ok(None)
    }

    fn expire_duplicates(&self, lease: Lease, until: Time) -> Result<(), Failure> {
        let mut writer = self.writer_of(lease)?;
        let mut view = View::clone(&self.view());
        let expired = view.duplicates.retire(until.millis());
        if expired.is_empty() {
            return Ok(());
        }
        self.set_view(view.clone());
        let rows = expired.iter().map(|turn| ended(&view.duplicates, turn)).collect();
        self.write_rows(&mut writer, &mut view, rows)?;
        self.drop_tables(expired.into_iter().map(|turn| turn.table))
    }

    fn attempts(&self, range: Range<Offset>) -> Result<Vec<AttemptRow>, Failure> {
        let view = self.view();
        let turns = view.attempts.turns();
        let mut rows = Vec::new();
        for (i, turn) in turns.iter().enumerate() {
            if turns.get(i + 1).is_some_and(|next| next.from <= range.start.0) {
                continue;
            }
            let start = Bound::Included(codec::offset_key(range.start).to_vec());
            let end = Bound::Excluded(codec::offset_key(range.end).to_vec());
            let table = (&turn.table, "attempts");
            let found =
                read_rows(&self.tables, table, (start, end), usize::MAX, codec::decode_attempt)?;
            rows.extend(found);
        }
        // A row that was written again is in two tables, the later one behind.
        rows.sort_by_cached_key(codec::attempt_key);
        rows.reverse();
        rows.dedup_by_key(|row| codec::attempt_key(row));
        rows.reverse();
        Ok(rows)
    }

    fn retries(
        &self,
        from: Option<RetryKey>,
        count: usize,
    ) -> Result<Vec<(RetryKey, RetryRow)>, Failure> {
        let from = from.map(|key| codec::retry_key(key).to_vec());
        self.rows((&self.tables.retry, "retry"), from, count, codec::decode_retry)
    }

    fn parcel(&self, delivery: DeliveryId) -> Result<Option<Parcel>, Failure> {
        let table = (&self.tables.parcel, "parcel");
        let key = codec::delivery_key(delivery);
        read_row(&self.tables, table, &key, |value| codec::decode_parcel(delivery, value))
    }

    fn dead(
        &self,
        from: Option<DeliveryId>,
        count: usize,
    ) -> Result<Vec<(DeliveryId, DeadRow)>, Failure> {
        let from = from.map(|key| codec::delivery_key(key).to_vec());
        self.rows((&self.tables.dead, "dead"), from, count, codec::decode_dead)
    }

    fn letters(&self, from: Option<DeliveryId>, count: usize) -> Result<Letters, Failure> {
        let table = (&self.tables.dead, "dead");
        let (found, is_incomplete) =
            read_past_damage(&self.tables, table, from.map(codec::delivery_key), count)?;
        let rows = found.iter().filter_map(|(key, value)| {
            let row = codec::decode_dead(key, value).ok().map(|(_, row)| row);
            Some((codec::delivery_of_key(key)?, row))
        });
        let rows: Vec<_> = rows.collect();
        let is_incomplete = is_incomplete || rows.len() < found.len();
        Ok(Letters { rows, is_incomplete })
    }

    fn letter(&self, delivery: DeliveryId) -> Result<Option<DeadRow>, Failure> {
        let key = codec::delivery_key(delivery);
        let decode = |value: &fjall::Slice| codec::decode_dead(&key, value).map(|(_, row)| row);
        read_row(&self.tables, (&self.tables.dead, "dead"), &key, decode)
    }

    fn lanes(&self) -> Result<Vec<(LaneId, LaneRow)>, Failure> {
        self.rows((&self.tables.lane, "lane"), None, usize::MAX, codec::decode_lane)
    }

    fn gaps(&self) -> Result<Vec<GapRow>, Failure> {
        self.rows((&self.tables.gap, "gap"), None, usize::MAX, codec::decode_gap)
    }

    fn registry(&self) -> Result<Vec<(RegistryKey, Vec<u8>)>, Failure> {
        let table = (&self.tables.registry, "registry");
        let mut rows = self.rows(table, None, usize::MAX, codec::decode_registry)?;
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(rows)
    }

    fn watermarks(&self) -> Result<Option<Watermarks>, Failure> {
        let decode = |value: &fjall::Slice| codec::decode_watermarks(WATERMARKS_KEY, value);
        read_row(&self.tables, (&self.tables.meta, "meta"), WATERMARKS_KEY, decode)
    }

    fn generations(&self) -> Result<Vec<Generation>, Failure> {
        let writer = self.writer();
        let open = writer.mark.open;
        let view = self.view();
        let sealed = view.log.sealed.iter().map(|seal| Generation {
            first: seal.first,
            end: seal.end,
            bytes: seal.bytes,
            newest: seal.newest,
            is_sealed: true,
        });
        let open = Generation {
            first: open.first,
            end: writer.mark.head,
            bytes: open.bytes,
            newest: open.newest,
            is_sealed: false,
        };
        Ok(sealed.chain([open]).collect())
    }

    fn reclaim(&self, lease: Lease) -> Result<(), Failure> {
        let mut writer = self.writer_of(lease)?;
        // A power cut must not bring back a floor below what is dropped here.
        self.sync_all(&mut writer)?;
        let least = self.watermarks()?.map_or(Offset::MAX, |watermarks| watermarks.least());
        self.drop_below(&mut writer, self.floor(), least)?;
        self.go_on_erasing(&mut writer)
    }

    fn is_erasing(&self) -> bool {
        !self.writer().erasure.is_over()
    }

    fn erasing_trouble(&self) -> Option<String> {
        self.writer().erasure.trouble()
    }

    fn room(&self) -> Result<Room, Failure> {
        self.directory.room()
    }
}
