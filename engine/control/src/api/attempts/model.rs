use crate::api::messages::MessageOut;
use crate::explain::time;
use crate::letter;
use event::{AttemptRow, AttemptState, Attempted, Cause, DeliveryId, EventId, Outcome};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use std::borrow::Cow;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageAttemptOut {
    pub id: String,
    pub msg_id: String,
    pub endpoint_id: String,
    /// The endpoint's own as it is now; empty when it is gone.
    pub url: String,
    /// Why there was no answer; the text of an answer is not kept.
    pub response: String,
    /// 0 when there was no answer.
    pub response_status_code: u16,
    pub response_duration_ms: u64,
    pub status: Status,
    pub status_text: StatusText,
    /// 0: by the schedule.
    pub trigger_type: u8,
    pub timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msg: Option<MessageOut>,
}

/// 0 delivered, 1 to be tried again, 2 given up on, 3 on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Success = 0,
    Pending = 1,
    Fail = 2,
    Sending = 3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "MessageStatusText")]
pub(crate) enum StatusText {
    Success,
    Pending,
    Fail,
    Sending,
}

impl Status {
    pub fn text(self) -> StatusText {
        match self {
            Status::Success => StatusText::Success,
            Status::Pending => StatusText::Pending,
            Status::Fail => StatusText::Fail,
            Status::Sending => StatusText::Sending,
        }
    }

    pub fn read(text: &str) -> Option<Status> {
        let all = [Status::Success, Status::Pending, Status::Fail, Status::Sending];
        all.into_iter().find(|status| text.parse() == Ok(*status as u8))
    }

    /// Of several outputs the one that is worst off speaks for all.
    pub fn worse(self, other: Status) -> Status {
        let rank = |status| match status {
            Status::Success => 0,
            Status::Sending => 1,
            Status::Pending => 2,
            Status::Fail => 3,
        };
        if rank(other) > rank(self) { other } else { self }
    }

    /// Of one delivery, by what its last row says.
    pub fn of(row: &AttemptRow) -> Status {
        match row.state {
            AttemptState::Delivered => Status::Success,
            AttemptState::Trouble => Status::Pending,
            AttemptState::Dead => Status::Fail,
        }
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

impl JsonSchema for Status {
    fn schema_name() -> Cow<'static, str> {
        "MessageStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "integer", "enum": [0, 1, 2, 3] })
    }
}

/// An attempt's place among all: by delivery, then by number. Number 0 is no attempt.
pub(crate) type Place = (event::Offset, event::LaneId, u32, u32);

pub(crate) fn place_of(delivery: DeliveryId, number: u32) -> Place {
    (delivery.offset, delivery.lane, delivery.k, number)
}

/// An attempt's public name: `atmpt_<endpoint>-<lane>-<offset>-<output>-<number>`.
pub(crate) fn name((offset, lane, k, number): Place) -> String {
    let delivery = letter::name(DeliveryId { lane, offset, k });
    format!("atmpt_{}-{number}", delivery.trim_start_matches("dl_"))
}

/// None for what `name` would not have written.
pub(crate) fn read(text: &str) -> Option<Place> {
    let (delivery, number) = text.strip_prefix("atmpt_")?.rsplit_once('-')?;
    let place = place_of(letter::read(&format!("dl_{delivery}"))?, number.parse().ok()?);
    (name(place) == text).then_some(place)
}

impl MessageAttemptOut {
    pub fn of(row: &AttemptRow, attempt: &Attempted, event: EventId, url: &str) -> Self {
        let status = status(attempt);
        MessageAttemptOut {
            id: name(place_of(row.delivery, attempt.number)),
            msg_id: event.to_string(),
            endpoint_id: row.delivery.lane.endpoint.to_string(),
            url: url.to_owned(),
            response: response(attempt),
            response_status_code: code(attempt),
            response_duration_ms: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
            status,
            status_text: status.text(),
            trigger_type: 0,
            timestamp: time(attempt.at),
            msg: None,
        }
    }
}

pub(crate) fn status(attempt: &Attempted) -> Status {
    match attempt.outcome {
        Outcome::Delivered { .. } => Status::Success,
        Outcome::Failed { .. } | Outcome::Gone => Status::Fail,
    }
}

/// Of the answer; 0 when there was none.
pub(crate) fn code(attempt: &Attempted) -> u16 {
    match &attempt.outcome {
        Outcome::Delivered { status } => *status,
        Outcome::Failed { cause, .. } => cause.status().unwrap_or(0),
        Outcome::Gone => 410,
    }
}

/// As the system tells that nothing listens there.
const REFUSED: &str = "connection failed: Connection refused (os error 111)";

fn response(attempt: &Attempted) -> String {
    match &attempt.outcome {
        // Which rule refused an address is for the operator alone.
        Outcome::Failed { cause: Cause::Refused(_), .. } => REFUSED.to_owned(),
        Outcome::Failed { cause: Cause::Status(_), .. } => String::new(),
        Outcome::Failed { cause, .. } => cause.to_string(),
        Outcome::Delivered { .. } | Outcome::Gone => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{EndpointId, LaneId, Offset};

    #[test]
    fn every_attempt_has_one_name() {
        let lane = LaneId { endpoint: EndpointId(7), n: 2 };
        let place = (Offset(1042), lane, 3, 10);
        assert_eq!(name(place), "atmpt_7-2-1042-3-10");
        assert_eq!(read("atmpt_7-2-1042-3-10"), Some(place));
        for bad in ["", "atmpt_", "atmpt_7-2-1042-3", "atmpt_7-2-1042-3-010", "dl_7-2-1042-3-1"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
