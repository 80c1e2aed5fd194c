//! Owns:    JSON as the text that it is: read without a copy, edited without re-encoding.
//! Imports: forebay-filter.
//! Never:   recurses over a body, reads a number's value, allocates for what is not asked for.

mod edit;
mod given;
mod placeholder;
mod pointer;
mod reader;
mod scan;
mod text;
mod time;
mod words;
mod write;

pub use edit::Edits;
pub use given::{Given, NotJson, Value};
pub use placeholder::{Missing, Part, Place, Source, Template};
pub use pointer::{Pointer, Step};
pub use reader::{Bad, Kind, Reader, Seen, Token};
pub use scan::{Scan, find};
pub use text::{Origins, Text};
pub use time::written as written_time;
pub use words::position;
pub use write::{push_quoted, push_within};

/// Whether a body is one JSON value (RFC 8259); its strings may have raw control characters and
/// need not be UTF-8.
pub fn check(body: &[u8]) -> Result<(), Bad> {
    let mut reader = Reader::new(body);
    if let Some(Token::Open(_)) = reader.next()? {
        reader.skip()?;
    }
    reader.next().map(|_| ())
}
