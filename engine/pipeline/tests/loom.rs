//! The bell's parking protocol under a model checker, over a stand-in queue: every interleaving of
//! a few steps, and no ring is ever missed. A reader that sleeps on a full queue for good is a
//! deadlock, which the checker reports.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "the model checker brings threads and locks of its own"
)]

// The file under test, as `pipeline` has it.
#[allow(dead_code, reason = "the model sleeps as a task alone")]
#[path = "../src/door/bell.rs"]
mod bell;

/// In the place of the real `sync`.
mod sync {
    use loom::sync::Mutex;
    pub use loom::sync::atomic::{Ordering, fence};
    use std::task::Waker;

    pub struct Slot(Mutex<Option<Waker>>);

    impl Slot {
        pub fn new() -> Slot {
            Slot(Mutex::new(None))
        }

        pub fn put(&self, waker: Waker) {
            *self.0.lock().unwrap() = Some(waker);
        }

        pub fn take(&self) -> Option<Waker> {
            self.0.lock().unwrap().take()
        }
    }
}

use bell::Bell;
use loom::sync::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

struct Door {
    queue: Mutex<VecDeque<u32>>,
    bell: Bell,
}

impl Door {
    fn push(&self, item: u32) {
        self.queue.lock().unwrap().push_back(item);
        self.bell.ring();
    }

    fn pop(&self) -> Option<u32> {
        self.queue.lock().unwrap().pop_front()
    }
}

fn every_item_arrives(senders: u32) {
    loom::model(move || {
        let door = Arc::new(Door { queue: Mutex::default(), bell: Bell::default() });
        let threads: Vec<_> = (0..senders)
            .map(|item| {
                let door = door.clone();
                loom::thread::spawn(move || door.push(item))
            })
            .collect();
        let mut seen = 0;
        while seen < senders {
            match door.pop() {
                Some(_) => seen += 1,
                None => {
                    loom::future::block_on(door.bell.rung(|| door.queue.lock().unwrap().is_empty()))
                }
            }
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn one_sender_is_always_heard() {
    every_item_arrives(1);
}

#[test]
fn two_senders_are_always_heard() {
    every_item_arrives(2);
}
