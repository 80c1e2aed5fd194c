use crate::ParsedBody;
use crate::inquiry::{Asked, Progress};
use crate::node::{Comparison, Function, Node};
use crate::path::Path;
use crate::value::{Cell, Number};
use crate::wanted::Member;
use event::Event;
use std::borrow::Cow;

/// Fuel for each byte of texts that are compared, or whose characters are counted.
const BYTE_COST: u64 = 1;
/// Fuel for each byte of a text in which another is looked for, though it be found at once: 1 ns.
const SEARCH_COST: u64 = 4;
/// Fuel for each byte of a text that is written in one case: 4 ns, which texts in ASCII take less
/// of.
const CASE_COST: u64 = 16;
/// Fuel for each entry of a list that is looked at, beside what it reads of texts: 8 ns.
const ENTRY_COST: u64 = 32;

/// The logical value of a tree; None is NULL. Says nothing where the progress is cut.
/// `slots` says where the body has what the tree's own slots stand for, if it is elsewhere.
pub(crate) fn truth(
    node: &Node,
    event: &Event,
    body: &ParsedBody,
    slots: Option<&[usize]>,
    progress: &Progress,
) -> Option<bool> {
    Subject { event, body, slots, progress }.truth(node)
}

/// What is looked at.
#[derive(Clone, Copy)]
struct Subject<'a> {
    event: &'a Event,
    body: &'a ParsedBody,
    slots: Option<&'a [usize]>,
    progress: &'a Progress,
}

impl<'a> Subject<'a> {
    fn member(self, slot: usize) -> Option<&'a Member> {
        self.body.member(self.slots.map_or(slot, |slots| slots[slot]))
    }

    fn truth(self, node: &'a Node) -> Option<bool> {
        self.progress.learn(node, Asked::Truth, || self.find_truth(node))
    }

    fn find_truth(self, node: &'a Node) -> Option<bool> {
        match node {
            Node::Not(inner) => self.truth(inner).map(|truth| !truth),
            Node::All(nodes) => self.fold(nodes, false),
            Node::Any(nodes) => self.fold(nodes, true),
            Node::Compare(comparison, sides) => {
                self.compare(*comparison, &self.value(&sides[0]), &self.value(&sides[1]))
            }
            Node::Between(parts) => {
                let value = self.value(&parts[0]);
                let (low, high) = (self.value(&parts[1]), self.value(&parts[2]));
                let above = self.compare(Comparison::GreaterOrEqual, &value, &low);
                and(above, self.compare(Comparison::LessOrEqual, &value, &high))
            }
            Node::In(value, list) => {
                let value = self.value(value);
                one_of(list.iter().map(|entry| self.is_entry(entry, &value)))
            }
            Node::Like(value, pattern) => match self.value(value) {
                Cell::Text(text) => {
                    let (is_match, fuel) = pattern.look(&text);
                    self.progress.charge(fuel);
                    Some(is_match)
                }
                _ => None,
            },
            Node::IsNull(value) => Some(self.value(value).is_null()),
            Node::Is(value, wanted) => Some(self.truth(value) == Some(*wanted)),
            Node::Call(function, arguments) => self.call(*function, arguments).truth(),
            Node::Constant(_) | Node::Path(_) | Node::Member(_) => self.value(node).truth(),
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

    fn is_entry(self, entry: &'a Node, value: &Cell) -> Option<bool> {
        let is_equal = || self.compare(Comparison::Equal, value, &self.value(entry));
        self.progress.learn(entry, Asked::Equality, is_equal)
    }

    fn compare(self, comparison: Comparison, left: &Cell, right: &Cell) -> Option<bool> {
        self.progress.charge(BYTE_COST * shorter(left, right));
        match comparison {
            Comparison::Equal => left.equals(right),
            Comparison::NotEqual => left.equals(right).map(|is_equal| !is_equal),
            Comparison::Less => left.order(right).map(|order| order.is_lt()),
            Comparison::LessOrEqual => left.order(right).map(|order| order.is_le()),
            Comparison::Greater => left.order(right).map(|order| order.is_gt()),
            Comparison::GreaterOrEqual => left.order(right).map(|order| order.is_ge()),
        }
    }

    fn value(self, node: &'a Node) -> Cell<'a> {
        match node {
            // No text is copied for an answer that says nothing.
            _ if self.progress.is_cut() => Cell::Null,
            Node::Constant(constant) => constant.into(),
            Node::Path(path) => self.find(path),
            Node::Member(slot) => self.member(*slot).map_or(Cell::Null, Cell::of),
            Node::Call(function, arguments) if !function.is_test() => {
                self.call(*function, arguments)
            }
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
            (_, [only]) => self.of_one(function, self.value(only)),
            (_, [value, part]) => {
                Cell::of_truth(self.of_two(function, &self.value(value), &self.value(part)))
            }
            _ => Cell::Null,
        }
    }

    fn of_one(self, function: Function, value: Cell<'a>) -> Cell<'a> {
        let count = |count: usize| Cell::Number(Number::Integer(count as i128));
        let charge = |cost: u64, text: &str| self.progress.charge(cost * text.len() as u64);
        match (function, value) {
            (Function::Lower, Cell::Text(text)) => {
                charge(CASE_COST, &text);
                Cell::Text(Cow::Owned(text.to_lowercase()))
            }
            (Function::Upper, Cell::Text(text)) => {
                charge(CASE_COST, &text);
                Cell::Text(Cow::Owned(text.to_uppercase()))
            }
            (Function::Length, Cell::Text(text)) => {
                charge(BYTE_COST, &text);
                count(text.chars().count())
            }
            (Function::Length, Cell::List { count: entries, .. }) => count(entries),
            (Function::Length, Cell::Object(members)) => count(members),
            _ => Cell::Null,
        }
    }

    fn of_two(self, function: Function, value: &Cell, part: &Cell) -> Option<bool> {
        let charge = |fuel: u64| self.progress.charge(fuel);
        match (function, value, part) {
            (Function::StartsWith, Cell::Text(text), Cell::Text(start)) => {
                charge(BYTE_COST * shorter(value, part));
                Some(text.starts_with(&**start))
            }
            (Function::EndsWith, Cell::Text(text), Cell::Text(end)) => {
                charge(BYTE_COST * shorter(value, part));
                Some(text.ends_with(&**end))
            }
            (Function::Contains, Cell::Text(text), Cell::Text(part)) => {
                charge(SEARCH_COST * text.len() as u64);
                Some(text.contains(&**part))
            }
            (Function::Contains, Cell::List { .. }, Cell::Null) => None,
            (Function::Contains, Cell::List { entries, .. }, part) => {
                let is_it = |entry: &Member| {
                    charge(ENTRY_COST);
                    self.compare(Comparison::Equal, &Cell::of(entry), part) == Some(true)
                };
                Some(entries.iter().any(is_it))
            }
            _ => None,
        }
    }
}

fn text(of: &str) -> Cell<'_> {
    Cell::Text(Cow::Borrowed(of))
}

/// How much of two texts is read at most where they are compared; of others nothing.
fn shorter(left: &Cell, right: &Cell) -> u64 {
    match (left, right) {
        (Cell::Text(left), Cell::Text(right)) => left.len().min(right.len()) as u64,
        _ => 0,
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
