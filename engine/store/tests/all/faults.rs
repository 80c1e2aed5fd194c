use crate::child::{Role, Words, command, small};
use crate::support::{Dice, check_whole, options, rounds, scratch, tell};
use event::Offset;
use log::Log;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use store::Store;

/// Whether system calls can be made to fail here.
fn can_inject(what: &str) -> bool {
    let tried = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO", "true"])
        .stderr(Stdio::null())
        .status();
    let works = tried.is_ok_and(|status| status.success());
    if !works {
        tell(&format!("NOT TESTED: {what}, for strace does not run here"));
    }
    works
}

fn strace<'a>(trace: &'a str, inject: &'a str) -> Vec<&'a str> {
    vec!["strace", "-f", "-qq", "-o", "/dev/null", "-e", trace, "-e", inject]
}

#[test]
fn a_failed_sync_ends_the_process_with_5_and_acknowledges_nothing() {
    if !can_inject("a failing fdatasync") {
        return;
    }
    for nth in [1, 2, 7] {
        let dir = scratch();
        let inject = format!("inject=fdatasync:error=EIO:when={nth}");
        let mut child = command(Role::Write, dir.path(), nth, &strace("trace=fdatasync", &inject))
            .spawn()
            .unwrap();
        let acknowledged = Words::of(&mut child).last().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(5), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("disk failure"), "{said}");
        let (log, _) = Store::open(small(dir.path())).unwrap();
        assert!(log.head() >= Offset(acknowledged));
        check_whole(&log);
    }
}

/// What a disk can refuse, and the calls by which a store asks it.
const CALLS: &str =
    "fdatasync fsync write pwrite64 ftruncate /^rename openat mkdir unlink unlinkat";

/// How often a short writer makes a call.
fn count(call: &str) -> u64 {
    let (dir, out) = (scratch(), scratch());
    let out = out.path().join("calls");
    let (trace, path) = (format!("trace={call}"), out.to_string_lossy().into_owned());
    let prefix = ["strace", "-f", "-qq", "-o", &path, "-e", &trace];
    let done = command(Role::WriteSome, dir.path(), 5, &prefix).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    std::fs::read_to_string(out).unwrap().lines().filter(|line| line.contains('(')).count() as u64
}

/// A writer of a fixed length, each of whose calls fails in its turn.
///
/// It may go on when the failure harms nothing, as that of a removal does; else it must end and
/// say so. Either way the next start has all that was acknowledged.
#[test]
fn a_failure_of_any_call_loses_nothing_acknowledged() {
    if !can_inject("a failure of each call to the disk") {
        return;
    }
    let calls = CALLS.split(' ').flat_map(|call| [(call, "EIO"), (call, "ENOSPC")]);
    for (i, (call, error)) in calls.enumerate() {
        let mut dice = Dice(i as u64);
        let (total, mut codes, mut acknowledged) = (count(call), BTreeMap::new(), 0);
        let share = rounds(3);
        for nth in (1..=total).filter(|_| dice.roll(total) < share) {
            let case = format!("{call} {nth} of {total}, {error}");
            let dir = scratch();
            let trace = format!("trace={call}");
            let inject = format!("inject={call}:error={error}:when={nth}");
            let prefix = [&["timeout", "60"], &strace(&trace, &inject)[..]].concat();
            let mut child = command(Role::WriteSome, dir.path(), 5, &prefix).spawn().unwrap();
            let said = Words::of(&mut child).last().unwrap_or(0);
            let output = child.wait_with_output().unwrap();
            let code = output.status.code().unwrap_or(-1);
            // 127: the process did not get its libraries; 101: what runs the child had no output.
            assert!([0, 2, 5, 101, 127].contains(&code), "{case}: {output:?}");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(!stderr.contains("panicked"), "{case}: {stderr}");
            let (log, _) = Store::open(small(dir.path()))
                .unwrap_or_else(|failure| panic!("{case}: then {failure}"));
            assert!(log.head() >= Offset(said), "{case}: {} of {said}", log.head());
            check_whole(&log);
            acknowledged += said;
            *codes.entry(code).or_insert(0) += 1;
        }
        tell(&format!(
            "{call} fails with {error}, of {total} calls; exit codes and how often: {codes:?}; \
             {acknowledged} events acknowledged, 0 lost"
        ));
    }
}

#[test]
fn no_commit_returns_before_a_slow_sync() {
    if !can_inject("a slow fdatasync") {
        return;
    }
    const DELAY_MS: u64 = 40;
    let dir = scratch();
    let inject = format!("inject=fdatasync:delay_enter={}", DELAY_MS * 1000);
    let mut child =
        command(Role::Time, dir.path(), 0, &strace("trace=fdatasync", &inject)).spawn().unwrap();
    let took: Vec<u64> = Words::of(&mut child).collect();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(took.len(), 40);
    let (least, most) = (took.iter().min().unwrap(), took.iter().max().unwrap());
    tell(&format!("each fdatasync delayed by {DELAY_MS} ms: commits took {least} to {most} ms"));
    assert!(*least >= DELAY_MS);
}

#[test]
fn the_second_process_exits_with_4_and_names_the_first() {
    let dir = scratch();
    let (log, _) = Store::open(options(dir.path())).unwrap();
    let output = command(Role::Open, dir.path(), 0, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&format!("process {}", std::process::id())), "{said}");
    drop(log);
    let output = command(Role::Open, dir.path(), 0, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn a_kill_goes_with_its_lock() {
    let dir = scratch();
    let mut child = command(Role::Write, dir.path(), 1, &[]).spawn().unwrap();
    let first = Words::of(&mut child).next();
    assert_eq!(first, Some(0));
    let refused = Store::open(small(dir.path())).err().unwrap();
    assert_eq!(refused.exit_code(), 4);
    child.kill().unwrap();
    child.wait().unwrap();
    let (_, recovered) = Store::open(small(dir.path())).unwrap();
    assert!(!recovered.was_clean);
    assert!(Store::open(small(dir.path())).unwrap().1.was_clean);
}
