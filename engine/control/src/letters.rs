use crate::api::{Query, header_pairs, page_limit};
use crate::explain::time;
use crate::letter;
use crate::problem::Problem;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::{DeadRow, DeliveryId, EndpointId, LaneId, Offset, Parcel, Stage};
use log::{Failure, Log};
use registry::History;
use serde_json::{Value, json};

/// Which dead letters are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub limit: usize,
    pub from: Option<DeliveryId>,
    /// Of this endpoint alone.
    pub endpoint: Option<EndpointId>,
}

impl Wish {
    pub fn of(query: &Query) -> Result<Wish, Problem> {
        let mut wish = Wish { limit: page_limit(query)?, from: None, endpoint: None };
        if let Some(text) = query.one("iterator")? {
            let bad = || Problem::parameter("iterator", "it is what the page before gave");
            wish.from = Some(letter::read(text).ok_or_else(bad)?);
        }
        if let Some(text) = query.one("endpoint")? {
            let bad = || Problem::parameter("endpoint", "it is an id like ep_7");
            wish.endpoint = Some(EndpointId::read(text).ok_or_else(bad)?);
        }
        Ok(wish)
    }

    /// The place of the first letter that may be meant.
    fn start(&self) -> Option<DeliveryId> {
        let first = self.endpoint.map(|endpoint| DeliveryId {
            lane: LaneId::main(endpoint),
            offset: Offset::ZERO,
            k: 0,
        });
        self.from.max(first)
    }
}

/// A page, in the order of endpoint and offset. `iterator` is the place of the next page.
pub(crate) fn list(log: &dyn Log, history: &History, wish: Wish) -> Result<Value, Failure> {
    let page = log.letters(wish.start(), wish.limit + 1)?;
    if page.is_incomplete {
        tracing::warn!("some dead letters are in a block of the disk that cannot be read");
    }
    let mut rows = page.rows;
    if let Some(endpoint) = wish.endpoint {
        rows.retain(|(delivery, _)| delivery.lane.endpoint == endpoint);
    }
    let next = rows.get(wish.limit).map(|(delivery, _)| letter::name(*delivery));
    rows.truncate(wish.limit);
    let mut letters = Vec::with_capacity(rows.len());
    for (delivery, row) in &rows {
        letters.push(describe(history, *delivery, row.as_ref(), &bytes(log, *delivery)?));
    }
    Ok(json!({
        "data": letters,
        "done": next.is_none(),
        "iterator": next,
        // There are others whose names cannot be read.
        "incomplete": page.is_incomplete,
    }))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::PARAMETERS;

    fn of(text: &str) -> Result<Wish, Problem> {
        Wish::of(&Query::of(text, PARAMETERS)?)
    }

    #[test]
    fn wishes_are_bounded_and_known() {
        let wish = of("limit=250&endpoint=ep_7").unwrap();
        assert_eq!((wish.limit, wish.endpoint), (250, Some(EndpointId(7))));
        assert_eq!(of("").unwrap().limit, 50);
        for bad in [
            "limit=0",
            "limit=251",
            "limit=-1",
            "limit=x",
            "limit",
            "iterator=",
            "iterator=dl_1-2-3",
            "endpoint=7",
            "order=desc",
            "limit=18446744073709551616",
        ] {
            assert!(matches!(of(bad), Err(Problem::Parameter { .. })), "{bad}");
        }
    }
}
