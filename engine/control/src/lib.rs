//! Owns: what people and machines ask of a running node: metrics, health, commands, explanations.
//! Imports: event, registry, log, runtime.
//! Never: an ingest request, a policy, a file, a thread; the road, save by its `Commands` port.
//!
//! A `Control` lives on one thread and answers the requests that ingest does not know. What it
//! asks of others goes through ports: `Commands` changes, `Reads` looks at the log where that may
//! block, `Machine` says what the process uses. `Metrics` and `Health` are shared with all
//! threads, which tell them what happens without taking a lock.
//!
//! | route | answers | without a key |
//! |---|---|---|
//! | `GET /` | a page that says what runs here | yes |
//! | `GET /livez`, `GET /readyz` | 200, or 503 with the reasons | yes |
//! | `GET /metrics` | OpenMetrics text | on loopback only |
//! | `POST /v1/admin/reload` | what changed, 422 with what is wrong | no |
//! | `GET /v1/dead-letter/` | a page of dead letters | no |
//! | `GET /v1/dead-letter/{id}` | one, with its bytes | no |
//! | `POST /v1/dead-letter/{id}/redrive`, `…/purge` | 202, 204 | no |
//! | `GET /v1/explain/{event}` | what became of an event, and why | no |
//!
//! `/metrics` tells names of sources and filters and how much is sent, so strangers need the key;
//! a scraper on the same machine does not, because whoever is there could read as much from the
//! machine itself. On loopback the two open pages answer to names of this machine alone, so that
//! a web page from elsewhere cannot read them through a name that it has pointed here.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests meet the machine"))]

mod control;
mod explain;
mod health;
mod host;
mod key;
mod letter;
mod letters;
mod metrics;
mod page;
mod ports;
mod reply;
mod route;

pub use control::{Control, ControlOptions, Ports};
pub use health::{Health, Phase, Unready};
pub use key::{AdminKey, BadKey};
pub use metrics::{Build, CodeClass, Metrics, ProcessTexts, ProcessUse, Readings};
pub use ports::{Commands, Denied, Machine, Pending, Reading, Reads, Reloaded};
