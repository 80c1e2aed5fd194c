//! Whatever the text, compiling it ends soon, on a small stack, and never in a panic.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use condition::Condition;
use proptest::prelude::*;

/// A pool thread's stack, and less than the main thread's.
const STACK_BYTES: usize = 512 << 10;

fn compile_all(texts: Vec<String>) {
    let work = move || {
        for text in texts {
            let _ = Condition::compile(&text);
        }
    };
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).unwrap().join().unwrap();
}

/// What each opens, and what a long run of it would nest.
const UNITS: [&str; 55] = [
    "(",
    "[",
    "((",
    "NOT ",
    "- ",
    "-(",
    "lower(",
    "coalesce(1,",
    "data.a IN (",
    "IN ((",
    "a.(",
    "data[",
    "data.a = ",
    "data.a = (",
    "data.a AND ",
    "data.a OR NOT ",
    "data.a LIKE ",
    "data.a BETWEEN ",
    "data.a BETWEEN 1 AND ",
    "case ",
    "CASE WHEN ",
    "x -> ",
    "if(",
    "cast(",
    "interval ",
    "exists(",
    "array[",
    "struct(",
    "date '",
    "{",
    "::",
    "!",
    "~",
    "@",
    "a.",
    ".a",
    "'",
    "\"",
    "`",
    "/*",
    "--",
    "$$",
    "U&'",
    "e'\\",
    "N'",
    "1e",
    "0x",
    "SELECT (",
    "WITH a AS (",
    "data.a IS NOT ",
    "data.a IN (data.b IN (",
    "1 = 1 = ",
    "\u{0}",
    "é",
    "ﷺ",
];

#[test]
fn nesting_and_repetition_do_no_harm() {
    let mut texts = Vec::new();
    for unit in UNITS {
        for bytes in [64, 700, 8192] {
            let times = bytes / unit.len();
            texts.push(unit.repeat(times));
            texts.push(format!("{}1", unit.repeat(times)));
            texts.push(format!("{}1{}", unit.repeat(times / 2), ")".repeat(times / 2)));
            texts.push(format!("{}1{}", unit.repeat(times / 2), "]".repeat(times / 2)));
        }
    }
    let started = std::time::Instant::now();
    let count = texts.len() as u32;
    compile_all(texts);
    let each = started.elapsed() / count;
    assert!(each.as_millis() < 50, "{each:?} each: something is not linear");
}

const WORDS: [&str; 44] = [
    "data",
    "data.a",
    "type",
    "time",
    "headers",
    "key",
    "foo",
    "lower",
    "exists",
    "coalesce",
    "AND",
    "OR",
    "NOT",
    "IN",
    "LIKE",
    "ILIKE",
    "BETWEEN",
    "IS",
    "NULL",
    "TRUE",
    "ESCAPE",
    "SELECT",
    "CASE",
    "FROM",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    "-",
    "=",
    "<>",
    "<",
    ">=",
    "'a'",
    "'%'",
    "'\\'",
    "1",
    "0.5",
    "\"q\"",
    "'2026-01-31'",
    "\n",
    "--",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = Condition::compile(&text);
    }

    #[test]
    fn no_soup_of_words_makes_it_panic(
        words in proptest::collection::vec(proptest::sample::select(&WORDS[..]), 0..40),
        glue in proptest::sample::select(&["", " "][..]),
    ) {
        let text = words.join(glue);
        if let Err(error) = Condition::compile(&text) {
            let lines = text.split('\n').count() as u64;
            prop_assert!(error.line >= 1 && error.line <= lines, "{error}");
            let line = text.split('\n').nth(error.line as usize - 1).unwrap_or("");
            let columns = line.chars().count() as u64 + 1;
            prop_assert!(error.column >= 1 && error.column <= columns, "{error} in {text:?}");
        }
    }
}
