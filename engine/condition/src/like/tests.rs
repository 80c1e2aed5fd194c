use super::*;
use proptest::prelude::*;

fn matches(text: &str, pattern: &str, ignores_case: bool) -> bool {
    Pattern::compile(pattern, Some('\\'), ignores_case).unwrap().look(text).0
}

#[test]
fn patterns_match_whole_texts() {
    let table = [
        ("refs/heads/main", "refs/heads/%", true),
        ("refs/tags/v1", "refs/heads/%", false),
        ("abc", "abc", true),
        ("abc", "ab", false),
        ("abc", "%b%", true),
        ("abc", "%c", true),
        ("abc", "a%", true),
        ("abc", "a_c", true),
        ("abc", "a_", false),
        ("añc", "a_c", true),
        ("abc", "___", true),
        ("abc", "____", false),
        ("abc", "%", true),
        ("", "%", true),
        ("", "", true),
        ("", "_", false),
        ("aba", "ab%ba", false),
        ("abba", "ab%ba", true),
        ("a%c", "a\\%c", true),
        ("abc", "a\\%c", false),
        ("a_c", "a\\_c", true),
        ("a\\c", "a\\\\c", true),
        ("aXbXc", "a%_b_%c", true),
        ("ABC", "abc", false),
        ("mississippi", "%iss%ip%", true),
        ("mississippi", "%iss%iss%iss%", false),
        ("mississippi", "m_ss%pp_", true),
    ];
    for (text, pattern, expected) in table {
        assert_eq!(matches(text, pattern, false), expected, "{text} LIKE {pattern}");
    }
    for (text, pattern, expected) in [("ABC", "a_c", true), ("ÄRGER", "%är%", true)] {
        assert_eq!(matches(text, pattern, true), expected, "{text} ILIKE {pattern}");
    }
}

#[test]
fn a_pattern_that_ends_in_its_escape_is_refused() {
    assert!(Pattern::compile("a\\", Some('\\'), false).is_err());
    assert!(Pattern::compile("a\\", None, false).unwrap().look("a\\").0);
    assert!(Pattern::compile(&"a".repeat(PATTERN_CHARS_MAX + 1), None, false).is_err());
}

#[test]
fn a_hostile_pattern_reads_its_text_once() {
    let text = "a".repeat(1 << 20);
    let pattern = format!("%{}b%", "_a".repeat(500));
    assert!(!matches(&text, &pattern, false));
    assert!(!matches(&text, &pattern, true));
    assert!(!matches(&text, &format!("%{}b", "a%".repeat(500)), false));
}

#[test]
fn what_is_read_of_a_text_is_paid_for() {
    let text = format!("{}needle{}", "x".repeat(1000), "y".repeat(100_000));
    let fuel = |pattern: &str, ignores_case| {
        Pattern::compile(pattern, None, ignores_case).unwrap().look(&text).1
    };
    assert_eq!(fuel("%needle%", false), 1006 * PLAIN_COST, "no more than up to there");
    assert_eq!(fuel("%needle%", true), 1006 * (CHARACTER_COST + WORD_COST));
    assert_eq!(fuel("%z%", false), text.len() as u64 * PLAIN_COST);
    assert_eq!(fuel("x%y", true), 0, "its ends alone");
    let long = "_".repeat(65) + "z";
    let words = 2;
    let all = text.len() as u64 * (CHARACTER_COST + words * WORD_COST);
    assert_eq!(fuel(&format!("%{long}%"), false), all);
}

/// By the book, in exponential time.
fn naive(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skip| naive(&text[skip..], rest)),
        ['_', rest @ ..] => !text.is_empty() && naive(&text[1..], rest),
        [c, rest @ ..] => text.first() == Some(c) && naive(&text[1..], rest),
    }
}

proptest! {
    #[test]
    fn agrees_with_the_naive_matcher(text in "[abß]{0,12}", pattern in "[abß%_]{0,8}") {
        let (t, p): (Vec<_>, Vec<_>) = (text.chars().collect(), pattern.chars().collect());
        prop_assert_eq!(matches(&text, &pattern, false), naive(&t, &p));
        prop_assert_eq!(matches(&text, &pattern, true), naive(&t, &p));
    }

    #[test]
    fn long_pieces_agree_too(
        text in "[ab]{80,200}",
        cut in 0..20usize,
        length in 60..140usize,
        holes in proptest::collection::vec(0..140usize, 1..9),
        flip in proptest::option::of(0..140usize),
    ) {
        // Cut from the text, with holes, and half of the time with one wrong letter.
        let mut piece: Vec<char> = text.chars().skip(cut).take(length).collect();
        let last = piece.len() - 1;
        holes.iter().for_each(|hole| piece[(*hole).min(last)] = '_');
        if let Some(at) = flip {
            piece[at.min(last)] = 'c';
        }
        let pattern = format!("%{}%", piece.iter().collect::<String>());
        let text_chars: Vec<char> = text.chars().collect();
        let expected = text_chars.windows(piece.len()).any(|window| {
            window.iter().zip(&piece).all(|(c, p)| *p == '_' || c == p)
        });
        prop_assert_eq!(matches(&text, &pattern, false), expected);
        prop_assert_eq!(matches(&text, &pattern, true), expected);
    }
}
