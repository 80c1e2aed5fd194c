use crate::BadPattern;
use event::limits::EVENT_TYPE_BYTES_MAX;
use std::fmt;
use std::sync::Arc;

/// Which event types an endpoint wants. Case counts.
///
/// - `a.b` is that type alone.
/// - `a.*` is every type of one or more segments below `a`: `a.b`, `a.b.c`; not `a` itself.
/// - `*` is every type.
///
/// A `*` stands alone or is the last segment; nothing else is special.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TypePattern {
    All,
    Exact(Arc<str>),
    /// The text before `.*`.
    Under(Arc<str>),
}

impl TypePattern {
    /// Whether a list of patterns wants this type: one of them matches, or there are none.
    pub fn any(patterns: &[TypePattern], event_type: &str) -> bool {
        patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(event_type))
    }

    /// Errors: empty, longer than an event type may be, an empty segment, a control character or
    /// a space, or a `*` that is neither alone nor the whole last segment.
    pub fn parse(text: &str) -> Result<TypePattern, BadPattern> {
        if text == "*" {
            return Ok(TypePattern::All);
        }
        let (stem, is_under) = match text.strip_suffix(".*") {
            Some(stem) => (stem, true),
            None => (text, false),
        };
        if text.len() > EVENT_TYPE_BYTES_MAX {
            return Err(BadPattern::TooLong);
        }
        if stem.contains('*') {
            return Err(BadPattern::Star);
        }
        if stem.split('.').any(str::is_empty) {
            return Err(BadPattern::EmptySegment);
        }
        if stem.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(BadPattern::Character);
        }
        Ok(if is_under { TypePattern::Under(stem.into()) } else { TypePattern::Exact(stem.into()) })
    }

    pub fn matches(&self, event_type: &str) -> bool {
        match self {
            TypePattern::All => true,
            TypePattern::Exact(exact) => **exact == *event_type,
            TypePattern::Under(stem) => event_type
                .strip_prefix(&**stem)
                .and_then(|rest| rest.strip_prefix('.'))
                .is_some_and(|rest| !rest.is_empty()),
        }
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TypePattern::All => f.write_str("*"),
            TypePattern::Exact(exact) => f.write_str(exact),
            TypePattern::Under(stem) => write!(f, "{stem}.*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_by_segment() {
        let table = [
            ("push", "push", true),
            ("push", "Push", false),
            ("push", "push.x", false),
            ("pull_request.*", "pull_request.opened", true),
            ("pull_request.*", "pull_request.opened.x", true),
            ("pull_request.*", "pull_request", false),
            ("pull_request.*", "pull_request.", false),
            ("pull_request.*", "pull_request_review.submitted", false),
            ("a.b.*", "a.b.c", true),
            ("a.b.*", "a.c.b", false),
            ("a.b", "a.b", true),
            ("a.b", "a.b.c", false),
            ("*", "anything.at.all", true),
            ("*", "", true),
        ];
        for (pattern, event_type, expected) in table {
            let parsed = TypePattern::parse(pattern).unwrap();
            assert_eq!(parsed.matches(event_type), expected, "{pattern} on {event_type}");
            assert_eq!(parsed.to_string(), pattern);
        }
    }

    #[test]
    fn what_is_not_a_pattern_is_refused() {
        let long = "a".repeat(EVENT_TYPE_BYTES_MAX + 1);
        let table = [
            ("", BadPattern::EmptySegment),
            (".*", BadPattern::EmptySegment),
            ("a..b", BadPattern::EmptySegment),
            ("a.", BadPattern::EmptySegment),
            ("pull*", BadPattern::Star),
            ("*.opened", BadPattern::Star),
            ("a.*.b", BadPattern::Star),
            ("a.*.*", BadPattern::Star),
            ("**", BadPattern::Star),
            ("a b", BadPattern::Character),
            ("a\u{0}", BadPattern::Character),
            (&long, BadPattern::TooLong),
        ];
        for (text, expected) in table {
            assert_eq!(TypePattern::parse(text), Err(expected), "{text:?}");
        }
    }
}
