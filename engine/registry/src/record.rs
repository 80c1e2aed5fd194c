use crate::Origin;
use crate::shelves::Shelved;
use std::sync::Arc;

/// Something that the management API keeps and the road does not read, such as an event type or
/// a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub kind: RecordKind,
    /// Unique on the node among those of its kind.
    pub name: Arc<str>,
    pub origin: Origin,
    /// A JSON text.
    pub about: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    EventType,
    Key,
}

/// A record's own name, among all kinds.
pub(crate) type RecordName = (RecordKind, Arc<str>);

impl Shelved for RecordName {
    fn shelf(&self) -> u8 {
        self.1.shelf()
    }
}

/// Of one kind on a node.
pub(crate) const RECORDS_MAX: usize = 10_000;
