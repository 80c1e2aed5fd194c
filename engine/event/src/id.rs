use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

/// A place in the log. Dense: the log's offsets have no holes above its floor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Offset(pub u64);

impl Offset {
    pub const ZERO: Offset = Offset(0);
    pub const MAX: Offset = Offset(u64::MAX);

    /// `MAX` is its own next.
    pub const fn next(self) -> Offset {
        Offset(self.0.saturating_add(1))
    }

    /// The range that has this one alone; an empty one for `MAX`, which no event has.
    pub const fn only(self) -> Range<Offset> {
        self..self.next()
    }

    /// `self - earlier`, zero when that lies ahead.
    pub const fn distance_from(self, earlier: Offset) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Debug for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// An event's public name: `evt_` and 23 characters of base32hex over 48 bits of commit
/// milliseconds and 64 bits of offset.
///
/// The writer never lets the milliseconds decrease, so ids sort as text in log order, and the
/// offset inside finds the event without an index. After a crash that lost an unsynced tail an
/// offset may be used again; the id is not, for its milliseconds are later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    ms: u64,
    offset: Offset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadId;

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an event id: expected `evt_` and 23 characters of 0-9 and a-v")
    }
}

impl std::error::Error for BadId {}

const BASE32: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
const ID_CHARS: usize = 23;
/// Of them, those that stand for the low bits: as many as a word holds.
const LOW_CHARS: usize = 12;
const MS_MAX: u64 = (1 << 48) - 1;

impl EventId {
    /// Of its text.
    pub const TEXT_BYTES: usize = 4 + ID_CHARS;

    /// Milliseconds beyond 48 bits (the year 10889) are cut to the largest.
    pub fn new(ms: u64, offset: Offset) -> EventId {
        EventId { ms: ms.min(MS_MAX), offset }
    }

    pub const fn offset(self) -> Offset {
        self.offset
    }

    /// When the writer gave the id, in milliseconds since the Unix epoch.
    pub const fn millis(self) -> u64 {
        self.ms
    }

    /// The id as text, without an allocation.
    pub fn text(self) -> [u8; EventId::TEXT_BYTES] {
        let bits = (u128::from(self.ms) << 64) | u128::from(self.offset.0);
        let mut text = *b"evt_00000000000000000000000";
        // In two words, because shifting 128 bits costs twice as much.
        let (high, low) = text[4..].split_at_mut(ID_CHARS - LOW_CHARS);
        let low_bits = bits as u64 & ((1 << (5 * LOW_CHARS)) - 1);
        for (slots, mut bits) in [(high, (bits >> (5 * LOW_CHARS)) as u64), (low, low_bits)] {
            for slot in slots.iter_mut().rev() {
                *slot = BASE32[bits as usize & 31];
                bits >>= 5;
            }
        }
        text
    }

    /// The `webhook-id` of the k-th output: the bare id for the first, `<id>-<k>` for the others.
    pub fn of_output(self, k: u32) -> String {
        if k == 0 { self.to_string() } else { format!("{self}-{k}") }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        f.write_str(std::str::from_utf8(&text).expect("the alphabet is ASCII"))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for EventId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<EventId, BadId> {
        let digits = text.strip_prefix("evt_").ok_or(BadId)?.as_bytes();
        if digits.len() != ID_CHARS {
            return Err(BadId);
        }
        let mut bits = 0u128;
        for digit in digits {
            let value = BASE32.iter().position(|c| c == digit).ok_or(BadId)?;
            bits = (bits << 5) | value as u128;
        }
        if bits >> 112 != 0 {
            return Err(BadId);
        }
        Ok(EventId { ms: (bits >> 64) as u64, offset: Offset(bits as u64) })
    }
}

/// A tenant's name, unique on a node. The API calls it an application.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// The name of the one that is meant where none is named.
    pub const DEFAULT: &str = "default";

    pub fn new(name: &str) -> TenantId {
        TenantId(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A stream's number; 0 is the one that sources write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId(pub u16);

/// Given once by the registry and never used again, also not for a namesake made later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub u64);

impl fmt::Debug for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ep{}", self.0)
    }
}

/// As people and the API name it: `ep_7`.
impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ep_{}", self.0)
    }
}

impl EndpointId {
    /// From what it is shown as.
    pub fn read(text: &str) -> Option<EndpointId> {
        text.strip_prefix("ep_")?.parse().ok().map(EndpointId)
    }
}

/// The work of one endpoint: its main lane (`n` = 0) or one search for it (`n` > 0).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneId {
    pub endpoint: EndpointId,
    pub n: u32,
}

impl LaneId {
    pub const fn main(endpoint: EndpointId) -> LaneId {
        LaneId { endpoint, n: 0 }
    }

    pub const fn is_main(self) -> bool {
        self.n == 0
    }
}

impl fmt::Debug for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{}", self.endpoint, self.n)
    }
}

/// One output of one owed event: what is sent, tried again, or given up on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    pub lane: LaneId,
    pub offset: Offset,
    /// Which output of the chain, from 0.
    pub k: u32,
}

impl DeliveryId {
    /// The least that comes after it, of all that there can be at its event.
    pub const fn next(self) -> DeliveryId {
        DeliveryId { k: self.k.saturating_add(1), ..self }
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{:?}.{}", self.lane, self.offset, self.k)
    }
}

pub const PARTITIONS: u8 = 64;

/// The partition of a key.
pub fn partition_of(key: &[u8]) -> u8 {
    (hash_of(key) % u64::from(PARTITIONS)) as u8
}

/// FNV-1a: the same on every machine and in every version, for hashes that are kept on disk.
pub fn hash_of(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_offset_has_nothing_behind_it() {
        assert_eq!(Offset(7).only(), Offset(7)..Offset(8));
        assert!(Offset::MAX.only().is_empty() && Offset::MAX.next() == Offset::MAX);
    }

    #[test]
    fn ids_survive_text_and_sort_in_log_order() {
        let ids = [
            EventId::new(0, Offset(0)),
            EventId::new(0, Offset(u64::MAX)),
            EventId::new(1, Offset(0)),
            EventId::new(1_790_000_000_000, Offset(7)),
            EventId::new(u64::MAX, Offset(u64::MAX)),
        ];
        for pair in ids.windows(2) {
            assert!(pair[0] < pair[1]);
            assert!(pair[0].to_string() < pair[1].to_string());
        }
        for id in ids {
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(id.to_string().len(), 27);
        }
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        let good = EventId::new(5, Offset(9)).to_string();
        for bad in ["", "evt_", "msg_0", &good[..26], &format!("{good}0"), &good.to_uppercase()] {
            assert_eq!(bad.parse::<EventId>(), Err(BadId), "{bad}");
        }
        let beyond = format!("evt_{}", "v".repeat(23));
        assert_eq!(beyond.parse::<EventId>(), Err(BadId), "115 bits do not fit 112");
    }

    #[test]
    fn outputs_after_the_first_are_numbered() {
        let id = EventId::new(5, Offset(9));
        assert_eq!(id.of_output(0), id.to_string());
        assert_eq!(id.of_output(2), format!("{id}-2"));
    }
}
