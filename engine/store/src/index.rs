use bytes::Bytes;
use event::{Event, Offset, StreamId, TenantId};
use log::codec::{Reader, put_bytes, put_varint};
use std::collections::BTreeMap;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// What a sealed generation knows of one event without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    pub offset: Offset,
    pub event_type: Arc<str>,
    /// Of the event's key: equal keys have equal hashes, and no key has 0.
    pub key_hash: u32,
}

/// Which events of a generation are a tenant's, in one stream: about seven bytes an event.
#[derive(Default)]
pub struct Index {
    lists: BTreeMap<(StreamId, TenantId), List>,
}

#[derive(Default)]
struct List {
    types: BTreeMap<Arc<str>, u64>,
    entries: Vec<u8>,
    count: u64,
    last: u64,
}

impl Index {
    /// Events come in offset order.
    pub fn add(&mut self, event: &Event) {
        let envelope = &event.envelope;
        let name = (envelope.stream, envelope.tenant.clone());
        let list = self.lists.entry(name).or_default();
        let next_type = list.types.len() as u64;
        let known = list.types.get(&envelope.event_type);
        let event_type = known.copied().unwrap_or(next_type);
        if event_type == next_type {
            list.types.insert(envelope.event_type.clone(), next_type);
        }
        let offset = event.offset().0;
        put_varint(&mut list.entries, offset - list.last);
        put_varint(&mut list.entries, event_type);
        list.entries.extend_from_slice(&key_hash(envelope.key.as_deref()).to_le_bytes());
        list.last = offset;
        list.count += 1;
    }

    /// The rows that go into the generation's own table, behind its events.
    pub fn rows(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + '_ {
        self.lists.iter().map(|((stream, tenant), list)| {
            let mut types = list.types.iter().map(|(t, n)| (*n, t)).collect::<Vec<_>>();
            types.sort_unstable();
            let mut value = Vec::with_capacity(list.entries.len() + 64);
            put_varint(&mut value, types.len() as u64);
            types.iter().for_each(|(_, name)| put_bytes(&mut value, name.as_bytes()));
            put_varint(&mut value, list.count);
            value.extend_from_slice(&list.entries);
            (index_key(*stream, tenant), value)
        })
    }
}

/// Behind every offset: none starts with eight bytes of ones.
pub fn index_key(stream: StreamId, tenant: &TenantId) -> Vec<u8> {
    let mut key = vec![0xff; 8];
    key.extend_from_slice(&stream.0.to_be_bytes());
    key.extend_from_slice(tenant.as_str().as_bytes());
    key
}

/// Nothing when the bytes are not an index.
pub fn decode_index(value: &Bytes) -> Option<Vec<IndexEntry>> {
    let mut reader = Reader::new(value);
    let mut types: Vec<Arc<str>> = Vec::new();
    for _ in 0..reader.varint().ok()? {
        types.push(reader.text().ok()?.into());
    }
    let count = usize::try_from(reader.varint().ok()?).ok()?;
    let mut entries = Vec::with_capacity(count.min(reader.left()));
    let mut offset = 0u64;
    for _ in 0..count {
        offset = offset.checked_add(reader.varint().ok()?)?;
        let event_type = types.get(usize::try_from(reader.varint().ok()?).ok()?)?.clone();
        let key_hash = u32::from_le_bytes(reader.array().ok()?);
        entries.push(IndexEntry { offset: Offset(offset), event_type, key_hash });
    }
    reader.end().ok()?;
    Some(entries)
}

/// The hash that an index holds for a key.
pub fn key_hash(key: Option<&str>) -> u32 {
    key.map_or(0, |key| (xxh3_64(key.as_bytes()) as u32).max(1))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_index_lists_each_tenants_events() {
        let mut index = Index::default();
        let events: Vec<_> = (100..400).map(log::contract::event).collect();
        events.iter().for_each(|event| index.add(event));
        let rows: Vec<_> = index.rows().collect();
        assert_eq!(rows.len(), 1, "the suite's events are of one tenant and stream");
        assert_eq!(rows[0].0, index_key(StreamId(0), &TenantId::new("default")));
        assert!(rows[0].1.len() < events.len() * 8, "{} bytes", rows[0].1.len());
        let entries = decode_index(&rows[0].1.clone().into()).unwrap();
        for (event, entry) in events.iter().zip(&entries) {
            assert_eq!(
                (entry.offset, &entry.event_type),
                (event.offset(), &event.envelope.event_type)
            );
            assert_eq!(entry.key_hash, key_hash(event.envelope.key.as_deref()));
        }
        assert_eq!(entries.len(), events.len());
        let cut = Bytes::copy_from_slice(&rows[0].1[..rows[0].1.len() - 1]);
        assert_eq!(decode_index(&cut), None);
    }
}
