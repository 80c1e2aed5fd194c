//! How long commits take while generations end and old ones are dropped, with and without a thread
//! for tables (`StoreOptions::spawn`):
//!
//! ```text
//! cargo run --release -p store --example stalls -- <directory on the disk to be measured>
//! ```

#![allow(clippy::disallowed_methods, reason = "it measures time and has a thread of its own")]

use bytes::Bytes;
use event::{Event, Offset};
use log::contract::{event, full_group};
use log::{Group, Log, Sync};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use store::{Spawn, Store, StoreOptions};

const GROUPS: u64 = 6000;
const EVENTS: u64 = 16;
const GENERATION_BYTES: u64 = 4 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args_os().nth(1).ok_or("usage: stalls <directory>")?;
    let spawn: Spawn = |name, work| thread::Builder::new().name(name.into()).spawn(work);
    println!("load {}", std::fs::read_to_string("/proc/loadavg")?.trim());
    for (what, spawn) in [("in commits", None), ("by a thread", Some(spawn))].repeat(3) {
        let home = tempfile::tempdir_in(&dir)?;
        let (mut took, rolls) = commits(home.path(), spawn)?;
        took.sort();
        let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
        println!(
            "tables {what:11}: {GROUPS} commits, {rolls} generations; \
             p50 {:.2?}, p99 {:.2?}, p99.9 {:.2?}, max {:.2?}",
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0),
        );
    }
    Ok(())
}

fn commits(dir: &Path, spawn: Option<Spawn>) -> Result<(Vec<Duration>, u64), Box<dyn Error>> {
    let options =
        StoreOptions { generation_bytes: GENERATION_BYTES, spawn, ..StoreOptions::new(dir) };
    let (log, _) = Store::open(options)?;
    let lease = log.claim()?;
    let attempts = full_group().attempts;
    let (mut took, mut rolls, mut sealed) = (Vec::new(), 0, 0);
    for n in 0..GROUPS {
        let first = n * EVENTS;
        let events = (first..first + EVENTS).map(large).collect();
        // Two generations are kept.
        let floor = Offset(first.saturating_sub(2 * GENERATION_BYTES / 1024));
        let group =
            Group { events, attempts: attempts.clone(), floor: Some(floor), ..Group::default() };
        let start = Instant::now();
        log.commit(lease, &group, Sync::Now)?;
        took.push(start.elapsed());
        let now = log.generations()?.len();
        if now > sealed {
            rolls += 1;
            // Retention is asked for from elsewhere; its commits are waited for all the same.
            log.reclaim(lease)?;
        }
        sealed = log.generations()?.len();
    }
    Ok((took, rolls))
}

fn large(offset: u64) -> Arc<Event> {
    let event = event(offset);
    Arc::new(Event { body: Bytes::from(event.body.repeat(5)), ..Event::clone(&event) })
}
