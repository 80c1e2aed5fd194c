/// A module without those of its custom sections whose name is surplus. None for what is no module.
pub fn without(wasm: &[u8], is_surplus: impl Fn(&str) -> bool) -> Option<Vec<u8>> {
    let (head, mut rest) = wasm.split_at_checked(HEAD_BYTES)?;
    let mut kept = head.to_vec();
    while let Some((id, after)) = rest.split_first() {
        let (length, after) = number(after)?;
        let (content, next) = after.split_at_checked(length)?;
        if *id != CUSTOM || !is_surplus(name(content)?) {
            kept.extend_from_slice(&rest[..rest.len() - next.len()]);
        }
        rest = next;
    }
    Some(kept)
}

/// The magic number and the version.
const HEAD_BYTES: usize = 8;
const CUSTOM: u8 = 0;

/// Of a custom section.
fn name(content: &[u8]) -> Option<&str> {
    let (length, rest) = number(content)?;
    std::str::from_utf8(rest.get(..length)?).ok()
}

/// 32 bits in up to five bytes (LEB128), and what stands behind them.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_u64;
    for (n, &byte) in bytes.iter().enumerate().take(5) {
        number |= u64::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(number).ok()?, &bytes[n + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"\0asm\x01\0\0\0";
    const TYPES: &[u8] = b"\x01\x04\x01\x60\0\0";
    const NAMES: &[u8] = b"\0\x06\x04nameN";
    /// Its length takes two bytes, as linkers write it.
    const LINES: &[u8] = b"\0\x8d\x00\x0b.debug_line!";

    #[test]
    fn what_is_surplus_is_taken_out_and_the_rest_is_as_it_was() {
        let module = [HEAD, LINES, TYPES, NAMES, LINES].concat();
        let without = |name: &str| without(&module, |section| section == name).unwrap();
        assert_eq!(without(".debug_line"), [HEAD, TYPES, NAMES].concat());
        assert_eq!(without("name"), [HEAD, LINES, TYPES, LINES].concat());
        assert_eq!(without(""), module);
    }

    #[test]
    fn what_breaks_off_is_no_module() {
        let module = [HEAD, TYPES, LINES].concat();
        let whole = [HEAD.len(), HEAD.len() + TYPES.len(), module.len()];
        for end in 0..=module.len() {
            let kept = without(&module[..end], |_| false);
            assert_eq!(kept.is_some(), whole.contains(&end), "{end}");
        }
        let endless = [HEAD, b"\x01\xff\xff\xff\xff\xff\x01"].concat();
        assert_eq!(without(&endless, |_| false), None);
    }
}
