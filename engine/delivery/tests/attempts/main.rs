//! Attempts at real sockets: what is sent, and what becomes of answers good and hostile.
#![allow(clippy::unwrap_used, reason = "tests may")]

mod answers;
mod connections;
mod endpoint;
mod names;
mod requests;
mod secure;
