//! Owns: WebAssembly filters: verify, compile, pool, run, limit, and blame guests.
//! Imports: event; wasmtime and wasmparser, which no other room may.
//! Never: network, files, a clock, randomness that an event does not seed, a thread, a lock.
//!
//! The road of a module: [`FilterEngine::verify`] reads it without running it,
//! [`FilterEngine::admit`] compiles it (or finds it in a [`CompileCache`]), [`FilterSpec`] joins it
//! with a tenant, a configuration and limits, and a [`Runner`], one for each guest thread, runs
//! chains of such filters over events.

mod batch;
mod blame;
mod candidate;
mod chain;
mod compile;
mod contract;
mod engine;
mod fault;
mod host;
mod imports;
mod inspect;
mod instance;
mod limits;
mod outputs;
mod pool;
mod result;
mod source;
mod spec;
mod table;
mod verify;

pub use candidate::{Candidate, Comparison, Difference, Share};
pub use chain::{ChainAnswer, Runner, Trial};
pub use compile::{Compile, CompileCache, CompileFailure, InProcess, NoCache, SealKey};
pub use engine::{AdmitFailure, FilterEngine, FilterModule};
pub use fault::{FaultKind, FaultNote};
pub use host::{LogLine, Metric};
pub use imports::give_way;
pub use inspect::{Inspection, MemoryRange, Named, inspect};
pub use limits::{FilterLimits, ModuleLimits};
pub use result::{Broken, HeaderRows, Row, read_rows};
pub use spec::{ChainSpec, ErrorPolicy, FilterSpec, Purpose, Setting, SpecFailure};
pub use table::{TABLE_KEY_BYTES_MAX, Table, Tables};
pub use verify::{Form, ModuleReport, Refusal};
