//! Every owed event has one keeper, at every commit.

mod book;
mod erased;
mod keepers;
mod versions;

use crate::check::{Violation, broken};
use crate::client::{Client, Sent};
use book::pair_of;
use event::{DeliveryId, EndpointId, Event, EventId, LaneId, Offset, OnConflict, Time};
use log::{AttemptState, DeadRow, GapRow, Group, LaneRow, Log, MemLog, RetryKey, RetryRow};
use pipeline::Attempt;
use registry::ChainId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use versions::Versions;

/// An endpoint and an offset: what is owed.
pub type Pair = (EndpointId, Offset);

/// The rows of the log as groups have left them, and what is owed by them.
#[derive(Default)]
pub struct Ledger {
    pub events: BTreeMap<Offset, Known>,
    pub versions: Versions,
    pub attempts: BTreeMap<Pair, BTreeMap<u32, Ended>>,
    pub retries: BTreeMap<DeliveryId, (RetryKey, RetryRow)>,
    pub dead: BTreeMap<DeliveryId, DeadRow>,
    /// Deliveries whose bytes are kept.
    parcels: BTreeSet<DeliveryId>,
    pub lanes: BTreeMap<LaneId, LaneRow>,
    pub gaps: Vec<GapRow>,
    pub least: Offset,
    pub floor: Offset,
    pub head: Offset,
    /// Owed, and still kept by the road or a lane or not seen to have ended.
    open: BTreeSet<Pair>,
    /// Deliveries that a person has purged, and those that were ever dead.
    purged: BTreeSet<DeliveryId>,
    ever_dead: BTreeSet<DeliveryId>,
    /// Those that died before their filters had said what they come to.
    dead_inputs: BTreeSet<Pair>,
    /// Those that had arrived and were asked for once more.
    ever_resent: BTreeSet<DeliveryId>,
    /// What searches have found that was never begun before.
    found: BTreeSet<Pair>,
    /// Attempted by a version that only a lane that was behind may go by.
    unproven: BTreeMap<Pair, EventId>,
    /// Its chain asked to see it again, at least once, and a row says so.
    postponed: BTreeSet<Pair>,
    /// The same as guests have said it to this process; the rows may be on their way.
    waits_for: BTreeSet<(ChainId, Offset)>,
    /// When a lane row of the endpoint was last on disk, as the number of a commit.
    behind_at: BTreeMap<EndpointId, u64>,
    commits: u64,
    /// Deliveries whose bytes were damaged on purpose.
    pub damaged: BTreeSet<DeliveryId>,
    /// Offsets of events whose content is gone: nobody is owed them.
    erased: BTreeSet<Offset>,
    /// Of those, what each shard of this process was told, and what this process never knew.
    told: BTreeSet<(usize, Offset)>,
    erased_before: BTreeSet<Offset>,
    /// Successes that this process has heard of.
    successes: BTreeSet<DeliveryId>,
    numbers: BTreeMap<u64, BTreeSet<EventId>>,
    /// For how long a key names one event.
    pub duplicate_window: Duration,
    pub furthest_wall: Time,
}

pub struct Known {
    pub event: Arc<Event>,
    /// The number of the commit that brought it.
    pub commit: u64,
}

/// The newest attempt row of an output.
#[derive(Clone, Debug)]
pub struct Ended {
    pub state: AttemptState,
    pub outputs: u32,
    pub number: u32,
    commit: u64,
}

impl Ledger {
    /// Takes in what a commit has written, and looks at all that is owed.
    pub fn apply(&mut self, group: &Group, _now: Time, client: &Client) -> Result<(), Violation> {
        self.commits += 1;
        self.check_offsets(group)?;
        self.note_registry(group);
        self.note_events(group)?;
        self.note_erased(group)?;
        let touched = self.note_rows(group, client)?;
        for pair in touched {
            self.check_rows(pair)?;
            self.open.insert(pair);
        }
        self.prove(group)?;
        self.check_open()
    }

    /// An acknowledged event is in the log, under the id that was told.
    pub fn acked(&self, number: u64, id: EventId, client: &Client) -> Result<(), Violation> {
        let known = self.events.get(&id.offset()).map(|known| known.event.id);
        if known != Some(id) {
            return broken("no loss", format!("event {number} was acked as {id} but is not kept"));
        }
        let is_it = crate::guests::number_of(&self.events[&id.offset()].event) == number;
        if !is_it {
            return broken("no mix-up", format!("event {number} was acked as {id}, another's"));
        }
        let ids = &self.numbers[&number];
        let namesakes: Vec<_> = client.namesakes(number).collect();
        if namesakes.iter().any(|(_, sent)| sent.on_conflict == OnConflict::Store) {
            return Ok(());
        }
        // All that share the key and would rather be refused: one in each window.
        let of = |(number, _): &(u64, &Sent)| self.numbers.get(number).into_iter().flatten();
        let mut times: Vec<_> = namesakes.iter().flat_map(of).map(|id| id.millis()).collect();
        times.sort_unstable();
        // Which ends when any wall clock that the writer has seen says so.
        let ended = (self.furthest_wall - self.duplicate_window).millis();
        if times.iter().rev().skip(1).any(|first| *first >= ended) {
            let words = format!("event {number} is kept as {ids:?}, its key at {times:?} ms");
            return broken("duplicate keys", words);
        }
        Ok(())
    }

    /// An event was refused, for its key is another's.
    pub fn refused(&self, number: u64, id: EventId, client: &Client) -> Result<(), Violation> {
        let is_other = client.namesakes(number).any(|(other, _)| {
            other != number && self.numbers.get(&other).is_some_and(|ids| ids.contains(&id))
        });
        let may_refuse = client.sent[&number].on_conflict == OnConflict::Refuse;
        if !is_other || !may_refuse {
            let words = format!("event {number} was refused for {id}, which has not its key");
            return broken("duplicate keys", words);
        }
        Ok(())
    }

    /// Reads everything anew from what the crash has left. Answers the first offset that an
    /// unsynced tail took with it.
    pub fn crashed(
        &mut self,
        log: &MemLog,
        may_lose: bool,
        lost_commits: u64,
        client: &mut Client,
    ) -> Result<Option<Offset>, Violation> {
        let head = log.head();
        let lost = self.events.split_off(&head);
        for known in lost.values() {
            let number = crate::guests::number_of(&known.event);
            if let Some(ids) = self.numbers.get_mut(&number) {
                ids.remove(&known.event.id);
            }
            let acked = client.acked.get_mut(&number);
            let was_acked = acked.is_some_and(|acked| acked.remove(&known.event.id));
            if was_acked && !may_lose {
                let words = format!("event {number} was acked as {} and is gone", known.event.id);
                return broken("acked is durable", words);
            }
        }
        self.read_back(log, lost_commits);
        self.read_back_erased(log)?;
        self.check_all()?;
        Ok(lost.keys().next().copied())
    }

    /// A shard has taken in that these are erased.
    pub fn told(&mut self, shard: usize, offsets: impl Iterator<Item = Offset>) {
        self.told.extend(offsets.map(|offset| (shard, offset)));
    }

    pub fn attempted(&mut self, shard: usize, attempt: &Attempt) -> Result<(), Violation> {
        let DeliveryId { lane, offset, k } = attempt.delivery;
        let is_known = self.told.contains(&(shard, offset));
        if is_known || self.erased_before.contains(&offset) || attempt.event.is_erased() {
            let words = format!("{:?} goes out, and was erased", attempt.delivery);
            return broken("erased is gone", words);
        }
        let pair = (lane.endpoint, offset);
        let Some(known) = self.events.get(&offset) else {
            return broken("no invention", format!("{:?} is not an event", attempt.delivery));
        };
        if attempt.event.id != known.event.id {
            let words = format!("{:?} went out as {}", attempt.delivery, attempt.event.id);
            return broken("one webhook-id", words);
        }
        if attempt.endpoint.tenant != known.event.envelope.tenant {
            let words = format!("{:?} went to another tenant", attempt.delivery);
            return broken("isolation", words);
        }
        let output = (k, &*attempt.event.body);
        let was_postponed = self.was_postponed(pair);
        let fits = self.versions.that_say(lane.endpoint, &known.event, output, was_postponed);
        if fits.is_empty() {
            let body = String::from_utf8_lossy(&attempt.event.body).into_owned();
            let words = format!("{:?} carries `{body}`: no version says so", attempt.delivery);
            return broken("version rule", words);
        }
        let own = self.versions.at(lane.endpoint, offset).map(|v| v.since);
        let is_own = fits.iter().any(|since| Some(*since) == own);
        if !is_own && !self.was_behind(pair) && !was_postponed {
            // A lane that fell behind may say so in the very commit that holds this outcome.
            self.unproven.insert(pair, known.event.id);
        }
        Ok(())
    }

    /// One success of each delivery, save what a crash made the engine forget.
    pub fn succeeded(&mut self, delivery: DeliveryId) -> Result<(), Violation> {
        // An endpoint that is gone takes its retry rows with it, also that of what is in flight.
        let may_come_again =
            self.is_resent(&delivery) || !self.versions.exists(delivery.lane.endpoint);
        let was_recorded = self.has_arrived(&delivery) && !may_come_again;
        if was_recorded || !self.successes.insert(delivery) {
            return broken("no repeats", format!("{delivery:?} was delivered twice"));
        }
        Ok(())
    }

    /// The newest row of the delivery says that it has arrived.
    fn has_arrived(&self, d: &DeliveryId) -> bool {
        let rows = self.attempts.get(&(d.lane.endpoint, d.offset));
        let row = rows.and_then(|rows| rows.get(&d.k));
        row.is_some_and(|row| row.state == AttemptState::Delivered)
    }

    /// It is to arrive once more, for somebody has asked for it.
    fn is_resent(&self, delivery: &DeliveryId) -> bool {
        self.ever_resent.contains(delivery) && self.retries.contains_key(delivery)
    }

    /// A retry row of this delivery, written now, comes from somebody who has asked for it.
    pub fn is_resend(&self, delivery: &DeliveryId, client: &Client) -> bool {
        client.resends.contains(delivery) && self.has_arrived(delivery)
    }

    /// Deliveries that were the only output of their event, and have arrived.
    pub fn arrived(&self) -> impl Iterator<Item = DeliveryId> {
        self.attempts.iter().filter_map(|((endpoint, offset), rows)| {
            let row = rows.get(&0)?;
            let is_whole = row.state == AttemptState::Delivered && row.outputs == 1;
            let lane = LaneId::main(*endpoint);
            (is_whole && *offset >= self.floor).then_some(DeliveryId {
                lane,
                offset: *offset,
                k: 0,
            })
        })
    }

    /// Guests have asked to see an event again.
    pub fn postponed(&mut self, chain: ChainId, offset: Offset) {
        self.waits_for.insert((chain, offset));
    }

    fn was_postponed(&self, pair: Pair) -> bool {
        let mut chains = self.versions.all(pair.0).filter_map(|version| version.chain_id());
        let is_said = chains.any(|chain| self.waits_for.contains(&(chain, pair.1)));
        is_said || self.postponed.contains(&pair)
    }

    /// It, or the event that it is an output of, was a dead letter once.
    pub fn was_dead(&self, delivery: DeliveryId) -> bool {
        self.ever_dead.contains(&delivery) || self.dead_inputs.contains(&pair_of(&delivery))
    }

    /// A lane of the endpoint was seen to be behind since the event was committed, or a search has
    /// found it long after.
    fn was_behind(&self, pair: Pair) -> bool {
        let since = self.events.get(&pair.1).map_or(0, |known| known.commit);
        self.behind_at.get(&pair.0).is_some_and(|at| *at >= since) || self.found.contains(&pair)
    }

    /// A search has found it: it comes long after its own time. What is found may be sent while the
    /// row that says so is on its way.
    pub fn was_missing(&self, delivery: DeliveryId) -> bool {
        let pair = pair_of(&delivery);
        let searches = self.lanes.iter().filter(|(id, _)| !id.is_main() && id.endpoint == pair.0);
        let mut left = searches.map(|(_, row)| row.cursor..row.high);
        let may_be_found = !self.attempts.contains_key(&pair) && left.any(|l| l.contains(&pair.1));
        may_be_found || self.found.contains(&pair)
    }

    /// After a search over all the log: whatever an endpoint wants by now was begun there.
    pub fn nothing_is_missing(&self) -> Result<(), Violation> {
        for known in self.events.values() {
            let offset = known.event.offset();
            if offset < self.floor || self.erased.contains(&offset) {
                continue;
            }
            for id in self.versions.ids() {
                let begun = self.attempts.contains_key(&(id, offset));
                if !begun && self.versions.wants_by_now(id, &known.event) {
                    return broken("nothing is missing", format!("{id:?} never got {offset:?}"));
                }
            }
        }
        Ok(())
    }

    /// What nobody has to free is done: nothing is in trouble, every lane has read all.
    pub fn is_at_rest(&self, head: Offset) -> bool {
        self.retries.is_empty()
            && self.least >= head
            && self.lanes.iter().all(|(id, row)| id.is_main() && row.cursor >= head)
    }

    /// Nothing is left of what is no longer kept: no bytes without a row, no row without an
    /// endpoint.
    pub fn leaks(&self) -> Result<(), Violation> {
        let is_kept = |d: &&DeliveryId| self.retries.contains_key(d) || self.dead.contains_key(d);
        if let Some(delivery) = self.parcels.iter().find(|d| !is_kept(d)) {
            return broken("no leaks", format!("the bytes of {delivery:?} are kept for nobody"));
        }
        let is_gone = |lane: &&LaneId| !self.versions.exists(lane.endpoint);
        if let Some(lane) = self.lanes.keys().find(is_gone) {
            return broken("no leaks", format!("{lane:?} has a row and no endpoint"));
        }
        Ok(())
    }

    /// A process ended in order: every success that it heard of is on record.
    pub fn stopped(&self) -> Result<(), Violation> {
        let is_noted =
            |d: &&DeliveryId| self.has_arrived(d) || !self.versions.exists(d.lane.endpoint);
        match self.successes.iter().find(|d| !is_noted(d)) {
            None => Ok(()),
            Some(d) => broken("a clean stop forgets nothing", format!("{d:?} is not on record")),
        }
    }

    /// What is in the way of rest, in words.
    pub fn unrest(&self, head: Offset) -> String {
        let is_busy = |id: &LaneId, row: &LaneRow| !id.is_main() || row.cursor < head;
        let lanes: Vec<_> = self.lanes.iter().filter(|(id, row)| is_busy(id, row)).collect();
        let retries: Vec<_> = self.retries.values().map(|(key, _)| key).take(9).collect();
        format!("not at rest: W={:?} of {head:?}, lanes {lanes:?}, trouble {retries:?}", self.least)
    }

    /// Endpoints that wait for a person.
    pub fn paused(&self) -> Vec<EndpointId> {
        let paused = self.lanes.iter().filter(|(_, row)| row.why.is_pause());
        paused.map(|(id, _)| id.endpoint).collect()
    }
}
