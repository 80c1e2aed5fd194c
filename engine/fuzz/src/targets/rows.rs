use super::take::Take;
use event::{DeliveryId, EndpointId, LaneId, Offset};
use log::codec::*;
use registry::{Declared, History, Row, RowKey};
use xxhash_rust::xxh3::xxh3_64_with_seed;

pub const WORDS: &[&str] = &[
    "{\"v\":1,",
    "\"origin\":\"Declared\"",
    "\"next_endpoint\":2",
    "\"where\":\"data.a = 1\"",
    "\"types\":[\"a.*\"]",
    "\"jitter\":2.0",
    "null",
    "a\u{0}b",
];

/// The kind of a row, the length of its key, the key, the content of its value. The check that
/// guards a value on disk is made to fit, so that reading goes on behind it.
pub fn rows(bytes: &[u8]) {
    let mut take = Take(bytes);
    let kind = take.byte() % 12;
    let length = usize::from(take.byte());
    let key = take.slice(length);
    let content = take.rest();
    match kind {
        1 => duplicate(key, &sealed(1, key, content)),
        2 => attempt(key, &sealed(2, key, content)),
        3 => retry(key, &sealed(3, key, content)),
        4 => parcel(key, content),
        5 => dead(key, &sealed(5, key, content)),
        6 => lane(key, &sealed(6, key, content)),
        7 => gap(key, &sealed(7, key, content)),
        8 => registry(key, &sealed(8, key, content)),
        9 => watermarks(key, &sealed(9, key, content)),
        10 => floor(key, &sealed(10, key, content)),
        11 => history(key, content),
        _ => as_it_is(key, content),
    }
}

/// A version byte, the content, and the check over kind, key and both.
fn sealed(kind: u64, key: &[u8], content: &[u8]) -> Vec<u8> {
    let mut value = [&[1][..], content].concat();
    let check = xxh3_64_with_seed(&value, xxh3_64_with_seed(key, kind)) as u32;
    value.extend_from_slice(&check.to_le_bytes());
    value
}

/// Without a check that fits nothing is a row.
fn as_it_is(key: &[u8], value: &[u8]) {
    let is_lucky = value.len() >= 4 && {
        let (content, check) = value.split_at(value.len() - 4);
        let of = |kind| xxh3_64_with_seed(content, xxh3_64_with_seed(key, kind)) as u32;
        (1..=10).any(|kind| of(kind).to_le_bytes() == check)
    };
    let is_row = decode_attempt(key, value).is_ok()
        || decode_retry(key, value).is_ok()
        || decode_dead(key, value).is_ok()
        || decode_lane(key, value).is_ok()
        || decode_gap(key, value).is_ok()
        || decode_registry(key, value).is_ok()
        || decode_duplicate(key, value).is_ok()
        || decode_watermarks(key, value).is_ok()
        || decode_floor(key, value).is_ok();
    assert!(!is_row || is_lucky, "a row without a check");
}

fn duplicate(key: &[u8], value: &[u8]) {
    let Ok(row) = decode_duplicate(key, value) else { return };
    let (again_key, again) = encode_duplicate(&row);
    assert_eq!(decode_duplicate(&again_key, &again), Ok(row));
}

fn attempt(key: &[u8], value: &[u8]) {
    let Ok(row) = decode_attempt(key, value) else { return };
    assert_eq!(attempt_key(&row), key, "it names another place");
    assert_eq!(decode_attempt(key, &encode_attempt(&row)), Ok(row));
}

fn retry(key: &[u8], value: &[u8]) {
    let Ok((name, row)) = decode_retry(key, value) else { return };
    assert_eq!(retry_key(name), key, "it names another place");
    assert_eq!(decode_retry(key, &encode_retry(name, &row)), Ok((name, row)));
}

fn dead(key: &[u8], value: &[u8]) {
    let Ok((name, row)) = decode_dead(key, value) else { return };
    assert_eq!(delivery_key(name), key, "it names another place");
    assert_eq!(decode_dead(key, &encode_dead(name, &row)), Ok((name, row)));
}

fn lane(key: &[u8], value: &[u8]) {
    let Ok((name, row)) = decode_lane(key, value) else { return };
    assert_eq!(lane_key(name), key, "it names another place");
    assert_eq!(decode_lane(key, &encode_lane(name, &row)), Ok((name, row)));
}

fn gap(key: &[u8], value: &[u8]) {
    let Ok(row) = decode_gap(key, value) else { return };
    assert_eq!(gap_key(&row), key, "it names another place");
    assert_eq!(decode_gap(key, &encode_gap(&row)), Ok(row));
}

fn registry(key: &[u8], value: &[u8]) {
    let Ok((name, row)) = decode_registry(key, value) else { return };
    let again = registry_key(&name);
    assert_eq!(decode_registry(&again, &encode_registry(&name, &row)), Ok((name, row)));
}

fn watermarks(key: &[u8], value: &[u8]) {
    let Ok(row) = decode_watermarks(key, value) else { return };
    assert_eq!(decode_watermarks(key, &encode_watermarks(key, &row)), Ok(row));
}

fn floor(key: &[u8], value: &[u8]) {
    let Ok(row) = decode_floor(key, value) else { return };
    assert_eq!(decode_floor(key, &encode_floor(key, row)), Ok(row));
}

fn parcel(key: &[u8], content: &[u8]) {
    let mut name = Take(key);
    let lane = LaneId { endpoint: EndpointId(name.u64()), n: name.u32() };
    let delivery = DeliveryId { lane, offset: Offset(name.u64()), k: name.u32() };
    let mut take = Take(content);
    let stage = take.byte();
    let rest = take.rest();
    let mut value = vec![stage];
    // The frame that a parcel holds stands without its magic, and with its own checksum.
    put_varint(&mut value, rest.len() as u64 + 16);
    value.extend_from_slice(&(rest.len() as u32).to_le_bytes());
    value.extend_from_slice(&xxhash_rust::xxh3::xxh3_64(rest).to_le_bytes());
    value.extend_from_slice(rest);
    let value = sealed(4, &delivery_key(delivery), &value);
    let Ok(parcel) = decode_parcel(delivery, &value) else { return };
    let again = encode_parcel(delivery, &parcel);
    assert_eq!(decode_parcel(delivery, &again), Ok(parcel));
}

/// Rows of the registry, one a line: kind, length of the id, id, value.
fn history(key: &[u8], content: &[u8]) {
    let since = Offset(u64::from(key.first().copied().unwrap_or(0)));
    let rows = content.split(|byte| *byte == b'\n').zip(0..8).map(|(line, n)| {
        let mut take = Take(line);
        let kind = take.byte().wrapping_sub(b'0');
        let length = usize::from(take.byte().wrapping_sub(b'0'));
        let id = take.slice(length).into();
        let key = RowKey { kind, id, since: Offset(since.0 + n) };
        Row { key, value: take.rest().to_vec() }
    });
    let Ok(history) = History::from_rows(rows, &Declared::default(), None) else { return };
    let latest = history.latest();
    assert_eq!(history.at(Offset::MAX).endpoints().len(), latest.endpoints().len());
    for offset in 0..=since.0 + 8 {
        let snapshot = history.at(Offset(offset));
        for endpoint in snapshot.endpoints() {
            assert!(endpoint.since <= Offset(offset), "a version of later rules");
        }
    }
}
