use crate::child::{Role, Words, command, small};
use crate::support::{check_whole, options, scratch, tell};
use event::Offset;
use log::Log;
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

fn strace(inject: &str) -> Vec<&str> {
    vec!["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", inject]
}

#[test]
fn a_failed_sync_ends_the_process_with_5_and_acknowledges_nothing() {
    if !can_inject("a failing fdatasync") {
        return;
    }
    for nth in [1, 2, 7] {
        let dir = scratch();
        let inject = format!("inject=fdatasync:error=EIO:when={nth}");
        let mut child = command(Role::Write, dir.path(), nth, &strace(&inject)).spawn().unwrap();
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

#[test]
fn no_commit_returns_before_a_slow_sync() {
    if !can_inject("a slow fdatasync") {
        return;
    }
    const DELAY_MS: u64 = 40;
    let dir = scratch();
    let inject = format!("inject=fdatasync:delay_enter={}", DELAY_MS * 1000);
    let mut child = command(Role::Time, dir.path(), 0, &strace(&inject)).spawn().unwrap();
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
