//! Owns: the log on fjall: generations, the index at seal, HEAD, recovery, salvage.
//! Imports: event, log; the only room with fjall.
//! Never: policy, an id, a clock; no thread but the one it is given (`upkeep`).
//!
//! What fjall does not promise is made good here: its journal's headers are in no checksum and a
//! damaged one makes it drop what follows, silently; so every group carries a mark, the journals
//! are read before fjall opens them, and what had been synced is either there or the start is
//! refused (`recovery`).

mod directory;
#[cfg(feature = "doors")]
pub mod doors;
mod erasure;
mod generations;
mod head;
mod index;
mod journal;
mod manifest;
mod mark;
mod options;
mod read;
mod recovery;
mod rotation;
mod rows;
mod salvage;
mod scan;
mod store;
mod tables;
mod unfinished;
mod upkeep;
mod writer;

pub use directory::{RESTORING, Shortage};
pub use index::{IndexEntry, key_hash};
pub use options::{Durability, Spawn, StoreOptions, Tell};
pub use recovery::{Recovered, TornTail};
pub use salvage::{Salvaged, salvage};
pub use store::{Snapshot, SnapshotFile, Store};
