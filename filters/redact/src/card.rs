use std::ops::RangeInclusive;

pub const DIGITS_MIN: usize = 12;
const DIGITS_MAX: usize = 19;
/// Cards are printed in five at most.
const GROUPS_MAX: usize = 6;

/// Appends where `text` has card numbers: 12 to 19 digits, in one or in at most six groups that are
/// parted by one space or dash, which begin as a card network's do and pass Luhn's check.
pub fn find(text: &[u8], found: &mut Vec<(usize, usize)>) {
    if text.len() < DIGITS_MIN {
        return;
    }
    let mut at = 0;
    let mut starts_word = true;
    while let Some(&byte) = text.get(at) {
        if starts_word
            && matches!(byte, b'2'..=b'6')
            && let Some(len) = card_at(&text[at..])
        {
            found.push((at, at + len));
            at += len;
            starts_word = false;
            continue;
        }
        starts_word = !is_of_word(byte);
        at += 1;
    }
}

/// How many bytes of `text` are a card number, from the first on: the longest that is one.
fn card_at(text: &[u8]) -> Option<usize> {
    let mut sums = Luhn::default();
    let (mut count, mut first, mut groups) = (0, 0, 1);
    let mut lengths = 0..=0;
    let mut len = None;
    for (i, &byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' if count < DIGITS_MAX => {
                sums.push(byte - b'0');
                count += 1;
            }
            b' ' | b'-' if groups < GROUPS_MAX && starts_digit(text, i + 1) => {
                groups += 1;
                continue;
            }
            _ => break,
        }
        if count <= 4 {
            first = first * 10 + u32::from(byte - b'0');
            if count == 4 {
                lengths = lengths_of(first)?;
            }
            continue;
        }
        let ends_word = text.get(i + 1).is_none_or(|&next| !is_of_word(next));
        if count >= DIGITS_MIN && ends_word && lengths.contains(&count) && sums.pass() {
            len = Some(i + 1);
        }
    }
    len
}

fn starts_digit(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(u8::is_ascii_digit)
}

/// A number inside a word of letters and digits is part of some hash.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// By their first four digits, the lengths that the networks give out. They keep most numbers that
/// merely look like cards, such as times in milliseconds, from being taken for one.
fn lengths_of(first: u32) -> Option<RangeInclusive<usize>> {
    Some(match first {
        4000..=4999 => 13..=19,
        5100..=5599 | 2221..=2720 => 16..=16,
        3400..=3499 | 3700..=3799 => 15..=15,
        3000..=3059 | 3095 | 3600..=3699 | 3800..=3999 => 14..=19,
        3528..=3589 => 16..=19,
        6011 | 6200..=6299 | 6440..=6599 => 16..=19,
        5018 | 5020 | 5038 | 5893 | 6304 | 6759..=6763 => 12..=19,
        _ => return None,
    })
}

/// Each second digit from the right counts twice, less nine when that has two digits; the sum ends
/// in 0. As it is not known which digit will be the last, both sums are kept.
#[derive(Default)]
struct Luhn {
    /// Were there an even number of digits to come, and an odd one.
    sums: [u32; 2],
}

impl Luhn {
    fn push(&mut self, digit: u8) {
        let [single, double] = self.sums;
        let digit = u32::from(digit);
        let twice = if digit > 4 { digit * 2 - 9 } else { digit * 2 };
        self.sums = [double + digit, single + twice];
    }

    fn pass(&self) -> bool {
        self.sums[0].is_multiple_of(10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        find(text.as_bytes(), &mut found);
        found.into_iter().map(|(from, to)| &text[from..to]).collect()
    }

    #[test]
    fn the_networks_published_test_numbers_are_found() {
        for card in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4222222222222",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "3782 822463 10005",
            "6011111111111117",
            "3530111333300000",
            "30569309025904",
            "6200000000000005",
        ] {
            assert_eq!(found(card), [card]);
            assert_eq!(found(&format!("card: {card}.")), [card]);
            assert_eq!(found(&format!("x={card},y=1")), [card]);
        }
    }

    #[test]
    fn a_card_behind_other_digits_is_found() {
        assert_eq!(found("2024-01-02 4111 1111 1111 1111"), ["4111 1111 1111 1111"]);
        assert_eq!(found("4111 1111 1111 1111 12/29"), ["4111 1111 1111 1111"]);
    }

    #[test]
    fn what_is_none_is_left() {
        for text in [
            "4111111111111112",
            "411111111111111",
            "1700000000000",
            "a4111111111111111",
            "41 11 11 11 11 11 11 11",
            "4111111111111111b",
            "4111  1111 1111 1111",
            "41111111111111111111111",
            "0000000000000000",
            "",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }

    fn passes(digits: &[u8]) -> bool {
        let mut sums = Luhn::default();
        digits.iter().for_each(|&digit| sums.push(digit));
        sums.pass()
    }

    #[test]
    fn luhn_finds_every_single_wrong_digit() {
        let right = [4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
        assert!(passes(&right));
        for place in 0..right.len() {
            for digit in (0..10).filter(|&digit| digit != right[place]) {
                let mut wrong = right;
                wrong[place] = digit;
                assert!(!passes(&wrong));
            }
        }
    }
}
