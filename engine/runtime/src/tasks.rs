//! Asynchronous work on the calling thread. Futures need not be `Send`: what a thread starts
//! stays on it, so state shared by its tasks needs no lock.

use crate::Clock;
use event::Time;
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions};
pub use tokio::task::JoinHandle;

/// Runs `work` to its end on this thread, and beside it what it spawns. Tasks that are still
/// there when `work` ends are dropped.
pub fn run<T>(work: impl Future<Output = T>) -> io::Result<T> {
    // Threads that wait for the system's resolver, which has no time limit of its own.
    const BLOCKING_MAX: usize = 64;
    let mut builder = Builder::new_current_thread();
    builder.enable_all().max_blocking_threads(BLOCKING_MAX);
    let runtime = builder.build_local(LocalOptions::default())?;
    let beating = async {
        spawn(beat());
        work.await
    };
    Ok(runtime.block_on(beating))
}

/// A timer that is due before all others, or that finds no others, wakes the thread by a system
/// call, though it is the thread itself that sets it. With one that is always due soon that is
/// the exception: requests and attempts may take longer than this.
async fn beat() {
    const BEAT: Duration = Duration::from_secs(5);
    loop {
        tokio::time::sleep(BEAT).await;
    }
}

/// Starts `work` beside the caller, on the same thread; dropping the handle leaves it running.
/// Panics outside of `run`.
pub fn spawn<T: 'static>(work: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    tokio::task::spawn_local(work)
}

pub async fn sleep(span: Duration) {
    tokio::time::sleep(span).await;
}

/// Returns at once if `at` has passed. `Time::NEVER` sleeps for good.
pub async fn sleep_until(clock: &dyn Clock, at: Time) {
    if at == Time::NEVER {
        return std::future::pending().await;
    }
    tokio::time::sleep(at.since(clock.now())).await;
}

/// The work was not done within its time, and was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

pub async fn timeout<T>(span: Duration, work: impl Future<Output = T>) -> Result<T, TimedOut> {
    tokio::time::timeout(span, work).await.map_err(|_| TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ManualClock;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[test]
    fn tasks_share_what_no_other_thread_may_see() {
        let shared = Rc::new(RefCell::new(Vec::new()));
        let seen = shared.clone();
        let sum = run(async move {
            let tasks: Vec<_> = (0..3)
                .map(|n| {
                    let shared = shared.clone();
                    spawn(async move { shared.borrow_mut().push(n) })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            shared.borrow().iter().sum::<i32>()
        });
        assert_eq!((sum.unwrap(), seen.borrow().len()), (3, 3));
    }

    #[test]
    fn what_has_passed_is_not_waited_for_and_never_never_comes() {
        let clock = ManualClock::at(Time::from_secs(10));
        let outcome = run(async {
            sleep_until(&clock, Time::from_secs(9)).await;
            timeout(Duration::from_millis(1), sleep_until(&clock, Time::NEVER)).await
        });
        assert_eq!(outcome.unwrap(), Err(TimedOut));
    }
}
