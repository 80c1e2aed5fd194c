use crate::api::Role;
use crate::letter;
use crate::walk::{self, End, Path};
use event::{DeliveryId, Due, Event, EventId, Offset, Parcel, RetryKey, TenantId, Time, hash_of};
use log::{Failure, Letters, Log};
use registry::History;
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
    /// Of events that the log has no more, or not readable; those of others the writer finds.
    pub deliveries: Vec<DeliveryId>,
    pub damaged: Damaged,
    /// Where to go on. None: all has been looked at.
    pub next: Option<Place>,
}

/// How many events and deliveries stay because something of them cannot be read.
#[derive(Clone, Copy, Default)]
pub(super) struct Damaged {
    /// Whosesoever they are.
    all: usize,
    /// Those that surely are the application's.
    own: usize,
}

impl Damaged {
    fn note(&mut self, is_own: bool) {
        self.all += 1;
        self.own += usize::from(is_own);
    }

    /// Whose key is bound to an application learns nothing of others'.
    pub fn told(self, role: &Role) -> usize {
        match *role == Role::Admin {
            true => self.all,
            false => self.own,
        }
    }
}

impl Found {
    /// Without the events of which it cannot be read which deliveries keep them: the writer refuses
    /// such a one with all that are beside it.
    pub fn erasable(mut self, log: &dyn Log) -> Result<Found, Failure> {
        let mut stubs = Vec::with_capacity(self.stubs.len());
        for stub in std::mem::take(&mut self.stubs) {
            match readable(log.attempts(stub.offset().only()))? {
                Some(_) => stubs.push(stub),
                None => self.damaged.note(true),
            }
        }
        self.stubs = stubs;
        Ok(self)
    }
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
    pub fn gather(
        &self,
        log: &dyn Log,
        history: &History,
        place: Place,
        now: Time,
    ) -> Result<Found, Failure> {
        let page = match place {
            Place::Event(from) => return self.in_log(log, from, now),
            Place::Retry(from) => retries(log, from)?,
            Place::Dead(from) => letters(log, from)?,
        };
        let mut kept = Kept::new(log, history, &self.app, now);
        kept.damaged.all += usize::from(page.is_incomplete);
        for delivery in page.deliveries {
            if kept.is_lost(delivery.offset)? {
                kept.look(delivery, |parcel| self.wants_parcel(parcel))?;
            }
        }
        Ok(Found { next: page.next, ..kept.whole() })
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
        // The next look begins there, and passes the others itself. Whose they are nobody knows.
        let all = damaged.into_iter().filter(|at| *at < next.offset()).count();
        let damaged = Damaged { all, own: 0 };
        Ok(Found { stubs, damaged, next: Some(next), ..Found::default() })
    }
}

/// Some of what is in trouble, or of the dead, as far as it can be read.
struct Page {
    deliveries: Vec<DeliveryId>,
    next: Option<Place>,
    /// There are others that cannot be read: one at least.
    is_incomplete: bool,
}

/// Up to the first row that cannot be read; where that one is the first, it ends them.
fn retries(log: &dyn Log, from: Option<RetryKey>) -> Result<Page, Failure> {
    let mut count = ROWS_MAX;
    let rows = loop {
        match readable(log.retries(from, count))? {
            Some(rows) => break rows,
            None if count > 1 => count /= 2,
            None => {
                let next = Some(Place::Dead(None));
                return Ok(Page { deliveries: Vec::new(), next, is_incomplete: true });
            }
        }
    };
    let last = rows.last().filter(|_| rows.len() == count).map(|(key, _)| *key);
    let next = last.map(|last| RetryKey { delivery: last.delivery.next(), ..last });
    let next = next.map_or(Place::Dead(None), |next| Place::Retry(Some(next)));
    let deliveries = rows.into_iter().map(|(key, _)| key.delivery).collect();
    Ok(Page { deliveries, next: Some(next), is_incomplete: false })
}

fn letters(log: &dyn Log, from: Option<DeliveryId>) -> Result<Page, Failure> {
    let Letters { rows, is_incomplete } = log.letters(from, ROWS_MAX)?;
    let last = rows.last().filter(|_| rows.len() == ROWS_MAX).map(|(id, _)| *id);
    let next = last.map(|last| Place::Dead(Some(last.next())));
    let deliveries = rows.into_iter().map(|(id, _)| id).collect();
    Ok(Page { deliveries, next, is_incomplete })
}

/// None where what was asked for is damaged.
fn readable<T>(found: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match found {
        Err(Failure::Damaged { .. } | Failure::DamagedRow { .. }) => Ok(None),
        found => found.map(Some),
    }
}

/// Deliveries of which only their parcels are left, or can be read: these say what they were.
struct Kept<'a> {
    log: &'a dyn Log,
    history: &'a History,
    app: &'a TenantId,
    now: Time,
    stubs: BTreeMap<Offset, Arc<Event>>,
    deliveries: Vec<DeliveryId>,
    damaged: Damaged,
    /// Whether those that were asked for are lost.
    lost: BTreeMap<Offset, bool>,
}

impl<'a> Kept<'a> {
    fn new(log: &'a dyn Log, history: &'a History, app: &'a TenantId, now: Time) -> Kept<'a> {
        Kept {
            log,
            history,
            app,
            now,
            stubs: BTreeMap::new(),
            deliveries: Vec::new(),
            damaged: Damaged::default(),
            lost: BTreeMap::new(),
        }
    }

    /// Whether the log has no event there, or a record that nobody can read.
    fn is_lost(&mut self, offset: Offset) -> Result<bool, Failure> {
        if offset < self.log.floor() {
            return Ok(true);
        }
        if let Some(is_lost) = self.lost.get(&offset) {
            return Ok(*is_lost);
        }
        let is_lost = readable(self.log.event(offset))?.flatten().is_none();
        self.lost.insert(offset, is_lost);
        Ok(is_lost)
    }

    fn look(
        &mut self,
        delivery: DeliveryId,
        wants: impl Fn(&Parcel) -> bool,
    ) -> Result<(), Failure> {
        let Some(parcel) = readable(self.log.parcel(delivery))? else {
            // A person may purge it.
            let is_own = self.is_own(delivery);
            self.damaged.note(is_own);
            return Ok(());
        };
        if let Some(parcel) = parcel.filter(wants) {
            self.stubs.insert(delivery.offset, Arc::new(parcel.event.stub(self.now)));
            self.deliveries.push(delivery);
        }
        Ok(())
    }

    /// Whether a delivery is of the application whatever it holds: its endpoint is.
    fn is_own(&self, delivery: DeliveryId) -> bool {
        let mut all = self.history.endpoints_from(delivery.lane.endpoint, delivery.offset);
        all.any(|endpoint| endpoint.tenant == *self.app)
    }

    fn whole(self) -> Found {
        let Kept { stubs, deliveries, damaged, .. } = self;
        let stubs = stubs.into_values().collect();
        Found { stubs, deliveries, damaged, next: None }
    }
}

/// One event, wherever it still is.
pub(super) fn one(
    log: &dyn Log,
    history: &History,
    app: &TenantId,
    id: EventId,
    now: Time,
) -> Result<Found, Failure> {
    let offset = id.offset();
    let is_it = |event: &Event| event.id == id && event.envelope.tenant == *app;
    let is_in_log = offset >= log.floor();
    if is_in_log && let Some(event) = readable(log.event(offset))? {
        // Over a stub the same comes once more.
        let stub = |event: Arc<Event>| match event.is_erased() {
            true => event,
            false => Arc::new(event.stub(now)),
        };
        let event = event.filter(|event| is_it(event));
        return Ok(Found { stubs: event.map(stub).into_iter().collect(), ..Found::default() });
    }
    let (mut kept, mut place) = (Kept::new(log, history, app, now), Some(Place::Retry(None)));
    loop {
        let page = match place {
            Some(Place::Retry(from)) => retries(log, from)?,
            Some(Place::Dead(from)) => letters(log, from)?,
            Some(Place::Event(_)) | None => break,
        };
        kept.damaged.all += usize::from(page.is_incomplete);
        for delivery in page.deliveries.into_iter().filter(|delivery| delivery.offset == offset) {
            kept.look(delivery, |parcel| is_it(&parcel.event))?;
        }
        place = page.next;
    }
    let mut found = kept.whole();
    // A stub takes the place of the record.
    found.damaged.all += usize::from(is_in_log && found.stubs.is_empty());
    Ok(found)
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
