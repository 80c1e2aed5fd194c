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

/// stage 1 ‖ length ‖ the event's frame ‖ hash of the input's key 8, where there is one to keep.
/// The frame's magic is left out: a salvage that looks for events must not take an output for the
/// event it came from.
pub fn encode_parcel(delivery: DeliveryId, parcel: &Parcel) -> Vec<u8> {
    let mut frame = Vec::with_capacity(parcel.event.weight());
    encode_event(&parcel.event, &mut frame);
    let mut value = Value::new(Kind::Parcel);
    value.content.push(stage_code(parcel.stage));
    put_varint(&mut value.content, frame.len() as u64);
    value.content.extend_from_slice(&frame[super::FRAME_MAGIC.len()..]);
    parcel.input_key.iter().for_each(|hash| value.content.extend_from_slice(&hash.to_le_bytes()));
    value.seal(&delivery_key(delivery))
}

pub fn decode_parcel(delivery: DeliveryId, value: &[u8]) -> Result<Parcel, BadRecord> {
    let mut reader = open(Kind::Parcel, &delivery_key(delivery), value)?;
    let stage = take_stage(&mut reader)?;
    let length = usize::try_from(reader.varint()?).map_err(|_| BadRecord("cut short"))?;
    let rest = length.checked_sub(super::FRAME_MAGIC.len()).ok_or(BadRecord("cut short"))?;
    let rest = reader.slice(rest)?;
    let frame = Bytes::from([&super::FRAME_MAGIC[..], rest].concat());
    let event = Arc::new(decode_event(&frame)?);
    // Rows of before there was such a hash end here.
    let input_key = match reader.left() {
        0 => None,
        _ => Some(u64::from_le_bytes(reader.array()?)),
    };
    reader.end()?;
    Ok(Parcel { stage, event, input_key })
}
