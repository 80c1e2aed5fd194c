use bytes::Bytes;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A lookup table: values by key, whole and unchanging, in one piece of memory that is also what
/// a disk keeps. A key is found in log2(n) steps, and nothing is allocated for it.
///
/// ```text
/// 'FBT1' | u32 count | u32 end × count | entries, by key: u16 key_len, key, value
/// ```
/// An entry goes from the end of the one before to its own, counted from the first entry. Numbers
/// are little-endian, keys are ordered by their bytes and none is there twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    bytes: Bytes,
    count: usize,
}

/// Of one key. A guest that asks for a longer one is told that it is not there.
pub const TABLE_KEY_BYTES_MAX: usize = 1 << 10;

const MAGIC: &[u8; 4] = b"FBT1";
const HEADER_BYTES: usize = 8;

impl Table {
    /// Of entries in the order of their keys. None when they are not, a key is there twice or is
    /// too long, or all of it is more than 4 GiB.
    pub fn pack<'a>(
        entries: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone,
    ) -> Option<Table> {
        let count = u32::try_from(entries.len()).ok()?;
        let mut packed = [MAGIC.as_slice(), &count.to_le_bytes()].concat();
        let mut end = 0;
        for (key, value) in entries.clone() {
            end += 2 + key.len() + value.len();
            packed.extend(u32::try_from(end).ok()?.to_le_bytes());
        }
        packed.reserve_exact(end);
        for (key, value) in entries {
            packed.extend(u16::try_from(key.len()).ok()?.to_le_bytes());
            packed.extend_from_slice(key);
            packed.extend_from_slice(value);
        }
        Table::read(packed.into())
    }

    /// What `bytes` gave. None for anything else.
    pub fn read(bytes: Bytes) -> Option<Table> {
        let count = word(&bytes, 4).filter(|_| bytes.starts_with(MAGIC))? as usize;
        let table = Table { bytes, count };
        let entries_bytes = table.bytes.len().checked_sub(table.entries_at())?;
        let (mut start, mut before) = (0, None);
        for n in 0..count {
            let end = word(&table.bytes, HEADER_BYTES + 4 * n)? as usize;
            let entry = table.bytes[table.entries_at()..].get(start..end)?;
            let key = key_of(entry)?;
            if key.len() > TABLE_KEY_BYTES_MAX || before.is_some_and(|before| before >= key) {
                return None;
            }
            (start, before) = (end, Some(key));
        }
        (start == entries_bytes).then_some(table)
    }

    /// The whole, for `read`.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.count
    }

    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.entry(middle);
            let found = key_of(entry).expect("it was read so");
            match found.cmp(key) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Some(&entry[2 + key.len()..]),
            }
        }
        None
    }

    /// How many keys a look-up compares at most.
    pub(crate) fn steps(&self) -> u32 {
        usize::BITS - self.count.leading_zeros()
    }

    fn entry(&self, n: usize) -> &[u8] {
        let end = |n: usize| word(&self.bytes, HEADER_BYTES + 4 * n).expect("it was read so");
        let start = n.checked_sub(1).map_or(0, end) as usize;
        &self.bytes[self.entries_at()..][start..end(n) as usize]
    }

    fn entries_at(&self) -> usize {
        HEADER_BYTES + 4 * self.count
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(word.try_into().expect("four bytes")))
}

fn key_of(entry: &[u8]) -> Option<&[u8]> {
    let (len, rest) = entry.split_first_chunk::<2>()?;
    rest.get(..u16::from_le_bytes(*len).into())
}

/// The tables of one tenant by name: what a filter of its own may look things up in. Cheap to
/// clone; those who hold one go on with the versions that are in it.
#[derive(Clone, Debug, Default)]
pub struct Tables(Arc<BTreeMap<Box<str>, Arc<Table>>>);

impl Tables {
    pub fn get(&self, name: &str) -> Option<&Arc<Table>> {
        self.0.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<Table>)> {
        self.0.iter().map(|(name, table)| (&**name, table))
    }
}

impl FromIterator<(Box<str>, Arc<Table>)> for Tables {
    fn from_iter<I: IntoIterator<Item = (Box<str>, Arc<Table>)>>(tables: I) -> Tables {
        Tables(Arc::new(tables.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(entries: &[(&str, &str)]) -> Option<Table> {
        Table::pack(entries.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes())))
    }

    #[test]
    fn every_key_is_found_and_no_other() {
        let names: Vec<String> = (0..1000).map(|n| format!("{:04}", n * 2)).collect();
        for count in [0, 1, 2, 3, 7, 8, 1000] {
            let entries: Vec<_> = names[..count].iter().map(|n| (&**n, &n[1..])).collect();
            let table = packed(&entries).unwrap();
            assert_eq!(table.keys(), count);
            for (key, value) in &entries {
                assert_eq!(table.get(key.as_bytes()), Some(value.as_bytes()));
            }
            for other in ["", "0", "0001", "1999", "9", "00000"] {
                assert_eq!(table.get(other.as_bytes()), None, "{other}");
            }
            assert_eq!(Table::read(table.bytes().clone()), Some(table));
        }
        let table = packed(&[("", "nobody"), ("a", ""), ("b", "2")]).unwrap();
        assert_eq!(table.get(b""), Some(&b"nobody"[..]));
        assert_eq!(table.get(b"a"), Some(&b""[..]));
        assert!(packed(&[("b", "1"), ("a", "2")]).is_none());
        assert!(packed(&[("a", "1"), ("a", "2")]).is_none());
        let long = "k".repeat(TABLE_KEY_BYTES_MAX + 1);
        assert!(packed(&[(&long[1..], "")]).is_some());
        assert!(packed(&[(&long, "")]).is_none());
    }

    /// A broken file is refused, and whatever is taken can be asked for anything.
    #[test]
    fn no_bytes_make_the_reader_stumble() {
        let whole = packed(&[("a", "1"), ("bb", "22"), ("c", "333")]).unwrap().bytes.to_vec();
        let check = |bytes: &[u8]| {
            if let Some(table) = Table::read(Bytes::copy_from_slice(bytes)) {
                for key in ["a", "bb", "c", "", "zz"] {
                    let _ = table.get(key.as_bytes());
                }
            }
        };
        for cut in 0..whole.len() {
            assert!(Table::read(Bytes::copy_from_slice(&whole[..cut])).is_none(), "{cut}");
        }
        assert!(Table::read([&whole[..], b"x"].concat().into()).is_none());
        for at in 0..whole.len() {
            for byte in [0, 1, 2, 0x7f, 0x80, 0xff] {
                let mut broken = whole.clone();
                broken[at] = byte;
                check(&broken);
            }
        }
    }
}
