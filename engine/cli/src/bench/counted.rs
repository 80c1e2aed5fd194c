use hdrhistogram::Histogram;

/// A set of event numbers, dense from 0.
#[derive(Clone, Default)]
pub struct Numbers {
    words: Vec<u64>,
    count: u64,
}

impl Numbers {
    /// False when it was there.
    pub fn add(&mut self, n: u64) -> bool {
        let (word, bit) = ((n / 64) as usize, 1 << (n % 64));
        if word >= self.words.len() {
            self.words.resize((word + 1).next_power_of_two(), 0);
        }
        let is_new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.count += u64::from(is_new);
        is_new
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many of these `other` lacks.
    pub fn missing_from(&self, other: &Numbers) -> u64 {
        let theirs = other.words.iter().copied().chain(std::iter::repeat(0));
        let missing = self.words.iter().zip(theirs).map(|(ours, theirs)| ours & !theirs);
        missing.map(|bits| u64::from(bits.count_ones())).sum()
    }
}

/// Microseconds up to ten minutes, to three digits.
pub fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("the bounds are in order")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_counted_once() {
        let (mut sent, mut came) = (Numbers::default(), Numbers::default());
        for n in [0, 1, 63, 64, 1000] {
            assert!(sent.add(n));
        }
        assert!(came.add(64) && !came.add(64) && came.add(5000));
        assert_eq!((sent.count(), came.count()), (5, 2));
        assert_eq!((sent.missing_from(&came), came.missing_from(&sent)), (4, 1));
    }
}
