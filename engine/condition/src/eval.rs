use crate::ParsedBody;
use crate::node::{Comparison, Function, Node};
use crate::path::Path;
use crate::value::Cell;
use crate::wanted::Member;
use event::Event;
use std::borrow::Cow;

/// The logical value of a tree; None is NULL.
/// `slots` says where the body has what the tree's own slots stand for, if it is elsewhere.
pub(crate) fn truth(
    node: &Node,
    event: &Event,
    body: &ParsedBody,
    slots: Option<&[usize]>,
) -> Option<bool> {
    Subject { event, body, slots }.truth(node)
}

/// What is looked at.
#[derive(Clone, Copy)]
struct Subject<'a> {
    event: &'a Event,
    body: &'a ParsedBody,
    slots: Option<&'a [usize]>,
}

impl<'a> Subject<'a> {
    fn member(self, slot: usize) -> Option<&'a Member> {
        self.body.member(self.slots.map_or(slot, |slots| slots[slot]))
    }

    fn truth(self, node: &'a Node) -> Option<bool> {
        match node {
            Node::Not(inner) => self.truth(inner).map(|truth| !truth),
            Node::All(nodes) => self.fold(nodes, false),
            Node::Any(nodes) => self.fold(nodes, true),
            Node::Compare(comparison, sides) => {
                compare(*comparison, &self.value(&sides[0]), &self.value(&sides[1]))
            }
            Node::Between(parts) => {
                let value = self.value(&parts[0]);
                let above = compare(Comparison::GreaterOrEqual, &value, &self.value(&parts[1]));
                let below = compare(Comparison::LessOrEqual, &value, &self.value(&parts[2]));
                and(above, below)
            }
            Node::In(value, list) => {
                let value = self.value(value);
                one_of(list.iter().map(|entry| value.equals(&self.value(entry))))
            }
            Node::Like(value, pattern) => match self.value(value) {
                Cell::Text(text) => Some(pattern.matches(&text)),
                _ => None,
            },
            Node::IsNull(value) => Some(self.value(value).is_null()),
            Node::Is(value, wanted) => Some(self.truth(value) == Some(*wanted)),
            Node::Constant(_) | Node::Path(_) | Node::Member(_) | Node::Call(..) => {
                self.value(node).truth()
            }
        }
    }

    /// Ends at the first operand that is `decisive`: FALSE for AND, TRUE for OR.
    fn fold(self, nodes: &'a [Node], decisive: bool) -> Option<bool> {
        let mut answer = Some(!decisive);
        for node in nodes {
            match self.truth(node) {
                Some(truth) if truth == decisive => return Some(decisive),
                Some(_) => {}
                None => answer = None,
            }
        }
        answer
    }

    fn value(self, node: &'a Node) -> Cell<'a> {
        match node {
            Node::Constant(constant) => constant.into(),
            Node::Path(path) => self.find(path),
            Node::Member(slot) => self.member(*slot).map_or(Cell::Null, Cell::of),
            Node::Call(function, arguments) => self.call(*function, arguments),
            _ => Cell::of_truth(self.truth(node)),
        }
    }

    fn find(self, path: &Path) -> Cell<'a> {
        let envelope = &self.event.envelope;
        match path {
            Path::Type => text(&envelope.event_type),
            Path::Source => text(&envelope.source),
            Path::Key => envelope.key.as_deref().map_or(Cell::Null, text),
            Path::Id => Cell::Text(Cow::Owned(self.event.id.to_string())),
            Path::Time => Cell::Time(i128::from(envelope.time.nanos())),
            Path::Header(name) => {
                let value = envelope.headers.first(name);
                value.and_then(|value| std::str::from_utf8(value).ok()).map_or(Cell::Null, text)
            }
        }
    }

    fn call(self, function: Function, arguments: &'a [Node]) -> Cell<'a> {
        match (function, arguments) {
            (Function::Exists, [Node::Member(slot)]) => Cell::Bool(self.member(*slot).is_some()),
            (Function::Exists, [Node::Path(Path::Header(name))]) => {
                Cell::Bool(self.event.envelope.headers.first(name).is_some())
            }
            (Function::Exists, [other]) => Cell::Bool(!self.value(other).is_null()),
            (Function::Coalesce, _) => {
                let mut values = arguments.iter().map(|argument| self.value(argument));
                values.find(|value| !value.is_null()).unwrap_or(Cell::Null)
            }
            (_, [only]) => of_one(function, self.value(only)),
            (_, [value, part]) => {
                Cell::of_truth(of_two(function, &self.value(value), &self.value(part)))
            }
            _ => Cell::Null,
        }
    }
}

fn text(of: &str) -> Cell<'_> {
    Cell::Text(Cow::Borrowed(of))
}

fn compare(comparison: Comparison, left: &Cell, right: &Cell) -> Option<bool> {
    match comparison {
        Comparison::Equal => left.equals(right),
        Comparison::NotEqual => left.equals(right).map(|is_equal| !is_equal),
        Comparison::Less => left.order(right).map(|order| order.is_lt()),
        Comparison::LessOrEqual => left.order(right).map(|order| order.is_le()),
        Comparison::Greater => left.order(right).map(|order| order.is_gt()),
        Comparison::GreaterOrEqual => left.order(right).map(|order| order.is_ge()),
    }
}

fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// OR of all.
fn one_of(mut truths: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut answer = Some(false);
    let found = truths.any(|truth| {
        answer = if truth.is_none() { None } else { answer };
        truth == Some(true)
    });
    if found { Some(true) } else { answer }
}

fn of_one(function: Function, value: Cell<'_>) -> Cell<'_> {
    let count = |count: usize| Cell::Number(crate::value::Number::Integer(count as i128));
    match (function, value) {
        (Function::Lower, Cell::Text(text)) => Cell::Text(Cow::Owned(text.to_lowercase())),
        (Function::Upper, Cell::Text(text)) => Cell::Text(Cow::Owned(text.to_uppercase())),
        (Function::Length, Cell::Text(text)) => count(text.chars().count()),
        (Function::Length, Cell::List { count: entries, .. }) => count(entries),
        (Function::Length, Cell::Object(members)) => count(members),
        _ => Cell::Null,
    }
}

fn of_two(function: Function, value: &Cell, part: &Cell) -> Option<bool> {
    match (function, value, part) {
        (Function::StartsWith, Cell::Text(text), Cell::Text(part)) => {
            Some(text.starts_with(&**part))
        }
        (Function::EndsWith, Cell::Text(text), Cell::Text(part)) => Some(text.ends_with(&**part)),
        (Function::Contains, Cell::Text(text), Cell::Text(part)) => Some(text.contains(&**part)),
        (Function::Contains, Cell::List { .. }, Cell::Null) => None,
        (Function::Contains, Cell::List { entries, .. }, part) => {
            Some(entries.iter().any(|entry| Cell::of(entry).equals(part) == Some(true)))
        }
        _ => None,
    }
}
