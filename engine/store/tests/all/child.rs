//! What the tests need another process for: this test binary, started again with a role.

use crate::support::{Dice, group, options, scratch, spawn};
use event::Offset;
use log::contract::event;
use log::{Failure, Group, Log, Sync};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;
use store::{Durability, Store, StoreOptions};

const ROLE: &str = "FOREBAY_STORE_ROLE";
const DIR: &str = "FOREBAY_STORE_DIR";
const SEED: &str = "FOREBAY_STORE_SEED";

/// What a child does until it is stopped.
#[derive(Clone, Copy, Debug)]
pub enum Role {
    /// Commits groups, most of them synced; acknowledges what was.
    Write,
    /// The same, sixty of them, and closes the log.
    WriteSome,
    /// Commits groups, syncs none of them and acknowledges all: a node that lies.
    WriteUnsynced,
    /// Commits forty synced groups and tells how long each took.
    Time,
    /// Commits a million small events, syncs, and ends without closing the log.
    Fill,
    /// Opens the directory and closes it.
    Open,
}

/// The command that runs `role` in a process of its own, behind `prefix`.
pub fn command(role: Role, dir: &Path, seed: u64, prefix: &[&str]) -> Command {
    let binary = std::env::current_exe().unwrap();
    let mut words = prefix.iter().map(std::ffi::OsString::from).collect::<Vec<_>>();
    words.push(binary.into());
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .args(["--exact", "child::a_child_plays_its_role", "--nocapture", "--test-threads=1"])
        .env(ROLE, format!("{role:?}"))
        .env(DIR, dir)
        .env(SEED, seed.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The lines that a child says, without what the test harness says around them.
pub struct Words {
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Words {
    pub fn of(child: &mut Child) -> Words {
        Words { lines: BufReader::new(child.stdout.take().unwrap()).lines() }
    }
}

impl Iterator for Words {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        loop {
            let line = self.lines.next()?.ok()?;
            if let Some(number) = line.strip_prefix("ack ") {
                // A child may die in the middle of a line: that was not an acknowledgement.
                return number.strip_suffix('.')?.parse().ok();
            }
        }
    }
}

/// Started without a role, this checks that a child's exit code is the failure's.
#[test]
fn a_child_plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else {
        let parent = scratch();
        let file = parent.path().join("a-file");
        std::fs::write(&file, "in the way").unwrap();
        let output = command(Role::Open, &file, 0, &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "a file is no directory: {output:?}");
        return;
    };
    let dir = std::env::var(DIR).unwrap();
    let seed = std::env::var(SEED).unwrap().parse().unwrap();
    let played = match role.as_str() {
        "Write" => write(Path::new(&dir), seed, u64::MAX),
        "WriteSome" => write(Path::new(&dir), seed, 60),
        "WriteUnsynced" => write_unsynced(Path::new(&dir), seed),
        "Time" => time(Path::new(&dir)),
        "Fill" => fill(Path::new(&dir)),
        "Open" => Store::open(options(Path::new(&dir))).map(drop),
        other => panic!("no such role: {other}"),
    };
    let code = played.map_or_else(
        |failure| {
            let _ = writeln!(std::io::stderr(), "{failure}");
            failure.exit_code()
        },
        |()| 0,
    );
    std::process::exit(code.into());
}

fn say(number: u64) {
    // A line in one write, so that a kill leaves it whole or not at all.
    let line = format!("\nack {number}.\n");
    // What cannot be said was not acknowledged.
    let mut out = std::io::stdout();
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}

/// Small, so that everything that happens to a store happens soon.
pub fn small(dir: &Path) -> StoreOptions {
    StoreOptions {
        generation_bytes: 96 << 10,
        memtable_bytes: 64 << 10,
        spawn: Some(spawn),
        ..options(dir)
    }
}

fn write(dir: &Path, seed: u64, count: u64) -> Result<(), Failure> {
    let (log, _) = Store::open(small(dir))?;
    let lease = log.claim()?;
    let mut dice = Dice(seed);
    let mut head = log.head().0;
    say(head);
    for _ in 0..count {
        let mut group = group(head, 1 + dice.roll(6));
        head += group.events.len() as u64;
        if dice.roll(20) == 0 {
            group.floor = Some(Offset(head.saturating_sub(300)));
        }
        let is_synced = dice.roll(4) > 0;
        log.commit(lease, &group, if is_synced { Sync::Now } else { Sync::Later })?;
        if is_synced {
            say(head);
        }
        if dice.roll(30) == 0 {
            log.reclaim(lease)?;
        }
    }
    Ok(())
}

fn write_unsynced(dir: &Path, seed: u64) -> Result<(), Failure> {
    let (log, _) = Store::open(StoreOptions { durability: Durability::Os, ..small(dir) })?;
    let lease = log.claim()?;
    let mut dice = Dice(seed);
    let mut head = log.head().0;
    loop {
        let group = group(head, 1 + dice.roll(6));
        head += group.events.len() as u64;
        log.commit(lease, &group, Sync::Later)?;
        say(head);
    }
}

fn fill(dir: &Path) -> Result<(), Failure> {
    let (log, _) = Store::open(options(dir))?;
    let lease = log.claim()?;
    for first in (0..1_000_000).step_by(1000) {
        let events = (first..first + 1000).map(event).collect();
        log.commit(lease, &Group { events, ..Group::default() }, Sync::Later)?;
    }
    log.sync(lease)?;
    say(log.head().0);
    std::process::exit(0);
}

fn time(dir: &Path) -> Result<(), Failure> {
    let (log, _) = Store::open(options(dir))?;
    let lease = log.claim()?;
    for offset in 0..40 {
        let group = Group { events: group(offset, 1).events, ..Group::default() };
        let start = Instant::now();
        log.commit(lease, &group, Sync::Now)?;
        say(start.elapsed().as_millis() as u64);
    }
    Ok(())
}
