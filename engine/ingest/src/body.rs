use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use runtime::tasks;
use std::time::Duration;

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    TooLarge,
    TooSlow,
    /// The connection broke, or what came was not a body.
    Broken,
}

/// What a refused body may still send, and for how long, so that its sender gets to read why:
/// closing at once would take the answer from under it.
const LINGER_BYTES: usize = 4 << 20;
const LINGER: Duration = Duration::from_secs(1);
const FIRST_BYTES: usize = 64 << 10;

/// The whole body, never more than `max` of it in memory. Known to be too large, it is not read.
pub(crate) async fn read(body: Incoming, max: usize, time: Duration) -> Result<Bytes, Unread> {
    match tasks::timeout(time, collect(body, max)).await {
        Ok(read) => read,
        Err(tasks::TimedOut) => Err(Unread::TooSlow),
    }
}

async fn collect(mut body: Incoming, max: usize) -> Result<Bytes, Unread> {
    let declared = body.size_hint().exact();
    if declared.is_some_and(|bytes| bytes > max as u64) {
        tasks::spawn(linger(body));
        return Err(Unread::TooLarge);
    }
    let mut first = Bytes::new();
    let mut all: Option<BytesMut> = None;
    while !body.is_end_stream() {
        let Some(frame) = body.frame().await else { break };
        let Ok(bytes) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        let so_far = all.as_ref().map_or(first.len(), BytesMut::len);
        if so_far + bytes.len() > max {
            tasks::spawn(linger(body));
            return Err(Unread::TooLarge);
        }
        // Most bodies come in one piece, which is kept as it is.
        if so_far == 0 {
            first = bytes;
            continue;
        }
        let all = all.get_or_insert_with(|| {
            let wanted = declared.map_or(0, |bytes| bytes as usize);
            let mut all = BytesMut::with_capacity(wanted.clamp(first.len(), FIRST_BYTES.max(max)));
            all.extend_from_slice(&first);
            all
        });
        all.extend_from_slice(&bytes);
    }
    Ok(all.map_or(first, BytesMut::freeze))
}

pub(crate) async fn linger(mut body: Incoming) {
    let drain = async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > LINGER_BYTES {
                return;
            }
        }
    };
    let _ = tasks::timeout(LINGER, drain).await;
}
