use super::BadRecord;
use super::wire::{Reader, put_bytes};
use crate::{Due, RegistryKey, RetryKey};
use event::{DeliveryId, EndpointId, LaneId, Offset, TenantId, Time};

pub fn offset_key(offset: Offset) -> [u8; 8] {
    offset.0.to_be_bytes()
}

pub fn offset_of_key(key: &[u8]) -> Option<Offset> {
    Some(Offset(u64::from_be_bytes(key.try_into().ok()?)))
}

/// endpoint 8 ‖ n 4
pub fn lane_key(lane: LaneId) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&lane.endpoint.0.to_be_bytes());
    key[8..].copy_from_slice(&lane.n.to_be_bytes());
    key
}

pub(super) fn take_lane(reader: &mut Reader<'_>) -> Result<LaneId, BadRecord> {
    Ok(LaneId { endpoint: EndpointId(reader.u64_be()?), n: reader.u32_be()? })
}

/// lane 12 ‖ offset 8 ‖ k 4
pub fn delivery_key(delivery: DeliveryId) -> [u8; 24] {
    let mut key = [0; 24];
    key[..12].copy_from_slice(&lane_key(delivery.lane));
    key[12..20].copy_from_slice(&delivery.offset.0.to_be_bytes());
    key[20..].copy_from_slice(&delivery.k.to_be_bytes());
    key
}

pub fn delivery_of_key(key: &[u8]) -> Option<DeliveryId> {
    let mut reader = Reader::new(key);
    let delivery = take_delivery(&mut reader).ok()?;
    reader.end().is_ok().then_some(delivery)
}

pub(super) fn take_delivery(reader: &mut Reader<'_>) -> Result<DeliveryId, BadRecord> {
    let lane = take_lane(reader)?;
    Ok(DeliveryId { lane, offset: Offset(reader.u64_be()?), k: reader.u32_be()? })
}

/// 0 ‖ due 8, or 1 ‖ zeros when parked; then the delivery 24
pub fn retry_key(retry: RetryKey) -> [u8; 33] {
    let mut key = [0; 33];
    match retry.due {
        Due::At(time) => key[1..9].copy_from_slice(&time.nanos().to_be_bytes()),
        Due::Parked => key[0] = 1,
    }
    key[9..].copy_from_slice(&delivery_key(retry.delivery));
    key
}

pub(super) fn take_retry(reader: &mut Reader<'_>) -> Result<RetryKey, BadRecord> {
    let due = match (reader.byte()?, reader.u64_be()?) {
        (0, nanos) => Due::At(Time::from_nanos(nanos)),
        (1, 0) => Due::Parked,
        _ => return Err(BadRecord("neither due nor parked")),
    };
    Ok(RetryKey { due, delivery: take_delivery(reader)? })
}

/// kind 1 ‖ length and id ‖ since 8
pub fn registry_key(registry: &RegistryKey) -> Vec<u8> {
    let mut key = vec![registry.kind];
    put_bytes(&mut key, &registry.id);
    key.extend_from_slice(&registry.since.0.to_be_bytes());
    key
}

pub(super) fn take_registry(reader: &mut Reader<'_>) -> Result<RegistryKey, BadRecord> {
    let kind = reader.byte()?;
    let id = reader.bytes()?.into();
    Ok(RegistryKey { kind, id, since: Offset(reader.u64_be()?) })
}

/// length and tenant ‖ length and source ‖ the sender's key
pub fn duplicate_key(tenant: &TenantId, source: &str, sender_key: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(tenant.as_str().len() + source.len() + sender_key.len() + 4);
    put_bytes(&mut key, tenant.as_str().as_bytes());
    put_bytes(&mut key, source.as_bytes());
    key.extend_from_slice(sender_key);
    key
}
