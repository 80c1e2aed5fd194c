use crate::{Found, ReadAnswer, ReadRequest, Wish, ports::READ_LIMIT};
use event::Offset;
use log::{Failure, Log, ReadLimit};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// Serves every cold read, one at a time, in turn for each tenant and lane: a lane that reads a
/// long backlog holds nobody up for longer than one read.
pub struct Reader {
    limit: ReadLimit,
    queues: BTreeMap<Place, VecDeque<ReadRequest>>,
    /// Whose turn is next.
    turn: Place,
}

/// Routers and parcels come in a queue of each shard's own, lanes in one a lane.
type Place = (u32, u64, u32);

impl Default for Reader {
    fn default() -> Reader {
        Reader::limited(READ_LIMIT)
    }
}

impl Reader {
    /// One read brings no more than this.
    pub fn limited(limit: ReadLimit) -> Reader {
        Reader { limit, queues: BTreeMap::new(), turn: Place::default() }
    }

    pub fn push(&mut self, request: ReadRequest) {
        let place = match &request.wish {
            Wish::Route { .. } | Wish::Parcel { .. } => (request.shard, 0, 0),
            Wish::Lane { lane, .. } => (request.shard, lane.endpoint.0 + 1, lane.n),
        };
        self.queues.entry(place).or_default().push_back(request);
    }

    pub fn is_idle(&self) -> bool {
        self.queues.is_empty()
    }

    /// Serves one request, if there is one.
    pub fn step(&mut self, log: &dyn Log) -> Option<ReadAnswer> {
        let place = self.next_place()?;
        let queue = self.queues.get_mut(&place).expect("it was found here");
        let request = queue.pop_front().expect("empty queues are removed");
        if queue.is_empty() {
            self.queues.remove(&place);
        }
        self.turn = (place.0, place.1, place.2 + 1);
        Some(serve(request, log, self.limit))
    }

    fn next_place(&self) -> Option<Place> {
        let later = self.queues.range(self.turn..).next();
        later.or_else(|| self.queues.iter().next()).map(|(place, _)| *place)
    }
}

fn serve(request: ReadRequest, log: &dyn Log, limit: ReadLimit) -> ReadAnswer {
    let ReadRequest { shard, wish } = request;
    let found = match &wish {
        Wish::Route { range } | Wish::Lane { range, .. } => read(range, log, limit),
        Wish::Parcel { delivery } => match log.parcel(*delivery) {
            Ok(parcel) => Found::Parcel(parcel),
            Err(Failure::Damaged { .. }) => Found::Parcel(None),
            Err(failure) => Found::Failed(failure),
        },
    };
    ReadAnswer { shard, wish, found }
}

fn read(range: &Range<Offset>, log: &dyn Log, limit: ReadLimit) -> Found {
    match log.read(range.clone(), limit) {
        Ok(events) => {
            let bytes: usize = events.iter().map(|event| event.weight()).sum();
            let was_cut = events.len() >= limit.events || bytes >= limit.bytes;
            let last = events.last().map(|event| event.offset().next());
            // Fewer than asked for without a limit in the way: damage lies behind the last one,
            // or the range has ended.
            let until = match last {
                Some(last) if was_cut || last < range.end => last,
                _ => range.end,
            };
            Found::Events { events, until }
        }
        Err(Failure::Damaged { offset }) => Found::Damaged { offset },
        Err(failure) => Found::Failed(failure),
    }
}
