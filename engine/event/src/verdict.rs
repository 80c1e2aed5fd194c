use crate::Event;
use std::sync::Arc;
use std::time::Duration;

/// What a chain says of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not wanted: nothing is delivered, nothing is written.
    Drop,
    /// Delivered as it is.
    Pass,
    /// Delivered as these instead, the k-th as output k. Each carries the id of its source event.
    /// Empty means the same as `Drop`.
    Emit(Vec<Arc<Event>>),
    /// To the dead letters, with the reason.
    Reject { reason: Box<str> },
    /// The filter asks to see the event again, not before `delay` has passed.
    Retry { delay: Duration, reason: Box<str> },
    /// The filter failed and its policy is to stop: the endpoint is paused before this event.
    Stop { reason: Box<str> },
}

impl Verdict {
    /// What the events that it puts out weigh in memory, about.
    pub fn weight(&self) -> usize {
        match self {
            Verdict::Emit(outputs) => outputs.iter().map(|output| output.weight()).sum(),
            _ => 0,
        }
    }
}
