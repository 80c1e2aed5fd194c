use jsontext::Given;

pub struct Rules {
    escapes_html: bool,
    control: Control,
    /// Characters; 0 for no limit.
    length_max: usize,
    ellipsis: String,
    /// Whether a byte is a character that is left as it is.
    is_plain: [bool; 256],
}

/// What becomes of control characters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    Remove,
    Space,
    Keep,
}

impl Rules {
    pub fn read(given: &mut Given) -> Result<Rules, String> {
        let escapes_html = given.choice("html", &[("escape", true), ("keep", false)])?;
        let controls =
            [("remove", Control::Remove), ("space", Control::Space), ("keep", Control::Keep)];
        let control = given.choice("control", &controls)?;
        let escapes_html = escapes_html.unwrap_or(true);
        let mut is_plain = [false; 256];
        for byte in b' '..=b'~' {
            let is_html = matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'');
            is_plain[usize::from(byte)] = !(is_html && escapes_html);
        }
        Ok(Rules {
            is_plain,
            escapes_html,
            control: control.unwrap_or(Control::Remove),
            length_max: given.count("length_max")?.unwrap_or(0),
            ellipsis: given.text("ellipsis")?.unwrap_or_else(|| "…".into()),
        })
    }

    /// Whether a short plain text is clean; of any other this says nothing.
    pub fn has_nothing_against(&self, text: &[u8]) -> bool {
        // A text of so many bytes has no more characters.
        let is_short = self.length_max == 0 || text.len() <= self.length_max;
        is_short && text.iter().all(|&byte| self.is_plain(byte))
    }

    /// None when there is nothing to clean. Bytes that are not UTF-8 become U+FFFD.
    pub fn cleaned(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut clean = Vec::new();
        // Up to there `text` is in `clean`, or would be if nothing had changed.
        let (mut at, mut kept_to, mut count) = (0, 0, 0);
        while let Some(&byte) = text.get(at) {
            if self.length_max > 0 && count == self.length_max {
                clean.extend_from_slice(&text[kept_to..at]);
                clean.extend_from_slice(self.ellipsis.as_bytes());
                return Some(clean);
            }
            if self.is_plain(byte) {
                at += 1;
                count += 1;
                continue;
            }
            let (len, replacement) = match char_at(&text[at..]) {
                Ok(char) => (char.len_utf8(), self.replacement(char)),
                Err(len) => (len, Some("\u{fffd}")),
            };
            if let Some(replacement) = replacement {
                if clean.is_empty() {
                    clean.reserve(text.len() + text.len() / 8 + 64);
                }
                clean.extend_from_slice(&text[kept_to..at]);
                clean.extend_from_slice(replacement.as_bytes());
                kept_to = at + len;
            }
            count += usize::from(replacement != Some(""));
            at += len;
        }
        if kept_to == 0 {
            return None;
        }
        clean.extend_from_slice(&text[kept_to..]);
        Some(clean)
    }

    fn is_plain(&self, byte: u8) -> bool {
        self.is_plain[usize::from(byte)]
    }

    fn replacement(&self, char: char) -> Option<&'static str> {
        let html = match char {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\'' => "&#39;",
            ' '..='~' => return None,
            _ if is_control(char) => {
                return match self.control {
                    Control::Remove => Some(""),
                    Control::Space => Some(" "),
                    Control::Keep => None,
                };
            }
            _ => return None,
        };
        self.escapes_html.then_some(html)
    }
}

/// The first character; of bytes that are none, how many.
fn char_at(text: &[u8]) -> Result<char, usize> {
    let follower = |i: usize| match text.get(i) {
        Some(&byte) if byte & 0xc0 == 0x80 => Some(u32::from(byte & 0x3f)),
        _ => None,
    };
    let first = u32::from(text[0]);
    let code = match text[0] {
        0..0x80 => Some(first),
        0xc2..0xe0 => follower(1).map(|one| (first & 0x1f) << 6 | one),
        0xe0..0xf0 => match (follower(1), follower(2)) {
            (Some(one), Some(two)) => Some((first & 0xf) << 12 | one << 6 | two),
            _ => None,
        },
        0xf0..0xf5 => match (follower(1), follower(2), follower(3)) {
            (Some(one), Some(two), Some(three)) => {
                Some((first & 7) << 18 | one << 12 | two << 6 | three)
            }
            _ => None,
        },
        _ => None,
    };
    // A character must be written in as few bytes as it can be.
    let is_shortest = |char: &char| lead_len(text[0]) == char.len_utf8();
    code.and_then(char::from_u32).filter(is_shortest).ok_or(1)
}

/// How many bytes a character has that begins with this one.
fn lead_len(first: u8) -> usize {
    match first {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    }
}

/// Tab and line breaks are none. What turns the direction of writing is one: it makes a text look
/// as if it said something else.
fn is_control(char: char) -> bool {
    match char {
        '\t' | '\n' | '\r' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => char.is_control(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn characters_are_those_of_the_standard_library() {
        for code in (0..0x11_0000).filter_map(char::from_u32) {
            let mut utf8 = [0; 4];
            let bytes = code.encode_utf8(&mut utf8).as_bytes();
            assert_eq!(super::char_at(bytes), Ok(code));
            assert!(bytes.len() == 1 || super::char_at(&bytes[..bytes.len() - 1]).is_err());
        }
        let bad: [&[u8]; 6] = [
            b"\x80",
            b"\xc0\x80",
            b"\xe0\x80\x80",
            b"\xed\xa0\x80",
            b"\xf0\x80\x80\x80",
            b"\xf4\x90\x80\x80",
        ];
        for bytes in bad {
            assert_eq!(super::char_at(bytes), Err(1), "{bytes:x?}");
        }
    }
}
