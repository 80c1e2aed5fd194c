use crate::ports::{MISSING_EVENTS_MAX, READ_LIMIT};
use crate::{Found, ReadAnswer, ReadRequest, Wish};
use event::{EndpointId, Event, LaneId, Offset, TenantId};
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
            Wish::Lane { lane, .. } | Wish::Missing { lane, .. } => {
                (request.shard, lane.endpoint.0 + 1, lane.n)
            }
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
        Wish::Missing { lane, range, tenant, .. } => missing(
            read(range, log, ReadLimit { events: limit.events.min(MISSING_EVENTS_MAX), ..limit }),
            lane.endpoint,
            tenant,
            log,
        ),
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

/// Of what was read, the tenant's events that the endpoint has no attempt row of. Where a row
/// cannot be read the event may have been sent: it counts as not missing.
fn missing(found: Found, endpoint: EndpointId, tenant: &TenantId, log: &dyn Log) -> Found {
    let Found::Events { events, until } = found else { return found };
    let mut left = Vec::new();
    for event in events.into_iter().filter(|event| event.envelope.tenant == *tenant) {
        match was_begun(&event, endpoint, log) {
            Ok(false) => left.push(event),
            Ok(true) | Err(Failure::Damaged { .. } | Failure::DamagedRow { .. }) => {}
            Err(failure) => return Found::Failed(failure),
        }
    }
    Found::Events { events: left, until }
}

fn was_begun(event: &Event, endpoint: EndpointId, log: &dyn Log) -> Result<bool, Failure> {
    let rows = log.attempts(event.offset().only())?;
    Ok(rows.iter().any(|row| row.delivery.lane == LaneId::main(endpoint)))
}
