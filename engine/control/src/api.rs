//! The table of operations: what can be asked of a node, by whom, and with what.
//!
//! Routing, access, the OpenAPI document and the test of the access matrix all come from `TABLE`.
//! To add an operation:
//! 1. Write `async fn it(control: &Control, call: Call) -> Answered` in the file of its resource.
//! 2. Add its row to that file's `OPERATIONS`; `run: |control, call| Box::pin(it(control, call))`.
//! 3. Name the file's `OPERATIONS` in `TABLE` below; a new `{capture}` gets its row in `path.rs`.
//! 4. Say what the body and the answers look like by types with `JsonSchema`: `Content::json::<T>`.
//!
//! What a handler may rely on: the key has been looked up and may do this, `call.app()` is the
//! tenant of the path or 404, the query holds known names alone, the body is whole and within its
//! bound. `call.json::<T>()?` reads it, `resource(..)` answers with an `ETag`, `call.if_match(..)?`
//! holds a change to the version that its sender saw. Every change is audited with what a GET
//! of the same path shows before and after, so that shows no secret.

mod access;
mod again;
mod apps;
mod attempts;
mod audit;
mod auth;
mod body;
mod call;
mod endpoints;
mod erase;
mod event_types;
mod examples;
mod explain;
mod failures;
mod filters;
mod keys;
mod letters;
mod messages;
mod node;
mod operation;
mod path;
mod places;
mod poller;
mod query;
mod refusals;
mod repeats;
mod sources;
mod stats;
mod tables;
mod tail;
mod token;
mod wire;

pub use access::{Access, Deed, Principal, Role, Scope, Whose, permits};
pub(crate) use body::{dismiss, read as read_body};
pub(crate) use call::{ANY_BYTES, Call, Stream};
pub(crate) use endpoints::Writes;
pub(crate) use erase::Erasures;
pub(crate) use failures::Failures;
pub use filters::filter_modules;
pub(crate) use filters::{Comparison, Excerpt, OutputDifference, Staged, VerdictOut};
pub use keys::KeyRing;
pub(crate) use keys::{KEY, Uses};
#[cfg(test)]
pub(crate) use letters::PARAMETERS;
pub(crate) use messages::id_of as message_id;
pub(crate) use operation::Answered;
pub use operation::{Content, Operation, Parameter, SchemaOf, Verb};
pub use path::Capture;
pub use path::captures;
pub(crate) use path::{Captured, Matched, find};
pub(crate) use places::{Place, Places};
pub(crate) use query::Query;
pub(crate) use refusals::Refusals;
pub(crate) use repeats::{Begun, RepeatKey, Repeats};
pub(crate) use tail::{Tail, start as start_tail};
pub use token::{Apps, KeyRow, Keys, Token};
pub(crate) use wire::{APP, header_pairs, limit as page_limit, moment};

const TABLE: &[&[Operation]] = &[
    node::OPERATIONS,
    audit::OPERATIONS,
    apps::OPERATIONS,
    event_types::OPERATIONS,
    endpoints::OPERATIONS,
    endpoints::SECRETS,
    endpoints::TRANSFORMATION,
    messages::OPERATIONS,
    attempts::OPERATIONS,
    poller::OPERATIONS,
    again::OPERATIONS,
    examples::OPERATIONS,
    erase::OPERATIONS,
    filters::OPERATIONS,
    filters::LIVE,
    tables::OPERATIONS,
    sources::OPERATIONS,
    keys::OPERATIONS,
    auth::OPERATIONS,
    letters::OPERATIONS,
    explain::OPERATIONS,
    tail::OPERATIONS,
    stats::OPERATIONS,
];

/// Everything that can be asked of a node.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    TABLE.iter().copied().flatten()
}

#[cfg(test)]
mod tests;
