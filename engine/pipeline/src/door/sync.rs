//! What the bell is made of. The model checker puts its own in this place (`tests/loom.rs`).

pub use std::sync::atomic::{Ordering, fence};

use crossbeam::queue::ArrayQueue;
use std::task::Waker;

/// Holds the waker of who sleeps.
pub struct Slot(ArrayQueue<Waker>);

impl Slot {
    pub fn new() -> Slot {
        Slot(ArrayQueue::new(1))
    }

    pub fn put(&self, waker: Waker) {
        self.0.force_push(waker);
    }

    pub fn take(&self) -> Option<Waker> {
        self.0.pop()
    }
}
