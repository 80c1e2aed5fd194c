//! Owns: the engine as a library: its configuration, and the wiring of all rooms.
//! Imports: every room; it alone reads configuration files and the environment.
//! Never: a policy of its own, a global of the process, anything that an embedder lacks.

#![allow(clippy::disallowed_methods, reason = "it carries: it reads the environment and waits")]

mod adapters;
mod backup;
mod changes;
mod closures;
mod compiler;
pub mod config;
mod engine;
mod failure;
mod intake;
mod keeper;
mod modules;
mod plan;
mod queue;
mod server;
mod tables;
mod ways;
mod workbench;

pub use backup::{Backup, BackupSummary, RestoreError, Restored, Restoring, verify_backup};
pub use compiler::{COMPILER_BYTES_MAX, COMPILER_SECS_MAX, ChildCompiler, compile_as_child};
pub use config::Config;
pub use control::openapi;
pub use engine::{Engine, Published};
pub use event::{
    Arrival, Duplicate, Envelope, Event, EventId, Headers, OnConflict, TenantId, Time,
};
pub use failure::{ChangeError, OpenError, PublishError};
pub use filter::{AdmitFailure, CompileFailure, SpecFailure};
pub use filter::{ChainAnswer, FaultKind, FaultNote, LogLine};
pub use filter::{Form, Inspection, MemoryRange, ModuleReport, Named, Refusal};
pub use log::Failure as LogFailure;
pub use log::Log;
pub use plan::{Compiler, Plan, Recipe, Reloaded, Reread};
pub use registry::{Declared, DeclaredEndpoint, ModuleDigest, Pin};
pub use store::Salvaged;
pub use workbench::{Guest, Setup, Workbench, inspect};

use sha2::{Digest, Sha256};
use std::io;
use std::path::Path;

/// The name of a module: SHA-256 over its bytes.
pub fn digest_of(wasm: &[u8]) -> ModuleDigest {
    ModuleDigest(Sha256::digest(wasm).into())
}

/// Hands every intact event that is left under a data directory to `sink`, in offset order, also
/// when the log does not open any more. Writes nothing; no engine may have the directory.
pub fn salvage(
    data: &Path,
    sink: &mut dyn FnMut(Event) -> io::Result<()>,
) -> Result<Salvaged, LogFailure> {
    store::salvage(data, sink)
}
