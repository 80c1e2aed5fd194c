//! Power cuts: any subset of the pages that were not synced is gone.

use crate::home::Home;
use crate::http::{get, post};
use crate::judge::{Death, judge};
use crate::layer::Layer;
use crate::letter::Letter;
use crate::node::{Ended, Node, PATIENCE};
use crate::scene::Scene;
use crate::{rounds, seed, tell};
use event::Rng;
use std::process::Command;
use std::time::Instant;

const LAYER: &str = "store/tests/all/power.c";

fn until_the_cut(home: &Home, layer: &Layer, seed: u64, cut_at: u64) -> Command {
    let mut command = home.serve(&[]);
    command
        .env("LD_PRELOAD", layer.path())
        .env("POWER_CUT_AT", cut_at.to_string())
        .env("POWER_CUT_SEED", seed.to_string());
    command
}

fn assert_dark(ended: &Ended) {
    assert_eq!(ended.code, None, "the power went, so there is no exit code: {}", ended.said);
}

#[test]
fn a_power_cut_takes_nothing_that_was_answered() {
    let layer = Layer::build(LAYER);
    let (rounds, seed) = (rounds(8), seed());
    let mut rng = Rng::seeded(seed);
    let scene = Scene::start();
    let (mut deaths, mut early) = (Vec::new(), 0);
    for life in 1..=rounds as u32 {
        scene.receiver.turn(life);
        // A quarter of the cuts come while it starts or recovers.
        let cut_at = rng.range(1..if life % 4 == 1 { 60 } else { 2000 });
        let command = until_the_cut(&scene.home, &layer, rng.u64(), cut_at);
        match Node::spawn(command).try_listening() {
            Ok((node, addr)) => {
                scene.senders.send_to(life, addr);
                assert_dark(&node.ended());
            }
            Err(ended) => {
                assert_dark(&ended);
                early += 1;
            }
        }
        let (at, open) = (Instant::now(), scene.receiver.open());
        deaths.push(Death { life, at, open, listening: None, first: None });
    }
    let ended = scene.end(rounds as u32 + 1);
    let report = judge(&ended, &deaths);
    tell(&format!(
        "{rounds} power cuts, {early} of them before it listened, seed {seed}: {report}"
    ));
}

/// Answered after the write alone: a cut may take the end of what was answered, and nothing else.
#[test]
fn without_syncs_a_power_cut_takes_a_suffix_alone() {
    let layer = Layer::build(LAYER);
    let (rounds, mut rng) = (rounds(4), Rng::seeded(seed()));
    let (mut answered, mut lost, mut losses) = (0, 0, 0);
    for round in 0..rounds {
        let home = Home::with(&format!("[log]\ndurability = \"os\"\n{}", crate::home::SOURCE));
        let cut_at = rng.range(300..900);
        let command = until_the_cut(&home, &layer, rng.u64(), cut_at);
        let (node, addr) = match Node::spawn(command).try_listening() {
            Ok(listening) => listening,
            // A slow start has more to write: this cut came before anybody could be answered.
            Err(ended) => {
                assert_dark(&ended);
                Node::start(&home).listening().0.stop();
                continue;
            }
        };
        let mut ids = Vec::new();
        for n in 0.. {
            let letter = Letter::new(1, n, &mut rng);
            let Ok(answer) = post(addr, &letter) else { break };
            assert_eq!(answer.status, 202, "{answer:?}");
            ids.push(answer.event_id());
        }
        assert_dark(&node.ended());
        let (node, addr) = Node::start(&home).listening();
        let is_known = |id: &String| {
            let until = Instant::now() + PATIENCE;
            loop {
                match get(addr, &format!("/v1/explain/{id}")).unwrap() {
                    answer if answer.status == 200 => return true,
                    answer if answer.status == 404 => return false,
                    // The reading before may not have given its place back yet.
                    answer if answer.status == 503 && Instant::now() < until => {}
                    answer => panic!("{answer:?}"),
                }
            }
        };
        let known: Vec<bool> = ids.iter().map(is_known).collect();
        let kept = known.iter().take_while(|known| **known).count();
        let is_suffix = known[kept..].iter().all(|known| !known);
        assert!(is_suffix, "round {round}: more than an end is gone: {known:?}");
        answered += ids.len();
        lost += ids.len() - kept;
        losses += u64::from(kept < ids.len());
        node.stop();
    }
    tell(&format!(
        "{rounds} power cuts without syncs: {answered} events answered; {losses} took an end, \
         {lost} events in all"
    ));
    assert!(losses > 0, "the layer drops nothing, so it could not find a missing sync either");
}
