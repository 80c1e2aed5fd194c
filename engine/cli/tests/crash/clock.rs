//! Restarts with a time of day that is wrong.

use crate::home::Home;
use crate::http::post;
use crate::judge::{Death, Ended, judge};
use crate::layer::Layer;
use crate::letter::Letter;
use crate::node::{Node, PATIENCE};
use crate::place::Place;
use crate::receiver::Receiver;
use crate::scene::drain;
use crate::senders::{Accepted, Sent};
use crate::tell;
use event::Rng;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const HOUR: i64 = 3600;
const TEN_YEARS: i64 = 10 * 365 * 24 * HOUR;

struct Lives {
    home: Home,
    receiver: Receiver,
    layer: Layer,
    sent: Vec<Sent>,
    deaths: Vec<Death>,
    rng: Rng,
}

impl Lives {
    fn start(&self, life: u32, offset: i64) -> (Node, SocketAddr) {
        let mut command = self.home.serve(&[]);
        command.env("LD_PRELOAD", self.layer.path());
        command.env("CLOCK_OFFSET_SECS", offset.to_string());
        self.receiver.turn(life);
        Node::spawn(command).listening()
    }

    fn post(&mut self, addr: SocketAddr, count: u64) {
        for _ in 0..count {
            let letter = Letter::new(1, self.sent.len() as u64, &mut self.rng);
            let answer = post(addr, &letter).unwrap();
            let id = answer.event_id();
            let before = self.sent.last().and_then(|sent| sent.accepted.as_ref());
            assert!(before.is_none_or(|before| before.id < id), "ids go back: {id}");
            let accepted = Some(Accepted { id, at: Instant::now() });
            self.sent.push(Sent { letter, broken: None, accepted });
        }
    }

    /// A life in which one endpoint fails; ended once something was tried there.
    fn fail(&mut self, life: u32, offset: i64) {
        let (node, addr) = self.start(life, offset);
        self.post(addr, 20);
        let tried = || {
            let seen = self.receiver.seen();
            let failed = |seen: &&crate::receiver::Seen| {
                seen.place == Place::Failing && seen.life == life && seen.status == 503
            };
            seen.iter().filter(failed).count()
        };
        // Not more: a breaker that opens waits longer from time to time.
        wait_until("one was tried", || tried() >= 1);
        // Its retries are on disk with the next report.
        let scheduled = || crate::http::metric(addr, "forebay_retries_scheduled");
        wait_until("it waits", || scheduled() >= Some(1.0));
        let at = node.kill();
        self.deaths.push(Death { life, at, open: 0, listening: None, first: None });
    }
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "it never is so: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn a_clock_that_jumps_between_lives_neither_sticks_nor_storms() {
    let receiver = Receiver::start();
    let text = crate::home::config(receiver.addr()).replace("\"100ms\"", "\"2s\"");
    let mut lives = Lives {
        home: Home::with(&text),
        receiver,
        layer: Layer::build("cli/tests/crash/clock.c"),
        sent: Vec::new(),
        deaths: Vec::new(),
        rng: Rng::seeded(1),
    };
    lives.fail(2, TEN_YEARS);
    lives.fail(4, 0);
    lives.fail(6, -HOUR);
    let start = Instant::now();
    let (node, addr) = lives.start(7, 0);
    lives.receiver.turn_well(7);
    lives.post(addr, 20);
    let dead = drain(addr, &lives.receiver, &lives.sent);
    node.stop();
    let drained_in = start.elapsed();
    let tries = most_tries(&lives.receiver);
    let ended = Ended { sent: lives.sent, seen: lives.receiver.stop(), dead, drained_in };
    let report = judge(&ended, &lives.deaths);
    tell(&format!("clocks that jump by an hour and ten years: {report}; {tries} tries at most"));
    assert!(tries <= 6, "a delivery was tried {tries} times in lives of a moment");
}

/// How often one life tried one delivery that failed.
fn most_tries(receiver: &Receiver) -> usize {
    let mut tries = std::collections::BTreeMap::new();
    for seen in receiver.seen() {
        *tries.entry((seen.place, seen.id, seen.life)).or_insert(0) += 1;
    }
    tries.into_values().max().unwrap_or(0)
}
