use super::sync::{Ordering, Slot, fence};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

/// Wakes one sleeping reader. A ring is never lost: whoever finds the reader's waker wakes it, and
/// a reader that leaves its waker looks at its queues once more before it sleeps.
pub struct Bell {
    sleeper: Slot,
}

impl Default for Bell {
    fn default() -> Bell {
        Bell { sleeper: Slot::new() }
    }
}

impl Bell {
    pub fn new() -> Arc<Bell> {
        Arc::default()
    }

    /// To be called after the item is in its queue.
    pub fn ring(&self) {
        // Orders the push before the look: either the reader sees the item, or we see its waker.
        fence(Ordering::SeqCst);
        if let Some(waker) = self.sleeper.take() {
            waker.wake();
        }
    }

    /// Sleeps on this thread until it is rung, `span` has passed, or `is_quiet` is false. May
    /// return early without a reason.
    pub fn sleep(&self, span: Duration, is_quiet: impl Fn() -> bool) {
        if self.lie_down(&Waker::from(Arc::new(Sleeper(std::thread::current()))), is_quiet) {
            std::thread::park_timeout(span);
        }
    }

    /// As `sleep`, for a task; without an end of its own.
    pub async fn rung(&self, is_quiet: impl Fn() -> bool) {
        let mut has_slept = false;
        poll_fn(|context| {
            let is_over = std::mem::replace(&mut has_slept, true);
            if is_over || !self.lie_down(context.waker(), &is_quiet) {
                return Poll::Ready(());
            }
            Poll::Pending
        })
        .await;
    }

    /// True when the reader may sleep: nothing came before its waker was in place.
    fn lie_down(&self, waker: &Waker, is_quiet: impl Fn() -> bool) -> bool {
        self.sleeper.put(waker.clone());
        fence(Ordering::SeqCst);
        is_quiet()
    }
}

struct Sleeper(Thread);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
