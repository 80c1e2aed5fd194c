//! What the world holds: events, versions of one endpoint, and what its chain says. All of it
//! follows from a few numbers, so that a question asked twice is answered alike.

use bytes::Bytes;
use dispatch::{Ordering, RetrySchedule, Rules};
use event::{Envelope, Event, EventId, Offset, TenantId, Time, Verdict, hash_of};
use std::sync::Arc;
use std::time::Duration;

pub const STEP: Duration = Duration::from_secs(10);
pub const JITTER: f64 = 0.25;

/// An event of the log, in short.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub key: Option<u8>,
    /// What the chain makes of it depends on this, and on the version.
    pub salt: u8,
}

/// One version of the endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Version {
    pub since: Offset,
    pub ordering: Ordering,
    pub window_max: u32,
    pub retries: usize,
    pub is_disabled: bool,
    pub has_chain: bool,
    pub salt: u8,
}

/// What a chain finally says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Pass,
    Emit(u32),
    Drop,
    Reject,
    /// Look again later; then it is let through.
    Postpone,
}

impl Version {
    pub fn rules(&self) -> Rules {
        Rules {
            since: self.since,
            ordering: self.ordering,
            schedule: RetrySchedule::new(&vec![STEP; self.retries], JITTER),
            window_start: 2,
            window_max: self.window_max,
            rate: None,
            disable_after: Duration::from_secs(600),
            is_disabled: self.is_disabled,
            entries_max: 6,
        }
    }

    fn draw(&self, offset: Offset, plan: Plan, what: u8) -> u64 {
        hash_of(&[&offset.0.to_le_bytes()[..], &[plan.salt, self.salt, what]].concat())
    }

    pub fn wants(&self, offset: Offset, plan: Plan) -> bool {
        !self.draw(offset, plan, 0).is_multiple_of(4)
    }

    pub fn says(&self, offset: Offset, plan: Plan) -> Said {
        if !self.has_chain {
            return Said::Pass;
        }
        match self.draw(offset, plan, 1) % 8 {
            0 => Said::Drop,
            1 => Said::Reject,
            2 => Said::Postpone,
            3 => Said::Emit(0),
            4 => Said::Emit(2),
            5 => Said::Emit(3),
            _ => Said::Pass,
        }
    }
}

impl Said {
    /// The k of all deliveries that it leads to.
    pub fn outputs(self) -> u32 {
        match self {
            Said::Pass | Said::Postpone | Said::Reject => 1,
            Said::Emit(count) => count,
            Said::Drop => 0,
        }
    }

    pub fn verdict(self, event: &Arc<Event>) -> Verdict {
        match self {
            Said::Pass => Verdict::Pass,
            Said::Emit(count) => Verdict::Emit(vec![event.clone(); count as usize]),
            Said::Drop => Verdict::Drop,
            Said::Reject => Verdict::Reject { reason: "no".into() },
            Said::Postpone => {
                Verdict::Retry { delay: Duration::from_secs(3), reason: "later".into() }
            }
        }
    }
}

pub fn event(offset: Offset, plan: Plan) -> Arc<Event> {
    let envelope = Envelope {
        key: plan.key.map(|key| key.to_string().into()),
        ..Envelope::new(TenantId::new("acme"), "shop", "order.paid", Time::from_secs(1))
    };
    Arc::new(Event { id: EventId::new(1, offset), envelope, body: Bytes::new() })
}
