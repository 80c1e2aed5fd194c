use crate::api::KeyRow;
use crate::api::keys::About;
use registry::{Record, RecordKind, Snapshot};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The keys of the registry as they are asked for at every request: each record is read once.
#[derive(Default)]
pub struct KeyRing(RefCell<BTreeMap<Arc<str>, Read>>);

/// A record and what it says; None when that is nothing.
type Read = (Arc<Record>, Option<KeyRow>);

/// Beyond it all are read again.
const READ_MAX: usize = 4096;

impl KeyRing {
    /// The key of this id that is in force in the snapshot. Never blocks.
    pub fn find(&self, snapshot: &Snapshot, id: &str) -> Option<KeyRow> {
        let mut read = self.0.borrow_mut();
        let Some(record) = snapshot.record(RecordKind::Key, id) else {
            read.remove(id);
            return None;
        };
        if let Some((known, row)) = read.get(id)
            && Arc::ptr_eq(known, record)
        {
            return row.clone();
        }
        let row = About::of(record).and_then(|about| about.row());
        if read.len() >= READ_MAX {
            read.clear();
        }
        read.insert(record.name.clone(), (record.clone(), row.clone()));
        row
    }
}
