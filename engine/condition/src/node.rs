use crate::like::Pattern;
use crate::path::Path;
use crate::value::Constant;

/// The compiled tree. What it may nest is bounded when it is made, so walking it by recursion
/// is safe.
#[derive(Debug)]
pub(crate) enum Node {
    Constant(Constant),
    Path(Path),
    /// The place of the body that has this slot.
    Member(usize),
    Not(Box<Node>),
    /// AND of all, those that need the body last.
    All(Vec<Node>),
    /// OR of all, those that need the body last.
    Any(Vec<Node>),
    Compare(Comparison, Box<[Node; 2]>),
    /// The first BETWEEN the second AND the third.
    Between(Box<[Node; 3]>),
    In(Box<Node>, Vec<Node>),
    Like(Box<Node>, Pattern),
    IsNull(Box<Node>),
    /// IS TRUE, IS FALSE: never NULL.
    Is(Box<Node>, bool),
    Call(Function, Vec<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Lower,
    Upper,
    Length,
    Coalesce,
    StartsWith,
    EndsWith,
    Contains,
    Exists,
}

impl Function {
    pub(crate) const NAMES: [(&'static str, Function); 8] = [
        ("lower", Function::Lower),
        ("upper", Function::Upper),
        ("length", Function::Length),
        ("coalesce", Function::Coalesce),
        ("starts_with", Function::StartsWith),
        ("ends_with", Function::EndsWith),
        ("contains", Function::Contains),
        ("exists", Function::Exists),
    ];

    pub(crate) fn named(name: &str) -> Option<Function> {
        let found = Function::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, function)| *function)
    }

    /// Whether it gives TRUE, FALSE or NULL, whatever it is given.
    pub(crate) fn is_test(self) -> bool {
        match self {
            Function::StartsWith | Function::EndsWith | Function::Contains | Function::Exists => {
                true
            }
            Function::Lower | Function::Upper | Function::Length | Function::Coalesce => false,
        }
    }

    /// How many arguments it takes; None is one or more.
    pub(crate) fn arity(self) -> Option<usize> {
        match self {
            Function::Lower | Function::Upper | Function::Length | Function::Exists => Some(1),
            Function::StartsWith | Function::EndsWith | Function::Contains => Some(2),
            Function::Coalesce => None,
        }
    }
}

impl Node {
    pub(crate) fn needs_body(&self) -> bool {
        match self {
            Node::Constant(_) | Node::Path(_) => false,
            Node::Member(_) => true,
            Node::Not(node) | Node::IsNull(node) | Node::Is(node, _) | Node::Like(node, _) => {
                node.needs_body()
            }
            Node::All(nodes) | Node::Any(nodes) | Node::Call(_, nodes) => any_needs_body(nodes),
            Node::Compare(_, nodes) => any_needs_body(&nodes[..]),
            Node::Between(nodes) => any_needs_body(&nodes[..]),
            Node::In(node, list) => node.needs_body() || any_needs_body(list),
        }
    }
}

fn any_needs_body(nodes: &[Node]) -> bool {
    nodes.iter().any(Node::needs_body)
}
