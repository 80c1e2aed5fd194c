use super::check::{Kind, Value, open};
use super::keys::{
    duplicate_key, lane_key, registry_key, retry_key, take_delivery, take_lane, take_registry,
    take_retry,
};
use super::wire::{Reader, put_bytes, put_varint};
use super::{BadRecord, delivery_key};
use crate::{
    DeadRow, DuplicateRow, GapRow, LaneRow, RegistryKey, RetryKey, RetryRow, Stage, Watermarks, Why,
};
use event::{DeliveryId, EventId, LaneId, Offset, TenantId, Time};

pub(super) fn stage_code(stage: Stage) -> u8 {
    match stage {
        Stage::Input => 0,
        Stage::Output => 1,
    }
}

pub(super) fn take_stage(reader: &mut Reader<'_>) -> Result<Stage, BadRecord> {
    match reader.byte()? {
        0 => Ok(Stage::Input),
        1 => Ok(Stage::Output),
        _ => Err(BadRecord("no such stage")),
    }
}

/// What a delivery in trouble or dead remembers of how it was matched.
fn put_rule(out: &mut Vec<u8>, ruled_by: Offset, key_hash: Option<u64>) {
    put_varint(out, ruled_by.0);
    out.push(u8::from(key_hash.is_some()));
    key_hash.iter().for_each(|hash| out.extend_from_slice(&hash.to_le_bytes()));
}

fn take_rule(reader: &mut Reader<'_>) -> Result<(Offset, Option<u64>), BadRecord> {
    let ruled_by = Offset(reader.varint()?);
    let key_hash = match reader.byte()? {
        0 => None,
        1 => Some(u64::from_le_bytes(reader.array()?)),
        _ => return Err(BadRecord("the key is neither there nor not")),
    };
    Ok((ruled_by, key_hash))
}

pub fn encode_duplicate(row: &DuplicateRow) -> (Vec<u8>, Vec<u8>) {
    let key = duplicate_key(&row.tenant, &row.source, &row.key);
    let mut value = Value::new(Kind::Duplicate);
    value.content.extend_from_slice(&row.digest);
    put_varint(&mut value.content, row.id.millis());
    put_varint(&mut value.content, row.id.offset().0);
    let value = value.seal(&key);
    (key, value)
}

pub fn decode_duplicate(key: &[u8], value: &[u8]) -> Result<DuplicateRow, BadRecord> {
    let mut reader = open(Kind::Duplicate, key, value)?;
    let digest = reader.array()?;
    let id = EventId::new(reader.varint()?, Offset(reader.varint()?));
    reader.end()?;
    let mut name = Reader::new(key);
    let tenant = TenantId::new(name.text()?);
    let source = name.text()?.into();
    Ok(DuplicateRow { tenant, source, key: name.rest().into(), digest, id })
}

pub fn encode_retry(retry: RetryKey, row: &RetryRow) -> Vec<u8> {
    let mut value = Value::new(Kind::Retry);
    put_varint(&mut value.content, u64::from(row.attempts));
    value.content.push(stage_code(row.stage));
    put_varint(&mut value.content, u64::from(row.outputs));
    put_varint(&mut value.content, row.since.nanos());
    put_rule(&mut value.content, row.ruled_by, row.key_hash);
    value.seal(&retry_key(retry))
}

pub fn decode_retry(key: &[u8], value: &[u8]) -> Result<(RetryKey, RetryRow), BadRecord> {
    let mut reader = open(Kind::Retry, key, value)?;
    let attempts = reader.varint_u32()?;
    let stage = take_stage(&mut reader)?;
    let outputs = reader.varint_u32()?;
    let since = Time::from_nanos(reader.varint()?);
    let (ruled_by, key_hash) = take_rule(&mut reader)?;
    reader.end()?;
    let mut name = Reader::new(key);
    let retry = take_retry(&mut name)?;
    name.end()?;
    Ok((retry, RetryRow { attempts, stage, outputs, since, ruled_by, key_hash }))
}

pub fn encode_dead(delivery: DeliveryId, row: &DeadRow) -> Vec<u8> {
    let mut value = Value::new(Kind::Dead);
    put_bytes(&mut value.content, row.reason.as_bytes());
    put_varint(&mut value.content, row.at.nanos());
    put_varint(&mut value.content, u64::from(row.attempts));
    value.content.push(stage_code(row.stage));
    put_varint(&mut value.content, u64::from(row.outputs));
    put_rule(&mut value.content, row.ruled_by, row.key_hash);
    value.seal(&delivery_key(delivery))
}

pub fn decode_dead(key: &[u8], value: &[u8]) -> Result<(DeliveryId, DeadRow), BadRecord> {
    let mut reader = open(Kind::Dead, key, value)?;
    let reason = reader.text()?.into();
    let at = Time::from_nanos(reader.varint()?);
    let attempts = reader.varint_u32()?;
    let stage = take_stage(&mut reader)?;
    let outputs = reader.varint_u32()?;
    let (ruled_by, key_hash) = take_rule(&mut reader)?;
    reader.end()?;
    let mut name = Reader::new(key);
    let delivery = take_delivery(&mut name)?;
    name.end()?;
    Ok((delivery, DeadRow { reason, at, attempts, stage, outputs, ruled_by, key_hash }))
}

pub fn encode_lane(lane: LaneId, row: &LaneRow) -> Vec<u8> {
    let mut value = Value::new(Kind::Lane);
    put_varint(&mut value.content, row.cursor.0);
    put_varint(&mut value.content, row.high.0);
    put_varint(&mut value.content, row.since.0);
    value.content.push(match row.why {
        Why::Slow => 0,
        Why::Breaker => 1,
        Why::Disabled => 2,
        Why::Gone => 3,
        Why::Failing => 4,
        Why::FilterStopped => 5,
        Why::Fifo => 6,
        Why::Missing => 7,
    });
    value.seal(&lane_key(lane))
}

pub fn decode_lane(key: &[u8], value: &[u8]) -> Result<(LaneId, LaneRow), BadRecord> {
    let mut reader = open(Kind::Lane, key, value)?;
    let cursor = Offset(reader.varint()?);
    let high = Offset(reader.varint()?);
    let since = Offset(reader.varint()?);
    let why = match reader.byte()? {
        0 => Why::Slow,
        1 => Why::Breaker,
        2 => Why::Disabled,
        3 => Why::Gone,
        4 => Why::Failing,
        5 => Why::FilterStopped,
        6 => Why::Fifo,
        7 => Why::Missing,
        _ => return Err(BadRecord("no such reason")),
    };
    reader.end()?;
    let mut name = Reader::new(key);
    let lane = take_lane(&mut name)?;
    name.end()?;
    Ok((lane, LaneRow { cursor, high, since, why }))
}

/// at 8 ‖ lane 12 ‖ from 8 ‖ until 8, so that gaps come in the order in which they were made
pub fn gap_key(row: &GapRow) -> Vec<u8> {
    let mut key = Vec::with_capacity(36);
    key.extend_from_slice(&row.at.nanos().to_be_bytes());
    key.extend_from_slice(&lane_key(row.lane));
    key.extend_from_slice(&row.from.0.to_be_bytes());
    key.extend_from_slice(&row.until.0.to_be_bytes());
    key
}

pub fn encode_gap(row: &GapRow) -> Vec<u8> {
    Value::new(Kind::Gap).seal(&gap_key(row))
}

pub fn decode_gap(key: &[u8], value: &[u8]) -> Result<GapRow, BadRecord> {
    open(Kind::Gap, key, value)?.end()?;
    let mut name = Reader::new(key);
    let at = Time::from_nanos(name.u64_be()?);
    let lane = take_lane(&mut name)?;
    let (from, until) = (Offset(name.u64_be()?), Offset(name.u64_be()?));
    name.end()?;
    Ok(GapRow { lane, from, until, at })
}

pub fn encode_registry(registry: &RegistryKey, content: &[u8]) -> Vec<u8> {
    let mut value = Value::new(Kind::Registry);
    value.content.extend_from_slice(content);
    value.seal(&registry_key(registry))
}

pub fn decode_registry(key: &[u8], value: &[u8]) -> Result<(RegistryKey, Vec<u8>), BadRecord> {
    let content = open(Kind::Registry, key, value)?.rest().to_vec();
    let mut name = Reader::new(key);
    let registry = take_registry(&mut name)?;
    name.end()?;
    Ok((registry, content))
}

/// `key` is the store's own; the codec only ties the value to it.
pub fn encode_watermarks(key: &[u8], row: &Watermarks) -> Vec<u8> {
    let mut value = Value::new(Kind::Watermarks);
    put_varint(&mut value.content, row.shards.len() as u64);
    row.shards.iter().for_each(|offset| put_varint(&mut value.content, offset.0));
    value.seal(key)
}

pub fn decode_watermarks(key: &[u8], value: &[u8]) -> Result<Watermarks, BadRecord> {
    let mut reader = open(Kind::Watermarks, key, value)?;
    let count = reader.varint()?;
    if count > reader.left() as u64 {
        return Err(BadRecord("cut short"));
    }
    let shards = (0..count).map(|_| reader.varint().map(Offset)).collect::<Result<_, _>>()?;
    reader.end()?;
    Ok(Watermarks { shards })
}

/// `key` is the store's own; the codec only ties the value to it.
pub fn encode_floor(key: &[u8], floor: Offset) -> Vec<u8> {
    let mut value = Value::new(Kind::Floor);
    put_varint(&mut value.content, floor.0);
    value.seal(key)
}

pub fn decode_floor(key: &[u8], value: &[u8]) -> Result<Offset, BadRecord> {
    let mut reader = open(Kind::Floor, key, value)?;
    let floor = Offset(reader.varint()?);
    reader.end()?;
    Ok(floor)
}
