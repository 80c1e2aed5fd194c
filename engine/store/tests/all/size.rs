use crate::child::{Role, Words, command};
use crate::support::{options, scratch, tell};
use event::Offset;
use log::{Log, ReadLimit};
use std::time::{Duration, Instant};
use store::Store;

#[test]
fn a_log_of_a_million_events_opens_soon() {
    let dir = scratch();
    let start = Instant::now();
    let mut child = command(Role::Fill, dir.path(), 0, &[]).spawn().unwrap();
    assert_eq!(Words::of(&mut child).last(), Some(1_000_000));
    assert!(child.wait().unwrap().success());
    let filled = start.elapsed();
    let open = || {
        let start = Instant::now();
        let opened = Store::open(options(dir.path())).unwrap();
        (opened, start.elapsed())
    };
    let ((log, recovered), after_a_kill) = open();
    assert_eq!((log.head(), recovered.was_clean), (Offset(1_000_000), false));
    let start = Instant::now();
    let limit = ReadLimit { events: 1000, bytes: 8 << 20 };
    let mut next = Offset::ZERO;
    while next < log.head() {
        next = log.read(next..log.head(), limit).unwrap().last().unwrap().offset().next();
    }
    let read = start.elapsed();
    drop(log);
    let ((_, recovered), after_a_close) = open();
    assert!(recovered.was_clean);
    tell(&format!(
        "a million events of 200 bytes: written in {filled:.1?}, opened in {after_a_kill:.2?} after \
         a kill and in {after_a_close:.2?} after a close, read in {read:.1?}"
    ));
    assert!(after_a_kill.max(after_a_close) < Duration::from_secs(5), "on a machine under load");
}
