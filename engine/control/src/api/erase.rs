//! Erasure: the content of one event, of a key, or of all that an application has.

mod wanted;

use crate::api::wire::APP;
use crate::api::{Answered, Call, Content, Deed, Operation, Scope, Verb, messages};
use crate::problem::Problem;
use crate::reply::{answer, empty, of_change_before};
use crate::{Control, Denied};
use event::{EventId, Offset, TenantId, Time};
use log::Log;
use registry::History;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
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
    /// Events and deliveries that this look went past because something of them cannot be read.
    /// An admin's key is told of all, for whose they are may not be known; one that is bound to an
    /// application of those that surely are its own.
    damaged: usize,
    /// No application has this id now. What was erased is of one that was removed.
    is_removed: bool,
    iterator: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ErasureState")]
struct StateOut {
    /// Nobody can read what was erased; while this is true, its bytes may still be on the disk.
    is_on_disk: bool,
    /// Why some of it stays there until a person has looked, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// The whole of it, with names of files, is the log's to tell.
const STAYS: &str = "a file that may hold some of it cannot be rewritten or removed: the server's \
                     own log says which";

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

const DAMAGED: &str = "a record of it is damaged, or one that may be of it, so that it is not \
                       erased: in the log it goes with its generation, and a dead letter can be \
                       purged";

/// Erases the event that `find` names. Again is as good as once.
async fn one(
    control: &Control,
    call: &Call,
    app: TenantId,
    find: impl FnOnce(&dyn Log) -> Result<Option<EventId>, log::Failure> + Send + 'static,
) -> Answered {
    let now = control.ports.clock.wall();
    let of = app.clone();
    let read = move |log: &dyn Log, history: &History| match find(log)? {
        Some(id) => wanted::one(log, history, &of, id, now)?.erasable(log),
        None => Ok(Found::default()),
    };
    let found = control.ask(&call.principal, read).await?;
    let is_damaged = found.damaged.told(&call.principal.role) > 0;
    if found.stubs.is_empty() && !is_damaged {
        return Err(messages::NONE);
    }
    erase(control, &app, found).await?;
    match is_damaged {
        true => Err(Problem::Clash(DAMAGED.into())),
        false => Ok(empty(204)),
    }
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
    let app = wanted.app.clone();
    let read = move |log: &dyn Log, history: &History| {
        let found = wanted.gather(log, history, place, now)?.erasable(log)?;
        Ok((found, log.head()))
    };
    let (found, head) = control.ask(&call.principal, read).await?;
    let (erased, next) = (found.stubs.len(), found.next);
    let damaged = found.damaged.told(&call.principal.role);
    erase(control, &app, found).await?;
    let iterator = next.map(|next| next.to_string());
    let told = EraseOut {
        erased,
        offset: next.map_or(head, Place::offset).0,
        head: head.0,
        done: next.is_none(),
        damaged,
        is_removed: (control.ports.apps)(call.app()?.as_str()).is_none(),
        iterator: iterator.clone(),
    };
    let whose = (call.principal.id.clone(), call.app()?.clone(), given.key);
    let answer = answer(200, &told);
    let step = Step { given: given.iterator, place, next: iterator, head, at: now };
    Ok(match control.erasures.borrow_mut().goes_on(whose, step) {
        true => of_change_before(answer),
        false => answer,
    })
}

/// Erasures under way: a step that brings back what the last answer gave goes on with what the log
/// of changes has already.
#[derive(Default)]
pub(crate) struct Erasures(BTreeMap<Whose, Begun>);

/// An erasure under way.
struct Begun {
    /// What its last answer gave.
    next: String,
    /// The log's head, and when it was, at the step that the log of changes has.
    head: Offset,
    at: Time,
}

/// One step of an erasure.
struct Step {
    given: Option<String>,
    /// As `given` has it.
    place: Place,
    next: Option<String>,
    head: Offset,
    at: Time,
}

/// By which key, of which application, and of which key of events.
type Whose = (Arc<str>, TenantId, Option<String>);

/// More than this are forgotten: the next step of each has a line of its own.
const ERASURES_MAX: usize = 1_000;
/// One line tells of what is erased for so long.
const LINE_HOLDS: Duration = Duration::from_secs(3_600);

impl Begun {
    /// Whether a step is a part of it. What came to the log later, or is erased much later, is not
    /// what its line in the log of changes tells of.
    fn has(&self, step: &Step) -> bool {
        // Past the log, a walk is over deliveries of events that retention has taken.
        let is_past = matches!(step.place, Place::Event(from) if from > self.head);
        step.given.as_ref() == Some(&self.next) && !is_past && step.at.since(self.at) <= LINE_HOLDS
    }
}

impl Erasures {
    /// Whether a step goes on with what the log of changes has.
    fn goes_on(&mut self, whose: Whose, step: Step) -> bool {
        let begun = self.0.remove(&whose).filter(|begun| begun.has(&step));
        if self.0.len() >= ERASURES_MAX {
            self.0.clear();
        }
        let goes_on = begun.is_some();
        let (head, at) = begun.map_or((step.head, step.at), |begun| (begun.head, begun.at));
        self.0.extend(step.next.map(|next| (whose, Begun { next, head, at })));
        goes_on
    }
}

async fn erase(control: &Control, app: &TenantId, found: Found) -> Result<(), Problem> {
    if found.stubs.is_empty() {
        return Ok(());
    }
    let erased: BTreeSet<EventId> = found.stubs.iter().map(|stub| stub.id).collect();
    let done = control.ports.commands.erase(found.stubs, found.deliveries).await;
    // What a filter said of an event may be what it read in it.
    control.ports.watch.forget(app, &erased, control.ports.clock.now());
    control.journal.borrow_mut().forget(&erased);
    match done {
        Err(Denied::NotFound) => Err(messages::NONE),
        done => Ok(done?),
    }
}

async fn state(control: &Control, call: Call) -> Answered {
    let read = |log: &dyn Log, _: &_| Ok((log.is_erasing(), log.erasing_trouble().is_some()));
    let (is_on_disk, is_stuck) = control.ask(&call.principal, read).await?;
    Ok(answer(200, &StateOut { is_on_disk, reason: is_stuck.then_some(STAYS) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for steps of one erasure, each with the iterator of the one before, at this second and
    /// with this head of the log. Each answers whether it goes on.
    #[track_caller]
    fn check(steps: &[(Option<u64>, u64, u64)], expected: &[bool]) {
        let whose: Whose = (Arc::from("key"), TenantId::new("shop"), None);
        let mut erasures = Erasures::default();
        let text = |at: u64| Place::Event(Offset(at)).to_string();
        let nexts = steps.iter().skip(1).map(|(from, ..)| from.map(text)).chain([None]);
        let answers = steps.iter().zip(nexts).map(|(&(from, head, secs), next)| {
            let place = from.map_or_else(Place::default, |from| Place::Event(Offset(from)));
            let (given, at) = (from.map(text), Time::from_millis(secs * 1_000));
            let step = Step { given, place, next, head: Offset(head), at };
            erasures.goes_on(whose.clone(), step)
        });
        assert_eq!(answers.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_step_that_is_late_or_past_the_first_ones_head_is_a_change_anew() {
        check(&[(None, 9, 0), (Some(5), 20, 60), (Some(9), 20, 3_600)], &[false, true, true]);
        check(&[(None, 9, 0), (Some(5), 9, 3_601)], &[false, false]);
        check(&[(None, 9, 0), (Some(10), 20, 1), (Some(15), 20, 2)], &[false, false, true]);
        // The hour is that of the line, whenever the last step was.
        let steps = [(None, 99, 0), (Some(5), 99, 3_000), (Some(9), 99, 6_000)];
        check(&steps, &[false, true, false]);
    }
}
