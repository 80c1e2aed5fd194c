//! A whole `Control` behind a real HTTP server on loopback, with a log in memory.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests meet the machine")]

mod access;
mod apps;
mod commands;
mod endpoints;
mod explain;
mod letters;
mod matrix;
mod node;
mod pages;
mod requests;
mod scrape;
