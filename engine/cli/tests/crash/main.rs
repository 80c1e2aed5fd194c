//! The real binary, ended by kills, power cuts, full and failing disks: what was answered 2xx is
//! delivered or a dead letter, byte for byte, and little comes twice.
//!
//! Short by default. `FOREBAY_CRASH_ROUNDS=100` for more kills and cuts, `FOREBAY_CRASH_CALLS=all`
//! for a kill at each system call, `FOREBAY_CRASH_RETRIES=1000000` for a larger backlog,
//! `FOREBAY_CRASH_SEED` for other moments. What happened is told on standard error, past the
//! capture. Runs on Linux as root, with cc, strace and util-linux: without them it fails and says
//! so.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests measure time, run processes of their own and end them"
)]

mod calls;
mod clock;
mod damage;
mod descriptors;
mod disk;
mod full;
mod home;
mod http;
#[path = "../../../forebay/tests/crash/judge.rs"]
mod judge;
mod kill;
mod layer;
#[path = "../../../forebay/tests/crash/letter.rs"]
mod letter;
mod many;
mod node;
mod odd;
mod order;
#[path = "../../../forebay/tests/crash/place.rs"]
mod place;
mod power;
#[path = "../../../forebay/tests/crash/receiver.rs"]
mod receiver;
mod scene;
#[path = "../../../forebay/tests/crash/senders.rs"]
mod senders;
mod start;
mod trace;

use std::io::Write;

/// Past the capture of the test harness.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn rounds(short: u64) -> u64 {
    number("FOREBAY_CRASH_ROUNDS").unwrap_or(short)
}

fn seed() -> u64 {
    number("FOREBAY_CRASH_SEED").unwrap_or(1)
}
