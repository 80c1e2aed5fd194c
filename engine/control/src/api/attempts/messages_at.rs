use super::model::{Status, StatusText};
use super::{Events, is_at, status_of};
use crate::Control;
use crate::api::endpoints;
use crate::api::messages::{self, Filter, MessageOut, Room, Span, page_of, path, tired_at};
use crate::api::wire::{Wanted, flag};
use crate::api::{Answered, Call};
use crate::reply::answer;
use crate::walk::{self, End};
use event::{AttemptRow, DeliveryId, EndpointId, Offset};
use log::{Failure, Log};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointMessageOut {
    #[serde(flatten)]
    message: MessageOut,
    status: Status,
    status_text: StatusText,
    /// Told by the list of the message's destinations alone.
    next_attempt: Option<String>,
}

/// The messages that were attempted at an endpoint, the newest first.
pub(super) async fn list(control: &Control, call: Call) -> Answered {
    let wanted = Wanted::of(&call.query, true)?;
    let place = messages::place(wanted.place())?;
    let id = endpoints::id_asked(control, &call)?;
    let wish = Wish {
        filter: Filter::of(&call)?,
        span: Span::of(&call.query)?,
        status: status_of(&call.query)?,
        with_content: flag(&call.query, "with_content", true)?,
    };
    let room = Room::of(wanted.limit);
    let read = move |log: &dyn Log, _: &_| {
        let path = path(wish.span.range(log)?, place);
        let is_newest_first = path.is_newest_first;
        let mut found =
            Found { wish, room, events: Events { log, last: None }, open: None, page: vec![] };
        let end = walk::attempts(log, path, |row| found.see(row, id))?;
        if end != End::Enough {
            found.close()?;
        }
        let name = |found: &EndpointMessageOut| found.message.id.clone();
        Ok(page_of(found.page, is_newest_first, end, tired_at(end), name))
    };
    Ok(answer(200, &control.ask(&call.principal, read).await?))
}

struct Wish {
    filter: Filter,
    span: Span,
    status: Option<Status>,
    with_content: bool,
}

struct Found<'a> {
    wish: Wish,
    room: Room,
    events: Events<'a>,
    /// The message whose rows are being seen, with the last row of each delivery.
    open: Option<(Offset, BTreeMap<DeliveryId, AttemptRow>)>,
    page: Vec<EndpointMessageOut>,
}

impl Found<'_> {
    fn see(&mut self, row: &AttemptRow, id: EndpointId) -> Result<ControlFlow<()>, Failure> {
        if !is_at(row, id) {
            return Ok(ControlFlow::Continue(()));
        }
        let offset = row.delivery.offset;
        if self.open.as_ref().is_none_or(|(open, _)| *open != offset) {
            self.close()?;
            if self.room.is_full() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let (_, rows) = self.open.get_or_insert_with(|| (offset, BTreeMap::new()));
        let last = rows.entry(row.delivery).or_insert_with(|| row.clone());
        if last.number() < row.number() {
            *last = row.clone();
        }
        Ok(ControlFlow::Continue(()))
    }

    fn close(&mut self) -> Result<(), Failure> {
        let Some((offset, rows)) = self.open.take() else { return Ok(()) };
        let statuses = rows.values().map(Status::of);
        let status = statuses.fold(Status::Success, Status::worse);
        // Before its message is read: a page in vain looks at very many.
        if self.wish.status.is_some_and(|wanted| wanted != status) {
            return Ok(());
        }
        let Some(event) = self.events.get(offset)? else { return Ok(()) };
        let is_wanted = self.wish.filter.wants(event) && self.wish.span.holds(event.id.millis());
        if is_wanted {
            self.room.take(event, self.wish.with_content);
            self.page.push(EndpointMessageOut {
                message: MessageOut::of(event, self.wish.with_content),
                status,
                status_text: status.text(),
                next_attempt: None,
            });
        }
        Ok(())
    }
}
