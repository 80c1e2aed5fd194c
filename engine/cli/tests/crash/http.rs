//! One request at a time, by hand.

use crate::home::ADMIN_KEY;
use crate::letter::Letter;
use crate::node::PATIENCE;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub fn has_retry_after(&self) -> bool {
        self.head.to_ascii_lowercase().contains("\r\nretry-after: ")
    }

    pub fn event_id(&self) -> String {
        self.json()["id"].as_str().unwrap().to_owned()
    }
}

/// Without an answer the other side is gone, or went away.
pub fn exchange(addr: SocketAddr, request: &[u8]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    read(&mut stream)
}

pub fn read(stream: &mut TcpStream) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    let mut part = [0; 16 << 10];
    loop {
        let count = stream.read(&mut part)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.trim().parse().unwrap()) {
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            let (head, body) = (format!("{head}\r\n"), body.to_owned());
            return Ok(Answer { status, head, body });
        }
    }
}

pub fn post(addr: SocketAddr, letter: &Letter) -> io::Result<Answer> {
    exchange(addr, &letter.request())
}

/// With the admin key. Asks again when it is told to: all places for readings of the log may be
/// taken.
pub fn get(addr: SocketAddr, path: &str) -> io::Result<Answer> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {ADMIN_KEY}\r\n\r\n"
    );
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = exchange(addr, request.as_bytes())?;
        let is_busy = answer.status == 503 && answer.body.contains("\"code\":\"busy\"");
        if !is_busy || Instant::now() > until {
            return Ok(answer);
        }
    }
}

/// One value of `/metrics`, of the first line that begins so.
pub fn metric(addr: SocketAddr, name: &str) -> Option<f64> {
    let page = get(addr, "/metrics").unwrap();
    let line = page.body.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().last()?.parse().ok()
}
