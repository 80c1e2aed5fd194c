use crate::{Askers, FromShard, Pairs, Question};
use event::{DeliveryId, EndpointId, Event, LaneId, Offset, limits};
use registry::{Chain, ChainId};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

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
    turns: BTreeMap<EndpointId, Weak<()>>,
    has_lasting: bool,
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
    /// For an entry of a lane, in a turn that lasts as long as `waits`.
    pub fn ask(
        &mut self,
        chain: Arc<Chain>,
        endpoint: EndpointId,
        (turn, waits): (u64, &Arc<()>),
        event: Arc<Event>,
    ) {
        let gathered = self.gather(chain, event, 0, Asker::Entry { endpoint, turn });
        let turn = gathered.turns.entry(endpoint).or_default();
        if turn.strong_count() == 0 {
            *turn = Arc::downgrade(waits);
        }
    }

    /// `runs`: how often it was asked about for this delivery.
    pub fn ask_again(
        &mut self,
        chain: Arc<Chain>,
        delivery: DeliveryId,
        event: Arc<Event>,
        runs: u32,
    ) {
        self.gather(chain, event, runs, Asker::Retry(delivery)).has_lasting = true;
    }

    pub fn ask_for(&mut self, lane: LaneId, turn: u64, chain: Arc<Chain>, event: Arc<Event>) {
        self.gather(chain, event, 0, Asker::Search { lane, turn }).has_lasting = true;
    }

    fn gather(
        &mut self,
        chain: Arc<Chain>,
        event: Arc<Event>,
        runs: u32,
        asker: Asker,
    ) -> &mut Gathered {
        let gathered = self.gathered.entry(chain.run).or_default();
        let Gathered { chains, columns, events, .. } = &mut *gathered;
        let column = *columns.entry(chain.id).or_insert(chains.len() as u32);
        if column as usize == chains.len() {
            chains.push(chain);
        }
        let place = events.entry(event.offset());
        let asked = place.or_insert_with(|| Asked { event, runs, askers: Vec::new() });
        asked.runs = asked.runs.max(runs);
        asked.askers.push((column, asker));
        gathered
    }

    /// Who asked what an answer is about, once.
    pub fn close(&mut self, id: u64) -> Vec<Asked> {
        self.open.remove(&id).expect("a question is answered once")
    }

    pub fn flush(&mut self, shard: u32, out: &mut Vec<FromShard>) {
        for (_, gathered) in std::mem::take(&mut self.gathered) {
            let Gathered { chains, events, turns, has_lasting, .. } = gathered;
            // Of all its questions together: one of them may be asked in vain.
            let askers = Askers { turns: turns.into_values().collect(), has_lasting };
            let mut batch = Vec::new();
            let mut bytes = 0;
            for (_, asked) in events {
                let weight = asked.event.weight();
                let is_full = batch.len() >= limits::BATCH_EVENTS_MAX
                    || bytes + weight > limits::BATCH_BYTES_MAX;
                if is_full && !batch.is_empty() {
                    out.push(self.open(shard, &chains, std::mem::take(&mut batch), &askers));
                    bytes = 0;
                }
                bytes += weight;
                batch.push(asked);
            }
            out.push(self.open(shard, &chains, batch, &askers));
        }
    }

    /// Each chain of the question asks about one of its events at least.
    fn open(
        &mut self,
        shard: u32,
        known: &[Arc<Chain>],
        mut batch: Vec<Asked>,
        askers: &Askers,
    ) -> FromShard {
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
        let (id, askers) = (self.last_id, askers.clone());
        FromShard::Ask(Question { id, shard, chains, events, runs, asking, askers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use event::{Envelope, EventId, TenantId, Time};

    #[test]
    fn of_those_who_ask_about_an_event_the_one_who_did_most_often_counts() {
        let chain = chain();
        let mut questions = Questions::default();
        let waits = Arc::default();
        questions.ask(chain.clone(), EndpointId(1), (0, &waits), event(7));
        for (endpoint, runs) in [(2, 3), (3, 1)] {
            questions.ask_again(chain.clone(), delivery(endpoint), event(7), runs);
        }
        questions.ask(chain, EndpointId(1), (0, &waits), event(8));
        assert_eq!(asked(questions).runs, [3, 0]);
    }

    #[test]
    fn entries_wait_as_long_as_their_turns_and_others_whatever_comes() {
        let chain = chain();
        let [mut first, second] = [Arc::new(()), Arc::new(())];
        for is_again in [false, true] {
            let mut questions = Questions::default();
            questions.ask(chain.clone(), EndpointId(1), (0, &first), event(7));
            first = Arc::default();
            questions.ask(chain.clone(), EndpointId(1), (1, &first), event(8));
            questions.ask(chain.clone(), EndpointId(2), (0, &second), event(8));
            if is_again {
                questions.ask_again(chain.clone(), delivery(3), event(7), 1);
            }
            let askers = asked(questions).askers;
            assert!(askers.wait());
            assert_eq!(askers.turns.len(), 2);
            first = Arc::default();
            assert!(askers.wait(), "the second does");
            let turns: Arc<[_]> = Arc::new([askers.turns[0].clone()]);
            assert_eq!(Askers { turns, ..askers }.wait(), is_again);
        }
    }

    fn asked(mut questions: Questions) -> Question {
        let mut out = Vec::new();
        questions.flush(0, &mut out);
        match out.pop() {
            Some(FromShard::Ask(question)) if out.is_empty() => question,
            _ => panic!("one question is asked"),
        }
    }

    fn chain() -> Arc<Chain> {
        let (id, tenant) = (ChainId([1; 16]), TenantId::new("acme"));
        Arc::new(Chain { id, run: id, tenant, condition: None, filters: Vec::new() })
    }

    fn event(offset: u64) -> Arc<Event> {
        let tenant = TenantId::new("acme");
        let envelope = Envelope::new(tenant, "shop", "order.paid", Time::from_secs(1));
        let id = EventId::new(1, Offset(offset));
        Arc::new(Event { id, envelope, body: Bytes::from_static(b"{}") })
    }

    fn delivery(endpoint: u64) -> DeliveryId {
        DeliveryId { lane: LaneId::main(EndpointId(endpoint)), offset: Offset(7), k: 0 }
    }
}
