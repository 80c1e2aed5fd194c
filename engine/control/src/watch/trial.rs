use super::Compared;
use crate::api::{Comparison, Excerpt, OutputDifference, VerdictOut};
use event::{Event, EventId, Time, Verdict};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::Arc;

/// What was seen of one candidate since it is one, or since the node's start.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub version: [u8; 16],
    pub since: Time,
    pub judged: u64,
    pub faults: u64,
    pub fuel: u64,
    pub fuel_in_force: u64,
    pub differing: u64,
    /// The last ones, the newest first.
    pub examples: VecDeque<Example>,
}

/// An event of which the two said different things.
#[derive(Clone, Debug)]
pub(crate) enum Example {
    /// What was said in force and what the candidate said. Compared when somebody asks: there may
    /// be many in a second, and few are ever looked at.
    Whole(Arc<Event>, Verdict, Verdict),
    /// Of one that is too large to be kept.
    Told(EventId, Arc<DifferenceOut>),
}

/// A filter and its candidate said different things of an event.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DifferenceOut {
    event_id: String,
    event_type: String,
    body: Excerpt,
    in_force: VerdictOut,
    candidate: VerdictOut,
    /// Each output of the candidate that differs from the filter's, or from the event where the
    /// other puts nothing out.
    differences: Vec<OutputDifference>,
}

const EXAMPLES_MAX: usize = 16;
/// Of those that are kept whole, with all that was put out of them.
const EXAMPLE_BYTES_MAX: usize = 512 << 10;

impl Seen {
    pub fn of(version: [u8; 16], since: Time) -> Seen {
        let (judged, faults, fuel, fuel_in_force, differing) = Default::default();
        let examples = VecDeque::new();
        Seen { version, since, judged, faults, fuel, fuel_in_force, differing, examples }
    }

    pub fn add(&mut self, compared: &Compared, examples: Vec<Example>) {
        self.judged += compared.judged as u64;
        self.faults += compared.faults as u64;
        self.fuel += compared.fuel;
        self.fuel_in_force += compared.fuel_in_force;
        self.differing += compared.differing as u64;
        for example in examples {
            self.examples.push_front(example);
        }
        self.examples.truncate(EXAMPLES_MAX);
        while self.examples.iter().map(Example::weight).sum::<usize>() > EXAMPLE_BYTES_MAX {
            self.examples.pop_back();
        }
    }

    /// The last examples, for people.
    pub fn told(&self) -> Vec<DifferenceOut> {
        let mut comparison = Comparison::new();
        self.examples.iter().map(|example| example.told(&mut comparison)).collect()
    }
}

impl Example {
    pub fn of((event, in_force, candidate): (Arc<Event>, Verdict, Verdict)) -> Example {
        let bytes = event.weight() + in_force.weight() + candidate.weight();
        if bytes <= EXAMPLE_BYTES_MAX {
            return Example::Whole(event, in_force, candidate);
        }
        let comparison = &mut Comparison::brief();
        let told = DifferenceOut::of(&event, &in_force, &candidate, comparison);
        Example::Told(event.id, told.into())
    }

    fn weight(&self) -> usize {
        match self {
            Example::Whole(event, in_force, candidate) => {
                event.weight() + in_force.weight() + candidate.weight()
            }
            Example::Told(..) => 0,
        }
    }

    pub fn event(&self) -> EventId {
        match self {
            Example::Whole(event, ..) => event.id,
            Example::Told(id, _) => *id,
        }
    }

    fn told(&self, comparison: &mut Comparison) -> DifferenceOut {
        match self {
            Example::Whole(event, in_force, candidate) => {
                DifferenceOut::of(event, in_force, candidate, comparison)
            }
            Example::Told(_, told) => DifferenceOut::clone(told),
        }
    }
}

impl DifferenceOut {
    fn of(
        event: &Event,
        in_force: &Verdict,
        candidate: &Verdict,
        comparison: &mut Comparison,
    ) -> DifferenceOut {
        DifferenceOut {
            event_id: event.id.to_string(),
            event_type: event.envelope.event_type.to_string(),
            body: Excerpt::of(&event.body),
            in_force: VerdictOut::of(event, in_force),
            candidate: VerdictOut::of(event, candidate),
            differences: comparison.of(event, Some(in_force), candidate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use event::{Envelope, Offset, TenantId};
    use serde_json::{Value, json};

    /// What is told of a body whose last digit the candidate replaces.
    fn told(digits: usize) -> Value {
        let body = |last: u8| Bytes::from([&vec![b'1'; digits][..], &[last]].concat());
        let envelope = Envelope::new(TenantId::new("t"), "s", "a", Time::ZERO);
        let id = EventId::new(7, Offset(7));
        let event = Arc::new(Event { id, envelope, body: body(b'1') });
        let output = Arc::new(Event { body: body(b'2'), ..Event::clone(&event) });
        let mut seen = Seen::of([0; 16], Time::ZERO);
        let examples = vec![(event, Verdict::Pass, Verdict::Emit(vec![output]))];
        let examples = examples.into_iter().map(Example::of).collect();
        seen.add(&Compared { judged: 1, differing: 1, ..Compared::default() }, examples);
        assert_eq!(seen.examples[0].event(), id);
        serde_json::to_value(seen.told()).unwrap()[0].take()
    }

    #[test]
    fn what_differs_is_told_of_large_events_by_its_place_alone() {
        let small = told(4);
        assert_eq!(small["candidate"]["verdict"], "emit");
        let change = json!({ "part": "json", "at": "", "old": "11111", "new": "11112" });
        let wanted = json!([{ "output": 0, "of": "both", "changes": [change], "further": 0 }]);
        assert_eq!(small["differences"], wanted);
        let change = told(EXAMPLE_BYTES_MAX)["differences"][0]["changes"][0].take();
        let place = json!(EXAMPLE_BYTES_MAX.to_string());
        assert_eq!((&change["part"], &change["at"]), (&json!("byte"), &place));
        let new = change["new"].as_str().unwrap();
        assert!(new.ends_with("112 (524289 bytes)") && new.len() < 100, "{new}");
    }
}
