//! Requests at a real listener, byte by byte, before an `Accept` that remembers.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a client from outside")]

mod abuse;
mod answers;
mod framing;
mod host;
mod producers;
mod providers;
