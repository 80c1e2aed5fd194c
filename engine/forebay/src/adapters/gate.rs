use condition::{Joining, Joint, ParsedBody};
use event::Event;
use event::limits::SLICE_FUEL;
use filter::give_way;
use pipeline::{Pairs, Question};
use registry::{Chain, ChainId};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// The conditions that stand before the filters of a run.
pub struct Gate {
    chains: Vec<Arc<Chain>>,
    joint: Joint,
    /// By chain, what the joint calls its condition; none where it has none.
    numbers: Vec<Option<usize>>,
}

/// The gates of each run's last questions, one of which is mostly that of its next: who asks goes
/// by the events that a question is about.
#[derive(Default)]
pub struct Gates {
    last: RefCell<Last>,
}

#[derive(Default)]
struct Last {
    /// Of each run, the one that was asked last at the end.
    gates: BTreeMap<ChainId, Vec<Rc<Gate>>>,
    /// Of all of them.
    chains: usize,
}

/// What the conditions of a question came to.
pub struct Sifted {
    /// What somebody who asks about it wants: by number, in their order.
    pub wanted: Vec<usize>,
    /// What a chain (column) asks about and its condition does not match, by event (row).
    pub unmet: Pairs,
    pub met: u64,
    pub fuel: u64,
}

/// Chains whose gates are kept; more are forgotten together.
const CHAINS_MAX: usize = 100_000;
/// Gates of one run that are kept.
const GATES_MAX: usize = 4;
/// Fuel for one condition and one event, beside what it reads of texts: 250 ns at the four units a
/// nanosecond that a slice is reckoned by, which most take less of.
const CONDITION_COST: u64 = 1_000;
/// Fuel for each byte of a body that is parsed: 12 ns.
const PARSE_COST: u64 = 48;

/// What conditions have burned, and how much of it since others had their turn.
#[derive(Default)]
struct Meter {
    fuel: u64,
    unbroken: u64,
}

impl Meter {
    async fn charge(&mut self, fuel: u64) {
        self.fuel += fuel;
        self.unbroken += fuel;
        while self.unbroken >= SLICE_FUEL {
            self.unbroken -= SLICE_FUEL;
            give_way().await;
        }
    }
}

impl Gates {
    /// Asks the conditions of a question. Gives way after each slice, as filters do.
    pub async fn sift(&self, question: &Question) -> Sifted {
        let mut meter = Meter::default();
        let gate = self.gate(question, &mut meter).await;
        let Question { chains, events, asking, .. } = question;
        let mut unmet = Pairs::new(events.len(), chains.len());
        let (mut wanted, mut met) = (Vec::new(), 0);
        for (row, event) in events.iter().enumerate() {
            let mut body = ParsedBody::new();
            let met_before = met;
            for column in asking.of(row) {
                if gate.lets_in(column, event, &mut body, &mut meter).await {
                    met += 1;
                } else {
                    unmet.add(row, column);
                }
            }
            if met > met_before {
                wanted.push(row);
            }
        }
        Sifted { wanted, unmet, met, fuel: meter.fuel }
    }

    async fn gate(&self, question: &Question, meter: &mut Meter) -> Rc<Gate> {
        let known = self.last.borrow_mut().find(question);
        if let Some(gate) = known {
            return gate;
        }
        let gate = Rc::new(Gate::of(&question.chains, meter).await);
        self.last.borrow_mut().keep(question.run(), gate.clone());
        gate
    }
}

impl Last {
    fn find(&mut self, question: &Question) -> Option<Rc<Gate>> {
        let gates = self.gates.get_mut(&question.run())?;
        let place = gates.iter().position(|gate| gate.is_of(&question.chains))?;
        let gate = gates.remove(place);
        gates.push(gate.clone());
        Some(gate)
    }

    fn keep(&mut self, run: ChainId, gate: Rc<Gate>) {
        if self.chains + gate.chains.len() > CHAINS_MAX {
            *self = Last::default();
        }
        self.chains += gate.chains.len();
        let gates = self.gates.entry(run).or_default();
        gates.push(gate);
        if gates.len() > GATES_MAX {
            self.chains -= gates.remove(0).chains.len();
        }
    }
}

impl Gate {
    async fn of(chains: &[Arc<Chain>], meter: &mut Meter) -> Gate {
        let mut joining = Joining::default();
        let mut numbers = Vec::with_capacity(chains.len());
        let mut next = 0..;
        for chain in chains {
            let Some(condition) = &chain.condition else {
                numbers.push(None);
                continue;
            };
            joining.add(condition.clone());
            numbers.push(next.next());
            meter.charge(CONDITION_COST).await;
        }
        Gate { chains: chains.to_vec(), joint: joining.done(), numbers }
    }

    fn is_of(&self, chains: &[Arc<Chain>]) -> bool {
        let (own, others) = (self.chains.iter(), chains.iter());
        own.map(|chain| chain.id).eq(others.map(|chain| chain.id))
    }

    /// What is for one endpoint alone goes past its condition. `body` is the event's.
    async fn lets_in(
        &self,
        column: usize,
        event: &Event,
        body: &mut ParsedBody,
        meter: &mut Meter,
    ) -> bool {
        let Some(number) = self.numbers[column] else { return true };
        if event.envelope.addressee().is_some() {
            return true;
        }
        let mut inquiry = self.joint.ask(number, event);
        loop {
            let was_read = body.is_read();
            let is_met = inquiry.step(body, SLICE_FUEL);
            let parsed = if body.is_read() && !was_read { event.body.len() as u64 } else { 0 };
            meter.charge(CONDITION_COST + PARSE_COST * parsed + inquiry.fuel()).await;
            if let Some(is_met) = is_met {
                return is_met;
            }
        }
    }
}

#[cfg(test)]
mod tests;
