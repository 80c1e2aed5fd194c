use crate::Body;
use forebay_filter::{Output, Verdict};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What became of an event: a verdict, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    Drop,
    Pass,
    Emit(Vec<Made>),
    Reject {
        reason: String,
    },
    Retry {
        delay_ms: u32,
        reason: String,
    },
    /// The filter panicked.
    Trap {
        reason: String,
    },
    /// The filter did not want its configuration.
    Refuse {
        reason: String,
    },
}

/// An output: what is missing is inherited from the event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Made {
    pub key: Option<String>,
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    pub headers: Option<BTreeMap<String, String>>,
    pub body: Option<Body>,
    pub route: u16,
}

impl Answer {
    /// Is this what was wanted? A wanted reason need only be part of the one that was given.
    pub fn is(&self, want: &Answer) -> bool {
        match (self, want) {
            (Answer::Reject { reason }, Answer::Reject { reason: part })
            | (Answer::Trap { reason }, Answer::Trap { reason: part })
            | (Answer::Refuse { reason }, Answer::Refuse { reason: part }) => reason.contains(part),
            _ => self == want,
        }
    }
}

impl From<Verdict<'_>> for Answer {
    fn from(verdict: Verdict<'_>) -> Answer {
        match verdict {
            Verdict::Drop => Answer::Drop,
            Verdict::Pass => Answer::Pass,
            Verdict::Emit(outputs) => Answer::Emit(outputs.into_iter().map(Made::from).collect()),
            Verdict::Reject(reason) => Answer::Reject { reason: reason.into() },
            Verdict::Retry { delay_ms, reason } => {
                Answer::Retry { delay_ms, reason: reason.into() }
            }
        }
    }
}

impl From<Output<'_>> for Made {
    fn from(output: Output<'_>) -> Made {
        let headers = output.changed_headers().map(|headers| {
            let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            headers.into_iter().map(|(name, value)| (name.into(), text(&value))).collect()
        });
        Made {
            key: output.key.map(Into::into),
            event_type: output.event_type.map(Into::into),
            headers,
            body: output.body.map(|body| Body(body.into())),
            route: output.route,
        }
    }
}
