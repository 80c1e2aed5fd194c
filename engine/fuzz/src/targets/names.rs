use event::EventId;
use registry::TypePattern;
use signature::{Encoding, IdFrom, StampForm, Template, TypeFrom};

pub const WORDS: &[&str] = &[
    "evt_",
    "order.",
    ".*",
    "*",
    "header:",
    "path:",
    "query:",
    "ce-id",
    "{body}",
    "{id}",
    "{timestamp}",
    "{",
    "}",
    "seconds",
    "rfc3339",
    "base64",
];

/// Small languages of one line. What is read is written as it was, and read again.
pub fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(id) = text.parse::<EventId>() {
        assert_eq!(id.to_string(), text, "two texts for one id");
    }
    if let Ok(pattern) = TypePattern::parse(text) {
        assert_eq!(pattern.to_string(), text);
        assert_eq!(TypePattern::parse(&pattern.to_string()), Ok(pattern.clone()));
        if !text.ends_with('*') {
            assert!(pattern.matches(text));
        }
    }
    if let Ok(template) = Template::parse(text) {
        assert!(text.contains("{body}"), "it would protect nothing");
        assert_eq!(Template::parse(text), Ok(template));
    }
    let _ = TypeFrom::parse(text);
    if let Ok(place) = IdFrom::parse(text) {
        assert!(!matches!(&place, IdFrom::Header(names) if names.is_empty()));
    }
    let _ = text.parse::<StampForm>();
    let _ = text.parse::<Encoding>();
}
