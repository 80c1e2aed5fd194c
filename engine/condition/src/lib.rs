//! Owns: `where` expressions: what they mean, compiled once, evaluated over an event.
//! Imports: event; sqlparser and serde_json.
//! Never: I/O, a clock, coercion between types, a panic on what a user wrote.
//!
//! # The language
//!
//! | what | written |
//! |---|---|
//! | the event | `type`, `source`, `key`, `id`, `time`, `headers['x-name']`, `headers.name` |
//! | its body | `data`, `data.a.b`, `data.items[0].sku`, `data['odd name']`, `data."odd name"` |
//! | constants | `'text'` (`''` is one quote), `12`, `-0.5`, `TRUE`, `FALSE`, `NULL` |
//! | comparisons | `=` `<>` `!=` `<` `<=` `>` `>=`, `BETWEEN a AND b`, `IN (a, b)` |
//! | patterns | `LIKE`, `ILIKE`: `%` any text, `_` one character, `\` or `ESCAPE 'c'` before it |
//! | tests | `IS [NOT] NULL`, `IS [NOT] TRUE`, `IS [NOT] FALSE` |
//! | logic | `AND`, `OR`, `NOT`, parentheses |
//! | functions | see below |
//!
//! Words are keywords in any case; members of `data` are matched exactly. What is missing, and
//! everything in a body that is not JSON, is NULL; so is JSON's `null`. A body nested deeper than
//! 128 levels, or not UTF-8, counts as not JSON. Of two members of one name the last counts.
//!
//! Logic has three values, and only TRUE matches. A comparison with NULL is NULL. Nothing is
//! converted: a comparison of different types is NULL, as are `<` and its like on anything but
//! two numbers, two texts or two times, and `=` on lists and objects. Texts compare by code
//! point. Numbers compare by value: integers of 64 bits exactly, all others as the nearest f64,
//! also an integer with a decimal. A value that is not TRUE or FALSE is NULL to `AND`, `OR`,
//! `NOT`. `time` is when the event came in; it compares with texts such as `'2026-01-31'` or
//! `'2026-01-31T10:00:00Z'`, which are read as times when the condition is compiled.
//!
//! | function | gives |
//! |---|---|
//! | `lower(t)` `upper(t)` | the text in one case |
//! | `length(v)` | characters of a text, entries of a list, members of an object |
//! | `coalesce(a, b, …)` | the first that is not NULL |
//! | `starts_with(t, part)` `ends_with(t, part)` | whether the text does |
//! | `contains(v, part)` | whether a text holds a text, or a list an equal entry |
//! | `exists(path)` | whether it is there, be it `null`; never NULL itself |
//!
//! Given a NULL, or a value of a type that they do not take, functions give NULL, save
//! `coalesce` and `exists`.

mod body;
mod compile;
mod eval;
mod failure;
mod inquiry;
mod joint;
mod like;
mod moment;
mod nearest;
mod node;
mod path;
mod tokens;
mod value;
mod wanted;

pub use body::ParsedBody;
pub use failure::ConditionError;
pub use inquiry::Inquiry;
pub use joint::{Joining, Joint};
pub use nearest::nearest;

use event::Event;
use node::Node;
use std::sync::Arc;
use wanted::Wanted;

/// The longest expression, in bytes.
pub const SOURCE_BYTES_MAX: usize = 8 << 10;
/// Values, operators and calls of one expression.
pub const NODES_MAX: usize = 512;
/// How deep they may nest. A chain of `AND` is one level.
pub const DEPTH_MAX: usize = 32;

/// A `where` expression, compiled. Immutable; evaluation allocates only for `id`, `lower`,
/// `upper` and what is read of the body.
#[derive(Debug)]
pub struct Condition {
    text: Box<str>,
    root: Node,
    wanted: Arc<Wanted>,
    needs_body: bool,
}

impl Condition {
    /// Errors name the first thing that is wrong and where it is. Never panics, and takes time
    /// and stack within bounds that the limits above set, whatever the text.
    pub fn compile(text: &str) -> Result<Condition, ConditionError> {
        let (root, wanted) = compile::compile(text)?;
        let needs_body = root.needs_body();
        Ok(Condition { text: text.into(), root, wanted: Arc::new(wanted), needs_body })
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether `data` is asked for anywhere. One that does not never parses a body.
    pub fn needs_body(&self) -> bool {
        self.needs_body
    }

    /// Whether the expression is TRUE for the event. `body` keeps what was read of the body until
    /// it is given another event or another condition; a [`Joint`] reads it for several. Of a body
    /// only what the expression names is kept, and entries of a list only where `contains` looks
    /// for one.
    pub fn matches(&self, event: &Event, body: &mut ParsedBody) -> bool {
        Inquiry::of(&self.root, &self.wanted, None, event).finish(body)
    }
}
