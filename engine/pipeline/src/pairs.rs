/// Which columns go with which rows: one bit for each pair, so that 256 events and 1,000 conditions
/// take 32 KB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    width: usize,
    /// Row after row, from the lowest bit on.
    words: Vec<u64>,
}

impl Pairs {
    /// None goes with any.
    pub fn new(rows: usize, width: usize) -> Pairs {
        Pairs { width, words: vec![0; (rows * width).div_ceil(64)] }
    }

    /// Both are within what was made.
    pub fn add(&mut self, row: usize, column: usize) {
        assert!(column < self.width, "there are {} columns", self.width);
        let at = row * self.width + column;
        self.words[at / 64] |= 1 << (at % 64);
    }

    pub fn has(&self, row: usize, column: usize) -> bool {
        let at = row * self.width + column;
        let word = self.words.get(at / 64).copied().unwrap_or(0);
        column < self.width && (word >> (at % 64)) & 1 == 1
    }

    /// How many pairs there are.
    pub fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// The columns of a row, in their order.
    pub fn of(&self, row: usize) -> impl Iterator<Item = usize> {
        let (first, end) = (row * self.width, (row + 1) * self.width);
        let mut at = first;
        std::iter::from_fn(move || {
            while at < end {
                let rest = self.words[at / 64] >> (at % 64);
                if rest == 0 {
                    at = (at / 64 + 1) * 64;
                    continue;
                }
                let found = at + rest.trailing_zeros() as usize;
                at = found + 1;
                return (found < end).then(|| found - first);
            }
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn they_are_those_that_were_added(
            (rows, width, added) in (1..20usize, 1..200usize).prop_flat_map(|(rows, width)| {
                let pair = (0..rows, 0..width);
                (Just(rows), Just(width), prop::collection::btree_set(pair, 0..100))
            }),
        ) {
            let mut pairs = Pairs::new(rows, width);
            added.iter().for_each(|(row, column)| pairs.add(*row, *column));
            let of = |row| pairs.of(row).map(move |column| (row, column));
            let found: Vec<_> = (0..rows).flat_map(of).collect();
            prop_assert_eq!(found, Vec::from_iter(added.iter().copied()));
            let every = (0..rows).flat_map(|row| (0..width).map(move |column| (row, column)));
            let had: BTreeSet<_> = every.filter(|(row, column)| pairs.has(*row, *column)).collect();
            prop_assert_eq!(pairs.count(), added.len() as u64);
            prop_assert_eq!(had, added);
        }
    }
}
