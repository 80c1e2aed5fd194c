use crate::wanted::Member;
use std::borrow::Cow;
use std::cmp::Ordering;

/// What an expression comes to, over one event.
#[derive(Clone, Debug)]
pub(crate) enum Cell<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    /// Nanoseconds since the Unix epoch.
    Time(i128),
    /// The entries only where they are searched.
    List {
        count: usize,
        entries: &'a [Member],
    },
    /// Its members are counted only where a function counts them.
    Object(usize),
}

/// What an expression says itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Constant {
    Null,
    Bool(bool),
    Number(Number),
    Text(Box<str>),
    Time(i128),
}

/// A JSON number. Floats are finite, so numbers have one order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// Within the range of i64 or u64.
    Integer(i128),
    Float(f64),
}

impl Number {
    pub(crate) fn of(number: &serde_json::Number) -> Option<Number> {
        let integer = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
        integer.map(Number::Integer).or_else(|| number.as_f64().map(Number::Float))
    }

    /// By the values that the two stand for; no rounding takes part.
    pub(crate) fn compare(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Integer(a), Number::Integer(b)) => a.cmp(&b),
            (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Number::Integer(a), Number::Float(b)) => compare_mixed(a, b),
            (Number::Float(a), Number::Integer(b)) => compare_mixed(b, a).reverse(),
        }
    }
}

fn compare_mixed(integer: i128, float: f64) -> Ordering {
    // The cast saturates far outside the range of the integers that occur here.
    let whole = float.trunc();
    integer.cmp(&(whole as i128)).then_with(|| whole.partial_cmp(&float).unwrap_or(Ordering::Equal))
}

impl<'a> Cell<'a> {
    pub(crate) fn of(member: &'a Member) -> Cell<'a> {
        match member {
            Member::Null => Cell::Null,
            Member::Bool(truth) => Cell::Bool(*truth),
            Member::Number(number) => Number::of(number).map_or(Cell::Null, Cell::Number),
            Member::Text(text) => Cell::Text(Cow::Borrowed(text)),
            Member::List { count, entries } => Cell::List { count: *count, entries },
            Member::Object(count) => Cell::Object(*count),
        }
    }

    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Cell::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    pub(crate) fn of_truth(truth: Option<bool>) -> Cell<'a> {
        truth.map_or(Cell::Null, Cell::Bool)
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Cell::Null)
    }

    /// None where the two cannot be compared: NULL, different types, lists, objects.
    pub(crate) fn equals(&self, other: &Cell) -> Option<bool> {
        match (self, other) {
            (Cell::Bool(a), Cell::Bool(b)) => Some(a == b),
            _ => self.order(other).map(Ordering::is_eq),
        }
    }

    pub(crate) fn order(&self, other: &Cell) -> Option<Ordering> {
        match (self, other) {
            (Cell::Number(a), Cell::Number(b)) => Some(a.compare(*b)),
            (Cell::Text(a), Cell::Text(b)) => Some(a.cmp(b)),
            (Cell::Time(a), Cell::Time(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

impl<'a> From<&'a Constant> for Cell<'a> {
    fn from(constant: &'a Constant) -> Cell<'a> {
        match constant {
            Constant::Null => Cell::Null,
            Constant::Bool(truth) => Cell::Bool(*truth),
            Constant::Number(number) => Cell::Number(*number),
            Constant::Text(text) => Cell::Text(Cow::Borrowed(text)),
            Constant::Time(ns) => Cell::Time(*ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::of(&serde_json::from_str(text).unwrap()).unwrap()
    }

    #[test]
    fn numbers_compare_by_value() {
        let ascending = [
            "-1e300",
            "-9223372036854775809",
            "-9223372036854775807",
            "-1.5",
            "-1",
            "-0.5",
            "0",
            "1e-300",
            "0.1",
            "1",
            "9007199254740991",
            "9007199254740993",
            "9223372036854775807",
            "18446744073709551614",
            "18446744073709551615",
            "18446744073709551616",
            "1e300",
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(number(a).compare(number(b)), i.cmp(&j), "{a} and {b}");
            }
        }
        for (a, b) in [("1", "1.0"), ("0", "-0.0"), ("100", "1e2"), ("0.1", "0.10")] {
            assert!(number(a).compare(number(b)).is_eq(), "{a} and {b}");
        }
        // 2^53 + 1 is no f64: as a decimal it is 2^53, and so less than the integer.
        assert!(number("9007199254740993").compare(number("9007199254740993.0")).is_gt());
    }
}
