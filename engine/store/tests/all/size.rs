use crate::child::{Role, Words, command};
use crate::support::{options, scratch, tell};
use event::Offset;
use log::{Log, ReadLimit};
use std::time::{Duration, Instant};
use store::Store;

/// What this thread has used of a processor: the wall clock of a shared machine tells little.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

#[test]
fn a_log_of_a_million_events_opens_soon() {
    let dir = scratch();
    let start = Instant::now();
    let mut child = command(Role::Fill, dir.path(), 0, &[]).spawn().unwrap();
    assert_eq!(Words::of(&mut child).last(), Some(1_000_000));
    assert!(child.wait().unwrap().success());
    let filled = start.elapsed();
    let open = || {
        let (start, used) = (Instant::now(), cpu());
        let opened = Store::open(options(dir.path())).unwrap();
        (opened, start.elapsed(), cpu() - used)
    };
    let ((log, recovered), after_a_kill, used) = open();
    assert_eq!((log.head(), recovered.was_clean), (Offset(1_000_000), false));
    let start = Instant::now();
    let limit = ReadLimit { events: 1000, bytes: 8 << 20 };
    let mut next = Offset::ZERO;
    while next < log.head() {
        next = log.read(next..log.head(), limit).unwrap().last().unwrap().offset().next();
    }
    let read = start.elapsed();
    drop(log);
    let ((_, recovered), after_a_close, _) = open();
    assert!(recovered.was_clean);
    tell(&format!(
        "a million events of 200 bytes: written in {filled:.1?}; opened in {after_a_kill:.2?} \
         ({used:.2?} of a processor) after a kill, in {after_a_close:.2?} after a close; \
         read in {read:.1?}"
    ));
    assert!(used < Duration::from_secs(1), "{used:?}");
    assert!(after_a_kill.max(after_a_close) < Duration::from_secs(20), "on a machine under load");
}
