//! Examples of event types, sent to one endpoint alone.

use crate::Control;
use crate::api::messages::{MessageOut, SOURCE};
use crate::api::wire::Word;
use crate::api::{Answered, Call, Content, Deed, Operation, Scope, Verb, endpoints, event_types};
use crate::openapi::HttpErrorOut;
use crate::problem::Problem;
use crate::reply::answer;
use bytes::Bytes;
use event::{Arrival, Envelope, Headers};
use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    verb: Verb::Post,
    path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}/send-example",
    id: "v1.endpoint.send-example",
    summary: "Sends an example of an event type to an endpoint, and to no other",
    scope: Scope::Portal(Deed::Write),
    query: &[],
    body: Content::json::<EventExampleIn>(),
    answers: &[(200, Content::json::<MessageOut>()), (507, Content::json::<HttpErrorOut>())],
    run: |control, call| Box::pin(send_example(control, call)),
}];

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EventExampleIn {
    event_type: Word,
}

/// Svix's own event type: it is there without being made, to try an endpoint with.
const PING: &str = "svix.ping";
const PING_PAYLOAD: &str = r#"{"success":true}"#;

/// A message like any other, save that its record says whom it is for: the endpoint gets it
/// whatever its types, channels and condition, through its filters.
async fn send_example(control: &Control, call: Call) -> Answered {
    let given: EventExampleIn = call.json()?;
    let (app, event_type) = (call.app()?.clone(), given.event_type.as_str());
    let endpoint = endpoints::id_asked(control, &call)?;
    let body = match event_type {
        PING => Bytes::from_static(PING_PAYLOAD.as_bytes()),
        _ => event_types::example(&control.snapshot(), event_type)?.into(),
    };
    let flaws = control.unfit(event_type, &body);
    if !flaws.is_empty() {
        return Err(Problem::Invalid(flaws));
    }
    let mut headers = Headers::new();
    headers.push("content-type", b"application/json");
    if let Some(trace) = call.head.headers.get("traceparent") {
        headers.push("traceparent", trace.as_bytes());
    }
    let now = control.ports.clock.wall();
    let mut envelope = Envelope { headers, ..Envelope::new(app, SOURCE, event_type, now) };
    envelope.address(endpoint);
    let arrival = Arrival { envelope, body, duplicate: None };
    let published = control.ports.commands.publish(arrival.clone()).await?;
    Ok(answer(200, &MessageOut::of(&arrival.at(published.id), true)))
}

/// The example that a JSON Schema gives of itself.
pub(super) fn of_schema(schema: &serde_json::Value) -> Result<String, Problem> {
    let examples = schema.get("examples").and_then(|all| all.as_array());
    let first = examples.and_then(|all| all.first()).or_else(|| schema.get("example"));
    let example = first.filter(|example| example.is_object()).ok_or(Problem::NoExample)?;
    Ok(example.to_string())
}
