//! More connections than the process has descriptors for.

use crate::home::{Home, SOURCE, endpoint};
use crate::http::{get, post, read};
use crate::letter::{Letter, Traits, sum};
use crate::node::{Node, PATIENCE};
use crate::place::Place;
use crate::receiver::Receiver;
use crate::scene::drain_places;
use crate::senders::{Accepted, Sent};
use crate::tell;
use event::Rng;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 500;

/// A letter of half a mebibyte: forty of them make the store open files of its own.
fn large(n: u64) -> Letter {
    let body = format!("{{\"n\":{n},\"pad\":\"{}\"}}", "x".repeat(512 << 10)).into_bytes();
    let traits = Traits { is_push: false, is_main: false, is_chosen: false, is_refused: false };
    Letter { key: format!("large-{n}"), sum: sum(&body), body: body.into(), traits }
}

fn accepted(letter: Letter, answer: &crate::http::Answer) -> Sent {
    assert_eq!(answer.status, 202, "{answer:?}");
    let accepted = Some(Accepted { id: answer.event_id(), at: Instant::now() });
    Sent { letter, broken: None, accepted }
}

/// A connection that the server has taken.
fn taken(addr: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    assert_eq!(read(&mut stream).unwrap().status, 200);
    stream
}

#[test]
fn without_descriptors_it_neither_spins_nor_dies_nor_loses() {
    let receiver = Receiver::start();
    receiver.turn(1);
    let endpoint = endpoint(Place::Healthy, receiver.addr());
    let home = Home::with(&format!("{SOURCE}{endpoint}"));
    let (node, addr) = Node::spawn(home.serve(&["prlimit", "--nofile=64"])).listening();
    let mut sender = taken(addr);
    let crowd: Vec<_> = (0..CONNECTIONS).map(|_| TcpStream::connect(addr).unwrap()).collect();

    // One that is in may send, and what it sends makes tables and journals of the store's own.
    let (mut sent, mut refused) = (Vec::new(), 0);
    for n in 0..150 {
        let letter = large(n);
        let answer = loop {
            sender.write_all(&letter.request()).unwrap();
            let answer = read(&mut sender).unwrap();
            if answer.status != 503 {
                break answer;
            }
            refused += 1;
            assert!(refused < 100 && answer.has_retry_after(), "letter {n}: {answer:?}");
            std::thread::park_timeout(Duration::from_millis(200));
        };
        sent.push(accepted(letter, &answer));
    }
    let before = (node.cpu_ticks(), Instant::now());
    std::thread::sleep(Duration::from_secs(2));
    let ticks = node.cpu_ticks() - before.0;
    let share = ticks as f64 / 100.0 / before.1.elapsed().as_secs_f64();
    assert!(share < 0.5, "it spins: {share:.2} of a core");

    drop(crowd);
    let letter = Letter::new(1, 1, &mut Rng::seeded(1));
    let answer = post(addr, &letter).unwrap();
    sent.push(accepted(letter, &answer));
    assert_eq!(get(addr, "/readyz").unwrap().status, 200);
    drain_places(addr, &receiver, &sent, &[Place::Healthy]);
    node.stop();
    tell(&format!(
        "{CONNECTIONS} connections with 64 descriptors: {share:.2} of a core while they waited, {} \
         events of 0.5 MiB accepted meanwhile and delivered, {refused} refused with 503, 0 lost",
        sent.len()
    ));
}
