use crate::batch::word;

/// The stored headers of an event, read in place: names in lower case, CloudEvents attributes as
/// `ce-*`, the source as `ce-source`.
#[derive(Clone, Copy)]
pub struct Headers<'a> {
    left: u32,
    bytes: &'a [u8],
}

impl<'a> Headers<'a> {
    /// Reads the contract's form of headers.
    pub fn read(block: &'a [u8]) -> Headers<'a> {
        match block.split_first_chunk() {
            Some((count, bytes)) => Headers { left: u32::from_le_bytes(*count), bytes },
            None => Headers { left: 0, bytes: &[] },
        }
    }

    /// The first value of a header; `name` in lower case.
    pub fn first(self, name: &str) -> Option<&'a [u8]> {
        self.first_bytes(name.as_bytes())
    }

    fn first_bytes(mut self, name: &[u8]) -> Option<&'a [u8]> {
        while let Some((n, value)) = self.pair() {
            if n == name {
                return Some(value);
            }
        }
        None
    }

    /// Name and value of the next, as bytes: nobody needs to know that a name is text in order to
    /// look for it.
    fn pair(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        self.left = self.left.checked_sub(1)?;
        let name_len = word(self.bytes, 0) as u16 as usize;
        let value_len = word(self.bytes, 4) as usize;
        let (name, tail) = self.bytes[8..].split_at(name_len);
        let value = &tail[..value_len];
        let next = (8 + name_len + value_len).next_multiple_of(4);
        self.bytes = self.bytes.get(next..).unwrap_or(&[]);
        Some((name, value))
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, &'a [u8]);

    /// # Panics
    /// When a header ends outside the block: the host broke the contract.
    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.pair()?;
        Some((std::str::from_utf8(name).unwrap_or(""), value))
    }
}

/// Appends headers to a block whose first word is their number.
pub(crate) struct BlockWriter<'b> {
    bytes: &'b mut Vec<u8>,
    start: usize,
}

impl<'b> BlockWriter<'b> {
    /// Begins a block at the end of `bytes`, at a multiple of 4.
    pub fn begin(bytes: &'b mut Vec<u8>) -> BlockWriter<'b> {
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let start = bytes.len();
        bytes.extend_from_slice(&[0; 4]);
        BlockWriter { bytes, start }
    }

    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let lens = (value.len() as u64) << 32 | u64::from(name.len() as u16);
        self.bytes.extend_from_slice(&lens.to_le_bytes());
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.count(1);
    }

    /// All of `block` but those of this name: in one piece when there are none of it.
    pub fn push_others(&mut self, block: &[u8], name: &[u8]) {
        let headers = Headers::read(block);
        let Some(bytes) = block.get(4..) else { return };
        if headers.first_bytes(name).is_none() {
            self.bytes.extend_from_slice(bytes);
            self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
            self.count(headers.left);
            return;
        }
        let mut walk = headers;
        while let Some((n, value)) = walk.pair() {
            if n != name {
                self.push(n, value);
            }
        }
    }

    /// The whole block.
    pub fn finish(self) -> &'b [u8] {
        &self.bytes[self.start..]
    }

    fn count(&mut self, more: u32) {
        let count = word(self.bytes, self.start) + more;
        self.bytes[self.start..self.start + 4].copy_from_slice(&count.to_le_bytes());
    }
}
