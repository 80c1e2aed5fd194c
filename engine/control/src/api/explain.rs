use crate::api::{Answered, Call, Content, Operation, Scope, Verb};
use crate::problem::Problem;
use crate::reply::answer;
use crate::{Control, explain};
use event::EventId;
use log::Log;
use registry::History;

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    verb: Verb::Get,
    path: "/v1/explain/{event_id}",
    id: "event.explain",
    summary: "What became of an event at each endpoint, and why",
    scope: Scope::Read,
    query: &[],
    body: Content::Empty,
    answers: &[(200, Content::json::<explain::ExplainOut>())],
    run: |control, call| Box::pin(tell(control, call)),
}];

async fn tell(control: &Control, call: Call) -> Answered {
    let id: EventId = call.named("event_id").parse().expect("the path fits");
    // It asks conditions again, of bodies that may be long: where it holds up nobody's answer.
    let read = move |log: &dyn Log, history: &History| {
        Ok(match explain::gather(log, history, id)? {
            explain::Found::Event(evidence) => Ok(explain::tell(&evidence)),
            explain::Found::Unknown => Err(Problem::NotFound("there is no such event")),
            explain::Found::Forgotten => Err(Problem::NotFound("retention has taken this event")),
            explain::Found::Damaged => Ok(explain::damaged(id)),
        })
    };
    Ok(answer(200, &control.ask(&call.principal, read).await??))
}
