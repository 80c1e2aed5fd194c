//! Endpoints that follow a script byte by byte, and the client that meets them.

use bytes::Bytes;
use delivery::{
    Address, Answer, Client, ClientOptions, Guard, GuardOptions, Letter, Target, TargetOptions,
};
use event::{Cause, Headers, Outcome, Time};
use runtime::{Clock, Dialling, ManualClock, Net, OsClock, OsNet, Resolving, listen, tasks};
use signature::{Family, Secret, SecretForm};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One connection, as the endpoint has it.
pub struct Wire {
    pub stream: TcpStream,
    /// From 0, in the order in which they were accepted.
    pub number: usize,
    log: Rc<RefCell<Vec<Seen>>>,
}

/// A request as it stood on the wire.
#[derive(Clone, Debug)]
pub struct Seen {
    pub head: String,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }
}

impl Wire {
    /// None when the client has gone.
    pub async fn request(&mut self) -> Option<Seen> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.ok()?);
        }
        // Latin-1, in which each byte is a character.
        let head: String = head.iter().map(|b| char::from(*b)).collect();
        let mut seen = Seen { head, body: Vec::new() };
        let length = seen.header("content-length").map_or(0, |text| text.parse().unwrap());
        seen.body = vec![0; length];
        self.stream.read_exact(&mut seen.body).await.ok()?;
        self.log.borrow_mut().push(seen.clone());
        Some(seen)
    }

    /// False when the client has gone.
    pub async fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Until the client goes.
    pub async fn wait_for_end(mut self) {
        let mut rest = [0; 1024];
        while self.stream.read(&mut rest).await.is_ok_and(|n| n > 0) {}
    }

    pub fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }
}

pub struct Endpoint {
    pub at: SocketAddr,
    pub seen: Rc<RefCell<Vec<Seen>>>,
    pub connections: Rc<Cell<usize>>,
}

impl Endpoint {
    /// Each connection runs `script` to its end and is closed.
    pub fn new<S: Future<Output = ()> + 'static>(script: impl Fn(Wire) -> S + 'static) -> Endpoint {
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let at = listener.local_addr().unwrap();
        let endpoint = Endpoint { at, seen: Rc::default(), connections: Rc::default() };
        let (log, connections) = (endpoint.seen.clone(), endpoint.connections.clone());
        tasks::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = connections.replace(connections.get() + 1);
                tasks::spawn(script(Wire { stream, number, log: log.clone() }));
            }
        });
        endpoint
    }

    /// Answers each request with the same bytes and keeps the connection.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Endpoint {
        let answer: Rc<[u8]> = answer.into().into();
        Endpoint::new(move |mut wire| {
            let answer = answer.clone();
            async move { while wire.request().await.is_some() && wire.write(&answer).await {} }
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}/hooks?a=b", self.at)
    }
}

/// A resolver that says what it is told to, and a network on which all roads lead to one socket.
#[derive(Default)]
pub struct StubNet {
    pub answers: RefCell<VecDeque<io::Result<Vec<IpAddr>>>>,
    pub asked: Cell<usize>,
    pub dialled: RefCell<Vec<SocketAddr>>,
    /// None: connections neither succeed nor fail.
    pub leads_to: Option<SocketAddr>,
}

impl Net for StubNet {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        self.asked.set(self.asked.get() + 1);
        let answer = self.answers.borrow_mut().pop_front();
        Box::pin(async move {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }

    fn dial(&self, to: SocketAddr) -> Dialling<'_> {
        self.dialled.borrow_mut().push(to);
        match self.leads_to {
            Some(at) => OsNet.dial(at),
            None => Box::pin(std::future::pending()),
        }
    }
}

pub fn dev_guard() -> Guard {
    Guard::new(GuardOptions { allow_loopback: true, ..GuardOptions::default() })
}

pub fn options() -> ClientOptions {
    ClientOptions {
        guard: dev_guard(),
        net: Rc::new(OsNet),
        clock: Arc::new(OsClock::new()),
        ca_pem: None,
        dns_timeout: Duration::from_secs(2),
        connect_timeout: Duration::from_secs(5),
    }
}

pub fn client() -> Client {
    Client::new(options()).unwrap()
}

/// On a network of its own, behind the strict guard.
pub fn client_on(net: Rc<StubNet>, clock: Arc<ManualClock>) -> Client {
    let clock: Arc<dyn Clock> = clock;
    let guard = Guard::new(GuardOptions::default());
    let dns_timeout = Duration::from_millis(50);
    let connect_timeout = Duration::from_millis(50);
    let ca_pem = None;
    Client::new(ClientOptions { guard, net, clock, ca_pem, dns_timeout, connect_timeout }).unwrap()
}

pub fn manual_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Time::from_secs(1_700_000_000)))
}

/// Plenty of time: what ends by time-out takes `impatient`.
pub fn target_options(url: &str) -> TargetOptions {
    TargetOptions {
        address: Address::parse(url).unwrap(),
        timeout: Duration::from_secs(20),
        secrets: vec![Secret::parse(SECRETS[0], SecretForm::Standard).unwrap()],
        family: Family::Standard,
        headers: Vec::new(),
        ca_pem: None,
    }
}

pub fn target(client: &Client, url: &str) -> Target {
    client.target(target_options(url)).unwrap()
}

pub fn impatient(client: &Client, url: &str) -> Target {
    let timeout = Duration::from_millis(150);
    client.target(TargetOptions { timeout, ..target_options(url) }).unwrap()
}

pub async fn send(client: &Client, target: &Target) -> Answer {
    let headers = Headers::from_iter([("content-type", &b"application/json"[..])]);
    let body = Bytes::from_static(b"{\"n\":1}");
    let letter = Letter { webhook_id: "evt_1", number: 1, headers: &headers, body };
    client.attempt(target, letter).await
}

pub fn status(answer: &Answer) -> Option<u16> {
    match &answer.attempted.outcome {
        Outcome::Delivered { status } => Some(*status),
        Outcome::Failed { cause, .. } => cause.status(),
        Outcome::Gone => Some(410),
    }
}

pub fn cause(answer: &Answer) -> &Cause {
    match &answer.attempted.outcome {
        Outcome::Failed { cause, .. } => cause,
        outcome => panic!("{outcome:?} is no failure"),
    }
}

pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

pub const SECRETS: [&str; 2] =
    ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"];
