use super::BadRecord;
use super::wire::{Reader, put_bytes, put_varint, tail};
use bytes::Bytes;
use event::limits::HEADERS_MAX;
use event::{Envelope, Event, EventId, Headers, Offset, StreamId, TenantId, Time};
use xxhash_rust::xxh3::xxh3_64;

/// An event on disk. The offset is inside the checked bytes, so a frame names its own place.
///
/// ```text
/// magic 4 │ length u32 │ checksum u64 │ version 1 │ offset u64 │ envelope … │ body
///         └ bytes after the checksum   └────────── checksummed ──────────────────┘
/// ```
pub const FRAME_MAGIC: [u8; 4] = [0xf0, 0x9f, 0x0e, 0xb1];
/// Magic, length and checksum.
pub const FRAME_HEADER_BYTES: usize = 16;

const VERSION: u8 = 1;

/// Appends the frame of `event` to `out`.
pub fn encode_event(event: &Event, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&FRAME_MAGIC);
    out.extend_from_slice(&[0; FRAME_HEADER_BYTES - FRAME_MAGIC.len()]);
    out.push(VERSION);
    out.extend_from_slice(&event.offset().0.to_be_bytes());
    put_envelope(event, out);
    out.extend_from_slice(&event.body);
    let content = start + FRAME_HEADER_BYTES;
    let length = u32::try_from(out.len() - content).expect("limits keep an event far below 4 GiB");
    let checksum = xxh3_64(&out[content..]);
    out[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    out[start + 8..content].copy_from_slice(&checksum.to_le_bytes());
}

fn put_envelope(event: &Event, out: &mut Vec<u8>) {
    let envelope = &event.envelope;
    put_varint(out, event.id.millis());
    put_varint(out, envelope.time.nanos());
    put_varint(out, u64::from(envelope.stream.0));
    put_bytes(out, envelope.tenant.as_str().as_bytes());
    put_bytes(out, envelope.source.as_bytes());
    put_bytes(out, envelope.event_type.as_bytes());
    match &envelope.key {
        None => out.push(0),
        Some(key) => {
            out.push(1);
            put_bytes(out, key.as_bytes());
        }
    }
    put_varint(out, envelope.headers.len() as u64);
    for (name, value) in envelope.headers.iter() {
        put_bytes(out, name.as_bytes());
        put_bytes(out, value);
    }
}

/// The event of exactly one frame. Its body shares the memory of `frame`.
pub fn decode_event(frame: &Bytes) -> Result<Event, BadRecord> {
    let length = check_event(frame)?;
    if length != frame.len() {
        return Err(BadRecord("bytes left over"));
    }
    let mut reader = Reader::new(&frame[FRAME_HEADER_BYTES..]);
    if reader.byte()? != VERSION {
        return Err(BadRecord("of another version"));
    }
    let offset = Offset(reader.u64_be()?);
    let id = EventId::new(reader.varint()?, offset);
    let envelope = envelope(&mut reader)?;
    Ok(Event { id, envelope, body: tail(frame, reader.left()) })
}

fn envelope(reader: &mut Reader<'_>) -> Result<Envelope, BadRecord> {
    let time = Time::from_nanos(reader.varint()?);
    let stream = u16::try_from(reader.varint()?).map_err(|_| BadRecord("no such stream"))?;
    let tenant = TenantId::new(reader.text()?);
    let source = reader.text()?.into();
    let event_type = reader.text()?.into();
    let key = match reader.byte()? {
        0 => None,
        1 => Some(reader.text()?.into()),
        _ => return Err(BadRecord("the key is neither there nor not")),
    };
    let headers = headers(reader)?;
    Ok(Envelope { tenant, stream: StreamId(stream), source, event_type, key, time, headers })
}

fn headers(reader: &mut Reader<'_>) -> Result<Headers, BadRecord> {
    let count = reader.varint()?;
    if count > HEADERS_MAX as u64 {
        return Err(BadRecord("too many headers"));
    }
    let mut headers = Headers::new();
    for _ in 0..count {
        headers.push(reader.text()?, reader.bytes()?);
    }
    Ok(headers)
}

/// The length of the whole and undamaged frame that `bytes` start with.
pub fn check_event(bytes: &[u8]) -> Result<usize, BadRecord> {
    let mut reader = Reader::new(bytes);
    if reader.array()? != FRAME_MAGIC {
        return Err(BadRecord("no magic"));
    }
    let length = u32::from_le_bytes(reader.array()?) as usize;
    let checksum = u64::from_le_bytes(reader.array()?);
    if xxh3_64(reader.slice(length)?) != checksum {
        return Err(BadRecord("the checksum does not fit"));
    }
    Ok(FRAME_HEADER_BYTES + length)
}

/// The checksum that a frame carries, unchecked; nothing when it is too short for one.
pub fn frame_checksum(frame: &[u8]) -> Option<u64> {
    let bytes = frame.get(8..FRAME_HEADER_BYTES)?;
    Some(u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
}

/// The offset that a frame names, unchecked; nothing when it is too short for one.
pub fn frame_offset(frame: &[u8]) -> Option<Offset> {
    let start = FRAME_HEADER_BYTES + 1;
    let bytes = frame.get(start..start + 8)?;
    Some(Offset(u64::from_be_bytes(bytes.try_into().expect("eight bytes"))))
}

/// The first whole and undamaged frame at or after `from`: where it starts and its length.
pub fn find_event(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    while let Some(rest) = bytes.get(at..) {
        at += rest.iter().position(|byte| *byte == FRAME_MAGIC[0])?;
        if let Ok(length) = check_event(&bytes[at..]) {
            return Some((at, length));
        }
        at += 1;
    }
    None
}
