use event::Time;
use runtime::Entropy;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 128 bits in base62.
const SORTED_CHARS: usize = 22;

/// 22 characters of base62 over 48 bits of milliseconds and 80 bits of chance: as text they sort
/// by the time at which they were made.
pub(crate) fn sorted(now: Time, entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    bytes[..6].copy_from_slice(&now.millis().to_be_bytes()[2..]);
    base62(u128::from_be_bytes(bytes), SORTED_CHARS)
}

/// The last `chars` digits of a number.
fn base62(mut number: u128, chars: usize) -> String {
    let mut digits = vec![b'0'; chars];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(number % 62) as usize];
        number /= 62;
    }
    digits.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::OsEntropy;

    #[test]
    fn ids_sort_by_time_and_have_one_length() {
        assert_eq!(base62(u128::MAX, SORTED_CHARS).len(), SORTED_CHARS);
        assert_eq!(base62(0, 3), "000");
        assert_eq!(base62(62 * 62 - 1, 2), "zz");
        let at = |ms| sorted(Time::from_millis(ms), &OsEntropy);
        let ids = [at(1), at(2), at(1_790_000_000_000), at(1_790_000_000_001)];
        assert!(ids.is_sorted(), "{ids:?}");
        assert_ne!(at(1), at(1));
    }
}
