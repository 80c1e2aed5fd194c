use std::io;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Starts a named thread. `nice` is added to the process's own, from 0 (like it) to 19 (last);
/// systems that have no priority per thread ignore it. Names are cut at 15 bytes by Linux.
pub fn spawn_thread<T: Send + 'static>(
    name: &str,
    nice: u8,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Builder::new().name(name.into()).spawn(move || {
        if nice > 0 {
            yield_to_others(nice);
        }
        work()
    })
}

/// Does the work on a stack of this size and waits for it: for what calls itself deeply. Its pages
/// are taken as they are needed.
pub fn on_stack<T: Send>(bytes: usize, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = Builder::new().name("deep".into()).stack_size(bytes);
        let running = thread.spawn_scoped(scope, work)?;
        Ok(running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// How long this thread has had a processor; zero where the system does not say.
#[cfg(target_os = "linux")]
pub fn processor_time() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(spent).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
pub fn processor_time() -> Duration {
    Duration::ZERO
}

/// A thread keeps its priority if the system refuses: slower for others, never wrong.
#[cfg(target_os = "linux")]
fn yield_to_others(nice: u8) {
    let thread = Some(rustix::thread::gettid());
    let inherited = rustix::process::getpriority_process(thread).unwrap_or(0);
    let _ = rustix::process::setpriority_process(thread, inherited + i32::from(nice));
}

#[cfg(not(target_os = "linux"))]
fn yield_to_others(_nice: u8) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_bear_their_name_and_priority() {
        let named = || std::thread::current().name().map(str::to_owned);
        let thread = spawn_thread("guest-0", 0, named).unwrap();
        assert_eq!(thread.join().unwrap().as_deref(), Some("guest-0"));
    }

    #[test]
    fn deep_calls_have_the_stack_that_they_ask_for() {
        fn sum(n: u64) -> u64 {
            let page = std::hint::black_box([n; 512]);
            if n == 0 { 0 } else { page[511] + sum(n - 1) }
        }
        assert_eq!(on_stack(64 << 20, || sum(8_000)).unwrap(), 8_000 * 8_001 / 2);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_nice_thread_leaves_its_siblings_alone() {
        use rustix::process::getpriority_process;
        use rustix::thread::gettid;
        let before = getpriority_process(Some(gettid())).unwrap();
        let thread = spawn_thread("nice", 5, || getpriority_process(Some(gettid())).unwrap());
        assert_eq!(thread.unwrap().join().unwrap(), (before + 5).min(19));
        assert_eq!(getpriority_process(Some(gettid())).unwrap(), before);
    }
}
