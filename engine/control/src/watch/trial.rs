use super::Compared;
use crate::api::{Excerpt, VerdictOut};
use event::{Event, EventId, Time, Verdict};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::VecDeque;

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
    pub examples: VecDeque<(EventId, DifferenceOut)>,
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
}

const EXAMPLES_MAX: usize = 16;

impl Seen {
    pub fn of(version: [u8; 16], since: Time) -> Seen {
        let (judged, faults, fuel, fuel_in_force, differing) = Default::default();
        let examples = VecDeque::new();
        Seen { version, since, judged, faults, fuel, fuel_in_force, differing, examples }
    }

    pub fn add(&mut self, compared: Compared) {
        self.judged += compared.judged as u64;
        self.faults += compared.faults as u64;
        self.fuel += compared.fuel;
        self.fuel_in_force += compared.fuel_in_force;
        self.differing += compared.differing as u64;
        for (event, in_force, candidate) in &compared.examples {
            let told = DifferenceOut::of(event, in_force, candidate);
            self.examples.push_front((event.id, told));
        }
        self.examples.truncate(EXAMPLES_MAX);
    }
}

impl DifferenceOut {
    fn of(event: &Event, in_force: &Verdict, candidate: &Verdict) -> DifferenceOut {
        DifferenceOut {
            event_id: event.id.to_string(),
            event_type: event.envelope.event_type.to_string(),
            body: Excerpt::of(&event.body),
            in_force: VerdictOut::of(event, in_force),
            candidate: VerdictOut::of(event, candidate),
        }
    }
}
