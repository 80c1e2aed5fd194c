use super::BadRecord;
use bytes::Bytes;

/// Reads the primitives that records are made of from the front of a slice.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub fn slice(&mut self, count: usize) -> Result<&'a [u8], BadRecord> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(BadRecord("cut short"))?;
        self.rest = rest;
        Ok(head)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], BadRecord> {
        Ok(self.slice(N)?.try_into().expect("the slice has N bytes"))
    }

    pub fn byte(&mut self) -> Result<u8, BadRecord> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u32_be(&mut self) -> Result<u32, BadRecord> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn u64_be(&mut self) -> Result<u64, BadRecord> {
        self.array().map(u64::from_be_bytes)
    }

    /// LEB128, at most ten bytes.
    pub fn varint(&mut self) -> Result<u64, BadRecord> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(BadRecord("a number is too large"))
    }

    pub fn varint_u32(&mut self) -> Result<u32, BadRecord> {
        u32::try_from(self.varint()?).map_err(|_| BadRecord("a number is too large"))
    }

    /// A length, then as many bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], BadRecord> {
        let count = usize::try_from(self.varint()?).map_err(|_| BadRecord("cut short"))?;
        self.slice(count)
    }

    pub fn text(&mut self) -> Result<&'a str, BadRecord> {
        std::str::from_utf8(self.bytes()?).map_err(|_| BadRecord("a text is not UTF-8"))
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Nothing may be left over.
    pub fn end(&self) -> Result<(), BadRecord> {
        if self.rest.is_empty() { Ok(()) } else { Err(BadRecord("bytes left over")) }
    }
}

pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// The last `count` bytes of `record`, sharing its memory.
pub(super) fn tail(record: &Bytes, count: usize) -> Bytes {
    record.slice(record.len() - count..)
}
