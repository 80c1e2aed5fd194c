use crate::record::RecordName;
use crate::shelves::Name;
use crate::{Endpoint, FilterVersion, Kind, Record, Source, TableVersion, Tenant};
use event::{EndpointId, TenantId};
use std::sync::Arc;

/// What leads from one snapshot to the next. Made by `Snapshot::diff` and its sisters, applied by
/// `History::apply`.
#[derive(Clone, Debug)]
pub struct ChangeSet {
    /// The snapshot that this was made from.
    pub(crate) base: u64,
    pub(crate) next_endpoint: u64,
    // None removes.
    pub(crate) tenants: Vec<(TenantId, Option<Arc<Tenant>>)>,
    pub(crate) records: Vec<(RecordName, Option<Arc<Record>>)>,
    pub(crate) sources: Vec<(Name, Option<Source>)>,
    pub(crate) filters: Vec<(Name, Option<Arc<FilterVersion>>)>,
    pub(crate) tables: Vec<(Name, Option<Arc<TableVersion>>)>,
    pub(crate) endpoints: Vec<(EndpointId, Option<Endpoint>)>,
    pub(crate) changed: Vec<Changed>,
}

/// One line of a change set, for a person to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    pub kind: Kind,
    pub tenant: TenantId,
    /// Empty for a tenant. Records have no tenant: theirs is empty.
    pub name: Box<str>,
    pub how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Created,
    Updated,
    Removed,
}

impl ChangeSet {
    /// An empty set needs no offset and no row.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty()
    }

    pub fn changed(&self) -> &[Changed] {
        &self.changed
    }

    /// The ids of the endpoints that are new, changed or removed.
    pub fn endpoint_ids(&self) -> impl Iterator<Item = EndpointId> {
        self.endpoints.iter().map(|(id, _)| *id)
    }
}
