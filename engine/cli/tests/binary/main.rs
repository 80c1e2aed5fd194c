//! The real binary: what it prints and how it ends.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests meet the machine")]

mod backup;
mod bench;
mod check;
mod chosen;
mod compiler;
mod config;
mod context;
mod dry_run;
mod erase;
mod event_types;
#[path = "../../../filter/tests/all/generated.rs"]
mod generated;
mod help;
mod letters;
mod listen;
mod logs;
#[path = "../../../forebay/tests/support/nobody.rs"]
mod nobody;
mod poller;
mod resources;
mod run;
mod serve;
mod shipped;
mod sign;
mod snapshots;
mod stats;
mod tables;
mod wanted;
mod workshop;
