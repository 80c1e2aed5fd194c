//! Clauses on what is easily kept in one kind of log and not in another.

use super::{ALL, Subject, compare, delivery, events, first, full_group, puts, random_group};
use crate::{AttemptRow, AttemptState, Change, GapRow, Group, LaneRow, Log, MemLog, Sync, Why};
use event::{Offset, Rng, Time};

pub fn check(subject: &mut impl Subject) {
    a_floor_never_goes_back(subject);
    an_attempt_row_that_is_written_again_replaces_the_first(subject);
    the_last_change_of_a_key_wins(subject);
    a_gap_is_told_once(subject);
    what_is_committed_later_survives_the_process(subject);
    a_retention_that_was_reclaimed_is_synced(subject);
    for seed in 0..subject.seeds() {
        random_groups_are_read_back(subject, seed);
    }
}

fn a_floor_never_goes_back(subject: &mut impl Subject) {
    let log = subject.empty();
    let lease = log.claim().unwrap();
    let floor = |floor| Group { floor: Some(Offset(floor)), ..Group::default() };
    let mut next = 0;
    while log.generations().unwrap().len() < 4 {
        log.commit(lease, &events(next..next + 50), Sync::Now).unwrap();
        next += 50;
    }
    let end = log.generations().unwrap()[1].end;
    log.commit(lease, &floor(end.0), Sync::Now).unwrap();
    log.reclaim(lease).unwrap();
    log.commit(lease, &floor(3), Sync::Now).unwrap();
    assert_eq!(log.floor(), end);
    let log = subject.reopen(log);
    assert_eq!((log.floor(), first(&log)), (end, end), "what is gone is not promised again");
}

fn an_attempt_row_that_is_written_again_replaces_the_first(subject: &mut impl Subject) {
    let log = subject.empty();
    let lease = log.claim().unwrap();
    let row = |state| AttemptRow { delivery: delivery(1, 0), outputs: 1, attempt: None, state };
    let attempt = |state| Group { attempts: vec![row(state)], ..Group::default() };
    log.commit(lease, &events(0..50), Sync::Now).unwrap();
    log.commit(lease, &attempt(AttemptState::Trouble), Sync::Now).unwrap();
    // So far apart that a log which drops attempt rows by age keeps them apart.
    let mut next = 50;
    while log.generations().unwrap().len() < 12 {
        log.commit(lease, &events(next..next + 50), Sync::Now).unwrap();
        next += 50;
    }
    log.commit(lease, &attempt(AttemptState::Dead), Sync::Now).unwrap();
    let log = subject.reopen(log);
    let found = log.attempts(Offset::ZERO..Offset::MAX).unwrap();
    assert_eq!(found, [row(AttemptState::Dead)]);
}

fn the_last_change_of_a_key_wins(subject: &mut impl Subject) {
    let log = subject.empty();
    let lane = delivery(1, 0).lane;
    let row = |cursor| LaneRow {
        cursor: Offset(cursor),
        high: Offset(9),
        since: Offset(0),
        why: Why::Slow,
    };
    let other = delivery(2, 0).lane;
    let lanes = vec![
        Change::Put(lane, row(1)),
        Change::Put(other, row(1)),
        Change::Remove(lane),
        Change::Put(lane, row(2)),
        Change::Remove(other),
    ];
    let group = Group { lanes, ..Group::default() };
    log.commit(log.claim().unwrap(), &group, Sync::Now).unwrap();
    assert_eq!(log.lanes().unwrap(), [(lane, row(2))]);
    let log = subject.reopen(log);
    assert_eq!(log.lanes().unwrap(), [(lane, row(2))]);
}

fn a_gap_is_told_once(subject: &mut impl Subject) {
    let log = subject.empty();
    let lease = log.claim().unwrap();
    let gap = |at, from| GapRow {
        lane: delivery(1, 0).lane,
        from: Offset(from),
        until: Offset(9),
        at: Time::from_secs(at),
    };
    for gaps in [vec![gap(2, 5)], vec![gap(1, 7), gap(2, 5)]] {
        log.commit(lease, &Group { gaps, ..Group::default() }, Sync::Now).unwrap();
    }
    let log = subject.reopen(log);
    assert_eq!(log.gaps().unwrap(), [gap(1, 7), gap(2, 5)], "by the time at which they arose");
}

fn what_is_committed_later_survives_the_process(subject: &mut impl Subject) {
    let log = subject.empty();
    let lease = log.claim().unwrap();
    log.commit(lease, &events(0..3), Sync::Now).unwrap();
    let more = Group { lanes: full_group().lanes, ..events(3..5) };
    log.commit(lease, &more, Sync::Later).unwrap();
    let seen = if subject.shows_unsynced() { 5 } else { 3 };
    assert_eq!(log.head(), Offset(seen));
    assert_eq!(log.read(Offset(0)..Offset(9), ALL).unwrap().len(), seen as usize);
    // An empty group under `Now` is a sync.
    log.commit(lease, &Group::default(), Sync::Now).unwrap();
    assert_eq!(log.head(), Offset(5));
    log.commit(lease, &events(5..6), Sync::Later).unwrap();
    let log = subject.reopen(log);
    assert_eq!((log.head(), puts(log.lanes().unwrap())), (Offset(6), more.lanes));
}

fn a_retention_that_was_reclaimed_is_synced(subject: &mut impl Subject) {
    let log = subject.empty();
    let lease = log.claim().unwrap();
    let mut next = 0;
    while log.generations().unwrap().len() < 4 {
        log.commit(lease, &events(next..next + 50), Sync::Now).unwrap();
        next += 50;
    }
    let floor = log.generations().unwrap()[2].end;
    let group = Group { floor: Some(floor), ..Group::default() };
    log.commit(lease, &group, Sync::Later).unwrap();
    log.reclaim(lease).unwrap();
    let log = subject.reopen(log);
    assert_eq!((log.floor(), first(&log)), (floor, floor));
}

/// The same groups to this log and to one in memory, with restarts between.
fn random_groups_are_read_back<S: Subject>(subject: &mut S, seed: u64) {
    let mut rng = Rng::seeded(seed);
    let (mut log, model) = (subject.empty(), MemLog::new(40));
    let (mut lease, model_lease) = (log.claim().unwrap(), model.claim().unwrap());
    let (mut expired, mut newest) = (Time::ZERO, Time::ZERO);
    for step in 0..120 {
        let group = random_group(&mut rng, &model);
        let is_later =
            rng.range(0..3) == 0 && (subject.shows_unsynced() || group.events.is_empty());
        let sync = if is_later { Sync::Later } else { Sync::Now };
        newest = group
            .duplicates
            .iter()
            .fold(newest, |newest, row| newest.max(Time::from_millis(row.id.millis())));
        log.commit(lease, &group, sync).unwrap();
        model.commit(model_lease, &group, sync).unwrap();
        match rng.range(0..12) {
            0 => {
                expired = expired.max(Time::from_millis(newest.millis().saturating_sub(20)));
                log.expire_duplicates(lease, expired).unwrap();
                model.expire_duplicates(model_lease, expired).unwrap();
            }
            1 => {
                log.reclaim(lease).unwrap();
                model.reclaim(model_lease).unwrap();
            }
            2 => {
                log = subject.reopen(log);
                lease = log.claim().unwrap();
            }
            _ => {}
        }
        if step % 8 == 0 {
            compare(&log, &model, expired)
                .unwrap_or_else(|unlike| panic!("seed {seed}, step {step}: {unlike:?}"));
        }
    }
    let log = subject.reopen(log);
    compare(&log, &model, expired).unwrap_or_else(|unlike| panic!("seed {seed}: {unlike:?}"));
}
