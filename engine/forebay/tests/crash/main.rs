//! The engine in a process of its own, ended at random moments under load: what was answered 2xx
//! is delivered or a dead letter, byte for byte, and little comes twice.
//!
//! Three kills by default; `FOREBAY_CRASH_ROUNDS=100` for a long run, `FOREBAY_CRASH_SEED` for
//! other moments. What happened is told on standard error, past the capture.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests measure time, run processes of their own and end them"
)]

mod child;
mod judge;
mod letter;
mod place;
mod receiver;
mod scene;
mod senders;

use child::Child;
use event::Rng;
use judge::{Death, judge};
use scene::Scene;
use std::io::Write;
use std::time::{Duration, Instant};

/// Past the capture of the test harness.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn what_was_answered_survives_every_kill() {
    let rounds = number("FOREBAY_CRASH_ROUNDS").unwrap_or(3) as u32;
    let seed = number("FOREBAY_CRASH_SEED").unwrap_or(1);
    let mut rng = Rng::seeded(seed);
    let scene = Scene::start();
    let mut deaths = Vec::new();
    for life in 1..=rounds {
        // Every fifth is killed while it recovers, before anything is sent to it.
        let goal = if life % 5 == 0 { 0 } else { rng.range(100..1500) };
        let pause = Duration::from_micros(rng.range(0..20_000));
        deaths.push(live(&scene, life, goal, pause, Child::kill));
        if life % 10 == 0 {
            tell(&format!("kill -9: {life} of {rounds} rounds"));
        }
    }
    let ended = scene.end(rounds + 1);
    let report = judge(&ended, &deaths);
    tell(&format!("kill -9, seed {seed}: {report}"));
    assert!(report.oldest_repeat <= REPEAT_AGE_MAX, "outcomes were not committed in time");
}

/// Outcomes wait 50 ms for events to share a commit with, at most for one commit under way and
/// the next. The rest is for a machine that has other work.
const REPEAT_AGE_MAX: Duration = Duration::from_millis(1500);

#[test]
fn a_stop_under_load_loses_nothing_and_repeats_nothing() {
    let scene = Scene::start();
    let mut rng = Rng::seeded(number("FOREBAY_CRASH_SEED").unwrap_or(1));
    let deaths: Vec<_> = (1..=2)
        .map(|life| live(&scene, life, rng.range(200..800), Duration::ZERO, Child::stop))
        .collect();
    let ended = scene.end(3);
    let report = judge(&ended, &deaths);
    tell(&format!("stop: {report}"));
    assert_eq!(report.repeated, 0, "a stop waits for what is in flight and commits its outcomes");
}

/// Worth a line: a start that long is a stalled disk, or a fault.
const SLOW_START: Duration = Duration::from_secs(5);

/// One life of the engine: until so many answers, and a pause, have passed.
fn live(
    scene: &Scene,
    life: u32,
    goal: u64,
    pause: Duration,
    end: impl Fn(Child) -> Instant,
) -> Death {
    scene.receiver.turn(life);
    let born = Instant::now();
    let mut child = Child::start(scene.data.path(), scene.receiver.addr());
    let (mut listening, mut first) = (None, None);
    if goal == 0 {
        std::thread::sleep(pause * 10);
    } else {
        let addr = child.listening();
        listening = Some(born.elapsed());
        if born.elapsed() > SLOW_START {
            tell(&format!("life {life} took {} ms to listen", born.elapsed().as_millis()));
        }
        scene.senders.send_to(life, addr);
        for _ in 0..goal {
            scene.senders.wait_for_answer(life);
            first.get_or_insert_with(|| born.elapsed());
        }
        std::thread::sleep(pause);
    }
    let open = scene.receiver.open();
    let at = end(child);
    Death { life, at, open, listening, first }
}
