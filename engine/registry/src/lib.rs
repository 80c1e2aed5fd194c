//! Owns: the versions of tenants, sources, filters, tables, endpoints; snapshots; the match index.
//! Imports: event, condition.
//! Never: I/O, the log, a clock, a secret in clear in a row or in a `Debug`.
//!
//! A **snapshot** is everything that is in force at an offset. The **history** holds the versions
//! of everything and gives the snapshot of any offset that the log still has. A **change set** is
//! what leads from one snapshot to the next; applied, it becomes **rows** for the log.

mod candidate;
mod chain;
mod change;
mod check;
mod declared;
mod diff;
mod draft;
mod edit;
mod endpoint;
mod failure;
mod filter;
mod history;
mod index;
mod pattern;
mod pin;
mod record;
mod revive;
mod row;
mod seal;
mod secret;
mod shelves;
mod snapshot;
mod source;
mod table;
mod tables;
mod tenant;
mod versions;

pub use candidate::{CANDIDATE, Candidate, Ended, STOP_AFTER_FAULTS, STOP_WITHIN_MS, Share};
pub use chain::{Chain, ChainId};
pub use change::{ChangeSet, Changed, How};
pub use check::FILTERS_MAX;
pub use declared::{
    Declared, DeclaredEndpoint, DeclaredFilter, DeclaredSource, DeclaredTable, DeclaredTenant,
};
pub use edit::Edit;
pub use endpoint::{Concurrency, Endpoint, Ordering, Origin, POLLED, Terms};
pub use failure::{BadPattern, DeclaredError, Rejected, RowError, Stale, Wrong};
pub use filter::{Circuit, FilterLimits, FilterVersion, ModuleDigest, OnError};
pub use history::History;
pub use index::Matches;
pub use pattern::TypePattern;
pub use pin::Pin;
pub use record::{Record, RecordKind};
pub use row::{Kind, Row, RowKey};
pub use seal::{NotOurs, SealingKey};
pub use secret::{Secret, Secrets};
pub use snapshot::Snapshot;
pub use source::Source;
pub use table::{TableContent, TableDigest, TableVersion};
pub use tenant::Tenant;
