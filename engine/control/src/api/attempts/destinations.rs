use super::model::{Status, StatusText};
use crate::Control;
use crate::api::endpoints::EndpointOut;
use crate::api::wire::Wanted;
use crate::api::{Answered, Call, messages};
use crate::explain::{self, Found, Standing, time};
use crate::reply::answer;
use event::EndpointId;
use log::Log;
use registry::History;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageEndpointOut {
    #[serde(flatten)]
    endpoint: EndpointOut,
    status: Status,
    status_text: StatusText,
    next_attempt: Option<String>,
}

/// The endpoints that a message goes to. One whose condition or filter did not want it, or that is
/// gone, is none of them.
pub(super) async fn list(control: &Control, call: Call) -> Answered {
    let wanted = Wanted::of(&call.query, false)?;
    let (app, name) = (call.app()?.clone(), call.named("msg_id").to_owned());
    let read = move |log: &dyn Log, history: &History| {
        let Some(event) = messages::find(log, &app, &name)? else { return Ok(None) };
        Ok(match explain::gather(log, history, event.id)? {
            Found::Event(evidence) => Some(explain::standings(&evidence)),
            _ => None,
        })
    };
    let mut all = control.ask(&call.principal, read).await?.ok_or(messages::NONE)?;
    all.retain(|standing| status(standing).is_some());
    let snapshot = control.snapshot();
    let show = |standing: &Standing| {
        let status = status(standing)?;
        Some(MessageEndpointOut {
            endpoint: EndpointOut::now(control, snapshot.endpoint(standing.endpoint)?),
            status,
            status_text: status.text(),
            next_attempt: standing.next.map(time),
        })
    };
    let name = |standing: &Standing| standing.endpoint.to_string();
    let page = wanted.cut(&all, |standing| standing.endpoint, EndpointId::read, name, show)?;
    Ok(answer(200, &page))
}

fn status(standing: &Standing) -> Option<Status> {
    match standing.state {
        "delivered" => Some(Status::Success),
        "retrying" | "parked" | "waiting" => Some(Status::Pending),
        "in_flight" => Some(Status::Sending),
        "dead" | "purged" | "expired" | "erased" => Some(Status::Fail),
        _ => None,
    }
}
