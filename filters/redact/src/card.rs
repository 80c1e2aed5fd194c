const DIGITS_MIN: usize = 12;
const DIGITS_MAX: usize = 19;

/// Appends where `text` has card numbers: 12 to 19 digits, in groups parted by one space or dash
/// or in one, that begin as a card network's do and pass Luhn's check.
pub fn find(text: &[u8], found: &mut Vec<(usize, usize)>) {
    let mut at = 0;
    while at < text.len() {
        let starts_word = at == 0 || !is_of_word(text[at - 1]);
        if !starts_word || !text[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        match card_at(&text[at..]) {
            Some(len) => {
                found.push((at, at + len));
                at += len;
            }
            None => at += 1,
        }
    }
}

/// How many bytes of `text` are a card number, from the first on: the longest that is one.
fn card_at(text: &[u8]) -> Option<usize> {
    let mut digits = [0u8; DIGITS_MAX];
    let mut count = 0;
    let mut len = None;
    for (i, &byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' if count < DIGITS_MAX => {
                digits[count] = byte - b'0';
                count += 1;
            }
            b' ' | b'-' if text.get(i + 1).is_some_and(u8::is_ascii_digit) => continue,
            _ => break,
        }
        let ends_word = text.get(i + 1).is_none_or(|&next| !is_of_word(next));
        if ends_word && is_card(&digits[..count]) {
            len = Some(i + 1);
        }
    }
    len
}

/// A number inside a word of letters and digits is part of some hash.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_card(digits: &[u8]) -> bool {
    digits.len() >= DIGITS_MIN && is_of_network(digits) && passes_luhn(digits)
}

/// The first digits and lengths that the networks give out. They keep most numbers that merely
/// look like cards, such as times in milliseconds, from being taken for one.
fn is_of_network(digits: &[u8]) -> bool {
    let first = digits[..4].iter().fold(0u32, |n, &digit| n * 10 + u32::from(digit));
    let lengths = match first {
        4000..=4999 => 13..=19,
        5100..=5599 | 2221..=2720 => 16..=16,
        3400..=3499 | 3700..=3799 => 15..=15,
        3000..=3059 | 3095 | 3600..=3699 | 3800..=3999 => 14..=19,
        3528..=3589 => 16..=19,
        6011 | 6200..=6299 | 6440..=6599 => 16..=19,
        5018 | 5020 | 5038 | 5893 | 6304 | 6759..=6763 => 12..=19,
        _ => return false,
    };
    lengths.contains(&digits.len())
}

/// Each second digit from the right counts twice, less nine when that has two digits; the sum ends
/// in 0.
fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, &digit)| match (i % 2, u32::from(digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum % 10 == 0
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
            "4111111111111111b",
            "4111  1111 1111 1111",
            "41111111111111111111111",
            "0000000000000000",
            "",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn luhn_finds_every_single_wrong_digit() {
        let right = [4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
        assert!(passes_luhn(&right));
        for place in 0..right.len() {
            for digit in (0..10).filter(|&digit| digit != right[place]) {
                let mut wrong = right;
                wrong[place] = digit;
                assert!(!passes_luhn(&wrong));
            }
        }
    }
}
