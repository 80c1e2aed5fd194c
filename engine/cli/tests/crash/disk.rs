//! Disks that fail, and disks that are slow.

use crate::home::{Home, SOURCE, endpoint};
use crate::http::read;
use crate::judge::{Death, judge};
use crate::letter::{Letter, Traits, sum};
use crate::node::Node;
use crate::place::Place;
use crate::receiver::Receiver;
use crate::scene::{Scene, drain_places};
use crate::senders::{Accepted, Sent};
use crate::trace::Tracer;
use crate::{rounds, seed, tell};
use event::Rng;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

#[test]
fn a_failed_sync_ends_the_process_with_5_and_loses_nothing() {
    let (rounds, mut rng) = (rounds(3) as u32, Rng::seeded(seed()));
    let scene = Scene::start();
    let mut deaths = Vec::new();
    for life in 1..=rounds {
        scene.receiver.turn(life);
        let (node, addr) = Node::start(&scene.home).listening();
        let pid = node.pid().to_string();
        let inject = format!("inject=fdatasync:error=EIO:when={}", rng.range(1..300));
        let trace = ["-f", "-p", &pid, "-o", "/dev/null", "-e", "trace=fdatasync", "-e", &inject];
        let tracer = Tracer::attach(&trace);
        scene.senders.send_to(life, addr);
        let ended = node.ended();
        let at = Instant::now();
        drop(tracer);
        assert_eq!(ended.code, Some(5), "{}", ended.said);
        assert!(ended.said.contains("disk failure"), "{}", ended.said);
        let open = scene.receiver.open();
        deaths.push(Death { life, at, open, listening: None, first: None });
    }
    let report = judge(&scene.end(rounds + 1), &deaths);
    tell(&format!("{rounds} syncs that failed, each exit 5: {report}"));
}

/// So large that a few fill what may wait for the disk.
fn large(n: u64) -> Letter {
    let body = format!("{{\"n\":{n},\"pad\":\"{}\"}}", "x".repeat(8 << 20)).into_bytes();
    let traits = Traits { is_push: false, is_main: false, is_chosen: false, is_refused: false };
    Letter { key: format!("large-{n}"), sum: sum(&body), body: body.into(), traits }
}

#[test]
fn a_disk_that_does_not_keep_up_refuses_with_503_and_loses_nothing() {
    let receiver = Receiver::start();
    let endpoint = endpoint(Place::Healthy, receiver.addr());
    let home = Home::with(&format!("[ingest]\nmax_body = \"25MiB\"\n{SOURCE}{endpoint}"));
    let (node, addr) = Node::start(&home).listening();
    let pid = node.pid().to_string();
    // One sync takes until all have come; the rest is as quick as the disk is.
    let inject = "inject=fdatasync:delay_enter=5000000:when=1";
    let trace = ["-f", "-p", &pid, "-o", "/dev/null", "-e", "trace=fdatasync", "-e", inject];
    let tracer = Tracer::attach(&trace);
    let before = node.memory_kib("VmRSS");
    let posts = (0..16).map(|n| std::thread::spawn(move || post_patiently(addr, large(n))));
    let mut refused = 0;
    let mut sent = Vec::new();
    for post in posts.collect::<Vec<_>>() {
        let (one, refusals) = post.join().unwrap();
        refused += refusals;
        sent.push(one);
    }
    let most = node.memory_kib("VmHWM");
    tracer.detach();
    let graves = drain_healthy(addr, &receiver, &sent);
    assert_eq!(graves, 0);
    node.stop();
    tell(&format!(
        "a disk that hangs: {} of 8 MiB accepted, {refused} refused with 503 and Retry-After, 0 \
         lost; {} MiB of memory before, {} at most",
        sent.len(),
        before >> 10,
        most >> 10
    ));
    assert!(refused > 0, "what waits for the disk has no bound");
}

fn post_patiently(addr: SocketAddr, letter: Letter) -> (Sent, u64) {
    let mut refused = 0;
    loop {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.write_all(&letter.request()).unwrap();
        let answer = read(&mut stream).unwrap();
        match answer.status {
            202 => {
                let accepted = Accepted { id: answer.event_id(), at: Instant::now() };
                return (Sent { letter, broken: None, accepted: Some(accepted) }, refused);
            }
            503 => assert!(answer.has_retry_after(), "{answer:?}"),
            _ => panic!("{answer:?}"),
        }
        refused += 1;
        std::thread::park_timeout(std::time::Duration::from_millis(100));
    }
}

/// Only one endpoint is there; how many letters it was not given in the end.
fn drain_healthy(addr: SocketAddr, receiver: &Receiver, sent: &[Sent]) -> usize {
    drain_places(addr, receiver, sent, &[Place::Healthy]).len()
}

#[test]
fn a_slow_disk_makes_larger_groups_and_loses_nothing() {
    let scene = Scene::start();
    scene.receiver.turn(1);
    let (node, addr) = Node::start(&scene.home).listening();
    let pid = node.pid().to_string();
    let inject = "inject=fdatasync:delay_enter=200000";
    let trace = ["-f", "-p", &pid, "-o", "/dev/null", "-e", "trace=fdatasync", "-e", inject];
    let tracer = Tracer::attach(&trace);
    scene.senders.send_to(1, addr);
    (0..30).for_each(|_| scene.senders.wait_for_answer(1));
    let page = crate::http::get(addr, "/metrics").unwrap().body;
    let at = node.kill();
    drop(tracer);
    let deaths = [Death { life: 1, at, open: 0, listening: None, first: None }];
    let report = judge(&scene.end(2), &deaths);
    tell(&format!("syncs of 200 ms, then a kill: {report}"));
    let count = |name: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().last().unwrap().parse::<f64>().unwrap()
    };
    let (events, groups) =
        (count("forebay_commit_events_sum"), count("forebay_commit_events_count"));
    assert!(events > groups * 1.5, "{events} events in {groups} groups");
}
