use bytes::Bytes;
use event::{Attempted, Cause, Outcome, Time};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{HeaderMap, LOCATION, RETRY_AFTER};
use hyper::{Response, StatusCode};
use std::time::{Duration, UNIX_EPOCH};

/// How an attempt went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub attempted: Attempted,
    /// What the endpoint said, at most 1 KiB, safe to show: no control character but tab and
    /// newline. A redirect's target stands before it.
    pub excerpt: Box<str>,
}

/// What of an answer matters to us.
pub(crate) struct Reply {
    pub outcome: Outcome,
    pub excerpt: Box<str>,
    /// Whether the body was read to its end, so that the connection can be used again.
    pub is_whole: bool,
}

/// Of a body, more is not read.
const BODY_BYTES_MAX: usize = 64 << 10;
const EXCERPT_BYTES_MAX: usize = event::limits::REASON_BYTES_MAX;
const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// An answer counts once its body was read, as far as we care to read it: a 200 whose body
/// breaks off is a failure, for nobody knows what the rest would have been.
pub(crate) async fn read(response: Response<Incoming>, wall: Time) -> Result<Reply, Cause> {
    let (head, body) = response.into_parts();
    let outcome = outcome(head.status, &head.headers, wall);
    let mut start = match head.headers.get(LOCATION) {
        Some(to) if head.status.is_redirection() => [b"location: ", to.as_bytes(), b"\n"].concat(),
        _ => Vec::new(),
    };
    let is_whole = match read_body(body, &mut start).await {
        Ok(is_whole) => is_whole && head.status != StatusCode::SWITCHING_PROTOCOLS,
        Err(cause) if head.status.is_success() => return Err(cause),
        Err(_) => false,
    };
    Ok(Reply { outcome, excerpt: legible(&start), is_whole })
}

/// Whether all of it was read; its beginning is added to `start`.
async fn read_body(mut body: Incoming, start: &mut Vec<u8>) -> Result<bool, Cause> {
    let mut read = 0;
    while !body.is_end_stream() {
        let Some(frame) = body.frame().await else { break };
        let frame = frame.map_err(|e| crate::connect::cause_of(&e))?;
        let bytes: Bytes = frame.into_data().unwrap_or_default();
        let room = EXCERPT_BYTES_MAX.saturating_sub(start.len());
        start.extend_from_slice(&bytes[..bytes.len().min(room)]);
        read += bytes.len();
        if read > BODY_BYTES_MAX {
            return Ok(false);
        }
    }
    Ok(true)
}

fn outcome(status: StatusCode, headers: &HeaderMap, wall: Time) -> Outcome {
    match status {
        StatusCode::GONE => Outcome::Gone,
        status if status.is_success() => Outcome::Delivered { status: status.as_u16() },
        status => Outcome::Failed {
            cause: Cause::Status(status.as_u16()),
            retry_after: headers
                .get(RETRY_AFTER)
                .and_then(|value| retry_after(value.to_str().ok()?.trim(), wall)),
        },
    }
}

/// Seconds or a date; what is neither counts for nothing.
fn retry_after(text: &str, wall: Time) -> Option<Duration> {
    let wait = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a number holds are still a wish to wait.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let date = httpdate::parse_http_date(text).ok()?;
        let until = date.duration_since(UNIX_EPOCH).unwrap_or_default();
        until.saturating_sub(wall.since(Time::ZERO))
    };
    Some(wait.clamp(RETRY_AFTER_MIN, RETRY_AFTER_MAX))
}

/// The endpoint's words may end up on a terminal or in a page, so controls are shown, not sent.
fn legible(bytes: &[u8]) -> Box<str> {
    if bytes.is_empty() {
        return "".into();
    }
    let mut text = String::with_capacity(bytes.len());
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '\n' | '\t' => text.push(c),
            '\r' => {}
            c if c.is_control() => text.extend(c.escape_default()),
            c => text.push(c),
        }
    }
    text.truncate(text.floor_char_boundary(EXCERPT_BYTES_MAX));
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms_and_kept_in_bounds() {
        let wall = Time::from_secs(1_445_412_400);
        let cases = [
            ("120", Some(120)),
            ("0", Some(1)),
            ("315360000", Some(86_400)),
            ("99999999999999999999999999", Some(86_400)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(80)),
            ("Wednesday, 21-Oct-15 07:28:00 GMT", Some(80)),
            ("Wed, 21 Oct 2014 07:28:00 GMT", None),
            ("Tue, 21 Oct 2014 07:28:00 GMT", Some(1)),
            ("Thu, 21 Oct 2055 07:28:00 GMT", Some(86_400)),
            ("-5", None),
            ("+5", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(retry_after(text, wall), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn what_is_shown_holds_no_controls() {
        assert_eq!(&*legible(b"a\x1b[31m\r\nb\0\x7f\xff"), "a\\u{1b}[31m\nb\\u{0}\\u{7f}\u{fffd}");
        assert_eq!(legible(&[0; 5000]).len(), EXCERPT_BYTES_MAX);
    }
}
