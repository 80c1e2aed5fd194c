use super::take::Take;
use bytes::Bytes;
use event::Event;
use log::codec::{
    FRAME_HEADER_BYTES, FRAME_MAGIC, check_event, decode_event, encode_event, find_event,
    frame_checksum, frame_offset,
};
use xxhash_rust::xxh3::xxh3_64;

/// What is done with the rest: read as it is, or given a header that fits.
pub fn records(bytes: &[u8]) {
    let mut take = Take(bytes);
    let is_sealed = take.byte().is_multiple_of(2);
    let before = usize::from(take.byte()) % 8;
    let rest = take.rest();
    if !is_sealed {
        as_frame(&Bytes::copy_from_slice(rest));
        return in_rubble(rest);
    }
    let frame = sealed(rest);
    as_frame(&Bytes::from(frame.clone()));
    let mut changed = frame.clone();
    let rubble = [&rest[..before.min(rest.len())], &frame, rest].concat();
    in_rubble(&rubble);
    let at = before + rest.len() / 2;
    if let Some(byte) = changed.get_mut(at) {
        *byte ^= 1 << (before % 8);
        assert!(decode_event(&Bytes::from(changed)).is_err(), "byte {at} may change");
    }
}

fn as_frame(frame: &Bytes) {
    let Ok(event) = decode_event(frame) else { return };
    assert_eq!(check_event(frame), Ok(frame.len()));
    assert_eq!(frame_offset(frame), Some(event.offset()));
    assert_eq!(frame_checksum(frame), Some(xxh3_64(&frame[FRAME_HEADER_BYTES..])));
    assert!(frame.ends_with(&event.body), "the body is the end of its frame");
    let again = encoded(&event);
    assert_eq!(decode_event(&again).as_ref(), Ok(&event), "written again it is another");
    assert!(again.len() <= frame.len(), "there is a shorter form");
}

/// Frames are found wherever they stand, the first first.
fn in_rubble(bytes: &[u8]) {
    let mut from = 0;
    while let Some((at, length)) = find_event(bytes, from) {
        assert_eq!(check_event(&bytes[at..]), Ok(length));
        let naive = (from..).find(|at| check_event(&bytes[*at..]).is_ok());
        assert_eq!(naive, Some(at), "one is passed over");
        from = at + length;
    }
    assert!((from..bytes.len()).all(|at| check_event(&bytes[at..]).is_err()), "one is missed");
}

fn sealed(content: &[u8]) -> Vec<u8> {
    let mut frame = FRAME_MAGIC.to_vec();
    frame.extend_from_slice(&(content.len() as u32).to_le_bytes());
    frame.extend_from_slice(&xxh3_64(content).to_le_bytes());
    frame.extend_from_slice(content);
    frame
}

fn encoded(event: &Event) -> Bytes {
    let mut frame = Vec::new();
    encode_event(event, &mut frame);
    frame.into()
}
