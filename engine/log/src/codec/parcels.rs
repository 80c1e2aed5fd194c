use super::BadRecord;
use super::check::{Kind, Value, open};
use super::frame::{decode_event, encode_event};
use super::keys::delivery_key;
use super::rows::{stage_code, take_stage};
use super::wire::put_varint;
use crate::Parcel;
use bytes::Bytes;
use event::DeliveryId;
use std::sync::Arc;

/// stage 1 ‖ length ‖ the event's frame. The frame's magic is left out: a salvage that looks for
/// events must not take an output for the event it came from.
pub fn encode_parcel(delivery: DeliveryId, parcel: &Parcel) -> Vec<u8> {
    let mut frame = Vec::with_capacity(parcel.event.weight());
    encode_event(&parcel.event, &mut frame);
    let mut value = Value::new(Kind::Parcel);
    value.content.push(stage_code(parcel.stage));
    put_varint(&mut value.content, frame.len() as u64);
    value.content.extend_from_slice(&frame[super::FRAME_MAGIC.len()..]);
    value.seal(&delivery_key(delivery))
}

pub fn decode_parcel(delivery: DeliveryId, value: &[u8]) -> Result<Parcel, BadRecord> {
    let mut reader = open(Kind::Parcel, &delivery_key(delivery), value)?;
    let stage = take_stage(&mut reader)?;
    let length = reader.varint()?;
    let mut frame = Vec::with_capacity(reader.left() + super::FRAME_MAGIC.len());
    frame.extend_from_slice(&super::FRAME_MAGIC);
    frame.extend_from_slice(reader.rest());
    if frame.len() as u64 != length {
        return Err(BadRecord("cut short"));
    }
    Ok(Parcel { stage, event: Arc::new(decode_event(&Bytes::from(frame))?) })
}
