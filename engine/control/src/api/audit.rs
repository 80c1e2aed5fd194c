//! The log of changes.

use crate::Control;
use crate::api::wire::{Members, PageLimit};
use crate::api::{Answered, Call, Content, Operation, Parameter, Scope, Verb, page_limit};
use crate::problem::Problem;
use crate::reply::answer;
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
    let bad = |_| Problem::parameter("iterator", "it is what the page before gave");
    let before = call.query.one("iterator")?.map(|text| text.parse().map_err(bad)).transpose()?;
    let (lines, next) = control.ports.book.page(before, limit).await?;
    // A line that a crash has cut says nothing.
    let data = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let iterator = next.map(|next: u64| next.to_string());
    Ok(answer(200, &AuditOut { data, done: iterator.is_none(), iterator }))
}
