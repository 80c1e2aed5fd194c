use std::borrow::Cow;

/// What stands between the quotes of a JSON string.
#[derive(Clone, Copy, Debug)]
pub struct Text<'b> {
    /// Where in the body it begins.
    pub from: usize,
    pub raw: &'b [u8],
    pub has_escapes: bool,
}

/// The bytes up to the closing quote, and whether a backslash is among them. The error is where
/// the string goes wrong.
pub fn raw(rest: &[u8]) -> Result<(&[u8], bool), usize> {
    let mut has_escapes = false;
    let mut at = 0;
    loop {
        match rest.get(at) {
            Some(b'"') => return Ok((&rest[..at], has_escapes)),
            Some(b'\\') => {
                has_escapes = true;
                at += match rest.get(at + 1) {
                    Some(b'u') if hex(rest, at + 2).is_some() => 6,
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                    _ => return Err(at),
                };
            }
            Some(_) => at += 1,
            None => return Err(at),
        }
    }
}

impl<'b> Text<'b> {
    pub fn decoded(self) -> Cow<'b, [u8]> {
        if self.has_escapes { self.decoded_with_origins().0.into() } else { self.raw.into() }
    }

    /// The text without escapes and, for each of its bytes and for its end, where in `raw` the
    /// character of that byte begins.
    pub fn decoded_with_origins(self) -> (Vec<u8>, Vec<usize>) {
        let mut decoded = Vec::with_capacity(self.raw.len());
        let mut origins = Vec::with_capacity(self.raw.len() + 1);
        let mut at = 0;
        while at < self.raw.len() {
            let mut utf8 = [0; 4];
            let (bytes, len) = unescaped(&self.raw[at..], &mut utf8);
            decoded.extend_from_slice(bytes);
            origins.resize(decoded.len(), at);
            at += len;
        }
        origins.push(self.raw.len());
        (decoded, origins)
    }
}

/// The bytes that the first byte or escape of `raw` stands for, and how long it is.
fn unescaped<'a>(raw: &'a [u8], utf8: &'a mut [u8; 4]) -> (&'a [u8], usize) {
    match raw {
        [b'\\', b'u', ..] => {
            let (char, len) = unicode(raw);
            (char.encode_utf8(utf8).as_bytes(), len)
        }
        [b'\\', escape, ..] => {
            let byte = match escape {
                b'b' => &b"\x08"[..],
                b'f' => b"\x0c",
                b'n' => b"\n",
                b'r' => b"\r",
                b't' => b"\t",
                _ => &raw[1..2],
            };
            (byte, 2)
        }
        _ => (&raw[..1], 1),
    }
}

/// Of `\uXXXX`, or of two that make up one character. Half of a pair is U+FFFD.
fn unicode(raw: &[u8]) -> (char, usize) {
    let first = hex(raw, 2).unwrap_or(0xfffd);
    if let Some(char) = char::from_u32(first) {
        return (char, 6);
    }
    let second = (raw.get(6..8) == Some(b"\\u")).then(|| hex(raw, 8)).flatten();
    match second.filter(|second| first < 0xdc00 && (0xdc00..0xe000).contains(second)) {
        Some(second) => {
            let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            (char::from_u32(code).unwrap_or('\u{fffd}'), 12)
        }
        None => ('\u{fffd}', 6),
    }
}

fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    digits.iter().try_fold(0, |n, &digit| Some(n << 4 | char::from(digit).to_digit(16)?))
}
