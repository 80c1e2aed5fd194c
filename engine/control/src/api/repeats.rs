use crate::reply::Secret;
use bytes::Bytes;
use event::Time;
use hyper::Response;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Answers by `Idempotency-Key`, in memory: a restart forgets them.
#[derive(Default)]
pub(crate) struct Repeats {
    known: BTreeMap<RepeatKey, Entry>,
    /// The answered ones, in the order of their time.
    order: VecDeque<(Time, RepeatKey)>,
    bytes: usize,
}

/// Of one request of one sender for one operation.
pub(crate) type RepeatKey = [u8; 32];

struct Entry {
    request: [u8; 32],
    state: State,
}

enum State {
    Running,
    Answered(Response<Bytes>),
    /// The answer showed a secret.
    Told,
}

/// What is known of a request with an `Idempotency-Key`.
pub(crate) enum Begun {
    /// It is the first, and has to be ended by this.
    First(RepeatKey),
    /// What the first one was answered.
    Answered(Box<Response<Bytes>>),
    Running,
    Told,
    OtherRequest,
}

const KEPT: Duration = Duration::from_secs(12 * 3600);
const ANSWERS_MAX: usize = 10_000;
const BYTES_MAX: usize = 16 << 20;
/// Larger answers are given once.
const ANSWER_BYTES_MAX: usize = 256 << 10;
/// Of an entry beside its body, about.
const ENTRY_BYTES: usize = 512;

impl Repeats {
    /// `whose` says who asked for which operation, `request` what was asked for.
    pub fn begin(&mut self, whose: &[&str], key: &[u8], request: &[&[u8]], now: Time) -> Begun {
        self.forget(now);
        let whose = whose.iter().map(|part| part.as_bytes());
        let key = digest(whose.chain([key]));
        let request = digest(request.iter().copied());
        match self.known.get(&key) {
            None => {
                self.known.insert(key, Entry { request, state: State::Running });
                Begun::First(key)
            }
            Some(entry) if entry.request != request => Begun::OtherRequest,
            Some(entry) => match &entry.state {
                State::Answered(answer) => Begun::Answered(Box::new(answer.clone())),
                State::Running => Begun::Running,
                State::Told => Begun::Told,
            },
        }
    }

    /// Keeps what a change that was made was answered. What failed may be tried again.
    pub fn end(&mut self, key: RepeatKey, answer: &Response<Bytes>, now: Time) {
        let state = ended(answer);
        let (Some(entry), Some(state)) = (self.known.get_mut(&key), state) else {
            self.known.remove(&key);
            return;
        };
        self.bytes += state.bytes();
        entry.state = state;
        self.order.push_back((now, key));
        self.forget(now);
    }

    /// What was begun came to nothing.
    pub fn abandon(&mut self, key: RepeatKey) {
        self.known.remove(&key);
    }

    fn forget(&mut self, now: Time) {
        while let Some(&(at, key)) = self.order.front() {
            let is_full = self.order.len() > ANSWERS_MAX || self.bytes > BYTES_MAX;
            if !is_full && now.since(at) < KEPT {
                return;
            }
            self.order.pop_front();
            self.bytes -= self.known.remove(&key).map_or(0, |entry| entry.state.bytes());
        }
    }
}

impl State {
    fn bytes(&self) -> usize {
        match self {
            State::Answered(answer) => answer.body().len() + ENTRY_BYTES,
            State::Running | State::Told => ENTRY_BYTES,
        }
    }
}

/// What is kept of an answer; None: the next request is a first one again.
fn ended(answer: &Response<Bytes>) -> Option<State> {
    let is_kept = answer.status().is_success() && answer.body().len() <= ANSWER_BYTES_MAX;
    match answer.extensions().get() {
        _ if !is_kept => None,
        Some(Secret::Told) => Some(State::Told),
        Some(Secret::Anew) => None,
        None => Some(State::Answered(answer.clone())),
    }
}

/// Of the parts, each with its length in front, so that none can pass for two.
fn digest<'a>(parts: impl Iterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::{answer, empty, with_secret};

    const NOW: Time = Time::from_secs(1_000_000);

    fn begin(repeats: &mut Repeats, key: &str, body: &str, now: Time) -> Begun {
        repeats.begin(&["me", "v1.thing.create"], key.as_bytes(), &[body.as_bytes()], now)
    }

    fn first(repeats: &mut Repeats, key: &str, now: Time) -> RepeatKey {
        match begin(repeats, key, "{}", now) {
            Begun::First(key) => key,
            _ => panic!("{key} is known"),
        }
    }

    #[test]
    fn a_repeat_gets_the_answer_of_the_first() {
        let mut repeats = Repeats::default();
        let key = first(&mut repeats, "a", NOW);
        assert!(matches!(begin(&mut repeats, "a", "{}", NOW), Begun::Running));
        assert!(matches!(begin(&mut repeats, "a", "[]", NOW), Begun::OtherRequest));
        repeats.end(key, &answer(201, &"made"), NOW);
        let later = NOW + KEPT - Duration::from_secs(1);
        let Begun::Answered(again) = begin(&mut repeats, "a", "{}", later) else { panic!("new") };
        assert_eq!((again.status().as_u16(), &again.body()[..]), (201, &b"\"made\""[..]));
        assert!(matches!(begin(&mut repeats, "a", "[]", later), Begun::OtherRequest));
        first(&mut repeats, "a", NOW + KEPT);
    }

    #[test]
    fn whoever_asks_and_for_what_is_part_of_the_key() {
        let mut repeats = Repeats::default();
        first(&mut repeats, "a", NOW);
        for whose in [["you", "v1.thing.create"], ["me", "v1.thing.other"]] {
            assert!(matches!(repeats.begin(&whose, b"a", &[], NOW), Begun::First(_)));
        }
    }

    #[test]
    fn what_failed_may_be_tried_again() {
        let mut repeats = Repeats::default();
        for status in [400, 409, 422, 503] {
            let key = first(&mut repeats, "a", NOW);
            repeats.end(key, &empty(status), NOW);
        }
        assert!(repeats.known.is_empty());
    }

    #[test]
    fn a_secret_is_never_kept() {
        let mut repeats = Repeats::default();
        let shown = |secret| with_secret(answer(201, &"fbk_"), secret);
        let key = first(&mut repeats, "a", NOW);
        repeats.end(key, &shown(Secret::Told), NOW);
        assert!(matches!(begin(&mut repeats, "a", "{}", NOW), Begun::Told));
        assert!(matches!(begin(&mut repeats, "a", "[]", NOW), Begun::OtherRequest));
        let key = first(&mut repeats, "b", NOW);
        repeats.end(key, &shown(Secret::Anew), NOW);
        first(&mut repeats, "b", NOW);
        first(&mut repeats, "a", NOW + KEPT);
        assert_eq!(repeats.bytes, 0);
    }

    #[test]
    fn answers_are_bounded_and_the_oldest_goes_first() {
        let mut repeats = Repeats::default();
        let text = "x".repeat(ANSWER_BYTES_MAX - 2);
        for n in 0..200 {
            let key = first(&mut repeats, &n.to_string(), NOW);
            repeats.end(key, &answer(200, &text), NOW);
            assert!(repeats.bytes <= BYTES_MAX && repeats.known.len() == repeats.order.len());
        }
        assert!(repeats.known.len() > 50);
        first(&mut repeats, "0", NOW);
        assert!(matches!(begin(&mut repeats, "199", "{}", NOW), Begun::Answered(_)));
    }
}
