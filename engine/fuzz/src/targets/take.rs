/// Reads numbers and pieces from the front of an input; what is missing is 0 or empty.
pub struct Take<'a>(pub &'a [u8]);

impl<'a> Take<'a> {
    pub fn byte(&mut self) -> u8 {
        self.slice(1).first().copied().unwrap_or(0)
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        let taken = self.slice(N);
        bytes[..taken.len()].copy_from_slice(taken);
        bytes
    }

    /// At most so many bytes.
    pub fn slice(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Up to a mark, which is passed over; all when it is not there.
    pub fn until(&mut self, mark: &[u8]) -> &'a [u8] {
        let at = self.0.windows(mark.len()).position(|window| window == mark);
        let taken = self.slice(at.unwrap_or(self.0.len()));
        self.slice(if at.is_some() { mark.len() } else { 0 });
        taken
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

/// Lines `name: value` as pairs.
pub fn headers(text: &[u8]) -> Vec<(&str, &[u8])> {
    let lines = text.split(|byte| *byte == b'\n');
    let pairs = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = std::str::from_utf8(&line[..colon]).ok()?;
        Some((name, line[colon + 1..].trim_ascii()))
    });
    pairs.collect()
}
