//! A server starts itself anew to compile a module, within limits.

use crate::generated::module;
use crate::resources::{PUSHES, Place, until};
use crate::run::{ADMIN_KEY, Ended, Folder};
use std::io::Write;
use std::process::{Command, Stdio};

/// The soft and the hard limit of a process, as the kernel has them.
fn limits(id: u32, name: &str) -> Option<[String; 2]> {
    let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    let mut words = line.split_whitespace().map(str::to_owned);
    Some([words.next()?, words.next()?])
}

fn is_limited(id: u32) -> bool {
    limits(id, "Max core file size") == Some(["0".into(), "0".into()])
        && limits(id, "Max cpu time").is_some_and(|[soft, _]| soft == "60")
}

#[test]
fn a_compiler_limits_itself_and_says_what_is_wrong() {
    let folder = Folder::new();
    let wasm = std::fs::read(PUSHES).unwrap();
    let compiled = |input: &[u8]| {
        let mut command = folder.command(&["compile"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    };
    let good = compiled(&wasm);
    assert_eq!((good.status.code(), &good.stdout[..4]), (Some(0), &b"\x7fELF"[..]));
    let bad = compiled(&wasm[..wasm.len() / 2]);
    assert_eq!((bad.status.code(), bad.stdout.len()), (Some(1), 0));
    let mut idle = folder.command(&["compile"]);
    let mut idle = idle.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    until(|| is_limited(idle.id()).then_some(()));
    let [soft, hard] = limits(idle.id(), "Max cpu time").unwrap();
    assert_eq!((&*soft, &*hard), ("60", "65"), "time for the signal that says why");
    let [bytes, _] = limits(idle.id(), "Max address space").unwrap();
    assert_eq!(bytes, "4294967296");
    idle.kill().unwrap();
    idle.wait().unwrap();
}

/// What it was given less of, it does not ask for.
#[test]
fn a_compiler_keeps_to_a_limit_that_it_inherits() {
    let mut command = Command::new("prlimit");
    command.args(["--cpu=30:40", env!("CARGO_BIN_EXE_forebay"), "compile"]);
    let mut idle = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let kept = Some(["35".to_owned(), "40".to_owned()]);
    until(|| (limits(idle.id(), "Max cpu time") == kept).then_some(()));
    idle.kill().unwrap();
    idle.wait().unwrap();
}

/// As large as is admitted, and all of it work for a compiler: more than ten seconds of a core.
fn bomb() -> Vec<u8> {
    // i32.store (32) (i32.add (i32.load (16)) (1))
    let step = [0x41, 32, 0x41, 16, 0x28, 2, 0, 0x41, 1, 0x6a, 0x36, 2, 0];
    module(18, &[vec![0], step.repeat(31_000), vec![0x0b]].concat())
}

/// Of what `/proc` tells of a process, the words behind its name, which may hold anything.
fn stat(id: u32) -> Vec<String> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    rest.split(' ').map(str::to_owned).collect()
}

fn child_of(parent: u32) -> Option<u32> {
    let is_child = |id: &u32| stat(*id).get(1) == Some(&parent.to_string());
    let entries = std::fs::read_dir("/proc").unwrap().map_while(Result::ok);
    let mut ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.find(is_child)
}

/// It has read the module, and used 0.05 s of a core.
fn is_at_work(id: u32) -> bool {
    is_limited(id) && stat(id).get(11).is_some_and(|ticks| ticks.parse::<u32>().unwrap() >= 5)
}

/// A process that stands still, and goes on when this ends.
struct Still(String);

impl Still {
    fn of(id: u32) -> Still {
        run("kill", &["-STOP", &id.to_string()]);
        Still(id.to_string())
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-CONT", &self.0]).status();
    }
}

fn run(program: &str, arguments: &[&str]) {
    assert!(Command::new(program).args(arguments).status().unwrap().success(), "{program}");
}

#[test]
fn what_takes_too_much_to_compile_is_refused_by_name_while_events_come_in() {
    let place = Place::new();
    std::fs::write(place.folder.path().join("bomb.wasm"), bomb()).unwrap();
    for (limit, text) in [
        ("--cpu=1:60", "compiling the module took too much time"),
        ("--as=1048576", "compiling the module took too much memory"),
    ] {
        let mut push = place.folder.command(&["filter", "push", "bomb", "bomb.wasm"]);
        push.env("FOREBAY_URL", &place.serving.url).env("FOREBAY_KEY", ADMIN_KEY);
        let push = push.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let at_work = || child_of(place.serving.id()).filter(|id| is_at_work(*id));
        // It stands still while it is looked at, so that it is not done before.
        let compiler = Still::of(until(at_work));
        run("prlimit", &["--pid", &compiler.0, limit]);
        place.out("send --type order.paid --data 1");
        drop(compiler);
        let ended = Ended::of(push.wait_with_output().unwrap());
        assert_eq!(ended.code, 1, "{}", ended.err);
        ended.says(text);
        place.out("send --type order.paid --data 2");
    }
    place.run("filter get bomb").expect(1, "").says("404");
    place.out(&format!("filter push main {PUSHES}"));
    assert_eq!(place.serving.stop(), 0);
}
