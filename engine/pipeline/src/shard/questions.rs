use crate::{FromShard, Question};
use event::{DeliveryId, EndpointId, Event, LaneId, Offset, limits};
use registry::{Chain, ChainId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Questions to the guests. Lanes with equal chains that ask about the same event share one.
#[derive(Default)]
pub(super) struct Questions {
    last_id: u64,
    gathered: BTreeMap<ChainId, Gathered>,
    open: BTreeMap<u64, Vec<Asked>>,
}

struct Gathered {
    chain: Arc<Chain>,
    events: BTreeMap<Offset, (Arc<Event>, Vec<Asker>)>,
}

/// Who waits for the verdict on one event.
pub(super) struct Asked {
    pub event: Arc<Event>,
    pub askers: Vec<Asker>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Asker {
    Entry { endpoint: EndpointId, turn: u64 },
    Retry(DeliveryId),
    Search { lane: LaneId, turn: u64 },
}

impl Questions {
    pub fn ask(&mut self, chain: Arc<Chain>, endpoint: EndpointId, turn: u64, event: Arc<Event>) {
        self.gather(chain, event, Asker::Entry { endpoint, turn });
    }

    pub fn ask_again(&mut self, chain: Arc<Chain>, delivery: DeliveryId, event: Arc<Event>) {
        self.gather(chain, event, Asker::Retry(delivery));
    }

    pub fn ask_for(&mut self, lane: LaneId, turn: u64, chain: Arc<Chain>, event: Arc<Event>) {
        self.gather(chain, event, Asker::Search { lane, turn });
    }

    fn gather(&mut self, chain: Arc<Chain>, event: Arc<Event>, asker: Asker) {
        let new = || Gathered { chain: chain.clone(), events: BTreeMap::new() };
        let gathered = self.gathered.entry(chain.id).or_insert_with(new);
        let place = gathered.events.entry(event.offset());
        place.or_insert_with(|| (event, Vec::new())).1.push(asker);
    }

    /// Who asked what an answer is about, once.
    pub fn close(&mut self, id: u64) -> Vec<Asked> {
        self.open.remove(&id).expect("a question is answered once")
    }

    pub fn flush(&mut self, shard: u32, out: &mut Vec<FromShard>) {
        for (_, Gathered { chain, events }) in std::mem::take(&mut self.gathered) {
            let mut batch = Vec::new();
            let mut asked = Vec::new();
            let mut bytes = 0;
            for (_, (event, askers)) in events {
                let weight = event.weight();
                let is_full = batch.len() >= limits::BATCH_EVENTS_MAX
                    || bytes + weight > limits::BATCH_BYTES_MAX;
                if is_full && !batch.is_empty() {
                    let events = std::mem::take(&mut batch);
                    let asked = std::mem::take(&mut asked);
                    out.push(self.open(shard, chain.clone(), events, asked));
                    bytes = 0;
                }
                bytes += weight;
                batch.push(event.clone());
                asked.push(Asked { event, askers });
            }
            out.push(self.open(shard, chain, batch, asked));
        }
    }

    fn open(
        &mut self,
        shard: u32,
        chain: Arc<Chain>,
        events: Vec<Arc<Event>>,
        asked: Vec<Asked>,
    ) -> FromShard {
        self.last_id += 1;
        self.open.insert(self.last_id, asked);
        FromShard::Ask(Question { id: self.last_id, shard, chain, events })
    }
}
