//! Owns: one attempt at a delivery over HTTP: egress guard, connections, request, answer.
//! Imports: event, signature, runtime.
//! Never: a retry, a schedule, a redirect, a proxy, a lock.
//!
//! A `Client` and its `Target`s live on one thread; their futures are not `Send`. Limits: the
//! answer's headers 64 KiB, of its body 64 KiB are read and nothing is decompressed.

mod address;
mod answer;
mod client;
mod connect;
mod guard;
mod letter;
mod pool;
mod target;

pub use address::Address;
pub use answer::Answer;
pub use client::{Client, ClientOptions};
pub use guard::{Guard, GuardOptions};
pub use letter::Letter;
pub use target::{Target, TargetOptions, Unusable};
