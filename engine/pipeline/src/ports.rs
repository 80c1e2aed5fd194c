//! What the pumps say to each other and to the rooms behind the ports.

use crate::Pairs;
use crate::screen::Place;
use event::{
    Attempted, DeliveryId, EndpointId, Event, LaneId, LaneRow, Offset, Parcel, RetryKey, RetryRow,
    TenantId, Verdict,
};
use log::{Failure, ReadLimit};
use registry::{Chain, ChainId, Endpoint, FilterVersion, History};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Weak};

/// Events that the writer has committed, with the versions that rule them.
#[derive(Debug)]
pub struct Batch {
    /// Dense; empty when only the registry changed.
    pub events: Vec<Arc<Event>>,
    /// One past the last event that is durable.
    pub head: Offset,
    pub history: Arc<History>,
}

/// Events to be judged by one run of filters, for all chains that have these.
#[derive(Clone, Debug)]
pub struct Question {
    /// The shard's own number for it.
    pub id: u64,
    pub shard: u32,
    /// Who asks: at least one. They have one tenant and equal filters, and no two the same
    /// condition.
    pub chains: Vec<Arc<Chain>>,
    /// In offset order, within the limits of a guest's batch.
    pub events: Vec<Arc<Event>>,
    /// How often each of them was asked about before: of those who ask, by whom it was most often.
    pub runs: Vec<u32>,
    /// By which of the chains (columns) each of the events (rows) is asked about.
    pub asking: Pairs,
    pub askers: Askers,
}

/// Whether somebody still waits for an answer: a change of an endpoint makes it ask anew, however
/// much it has asked before.
#[derive(Clone, Debug)]
pub struct Askers {
    /// One for each turn of a lane: it is gone once the turn has ended.
    pub turns: Arc<[Weak<()>]>,
    /// There are others, who wait whatever comes.
    pub has_lasting: bool,
}

impl Askers {
    /// Those who wait whatever comes.
    pub fn lasting() -> Askers {
        Askers { turns: Arc::new([]), has_lasting: true }
    }

    pub fn wait(&self) -> bool {
        self.has_lasting || self.turns.iter().any(|turn| turn.strong_count() > 0)
    }
}

impl Question {
    /// What is run.
    pub fn run(&self) -> ChainId {
        self.any().run
    }

    pub fn tenant(&self) -> &TenantId {
        &self.any().tenant
    }

    /// Where it waits for its turn.
    pub fn place(&self) -> Place {
        (self.tenant().clone(), self.run())
    }

    /// Those that are run. None: only conditions are asked.
    pub fn filters(&self) -> &[Arc<FilterVersion>] {
        &self.any().filters
    }

    /// What is answered when nobody waits for it any more: it has no effect.
    pub(crate) fn unasked(&self) -> Answer {
        let verdict = Verdict::Stop { reason: "nobody waits for it".into() };
        let (verdicts, unmet) = (vec![verdict; self.events.len()], Pairs::default());
        Answer { id: self.id, shard: self.shard, verdicts, unmet, fuel: 0 }
    }

    fn any(&self) -> &Chain {
        self.chains.first().expect("somebody asks")
    }
}

/// What was said of each event of a question, in its order.
#[derive(Clone, Debug)]
pub struct Answer {
    pub id: u64,
    pub shard: u32,
    /// Of the filters: they hold for the chains whose condition matches.
    pub verdicts: Vec<Verdict>,
    /// Which of the events (rows) were asked about by chains (columns) whose condition does not
    /// match: to these they are dropped, whatever the filters made of them for others.
    pub unmet: Pairs,
    /// What it cost, for the fair queue.
    pub fuel: u64,
}

/// A delivery to try once.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub delivery: DeliveryId,
    /// From 1.
    pub number: u32,
    /// The output to send; its id and `delivery.k` make the `webhook-id`.
    pub event: Arc<Event>,
    /// The newest version: a corrected URL counts for retries too.
    pub endpoint: Arc<Endpoint>,
}

/// A read of the log that a shard waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    pub shard: u32,
    pub wish: Wish,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The router has fallen off the hot path.
    Route {
        range: Range<Offset>,
    },
    Lane {
        lane: LaneId,
        turn: u64,
        range: Range<Offset>,
    },
    Parcel {
        delivery: DeliveryId,
    },
    /// What there is of a tenant's events that no attempt row of the endpoint's lane names.
    Missing {
        lane: LaneId,
        turn: u64,
        range: Range<Offset>,
        tenant: TenantId,
    },
}

/// What a read has brought.
#[derive(Debug)]
pub struct ReadAnswer {
    pub shard: u32,
    pub wish: Wish,
    pub found: Found,
}

#[derive(Debug)]
pub enum Found {
    /// Everything in the range below `until`.
    Events {
        events: Vec<Arc<Event>>,
        until: Offset,
    },
    Parcel(Option<Parcel>),
    /// The record at the start of what was left of the range is not what was written.
    Damaged {
        offset: Offset,
    },
    /// The log cannot be read: the process is about to end.
    Failed(Failure),
}

/// How much a read for a lane or a router brings at most.
pub const READ_LIMIT: ReadLimit = ReadLimit { events: 512, bytes: 1 << 20 };

/// Events of one read for a search: each of them costs a look at its attempt rows.
pub const MISSING_EVENTS_MAX: usize = 128;

/// What a shard is told.
#[derive(Debug)]
pub enum ToShard {
    Committed(Arc<Batch>),
    /// The report that was under way is on disk, and with it this as the least watermark of all
    /// shards: no restart walks the road below it again.
    Reported {
        least: Offset,
    },
    /// Retention will take everything below at its next turn: lanes that are owed nothing there
    /// move on, so that no gap is put on record for them.
    Expiring(Offset),
    /// Retention has taken everything below.
    Floor(Offset),
    Answer(Answer),
    Outcome {
        delivery: DeliveryId,
        attempt: Attempted,
    },
    Read(ReadAnswer),
    /// A person wants a dead letter tried again; its retry row is on disk.
    Redriven {
        key: RetryKey,
        row: RetryRow,
    },
    /// A person wants an endpoint to get what it was never sent; the row of the search is on disk.
    Search {
        lane: LaneId,
        row: LaneRow,
    },
    /// A person ends the pause of an endpoint.
    Resume(EndpointId),
    /// The content of these events is erased: what was not sent by now is not sent any more.
    Erased(Arc<BTreeMap<Offset, Arc<Event>>>),
    /// Start nothing more.
    Drain,
}

/// What a shard wants done.
#[derive(Debug)]
pub enum FromShard {
    Attempt(Attempt),
    Ask(Question),
    Read(ReadRequest),
    Report(Report),
    /// Nothing is to be done: it is told for those who count.
    Judged {
        endpoint: EndpointId,
        event: Arc<Event>,
        ruling: Ruling,
        /// Not the first time that the chain was asked about it.
        is_again: bool,
    },
}

/// What a chain came to at an endpoint. One that stops has come to nothing, and is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    Sent,
    Dropped,
    /// A dead letter was made of it.
    Rejected,
    Postponed,
}

/// Rows for the next commit, and the watermark that holds once they are on disk.
#[derive(Debug)]
pub struct Report {
    pub shard: u32,
    pub effects: dispatch::Effects,
    pub watermark: Offset,
}
