use crate::spec::Purpose;
use event::{Event, EventId, Headers};
use std::sync::Arc;

/// One event that a filter is asked about: an event of the log, or the k-th output that the
/// filters before made of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    pub event: &'a Arc<Event>,
    pub k: u32,
    /// Which event of the whole question it stems from.
    pub source: usize,
    /// How often the chain was asked about that event before.
    pub runs: u32,
}

pub(crate) const HEADER_BYTES: usize = 64;
pub(crate) const ENTRY_BYTES: usize = 64;
/// Where in the header the guest stores the index of the event that it is at.
pub(crate) const PROGRESS_AT: usize = 48;
/// What stands there before the guest stores anything: no event. A guest that never does is
/// thus never taken to blame the first event.
pub(crate) const NO_EVENT: u32 = u32::MAX;
/// The partition of an endpoint's chain, which keeps no keyed state.
const NO_PARTITION: u32 = u32::MAX;
const FLAG_JSON: u32 = 1;
const FLAG_REPLAY: u32 = 4;
const FLAG_DRY_RUN: u32 = 8;
const SOURCE: &str = "ce-source";

impl Input<'_> {
    /// About what it takes in a batch, for cutting batches.
    pub(crate) fn weight(&self) -> usize {
        self.event.weight()
    }

    fn has_source_header(&self) -> bool {
        self.event.envelope.headers.first(SOURCE).is_some()
    }
}

/// What a batch weighs, for its fuel and for cutting it.
pub(crate) fn weight(inputs: &[Input<'_>]) -> usize {
    inputs.iter().map(Input::weight).sum()
}

/// What a batch takes at most.
pub(crate) fn room_for(inputs: &[Input<'_>]) -> usize {
    inputs.iter().map(|input| ENTRY_BYTES + payload_room(input)).sum::<usize>() + HEADER_BYTES
}

fn payload_room(input: &Input<'_>) -> usize {
    let Event { envelope, body, .. } = &**input.event;
    let source = Headers::block_bytes(SOURCE, envelope.source.as_bytes());
    padded(envelope.key.as_deref().unwrap_or("").len())
        + padded(envelope.event_type.len())
        + (4 + envelope.headers.block().len() + source)
        + padded(body.len())
        + padded(EventId::TEXT_BYTES + suffix(input.k).len())
}

/// Of the id of an output after the first.
fn suffix(k: u32) -> String {
    if k == 0 { String::new() } else { format!("-{k}") }
}

const fn padded(len: usize) -> usize {
    len.next_multiple_of(4)
}

/// Writes a batch that the guest will see at address `at`, into at least `room_for` bytes; how many
/// it took. The length is below 4 GiB: a batch is bounded by the limits of events.
pub(crate) fn encode(inputs: &[Input<'_>], purpose: Purpose, at: u32, out: &mut [u8]) -> usize {
    let mut writer = Writer { out, at, used: HEADER_BYTES + ENTRY_BYTES * inputs.len() };
    let first = inputs.first().map_or(0, |input| input.event.offset().0);
    writer.out[..HEADER_BYTES].fill(0);
    writer.out[..4].copy_from_slice(b"FBB1");
    writer.out[4..6].copy_from_slice(&1u16.to_le_bytes());
    writer.out[6..8].copy_from_slice(&(HEADER_BYTES as u16).to_le_bytes());
    writer.word(12, inputs.len());
    writer.word(16, at as usize + HEADER_BYTES);
    writer.word(20, ENTRY_BYTES);
    writer.out[32..40].copy_from_slice(&first.to_le_bytes());
    writer.word(40, NO_PARTITION as usize);
    writer.word(PROGRESS_AT, NO_EVENT as usize);
    for (index, input) in inputs.iter().enumerate() {
        writer.entry(HEADER_BYTES + index * ENTRY_BYTES, input, purpose);
    }
    writer.word(8, writer.used);
    writer.used
}

struct Writer<'a> {
    out: &'a mut [u8],
    at: u32,
    used: usize,
}

impl Writer<'_> {
    fn word(&mut self, place: usize, value: usize) {
        let value = u32::try_from(value).expect("a batch is far below 4 GiB");
        self.out[place..place + 4].copy_from_slice(&value.to_le_bytes());
    }

    fn entry(&mut self, place: usize, input: &Input<'_>, purpose: Purpose) {
        let event = input.event;
        let envelope = &event.envelope;
        self.out[place..place + ENTRY_BYTES].fill(0);
        self.out[place..place + 8].copy_from_slice(&event.offset().0.to_le_bytes());
        self.out[place + 8..place + 16].copy_from_slice(&envelope.time.nanos().to_le_bytes());
        self.bytes(place + 16, envelope.key.as_deref().unwrap_or("").as_bytes());
        self.bytes(place + 24, envelope.event_type.as_bytes());
        self.headers(place + 32, input);
        self.bytes(place + 40, &event.body);
        let is_json = envelope.headers.first("content-type").is_some_and(is_json);
        let flags = match purpose {
            Purpose::Live => 0,
            Purpose::Replay => FLAG_REPLAY,
            Purpose::DryRun => FLAG_DRY_RUN,
        } | if is_json { FLAG_JSON } else { 0 };
        self.word(place + 48, flags as usize);
        self.word(place + 52, input.runs as usize);
        self.id(place + 56, input);
    }

    /// Appends bytes, zero-padded, and notes pointer and length at `place`.
    fn bytes(&mut self, place: usize, bytes: &[u8]) {
        self.note(place, self.used, bytes.len());
        self.append(bytes);
        self.pad();
    }

    fn id(&mut self, place: usize, input: &Input<'_>) {
        let start = self.used;
        self.append(&input.event.id.text());
        if input.k > 0 {
            self.append(suffix(input.k).as_bytes());
        }
        self.note(place, start, self.used - start);
        self.pad();
    }

    fn headers(&mut self, place: usize, input: &Input<'_>) {
        let start = self.used;
        let envelope = &input.event.envelope;
        let adds_source = !input.has_source_header();
        let count = envelope.headers.len() + usize::from(adds_source);
        self.append(&(count as u32).to_le_bytes());
        self.append(envelope.headers.block());
        if adds_source {
            self.append(&(SOURCE.len() as u32).to_le_bytes());
            self.append(&(envelope.source.len() as u32).to_le_bytes());
            self.append(SOURCE.as_bytes());
            self.append(envelope.source.as_bytes());
            self.pad();
        }
        self.note(place, start, self.used - start);
    }

    fn note(&mut self, place: usize, start: usize, len: usize) {
        self.word(place, self.at as usize + start);
        self.word(place + 4, len);
    }

    fn append(&mut self, bytes: &[u8]) {
        self.out[self.used..self.used + bytes.len()].copy_from_slice(bytes);
        self.used += bytes.len();
    }

    fn pad(&mut self) {
        let end = padded(self.used);
        self.out[self.used..end].fill(0);
        self.used = end;
    }
}

fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or(b"").trim_ascii();
    let suffix = &essence[essence.len().saturating_sub(5)..];
    essence.eq_ignore_ascii_case(b"application/json")
        || essence.eq_ignore_ascii_case(b"text/json")
        || suffix.eq_ignore_ascii_case(b"+json")
}

/// The header that the host adds for the guest and takes away again unless the guest changed it;
/// `name` in any case.
pub(crate) fn is_added_header(event: &Event, name: &str, value: &[u8]) -> bool {
    name.eq_ignore_ascii_case(SOURCE)
        && value == event.envelope.source.as_bytes()
        && event.envelope.headers.first(SOURCE).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use event::{Envelope, Offset, StreamId, TenantId, Time};

    #[test]
    fn a_batch_is_laid_out_to_the_byte() {
        let mut headers = Headers::new();
        headers.push("content-type", b"application/problem+json; charset=utf-8");
        let event = Event {
            id: EventId::new(5, Offset(9)),
            envelope: Envelope {
                tenant: TenantId::new("t"),
                stream: StreamId(0),
                source: "shop".into(),
                event_type: "order.paid".into(),
                key: Some("k1".into()),
                time: Time::from_nanos(77),
                headers,
            },
            body: Bytes::from_static(b"{}"),
        };
        let inputs = [Input { event: &Arc::new(event), k: 2, source: 0, runs: 3 }];
        let mut out = vec![0xee; room_for(&inputs) + 100];
        let used = encode(&inputs, Purpose::Replay, 1024, &mut out);
        assert_eq!(used, room_for(&inputs), "the source was added");
        out.truncate(used);
        let word = |at: usize| u32::from_le_bytes(out[at..at + 4].try_into().unwrap()) as usize;
        let text = |at: usize| &out[word(at) - 1024..word(at) - 1024 + word(at + 4)];
        assert_eq!(&out[..8], b"FBB1\x01\0\x40\0");
        assert_eq!((word(8), word(12), word(16), word(20)), (out.len(), 1, 1088, 64));
        assert_eq!((word(32), word(40), word(48)), (9, 0xffff_ffff, 0xffff_ffff));
        assert_eq!((word(64), word(72)), (9, 77));
        assert_eq!((text(80), text(88)), (&b"k1"[..], &b"order.paid"[..]));
        assert_eq!((text(104), word(112), word(116)), (&b"{}"[..], 5, 3));
        assert_eq!(text(120), format!("{}-2", EventId::new(5, Offset(9))).as_bytes());
        let headers = text(96);
        assert_eq!(headers[..4], 2u32.to_le_bytes());
        assert!(headers.ends_with(b"\x09\0\0\0\x04\0\0\0ce-sourceshop\0\0\0"));
    }
}
