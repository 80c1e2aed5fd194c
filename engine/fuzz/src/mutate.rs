//! Changes inputs in ways that parsers are known to dislike.

use event::Rng;

/// Numbers at which lengths and offsets go wrong.
const NUMBERS: [u64; 16] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    i64::MAX as u64,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

/// The same as text.
const DIGITS: [&str; 10] = [
    "0",
    "-1",
    "00",
    "1e999",
    "65536",
    "2147483648",
    "4294967295",
    "9223372036854775808",
    "18446744073709551616",
    "0.1",
];

pub struct Mutator<'a> {
    pub rng: Rng,
    /// What the target's language is made of.
    pub words: &'a [&'a str],
    pub bytes_max: usize,
}

impl Mutator<'_> {
    /// An input like `from`, with a few changes. `other` is one to take pieces of.
    pub fn mutate(&mut self, from: &[u8], other: &[u8]) -> Vec<u8> {
        let mut input = from.to_vec();
        let changes = 1 << self.below(4);
        for _ in 0..changes {
            self.change(&mut input, other);
        }
        input.truncate(self.bytes_max);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(input.len() + 1);
        match self.below(14) {
            0 | 1 => self.byte(input, |byte, draw| byte ^ (1 << (draw % 8))),
            2 => self.byte(input, |_, draw| draw),
            3 => self.byte(input, |byte, draw| byte.wrapping_add(draw % 17).wrapping_sub(8)),
            4 => self.number(input, at),
            5 => self.digits(input),
            6 | 7 => self.word(input, at),
            8 => self.cut(input),
            9 => self.repeat(input),
            10 => self.exchange(input),
            11 => {
                let piece = self.piece(other);
                input.splice(at..at, piece.iter().copied());
            }
            12 => {
                let piece = self.piece(other);
                let end = (at + piece.len()).min(input.len());
                input.splice(at..end, piece.iter().copied());
            }
            _ => {
                let draw = self.rng.u64() as u8;
                input.insert(at, draw);
            }
        }
    }

    fn byte(&mut self, input: &mut [u8], change: impl Fn(u8, u8) -> u8) {
        if !input.is_empty() {
            let (at, draw) = (self.below(input.len()), self.rng.u64() as u8);
            input[at] = change(input[at], draw);
        }
    }

    /// Writes a number of one, two, four or eight bytes over what is there.
    fn number(&mut self, input: &mut [u8], at: usize) {
        let number = NUMBERS[self.below(NUMBERS.len())];
        let width = 1 << self.below(4);
        let bytes = match self.below(2) {
            0 => number.to_le_bytes()[..width].to_vec(),
            _ => number.to_be_bytes()[8 - width..].to_vec(),
        };
        let room = input.len() - at.min(input.len());
        let width = width.min(room);
        input[at..at + width].copy_from_slice(&bytes[..width]);
    }

    /// Puts another number in the place of one that is written out.
    fn digits(&mut self, input: &mut Vec<u8>) {
        let starts: Vec<_> = (0..input.len()).filter(|at| starts_number(input, *at)).collect();
        if starts.is_empty() {
            return;
        }
        let start = starts[self.below(starts.len())];
        let rest = input[start..].iter();
        let end = start + rest.take_while(|byte| byte.is_ascii_digit()).count();
        let digits = DIGITS[self.below(DIGITS.len())];
        input.splice(start..end, digits.bytes());
    }

    fn word(&mut self, input: &mut Vec<u8>, at: usize) {
        if self.words.is_empty() {
            return;
        }
        let word = self.words[self.below(self.words.len())];
        let over = if self.below(2) == 0 { 0 } else { word.len() };
        let end = (at + over).min(input.len());
        input.splice(at..end, word.bytes());
    }

    fn cut(&mut self, input: &mut Vec<u8>) {
        let (from, to) = self.range(input.len());
        input.drain(from..to);
    }

    fn repeat(&mut self, input: &mut Vec<u8>) {
        let (from, to) = self.range(input.len());
        let times = 1 + self.below(4);
        let piece = input[from..to].repeat(times);
        if input.len() + piece.len() <= self.bytes_max {
            input.splice(to..to, piece);
        }
    }

    fn exchange(&mut self, input: &mut [u8]) {
        let (from, to) = self.range(input.len());
        let place = self.below(input.len() + 1);
        let length = (to - from).min(input.len() - place);
        for step in 0..length {
            input.swap(from + step, place + step);
        }
    }

    fn piece<'o>(&mut self, other: &'o [u8]) -> &'o [u8] {
        let (from, to) = self.range(other.len());
        &other[from..to]
    }

    /// A range within `0..length`, short more often than long.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let from = self.below(length + 1);
        let most = (length - from).min(1 << self.below(9));
        (from, from + self.below(most + 1))
    }

    /// Below `end`, which must not be 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.rng.range(0..end as u64) as usize
    }
}

fn starts_number(input: &[u8], at: usize) -> bool {
    input[at].is_ascii_digit() && (at == 0 || !input[at - 1].is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_it_all_and_inputs_stay_in_bounds() {
        let run = |seed| {
            let rng = Rng::seeded(seed);
            let mut mutator = Mutator { rng, words: &["abc", "\r\n"], bytes_max: 64 };
            let mut inputs = vec![Vec::new(), b"a=12, b=7".to_vec()];
            for i in 0..2_000 {
                let next = mutator.mutate(&inputs[i], &inputs[i + 1]);
                assert!(next.len() <= 64);
                inputs.push(next);
            }
            inputs
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }
}
