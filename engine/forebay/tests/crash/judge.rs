//! The sender's own list is the truth: every letter that was answered is looked for.

use crate::letter::Sum;
use crate::place::Place;
use crate::receiver::Seen;
use crate::senders::Sent;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

/// All that was sent, all that came, and all that was given up.
pub struct Ended {
    pub sent: Vec<Sent>,
    pub seen: Vec<Seen>,
    pub dead: Vec<Grave>,
    /// From the last start to the end of all work.
    pub drained_in: Duration,
}

/// A dead letter.
pub struct Grave {
    pub place: Place,
    /// Of the event.
    pub id: String,
    pub sum: Sum,
}

/// How one life ended.
pub struct Death {
    pub life: u32,
    pub at: Instant,
    /// Requests that the receiver had not answered just before.
    pub open: usize,
    /// From the start of the process.
    pub listening: Option<Duration>,
    pub first: Option<Duration>,
}

pub struct Report {
    accepted: usize,
    unanswered: usize,
    delivered: usize,
    dead: usize,
    pub repeated: usize,
    /// How long before its life's end the oldest delivery was answered that came again.
    pub oldest_repeat: Duration,
    /// One each for a life: requests open at the receiver, posts that broke off, deliveries that
    /// were owed, deliveries that came again.
    open: Vec<u128>,
    broken: Vec<u128>,
    owed: Vec<u128>,
    pub repeats: Vec<u128>,
    listening: Vec<u128>,
    first: Vec<u128>,
    drained_in: Duration,
}

/// The 2xx answers that one endpoint gave to one event.
type Answers = BTreeMap<(Place, String), Vec<(u32, Instant)>>;

/// Panics on anything lost, changed, made up, sent where it is not wanted, or sent twice by one
/// and the same life.
pub fn judge(ended: &Ended, deaths: &[Death]) -> Report {
    let letters: BTreeMap<Sum, &Sent> = ended.sent.iter().map(|s| (s.letter.sum, s)).collect();
    let answers = all_answers(ended, &letters);
    let mut dead = BTreeSet::new();
    for Grave { place, id, sum } in &ended.dead {
        let letter = letters.get(sum).expect("a dead letter has the bytes of its event");
        assert!(place.wants(letter.letter.traits), "{place:?} was never owed {id}");
        dead.insert((*place, id.clone()));
    }
    let mut lost = Vec::new();
    for sent in &ended.sent {
        let Some(accepted) = &sent.accepted else { continue };
        for place in Place::ALL.into_iter().filter(|place| place.wants(sent.letter.traits)) {
            let key = (place, accepted.id.clone());
            if !answers.contains_key(&key) && !dead.contains(&key) {
                lost.push(key);
            }
        }
    }
    assert!(lost.is_empty(), "{} lost: {:?}", lost.len(), &lost[..lost.len().min(20)]);
    report(ended, deaths, &answers, dead.len())
}

fn all_answers(ended: &Ended, letters: &BTreeMap<Sum, &Sent>) -> Answers {
    let mut answers = Answers::new();
    let mut ids: BTreeMap<Sum, &str> = BTreeMap::new();
    for seen in &ended.seen {
        let (place, id) = (seen.place, &seen.id);
        let sent = letters.get(&seen.sum);
        let sent = sent.unwrap_or_else(|| panic!("{id} at {place:?} has bytes that nobody sent"));
        assert!(place.wants(sent.letter.traits), "{place:?} does not want {id}");
        let known = *ids.entry(seen.sum).or_insert(id);
        assert_eq!(known, id, "one letter became two events");
        if let Some(accepted) = &sent.accepted {
            assert_eq!(accepted.id, *id, "the sender was told another id");
        }
        if seen.status < 300 {
            let answered = answers.entry((place, id.clone())).or_default();
            let is_new = answered.iter().all(|(life, _)| *life != seen.life);
            assert!(is_new, "life {} sent {id} to {place:?} twice", seen.life);
            answered.push((seen.life, seen.at));
        }
    }
    answers
}

fn report(ended: &Ended, deaths: &[Death], answers: &Answers, dead: usize) -> Report {
    let mut repeats: BTreeMap<u32, u128> = deaths.iter().map(|death| (death.life, 0)).collect();
    let mut oldest = Duration::ZERO;
    for answered in answers.values() {
        // All but the last were forgotten, by the end of the life that they came from.
        for (life, at) in &answered[..answered.len() - 1] {
            *repeats.entry(*life).or_default() += 1;
            let death = deaths.iter().find(|death| death.life == *life);
            let death = death.expect("the last life forgets nothing");
            oldest = oldest.max(death.at.saturating_duration_since(*at));
        }
    }
    let accepted = ended.sent.iter().filter(|sent| sent.accepted.is_some()).count();
    let broken = |life| ended.sent.iter().filter(|sent| sent.broken == Some(life)).count() as u128;
    Report {
        accepted,
        unanswered: ended.sent.len() - accepted,
        delivered: answers.len(),
        dead,
        repeated: repeats.values().sum::<u128>() as usize,
        oldest_repeat: oldest,
        open: deaths.iter().map(|death| death.open as u128).collect(),
        broken: deaths.iter().map(|death| broken(death.life)).collect(),
        owed: deaths.iter().map(|death| owed_at(death.at, ended, answers)).collect(),
        repeats: repeats.into_values().collect(),
        listening: millis(deaths.iter().filter_map(|death| death.listening)),
        first: millis(deaths.iter().filter_map(|death| death.first)),
        drained_in: ended.drained_in,
    }
}

fn owed_at(time: Instant, ended: &Ended, answers: &Answers) -> u128 {
    let mut owed = 0;
    for sent in &ended.sent {
        let Some(accepted) = sent.accepted.as_ref().filter(|told| told.at < time) else { continue };
        for place in Place::ALL.into_iter().filter(|place| place.wants(sent.letter.traits)) {
            let answered = answers.get(&(place, accepted.id.clone()));
            owed += u128::from(answered.is_some_and(|answered| answered[0].1 > time));
        }
    }
    owed
}

fn millis(spans: impl Iterator<Item = Duration>) -> Vec<u128> {
    spans.map(|span| span.as_millis()).collect()
}

/// `median, at most`
fn spread(numbers: &[u128]) -> String {
    let mut sorted = numbers.to_vec();
    sorted.sort();
    let Some(most) = sorted.last() else { return "none".into() };
    format!("{} (at most {most})", sorted[sorted.len() / 2])
}

fn some(numbers: &[u128]) -> usize {
    numbers.iter().filter(|number| **number > 0).count()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} lives; {} events answered, {} not; {} deliveries, {} dead letters, 0 lost",
            self.open.len(),
            self.accepted,
            self.unanswered,
            self.delivered,
            self.dead
        )?;
        writeln!(
            f,
            "  lives that ended with work: {} with requests open, {} with posts broken off, \
             {} owing deliveries: {}",
            some(&self.open),
            some(&self.broken),
            some(&self.owed),
            spread(&self.owed)
        )?;
        writeln!(
            f,
            "  came again: {}, a life {}; answered at most {} ms before the end",
            self.repeated,
            spread(&self.repeats),
            self.oldest_repeat.as_millis()
        )?;
        write!(
            f,
            "  start to listening {} ms, to the first answer {} ms; the last drained in {} ms",
            spread(&self.listening),
            spread(&self.first),
            self.drained_in.as_millis()
        )
    }
}
