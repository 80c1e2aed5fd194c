//! Attempts at real sockets: what is sent, and what becomes of answers good and hostile.
#![allow(clippy::unwrap_used, reason = "tests may")]

mod answers;
mod connections;
mod endpoint;
mod names;
#[path = "../../../forebay/tests/support/nobody.rs"]
mod nobody;
mod requests;
mod secure;
