use crate::{ConditionError, nearest};
use sqlparser::ast::{AccessExpr, Expr, Ident, Spanned, Subscript, UnaryOperator, Value};
use sqlparser::tokenizer::Location;

/// Where a value is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    Type,
    Source,
    Key,
    Id,
    Time,
    /// In lower case.
    Header(Box<str>),
}

/// What a name leads to: a value of the envelope, or a place in the body.
pub(crate) enum Name {
    Envelope(Path),
    Body(Vec<Step>),
}

/// Members come before items where places are sorted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Member(Box<str>),
    Item(usize),
}

const ROOTS: [&str; 7] = ["type", "source", "key", "id", "time", "headers", "data"];

/// A step as it was written, and where.
type Written = (Step, Location);

impl Name {
    pub(crate) fn of_idents(idents: &[Ident]) -> Result<Name, ConditionError> {
        let (root, rest) = idents.split_first().expect("the parser gives no empty name");
        let steps = rest.iter().map(|ident| (member(ident), ident.span.start));
        Name::new(root, steps.collect())
    }

    pub(crate) fn of_access(root: &Expr, chain: &[AccessExpr]) -> Result<Name, ConditionError> {
        let (root, mut steps) = match root {
            Expr::Identifier(root) => (root, Vec::new()),
            Expr::CompoundIdentifier(idents) => {
                let (root, rest) = idents.split_first().expect("the parser gives no empty name");
                (root, rest.iter().map(|ident| (member(ident), ident.span.start)).collect())
            }
            other => {
                let reason = "only `data` and `headers` have members";
                return Err(ConditionError::at(other.span().start, reason));
            }
        };
        for access in chain {
            steps.push(step(access)?);
        }
        Name::new(root, steps)
    }

    fn new(root: &Ident, steps: Vec<Written>) -> Result<Name, ConditionError> {
        let known = ROOTS.iter().find(|name| name.eq_ignore_ascii_case(&root.value));
        let place = root.span.start;
        let path = match known.copied() {
            Some("data") => {
                return Ok(Name::Body(steps.into_iter().map(|(step, _)| step).collect()));
            }
            Some("headers") => return header(place, &steps).map(Name::Envelope),
            Some("type") => Path::Type,
            Some("source") => Path::Source,
            Some("key") => Path::Key,
            Some("id") => Path::Id,
            Some("time") => Path::Time,
            _ => return Err(unknown(root)),
        };
        match steps.first() {
            None => Ok(Name::Envelope(path)),
            Some((_, place)) => {
                let reason = format!("`{}` has no members", root.value);
                Err(ConditionError::at(*place, reason))
            }
        }
    }
}

fn unknown(root: &Ident) -> ConditionError {
    let reason = format!("no such name `{}`", root.value);
    let error = ConditionError::at(root.span.start, reason);
    match nearest(&root.value, ROOTS) {
        Some(near) => error.near(Some(near)),
        None if root.quote_style.is_some() => {
            error.hint(format!("a text is written '{}'", root.value))
        }
        None => error.hint(format!("the body's members are written `data.{}`", root.value)),
    }
}

fn header(place: Location, steps: &[Written]) -> Result<Path, ConditionError> {
    let reason = match steps {
        [(Step::Member(name), _)] => return Ok(Path::Header(name.to_ascii_lowercase().into())),
        [_, (_, place), ..] => {
            return Err(ConditionError::at(*place, "a header has no members"));
        }
        _ => "a header's name is needed",
    };
    Err(ConditionError::at(place, reason).hint("write headers['x-name']"))
}

fn member(ident: &Ident) -> Step {
    Step::Member(ident.value.as_str().into())
}

fn step(access: &AccessExpr) -> Result<Written, ConditionError> {
    match access {
        AccessExpr::Dot(Expr::Identifier(ident)) => Ok((member(ident), ident.span.start)),
        AccessExpr::Subscript(Subscript::Index { index }) => index_step(index),
        AccessExpr::Dot(Expr::Function(call)) => {
            Err(ConditionError::at(call.name.span().start, "members are not functions"))
        }
        AccessExpr::Dot(other) => Err(bad_step(other)),
        AccessExpr::Subscript(Subscript::Slice { .. }) => {
            Err(ConditionError::at(Location { line: 1, column: 1 }, "slices are not supported"))
        }
    }
}

fn index_step(index: &Expr) -> Result<Written, ConditionError> {
    let Expr::Value(value) = index else { return Err(bad_step(index)) };
    let place = value.span.start;
    match &value.value {
        Value::SingleQuotedString(name) => Ok((Step::Member(name.as_str().into()), place)),
        Value::Number(digits, _) => match digits.parse() {
            Ok(at) => Ok((Step::Item(at), place)),
            Err(_) => Err(bad_step(index)),
        },
        _ => Err(bad_step(index)),
    }
}

fn bad_step(expr: &Expr) -> ConditionError {
    let error = ConditionError::at(expr.span().start, "neither a name nor a place in a list");
    match expr {
        Expr::UnaryOp { op: UnaryOperator::Minus, .. } => error.hint("places count from 0"),
        _ => error.hint("write data['name'] or data.items[0]"),
    }
}
