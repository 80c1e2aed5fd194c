use super::Wanted;
use crate::client::{Call, Streamed};
use crate::exit::{Exit, Failure};
use crate::given::ServerArguments;
use hyper::Method;
use serde_json::Value;
use std::time::Duration;

/// One server-sent event.
pub struct Message {
    /// `event`, `gap` for what is gone, or `end` when all that there is has been told.
    pub name: String,
    pub data: Value,
}

/// A server's events, across lost connections: what was sent while there was none comes after.
pub struct Feed<'a> {
    server: &'a ServerArguments,
    query: Vec<(&'static str, String)>,
    last: Option<String>,
    has_connected: bool,
    stream: Option<Streamed>,
    text: Vec<u8>,
    wait: Duration,
}

const WAIT_MIN: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(30);

impl<'a> Feed<'a> {
    pub fn new(
        server: &'a ServerArguments,
        wanted: &Wanted,
        with_content: bool,
        follows: bool,
    ) -> Feed<'a> {
        let mut query = wanted.query();
        query.push(("content", with_content.to_string()));
        query.push(("follow", follows.to_string()));
        Feed {
            server,
            query,
            last: None,
            has_connected: false,
            stream: None,
            text: Vec::new(),
            wait: WAIT_MIN,
        }
    }

    /// The next event; none when the server has told all that was asked for. Dropping the future
    /// loses nothing.
    ///
    /// Errors: a server that refuses, and one that was not reached at all.
    pub async fn next(&mut self) -> Result<Option<Message>, Failure> {
        loop {
            if let Some(message) = self.take() {
                let has_ended = message.name == "end";
                return Ok(Some(message).filter(|_| !has_ended));
            }
            let Some(stream) = &mut self.stream else {
                self.connect().await?;
                continue;
            };
            match stream.next().await {
                Ok(Some(piece)) => {
                    self.text.extend_from_slice(&piece);
                    self.wait = WAIT_MIN;
                }
                Ok(None) => self.lose("the server has ended it").await,
                Err(error) => self.lose(&format!("{error:#}")).await,
            }
        }
    }

    /// One that was lost is tried again for good; the first has to succeed.
    async fn connect(&mut self) -> Result<(), Failure> {
        loop {
            match self.call()?.stream().await {
                Ok(Ok(stream)) => {
                    (self.stream, self.has_connected) = (Some(stream), true);
                    return Ok(());
                }
                Ok(Err(answer)) if answer.status < 500 || !self.has_connected => {
                    return Err(answer.refusal());
                }
                Ok(Err(answer)) => self.lose(&answer.status.to_string()).await,
                Err(failure) if !self.has_connected => return Err(failure),
                Err(failure) => self.lose(failure.message()).await,
            }
        }
    }

    fn call(&self) -> Result<Call, Failure> {
        let mut url = self.server.url("/v1/tail")?;
        // What is behind the last one goes before where to begin.
        let query = self.query.iter().filter(|(name, _)| self.last.is_none() || *name != "since");
        url.query_pairs_mut().extend_pairs(query);
        let mut headers =
            vec![("authorization".to_owned(), format!("Bearer {}", self.server.key()?))];
        headers.extend(self.last.clone().map(|last| ("last-event-id".to_owned(), last)));
        Ok(Call { method: Method::GET, url, headers, body: Vec::new() })
    }

    async fn lose(&mut self, why: &str) {
        eprintln!("connection lost ({why}); trying again in {} s", self.wait.as_secs());
        (self.stream, self.text) = (None, Vec::new());
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(WAIT_MAX);
    }

    /// A whole one of what has come, if there is one. Comments are passed over.
    fn take(&mut self) -> Option<Message> {
        loop {
            let end = self.text.windows(2).position(|two| two == b"\n\n")?;
            let block: Vec<u8> = self.text.drain(..end + 2).collect();
            let block = String::from_utf8_lossy(&block);
            if let Some(id) = field(&block, "id: ") {
                self.last = Some(id.to_owned());
            }
            if let Some(message) = message(&block) {
                return Some(message);
            }
        }
    }
}

fn field<'a>(block: &'a str, name: &str) -> Option<&'a str> {
    block.lines().find_map(|line| line.strip_prefix(name))
}

fn message(block: &str) -> Option<Message> {
    Some(Message {
        name: field(block, "event: ").unwrap_or_default().to_owned(),
        data: serde_json::from_str(field(block, "data: ")?).ok()?,
    })
}

impl Message {
    pub fn text(&self, member: &str) -> &str {
        self.data[member].as_str().unwrap_or_default()
    }

    /// The event's bytes, where they were asked for.
    pub fn body(&self) -> Result<Vec<u8>, Failure> {
        use base64::Engine;
        use base64::engine::general_purpose::STANDARD;
        match self.data["bodyBase64"].as_str() {
            None => Ok(self.text("body").as_bytes().to_vec()),
            Some(text) => STANDARD.decode(text).map_err(|error| Failure::new(Exit::Failed, error)),
        }
    }
}
