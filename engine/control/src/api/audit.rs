//! The log of changes.

use crate::api::wire::{Members, PageLimit};
use crate::api::{Answered, Call, Content, Operation, Parameter, Scope, Verb, page_limit};
use crate::problem::Problem;
use crate::reply::answer;
use crate::{Control, Denied};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    verb: Verb::Get,
    path: "/v1/admin/audit",
    id: "audit.list",
    summary: "A page of changes by this API, the newest first: who, what, before and after",
    scope: Scope::Admin,
    query: &[
        Parameter::of::<PageLimit>("limit", "So many at most; 50 when it is not said."),
        Parameter::of::<String>("iterator", "What the page before gave."),
    ],
    body: Content::Empty,
    answers: &[(200, Content::json::<AuditOut>())],
    run: |control, call| Box::pin(list(control, call)),
}];

#[derive(Serialize, JsonSchema)]
struct AuditOut {
    #[schemars(with = "Vec<Members>")]
    data: Vec<Value>,
    done: bool,
    iterator: Option<String>,
}

async fn list(control: &Control, call: Call) -> Answered {
    let limit = page_limit(&call.query)?;
    let from = call.query.one("iterator")?.map(str::to_owned);
    let (lines, iterator) = match control.ports.book.page(from, limit).await {
        Err(Denied::NotFound) => {
            return Err(Problem::parameter("iterator", "it is what the page before gave"));
        }
        page => page?,
    };
    // A line that a crash has cut says nothing.
    let data = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Ok(answer(200, &AuditOut { data, done: iterator.is_none(), iterator }))
}
