//! No answer overtakes its sync: the order of system calls, not how long they take.

use crate::home::{Home, SOURCE};
use crate::http::post;
use crate::letter::Letter;
use crate::node::Node;
use crate::tell;
use crate::trace::Tracer;
use event::Rng;
use std::collections::BTreeMap;
use std::path::Path;

const LETTERS: u64 = 40;
const SENDERS: usize = 4;

/// What happened in one line of a trace.
enum Step {
    Asked(String),
    SyncBegan(u32),
    SyncEnded(u32),
    /// On a socket that had asked for this.
    Answered(String),
}

/// How many answers came without a sync that began after their question and had ended by then.
fn overtaken(trace: &Path) -> (usize, usize) {
    let text = std::fs::read_to_string(trace).unwrap();
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    let mut began: BTreeMap<u32, usize> = BTreeMap::new();
    // When the sync began that was the last to begin among those that have ended.
    let mut ended = None;
    let (mut answers, mut early) = (0, 0);
    for (at, step) in steps(&text).into_iter().enumerate() {
        match step {
            Step::Asked(key) => drop(asked.insert(key, at)),
            Step::SyncBegan(thread) => drop(began.insert(thread, at)),
            Step::SyncEnded(thread) => ended = ended.max(began.remove(&thread)),
            Step::Answered(key) => {
                answers += 1;
                early += usize::from(ended.is_none_or(|sync| sync < asked[&key]));
            }
        }
    }
    (answers, early)
}

fn steps(text: &str) -> Vec<Step> {
    // Descriptor → the letter that came by it last: a sender has one connection for each.
    let mut open: BTreeMap<String, String> = BTreeMap::new();
    // Thread → the descriptor of a read that is not over yet.
    let mut reading: BTreeMap<u32, String> = BTreeMap::new();
    let mut steps = Vec::new();
    for line in text.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let Ok(thread) = thread.parse::<u32>() else { continue };
        let call = call.trim();
        let descriptor = || Some(call.split_once('(')?.1.split([',', ')', '<']).next()?.trim());
        let is_of_sync = |call: &str| call.starts_with("fdatasync") || call.starts_with("fsync");
        if is_of_sync(call) {
            steps.push(Step::SyncBegan(thread));
            if call.contains(" = 0") {
                steps.push(Step::SyncEnded(thread));
            }
        } else if is_of_sync(call.trim_start_matches("<... ")) && call.contains(" = 0") {
            steps.push(Step::SyncEnded(thread));
        } else if call.starts_with("recvfrom(") && call.ends_with("<unfinished ...>") {
            reading.insert(thread, descriptor().unwrap().to_owned());
        } else if let Some(key) = key_in(call) {
            let begun = call.starts_with("<... ").then(|| reading.remove(&thread)).flatten();
            let descriptor = begun.unwrap_or_else(|| descriptor().unwrap().to_owned());
            open.insert(descriptor, key.clone());
            steps.push(Step::Asked(key));
        } else if call.contains("HTTP/1.1 202") {
            let key = open.remove(descriptor().unwrap()).expect("an answer has its question");
            steps.push(Step::Answered(key));
        }
    }
    steps
}

fn key_in(call: &str) -> Option<String> {
    let rest = call.split_once("x-delivery: ")?.1;
    Some(rest.split('\\').next()?.to_owned())
}

/// A node whose syncs take long, and senders beside each other.
fn trace_of(durability: &str) -> (usize, usize) {
    let home = Home::with(&format!("[log]\ndurability = \"{durability}\"\n{SOURCE}"));
    let (node, addr) = Node::start(&home).listening();
    let file = home.path().join("trace");
    let pid = node.pid().to_string();
    let tracer = Tracer::attach(&[
        "-f",
        "-p",
        &pid,
        "-s",
        "200",
        "-o",
        file.to_str().unwrap(),
        "-e",
        "trace=fdatasync,fsync,recvfrom,read,sendto,write,writev,sendmsg",
        "-e",
        "inject=fdatasync,fsync:delay_exit=20000",
    ]);
    let senders = (0..SENDERS).map(|sender| {
        std::thread::spawn(move || {
            let mut rng = Rng::seeded(sender as u64);
            for n in 0..LETTERS / SENDERS as u64 {
                let answer = post(addr, &Letter::new(sender, n, &mut rng)).unwrap();
                assert_eq!(answer.status, 202, "{answer:?}");
            }
        })
    });
    senders.collect::<Vec<_>>().into_iter().for_each(|sender| sender.join().unwrap());
    tracer.detach();
    node.kill();
    overtaken(&file)
}

#[test]
fn no_answer_overtakes_its_sync() {
    let (answers, early) = trace_of("fsync");
    tell(&format!("syncs delayed: {answers} answers, {early} before a sync of their own"));
    assert_eq!((answers, early), (LETTERS as usize, 0));
    let (answers, early) = trace_of("os");
    tell(&format!("the same with durability os: {answers} answers, {early} before a sync"));
    assert!(answers == LETTERS as usize && early > 0, "then this test could not fail");
}
