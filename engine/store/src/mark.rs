use event::{Offset, Time};
use xxhash_rust::xxh3::xxh3_64;

/// A row that every group writes: where the group stands, and all that a restart would otherwise
/// have to count. It can be found in raw bytes by its magic, so a mark that outlived a damaged
/// neighbour still tells what had been synced by then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// From 1, one more with each group.
    pub group: u64,
    /// The last group whose sync had returned when this one was written, and the head after it.
    pub synced_group: u64,
    pub synced_head: Offset,
    /// The log's head before and after the group.
    pub first: Offset,
    pub head: Offset,
    /// The database's sequence number was not lower when the group was written.
    pub seqno: u64,
    pub open: OpenGeneration,
}

/// The generation that is written to, as of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenGeneration {
    pub number: u64,
    pub first: Offset,
    pub bytes: u64,
    pub newest: Time,
    /// The checksums of its events, each folded into the one of those before.
    pub checksum: u64,
}

const MAGIC: [u8; 4] = [0xf0, 0x9f, 0x0e, 0xb2];
const NUMBERS: usize = 11;
/// magic 4 │ checksum 8 │ eleven numbers
const MARK_BYTES: usize = 12 + NUMBERS * 8;

impl Mark {
    pub fn encode(&self) -> [u8; MARK_BYTES] {
        let numbers: [u64; NUMBERS] = [
            self.group,
            self.synced_group,
            self.synced_head.0,
            self.first.0,
            self.head.0,
            self.seqno,
            self.open.number,
            self.open.first.0,
            self.open.bytes,
            self.open.newest.nanos(),
            self.open.checksum,
        ];
        let mut bytes = [0; MARK_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        for (slot, number) in bytes[12..].chunks_exact_mut(8).zip(numbers) {
            slot.copy_from_slice(&number.to_be_bytes());
        }
        let checksum = xxh3_64(&bytes[12..]);
        bytes[4..12].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    /// The mark that `bytes` are, whole and undamaged.
    pub fn decode(bytes: &[u8]) -> Option<Mark> {
        if bytes.len() != MARK_BYTES || bytes[..4] != MAGIC {
            return None;
        }
        if bytes[4..12] != xxh3_64(&bytes[12..]).to_be_bytes() {
            return None;
        }
        let mut numbers = [0u64; NUMBERS];
        for (number, slot) in numbers.iter_mut().zip(bytes[12..].chunks_exact(8)) {
            *number = u64::from_be_bytes(slot.try_into().expect("eight bytes"));
        }
        let [group, synced_group, synced_head, first, head, seqno, open @ ..] = numbers;
        let [number, open_first, bytes, newest, checksum] = open;
        Some(Mark {
            group,
            synced_group,
            synced_head: Offset(synced_head),
            first: Offset(first),
            head: Offset(head),
            seqno,
            open: OpenGeneration {
                number,
                first: Offset(open_first),
                bytes,
                newest: Time::from_nanos(newest),
                checksum,
            },
        })
    }

    /// Every intact mark in `bytes`, wherever it stands.
    pub fn find_all(bytes: &[u8]) -> impl Iterator<Item = Mark> + '_ {
        let starts = (0..bytes.len()).filter(|at| bytes[*at] == MAGIC[0]);
        starts.filter_map(|at| Mark::decode(bytes.get(at..at + MARK_BYTES)?))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_in_rubble_and_not_when_changed() {
        let open = OpenGeneration {
            number: 7,
            first: Offset(8),
            bytes: 9,
            newest: Time::from_nanos(10),
            checksum: u64::MAX,
        };
        let mark = Mark {
            group: 1,
            synced_group: 2,
            synced_head: Offset(3),
            first: Offset(4),
            head: Offset(5),
            seqno: 6,
            open,
        };
        let bytes = mark.encode();
        assert_eq!(Mark::decode(&bytes), Some(mark));
        let rubble = [&[0xf0, 0x9f, 0xf0][..], &bytes, &[0xf0]].concat();
        assert_eq!(Mark::find_all(&rubble).collect::<Vec<_>>(), [mark]);
        for at in 0..bytes.len() {
            let mut changed = bytes;
            changed[at] ^= 1;
            assert_eq!(Mark::decode(&changed), None, "byte {at}");
        }
    }
}
