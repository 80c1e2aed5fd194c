//! Owns: the house style, as rules over the text of this repository; `tests/house.rs` runs them.
//! Imports: nothing of ours, and `toml`.
//! Never: a rule without a test that it can fail, an exception without a reason beside it.
//!
//! Every rule takes the `Tree` and answers with findings, each a file, a line and what to do.
//! What may differ from a rule stands in `lists`, and nowhere else.

pub mod arrows;
pub mod bans;
mod code;
pub mod dependencies;
pub mod layout;
pub mod links;
pub mod lists;
mod manifest;
pub mod names;
pub mod notes;
pub mod reach;
pub mod shape;
mod tree;

pub use code::Code;
pub use tree::{Finding, Tree};
