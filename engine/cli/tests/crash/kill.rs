//! Kills at random moments under load.

use crate::judge::judge;
use crate::node::Node;
use crate::scene::Scene;
use crate::{rounds, seed, tell};
use event::Rng;
use std::time::Duration;

#[test]
fn what_was_answered_survives_every_kill() {
    let (rounds, seed) = (rounds(3) as u32, seed());
    let mut rng = Rng::seeded(seed);
    let scene = Scene::start();
    let mut deaths = Vec::new();
    for life in 1..=rounds {
        // Every fifth is killed while it recovers, before anything is sent to it.
        let goal = if life % 5 == 0 { 0 } else { rng.range(50..1000) };
        let pause = Duration::from_micros(rng.range(0..20_000));
        deaths.push(scene.live(life, goal, pause, Node::kill));
        if life % 10 == 0 {
            tell(&format!("kill -9: {life} of {rounds} rounds"));
        }
    }
    let ended = scene.end(rounds + 1);
    let report = judge(&ended, &deaths);
    tell(&format!("kill -9 of the binary, seed {seed}: {report}"));
    assert!(report.oldest_repeat <= REPEAT_AGE_MAX, "outcomes were not committed in time");
}

/// Outcomes wait 50 ms for events to share a commit with, at most for one commit under way and
/// the next. The rest is for a machine that has other work.
const REPEAT_AGE_MAX: Duration = Duration::from_millis(1500);

#[test]
fn a_stop_under_load_loses_nothing_and_repeats_nothing() {
    let scene = Scene::start();
    let mut rng = Rng::seeded(seed());
    let deaths: Vec<_> = (1..=2)
        .map(|life| scene.live(life, rng.range(200..800), Duration::ZERO, Node::stop))
        .collect();
    let ended = scene.end(3);
    let report = judge(&ended, &deaths);
    tell(&format!("SIGTERM: {report}"));
    assert_eq!(report.repeated, 0, "a stop waits for what is in flight and commits its outcomes");
}
