use crate::demo::endpoints::{ENDPOINTS, Fate};
use crate::demo::payload::Payload;
use crate::demo::tally::{AtEndpoint, Kept, Tally};
use event::EventId;
use serde::Serialize;
use std::collections::BTreeMap;

/// What every event owes every endpoint, by our own reckoning.
pub struct Owed {
    /// By payload, then by endpoint.
    fates: Vec<Vec<Fate>>,
    pub events: usize,
    pub arrivals: Vec<usize>,
    pub dropped: Vec<usize>,
    pub dead: Vec<usize>,
}

impl Owed {
    /// `sent` names the payload of each event that is to be.
    pub fn new(payloads: &[Payload], sent: impl Iterator<Item = usize>) -> Owed {
        let of_payload = |payload| ENDPOINTS.iter().map(|e| e.fate(payload)).collect();
        let none = vec![0; ENDPOINTS.len()];
        let mut owed = Owed {
            fates: payloads.iter().map(of_payload).collect(),
            events: 0,
            arrivals: none.clone(),
            dropped: none.clone(),
            dead: none,
        };
        for payload in sent {
            owed.events += 1;
            for (n, fate) in owed.fates[payload].iter().enumerate() {
                match fate {
                    Fate::NotOwed => {}
                    Fate::Dropped => owed.dropped[n] += 1,
                    Fate::Dead(_) => owed.dead[n] += 1,
                    Fate::Same | Fate::Changed(_) | Fate::ChangedSomehow => owed.arrivals[n] += 1,
                }
            }
        }
        owed
    }
}

/// A dead letter, as the engine's log has it.
pub struct DeadLetter {
    /// Its place among the endpoints.
    pub endpoint: usize,
    pub id: EventId,
    pub reason: String,
    pub attempts: u32,
}

/// What is not as it should be. All zero: the demo has shown what it is to show.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    pub lost: usize,
    pub duplicated: usize,
    pub bad_signatures: usize,
    pub wrong_bodies: usize,
    /// Arrived where it was not owed.
    pub unexpected: usize,
    /// Missing among the dead letters, or there without need, or for another reason.
    pub wrong_dead_letters: usize,
    /// The first of each kind, and what no count shows.
    pub problems: Vec<String>,
}

const PROBLEMS_MAX: usize = 20;

impl Audit {
    pub fn of(tally: &Tally, owed: &Owed, dead: &[DeadLetter]) -> Audit {
        let mut audit = Audit::default();
        for fault in &tally.faults {
            audit.note(fault.clone());
        }
        for (n, endpoint) in tally.endpoints.iter().enumerate() {
            audit.endpoint(n, endpoint, tally, owed, dead);
        }
        if tally.events.len() != owed.events {
            let (have, want) = (tally.events.len(), owed.events);
            audit.note(format!("{have} events were accepted of {want}"));
        }
        let counted: usize = tally.providers.iter().map(|provider| provider.events).sum();
        if counted != tally.events.len() {
            let known = tally.events.len();
            audit.note(format!("{counted} answers say that the event is new, of {known} events"));
        }
        audit
    }

    pub fn is_clean(&self) -> bool {
        *self == Audit::default()
    }

    fn endpoint(
        &mut self,
        n: usize,
        endpoint: &AtEndpoint,
        tally: &Tally,
        owed: &Owed,
        dead: &[DeadLetter],
    ) {
        let name = ENDPOINTS[n].name;
        let of_endpoint = dead.iter().filter(|letter| letter.endpoint == n);
        let mut letters: BTreeMap<EventId, &DeadLetter> =
            of_endpoint.map(|letter| (letter.id, letter)).collect();
        for (id, known) in &tally.events {
            let fate = owed.fates[known.payload][n];
            let letter = letters.remove(id);
            let kept = endpoint.kept.get(id);
            self.event(&format!("{name}: {id}"), fate, kept, known.digest, letter);
        }
        for id in endpoint.kept.keys().filter(|id| !tally.events.contains_key(id)) {
            self.unexpected += 1;
            self.note(format!("{name}: {id} arrived, which nobody sent"));
        }
        for id in letters.keys() {
            self.wrong_dead_letters += 1;
            self.note(format!("{name}: {id} is a dead letter, which nobody sent"));
        }
        if endpoint.unsigned > 0 {
            self.bad_signatures += endpoint.unsigned;
            self.note(format!("{name}: {} requests with a bad signature", endpoint.unsigned));
        }
    }

    fn event(
        &mut self,
        what: &str,
        fate: Fate,
        kept: Option<&Kept>,
        sent: [u8; 32],
        letter: Option<&DeadLetter>,
    ) {
        let digest = match fate {
            Fate::Same => Some(sent),
            Fate::Changed(digest) => Some(digest),
            Fate::NotOwed | Fate::Dropped | Fate::ChangedSomehow | Fate::Dead(_) => None,
        };
        let is_owed = digest.is_some() || fate == Fate::ChangedSomehow;
        match kept {
            None if is_owed => {
                self.lost += 1;
                self.note(format!("{what} never arrived"));
            }
            Some(_) if !is_owed => {
                self.unexpected += 1;
                self.note(format!("{what} arrived, which it should not have"));
            }
            Some(kept) => {
                if kept.times > 1 {
                    self.duplicated += 1;
                    self.note(format!("{what} arrived {} times", kept.times));
                }
                if digest.is_some_and(|digest| digest != kept.digest) {
                    self.wrong_bodies += 1;
                    self.note(format!("{what} arrived with another body"));
                }
            }
            None => {}
        }
        self.dead_letter(what, fate, letter);
    }

    fn dead_letter(&mut self, what: &str, fate: Fate, letter: Option<&DeadLetter>) {
        let problem = match (fate, letter) {
            (Fate::Dead(words), Some(letter)) if letter.reason.contains(words) => return,
            (Fate::Dead(_), None) => format!("{what} is missing among the dead letters"),
            (_, Some(letter)) => format!("{what} is a dead letter: {}", letter.reason),
            (_, None) => return,
        };
        self.wrong_dead_letters += 1;
        self.note(problem);
    }

    fn note(&mut self, problem: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }
}
