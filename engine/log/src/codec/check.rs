use super::BadRecord;
use super::wire::Reader;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Which table a row belongs to; part of its check, and never given to another table.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Duplicate = 1,
    Attempt = 2,
    Retry = 3,
    Parcel = 4,
    Dead = 5,
    Lane = 6,
    Gap = 7,
    Registry = 8,
    Watermarks = 9,
    Floor = 10,
}

const VERSION: u8 = 1;
const CHECK_BYTES: usize = 4;

/// A value being written: a version byte, the content, then the check.
pub(super) struct Value {
    pub content: Vec<u8>,
    kind: Kind,
}

impl Value {
    pub fn new(kind: Kind) -> Value {
        let mut content = Vec::with_capacity(48);
        content.push(VERSION);
        Value { content, kind }
    }

    pub fn seal(mut self, key: &[u8]) -> Vec<u8> {
        let check = check_of(self.kind, key, &self.content);
        self.content.extend_from_slice(&check.to_le_bytes());
        self.content
    }
}

/// The content of a value that is what was written under this key.
pub(super) fn open<'a>(kind: Kind, key: &[u8], value: &'a [u8]) -> Result<Reader<'a>, BadRecord> {
    let at = value.len().checked_sub(CHECK_BYTES).ok_or(BadRecord("cut short"))?;
    let (content, check) = value.split_at(at);
    if check != check_of(kind, key, content).to_le_bytes() {
        return Err(BadRecord("the check does not fit"));
    }
    let mut reader = Reader::new(content);
    if reader.byte()? != VERSION {
        return Err(BadRecord("of another version"));
    }
    Ok(reader)
}

fn check_of(kind: Kind, key: &[u8], content: &[u8]) -> u32 {
    let name = xxh3_64_with_seed(key, kind as u64);
    xxh3_64_with_seed(content, name) as u32
}
