use crate::closures::Closures;
use control::{CodeClass, Counts, Metrics, Tally};
use delivery::{Address, Client, Letter, Target, TargetOptions};
use event::{Attempted, Cause, EndpointId, Event, Offset, Outcome, Time};
use pipeline::pump::{Deliver, Delivering};
use pipeline::{Attempt, Ruling};
use registry::Endpoint;
use runtime::Clock;
use signature::{Family, Secret, SecretForm};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// One shard's way out: over HTTP, or into a closure of this process.
pub struct Outbound {
    pub client: Rc<Client>,
    pub family: Family,
    pub closures: Arc<Closures>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    pub tally: RefCell<Tally>,
    pub targets: RefCell<BTreeMap<EndpointId, Made>>,
}

/// What was made of one version of an endpoint.
pub struct Made {
    since: Offset,
    /// When the first of its secrets retires.
    until: Option<Time>,
    target: Rc<Target>,
}

/// More targets than this are dropped together, with their connections, and made again.
const TARGETS_MAX: usize = 100_000;

impl Deliver for Outbound {
    fn attempt(&self, attempt: Attempt) -> Delivering {
        let begun = self.begin(&attempt);
        if let Some(name) = attempt.endpoint.url.strip_prefix(crate::closures::SCHEME) {
            let sending = self.closures.attempt(name, attempt.clone(), self.clock.clone());
            return Box::pin(async move { begun.end(sending.await) });
        }
        match self.target(&attempt.endpoint) {
            Ok(target) => {
                let (client, metrics) = (self.client.clone(), self.metrics.clone());
                Box::pin(async move {
                    let came_in = begun.arrived;
                    let ended = send(client, target, attempt).await;
                    let is_delivered = matches!(ended.outcome, Outcome::Delivered { .. });
                    let end_to_end = is_delivered.then(|| (ended.at + ended.took).since(came_in));
                    let class = CodeClass::of(&ended.outcome);
                    metrics.attempt_ended(class, ended.took, end_to_end);
                    begun.end(ended)
                })
            }
            Err(why) => {
                let cause = Cause::Connection(why.into());
                let outcome = Outcome::Failed { cause, retry_after: None };
                let (number, at) = (attempt.number, self.clock.wall());
                let ended = Attempted { number, at, took: Duration::ZERO, outcome };
                Box::pin(async move { begun.end(ended) })
            }
        }
    }

    fn judged(&self, endpoint: EndpointId, event: &Event, ruling: Ruling, is_again: bool) {
        let envelope = &event.envelope;
        let mut tally = self.tally.borrow_mut();
        let counts = tally.of_endpoint(endpoint, &envelope.tenant, &envelope.event_type);
        if !is_again {
            counts.matched();
        }
        match ruling {
            Ruling::Dropped => counts.dropped(),
            Ruling::Rejected => counts.died(),
            Ruling::Sent | Ruling::Postponed => {}
        }
    }
}

/// An attempt that is counted when it ends.
struct Begun {
    counts: Arc<Counts>,
    arrived: Time,
    is_last: bool,
}

impl Begun {
    fn end(self, attempt: Attempted) -> Attempted {
        self.counts.attempt_ended(&attempt, self.arrived, self.is_last);
        attempt
    }
}

async fn send(client: Rc<Client>, target: Rc<Target>, attempt: Attempt) -> Attempted {
    let webhook_id = attempt.event.id.of_output(attempt.delivery.k);
    let letter = Letter {
        webhook_id: &webhook_id,
        number: attempt.number,
        headers: &attempt.event.envelope.headers,
        body: attempt.event.body.clone(),
    };
    let answer = client.attempt(&target, letter).await;
    tracing::debug!(
        id = %webhook_id,
        endpoint = %attempt.endpoint.name,
        attempt = attempt.number,
        outcome = ?answer.attempted.outcome,
        excerpt = %answer.excerpt,
        "attempted"
    );
    answer.attempted
}

impl Outbound {
    fn begin(&self, attempt: &Attempt) -> Begun {
        let Attempt { delivery, number, event, endpoint } = attempt;
        let mut tally = self.tally.borrow_mut();
        let counts = tally.of_endpoint(endpoint.id, &endpoint.tenant, &event.envelope.event_type);
        // With a chain it is the chain that was asked first.
        if *number == 1 && delivery.k == 0 && endpoint.chain.is_none() {
            counts.matched();
        }
        counts.attempt_began();
        let is_last = *number as usize > endpoint.terms.schedule.len();
        Begun { counts, arrived: event.envelope.time, is_last }
    }

    fn target(&self, endpoint: &Endpoint) -> Result<Rc<Target>, String> {
        let mut targets = self.targets.borrow_mut();
        let is_of_today = |made: &&Made| {
            made.since == endpoint.since && made.until.is_none_or(|until| self.clock.wall() < until)
        };
        if let Some(made) = targets.get(&endpoint.id).filter(is_of_today) {
            return Ok(made.target.clone());
        }
        if targets.len() >= TARGETS_MAX {
            targets.clear();
        }
        let now = self.clock.wall();
        let target = Rc::new(make(&self.client, self.family, endpoint, now)?);
        let until = endpoint.secrets.at(now).filter_map(registry::Secret::retires).min();
        let made = Made { since: endpoint.since, until, target: target.clone() };
        targets.insert(endpoint.id, made);
        Ok(target)
    }
}

fn make(client: &Client, family: Family, endpoint: &Endpoint, now: Time) -> Result<Target, String> {
    let address = Address::parse(&endpoint.url).map_err(|refusal| refusal.rule.to_string())?;
    let secrets = endpoint.secrets.at(now).map(|secret| {
        Secret::parse(secret.expose(), SecretForm::Standard).map_err(|bad| bad.to_string())
    });
    let headers = endpoint.headers.iter();
    let options = TargetOptions {
        address,
        timeout: endpoint.terms.timeout,
        secrets: secrets.collect::<Result<_, _>>()?,
        family,
        headers: headers.map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        ca_pem: None,
    };
    client.target(options).map_err(|unusable| unusable.to_string())
}
