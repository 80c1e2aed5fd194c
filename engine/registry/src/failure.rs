use condition::ConditionError;
use event::Offset;
use std::fmt;

/// Why a text is not an event type pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    #[error("longer than an event type may be")]
    TooLong,
    #[error("a `*` stands alone or last, after a dot: `*`, `order.*`")]
    Star,
    #[error("a segment is empty")]
    EmptySegment,
    #[error("spaces and control characters have no place in an event type")]
    Character,
}

/// One thing that is wrong with what was declared: which resource, which field, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredError {
    /// `endpoint`, `filter`, `source`, `tenant`, `event type` or `key`.
    pub kind: &'static str,
    pub tenant: Box<str>,
    pub name: Box<str>,
    /// The field's name in a configuration file.
    pub field: &'static str,
    pub reason: String,
    pub wrong: Wrong,
    /// The place inside the field, where the field is a condition.
    pub place: Option<ConditionError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The value itself.
    Invalid,
    /// The name is somebody else's.
    Taken,
    /// A configuration file owns it.
    ReadOnly,
    /// What was to be changed is not there.
    Missing,
    /// It needs what was to be removed.
    Needed,
}

impl fmt::Display for DeclaredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`, {}: {}", self.kind, self.name, self.field, self.reason)
    }
}

impl std::error::Error for DeclaredError {}

/// Everything that is wrong with what was declared; never empty. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(.0))]
pub struct Rejected(pub Vec<DeclaredError>);

fn list(errors: &[DeclaredError]) -> String {
    errors.iter().map(DeclaredError::to_string).collect::<Vec<_>>().join("\n")
}

/// The change set was made from a snapshot that is no longer the latest: make it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the registry has changed since this change was prepared")]
pub struct Stale;

/// A row of the registry that cannot be read back. The log is damaged or written by a newer
/// version; going on would lose what somebody declared.
#[derive(Debug, thiserror::Error)]
#[error("registry row of kind {kind} from offset {since}: {reason}")]
pub struct RowError {
    pub kind: u8,
    pub since: Offset,
    pub reason: String,
}
