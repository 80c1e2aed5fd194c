use crate::child::{Role, Words, command, small};
use crate::support::{Dice, check_whole, rounds, scratch, tell};
use event::Offset;
use log::Log;
use store::Store;

/// The same directory through many lives: each start has to cope with what the one before left.
#[test]
fn nothing_acknowledged_is_missing_after_a_kill() {
    let dir = scratch();
    let (mut torn, mut beyond, mut acknowledged) = (0, 0, 0);
    let count = rounds(12);
    for round in 0..count {
        let mut dice = Dice(round);
        let mut child = command(Role::Write, dir.path(), round, &[]).spawn().unwrap();
        // Whatever it is doing when so many groups are acknowledged, it does no more.
        let lines = 2 + dice.roll(60) as usize;
        let mut words = Words::of(&mut child);
        let last = words.by_ref().take(lines).last().expect("a child says where it starts");
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged = words.last().unwrap_or(last).max(acknowledged);
        let (log, recovered) = Store::open(small(dir.path())).unwrap();
        assert!(log.head() >= Offset(acknowledged), "{} of {acknowledged}", log.head());
        assert!(!recovered.was_clean && !recovered.head_was_lost, "{recovered:?}");
        check_whole(&log);
        torn += u64::from(recovered.torn.is_some());
        beyond += u64::from(log.head() > Offset(acknowledged));
    }
    tell(&format!(
        "kill -9: {count} rounds, {acknowledged} events acknowledged, 0 lost; \
         {torn} torn tails, {beyond} rounds kept more than was acknowledged"
    ));
}
