use crate::batch::{Input, is_added_header};
use crate::host::reason;
use crate::limits::OUTPUT_BYTES_MIN;
use crate::result::{Broken, HeaderRows, Row};
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
    inputs: &[Input<'_>],
    rows: &[(usize, Row<'_>)],
) -> Result<Vec<Verdict>, Refused> {
    let input_bytes: usize = inputs.iter().map(Input::weight).sum();
    let mut room = OUTPUT_BYTES_MIN.max(input_bytes.saturating_mul(2));
    let mut verdicts: Vec<Verdict> = Vec::with_capacity(inputs.len());
    let no_verdict = || Verdict::Reject { reason: "no verdict".into() };
    for (at, row) in rows {
        let is_further = verdicts.len() > *at;
        verdicts.resize_with(verdicts.len().max(*at), no_verdict);
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
                let output = emitted(inputs[*at].event, row)
                    .map_err(|rule| Refused::Broken(Broken { at: Some(*at), rule }))?;
                match verdicts.last_mut() {
                    Some(Verdict::Emit(outputs)) if is_further => {
                        outputs.push(output);
                        continue;
                    }
                    _ => Verdict::Emit(vec![output]),
                }
            }
        };
        verdicts.push(verdict);
    }
    verdicts.resize_with(inputs.len(), no_verdict);
    Ok(verdicts)
}

fn copied_bytes(row: &Row<'_>) -> usize {
    let Row::Emit { key, event_type, headers, body } = row else { return 0 };
    key.map_or(0, str::len)
        + event_type.map_or(0, str::len)
        + headers.map_or(0, |headers| headers.bytes())
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
            Some(headers) => replaced_headers(source, *headers)?,
            None => before.headers.clone(),
        },
    };
    let body = body.map_or_else(|| source.body.clone(), Bytes::copy_from_slice);
    Ok(Arc::new(Event { id: source.id, envelope, body }))
}

/// A guest that copies all headers and adds one must not fail over what it did not touch: a
/// reserved name stands when the event came with it.
fn replaced_headers(source: &Event, headers: HeaderRows<'_>) -> Result<Headers, String> {
    let mut replaced = Headers::with_room(headers.block_bytes());
    for (name, value) in headers.iter() {
        if is_added_header(source, name, value) {
            continue;
        }
        let is_inherited = || {
            let mut pairs = source.envelope.headers.iter();
            pairs.any(|(n, v)| n.eq_ignore_ascii_case(name) && v == value)
        };
        if is_reserved(name) && !is_inherited() {
            let name = name.to_ascii_lowercase();
            return Err(format!("the header {name} is not the guest's to set"));
        }
        replaced.push(name, value);
    }
    Ok(replaced)
}

/// What the delivery itself sets, and what the engine keeps to itself; `name` in any case.
fn is_reserved(name: &str) -> bool {
    let begins =
        |with: &str| name.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    let is = |other: &&str| name.eq_ignore_ascii_case(other);
    ["webhook-", "svix-", "forebay-"].into_iter().any(begins)
        || ["host", "content-length", "transfer-encoding", "connection"].iter().any(is)
}
