use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A second reading of where requests begin and end, before hyper's own. Both must agree: what
/// another server might read as two requests, or as one of another length, is spoilt on its way
/// in, so that hyper answers 400 and closes. Refused are a bare LF, folded headers, a space
/// before the colon, more than one `content-length` or any beside `transfer-encoding`, codings
/// other than `chunked`, and chunk extensions.
pub(crate) struct Strict<S> {
    stream: S,
    framing: Framing,
}

impl<S> Strict<S> {
    pub fn new(stream: S) -> Strict<S> {
        Strict { stream, framing: Framing::default() }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Framing {
    at: At,
    /// The part of a line that came with earlier bytes.
    line: Vec<u8>,
    length: Option<u64>,
    is_chunked: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    RequestLine,
    Header,
    Body(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailer,
    /// Nothing more of this connection is believed.
    Spoilt,
}

/// What cannot be told apart.
struct Ambiguous;

/// No line is longer than hyper's limit for all of them, which it will have answered by then.
const LINE_BYTES_MAX: usize = 128 << 10;

impl Framing {
    /// Spoils what is ambiguous and all behind it.
    pub(crate) fn inspect(&mut self, bytes: &mut [u8]) {
        let mut from = 0;
        while from < bytes.len() {
            match self.step(&bytes[from..]) {
                Ok(taken) => from += taken,
                Err(Ambiguous) => {
                    // No byte of a request's head or of a chunk's size may be NUL.
                    bytes[from..].fill(0);
                    self.at = At::Spoilt;
                    return;
                }
            }
        }
    }

    /// How many of the bytes were understood; at least one.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Ambiguous> {
        match self.at {
            At::Body(left) => {
                let taken = left.min(bytes.len() as u64);
                self.at = if taken == left { At::RequestLine } else { At::Body(left - taken) };
                Ok(taken as usize)
            }
            At::Chunk(left) => {
                let taken = left.min(bytes.len() as u64);
                self.at = if taken == left { At::ChunkEnd } else { At::Chunk(left - taken) };
                Ok(taken as usize)
            }
            At::Spoilt => Err(Ambiguous),
            _ => self.gather(bytes),
        }
    }

    fn gather(&mut self, bytes: &[u8]) -> Result<usize, Ambiguous> {
        let Some(end) = bytes.iter().position(|b| *b == b'\n') else {
            if self.line.len() + bytes.len() > LINE_BYTES_MAX {
                return Err(Ambiguous);
            }
            self.line.extend_from_slice(bytes);
            return Ok(bytes.len());
        };
        let piece = &bytes[..=end];
        if self.line.is_empty() {
            self.read_line(piece)?;
        } else {
            let mut line = std::mem::take(&mut self.line);
            line.extend_from_slice(piece);
            self.read_line(&line)?;
            line.clear();
            self.line = line;
        }
        Ok(piece.len())
    }

    fn read_line(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        let line = line.strip_suffix(b"\r\n").ok_or(Ambiguous)?;
        self.at = match (self.at, line.is_empty()) {
            // Old clients send an empty line too much after a body.
            (At::RequestLine, true) => At::RequestLine,
            (At::RequestLine, false) => {
                (self.length, self.is_chunked) = (None, false);
                At::Header
            }
            (At::Header, true) => match (self.is_chunked, self.length) {
                (true, _) => At::ChunkSize,
                (false, None | Some(0)) => At::RequestLine,
                (false, Some(length)) => At::Body(length),
            },
            (At::Header, false) => {
                self.read_header(line)?;
                At::Header
            }
            (At::ChunkSize, _) => match chunk_size(line)? {
                0 => At::Trailer,
                size => At::Chunk(size),
            },
            (At::ChunkEnd, true) => At::ChunkSize,
            (At::Trailer, true) => At::RequestLine,
            (At::Trailer, false) => At::Trailer,
            (At::ChunkEnd, false) | (At::Body(_) | At::Chunk(_) | At::Spoilt, _) => {
                return Err(Ambiguous);
            }
        };
        Ok(())
    }

    fn read_header(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        let colon = line.iter().position(|b| *b == b':').ok_or(Ambiguous)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.is_empty() || name.iter().any(|b| b.is_ascii_whitespace()) {
            return Err(Ambiguous);
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let is_first = self.length.is_none() && !self.is_chunked;
            self.length = Some(number(value, 10).filter(|_| is_first).ok_or(Ambiguous)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let is_first = self.length.is_none() && !self.is_chunked;
            if !is_first || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Ambiguous);
            }
            self.is_chunked = true;
        }
        Ok(())
    }
}

fn chunk_size(line: &[u8]) -> Result<u64, Ambiguous> {
    number(line, 16).ok_or(Ambiguous)
}

/// Digits alone: Rust's own reading takes a sign.
fn number(text: &[u8], radix: u32) -> Option<u64> {
    let is_digits = text.iter().all(|b| char::from(*b).is_digit(radix));
    let text = std::str::from_utf8(text).ok().filter(|text| is_digits && !text.is_empty())?;
    u64::from_str_radix(text, radix).ok()
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let this = &mut *self;
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        if polled.is_ready() {
            this.framing.inspect(&mut buffer.filled_mut()[before..]);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests;
