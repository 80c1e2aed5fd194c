use crate::demo::digest::Digest;
use crate::demo::endpoints::ENDPOINTS;
use crate::demo::news::{Accepted, Arrived, News};
use crate::demo::payload::{Payload, Provider};
use bytes::Bytes;
use event::EventId;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// What was seen from outside of the engine: what it accepted, and what arrived.
pub struct Tally {
    payloads: Arc<Vec<Payload>>,
    pub events: BTreeMap<EventId, Known>,
    first_of: BTreeMap<Digest, EventId>,
    /// In the order of `Provider::ALL`.
    pub providers: Vec<FromProvider>,
    /// In the order of `ENDPOINTS`.
    pub endpoints: Vec<AtEndpoint>,
    /// In microseconds.
    pub acks: Histogram<u64>,
    pub first_sent: Option<Instant>,
    pub last_acked: Option<Instant>,
    pub pushed_back: u64,
    pub is_all_sent: bool,
    /// Deliveries that arrived, each counted once.
    pub arrived: usize,
    /// What went wrong in a way that no count shows.
    pub faults: Vec<String>,
}

/// An event that was accepted.
pub struct Known {
    pub payload: usize,
    pub digest: Digest,
    pub sent_at: Instant,
}

#[derive(Default)]
pub struct FromProvider {
    pub events: usize,
    pub bytes: usize,
    /// Sent again, and answered with the first id.
    pub again: usize,
    /// Forged, and refused.
    pub refused: usize,
}

#[derive(Default)]
pub struct AtEndpoint {
    pub kept: BTreeMap<EventId, Kept>,
    pub requests: usize,
    /// Requests that were answered with an error.
    pub failed: usize,
    /// Requests that were not a first attempt.
    pub retries: usize,
    pub unsigned: usize,
    /// The first body that arrived, by event.
    pub sample: Option<(EventId, Bytes)>,
}

pub struct Kept {
    pub digest: Digest,
    pub at: Instant,
    pub times: u32,
}

impl Tally {
    pub fn new(payloads: Arc<Vec<Payload>>) -> Tally {
        Tally {
            payloads,
            events: BTreeMap::new(),
            first_of: BTreeMap::new(),
            providers: Provider::ALL.iter().map(|_| FromProvider::default()).collect(),
            endpoints: ENDPOINTS.iter().map(|_| AtEndpoint::default()).collect(),
            acks: histogram(),
            first_sent: None,
            last_acked: None,
            pushed_back: 0,
            is_all_sent: false,
            arrived: 0,
            faults: Vec::new(),
        }
    }

    pub fn take(&mut self, news: News) {
        match news {
            News::Accepted(accepted) => self.accepted(accepted),
            News::Arrived(arrived) => self.arrived(arrived),
            News::Forged { payload, status: 401 } => self.provider(payload).refused += 1,
            News::Forged { payload, status } => {
                let name = self.payloads[payload].provider.name();
                self.faults.push(format!("a forged request of {name} was answered {status}"));
            }
            News::PushedBack => self.pushed_back += 1,
            News::Unanswered { payload, why } => {
                let payload = &self.payloads[payload];
                let (name, event_type) = (payload.provider.name(), &payload.event_type);
                self.faults.push(format!("{name}: `{event_type}` was not accepted: {why}"));
            }
            News::SentAll => self.is_all_sent = true,
        }
    }

    fn provider(&mut self, payload: usize) -> &mut FromProvider {
        &mut self.providers[self.payloads[payload].provider as usize]
    }

    fn accepted(&mut self, accepted: Accepted) {
        let Accepted { payload, key, digest, sent_at, took, .. } = accepted;
        let ended = sent_at + took;
        self.first_sent = Some(self.first_sent.map_or(sent_at, |first| first.min(sent_at)));
        self.last_acked = Some(self.last_acked.map_or(ended, |last| last.max(ended)));
        self.acks.saturating_record(took.as_micros() as u64);
        let Ok(id) = accepted.id.parse::<EventId>() else {
            self.faults.push(format!("{:?} was given for an event's id", accepted.id));
            return;
        };
        let is_again = match self.first_of.get(&key) {
            None => false,
            Some(first) if *first == id => true,
            Some(first) => {
                self.faults.push(format!("one delivery was stored twice, as {first} and {id}"));
                false
            }
        };
        let counted = self.provider(payload);
        counted.again += usize::from(accepted.is_duplicate);
        counted.events += usize::from(!accepted.is_duplicate);
        counted.bytes += if is_again { 0 } else { accepted.bytes };
        if !is_again {
            self.first_of.insert(key, id);
            self.events.insert(id, Known { payload, digest, sent_at });
        }
    }

    fn arrived(&mut self, arrived: Arrived) {
        let endpoint = &mut self.endpoints[arrived.endpoint];
        endpoint.requests += 1;
        endpoint.failed += usize::from(arrived.status >= 300);
        endpoint.retries += usize::from(arrived.attempt > 1);
        endpoint.unsigned += usize::from(!arrived.is_signed);
        if !arrived.is_kept {
            return;
        }
        let Ok(id) = arrived.id.parse::<EventId>() else {
            let name = ENDPOINTS[arrived.endpoint].name;
            self.faults.push(format!("{name} got a delivery under the id {:?}", arrived.id));
            return;
        };
        endpoint.sample.get_or_insert_with(|| (id, arrived.body.clone()));
        let fresh = Kept { digest: arrived.digest, at: arrived.at, times: 0 };
        let kept = endpoint.kept.entry(id).or_insert(fresh);
        self.arrived += usize::from(kept.times == 0);
        kept.times += 1;
    }
}

/// Of microseconds up to ten minutes, within 1 in 1,000.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("bounds that are known to be valid")
}
