use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// Whether this node can take events, told by the threads that know. Shared; takes no lock.
#[derive(Debug, Default)]
pub struct Health {
    phase: AtomicU8,
    storage_refuses: AtomicBool,
    is_below_floor: AtomicBool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Starting,
    Serving,
    Stopping,
}

/// One thing that keeps a node from being ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unready {
    Starting,
    Stopping,
    Storage,
    DiskFloor,
}

impl Health {
    /// A node that is starting.
    pub fn new() -> Arc<Health> {
        Arc::default()
    }

    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// The log does not take a group, or took none the last time.
    pub fn storage_refuses(&self, refuses: bool) {
        self.storage_refuses.store(refuses, Ordering::Release);
    }

    /// The disk has less room than its floor.
    pub fn disk_is_below_floor(&self, is_below: bool) {
        self.is_below_floor.store(is_below, Ordering::Release);
    }

    pub fn is_stopping(&self) -> bool {
        self.phase.load(Ordering::Acquire) == Phase::Stopping as u8
    }

    /// Empty when the node is ready.
    pub fn reasons(&self) -> Vec<Unready> {
        let phase = self.phase.load(Ordering::Acquire);
        let is = |flag: &AtomicBool| flag.load(Ordering::Acquire);
        [
            (phase == Phase::Starting as u8, Unready::Starting),
            (phase == Phase::Stopping as u8, Unready::Stopping),
            (is(&self.storage_refuses), Unready::Storage),
            (is(&self.is_below_floor), Unready::DiskFloor),
        ]
        .into_iter()
        .filter_map(|(holds, reason)| holds.then_some(reason))
        .collect()
    }
}

impl Unready {
    /// A stable word.
    pub fn code(self) -> &'static str {
        match self {
            Unready::Starting => "starting",
            Unready::Stopping => "stopping",
            Unready::Storage => "storage",
            Unready::DiskFloor => "disk_floor",
        }
    }

    pub fn text(self) -> &'static str {
        match self {
            Unready::Starting => "the node is starting",
            Unready::Stopping => "the node is stopping",
            Unready::Storage => "the log refuses to write",
            Unready::DiskFloor => "the disk has less room than its floor; events are refused",
        }
    }
}
