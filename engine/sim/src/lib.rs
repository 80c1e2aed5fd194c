//! Owns: the whole engine on one thread, seeded: faults, a sender's own memory, checkers.
//! Imports: event, registry, dispatch, log, pipeline; its binary alone: runtime.
//! Never: a thread, a clock, a socket, a disk; anything that ships.

mod check;
mod client;
mod dice;
mod guests;
mod network;
mod plan;
mod random;
pub mod scenario;
mod tap;
mod trace;
mod world;

pub use check::{Counts, Violation};
pub use client::{Sent, Wish, endpoint, tenant};
pub use guests::Fate;
pub use network::Mode;
pub use plan::Plan;
pub use random::{Verdict, run, run_plan};
pub use world::{Crash, Door, World};
