/// Appends a text as a JSON string. What is not UTF-8 becomes U+FFFD.
pub fn push_quoted(json: &mut Vec<u8>, text: &[u8]) {
    json.push(b'"');
    push_within(json, text);
    json.push(b'"');
}

/// The same without the quotes: a part of a JSON string.
pub fn push_within(json: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        push_valid(json, chunk.valid().as_bytes());
        if !chunk.invalid().is_empty() {
            json.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

fn push_valid(json: &mut Vec<u8>, text: &[u8]) {
    let mut kept_to = 0;
    for (at, &byte) in text.iter().enumerate() {
        let escape = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..0x20 => 0,
            _ => continue,
        };
        json.extend_from_slice(&text[kept_to..at]);
        kept_to = at + 1;
        if escape == 0 {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            json.extend_from_slice(b"\\u00");
            json.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        } else {
            json.extend([b'\\', escape]);
        }
    }
    json.extend_from_slice(&text[kept_to..]);
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_must_be_escaped_is() {
        let mut json = Vec::new();
        super::push_quoted(&mut json, b"a\"\\\n\x01\x7f\xff\xc3\xa9");
        let want = "\"a\\\"\\\\\\n\\u0001\x7f\u{fffd}é\"";
        assert_eq!(String::from_utf8_lossy(&json), want);
        assert_eq!(crate::check(&json), Ok(()));
    }
}
