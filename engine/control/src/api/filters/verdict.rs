//! What a filter said of an event, as people read it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::{Event, Verdict};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Bytes as text; base64 where they are none. A long one is cut.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Excerpt {
    text: Option<String>,
    base64: Option<String>,
    /// Of the whole.
    bytes: usize,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerdictOut {
    /// `pass`, `drop`, `emit`, `reject`, `retry` or `stop`.
    verdict: &'static str,
    reason: Option<String>,
    outputs: Vec<OutputOut>,
}

/// An output: what it has not replaced is left out.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct OutputOut {
    event_type: Option<String>,
    key: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    body: Option<Excerpt>,
}

const TEXT_BYTES_MAX: usize = 4 << 10;

impl VerdictOut {
    pub fn of(event: &Event, verdict: &Verdict) -> VerdictOut {
        let plain = |verdict, reason: Option<&str>| VerdictOut {
            verdict,
            reason: reason.map(str::to_owned),
            outputs: Vec::new(),
        };
        match verdict {
            Verdict::Pass => plain("pass", None),
            Verdict::Drop => plain("drop", None),
            Verdict::Reject { reason } => plain("reject", Some(reason)),
            Verdict::Retry { delay, reason } => {
                let after = format!("after {} ms: {reason}", delay.as_millis());
                plain("retry", Some(&after))
            }
            Verdict::Stop { reason } => plain("stop", Some(reason)),
            Verdict::Emit(outputs) => VerdictOut {
                outputs: outputs.iter().map(|output| OutputOut::of(event, output)).collect(),
                ..plain("emit", None)
            },
        }
    }
}

impl OutputOut {
    fn of(event: &Event, output: &Event) -> OutputOut {
        let (old, new) = (&event.envelope, &output.envelope);
        let headers = || {
            let pairs = new.headers.iter();
            let shown = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            pairs.map(|(name, value)| (name.to_owned(), shown(value))).collect()
        };
        OutputOut {
            event_type: (old.event_type != new.event_type).then(|| new.event_type.to_string()),
            key: new.key.as_deref().filter(|_| old.key != new.key).map(str::to_owned),
            headers: (old.headers != new.headers).then(headers),
            body: (event.body != output.body).then(|| Excerpt::of(&output.body)),
        }
    }
}

impl Excerpt {
    pub fn of(bytes: &[u8]) -> Excerpt {
        let mut end = bytes.len().min(TEXT_BYTES_MAX);
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                while !text.is_char_boundary(end) {
                    end -= 1;
                }
                Excerpt { text: Some(text[..end].to_owned()), base64: None, bytes: bytes.len() }
            }
            Err(_) => {
                let base64 = Some(STANDARD.encode(&bytes[..end]));
                Excerpt { text: None, base64, bytes: bytes.len() }
            }
        }
    }
}
