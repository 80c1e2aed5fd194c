use super::{ALL, Subject, event, events};
use crate::{Group, Log, ReadLimit, Sync};
use event::{Event, Offset, Time};
use std::sync::Arc;

/// What takes the place of the suite's event at an offset.
pub fn stub(offset: u64) -> Arc<Event> {
    Arc::new(event(offset).stub(Time::from_millis(9)))
}

fn erasure(offsets: impl Iterator<Item = u64>) -> Group {
    Group { erased: offsets.map(stub).collect(), ..Group::default() }
}

pub(super) fn what_is_erased_is_read_as_its_stub(subject: &mut impl Subject) {
    let log = subject.empty();
    let lease = log.claim().unwrap();
    let mut next = 0;
    // In sealed generations, in the open one, and in the very group that goes on with the log.
    while log.generations().unwrap().len() < 3 {
        log.commit(lease, &events(next..next + 20), Sync::Now).unwrap();
        next += 20;
    }
    let places = |log: &dyn Log| -> Vec<_> {
        log.generations().unwrap()[..2].iter().map(|run| run.first..run.end).collect()
    };
    let before = places(&log);
    let mut group = erasure([0, 1, 7, next - 1].into_iter());
    group.events = (next..next + 20).map(event).collect();
    log.commit(lease, &group, Sync::Now).unwrap();
    let is_erased = |offset: u64| [0, 1, 7, next - 1].contains(&offset);
    let wanted: Vec<_> =
        (0..next + 20).map(|n| if is_erased(n) { stub(n) } else { event(n) }).collect();
    let holds = |log: &dyn Log| {
        assert_eq!(log.read(Offset::ZERO..Offset::MAX, ALL).unwrap(), wanted);
        assert!(log.event(Offset(7)).unwrap().unwrap().is_erased());
        assert!(!log.event(Offset(8)).unwrap().unwrap().is_erased());
        let one = log.read(Offset(1)..Offset(9), ReadLimit { events: 1, bytes: 1 }).unwrap();
        assert_eq!(one, [stub(1)]);
    };
    holds(&log);
    let log = subject.reopen(log);
    holds(&log);
    let lease = log.claim().unwrap();
    for _ in 0..400 {
        log.reclaim(lease).unwrap();
        if !log.is_erasing() {
            break;
        }
        subject.wait();
    }
    assert!(!log.is_erasing(), "the files are rid of it after so many steps");
    holds(&log);
    // Again: what is a stub stays one.
    log.commit(lease, &erasure([7].into_iter()), Sync::Now).unwrap();
    let log = subject.reopen(log);
    holds(&log);
    assert_eq!(places(&log), before, "the runs of the log are the same");
}

pub(super) fn nothing_below_the_floor_is_erased(subject: &mut impl Subject) {
    let log = subject.empty();
    let lease = log.claim().unwrap();
    let mut next = 0;
    while log.generations().unwrap().len() < 3 {
        log.commit(lease, &events(next..next + 20), Sync::Now).unwrap();
        next += 20;
    }
    let floor = log.generations().unwrap()[0].end;
    log.commit(lease, &Group { floor: Some(floor), ..Group::default() }, Sync::Now).unwrap();
    log.reclaim(lease).unwrap();
    log.commit(lease, &erasure([0, floor.0].into_iter()), Sync::Now).unwrap();
    let log = subject.reopen(log);
    let found = log.read(Offset::ZERO..Offset(floor.0 + 2), ALL).unwrap();
    assert_eq!(found, [stub(floor.0), event(floor.0 + 1)]);
}
