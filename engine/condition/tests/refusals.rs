//! What is refused, where the error points, and what it says.

#![allow(clippy::unwrap_used, reason = "tests")]

use condition::Condition;

/// (expression, line, column, a part of the message)
const TABLE: [(&str, u64, u64, &str); 59] = [
    ("", 1, 1, "an expression is needed"),
    (" -- nothing\n", 1, 1, "an expression is needed"),
    ("tpye = 'push'", 1, 1, "did you mean `type`?"),
    ("TYEP = 'push'", 1, 1, "did you mean `type`?"),
    ("repository.private = false", 1, 1, "`data.repository`"),
    ("data.a = ", 1, 9, "unfinished"),
    ("= 1", 1, 1, "a value is missing before `=`"),
    ("data.a = 1 AND", 1, 15, "unfinished"),
    ("data.a = 1 AND OR data.b", 1, 16, "a value is missing before `OR`"),
    ("data.a 1", 1, 8, "`1` is not expected here; an operator is missing"),
    ("data.a = 1 data.b", 1, 12, "`data` is not expected here"),
    ("data.a IN ()", 1, 12, "a value is missing before `)`"),
    ("data.a IN 1", 1, 11, "not expected"),
    ("data.a = 'x", 1, 10, "Unterminated string"),
    ("data.a == 1", 1, 8, "write `=`"),
    ("data.a && data.b", 1, 8, "write `AND`"),
    ("data.a || data.b", 1, 8, "write `OR`"),
    ("(data.a = 1", 1, 1, "`(` is never closed"),
    ("data.a = 1)", 1, 11, "`)` closes nothing"),
    ("data.a[0) = 1", 1, 9, "`)` closes nothing"),
    ("data.a[-1] = 1", 1, 9, "places count from 0"),
    ("data.a[1.5] = 1", 1, 8, "neither a name nor a place"),
    ("data.a[99999999999999999999] = 1", 1, 8, "neither a name nor a place"),
    ("data.items.0 = 1", 1, 11, "not expected"),
    ("headers.x-github-event = 'a'", 1, 18, "headers['x-name']"),
    ("headers = 'a'", 1, 1, "a header's name is needed"),
    ("headers['a'].b = 'a'", 1, 14, "a header has no members"),
    ("lenght(data.a) = 1", 1, 1, "did you mean `length`?"),
    ("length(data.a, 1) = 1", 1, 1, "takes 1, not 2"),
    ("length() = 1", 1, 1, "takes 1, not 0"),
    ("coalesce() = 1", 1, 1, "one or more"),
    ("exists(1)", 1, 1, "takes a path"),
    ("lower(DISTINCT data.a) = 'x'", 1, 16, "not expected"),
    ("data.a LIKE data.b", 1, 13, "a pattern is a text"),
    ("data.a LIKE 'x\\'", 1, 13, "ends in its escape"),
    ("data.a LIKE 'x' ESCAPE 'ab'", 1, 24, "one character"),
    ("data.a LIKE ANY ('x')", 1, 13, "no function `ANY`"),
    ("time > 'yesterday'", 1, 8, "is not a time"),
    ("time IN ('2026-01-31', 'x')", 1, 24, "is not a time"),
    ("CASE WHEN 1 THEN 2 END", 1, 6, "not expected"),
    ("data.a = (SELECT 1)", 1, 18, "not expected"),
    ("CAST(data.a AS int) = 1", 1, 13, "not expected"),
    ("data.a BETWEEN 1", 1, 17, "unfinished"),
    ("data.a IS 5", 1, 11, "not expected"),
    ("data.a IS NOT", 1, 14, "unfinished"),
    ("NOT", 1, 4, "unfinished"),
    ("data.a + 1 = 2", 1, 8, "`+` has no meaning"),
    ("data.a - 1 = 2", 1, 10, "does not calculate"),
    ("-data.a = 2", 1, 2, "before a number only"),
    ("type.x = 1", 1, 6, "`type` has no members"),
    ("data.a = \"text\"", 1, 10, "a text is written 'text'"),
    ("data.a = 007", 1, 10, "is not a number"),
    ("data.a = .5", 1, 10, "is not a number"),
    ("data.a = 1e999", 1, 10, "is not a number"),
    ("\n\n  data.x = 1 AND\n foo = 2", 4, 2, "no such name `foo`"),
    ("data.a = 'ü' AND foo = 2", 1, 18, "no such name `foo`"),
    ("(1,2) = (1,2)", 1, 2, "no such thing"),
    ("data.* = 1", 1, 6, "a member's name is needed"),
    ("data.a = $1", 1, 10, "has no meaning"),
];

#[test]
fn errors_point_at_what_is_wrong() {
    for (text, line, column, part) in TABLE {
        let error = Condition::compile(text).expect_err(text);
        let shown = error.to_string();
        assert_eq!((error.line, error.column), (line, column), "{text}: {shown}");
        assert!(shown.contains(part), "{text}: {shown}");
    }
}

#[test]
fn limits_are_kept() {
    let ands = |n| vec!["data.a = 1"; n].join(" AND ");
    let nested = |n: usize| format!("{}data.a{}", "(".repeat(n), ")".repeat(n));
    let list = |n| format!("type IN ({})", vec!["1"; n].join(","));
    assert!(Condition::compile(&ands(150)).is_ok());
    assert!(Condition::compile(&nested(32)).is_ok());
    assert!(Condition::compile(&list(500)).is_ok());
    let table = [
        (ands(180), "more than 512"),
        (nested(33), "deeper than 32"),
        (nested(1000), "deeper than 32"),
        (list(600), "more than 512"),
        (list(2000), "more than 2048"),
        (format!("type = '{}'", "x".repeat(9000)), "longer than 8192"),
        (format!("{} data.a", "NOT ".repeat(1000)), "deeper than 32"),
        (format!("data{} = 1", ".a".repeat(1500)), "more than 2048"),
        (vec!["data.a"; 400].join(" = "), "deeper than 32"),
        (format!("data.a LIKE '{}'", "_".repeat(1025)), "too long"),
    ];
    for (text, part) in table {
        let error = Condition::compile(&text).expect_err(&text[..40]);
        assert!(error.to_string().contains(part), "{}: {error}", &text[..40]);
    }
}
