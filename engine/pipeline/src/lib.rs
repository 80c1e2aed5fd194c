//! Owns: the road: writer, shards (router and lanes), reader, screen, and the doors between them.
//! Imports: event, registry, dispatch, log, runtime.
//! Never: HTTP, fjall, wasmtime, a lock; a thread or a task save by `runtime`.
//!
//! Each pump is a step over a closed enum of what may happen, with the time as an argument, so
//! that the simulator can drive all of them on one thread.

#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests meet the machine")
)]

pub mod door;
mod pairs;
pub mod ports;
pub mod pump;
pub mod reader;
pub mod screen;
pub mod shard;
pub mod writer;

pub use pairs::Pairs;
pub use ports::{
    Answer, Askers, Attempt, Batch, Found, FromShard, Question, ReadAnswer, ReadRequest, Report,
    Ruling, ToShard, Wish,
};
pub use reader::Reader;
pub use shard::{Shard, ShardStart};
pub use writer::{FromWriter, ToWriter, Writer};
