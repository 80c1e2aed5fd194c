const LOW: u64 = u64::from_le_bytes([1; 8]);
const HIGH: u64 = u64::from_le_bytes([128; 8]);

/// Where the first of these two bytes is. Eight are looked at at a time: most bytes of most bodies
/// are seen by this loop alone.
pub fn position(bytes: &[u8], one: u8, other: u8) -> Option<usize> {
    let (ones, others) = (u64::from(one) * LOW, u64::from(other) * LOW);
    let (words, rest) = bytes.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let (x, y) = (word ^ ones, word ^ others);
        // A byte that is zero, lowest first, has its high bit set here.
        let zeros = (x.wrapping_sub(LOW) & !x | y.wrapping_sub(LOW) & !y) & HIGH;
        if zeros != 0 {
            return Some(i * 8 + zeros.trailing_zeros() as usize / 8);
        }
    }
    let at = rest.iter().position(|&byte| byte == one || byte == other)?;
    Some(words.len() * 8 + at)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_first_is_found_wherever_it_is() {
        for len in 0..40 {
            for at in 0..len {
                let mut bytes = vec![b'"' + 1; len];
                bytes[at] = b'"';
                bytes[len - 1] = b'"';
                assert_eq!(super::position(&bytes, b'\\', b'"'), Some(at));
            }
            assert_eq!(super::position(&vec![0x21; len], b'"', b'\\'), None);
        }
    }
}
