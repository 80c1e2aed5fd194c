use bytes::BytesMut;
use cli::bench::{KEY, next_message};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer that takes longer than this will not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that is kept, and one request at a time on it. It blocks.
pub struct Client {
    addr: SocketAddr,
    stream: TcpStream,
    buffer: BytesMut,
    chunk: Vec<u8>,
}

/// What is asked of the management API.
pub struct Ask {
    verb: &'static str,
    path: String,
    /// Empty: none.
    body: String,
}

#[derive(Deserialize)]
pub struct Page {
    #[serde(rename = "data")]
    pub entries: Vec<Entry>,
    pub done: bool,
    pub iterator: Option<String>,
}

/// What is read of a resource.
#[derive(Deserialize)]
pub struct Entry {
    pub id: String,
    /// Of attempts alone.
    #[serde(rename = "msgId", default)]
    pub message: String,
}

impl Ask {
    pub fn of(path: impl Into<String>) -> Ask {
        Ask { verb: "GET", path: path.into(), body: String::new() }
    }

    pub fn post(path: impl Into<String>, body: String) -> Ask {
        Ask { verb: "POST", path: path.into(), body }
    }

    pub fn patch(path: impl Into<String>, body: String) -> Ask {
        Ask { verb: "PATCH", path: path.into(), body }
    }

    fn request(&self) -> Vec<u8> {
        let Ask { verb, path, body } = self;
        let head =
            format!("{verb} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {KEY}\r\n");
        let rest = match body.len() {
            0 => "\r\n".to_owned(),
            length => {
                format!("content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
            }
        };
        (head + &rest).into_bytes()
    }
}

impl Client {
    pub fn open(addr: SocketAddr) -> anyhow::Result<Client> {
        let (buffer, chunk) = (BytesMut::new(), vec![0; 64 << 10]);
        Ok(Client { addr, stream: connect(addr)?, buffer, chunk })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The body of an answer, which must be a 2xx.
    pub fn ask(&mut self, ask: &Ask) -> anyhow::Result<BytesMut> {
        self.stream.write_all(&ask.request())?;
        let answer = loop {
            if let Some(answer) = next_message(&mut self.buffer)? {
                break answer;
            }
            let count = self.stream.read(&mut self.chunk)?;
            anyhow::ensure!(count > 0, "{} {}: hung up", ask.verb, ask.path);
            self.buffer.extend_from_slice(&self.chunk[..count]);
        };
        if answer.is_last {
            self.stream = connect(self.addr)?;
        }
        let (status, body) = (&answer.subject, &answer.body);
        anyhow::ensure!(
            status.starts_with('2'),
            "{} {}: {status} {}",
            ask.verb,
            ask.path,
            String::from_utf8_lossy(body)
        );
        Ok(answer.body)
    }

    pub fn read<T: DeserializeOwned>(&mut self, ask: &Ask) -> anyhow::Result<T> {
        Ok(serde_json::from_slice(&self.ask(ask)?)?)
    }
}

fn connect(addr: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}
