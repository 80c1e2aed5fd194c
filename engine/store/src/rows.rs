use event::Offset;
use log::codec;
use log::{Change, Group};

/// The tables that a group's rows go to, the log's own left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Meta,
    Duplicates,
    Attempts,
    Retry,
    Parcel,
    Dead,
    Lane,
    Gap,
    Registry,
}

/// A row to write, or to remove.
pub struct Row {
    pub table: Table,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

pub const WATERMARKS_KEY: &[u8] = b"watermarks";
pub const FLOOR_KEY: &[u8] = b"floor";

/// All rows of a group beside its events, one for each key: in one batch of fjall's the later of
/// two changes of a key does not reliably win. `floor`: as it stands; it never goes back.
pub fn rows_of(group: &Group, floor: Offset) -> Vec<Row> {
    let mut rows = Vec::new();
    for row in &group.duplicates {
        let (key, value) = codec::encode_duplicate(row);
        rows.push(Row { table: Table::Duplicates, key, value: Some(value) });
    }
    for row in &group.attempts {
        let value = Some(codec::encode_attempt(row));
        rows.push(Row { table: Table::Attempts, key: codec::attempt_key(row).into(), value });
    }
    push(
        &mut rows,
        Table::Retry,
        &group.retries,
        |key| codec::retry_key(*key).into(),
        |k, v| codec::encode_retry(*k, v),
    );
    push(
        &mut rows,
        Table::Parcel,
        &group.parcels,
        |key| codec::delivery_key(*key).into(),
        |k, v| codec::encode_parcel(*k, v),
    );
    push(
        &mut rows,
        Table::Dead,
        &group.dead,
        |key| codec::delivery_key(*key).into(),
        |k, v| codec::encode_dead(*k, v),
    );
    push(
        &mut rows,
        Table::Lane,
        &group.lanes,
        |key| codec::lane_key(*key).into(),
        |k, v| codec::encode_lane(*k, v),
    );
    push(&mut rows, Table::Registry, &group.registry, codec::registry_key, |k, v| {
        codec::encode_registry(k, v)
    });
    for row in &group.gaps {
        let value = Some(codec::encode_gap(row));
        rows.push(Row { table: Table::Gap, key: codec::gap_key(row), value });
    }
    if let Some(row) = &group.watermarks {
        let value = Some(codec::encode_watermarks(WATERMARKS_KEY, row));
        rows.push(Row { table: Table::Meta, key: WATERMARKS_KEY.to_vec(), value });
    }
    if let Some(floor) = group.floor.map(|new| new.max(floor)) {
        let value = Some(codec::encode_floor(FLOOR_KEY, floor));
        rows.push(Row { table: Table::Meta, key: FLOOR_KEY.to_vec(), value });
    }
    keep_last(rows)
}

fn push<K, V>(
    rows: &mut Vec<Row>,
    table: Table,
    changes: &[Change<K, V>],
    key_of: impl Fn(&K) -> Vec<u8>,
    value_of: impl Fn(&K, &V) -> Vec<u8>,
) {
    rows.extend(changes.iter().map(|change| match change {
        Change::Put(key, value) => {
            Row { table, key: key_of(key), value: Some(value_of(key, value)) }
        }
        Change::Remove(key) => Row { table, key: key_of(key), value: None },
    }));
}

fn keep_last(mut rows: Vec<Row>) -> Vec<Row> {
    // The sort is stable, so among equal keys the last change stays last.
    rows.sort_by(|a, b| (a.table, &a.key).cmp(&(b.table, &b.key)));
    let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        match kept.last_mut() {
            Some(last) if (last.table, &last.key) == (row.table, &row.key) => *last = row,
            _ => kept.push(row),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::contract::full_group;

    #[test]
    fn the_last_change_of_a_key_is_the_one_written() {
        let mut group = full_group();
        let lane = match &group.lanes[0] {
            Change::Put(lane, _) | Change::Remove(lane) => *lane,
        };
        group.lanes.push(Change::Remove(lane));
        let rows = rows_of(&group, Offset::ZERO);
        let lanes: Vec<_> = rows.iter().filter(|row| row.table == Table::Lane).collect();
        assert_eq!(lanes.len(), 1);
        assert_eq!(lanes[0].value, None);
        group.lanes.swap(0, 1);
        let put = rows_of(&group, Offset::ZERO).into_iter().find(|row| row.table == Table::Lane);
        assert!(put.is_some_and(|row| row.value.is_some()));
    }
}
