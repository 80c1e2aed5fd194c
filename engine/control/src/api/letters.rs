use crate::api::wire::{Members, PageLimit};
use crate::api::{Answered, Call, Content, Operation, Parameter, Scope, Verb};
use crate::letters::Wish;
use crate::problem::Problem;
use crate::reply::{answer, empty};
use crate::{Control, letter, letters};
use event::DeliveryId;
use log::Log;
use registry::History;
use schemars::JsonSchema;
use serde::Serialize;

pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::of::<PageLimit>("limit", "How many letters a page has; 50 when it is not said."),
    Parameter::of::<String>("iterator", "What the page before gave."),
    Parameter::of::<String>("app", "Letters of this application alone, by its id or uid."),
    Parameter::of::<String>("endpoint", "Letters of this endpoint alone, like `ep_7`."),
    Parameter::of::<String>(
        "type",
        "Letters of events of this type or pattern, such as `order.*`, alone; several times for \
         several.",
    ),
    Parameter::of::<String>("since", "Those given up on at this time, RFC 3339, or later alone."),
    Parameter::of::<String>("until", "Those given up on before this time alone."),
];

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Get,
        path: "/v1/dead-letter",
        id: "dead-letter.list",
        summary: "A page of dead letters, by endpoint and offset",
        scope: Scope::Read,
        query: PARAMETERS,
        body: Content::Empty,
        answers: &[(200, Content::json::<Members>())],
        run: |control, call| Box::pin(list(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/v1/dead-letter/{letter_id}",
        id: "dead-letter.get",
        summary: "A dead letter with its bytes",
        scope: Scope::Read,
        query: &[],
        body: Content::Empty,
        answers: &[(200, Content::json::<Members>())],
        run: |control, call| Box::pin(show(control, call)),
    },
    Operation {
        verb: Verb::Post,
        path: "/v1/dead-letter/{letter_id}/redrive",
        id: "dead-letter.redrive",
        summary: "Tries a dead letter again, now",
        scope: Scope::Admin,
        query: &[],
        body: Content::Empty,
        answers: &[(202, Content::json::<Redriven>())],
        run: |control, call| Box::pin(redrive(control, call)),
    },
    Operation {
        verb: Verb::Post,
        path: "/v1/dead-letter/{letter_id}/purge",
        id: "dead-letter.purge",
        summary: "Forgets a dead letter and its bytes",
        scope: Scope::Admin,
        query: &[],
        body: Content::Empty,
        answers: &[(204, Content::Empty)],
        run: |control, call| Box::pin(purge(control, call)),
    },
];

#[derive(Serialize, JsonSchema)]
struct Redriven {
    id: String,
    state: &'static str,
}

async fn list(control: &Control, call: Call) -> Answered {
    // Without a name they are those of all applications, whomever the key is of.
    let app = match call.query.one("app")? {
        Some(_) => Some(call.app()?.clone()),
        None => None,
    };
    let wish = Wish::of(&call.query, app)?;
    let read = move |log: &dyn Log, history: &History| letters::list(log, history, &wish);
    let page = control.ask(&call.principal, read).await?;
    Ok(answer(200, &page))
}

async fn show(control: &Control, call: Call) -> Answered {
    let delivery = delivery(&call);
    let read = move |log: &dyn Log, history: &History| letters::show(log, history, delivery);
    let letter = control.ask(&call.principal, read).await?;
    Ok(answer(200, &letter.ok_or(Problem::NotFound("there is no such dead letter"))?))
}

async fn redrive(control: &Control, call: Call) -> Answered {
    let delivery = delivery(&call);
    control.ports.commands.redrive(delivery).await?;
    Ok(answer(202, &Redriven { id: letter::name(delivery), state: "retrying" }))
}

async fn purge(control: &Control, call: Call) -> Answered {
    control.ports.commands.purge(delivery(&call)).await?;
    Ok(empty(204))
}

fn delivery(call: &Call) -> DeliveryId {
    letter::read(call.named("letter_id")).expect("the path fits")
}
