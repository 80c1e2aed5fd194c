use crate::dice::Dice;
use bytes::Bytes;
use condition::{Condition, ParsedBody};
use event::{Event, EventId, Verdict};
use pipeline::Question;
use registry::{Chain, ChainId, FilterVersion};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What a chain makes of an event in the end, however often it asks to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Delivered as these bodies.
    Outputs(Vec<Bytes>),
    Dropped,
    /// To the dead letters.
    Dead,
    /// The endpoint is paused before it.
    Stopped,
}

/// Verdicts follow from the filter's configuration and the event's number alone, so that a
/// checker can say them again. A configuration reads `"<kind> <modulus> v<version>"`.
pub fn fate(chain: Option<&Chain>, event: &Event) -> Fate {
    match chain {
        None => Fate::Outputs(vec![event.body.clone()]),
        Some(chain) if !is_met(chain, event) => Fate::Dropped,
        Some(chain) => filtered(&chain.filters, event),
    }
}

/// Whether the chain's condition lets the event on to its filters: what is for one endpoint alone
/// goes past it.
pub fn is_met(chain: &Chain, event: &Event) -> bool {
    let says = |condition: &Arc<Condition>| condition.matches(event, &mut ParsedBody::new());
    event.envelope.addressee().is_some() || chain.condition.as_ref().is_none_or(says)
}

fn filtered(filters: &[Arc<FilterVersion>], event: &Event) -> Fate {
    let mut bodies = vec![event.body.clone()];
    for filter in filters {
        let mut next = Vec::new();
        for body in bodies {
            match fate_of(&filter.config, number_of(event), &body) {
                Fate::Outputs(made) => next.extend(made),
                Fate::Dropped => {}
                other => return other,
            }
        }
        bodies = next;
    }
    if bodies.is_empty() { Fate::Dropped } else { Fate::Outputs(bodies) }
}

fn fate_of(config: &str, number: u64, body: &[u8]) -> Fate {
    let (kind, modulus, version) = parts(config);
    let is_hit = number.is_multiple_of(modulus);
    let tagged = |k: u64| {
        let text = format!("{}|{version}.{k}", String::from_utf8_lossy(body));
        Bytes::from(text.into_bytes())
    };
    match kind {
        "drop" if is_hit => Fate::Dropped,
        "reject" if is_hit => Fate::Dead,
        "never" if is_hit => Fate::Dead,
        "stop" if is_hit => Fate::Stopped,
        "emit" => Fate::Outputs((0..number % (modulus + 1)).map(tagged).collect()),
        _ => Fate::Outputs(vec![tagged(0)]),
    }
}

/// Kind, modulus and version of a configuration.
fn parts(config: &str) -> (&str, u64, &str) {
    let mut words = config.trim_matches('"').split(' ');
    let kind = words.next().unwrap_or("pass");
    let modulus = words.next().and_then(|m| m.parse().ok()).unwrap_or(1);
    (kind, modulus, words.next().unwrap_or("v0"))
}

/// The number that the sender gave the event; its body begins with it.
pub fn number_of(event: &Event) -> u64 {
    let digits = event.body.iter().take_while(|b| b.is_ascii_digit());
    digits.fold(0, |n, b| n * 10 + u64::from(b - b'0'))
}

/// Who plays the guests. `retry` filters ask to see an event again once or twice before they say
/// what they make of it: that is all they remember, and it outlives a crash.
#[derive(Default)]
pub struct Guests {
    asked: BTreeMap<(ChainId, EventId), u64>,
}

impl Guests {
    /// What the filters of a question say of one of its events.
    pub fn judge(&mut self, question: &Question, event: &Arc<Event>, dice: &mut Dice) -> Verdict {
        let number = number_of(event);
        let asked = self.asked.entry((question.run(), event.id)).or_default();
        for filter in question.filters() {
            let (kind, modulus, _) = parts(&filter.config);
            let is_hit = number.is_multiple_of(modulus);
            let waits = match kind {
                "retry" if is_hit => number % 3,
                "never" if is_hit => u64::MAX,
                _ => 0,
            };
            if *asked < waits {
                *asked += 1;
                let delay = dice.pick(&[0, 20, 300, 4000]);
                let delay = Duration::from_millis(*delay);
                return Verdict::Retry { delay, reason: "not yet".into() };
            }
        }
        match filtered(question.filters(), event) {
            Fate::Dropped if dice.permille(500) => Verdict::Emit(Vec::new()),
            Fate::Dropped => Verdict::Drop,
            Fate::Dead => Verdict::Reject { reason: "unwanted".into() },
            Fate::Stopped => Verdict::Stop { reason: "trapped".into() },
            Fate::Outputs(bodies) => {
                let output = |body| Arc::new(Event { body, ..Event::clone(event) });
                Verdict::Emit(bodies.into_iter().map(output).collect())
            }
        }
    }
}
