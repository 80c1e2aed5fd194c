//! Random expressions over random bodies, against an evaluator written apart from the engine: it
//! walks its own tree, looks at JSON values one way only, and never stops early.

#![allow(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use condition::{Condition, Joining, NODES_MAX, ParsedBody};
use event::{Envelope, Event, EventId, Offset, TenantId, Time};
use proptest::prelude::*;
use serde_json::{Value, json};

#[derive(Clone, Debug)]
enum Expr {
    Constant(Value),
    Data(Vec<&'static str>),
    Type,
    Key,
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Compare(&'static str, Box<Expr>, Box<Expr>),
    Between(Box<Expr>, Box<Expr>, Box<Expr>, bool),
    In(Box<Expr>, Vec<Expr>, bool),
    Like(Box<Expr>, String, bool, bool),
    IsNull(Box<Expr>, bool),
    IsTrue(Box<Expr>, bool),
    Coalesce(Vec<Expr>),
}

impl Expr {
    fn text(&self) -> String {
        let not = |is_negated: &bool| if *is_negated { "NOT " } else { "" };
        match self {
            Expr::Constant(Value::String(text)) => format!("'{}'", text.replace('\'', "''")),
            Expr::Constant(value) => value.to_string(),
            Expr::Data(path) => format!("data.{}", path.join(".")),
            Expr::Type => "type".into(),
            Expr::Key => "key".into(),
            Expr::Not(a) => format!("(NOT {})", a.text()),
            Expr::And(a, b) => format!("({} AND {})", a.text(), b.text()),
            Expr::Or(a, b) => format!("({} OR {})", a.text(), b.text()),
            Expr::Compare(op, a, b) => format!("({} {op} {})", a.text(), b.text()),
            Expr::Between(a, b, c, n) => {
                format!("({} {}BETWEEN {} AND {})", a.text(), not(n), b.text(), c.text())
            }
            Expr::In(a, list, n) => {
                let list: Vec<_> = list.iter().map(Expr::text).collect();
                format!("({} {}IN ({}))", a.text(), not(n), list.join(", "))
            }
            Expr::Like(a, pattern, is_blind, n) => {
                let like = if *is_blind { "ILIKE" } else { "LIKE" };
                format!("({} {}{like} '{pattern}')", a.text(), not(n))
            }
            Expr::IsNull(a, n) => format!("({} IS {}NULL)", a.text(), not(n)),
            Expr::IsTrue(a, n) => format!("({} IS {}TRUE)", a.text(), not(n)),
            Expr::Coalesce(of) => {
                format!("coalesce({})", of.iter().map(Expr::text).collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn value(&self, event: &Event, body: &Value) -> Value {
        let of = |expr: &Expr| expr.value(event, body);
        let flip = |value: Value, is_negated: bool| if is_negated { negate(&value) } else { value };
        match self {
            Expr::Constant(value) => value.clone(),
            Expr::Data(path) => {
                let pointer: String = path.iter().map(|step| format!("/{step}")).collect();
                body.pointer(&pointer).cloned().unwrap_or(Value::Null)
            }
            Expr::Type => json!(&*event.envelope.event_type),
            Expr::Key => json!(event.envelope.key),
            Expr::Not(a) => negate(&of(a)),
            Expr::And(a, b) => least(&of(a), &of(b)),
            Expr::Or(a, b) => negate(&least(&negate(&of(a)), &negate(&of(b)))),
            Expr::Compare(op, a, b) => compare(op, &of(a), &of(b)),
            Expr::Between(a, b, c, n) => {
                let (above, below) = (compare(">=", &of(a), &of(b)), compare("<=", &of(a), &of(c)));
                flip(least(&above, &below), *n)
            }
            Expr::In(a, list, n) => {
                let none = list.iter().map(|b| negate(&compare("=", &of(a), &of(b))));
                let none = none.fold(Value::Bool(true), |sum, next| least(&sum, &next));
                flip(negate(&none), *n)
            }
            Expr::Like(a, pattern, is_blind, n) => flip(like(&of(a), pattern, *is_blind), *n),
            Expr::IsNull(a, n) => json!(of(a).is_null() != *n),
            Expr::IsTrue(a, n) => json!((of(a) == json!(true)) != *n),
            Expr::Coalesce(list) => {
                list.iter().map(of).find(|value| !value.is_null()).unwrap_or(Value::Null)
            }
        }
    }
}

fn negate(value: &Value) -> Value {
    value.as_bool().map_or(Value::Null, |truth| json!(!truth))
}

/// AND: FALSE is less than NULL, and NULL less than TRUE.
fn least(a: &Value, b: &Value) -> Value {
    let rank = |value: &Value| value.as_bool().map_or(1, |truth| 2 * u8::from(truth));
    [json!(false), Value::Null, json!(true)][usize::from(rank(a).min(rank(b)))].clone()
}

fn compare(op: &str, a: &Value, b: &Value) -> Value {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let order = match (a, b) {
        // Small enough here for f64 to be exact.
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
        (Value::String(a), Value::String(b)) => Some(a.chars().cmp(b.chars())),
        (Value::Bool(a), Value::Bool(b)) if op == "=" || op == "<>" => Some(a.cmp(b)),
        _ => None,
    };
    let Some(order) = order else { return Value::Null };
    let wanted = match op {
        "=" => vec![Equal],
        "<>" => vec![Less, Greater],
        "<" => vec![Less],
        "<=" => vec![Less, Equal],
        ">" => vec![Greater],
        _ => vec![Greater, Equal],
    };
    json!(wanted.contains(&order))
}

fn like(value: &Value, pattern: &str, is_blind: bool) -> Value {
    fn matches(text: &[u8], pattern: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'%', rest)) => (0..=text.len()).any(|skip| matches(&text[skip..], rest)),
            Some((b'_', rest)) => !text.is_empty() && matches(&text[1..], rest),
            Some((c, rest)) => text.first() == Some(c) && matches(&text[1..], rest),
        }
    }
    let Value::String(text) = value else { return Value::Null };
    let fold = |s: &str| if is_blind { s.to_ascii_lowercase() } else { s.to_owned() };
    json!(matches(fold(text).as_bytes(), fold(pattern).as_bytes()))
}

fn scalars() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..4i64).prop_map(Value::from),
        (-3..4i32).prop_map(|n| json!(f64::from(n) / 2.0)),
        "[abAB']{0,3}".prop_map(Value::from),
    ]
}

const PATHS: [&[&str]; 6] = [&["a"], &["b"], &["c"], &["c", "a"], &["c", "missing"], &["missing"]];

fn exprs() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        2 => scalars().prop_map(Expr::Constant),
        4 => proptest::sample::select(&PATHS[..]).prop_map(|path| Expr::Data(path.to_vec())),
        1 => Just(Expr::Type),
        1 => Just(Expr::Key),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        let op = proptest::sample::select(&["=", "<>", "<", "<=", ">", ">="][..]);
        let few = || proptest::collection::vec(inner.clone(), 1..4);
        let negated = any::<bool>();
        prop_oneof![
            boxed().prop_map(Expr::Not),
            (boxed(), boxed()).prop_map(|(a, b)| Expr::And(a, b)),
            (boxed(), boxed()).prop_map(|(a, b)| Expr::Or(a, b)),
            (op, boxed(), boxed()).prop_map(|(op, a, b)| Expr::Compare(op, a, b)),
            (boxed(), boxed(), boxed(), negated).prop_map(|(a, b, c, n)| Expr::Between(a, b, c, n)),
            (boxed(), few(), negated).prop_map(|(a, list, n)| Expr::In(a, list, n)),
            (boxed(), "[abAB%_]{0,4}", any::<bool>(), negated)
                .prop_map(|(a, pattern, is_blind, n)| Expr::Like(a, pattern, is_blind, n)),
            (boxed(), negated).prop_map(|(a, n)| Expr::IsNull(a, n)),
            (boxed(), negated).prop_map(|(a, n)| Expr::IsTrue(a, n)),
            few().prop_map(Expr::Coalesce),
        ]
    })
}

fn events() -> impl Strategy<Value = (Event, Value)> {
    let body = (scalars(), scalars(), scalars())
        .prop_map(|(a, b, c)| json!({"a": a, "b": b, "c": {"a": c}}));
    let key = proptest::option::of("[ab]{0,2}");
    (body, "[ab]{1,2}", key).prop_map(|(body, event_type, key)| {
        let envelope = Envelope {
            key: key.map(Into::into),
            ..Envelope::new(TenantId::new("t"), "s", &event_type, Time::ZERO)
        };
        let bytes = Bytes::from(body.to_string());
        (Event { id: EventId::new(0, Offset(0)), envelope, body: bytes }, body)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn agrees_with_the_naive_evaluator(expr in exprs(), (event, json) in events()) {
        let text = expr.text();
        prop_assume!(text.len() < 4000);
        let expected = expr.value(&event, &json);
        let mut body = ParsedBody::new();
        let mut matches = |text: &str| {
            Condition::compile(text).map(|condition| condition.matches(&event, &mut body))
        };
        prop_assert_eq!(matches(&text), Ok(expected == json!(true)), "{}", text);
        let is_false = matches(&format!("NOT {text}"));
        prop_assert_eq!(is_false, Ok(expected == json!(false)), "NOT {}", text);
    }
    #[test]
    fn together_they_say_what_each_says_alone(
        exprs in prop::collection::vec(exprs(), 1..8),
        (event, json) in events(),
    ) {
        let mut joining = Joining::default();
        for expr in &exprs {
            let condition = Condition::compile(&expr.text());
            prop_assume!(condition.is_ok());
            joining.add(condition.unwrap().into());
        }
        let (joint, mut body) = (joining.done(), ParsedBody::new());
        for (number, expr) in exprs.iter().enumerate() {
            let expected = expr.value(&event, &json) == json!(true);
            prop_assert_eq!(joint.matches(number, &event, &mut body), expected, "{}", expr.text());
            // In steps of one look each.
            let mut inquiry = joint.ask(number, &event);
            let stepped = (0..2 * NODES_MAX).find_map(|_| inquiry.step(&mut body, 0));
            prop_assert_eq!(stepped, Some(expected), "{} in steps", expr.text());
        }
    }
}
