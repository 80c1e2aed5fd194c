use crate::letter;
use crate::walk::{self, End, Path};
use event::{DeliveryId, Due, Event, EventId, Offset, Parcel, RetryKey, TenantId, Time, hash_of};
use log::{Failure, Letters, Log};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Events of one command: the writer looks at the rows of each.
const EVENTS_MAX: usize = 256;
/// Rows that one look goes over; few of them are of events that retention has taken.
const ROWS_MAX: usize = 5_000;

/// Which events are to be erased.
pub(super) struct Wanted {
    pub app: TenantId,
    /// None: all of them.
    pub key: Option<Arc<str>>,
}

/// What is to be erased now.
#[derive(Default)]
pub(super) struct Found {
    /// In offset order.
    pub stubs: Vec<Arc<Event>>,
    /// Of events that retention has taken; those of others the writer finds.
    pub deliveries: Vec<DeliveryId>,
    /// Events and parcels that nobody can read, whosesoever they are.
    pub damaged: usize,
    /// Where to go on. None: all has been looked at.
    pub next: Option<Place>,
}

/// How far a walk has come: over the log, then over what is in trouble, then over the dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Event(Offset),
    Retry(Option<RetryKey>),
    Dead(Option<DeliveryId>),
}

impl Default for Place {
    fn default() -> Place {
        Place::Event(Offset::ZERO)
    }
}

impl Place {
    /// How far it has looked, of the log's offsets.
    pub fn offset(self) -> Offset {
        match self {
            Place::Event(at) => at,
            Place::Retry(_) | Place::Dead(_) => Offset::MAX,
        }
    }

    pub fn read(text: &str) -> Option<Place> {
        let (kind, rest) = text.split_at_checked(2)?;
        match kind {
            "e-" => Some(Place::Event(Offset(rest.parse().ok()?))),
            "r-" if rest.is_empty() => Some(Place::Retry(None)),
            "r-" => {
                let (due, delivery) = rest.split_once('-')?;
                let due = match due {
                    "parked" => Due::Parked,
                    nanos => Due::At(Time::from_nanos(nanos.parse().ok()?)),
                };
                Some(Place::Retry(Some(RetryKey { due, delivery: letter::read(delivery)? })))
            }
            "d-" if rest.is_empty() => Some(Place::Dead(None)),
            "d-" => Some(Place::Dead(Some(letter::read(rest)?))),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Event(at) => write!(f, "e-{}", at.0),
            Place::Retry(None) => f.write_str("r-"),
            Place::Retry(Some(RetryKey { due: Due::Parked, delivery })) => {
                write!(f, "r-parked-{}", letter::name(*delivery))
            }
            Place::Retry(Some(RetryKey { due: Due::At(time), delivery })) => {
                write!(f, "r-{}-{}", time.nanos(), letter::name(*delivery))
            }
            Place::Dead(None) => f.write_str("d-"),
            Place::Dead(Some(delivery)) => write!(f, "d-{}", letter::name(*delivery)),
        }
    }
}

impl Wanted {
    fn wants(&self, event: &Event) -> bool {
        let envelope = &event.envelope;
        envelope.tenant == self.app
            && !event.is_erased()
            && self.key.as_deref().is_none_or(|key| envelope.key.as_deref() == Some(key))
    }

    /// A filter may have taken the key away, or made another of it.
    fn wants_parcel(&self, parcel: &Parcel) -> bool {
        let is_key = |key: &str| parcel.input_key == Some(hash_of(key.as_bytes()));
        let of_input = self.key.as_deref().is_some_and(is_key);
        let event = &parcel.event;
        let is_own = || event.envelope.tenant == self.app && !event.is_erased();
        self.wants(event) || (of_input && is_own())
    }

    /// Some of it, from a place on.
    pub fn gather(&self, log: &dyn Log, place: Place, now: Time) -> Result<Found, Failure> {
        match place {
            Place::Event(from) => self.in_log(log, from, now),
            Place::Retry(from) => {
                let rows = log.retries(from, ROWS_MAX)?;
                let next = rows.last().filter(|_| rows.len() == ROWS_MAX).map(|(key, _)| {
                    Place::Retry(Some(RetryKey { delivery: key.delivery.next(), ..*key }))
                });
                let all = rows.into_iter().map(|(key, _)| key.delivery);
                self.in_parcels(log, all, next.unwrap_or(Place::Dead(None)), now)
            }
            Place::Dead(from) => {
                let Letters { rows, is_incomplete } = log.letters(from, ROWS_MAX)?;
                let last = rows.last().filter(|_| rows.len() == ROWS_MAX).map(|(id, _)| *id);
                let all = rows.into_iter().map(|(id, _)| id);
                let next = Place::Dead(last.map(|last| last.next()));
                let mut found = self.in_parcels(log, all, next, now)?;
                found.next = found.next.filter(|_| last.is_some());
                // One at least.
                found.damaged += usize::from(is_incomplete);
                Ok(found)
            }
        }
    }

    fn in_log(&self, log: &dyn Log, from: Offset, now: Time) -> Result<Found, Failure> {
        let (mut stubs, mut damaged) = (Vec::new(), Vec::new());
        let path = Path { range: from..Offset::MAX, is_newest_first: false };
        let mut last = from;
        let end = walk::events_and_damaged(log, path, &mut damaged, |event| {
            if self.wants(event) {
                stubs.push(Arc::new(event.stub(now)));
            }
            last = event.offset();
            Ok(match stubs.len() < EVENTS_MAX {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            })
        })?;
        let next = match end {
            End::Whole => Place::Retry(None),
            End::Enough => Place::Event(last.next()),
            End::Tired(at) => Place::Event(at.next()),
        };
        // The next look begins there, and passes the others itself.
        let damaged = damaged.into_iter().filter(|at| *at < next.offset()).count();
        Ok(Found { stubs, damaged, next: Some(next), ..Found::default() })
    }

    /// Among deliveries whose events retention has taken: their parcels say what they were.
    fn in_parcels(
        &self,
        log: &dyn Log,
        all: impl Iterator<Item = DeliveryId>,
        next: Place,
        now: Time,
    ) -> Result<Found, Failure> {
        let floor = log.floor();
        let mut found = Kept::default();
        for delivery in all.filter(|delivery| delivery.offset < floor) {
            found.look(log, delivery, now, |parcel| self.wants_parcel(parcel))?;
        }
        Ok(Found { next: Some(next), ..found.whole() })
    }
}

/// Deliveries of which only their parcels are left.
#[derive(Default)]
struct Kept {
    stubs: BTreeMap<Offset, Arc<Event>>,
    deliveries: Vec<DeliveryId>,
    damaged: usize,
}

impl Kept {
    fn look(
        &mut self,
        log: &dyn Log,
        delivery: DeliveryId,
        now: Time,
        wants: impl Fn(&Parcel) -> bool,
    ) -> Result<(), Failure> {
        let parcel = match log.parcel(delivery) {
            // Nobody can read it; a person may purge it.
            Err(Failure::Damaged { .. } | Failure::DamagedRow { .. }) => {
                self.damaged += 1;
                None
            }
            parcel => parcel?,
        };
        if let Some(parcel) = parcel.filter(wants) {
            self.stubs.insert(delivery.offset, Arc::new(parcel.event.stub(now)));
            self.deliveries.push(delivery);
        }
        Ok(())
    }

    fn whole(self) -> Found {
        let Kept { stubs, deliveries, damaged } = self;
        let stubs = stubs.into_values().collect();
        Found { stubs, deliveries, damaged, next: None }
    }
}

/// One event, wherever it still is.
pub(super) fn one(log: &dyn Log, app: &TenantId, id: EventId, now: Time) -> Result<Found, Failure> {
    let offset = id.offset();
    let is_it = |event: &Event| event.id == id && event.envelope.tenant == *app;
    if offset >= log.floor() {
        let event = match log.event(offset) {
            Err(Failure::Damaged { .. }) => {
                return Ok(Found { damaged: 1, ..Found::default() });
            }
            event => event?.filter(|event| is_it(event)),
        };
        // Over a stub the same comes once more.
        let stub = |event: Arc<Event>| match event.is_erased() {
            true => event,
            false => Arc::new(event.stub(now)),
        };
        return Ok(Found { stubs: event.map(stub).into_iter().collect(), ..Found::default() });
    }
    let (mut kept, mut from) = (Kept::default(), None);
    loop {
        let rows = log.retries(from, ROWS_MAX)?;
        let last = rows.last().filter(|_| rows.len() == ROWS_MAX).map(|(key, _)| *key);
        for (key, _) in rows.iter().filter(|(key, _)| key.delivery.offset == offset) {
            kept.look(log, key.delivery, now, |parcel| is_it(&parcel.event))?;
        }
        let Some(last) = last else { break };
        from = Some(RetryKey { delivery: last.delivery.next(), ..last });
    }
    let mut from = None;
    loop {
        let rows = log.letters(from, ROWS_MAX)?.rows;
        let last = rows.last().filter(|_| rows.len() == ROWS_MAX).map(|(id, _)| *id);
        for (delivery, _) in rows.iter().filter(|(delivery, _)| delivery.offset == offset) {
            kept.look(log, *delivery, now, |parcel| is_it(&parcel.event))?;
        }
        let Some(last) = last else { break };
        from = Some(last.next());
    }
    Ok(kept.whole())
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{EndpointId, LaneId};

    #[test]
    fn every_place_is_read_back() {
        let lane = LaneId { endpoint: EndpointId(7), n: 2 };
        let delivery = DeliveryId { lane, offset: Offset(9), k: 1 };
        let retry = |due| Place::Retry(Some(RetryKey { due, delivery }));
        for place in [
            Place::default(),
            Place::Event(Offset(u64::MAX)),
            Place::Retry(None),
            retry(Due::Parked),
            retry(Due::At(Time::from_nanos(17))),
            Place::Dead(None),
            Place::Dead(Some(delivery)),
        ] {
            assert_eq!(Place::read(&place.to_string()), Some(place), "{place}");
        }
        for bad in ["", "e", "e-", "e--1", "x-1", "r-1", "r-later-dl_7-2-9-1", "d-7", "é-1"] {
            assert_eq!(Place::read(bad), None, "{bad}");
        }
    }
}
