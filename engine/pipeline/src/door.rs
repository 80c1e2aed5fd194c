//! The one way between threads: a bounded lock-free queue, and a bell that its reader sleeps by.
//! An idle side sleeps and never spins: spinning queues collapse on a machine with few cores.

mod bell;
mod sync;

pub use bell::Bell;

use crossbeam::queue::ArrayQueue;
use std::sync::Arc;

/// A bounded queue with one reading side. Any thread may push.
pub struct Door<T> {
    queue: ArrayQueue<T>,
    bell: Arc<Bell>,
}

impl<T> Door<T> {
    /// A reader of several doors gives them one bell.
    pub fn new(capacity: usize, bell: Arc<Bell>) -> Arc<Door<T>> {
        Arc::new(Door { queue: ArrayQueue::new(capacity), bell })
    }

    /// Gives the item back when there is no room.
    pub fn push(&self, item: T) -> Result<(), T> {
        self.queue.push(item)?;
        self.bell.ring();
        Ok(())
    }

    pub fn pop(&self) -> Option<T> {
        self.queue.pop()
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Everything that is there now.
    pub fn drain_into(&self, items: &mut Vec<T>) {
        for _ in 0..self.queue.len() {
            items.extend(self.queue.pop());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const ITEMS: u64 = 200_000;

    fn push_all(door: &Door<u64>, items: impl Iterator<Item = u64>) {
        for item in items {
            let mut item = item;
            while let Err(back) = door.push(item) {
                item = back;
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn nothing_is_lost_between_threads_and_no_ring_is_missed() {
        let bell = Bell::new();
        let door = Door::new(64, bell.clone());
        let senders = (0..2).map(|side| {
            let door = door.clone();
            std::thread::spawn(move || push_all(&door, (0..ITEMS / 2).map(|i| i * 2 + side)))
        });
        let senders: Vec<_> = senders.collect();
        let (mut sum, mut count) = (0, 0);
        while count < ITEMS {
            match door.pop() {
                Some(item) => {
                    sum += item;
                    count += 1;
                }
                // A missed ring would hold this for the whole minute and the test with it.
                None => bell.sleep(Duration::from_secs(60), || door.is_empty()),
            }
        }
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        assert_eq!(sum, ITEMS * (ITEMS - 1) / 2);
    }

    #[test]
    fn a_task_hears_the_bell_too() {
        let bell = Bell::new();
        let door = Door::new(8, bell.clone());
        let sender = {
            let door = door.clone();
            std::thread::spawn(move || push_all(&door, 0..20_000))
        };
        let sum: u64 = runtime::tasks::run(async move {
            let (mut sum, mut count) = (0, 0);
            while count < 20_000 {
                match door.pop() {
                    Some(item) => {
                        sum += item;
                        count += 1;
                    }
                    None => bell.rung(|| door.is_empty()).await,
                }
            }
            sum
        })
        .unwrap();
        sender.join().unwrap();
        assert_eq!(sum, 20_000 * 19_999 / 2);
    }

    #[test]
    fn a_full_door_gives_the_item_back() {
        let door = Door::new(1, Bell::new());
        assert_eq!(door.push(1), Ok(()));
        assert_eq!(door.push(2), Err(2));
    }
}
