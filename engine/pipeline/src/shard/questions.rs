use crate::{FromShard, Pairs, Question};
use event::{DeliveryId, EndpointId, Event, LaneId, Offset, limits};
use registry::{Chain, ChainId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Questions to the guests. Lanes whose chains share a run, and which ask about the same event,
/// share one, also where their conditions differ.
#[derive(Default)]
pub(super) struct Questions {
    last_id: u64,
    gathered: BTreeMap<ChainId, Gathered>,
    open: BTreeMap<u64, Vec<Asked>>,
}

/// What is asked of one run.
#[derive(Default)]
struct Gathered {
    chains: Vec<Arc<Chain>>,
    /// Where each of them stands.
    columns: BTreeMap<ChainId, u32>,
    events: BTreeMap<Offset, Asked>,
}

/// Who waits for the verdict on one event, each with the column of its chain.
pub(super) struct Asked {
    pub event: Arc<Event>,
    /// How often it was asked about before, by whoever of them did so most often.
    runs: u32,
    pub askers: Vec<(u32, Asker)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Asker {
    Entry { endpoint: EndpointId, turn: u64 },
    Retry(DeliveryId),
    Search { lane: LaneId, turn: u64 },
}

impl Questions {
    pub fn ask(&mut self, chain: Arc<Chain>, endpoint: EndpointId, turn: u64, event: Arc<Event>) {
        self.gather(chain, event, 0, Asker::Entry { endpoint, turn });
    }

    /// `runs`: how often it was asked about for this delivery.
    pub fn ask_again(
        &mut self,
        chain: Arc<Chain>,
        delivery: DeliveryId,
        event: Arc<Event>,
        runs: u32,
    ) {
        self.gather(chain, event, runs, Asker::Retry(delivery));
    }

    pub fn ask_for(&mut self, lane: LaneId, turn: u64, chain: Arc<Chain>, event: Arc<Event>) {
        self.gather(chain, event, 0, Asker::Search { lane, turn });
    }

    fn gather(&mut self, chain: Arc<Chain>, event: Arc<Event>, runs: u32, asker: Asker) {
        let Gathered { chains, columns, events } = self.gathered.entry(chain.run).or_default();
        let column = *columns.entry(chain.id).or_insert(chains.len() as u32);
        if column as usize == chains.len() {
            chains.push(chain);
        }
        let place = events.entry(event.offset());
        let asked = place.or_insert_with(|| Asked { event, runs, askers: Vec::new() });
        asked.runs = asked.runs.max(runs);
        asked.askers.push((column, asker));
    }

    /// Who asked what an answer is about, once.
    pub fn close(&mut self, id: u64) -> Vec<Asked> {
        self.open.remove(&id).expect("a question is answered once")
    }

    pub fn flush(&mut self, shard: u32, out: &mut Vec<FromShard>) {
        for (_, Gathered { chains, events, .. }) in std::mem::take(&mut self.gathered) {
            let mut batch = Vec::new();
            let mut bytes = 0;
            for (_, asked) in events {
                let weight = asked.event.weight();
                let is_full = batch.len() >= limits::BATCH_EVENTS_MAX
                    || bytes + weight > limits::BATCH_BYTES_MAX;
                if is_full && !batch.is_empty() {
                    out.push(self.open(shard, &chains, std::mem::take(&mut batch)));
                    bytes = 0;
                }
                bytes += weight;
                batch.push(asked);
            }
            out.push(self.open(shard, &chains, batch));
        }
    }

    /// Each chain of the question asks about one of its events at least.
    fn open(&mut self, shard: u32, known: &[Arc<Chain>], mut batch: Vec<Asked>) -> FromShard {
        let mut chains = Vec::new();
        let mut columns = vec![None; known.len()];
        for (column, _) in batch.iter_mut().flat_map(|asked| &mut asked.askers) {
            let at = *column as usize;
            *column = *columns[at].get_or_insert_with(|| {
                chains.push(known[at].clone());
                chains.len() as u32 - 1
            });
        }
        let mut asking = Pairs::new(batch.len(), chains.len());
        for (row, asked) in batch.iter().enumerate() {
            asked.askers.iter().for_each(|(column, _)| asking.add(row, *column as usize));
        }
        let events = batch.iter().map(|asked| asked.event.clone()).collect();
        let runs = batch.iter().map(|asked| asked.runs).collect();
        self.last_id += 1;
        self.open.insert(self.last_id, batch);
        FromShard::Ask(Question { id: self.last_id, shard, chains, events, runs, asking })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use event::{Envelope, EventId, TenantId, Time};

    #[test]
    fn of_those_who_ask_about_an_event_the_one_who_did_most_often_counts() {
        let (id, tenant) = (ChainId([1; 16]), TenantId::new("acme"));
        let event = |offset| {
            let envelope = Envelope::new(tenant.clone(), "shop", "order.paid", Time::from_secs(1));
            let id = EventId::new(1, Offset(offset));
            Arc::new(Event { id, envelope, body: Bytes::from_static(b"{}") })
        };
        let (condition, filters) = (None, Vec::new());
        let chain = Chain { id, run: id, tenant: tenant.clone(), condition, filters };
        let chain = Arc::new(chain);
        let mut questions = Questions::default();
        questions.ask(chain.clone(), EndpointId(1), 0, event(7));
        for (endpoint, runs) in [(2, 3), (3, 1)] {
            let lane = LaneId::main(EndpointId(endpoint));
            let delivery = DeliveryId { lane, offset: Offset(7), k: 0 };
            questions.ask_again(chain.clone(), delivery, event(7), runs);
        }
        questions.ask(chain, EndpointId(1), 0, event(8));
        let mut out = Vec::new();
        questions.flush(0, &mut out);
        let [FromShard::Ask(question)] = &out[..] else { panic!("one question is asked") };
        assert_eq!(question.runs, [3, 0]);
    }
}
