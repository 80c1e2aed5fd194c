//! Owns: what people and machines ask of a running node: metrics, health, commands, explanations.
//! Imports: event, condition, registry, log, runtime.
//! Never: an ingest request, a policy, a file, a thread; the road, save by its `Commands` port.
//!
//! A `Control` lives on one thread and answers the requests that ingest does not know. What it
//! asks of others goes through ports: `Commands` changes, `Reads` looks at the log where that may
//! block, `Machine` says what the process uses. `Metrics` and `Health` are shared with all
//! threads, which tell them what happens without taking a lock.
//!
//! All that can be asked is one table of operations; [`operations`] gives its rows.
//!
//! `/metrics` tells names of sources and filters and how much is sent, so strangers need the key;
//! a scraper on the same machine does not, because whoever is there could read as much from the
//! machine itself. On loopback the two open pages answer to names of this machine alone, so that
//! a web page from elsewhere cannot read them through a name that it has pointed here.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests meet the machine"))]

mod api;
mod audit;
mod body;
mod canary;
mod control;
mod explain;
mod health;
mod host;
mod id;
mod journal;
mod key;
mod letter;
mod letters;
mod metrics;
mod openapi;
mod page;
mod ports;
mod problem;
mod reply;
mod schemas;
mod stats;
mod walk;
mod watch;

pub use api::{
    Access, Apps, Capture, Content, Deed, KeyRing, KeyRow, Keys, Operation, Parameter, Principal,
    Role, SchemaOf, Scope, Token, Verb, Whose, captures, filter_modules, operations, permits,
};
pub use body::{Body, Lines};
pub use control::{Control, ControlLimits, ControlOptions, Ports};
pub use health::{Health, Phase, Unready};
pub use journal::Heard;
pub use key::{AdminKey, BadKey};
pub use metrics::{Build, CodeClass, Metrics, ProcessTexts, ProcessUse, Readings};
pub use openapi::openapi;
pub use ports::{
    Backups, Book, BookPage, Bookmarks, Commands, Denied, Doors, Fault, KeptTable, Machine,
    Modules, Pending, Pieces, Published, Reach, Reading, Reads, Reloaded, Said, TableForm,
    TableText, Tables, Trial,
};
pub use stats::{Counts, Series, Stats, Tally, Unsaved};
pub use watch::{CircuitState, Compared, FilterWatch, SaidLine};
