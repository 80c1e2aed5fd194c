use crate::words::position;
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
    while let Some(plain) = position(&rest[at..], b'"', b'\\') {
        at += plain;
        if rest[at] == b'"' {
            return Ok((&rest[..at], has_escapes));
        }
        has_escapes = true;
        at += match rest.get(at + 1) {
            Some(b'u') if hex(rest, at + 2).is_some() => 6,
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            _ => return Err(at),
        };
    }
    Err(rest.len())
}

impl<'b> Text<'b> {
    /// Of the bytes of a value, when it is a string. It was read before.
    pub fn of(value: &'b [u8]) -> Option<Text<'b>> {
        let raw = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        Some(Text { from: 1, raw, has_escapes: raw.contains(&b'\\') })
    }

    /// Without escapes.
    pub fn decoded(self) -> Cow<'b, [u8]> {
        if self.has_escapes { self.decoded_with_origins().0.into() } else { self.raw.into() }
    }

    /// The text without escapes, and where its bytes come from.
    pub fn decoded_with_origins(self) -> (Vec<u8>, Origins) {
        let mut decoded = Vec::with_capacity(self.raw.len());
        let mut origins = Vec::new();
        let mut at = 0;
        while at < self.raw.len() {
            let rest = &self.raw[at..];
            let plain = position(rest, b'\\', b'\\').unwrap_or(rest.len());
            decoded.extend_from_slice(&rest[..plain]);
            at += plain;
            if plain == rest.len() {
                break;
            }
            let mut utf8 = [0; 4];
            let (bytes, len) = unescaped(&self.raw[at..], &mut utf8);
            origins.push((decoded.len(), at));
            decoded.extend_from_slice(bytes);
            at += len;
            origins.push((decoded.len(), at));
        }
        (decoded, Origins(origins))
    }
}

/// Where in a string its characters stand: (byte of the text, byte of the string) where escapes
/// begin and end.
pub struct Origins(Vec<(usize, usize)>);

impl Origins {
    /// Where the character begins that the byte `at` of the text belongs to.
    pub fn at(&self, at: usize) -> usize {
        let behind = self.0.partition_point(|&(text, _)| text <= at);
        match behind.checked_sub(1).map(|i| (self.0[i], self.0.get(behind))) {
            None => at,
            // Within an escape: those that it makes are at odd places of the list.
            Some(((_, raw), Some(_))) if behind % 2 == 1 => raw,
            Some(((text, raw), _)) => raw + (at - text),
        }
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
