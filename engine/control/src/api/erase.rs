//! Erasure: the content of one event, of a key, or of all that an application has.

mod wanted;

use crate::api::wire::APP;
use crate::api::{Answered, Call, Content, Deed, Operation, Scope, Verb, messages};
use crate::problem::Problem;
use crate::reply::{answer, empty, of_change_before};
use crate::{Control, Denied};
use event::{EventId, TenantId};
use log::Log;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wanted::{Found, Place, Wanted};

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Delete,
        path: "/v1/event/{event_id}",
        id: "event.erase",
        summary: "Erases an event's body, headers and key; what of it was not sent is not sent",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP],
        body: Content::Empty,
        answers: &[(204, Content::Empty)],
        run: |control, call| Box::pin(event(control, call)),
    },
    Operation {
        verb: Verb::Post,
        path: "/v1/erase",
        id: "erase",
        summary: "Erases an application's events, those of a key or all; ask again until `done`",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP],
        body: Content::json::<EraseIn>(),
        answers: &[(200, Content::json::<EraseOut>())],
        run: |control, call| Box::pin(several(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/v1/erase",
        id: "erase.state",
        summary: "Whether bytes of what was erased may still be in a file",
        scope: Scope::Keyed,
        query: &[],
        body: Content::Empty,
        answers: &[(200, Content::json::<StateOut>())],
        run: |control, call| Box::pin(state(control, call)),
    },
    Operation {
        verb: Verb::Delete,
        path: "/api/v1/app/{app_id}/msg/{msg_id}/content",
        id: "v1.message.expunge-content",
        summary: "Erases a message's payload; where it was not sent it is not sent any more",
        scope: Scope::Tenant(Deed::Write),
        query: &[],
        body: Content::Empty,
        answers: &[(204, Content::Empty)],
        run: |control, call| Box::pin(message(control, call)),
    },
];

/// Which events: those of `key`, or `everything`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EraseIn {
    #[schemars(length(min = 1, max = 1024))]
    key: Option<String>,
    #[serde(default)]
    everything: bool,
    /// What the answer before gave.
    iterator: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct EraseOut {
    /// Events whose content is gone for good.
    erased: usize,
    /// How far it has looked, and how far the log goes.
    offset: u64,
    head: u64,
    done: bool,
    iterator: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ErasureState")]
struct StateOut {
    /// Nobody can read what was erased; while this is true, its bytes may still be on the disk.
    is_on_disk: bool,
}

async fn event(control: &Control, call: Call) -> Answered {
    let id: EventId = call.named("event_id").parse().expect("the path fits");
    let app = call.app()?.clone();
    one(control, &call, app, move |_| Ok(Some(id))).await
}

async fn message(control: &Control, call: Call) -> Answered {
    let (app, name) = (call.app()?.clone(), call.named("msg_id").to_owned());
    let of = app.clone();
    one(control, &call, app, move |log| messages::id_of(log, &of, &name)).await
}

/// Erases the event that `find` names. Again is as good as once.
async fn one(
    control: &Control,
    call: &Call,
    app: TenantId,
    find: impl FnOnce(&dyn Log) -> Result<Option<EventId>, log::Failure> + Send + 'static,
) -> Answered {
    let now = control.ports.clock.wall();
    let read = move |log: &dyn Log, _: &_| match find(log)? {
        Some(id) => wanted::one(log, &app, id, now),
        None => Ok(Found::default()),
    };
    let found = control.ask(&call.principal, read).await?;
    if found.stubs.is_empty() {
        let is_damaged = "its record is damaged: it goes with its generation of the log";
        return match found.is_damaged {
            true => Err(Problem::Clash(is_damaged.into())),
            false => Err(messages::NONE),
        };
    }
    erase(control, found).await?;
    Ok(empty(204))
}

async fn several(control: &Control, call: Call) -> Answered {
    let given: EraseIn = call.json()?;
    let wanted = match (&given.key, given.everything) {
        (Some(_), false) | (None, true) => {
            Wanted { app: call.app()?.clone(), key: given.key.as_deref().map(Arc::from) }
        }
        _ => {
            let text = "say which: a `key`, or `everything` of the application";
            return Err(Problem::value(&["key"], text));
        }
    };
    let bad = || Problem::value(&["iterator"], "it is what the answer before gave");
    let place = given.iterator.as_deref().map(|text| Place::read(text).ok_or_else(bad));
    let place = place.transpose()?.unwrap_or_default();
    let now = control.ports.clock.wall();
    let read = move |log: &dyn Log, _: &_| {
        let found = wanted.gather(log, place, now)?;
        Ok((found, log.head()))
    };
    let (found, head) = control.ask(&call.principal, read).await?;
    let (erased, next) = (found.stubs.len(), found.next);
    erase(control, found).await?;
    let iterator = next.map(|next| next.to_string());
    let told = EraseOut {
        erased,
        offset: next.map_or(head, Place::offset).0,
        head: head.0,
        done: next.is_none(),
        iterator: iterator.clone(),
    };
    let whose = (call.principal.id.clone(), call.app()?.clone(), given.key);
    let answer = answer(200, &told);
    Ok(match control.erasures.borrow_mut().goes_on(whose, given.iterator, iterator) {
        true => of_change_before(answer),
        false => answer,
    })
}

/// Erasures under way, each with what its last answer gave: a step that brings this back goes on
/// with what the log of changes has already.
#[derive(Default)]
pub(crate) struct Erasures(BTreeMap<Whose, String>);

/// By which key, of which application, and of which key of events.
type Whose = (Arc<str>, TenantId, Option<String>);

/// More than this are forgotten: the next step of each has a line of its own.
const ERASURES_MAX: usize = 1_000;

impl Erasures {
    /// Whether a step that was asked with `given` goes on; `next` is what it answers.
    fn goes_on(&mut self, whose: Whose, given: Option<String>, next: Option<String>) -> bool {
        let goes_on = given.is_some() && self.0.remove(&whose) == given;
        if self.0.len() >= ERASURES_MAX {
            self.0.clear();
        }
        self.0.extend(next.map(|next| (whose, next)));
        goes_on
    }
}

async fn erase(control: &Control, found: Found) -> Result<(), Problem> {
    if found.stubs.is_empty() {
        return Ok(());
    }
    let erased: BTreeSet<EventId> = found.stubs.iter().map(|stub| stub.id).collect();
    let done = control.ports.commands.erase(found.stubs, found.deliveries).await;
    // What a filter said of an event may be what it read in it.
    control.ports.watch.forget(&erased);
    match done {
        Err(Denied::NotFound) => Err(messages::NONE),
        done => Ok(done?),
    }
}

async fn state(control: &Control, call: Call) -> Answered {
    let read = |log: &dyn Log, _: &_| Ok(log.is_erasing());
    let is_on_disk = control.ask(&call.principal, read).await?;
    Ok(answer(200, &StateOut { is_on_disk }))
}
