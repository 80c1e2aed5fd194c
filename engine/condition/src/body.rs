/// An event's body as JSON, parsed at most once and only if a condition asks.
#[derive(Debug, Default)]
pub struct ParsedBody {}

impl ParsedBody {
    pub fn new() -> ParsedBody {
        ParsedBody::default()
    }
}
