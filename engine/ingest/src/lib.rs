//! Owns: the HTTP server that lets events in: sources, verification, bounded bodies, answers.
//! Imports: event, registry (patterns of types), signature, runtime.
//! Never: the log, a queue, a retry, a file, a configuration file.
//!
//! A `Server` lives on one thread, inside of `runtime::tasks::run`. What it accepts goes through
//! the `Accept` port; what is not its own goes to the `Fallback`. Limits: a request's line and
//! headers 64 KiB and 100 headers, its body as the source says, one time limit for either.

mod accept;
mod body;
#[cfg(feature = "doors")]
pub mod doors;
mod duplicate;
mod events;
mod kept;
mod member;
mod rate;
mod reply;
mod route;
mod server;
mod source;
mod strict;
mod webhook;

pub use accept::{Accept, Answer, NoProducer, Observed, Producer};
pub use reply::{Body, BoxError};
pub use route::{BadTable, SourceTable};
pub use server::{Fallback, Limits, Peer, Ports, Producers, Server};
pub use source::{Content, KeyFrom, LiveSecret, Respond, RespondBody, Source};
