//! A server on loopback, the log's stand-in behind it, and a client that writes raw bytes.

use arc_swap::ArcSwap;
use event::{Arrival, EventId, Offset, OnConflict, TenantId, Time};
use hyper::Response;
use ingest::{
    Accept, Answer, Body, Limits, LiveSecret, NoProducer, Ports, Producer, Server, Source,
    SourceTable,
};
use registry::TypePattern;
use runtime::{ManualClock, listen, tasks};
use signature::{Draft, Scheme, Secret, SecretForm};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

pub const NOW: u64 = 1_790_000_000;
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Keeps what is offered, and answers as the log would, or as it is told to.
#[derive(Clone, Default)]
pub struct Stand(Rc<RefCell<Held>>);

#[derive(Default)]
struct Held {
    arrivals: Vec<Arrival>,
    keys: BTreeMap<Box<[u8]>, ([u8; 16], EventId)>,
    told: Option<Answer>,
    /// While some, answers wait here to be let go.
    gate: Option<Vec<oneshot::Sender<()>>>,
}

impl Stand {
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.0.borrow().arrivals.clone()
    }

    pub fn last(&self) -> Arrival {
        self.0.borrow().arrivals.last().unwrap().clone()
    }

    /// From now on this is the answer.
    pub fn tell(&self, answer: Answer) {
        self.0.borrow_mut().told = Some(answer);
    }

    pub fn hold(&self) {
        self.0.borrow_mut().gate = Some(Vec::new());
    }

    pub fn let_go(&self) {
        let gate = self.0.borrow_mut().gate.take().unwrap();
        for waiting in gate {
            waiting.send(()).unwrap();
        }
    }
}

impl Held {
    fn answer(&mut self, arrival: Arrival) -> Answer {
        if let Some(told) = self.told {
            return told;
        }
        let id = EventId::new(1, Offset(self.arrivals.len() as u64));
        let mut is_conflict = false;
        if let Some(duplicate) = &arrival.duplicate {
            let key = duplicate.key.clone();
            match self.keys.get(&key) {
                Some((digest, first)) if *digest == duplicate.digest => {
                    return Answer::Accepted { id: *first, is_duplicate: true, is_conflict };
                }
                Some(_) if duplicate.on_conflict == OnConflict::Refuse => return Answer::Conflict,
                Some(_) => is_conflict = true,
                None => drop(self.keys.insert(key, (duplicate.digest, id))),
            }
        }
        self.arrivals.push(arrival);
        Answer::Accepted { id, is_duplicate: false, is_conflict }
    }
}

impl Accept for Stand {
    fn offer(&self, arrival: Arrival) -> impl Future<Output = Answer> + 'static {
        let mut held = self.0.borrow_mut();
        let answer = held.answer(arrival);
        let waiting = held.gate.as_mut().map(|gate| {
            let (open, opened) = oneshot::channel();
            gate.push(open);
            opened
        });
        async move {
            if let Some(opened) = waiting {
                opened.await.unwrap();
            }
            answer
        }
    }
}

/// Source, status and reason of an answer.
type Seen = (String, u16, Option<&'static str>);

pub struct Host {
    pub at: SocketAddr,
    pub stand: Stand,
    pub clock: Arc<ManualClock>,
    pub sources: Arc<ArcSwap<SourceTable>>,
    pub observed: Rc<RefCell<Vec<Seen>>>,
    stop: RefCell<Option<oneshot::Sender<()>>>,
    pub served: RefCell<Option<tasks::JoinHandle<()>>>,
}

impl Host {
    pub fn new(sources: Vec<Source>) -> Host {
        Host::with(sources, Limits::default())
    }

    pub fn with(sources: Vec<Source>, limits: Limits) -> Host {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let at = listener.local_addr().unwrap();
        let stand = Stand::default();
        let clock = Arc::new(ManualClock::at(Time::from_secs(NOW)));
        let sources = Arc::new(ArcSwap::from_pointee(SourceTable::new(sources).unwrap()));
        let observed = Rc::new(RefCell::new(Vec::new()));
        let seen = observed.clone();
        let ports = Ports {
            accept: stand.clone(),
            clock: clock.clone(),
            sources: sources.clone(),
            producer: Box::new(|key, _, app| {
                let types = match key {
                    "let-me-in" => None,
                    "orders-alone" => Some([TypePattern::parse("order.*").unwrap()].into()),
                    _ => return Err(NoProducer::Key),
                };
                let tenant = match app {
                    None | Some("acme") => TenantId::new("acme"),
                    Some("other") if types.is_none() => TenantId::new("other"),
                    Some(_) => return Err(NoProducer::App),
                };
                Ok(Producer { tenant, source: "api".into(), types })
            }),
            unfit: Box::new(|event_type, body| {
                let is_unfit = event_type == "strict" && body != br#"{"n":1}"#;
                is_unfit.then(|| "it wants an n".to_owned())
            }),
            fallback: Box::new(|request| {
                let peer = *request.extensions().get::<ingest::Peer>().unwrap();
                let text = format!("{} {} {}", request.method(), request.uri(), peer.0.ip());
                Box::pin(async move { Response::new(Body::Whole(text.into())) })
            }),
            observe: Box::new(move |o| {
                seen.borrow_mut().push((o.source.to_owned(), o.status, o.refused));
            }),
        };
        let (stop, stopped) = oneshot::channel();
        let serve = Server::new(ports, limits).serve(listener, async { drop(stopped.await) });
        let served = RefCell::new(Some(tasks::spawn(serve)));
        Host { at, stand, clock, sources, observed, stop: RefCell::new(Some(stop)), served }
    }

    pub fn stop(&self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub async fn connect(&self) -> Client {
        Client { stream: TcpStream::connect(self.at).await.unwrap(), read: Vec::new() }
    }

    /// One request on a connection of its own.
    pub async fn send(&self, request: impl AsRef<[u8]>) -> Answered {
        let mut client = self.connect().await;
        client.write(request.as_ref()).await;
        client.answer().await.expect("an answer")
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answered {
        self.send(post(path, headers, body)).await
    }
}

pub fn post(path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut request = format!("POST {path} HTTP/1.1\r\nhost: x\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("content-length: {}\r\n\r\n", body.len());
    [request.as_bytes(), body].concat()
}

pub struct Client {
    pub stream: TcpStream,
    read: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answered {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }

    /// The answer without its date, which is all that may differ.
    pub fn undated(&self) -> Answered {
        let head = self.head.lines().filter(|line| !line.starts_with("date:")).collect();
        Answered { head, ..self.clone() }
    }
}

impl Client {
    /// What the server will not take any more is not written.
    pub async fn write(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes).await);
    }

    /// None when the connection ended before an answer.
    pub async fn answer(&mut self) -> Option<Answered> {
        let end = self.until(|read| read.windows(4).position(|w| w == b"\r\n\r\n")).await? + 4;
        let head = String::from_utf8(self.read.drain(..end).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answered = Answered { status, head, body: String::new() };
        if let Some(length) = answered.header("content-length") {
            let length: usize = length.parse().unwrap();
            self.until(|read| (read.len() >= length).then_some(())).await?;
            answered.body = String::from_utf8(self.read.drain(..length).collect()).unwrap();
        }
        Some(answered)
    }

    /// The data of the next chunk of an answer that is chunked; None at its last.
    pub async fn chunk(&mut self) -> Option<String> {
        let end = self.until(|read| read.windows(2).position(|w| w == b"\r\n")).await?;
        let size = String::from_utf8(self.read.drain(..end + 2).collect()).unwrap();
        let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
        self.until(|read| (read.len() >= size + 2).then_some(())).await?;
        let data = self.read.drain(..size + 2).take(size).collect();
        (size > 0).then(|| String::from_utf8(data).unwrap())
    }

    /// Whether the server closes the connection without another word.
    pub async fn is_closed(&mut self) -> bool {
        self.until(|read| (!read.is_empty()).then_some(())).await.is_none()
    }

    async fn until<T>(&mut self, found: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        loop {
            if let Some(found) = found(&self.read) {
                return Some(found);
            }
            let mut piece = [0; 4096];
            let read = tasks::timeout(Duration::from_secs(20), self.stream.read(&mut piece)).await;
            match read.expect("an answer or an end within 20 s") {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.read.extend_from_slice(&piece[..n]),
            }
        }
    }
}

pub fn secret(text: &str, form: SecretForm) -> LiveSecret {
    LiveSecret { secret: Secret::parse(text, form).unwrap(), until: Time::NEVER }
}

/// A source of the preset, at `/in/<preset>`.
pub fn source(preset: &str) -> Source {
    let scheme = Scheme::preset(preset).unwrap();
    let secrets = vec![secret(SECRET, scheme.secret)];
    let path = format!("/in/{preset}");
    Source { secrets, ..Source::new(preset, TenantId::new("acme"), &path, scheme) }
}

/// The request as the provider would send it.
pub fn signed(source: &Source, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let at = Time::from_secs(NOW);
    let draft = Draft { id: "msg_1", at, method: "POST", url: &source.public_url, body };
    let secrets: Vec<_> = source.secrets.iter().map(|live| live.secret.clone()).collect();
    let signature = source.scheme.sign(&draft, &secrets).unwrap();
    let own = signature.iter().map(|(name, value)| (&**name, &**value));
    let headers: Vec<_> = headers.iter().copied().chain(own).collect();
    post(&source.path, &headers, body)
}

pub fn run(work: impl Future<Output = ()>) {
    tasks::run(work).unwrap();
}
