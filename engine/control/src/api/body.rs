use crate::problem::Problem;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use runtime::tasks;
use std::time::Duration;

/// What a refused body may still send, and for how long, so that its sender reads why instead of
/// a reset.
const LINGER_BYTES: usize = 4 << 20;
const LINGER: Duration = Duration::from_secs(1);

/// The whole body, never more than `max` of it in memory. Known to be too large, it is not read.
pub(crate) async fn read(body: Incoming, max: usize, time: Duration) -> Result<Bytes, Problem> {
    match tasks::timeout(time, collect(body, max)).await {
        Ok(read) => read,
        Err(tasks::TimedOut) => Err(Problem::TooSlow),
    }
}

async fn collect(mut body: Incoming, max: usize) -> Result<Bytes, Problem> {
    if body.size_hint().exact().is_some_and(|bytes| bytes > max as u64) {
        dismiss(body);
        return Err(Problem::TooLarge(max));
    }
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::BadRequest("the body broke off".into()))?;
        let Ok(bytes) = frame.into_data() else { continue };
        if all.len() + bytes.len() > max {
            dismiss(body);
            return Err(Problem::TooLarge(max));
        }
        all.extend_from_slice(&bytes);
    }
    Ok(all.freeze())
}

/// Lets the sender of a body that nobody wants finish, within bounds.
pub(crate) fn dismiss(body: Incoming) {
    if !body.is_end_stream() {
        tasks::spawn(tasks::timeout(LINGER, drain(body)));
    }
}

async fn drain(mut body: Incoming) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > LINGER_BYTES {
            return;
        }
    }
}
