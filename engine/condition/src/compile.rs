use crate::like::Pattern;
use crate::node::{Comparison, Function, Node};
use crate::path::{Name, Path};
use crate::tokens::{Plain, tokens};
use crate::value::{Constant, Number};
use crate::wanted::Wanted;
use crate::{ConditionError, DEPTH_MAX, NODES_MAX, moment, nearest};
use sqlparser::ast::{
    self, BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, InTarget,
    ObjectNamePart, Spanned, UnaryOperator, Value, ValueWithSpan,
};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// More than the deepest tree needs: the parser takes more than one step a level.
const RECURSION_MAX: usize = 4 * DEPTH_MAX;

/// The tree, and what of a body it looks at.
pub(crate) fn compile(text: &str) -> Result<(Node, Wanted), ConditionError> {
    let tokens = tokens(text)?;
    let last = tokens.last().map(|token| token.span.end);
    let mut parser =
        Parser::new(&Plain).with_recursion_limit(RECURSION_MAX).with_tokens_with_locations(tokens);
    let parsed = parser.parse_expr();
    let next = parser.peek_token_ref();
    let is_end = next.token == Token::EOF;
    let place = if is_end { last.unwrap_or(next.span.start) } else { next.span.start };
    let expr = match parsed {
        Ok(expr) if is_end => expr,
        Ok(_) => {
            let reason = format!("`{}` is not expected here", next.token);
            return Err(ConditionError::at(place, reason).hint("an operator is missing"));
        }
        Err(ParserError::RecursionLimitExceeded) => return Err(ConditionError::too_deep(place)),
        Err(_) if is_end => return Err(ConditionError::at(place, "the expression is unfinished")),
        Err(_) => {
            let reason = format!("`{}` is not expected here", next.token);
            return Err(ConditionError::at(place, reason));
        }
    };
    let mut compiler = Compiler::default();
    let root = compiler.node(&expr, 0)?;
    Ok((root, compiler.wanted.sorted()))
}

#[derive(Default)]
struct Compiler {
    nodes: usize,
    wanted: Wanted,
}

type Compiled = Result<Node, ConditionError>;

impl Compiler {
    fn node(&mut self, expr: &Expr, depth: usize) -> Compiled {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let reason = format!("more than {NODES_MAX} values and operators");
            return Err(ConditionError::at(expr.span().start, reason));
        }
        if depth > DEPTH_MAX {
            return Err(ConditionError::too_deep(expr.span().start));
        }
        let depth = depth + 1;
        match expr {
            Expr::Nested(inner) => self.node(inner, depth),
            Expr::Value(value) => constant(value, false).map(Node::Constant),
            Expr::Identifier(ident) => {
                Name::of_idents(std::slice::from_ref(ident)).map(|name| self.named(name))
            }
            Expr::CompoundIdentifier(idents) => {
                Name::of_idents(idents).map(|name| self.named(name))
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                Name::of_access(root, access_chain).map(|name| self.named(name))
            }
            Expr::UnaryOp { op, expr } => self.unary(*op, expr, depth),
            Expr::BinaryOp { left, op, right } => self.binary(expr, left, op, right, depth),
            Expr::Function(call) => self.call(call, depth),
            _ => self.test(expr, depth),
        }
    }

    fn named(&mut self, name: Name) -> Node {
        match name {
            Name::Envelope(path) => Node::Path(path),
            Name::Body(steps) => Node::Member(self.wanted.add(steps)),
        }
    }

    /// A function looks into what it is given.
    fn look_inside(&mut self, function: Function, node: &Node) {
        match node {
            Node::Member(slot) if function == Function::Length => self.wanted.count(*slot),
            Node::Member(slot) => self.wanted.search(*slot),
            Node::Call(Function::Coalesce, nodes) => {
                nodes.iter().for_each(|node| self.look_inside(function, node));
            }
            _ => {}
        }
    }

    /// The tests that SQL writes with words.
    fn test(&mut self, expr: &Expr, depth: usize) -> Compiled {
        let (node, is_negated) = match expr {
            Expr::IsNull(of) => (Node::IsNull(self.boxed(of, depth)?), false),
            Expr::IsNotNull(of) => (Node::IsNull(self.boxed(of, depth)?), true),
            Expr::IsTrue(of) => (Node::Is(self.boxed(of, depth)?, true), false),
            Expr::IsNotTrue(of) => (Node::Is(self.boxed(of, depth)?, true), true),
            Expr::IsFalse(of) => (Node::Is(self.boxed(of, depth)?, false), false),
            Expr::IsNotFalse(of) => (Node::Is(self.boxed(of, depth)?, false), true),
            Expr::In { expr, target: InTarget::List(list), negated, global: false } => {
                (self.in_list(expr, list, depth)?, *negated)
            }
            Expr::Between { expr, negated, low, high } => {
                let mut parts =
                    [self.node(expr, depth)?, self.node(low, depth)?, self.node(high, depth)?];
                read_times(&mut parts, &[expr, low, high])?;
                (Node::Between(Box::new(parts)), *negated)
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                (self.like(expr, pattern, escape_char.as_deref(), false, depth)?, *negated)
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                (self.like(expr, pattern, escape_char.as_deref(), true, depth)?, *negated)
            }
            other => {
                let reason = "a condition has no such thing";
                return Err(ConditionError::at(other.span().start, reason));
            }
        };
        Ok(if is_negated { Node::Not(Box::new(node)) } else { node })
    }

    fn boxed(&mut self, expr: &Expr, depth: usize) -> Result<Box<Node>, ConditionError> {
        self.node(expr, depth).map(Box::new)
    }

    fn unary(&mut self, op: UnaryOperator, expr: &Expr, depth: usize) -> Compiled {
        match (op, expr) {
            (UnaryOperator::Not, inner) => Ok(Node::Not(self.boxed(inner, depth)?)),
            (UnaryOperator::Minus, Expr::Value(value)) => constant(value, true).map(Node::Constant),
            _ => Err(ConditionError::at(expr.span().start, "`-` stands before a number only")),
        }
    }

    fn binary(
        &mut self,
        whole: &Expr,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        depth: usize,
    ) -> Compiled {
        let comparison = match op {
            BinaryOperator::And | BinaryOperator::Or => return self.junction(whole, op, depth),
            BinaryOperator::Eq => Comparison::Equal,
            BinaryOperator::NotEq => Comparison::NotEqual,
            BinaryOperator::Lt => Comparison::Less,
            BinaryOperator::LtEq => Comparison::LessOrEqual,
            BinaryOperator::Gt => Comparison::Greater,
            BinaryOperator::GtEq => Comparison::GreaterOrEqual,
            BinaryOperator::Minus => {
                let reason = "a condition does not calculate";
                let hint = "a name with `-` is written headers['x-name'], data['a-b']";
                return Err(ConditionError::at(right.span().start, reason).hint(hint));
            }
            other => {
                let reason = format!("a condition has no `{other}`");
                return Err(ConditionError::at(right.span().start, reason));
            }
        };
        let mut sides = [self.node(left, depth)?, self.node(right, depth)?];
        read_times(&mut sides, &[left, right])?;
        Ok(Node::Compare(comparison, Box::new(sides)))
    }

    /// A chain of one operator, which the parser nests to the left, as one level.
    fn junction(&mut self, whole: &Expr, op: &BinaryOperator, depth: usize) -> Compiled {
        let mut operands = Vec::new();
        let mut rest = whole;
        while let Expr::BinaryOp { left, op: same, right } = rest
            && same == op
        {
            operands.push(&**right);
            rest = left;
        }
        operands.push(rest);
        let nodes = operands.into_iter().rev().map(|operand| self.node(operand, depth));
        let mut nodes: Vec<Node> = nodes.collect::<Result<_, _>>()?;
        // Without side effects any order gives the same; this one parses fewer bodies.
        nodes.sort_by_key(Node::needs_body);
        Ok(if *op == BinaryOperator::And { Node::All(nodes) } else { Node::Any(nodes) })
    }

    fn in_list(&mut self, expr: &Expr, list: &[Expr], depth: usize) -> Compiled {
        let exprs: Vec<&Expr> = std::iter::once(expr).chain(list).collect();
        let nodes = exprs.iter().map(|expr| self.node(expr, depth));
        let mut nodes: Vec<Node> = nodes.collect::<Result<_, _>>()?;
        read_times(&mut nodes, &exprs)?;
        let value = nodes.remove(0);
        Ok(Node::In(Box::new(value), nodes))
    }

    fn like(
        &mut self,
        expr: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        ignores_case: bool,
        depth: usize,
    ) -> Compiled {
        let value = self.boxed(expr, depth)?;
        let place = pattern.span().start;
        let Node::Constant(Constant::Text(text)) = self.node(pattern, depth)? else {
            return Err(ConditionError::at(place, "a pattern is a text in single quotes"));
        };
        let escape = match escape {
            None => '\\',
            Some(escape) => escape_char(escape)?,
        };
        let pattern = Pattern::compile(&text, Some(escape), ignores_case);
        let pattern = pattern.map_err(|reason| ConditionError::at(place, reason))?;
        Ok(Node::Like(value, pattern))
    }

    fn call(&mut self, call: &ast::Function, depth: usize) -> Compiled {
        let place = call.name.span().start;
        let name = call.name.to_string();
        let function = match &call.name.0[..] {
            [ObjectNamePart::Identifier(ident)] => Function::named(&ident.value),
            _ => None,
        };
        let Some(function) = function else {
            let error = ConditionError::at(place, format!("no function `{name}`"));
            let known = Function::NAMES.iter().map(|(known, _)| *known);
            return Err(error.near(nearest(&name, known)));
        };
        let arguments = arguments(call)
            .ok_or_else(|| ConditionError::at(place, format!("`{name}` takes plain values")))?;
        let wanted = function.arity();
        if wanted.map_or(arguments.is_empty(), |wanted| arguments.len() != wanted) {
            let wanted = wanted.map_or("one or more".into(), |wanted| wanted.to_string());
            let reason = format!("`{name}` takes {wanted}, not {} values", arguments.len());
            return Err(ConditionError::at(place, reason));
        }
        let nodes = arguments.into_iter().map(|argument| self.node(argument, depth));
        let nodes: Vec<Node> = nodes.collect::<Result<_, _>>()?;
        if function == Function::Exists && !matches!(nodes[..], [Node::Path(_) | Node::Member(_)]) {
            let reason = "`exists` takes a path, such as data.a.b";
            return Err(ConditionError::at(place, reason));
        }
        if let (Function::Length | Function::Contains, Some(first)) = (function, nodes.first()) {
            self.look_inside(function, first);
        }
        Ok(Node::Call(function, nodes))
    }
}

/// None for what SQL allows in a call and a condition does not.
fn arguments(call: &ast::Function) -> Option<Vec<&Expr>> {
    let is_plain = call.filter.is_none()
        && call.over.is_none()
        && call.null_treatment.is_none()
        && call.within_group.is_empty()
        && matches!(call.parameters, FunctionArguments::None);
    let FunctionArguments::List(list) = &call.args else { return None };
    if !is_plain || list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
        return None;
    }
    let plain = |argument| match argument {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(expr),
        _ => None,
    };
    list.args.iter().map(plain).collect()
}

fn constant(value: &ValueWithSpan, is_negative: bool) -> Result<Constant, ConditionError> {
    let place = value.span.start;
    match &value.value {
        Value::Number(digits, _) => match number(digits, is_negative) {
            Some(number) => Ok(Constant::Number(number)),
            None => Err(ConditionError::at(place, format!("`{digits}` is not a number"))
                .hint("numbers are written as in JSON: 12, 0.5, 1e3")),
        },
        _ if is_negative => Err(ConditionError::at(place, "`-` stands before a number only")),
        Value::SingleQuotedString(text) => Ok(Constant::Text(text.as_str().into())),
        Value::Boolean(truth) => Ok(Constant::Bool(*truth)),
        Value::Null => Ok(Constant::Null),
        other => Err(ConditionError::at(place, format!("a condition has no `{other}`"))),
    }
}

/// Read as a body's numbers are, so that the same digits are the same number.
fn number(digits: &str, is_negative: bool) -> Option<Number> {
    let text = if is_negative { format!("-{digits}") } else { digits.to_owned() };
    serde_json::from_str(&text).ok().as_ref().and_then(Number::of)
}

fn escape_char(expr: &Expr) -> Result<char, ConditionError> {
    if let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) = expr {
        let mut chars = text.chars();
        if let (Some(only), None) = (chars.next(), chars.next()) {
            return Ok(only);
        }
    }
    Err(ConditionError::at(expr.span().start, "ESCAPE takes one character"))
}

/// Where `time` takes part, texts are times.
fn read_times(nodes: &mut [Node], exprs: &[&Expr]) -> Result<(), ConditionError> {
    if !nodes.iter().any(|node| matches!(node, Node::Path(Path::Time))) {
        return Ok(());
    }
    for (node, expr) in nodes.iter_mut().zip(exprs) {
        let Node::Constant(Constant::Text(text)) = node else { continue };
        let Some(ns) = moment::parse(text) else {
            let error = ConditionError::at(expr.span().start, format!("'{text}' is not a time"));
            return Err(error.hint("write '2026-01-31' or '2026-01-31T10:00:00Z'"));
        };
        *node = Node::Constant(Constant::Time(ns));
    }
    Ok(())
}
