use crate::batch::{Input, is_added_header};
use crate::host::reason;
use crate::limits::OUTPUT_BYTES_MIN;
use crate::result::{Broken, Row};
use bytes::Bytes;
use event::{Envelope, Event, Headers, Verdict};
use std::sync::Arc;
use std::time::Duration;

/// Why rows became no verdicts.
#[derive(Debug)]
pub(crate) enum Refused {
    Broken(Broken),
    /// All outputs together are over the cap of one batch.
    TooMuch,
}

/// Turns rows into one verdict for each input; copies what the guest replaced, once.
pub(crate) fn verdicts(
    inputs: &[Input],
    rows: &[(usize, Row<'_>)],
) -> Result<Vec<Verdict>, Refused> {
    let input_bytes: usize = inputs.iter().map(Input::weight).sum();
    let mut room = OUTPUT_BYTES_MIN.max(input_bytes.saturating_mul(2));
    let mut verdicts: Vec<Option<Verdict>> = vec![None; inputs.len()];
    for (at, row) in rows {
        let verdict = match row {
            Row::Drop => Verdict::Drop,
            Row::Pass => Verdict::Pass,
            Row::Reject(text) => Verdict::Reject { reason: reason(text).into() },
            Row::Retry { delay_ms, reason: text } => Verdict::Retry {
                delay: Duration::from_millis(u64::from(*delay_ms)),
                reason: reason(text).into(),
            },
            Row::Emit { .. } => {
                room = room.checked_sub(copied_bytes(row)).ok_or(Refused::TooMuch)?;
                let output = emitted(&inputs[*at].event, row)
                    .map_err(|rule| Refused::Broken(Broken { at: Some(*at), rule }))?;
                if let Some(Verdict::Emit(outputs)) = &mut verdicts[*at] {
                    outputs.push(output);
                    continue;
                }
                Verdict::Emit(vec![output])
            }
        };
        verdicts[*at] = Some(verdict);
    }
    let no_verdict = || Verdict::Reject { reason: "no verdict".into() };
    Ok(verdicts.into_iter().map(|verdict| verdict.unwrap_or_else(no_verdict)).collect())
}

fn copied_bytes(row: &Row<'_>) -> usize {
    let Row::Emit { key, event_type, headers, body } = row else { return 0 };
    let headers = headers.iter().flatten().map(|(name, value)| name.len() + value.len());
    key.map_or(0, str::len)
        + event_type.map_or(0, str::len)
        + headers.sum::<usize>()
        + body.map_or(0, <[u8]>::len)
}

fn emitted(source: &Arc<Event>, row: &Row<'_>) -> Result<Arc<Event>, String> {
    let Row::Emit { key, event_type, headers, body } = row else {
        unreachable!("only EMIT has outputs")
    };
    if key.is_none() && event_type.is_none() && headers.is_none() && body.is_none() {
        return Ok(source.clone());
    }
    let before = &source.envelope;
    let envelope = Envelope {
        tenant: before.tenant.clone(),
        stream: before.stream,
        source: before.source.clone(),
        event_type: event_type.map_or_else(|| before.event_type.clone(), Arc::from),
        key: match key {
            Some(key) => (!key.is_empty()).then(|| (*key).into()),
            None => before.key.clone(),
        },
        time: before.time,
        headers: match headers {
            Some(headers) => replaced_headers(source, headers)?,
            None => before.headers.clone(),
        },
    };
    let body = body.map_or_else(|| source.body.clone(), Bytes::copy_from_slice);
    Ok(Arc::new(Event { id: source.id, envelope, body }))
}

/// A guest that copies all headers and adds one must not fail over what it did not touch: a
/// reserved name stands when the event came with it.
fn replaced_headers(source: &Event, headers: &[(&str, &[u8])]) -> Result<Headers, String> {
    let mut replaced = Headers::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        let is_inherited = || source.envelope.headers.iter().any(|pair| pair == (&name, *value));
        if is_reserved(&name) && !is_inherited() {
            return Err(format!("the header {name} is not the guest's to set"));
        }
        if !is_added_header(source, &name, value) {
            replaced.push(&name, value);
        }
    }
    Ok(replaced)
}

/// What the delivery itself sets, and what the engine keeps to itself.
fn is_reserved(name: &str) -> bool {
    name.starts_with("webhook-")
        || name.starts_with("svix-")
        || name.starts_with("forebay-")
        || ["host", "content-length", "transfer-encoding", "connection"].contains(&name)
}
