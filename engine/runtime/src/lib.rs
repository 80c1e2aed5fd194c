//! Owns: the ports to clock, entropy, tasks, threads and network, and what the OS puts behind them.
//! Imports: event, for `Time` and `Rng` alone.
//! Never: an event, a policy, a protocol.

#![allow(clippy::disallowed_methods, reason = "here the ports meet the machine")]

mod clock;
mod descriptors;
mod entropy;
mod net;
pub mod tasks;
mod thread;

pub use clock::{Clock, ManualClock, OsClock};
pub use descriptors::descriptors_max;
pub use entropy::{Entropy, OsEntropy};
pub use event::Rng;
pub use net::{Dialling, Net, OsNet, Resolving, listen};
pub use thread::{on_stack, processor_time, spawn_thread};
