//! System calls of a node that are watched, or that end it, fail or wait: by strace.

use crate::node::PATIENCE;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

/// A tracer that was attached to a process, or to one thread of it.
pub struct Tracer {
    child: Child,
}

impl Tracer {
    /// Once it returns, every call is seen. `-f -p <pid>` means all threads, `-p <tid>` one.
    pub fn attach(arguments: &[&str]) -> Tracer {
        let mut command = Command::new("strace");
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command.spawn().unwrap_or_else(|err| panic!("strace does not run here: {err}"));
        let mut tracer = Tracer { child };
        let stderr = BufReader::new(tracer.child.stderr.take().unwrap());
        let (say, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                drop(say.send(line));
            }
        });
        let mut said = String::new();
        loop {
            let line = lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("strace does not attach: {said}"));
            if line.contains(" attached") {
                return tracer;
            }
            said = said + &line + "\n";
        }
    }

    /// The process goes on as if nothing had been.
    pub fn detach(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        self.child.wait().unwrap();
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // It ends with what it traces.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What stands before a command to make one of its calls fail, wait or end it. The traced process
/// is the child, and the tracer a child of its own.
pub fn prefix<'a>(trace: &'a str, inject: &'a str) -> Vec<&'a str> {
    vec!["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", trace, "-e", inject]
}

/// The threads of a process, by name.
pub fn threads(pid: u32) -> BTreeMap<String, u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let named = tasks.filter_map(|task| {
        let path = task.ok()?.path();
        // One that ends meanwhile is none of the node's own.
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        let id = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
        Some((name.trim().to_owned(), id))
    });
    named.collect()
}

/// How often each thread made each call, in what `strace -f -o` wrote.
pub fn counts(trace: &Path) -> BTreeMap<(u32, String), u64> {
    let mut counts = BTreeMap::new();
    for line in std::fs::read_to_string(trace).unwrap().lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let (Ok(thread), Some((name, _))) = (thread.parse(), call.trim().split_once('(')) else {
            continue;
        };
        if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            *counts.entry((thread, name.to_owned())).or_default() += 1;
        }
    }
    counts
}
