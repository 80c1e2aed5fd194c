//! Nothing is sent to an endpoint whose breaker is open, save one probe.

use crate::check::{Violation, broken};
use event::{Attempted, DeliveryId, EndpointId, Outcome, Time};
use pipeline::Attempt;
use registry::{Endpoint, History};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const FAILURES: u32 = 5;
const FIRST: Duration = Duration::from_secs(5);
/// A lane that began nothing for so long may forget what it knew.
const FORGOTTEN: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(300);

/// A model of each breaker, fed by the outcomes that the engine has heard of.
#[derive(Default)]
pub struct Breakers {
    models: BTreeMap<EndpointId, Model>,
    /// As they were before the step under way: a step may send before it hears.
    before: BTreeMap<EndpointId, Model>,
    /// By shard, for each learns of a version in its own time.
    newest: BTreeMap<(usize, EndpointId), Arc<Endpoint>>,
}

#[derive(Clone, Default)]
struct Model {
    failures: u32,
    opened: u32,
    /// Open: not before this time.
    open_until: Option<Time>,
    probe: Option<DeliveryId>,
    /// In flight since before it opened: their failures say nothing new.
    stale: BTreeSet<DeliveryId>,
    in_flight: BTreeSet<DeliveryId>,
    /// When its last attempt began.
    began: Option<Time>,
    /// A new version may have ended a pause, and with it what the breaker knew, or not: until the
    /// next success either may be.
    is_unsure: bool,
}

impl Model {
    fn allows(&self, now: Time) -> bool {
        let is_due = |until| now >= until && self.probe.is_none();
        self.is_unsure || self.open_until.is_none_or(is_due)
    }

    fn open(&mut self, now: Time) {
        let wait = FIRST.saturating_mul(1 << self.opened.min(10)).min(LONGEST).mul_f64(0.8);
        self.open_until = Some(now + wait.saturating_sub(Duration::from_micros(1)));
        self.opened += 1;
        self.probe = None;
        self.stale = self.in_flight.clone();
    }

    fn close(&mut self) {
        let in_flight = std::mem::take(&mut self.in_flight);
        *self = Model { in_flight, ..Model::default() };
    }
}

impl Breakers {
    pub fn before_step(&mut self) {
        self.before = self.models.clone();
    }

    pub fn attempted(&mut self, attempt: &Attempt, now: Time) -> Result<(), Violation> {
        let delivery = attempt.delivery;
        let id = delivery.lane.endpoint;
        let was_allowed = self.before.get(&id).is_none_or(|model| model.allows(now));
        let model = self.models.entry(id).or_default();
        let is_old = model.began.replace(now).is_some_and(|began| now.since(began) >= FORGOTTEN);
        if is_old && model.in_flight.is_empty() && model.open_until.is_none() {
            model.failures = 0;
        }
        if !model.allows(now) && !was_allowed {
            let words = format!("{delivery:?} was sent while the breaker was open");
            return broken("breaker", words);
        }
        if !model.allows(now) {
            // It was sent before this very step heard of the failure that opened the breaker.
            model.stale.insert(delivery);
        } else if model.open_until.is_some() {
            model.probe = Some(delivery);
        }
        model.in_flight.insert(delivery);
        Ok(())
    }

    pub fn ended(&mut self, delivery: DeliveryId, attempted: &Attempted, now: Time) {
        let model = self.models.entry(delivery.lane.endpoint).or_default();
        model.in_flight.remove(&delivery);
        let is_stale = model.stale.remove(&delivery);
        match &attempted.outcome {
            Outcome::Delivered { .. } => model.close(),
            _ if model.open_until.is_some() => {
                if model.probe == Some(delivery) && !is_stale {
                    model.open(now);
                }
            }
            _ => {
                model.failures += 1;
                if model.failures >= FAILURES {
                    model.open(now);
                }
            }
        }
    }

    /// A person said that the endpoint is well again.
    pub fn reset(&mut self, id: EndpointId) {
        if let Some(model) = self.models.get_mut(&id) {
            model.close();
        }
    }

    /// Each shard learns of new versions of endpoints by the batches that it takes.
    pub fn versions(&mut self, shard: usize, history: &History) {
        let latest = history.latest();
        for endpoint in latest.endpoints() {
            let old = self.newest.insert((shard, endpoint.id), endpoint.clone());
            let is_new = old.is_none_or(|old| !Arc::ptr_eq(&old, endpoint));
            if is_new && let Some(model) = self.models.get_mut(&endpoint.id) {
                model.is_unsure |= model.failures > 0 || model.open_until.is_some();
            }
        }
    }
}
