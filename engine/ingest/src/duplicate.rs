use event::limits::DUPLICATE_KEY_BYTES_MAX;
use event::{Duplicate, OnConflict};
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::Xxh3;

/// What makes two arrivals the same: the sender's `key`, told apart by `kind` from keys of other
/// origin. A key that is too long is kept as its digest.
pub(crate) fn duplicate(
    kind: &str,
    key: &[u8],
    parts: &[&[u8]],
    on_conflict: OnConflict,
) -> Duplicate {
    let whole = [kind.as_bytes(), b":", key].concat();
    let key = if whole.len() <= DUPLICATE_KEY_BYTES_MAX {
        whole.into()
    } else {
        [kind.as_bytes(), b"#", &Sha256::digest(key)].concat().into()
    };
    Duplicate { key, digest: digest(parts), on_conflict }
}

/// A key for senders that give none: the body itself. Who can write one body can write another,
/// so this digest has to withstand those who would like two to collide.
pub(crate) fn by_body(body: &[u8]) -> Duplicate {
    duplicate("body", &Sha256::digest(body), &[body], OnConflict::Store)
}

/// Tells a repeat from an accident, not from an attack: the sender chose key and body alike.
fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Xxh3::new();
    for part in parts {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.digest128().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_origin_and_length_never_meet() {
        let of = |kind: &str, key: &[u8]| duplicate(kind, key, &[b"x"], OnConflict::Store).key;
        let long = vec![b'k'; 600];
        let keys = [
            of("id", b"1"),
            of("key", b"1"),
            of("id", b"2"),
            of("id", &long),
            of("id", &long[1..]),
        ];
        for (n, key) in keys.iter().enumerate() {
            assert!(key.len() <= DUPLICATE_KEY_BYTES_MAX);
            assert!(!keys[n + 1..].contains(key));
        }
        assert_eq!(of("id", &long), keys[3]);
    }

    #[test]
    fn where_one_part_ends_matters() {
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_eq!(digest(&[b"ab", b"c"]), digest(&[b"ab", b"c"]));
    }
}
