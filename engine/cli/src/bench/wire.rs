//! As little HTTP/1.1 as loader and receiver need, so that they cost little beside the engine.

use bytes::{Buf, BytesMut};
use std::io;

/// The body of an event: its number and when it was sent stand at fixed places.
///
/// `ref` lets the shipped filter for pushes pass it.
const START: &str = "{\"n\":\"0000000000000000\",\"at\":\"0000000000000000\",\
                     \"ref\":\"refs/heads/main\",\"pad\":\"";
const N_AT: usize = 6;
const TIME_AT: usize = 30;

pub fn body(bytes: usize) -> Vec<u8> {
    let pad = bytes.saturating_sub(START.len() + 2);
    format!("{START}{}\"}}", "x".repeat(pad)).into_bytes()
}

pub fn stamp(body: &mut [u8], n: u64, time: u64) {
    write_hex(&mut body[N_AT..N_AT + 16], n);
    write_hex(&mut body[TIME_AT..TIME_AT + 16], time);
}

/// The number and the time in a body; None when it is none of ours.
pub fn read_stamp(body: &[u8]) -> Option<(u64, u64)> {
    let hex = |at: usize| {
        let text = std::str::from_utf8(body.get(at..at + 16)?).ok()?;
        u64::from_str_radix(text, 16).ok()
    };
    Some((hex(N_AT)?, hex(TIME_AT)?))
}

fn write_hex(slot: &mut [u8], mut value: u64) {
    for digit in slot.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

/// A request or an answer that is there in full.
pub struct Message {
    /// The second word of the first line: a request's path, an answer's status.
    pub subject: String,
    pub body: BytesMut,
    pub is_last: bool,
}

/// Takes the next message off the front, when all of it is there.
pub fn next_message(buffer: &mut BytesMut) -> io::Result<Option<Message>> {
    let Some(end) = find(buffer, b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&buffer[..end]).map_err(io::Error::other)?;
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let subject = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut is_chunked, mut is_last) = (0, false, false);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().map_err(io::Error::other)?;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            is_chunked = true;
        } else if name.eq_ignore_ascii_case("connection") {
            is_last = value.eq_ignore_ascii_case("close");
        }
    }
    let start = end + 4;
    if is_chunked {
        let Some((body, size)) = chunks(&buffer[start..])? else { return Ok(None) };
        buffer.advance(start + size);
        return Ok(Some(Message { subject, body, is_last }));
    }
    if buffer.len() < start + length {
        return Ok(None);
    }
    buffer.advance(start);
    Ok(Some(Message { subject, body: buffer.split_to(length), is_last }))
}

/// A chunked body and its size on the wire, when all of it is there.
fn chunks(mut bytes: &[u8]) -> io::Result<Option<(BytesMut, usize)>> {
    let whole = bytes.len();
    let mut body = BytesMut::new();
    loop {
        let Some(end) = find(bytes, b"\r\n") else { return Ok(None) };
        let size = std::str::from_utf8(&bytes[..end]).map_err(io::Error::other)?;
        let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
        let Some(chunk) = bytes.get(end + 2..end + 4 + size) else { return Ok(None) };
        body.extend_from_slice(&chunk[..size]);
        bytes = &bytes[end + 4 + size..];
        if size == 0 {
            return Ok(Some((body, whole - bytes.len())));
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_as_it_was_written() {
        let mut body = body(200);
        stamp(&mut body, 12_345, u64::MAX - 1);
        assert_eq!((body.len(), read_stamp(&body)), (200, Some((12_345, u64::MAX - 1))));
        assert_eq!(read_stamp(b"{}"), None);
    }

    #[test]
    fn messages_are_taken_whole_and_in_order() {
        let text = "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc\
                    HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n\
                    2\r\nde\r\n1\r\nf\r\n0\r\n\r\n\
                    HTTP/1.1 503 No\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let mut seen = Vec::new();
        let mut buffer = BytesMut::new();
        for byte in text.bytes() {
            buffer.extend_from_slice(&[byte]);
            while let Some(message) = next_message(&mut buffer).unwrap() {
                let body = String::from_utf8(message.body.to_vec()).unwrap();
                seen.push((message.subject, body, message.is_last));
            }
        }
        let expected = [("/a", "abc", false), ("202", "def", false), ("503", "", true)];
        assert_eq!(seen, expected.map(|(s, b, last)| (s.to_owned(), b.to_owned(), last)));
    }
}
