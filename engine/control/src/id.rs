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

/// The id of a key that was made: `k`, then chance.
pub(crate) fn key(entropy: &dyn Entropy) -> String {
    format!("k{}", chance(9, entropy))
}

/// The id of a portal session: `s`, the second at which it ends, then chance. As text they sort
/// by their end.
pub(crate) fn session(end: Time, entropy: &dyn Entropy) -> String {
    format!("s{}{}", end_digits(end), chance(3, entropy))
}

/// Whether this is the id of a portal session.
pub(crate) fn is_session(id: &str) -> bool {
    id.starts_with('s')
}

/// Whether the session of this id is over.
pub(crate) fn is_over(id: &str, now: Time) -> bool {
    id.get(1..=END_CHARS).is_some_and(|end| *end <= *end_digits(now))
}

/// Seconds in base62, enough of them for the next seventeen centuries.
const END_CHARS: usize = 6;

fn end_digits(end: Time) -> String {
    base62(end.secs().into(), END_CHARS)
}

fn chance(chars: usize, entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    base62(u128::from_be_bytes(bytes), chars)
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

    #[test]
    fn sessions_sort_by_their_end_and_are_over_then() {
        let end = Time::from_secs(1_790_000_000);
        let at = |secs| session(Time::from_secs(secs), &OsEntropy);
        let ids = [at(0), at(61), at(62), at(end.secs()), at(end.secs() + 1)];
        assert!(ids.is_sorted(), "{ids:?}");
        assert!(ids.iter().all(|id| id.len() == 10 && is_session(id)));
        let over: Vec<bool> = ids.iter().map(|id| is_over(id, end)).collect();
        assert_eq!(over, [true, true, true, true, false]);
        let key = key(&OsEntropy);
        assert!(key.len() == 10 && !is_session(&key));
    }
}
