mod wish;

pub(crate) use wish::Wish;

use crate::api::header_pairs;
use crate::explain::time;
use crate::letter;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::{DeadRow, DeliveryId, EndpointId, Parcel, Stage, TenantId};
use log::{Failure, Log};
use registry::History;
use serde_json::{Value, json};
use std::ops::ControlFlow;

/// What one page looks at in vain: so many letters, and the bytes of so many, which alone say of
/// what type their events are.
const ROWS_MAX: usize = 10_000;
const PARCELS_MAX: usize = 1_000;
const PARCEL_BYTES_MAX: usize = 16 << 20;
/// Letters that are asked for at a time where not all are meant.
const STEP: usize = 512;

/// A page, in the order of endpoint and offset. `iterator` is the place of the next page.
pub(crate) fn list(log: &dyn Log, history: &History, wish: &Wish) -> Result<Value, Failure> {
    let mut walk = Walk::new(log, history, wish);
    walk.go()?;
    if walk.is_incomplete {
        tracing::warn!("some dead letters are in a block of the disk that cannot be read");
    }
    let next = walk.next.map(letter::name);
    Ok(json!({
        "data": walk.letters,
        "done": next.is_none(),
        "iterator": next,
        // There are others whose names cannot be read.
        "incomplete": walk.is_incomplete,
        // Others were met that are damaged and do not say whether they are meant.
        "unknown": walk.unknown,
    }))
}

/// What a page has met so far.
struct Walk<'a> {
    log: &'a dyn Log,
    history: &'a History,
    wish: &'a Wish,
    letters: Vec<Value>,
    unknown: u64,
    is_incomplete: bool,
    /// The first that the page does not have, or has not looked at.
    next: Option<DeliveryId>,
    rows: usize,
    parcels: usize,
    parcel_bytes: usize,
}

/// What is found of a letter.
enum Fit {
    Meant(Kept),
    Other,
    Unknown,
}

impl<'a> Walk<'a> {
    fn new(log: &'a dyn Log, history: &'a History, wish: &'a Wish) -> Walk<'a> {
        Walk {
            log,
            history,
            wish,
            letters: Vec::new(),
            unknown: 0,
            is_incomplete: false,
            next: None,
            rows: 0,
            parcels: 0,
            parcel_bytes: 0,
        }
    }

    fn go(&mut self) -> Result<(), Failure> {
        let step = if self.wish.takes_all() { self.wish.limit + 1 } else { STEP };
        let mut from = self.wish.start();
        loop {
            let page = self.log.letters(from, step)?;
            self.is_incomplete |= page.is_incomplete;
            let is_last = page.rows.len() < step && !page.is_incomplete;
            let Some((last, _)) = page.rows.last() else { return Ok(()) };
            from = Some(self.behind(*last));
            for (delivery, row) in &page.rows {
                if self.take(*delivery, row.as_ref())?.is_break() {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Where to go on behind a letter: behind all of its endpoint where none of them is meant.
    fn behind(&self, last: DeliveryId) -> DeliveryId {
        let endpoint = last.lane.endpoint;
        match self.wish.is_of_app(self.tenant(endpoint)) {
            Some(false) => wish::first_of(EndpointId(endpoint.0.saturating_add(1))),
            _ => last.next(),
        }
    }

    /// The application of an endpoint that is still there.
    fn tenant(&self, endpoint: EndpointId) -> Option<&'a TenantId> {
        self.history.latest().endpoint(endpoint).map(|found| &found.tenant)
    }

    /// Ends the page before what it has no room for, and when it has looked at enough.
    fn take(
        &mut self,
        delivery: DeliveryId,
        row: Option<&DeadRow>,
    ) -> Result<ControlFlow<()>, Failure> {
        if self.wish.endpoint.is_some_and(|endpoint| delivery.lane.endpoint != endpoint) {
            return Ok(ControlFlow::Break(()));
        }
        let is_tired = self.rows >= ROWS_MAX
            || self.parcels >= PARCELS_MAX
            || self.parcel_bytes >= PARCEL_BYTES_MAX;
        if is_tired {
            self.next = Some(delivery);
            return Ok(ControlFlow::Break(()));
        }
        self.rows += 1;
        match self.look(delivery, row)? {
            Fit::Other => {}
            Fit::Unknown => self.unknown += 1,
            Fit::Meant(_) if self.letters.len() == self.wish.limit => {
                self.next = Some(delivery);
                return Ok(ControlFlow::Break(()));
            }
            Fit::Meant(kept) => self.letters.push(describe(self.history, delivery, row, &kept)),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn look(&mut self, delivery: DeliveryId, row: Option<&DeadRow>) -> Result<Fit, Failure> {
        let (wish, tenant) = (self.wish, self.tenant(delivery.lane.endpoint));
        let of_time = wish.is_of_time(row);
        if of_time == Some(false) || wish.is_of_app(tenant) == Some(false) {
            return Ok(Fit::Other);
        }
        let kept = bytes(self.log, delivery)?;
        self.parcels += 1;
        let event = match &kept {
            Kept::Whole(parcel) => Some(&parcel.event),
            Kept::Damaged | Kept::Nothing => None,
        };
        self.parcel_bytes += event.map_or(0, |event| event.weight());
        let envelope = event.map(|event| &event.envelope);
        let tenant = tenant.or(envelope.map(|envelope| &envelope.tenant));
        let all = [of_time, wish.is_of_app(tenant), wish.is_of_type(envelope)];
        Ok(match (all.contains(&Some(false)), all.contains(&None)) {
            (true, _) => Fit::Other,
            (false, true) => Fit::Unknown,
            (false, false) => Fit::Meant(kept),
        })
    }
}

/// One letter with the bytes that would be sent, or that the chain would see.
pub(crate) fn show(
    log: &dyn Log,
    history: &History,
    delivery: DeliveryId,
) -> Result<Option<Value>, Failure> {
    let row = match log.letter(delivery) {
        Ok(None) => return Ok(None),
        Ok(row) => row,
        Err(Failure::DamagedRow { .. }) => None,
        Err(failure) => return Err(failure),
    };
    let kept = bytes(log, delivery)?;
    let mut letter = describe(history, delivery, row.as_ref(), &kept);
    if let Kept::Whole(parcel) = kept {
        letter["headers"] = header_pairs(&parcel.event.envelope.headers);
        letter["bodyBase64"] = STANDARD.encode(&parcel.event.body).into();
    }
    Ok(Some(letter))
}

/// What is left of a letter's bytes.
enum Kept {
    Whole(Parcel),
    /// They are not what was written.
    Damaged,
    Nothing,
}

/// Damage to one letter says nothing of the others.
fn bytes(log: &dyn Log, delivery: DeliveryId) -> Result<Kept, Failure> {
    match log.parcel(delivery) {
        Ok(parcel) => Ok(parcel.map_or(Kept::Nothing, Kept::Whole)),
        Err(Failure::Damaged { .. } | Failure::DamagedRow { .. }) => Ok(Kept::Damaged),
        Err(failure) => Err(failure),
    }
}

/// Without a row of what is damaged.
fn describe(history: &History, delivery: DeliveryId, row: Option<&DeadRow>, kept: &Kept) -> Value {
    let endpoint = history.latest().endpoint(delivery.lane.endpoint);
    let event = match kept {
        Kept::Whole(parcel) => Some(&parcel.event),
        Kept::Damaged | Kept::Nothing => None,
    };
    json!({
        "id": letter::name(delivery),
        "app": event.map(|event| event.envelope.tenant.as_str()),
        "endpointId": delivery.lane.endpoint.to_string(),
        // None when the endpoint is gone: a redrive would go nowhere.
        "endpoint": endpoint.map(|endpoint| &*endpoint.name),
        "eventId": event.map(|event| event.id.to_string()),
        "eventType": event.map(|event| &*event.envelope.event_type),
        "offset": delivery.offset.0,
        "output": delivery.k,
        "replay": delivery.lane.n,
        "attempts": row.map(|row| row.attempts),
        "reason": row.map_or("not known: its row is damaged", |row| &*row.reason),
        "diedAt": row.map(|row| time(row.at)),
        // Whether a redrive sends it as it is or runs the chain first.
        "stage": row.map(|row| match row.stage {
            Stage::Input => "input",
            Stage::Output => "output",
        }),
        "bytes": event.map(|event| event.body.len()),
        // Then it can be purged, and a redrive sends nothing.
        "damaged": row.is_none() || matches!(kept, Kept::Damaged),
    })
}
