//! What Svix's wire format has and this node does not do: each says so with 501.

use crate::api::{Answered, Content, Deed, Operation, Scope, Verb};
use crate::openapi::HttpErrorOut;
use crate::problem::Problem;

const ANSWERS: &[(u16, Content)] = &[(501, Content::json::<HttpErrorOut>())];

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Post,
        path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}/send-example",
        id: "v1.endpoint.send-example",
        summary: "Not in this version: sends an example of an event type to one endpoint",
        scope: Scope::Portal(Deed::Write),
        query: &[],
        body: Content::Empty,
        answers: ANSWERS,
        run: |_, _| Box::pin(async { absent("a message goes to all endpoints that want it") }),
    },
    Operation {
        verb: Verb::Post,
        path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}/replay-missing",
        id: "v1.endpoint.replay-missing",
        summary: "Not in this version: sends what came before the endpoint was made",
        scope: Scope::Portal(Deed::Write),
        query: &[],
        body: Content::Empty,
        answers: ANSWERS,
        run: |_, _| Box::pin(async { absent("an endpoint gets what came after it was made") }),
    },
];

fn absent(detail: &'static str) -> Answered {
    Err(Problem::NotImplemented(detail))
}
