use super::take::Take;
use event::limits;
use filter::{HeaderRows, Row, read_rows};

/// The number of events, a pointer and a length, then a guest's memory. The block begins where
/// they say, or, for small numbers, at the memory's start.
pub fn results(bytes: &[u8]) {
    let mut take = Take(bytes);
    let count = usize::from(take.byte());
    let (ptr, len) = (take.u32(), take.u32());
    let memory = take.rest();
    let here = [(ptr, len), (ptr % 64, memory.len() as u32 - (ptr % 64).min(memory.len() as u32))];
    for (ptr, len) in here {
        let first = read_rows(memory, ptr, len, count);
        assert_eq!(first, read_rows(memory, ptr, len, count), "twice is not alike");
        match first {
            Ok(rows) => are_sound(memory, &rows, count),
            Err(broken) => {
                assert!(!broken.rule.is_empty());
                assert!(broken.at.is_none_or(|at| at < count), "no such event is to blame");
            }
        }
    }
}

fn are_sound(memory: &[u8], rows: &[(usize, Row<'_>)], count: usize) {
    for (at, (source, row)) in rows.iter().enumerate() {
        assert!(*source < count, "a row for no event");
        let alike = rows.iter().filter(|(other, _)| other == source).count();
        assert!(at == 0 || rows[at - 1].0 <= *source, "not in the order of the events");
        match row {
            Row::Drop | Row::Pass => assert_eq!(alike, 1),
            Row::Reject(reason) | Row::Retry { reason, .. } => {
                assert_eq!(alike, 1);
                assert!(reason.len() <= limits::REASON_BYTES_MAX);
            }
            Row::Emit { key, event_type, headers, body } => {
                assert!(alike <= limits::OUTPUTS_MAX);
                if let Some(key) = key {
                    lies_in(memory, key.as_bytes(), limits::KEY_BYTES_MAX);
                    assert!(!key.contains(char::is_control));
                }
                if let Some(text) = event_type {
                    lies_in(memory, text.as_bytes(), limits::EVENT_TYPE_BYTES_MAX);
                    assert!(!text.is_empty() && !text.contains(char::is_control));
                }
                body.iter().for_each(|body| lies_in(memory, body, limits::BODY_BYTES_MAX));
                headers.iter().for_each(|headers| are_headers(memory, *headers));
            }
        }
    }
}

fn are_headers(memory: &[u8], headers: HeaderRows<'_>) {
    assert!(headers.count() <= limits::HEADERS_MAX);
    let weight: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(weight == headers.bytes() && weight <= limits::HEADERS_BYTES_MAX);
    for (name, value) in headers.iter() {
        lies_in(memory, name.as_bytes(), usize::MAX);
        lies_in(memory, value, usize::MAX);
        assert!(!name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':'));
        let is_carried = |byte: &u8| !byte.is_ascii_control() || *byte == b'\t';
        assert!(value.iter().all(is_carried), "no request carries {name}");
    }
}

/// The piece is the guest's own, and not too long.
fn lies_in(memory: &[u8], piece: &[u8], bytes_max: usize) {
    assert!(piece.len() <= bytes_max);
    let (all, one) = (memory.as_ptr_range(), piece.as_ptr_range());
    assert!(piece.is_empty() || (all.start <= one.start && one.end <= all.end), "foreign memory");
}
