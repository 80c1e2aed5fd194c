use std::io;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

/// When an event that was committed survives a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Before it may be read.
    Fsync,
    /// With the next sync; it may be read as soon as it was written.
    Os,
}

/// Starts a named thread.
pub type Spawn = fn(&str, Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>>;

/// Tells a person. Called by whoever commits, so it must not block for long.
pub type Tell = fn(&str);

/// How a store is run. `StoreOptions::new` gives what a node should have.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    pub dir: PathBuf,
    pub durability: Durability,
    /// A generation seals with the first group after it has reached this.
    pub generation_bytes: u64,
    /// With less room than this events are refused; rows still go in down to a quarter of it.
    pub disk_floor_bytes: u64,
    /// Kept aside for the start that finds no room at all; 0 for none.
    pub ballast_bytes: u64,
    /// How long a sender's key is remembered at least, as long as there are no more than
    /// `duplicates_max` of them.
    pub duplicate_window: Duration,
    pub duplicates_max: u64,
    /// How much of one table is kept in memory before it is written as sorted files.
    pub memtable_bytes: u64,
    /// Of the block cache.
    pub cache_bytes: u64,
    /// For the one thread that makes and drops tables; without it a commit does, now and then.
    pub spawn: Option<Spawn>,
    /// Takes what a person has to look at, once each.
    pub tell: Option<Tell>,
}

impl StoreOptions {
    pub fn new(dir: impl Into<PathBuf>) -> StoreOptions {
        StoreOptions {
            dir: dir.into(),
            durability: Durability::Fsync,
            generation_bytes: 256 << 20,
            disk_floor_bytes: 256 << 20,
            ballast_bytes: 64 << 20,
            duplicate_window: Duration::from_secs(24 * 3600),
            duplicates_max: 10_000_000,
            memtable_bytes: 16 << 20,
            cache_bytes: 8 << 20,
            spawn: None,
            tell: None,
        }
    }
}
