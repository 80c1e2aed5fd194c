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
    pub fn first(mut self, name: &str) -> Option<&'a [u8]> {
        self.find(|(n, _)| *n == name).map(|(_, value)| value)
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, &'a [u8]);

    /// # Panics
    /// When a header ends outside the block: the host broke the contract.
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name_len = word(self.bytes, 0) as u16 as usize;
        let value_len = word(self.bytes, 4) as usize;
        let (name, tail) = self.bytes[8..].split_at(name_len);
        let value = &tail[..value_len];
        let next = (8 + name_len + value_len).next_multiple_of(4);
        self.bytes = self.bytes.get(next..).unwrap_or(&[]);
        Some((std::str::from_utf8(name).unwrap_or(""), value))
    }
}
