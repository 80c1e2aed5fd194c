use crate::Event;

pub(crate) const MAGIC: u32 = u32::from_le_bytes(*b"FBB1");
pub(crate) const HEADER_BYTES: usize = 64;
pub(crate) const ENTRY_BYTES: usize = 64;
/// Where in the header the guest says which event it looks at.
pub(crate) const PROGRESS: usize = 48;

/// The host's batch, read in place.
///
/// Addresses in a batch are addresses of the guest's memory; `at` is that of `bytes[0]`. So the
/// same code reads a batch in WebAssembly, where the two are one, and in a native test.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    at: u32,
    bytes: &'a [u8],
    entries: usize,
    stride: usize,
    pub count: u32,
    pub partition: u32,
}

impl<'a> Batch<'a> {
    /// `header` and `rest` follow one another in memory, the header at address `at`.
    ///
    /// They are apart because PROGRESS in the header is written while events borrow the rest.
    pub fn read(at: u32, header: [u8; HEADER_BYTES], rest: &'a [u8]) -> Result<Batch<'a>, String> {
        if word(&header, 0) != MAGIC {
            return Err("the batch does not begin with FBB1".into());
        }
        let (count, entries, stride) = (word(&header, 12), word(&header, 16), word(&header, 20));
        let rest_at = at + HEADER_BYTES as u32;
        let first = entries.checked_sub(rest_at).map(|n| n as usize);
        let end = u64::from(count) * u64::from(stride) + u64::from(entries);
        match first {
            Some(first)
                if stride as usize >= ENTRY_BYTES
                    && end <= u64::from(rest_at) + rest.len() as u64 =>
            {
                Ok(Batch {
                    at: rest_at,
                    bytes: rest,
                    entries: first,
                    stride: stride as usize,
                    count,
                    partition: word(&header, 40),
                })
            }
            _ => Err("the batch's entries lie outside of it".into()),
        }
    }

    /// # Panics
    /// When `index` is not below `count`.
    pub fn event(self, index: u32) -> Event<'a> {
        let from = self.entries + index as usize * self.stride;
        let entry = self.bytes[from..].first_chunk().expect("`read` saw the end of the entries");
        Event { batch: self, entry }
    }

    /// The bytes that a (ptr, len) of this batch names; empty ones may lie anywhere.
    ///
    /// # Panics
    /// When they lie outside the batch: the host broke the contract.
    pub fn bytes(self, ptr: u32, len: u32) -> &'a [u8] {
        if len == 0 {
            return &[];
        }
        let from = ptr.wrapping_sub(self.at) as usize;
        match self.bytes.get(from..).and_then(|tail| tail.get(..len as usize)) {
            Some(bytes) => bytes,
            None => panic!("the batch names bytes outside of it"),
        }
    }
}

/// The little-endian u32 at `at`.
pub(crate) fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The little-endian u64 at `at`.
pub(crate) fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(word(bytes, at)) | u64::from(word(bytes, at + 4)) << 32
}
