//! A node with six endpoints, of which one alone is well, and what becomes of it all in the end.

use crate::home::Home;
use crate::http::{get, metric};
use crate::judge::{Death, Ended, Grave};
use crate::letter::sum;
use crate::node::Node;
use crate::place::Place;
use crate::receiver::Receiver;
use crate::senders::{Senders, Sent};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub struct Scene {
    pub home: Home,
    pub receiver: Receiver,
    pub senders: Senders,
}

impl Scene {
    pub fn start() -> Scene {
        let receiver = Receiver::start();
        Scene { home: Home::new(receiver.addr()), receiver, senders: Senders::start() }
    }

    /// One life of the node: until so many answers, and a pause, have passed.
    pub fn live(&self, life: u32, goal: u64, pause: Duration, end: fn(Node) -> Instant) -> Death {
        self.receiver.turn(life);
        let born = Instant::now();
        let node = Node::start(&self.home);
        if goal == 0 {
            std::thread::sleep(pause * 10);
            let open = self.receiver.open();
            return Death { life, at: end(node), open, listening: None, first: None };
        }
        let (node, addr) = node.listening();
        let (listening, mut first) = (Some(born.elapsed()), None);
        self.senders.send_to(life, addr);
        for _ in 0..goal {
            self.senders.wait_for_answer(life);
            first.get_or_insert_with(|| born.elapsed());
        }
        std::thread::sleep(pause);
        let open = self.receiver.open();
        Death { life, at: end(node), open, listening, first }
    }

    /// A last life, in which nothing fails any more: everything that was begun must end.
    pub fn end(self, life: u32) -> Ended {
        self.receiver.turn_well(life);
        let start = Instant::now();
        let (node, addr) = Node::start(&self.home).listening();
        let sent = self.senders.finish(life, addr);
        let dead = drain(addr, &self.receiver, &sent);
        let drained_in = start.elapsed();
        node.stop();
        Ended { sent, seen: self.receiver.stop(), dead, drained_in }
    }
}

/// Until nothing is owed any more, by the node's word and by the sender's list. Without any
/// progress this is a loss, or a hang. Gives the dead letters.
pub fn drain(addr: SocketAddr, receiver: &Receiver, sent: &[Sent]) -> Vec<Grave> {
    drain_places(addr, receiver, sent, &Place::ALL)
}

/// As `drain`, where not all places are endpoints.
pub fn drain_places(
    addr: SocketAddr,
    receiver: &Receiver,
    sent: &[Sent],
    places: &[Place],
) -> Vec<Grave> {
    let mut since = Instant::now();
    let mut progress = (0, 0);
    loop {
        let seen = receiver.seen();
        let answered = seen.iter().filter(|seen| seen.status < 300);
        let ended: BTreeSet<_> = answered.map(|seen| (seen.place, seen.id.as_str())).collect();
        let owed = owed(sent).filter(|key| places.contains(&key.0) && !ended.contains(key));
        let owed: BTreeSet<_> = owed.collect();
        let is_idle = is_idle(addr);
        let dead = if is_idle { dead_letters(addr) } else { Vec::new() };
        let is_dead = |(place, id): &(Place, &str)| {
            dead.iter().any(|grave| grave.place == *place && grave.id == *id)
        };
        if is_idle && owed.iter().all(is_dead) {
            return dead;
        }
        if progress != (seen.len(), owed.len()) {
            (progress, since) = ((seen.len(), owed.len()), Instant::now());
        }
        let few: Vec<_> = owed.iter().take(20).collect();
        let is_moving = since.elapsed() < Duration::from_secs(30);
        assert!(is_moving, "{} are owed, idle: {is_idle}: {few:?}", owed.len());
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Every place and event of which its sender was told that it would come there.
fn owed(sent: &[Sent]) -> impl Iterator<Item = (Place, &str)> {
    sent.iter().flat_map(|sent| {
        let places = Place::ALL.into_iter().filter(|place| place.wants(sent.letter.traits));
        let id = sent.accepted.as_ref().map(|accepted| accepted.id.as_str());
        places.zip(std::iter::repeat(id)).filter_map(|(place, id)| Some((place, id?)))
    })
}

/// Whether the node knows of nothing to do.
fn is_idle(addr: SocketAddr) -> bool {
    ["forebay_lane_lag_events", "forebay_retries_scheduled"]
        .iter()
        .all(|name| metric(addr, name) == Some(0.0))
}

fn dead_letters(addr: SocketAddr) -> Vec<Grave> {
    let mut graves = Vec::new();
    let mut page = "/v1/dead-letter/?limit=250".to_owned();
    loop {
        let list = get(addr, &page).unwrap().json();
        for letter in list["data"].as_array().unwrap() {
            let text = |name: &str| letter[name].as_str().unwrap().to_owned();
            let path = format!("/v1/dead-letter/{}", text("id"));
            let whole = get(addr, &path).unwrap().json();
            let body = STANDARD.decode(whole["bodyBase64"].as_str().unwrap()).unwrap();
            let place = Place::named(&text("endpoint"));
            graves.push(Grave { place, id: text("eventId"), sum: sum(&body) });
        }
        if list["done"] == true {
            return graves;
        }
        let next = list["iterator"].as_str().unwrap();
        page = format!("/v1/dead-letter/?limit=250&iterator={next}");
    }
}
