use super::BadRecord;
use super::check::{Kind, Value, open};
use super::keys::take_lane;
use super::lane_key;
use super::wire::{Reader, put_bytes, put_varint};
use crate::{AttemptRow, AttemptState};
use event::{Attempted, Cause, DeliveryId, Offset, Outcome, Refusal, Time};
use std::time::Duration;

/// offset 8 ‖ lane 12 ‖ k 4 ‖ number 4: history is read by offset.
pub fn attempt_key(row: &AttemptRow) -> [u8; 28] {
    let mut key = [0; 28];
    key[..8].copy_from_slice(&row.delivery.offset.0.to_be_bytes());
    key[8..20].copy_from_slice(&lane_key(row.delivery.lane));
    key[20..24].copy_from_slice(&row.delivery.k.to_be_bytes());
    key[24..].copy_from_slice(&row.number().to_be_bytes());
    key
}

pub fn encode_attempt(row: &AttemptRow) -> Vec<u8> {
    let mut value = Value::new(Kind::Attempt);
    value.content.push(match row.state {
        AttemptState::Delivered => 0,
        AttemptState::Trouble => 1,
        AttemptState::Dead => 2,
    });
    put_varint(&mut value.content, u64::from(row.outputs));
    match &row.attempt {
        None => value.content.push(0),
        Some(attempt) => {
            value.content.push(1);
            put_attempt(&mut value.content, attempt);
        }
    }
    value.seal(&attempt_key(row))
}

fn put_attempt(out: &mut Vec<u8>, attempt: &Attempted) {
    // The number is in the key, but an attempt may carry the number 0 there as here.
    put_varint(out, u64::from(attempt.number));
    put_varint(out, attempt.at.nanos());
    put_duration(out, attempt.took);
    match &attempt.outcome {
        Outcome::Delivered { status } => {
            out.push(0);
            put_varint(out, u64::from(*status));
        }
        Outcome::Failed { cause, retry_after } => {
            out.push(1);
            put_cause(out, cause);
            out.push(u8::from(retry_after.is_some()));
            retry_after.iter().for_each(|span| put_duration(out, *span));
        }
        Outcome::Gone => out.push(2),
    }
}

fn put_duration(out: &mut Vec<u8>, span: Duration) {
    put_varint(out, span.as_secs());
    put_varint(out, u64::from(span.subsec_nanos()));
}

fn put_cause(out: &mut Vec<u8>, cause: &Cause) {
    match cause {
        Cause::Status(status) => {
            out.push(0);
            put_varint(out, u64::from(*status));
        }
        Cause::Timeout => out.push(1),
        Cause::Dns(why) => put_why(out, 2, why),
        Cause::Connection(why) => put_why(out, 3, why),
        Cause::Tls(why) => put_why(out, 4, why),
        Cause::Refused(refusal) => {
            put_why(out, 5, &refusal.rule);
            put_bytes(out, refusal.allow.as_bytes());
        }
    }
}

fn put_why(out: &mut Vec<u8>, code: u8, why: &str) {
    out.push(code);
    put_bytes(out, why.as_bytes());
}

pub fn decode_attempt(key: &[u8], value: &[u8]) -> Result<AttemptRow, BadRecord> {
    let mut reader = open(Kind::Attempt, key, value)?;
    let state = match reader.byte()? {
        0 => AttemptState::Delivered,
        1 => AttemptState::Trouble,
        2 => AttemptState::Dead,
        _ => return Err(BadRecord("no such state")),
    };
    let outputs = reader.varint_u32()?;
    let attempt = match reader.byte()? {
        0 => None,
        1 => Some(take_attempt(&mut reader)?),
        _ => return Err(BadRecord("the attempt is neither there nor not")),
    };
    reader.end()?;
    let mut name = Reader::new(key);
    let offset = Offset(name.u64_be()?);
    let lane = take_lane(&mut name)?;
    let delivery = DeliveryId { lane, offset, k: name.u32_be()? };
    let row = AttemptRow { delivery, outputs, attempt, state };
    if name.u32_be()? != row.number() {
        return Err(BadRecord("the key names another attempt"));
    }
    name.end()?;
    Ok(row)
}

fn take_attempt(reader: &mut Reader<'_>) -> Result<Attempted, BadRecord> {
    let number = reader.varint_u32()?;
    let at = Time::from_nanos(reader.varint()?);
    let took = take_duration(reader)?;
    let outcome = match reader.byte()? {
        0 => Outcome::Delivered { status: take_status(reader)? },
        1 => {
            let cause = take_cause(reader)?;
            let retry_after = match reader.byte()? {
                0 => None,
                1 => Some(take_duration(reader)?),
                _ => return Err(BadRecord("the wait is neither there nor not")),
            };
            Outcome::Failed { cause, retry_after }
        }
        2 => Outcome::Gone,
        _ => return Err(BadRecord("no such outcome")),
    };
    Ok(Attempted { number, at, took, outcome })
}

fn take_duration(reader: &mut Reader<'_>) -> Result<Duration, BadRecord> {
    let secs = reader.varint()?;
    let nanos = reader.varint_u32()?;
    if nanos >= 1_000_000_000 {
        return Err(BadRecord("a second has fewer nanoseconds"));
    }
    Ok(Duration::new(secs, nanos))
}

fn take_status(reader: &mut Reader<'_>) -> Result<u16, BadRecord> {
    u16::try_from(reader.varint()?).map_err(|_| BadRecord("no such status"))
}

fn take_cause(reader: &mut Reader<'_>) -> Result<Cause, BadRecord> {
    Ok(match reader.byte()? {
        0 => Cause::Status(take_status(reader)?),
        1 => Cause::Timeout,
        2 => Cause::Dns(reader.text()?.into()),
        3 => Cause::Connection(reader.text()?.into()),
        4 => Cause::Tls(reader.text()?.into()),
        5 => Cause::Refused(Refusal { rule: reader.text()?.into(), allow: reader.text()?.into() }),
        _ => return Err(BadRecord("no such cause")),
    })
}
