//! Bytes of the data directory that are not what was written.

use crate::home::{Home, SOURCE, endpoint};
use crate::http::post;
use crate::letter::{Letter, Sum, sum};
use crate::node::Node;
use crate::place::Place;
use crate::receiver::Receiver;
use crate::senders::{Accepted, Sent};
use crate::{seed, tell};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A data directory of which nothing was delivered yet, and what was accepted into it.
struct Image {
    home: Home,
    receiver: Receiver,
    sent: Vec<Sent>,
}

impl Image {
    /// Killed after so many letters, each with `pad` more bytes.
    fn new(letters: u64, pad: usize) -> Image {
        let receiver = Receiver::start();
        let endpoint = endpoint(Place::Failing, receiver.addr());
        let home = Home::with(&format!("{SOURCE}{endpoint}"));
        receiver.turn(2);
        let (node, addr) = Node::start(&home).listening();
        let mut rng = Rng::seeded(seed());
        let mut sent = Vec::new();
        for n in 0..letters {
            let plain = Letter::new(1, n, &mut rng);
            let body = [&*plain.body, &vec![b' '; pad]].concat();
            let letter = Letter { sum: sum(&body), body: body.into(), ..plain };
            let answer = post(addr, &letter).unwrap();
            assert_eq!(answer.status, 202, "{answer:?}");
            let accepted = Some(Accepted { id: answer.event_id(), at: Instant::now() });
            sent.push(Sent { letter, broken: None, accepted });
        }
        node.kill();
        Image { home, receiver, sent }
    }

    fn files(&self, is_meant: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.home.data().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if is_meant(&path) {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }

    fn ids(&self) -> BTreeMap<String, Sum> {
        let of = |sent: &Sent| (sent.accepted.as_ref().unwrap().id.clone(), sent.letter.sum);
        self.sent.iter().map(of).collect()
    }
}

/// How a start over a damaged file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    /// Everything that was accepted is delivered.
    Whole,
    /// Exit 3, the file and the last intact offset are named; every intact record is salvaged.
    Refused,
    /// It runs without an event that it tells of; the others flow.
    Told,
}

impl Image {
    /// A start over a copy in which `path` is what `change` makes of it.
    fn start_over(&self, path: &Path, change: impl Fn(&mut Vec<u8>)) -> Ending {
        let copy = tempfile::tempdir().unwrap();
        copy_dir(self.home.data(), copy.path());
        let damaged = copy.path().join(path.strip_prefix(self.home.data()).unwrap());
        let mut bytes = std::fs::read(&damaged).unwrap();
        change(&mut bytes);
        std::fs::write(&damaged, bytes).unwrap();
        let text = std::fs::read_to_string(self.home.path().join("forebay.toml")).unwrap();
        let home = Home::with(&text).at(copy.path().to_owned());
        self.receiver.turn_well(3);
        let before = self.receiver.seen().len();
        match Node::start(&home).try_listening() {
            Err(ended) => {
                assert_eq!(ended.code, Some(3), "{path:?}: {ended:?}");
                let names_a_file = ended.said.contains(copy.path().to_str().unwrap())
                    && ended.said.contains("the last intact event is");
                assert!(names_a_file, "{}", ended.said);
                self.check_salvage(&home);
                Ending::Refused
            }
            Ok((node, addr)) => self.check_delivery(node, addr, before),
        }
    }

    /// At most the one record that the damage lies in is missing.
    fn check_salvage(&self, home: &Home) {
        let ids = self.ids();
        let salvaged = home.salvage("salvaged.ndjson").unwrap();
        let mut found = BTreeSet::new();
        for event in &salvaged {
            let id = event["id"].as_str().unwrap();
            let body = STANDARD.decode(event["data_base64"].as_str().unwrap()).unwrap();
            assert_eq!(ids.get(id), Some(&sum(&body)), "{id} is not what was sent");
            found.insert(id.to_owned());
        }
        assert!(found.len() + 1 >= ids.len(), "{} of {} salvaged", found.len(), ids.len());
    }

    /// `before`: what was seen before it started.
    fn check_delivery(&self, node: Node, addr: SocketAddr, before: usize) -> Ending {
        // A node that runs has either everything, or has said what it lacks.
        let missing = self.undelivered(addr, before);
        if missing.is_empty() {
            node.kill();
            return Ending::Whole;
        }
        node.signal("-TERM");
        let said = node.ended().said;
        assert!(said.contains("damaged"), "a silent loss: {missing:?}: {said}");
        assert_eq!(missing.len(), 1, "{missing:?}: {said}");
        Ending::Told
    }

    /// Of this image, since `before`, once nothing is under way any more.
    fn undelivered(&self, addr: SocketAddr, before: usize) -> Vec<String> {
        let mut quiet = Instant::now();
        let mut progress = 0;
        loop {
            let seen = self.receiver.seen();
            let came = seen[before..].iter().filter(|seen| seen.status < 300);
            let came: BTreeSet<_> = came.map(|seen| (seen.id.clone(), seen.sum)).collect();
            let missing = self.ids().into_iter().filter(|pair| !came.contains(pair));
            let missing: Vec<_> = missing.map(|(id, _)| id).collect();
            if missing.is_empty() {
                return missing;
            }
            if came.len() != progress {
                (progress, quiet) = (came.len(), Instant::now());
            }
            let is_idle = crate::http::metric(addr, "forebay_lane_lag_events") == Some(0.0)
                && crate::http::metric(addr, "forebay_retries_scheduled") == Some(0.0);
            if is_idle && quiet.elapsed().as_secs() > 2 || quiet.elapsed().as_secs() > 30 {
                return missing;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(10));
        }
    }
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else if entry.file_name() != "BALLAST" {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

fn tally(what: &str, endings: impl Iterator<Item = Ending>) -> BTreeMap<Ending, u64> {
    let mut counts = BTreeMap::new();
    endings.for_each(|ending| *counts.entry(ending).or_default() += 1);
    tell(&format!("{what}: {counts:?}"));
    counts
}

fn flips(count: u64) -> u64 {
    crate::number("FOREBAY_CRASH_ROUNDS").map_or(count, |rounds| rounds.max(count))
}

#[test]
fn a_flipped_byte_in_the_journal_is_refused_or_harmless_and_all_is_salvaged() {
    let image = Image::new(60, 0);
    let journals = image.files(|path| path.extension().is_some_and(|ext| ext == "jnl"));
    let [journal] = &journals[..] else { panic!("{journals:?}") };
    let bytes = std::fs::read(journal).unwrap();
    let written = bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64;
    let mut rng = Rng::seeded(seed());
    let endings = (0..flips(12)).map(|_| {
        let (at, bit) = (rng.range(0..written) as usize, rng.range(0..8));
        image.start_over(journal, |bytes| bytes[at] ^= 1 << bit)
    });
    let counts = tally("one bit of the journal flipped", endings);
    assert!(counts.contains_key(&Ending::Refused), "the flips have to be seen at all");
}

#[test]
fn damage_of_head_alone_loses_nothing() {
    let image = Image::new(30, 0);
    let head = image.home.data().join("HEAD");
    let endings = [
        image.start_over(&head, |bytes| bytes[20] ^= 1),
        image.start_over(&head, |bytes| bytes[4096 + 20] ^= 1),
        image.start_over(&head, |bytes| bytes.fill(0)),
        image.start_over(&head, |bytes| bytes.fill(0xa5)),
        image.start_over(&head, |bytes| bytes.truncate(100)),
        image.start_over(&head, Vec::clear),
    ];
    let counts = tally("HEAD damaged", endings.into_iter());
    assert_eq!(counts.len(), 1, "the journal has everything: {counts:?}");
    assert!(counts.contains_key(&Ending::Whole));
}
