//! All six endpoints on loopback, through all lives of the engine.

use crate::letter::{Sum, sum};
use crate::place::Place;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A request that was answered. Those whose engine died before are not here.
#[derive(Clone)]
pub struct Seen {
    pub place: Place,
    pub id: String,
    pub sum: Sum,
    pub status: u16,
    pub at: Instant,
    /// Of the engine that made the connection.
    pub life: u32,
}

pub struct Receiver {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    life: AtomicU32,
    is_well: AtomicBool,
    open: AtomicUsize,
    seen: Mutex<Vec<Seen>>,
}

const SLOWNESS: Duration = Duration::from_millis(15);

impl Receiver {
    pub fn start() -> Receiver {
        let shared: Arc<Shared> = Arc::default();
        let (bound, binding) = std::sync::mpsc::channel();
        let kept = shared.clone();
        std::thread::spawn(move || {
            runtime::tasks::run(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                bound.send(listener.local_addr().unwrap()).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    let (shared, life) = (kept.clone(), kept.life.load(SeqCst));
                    runtime::tasks::spawn(async move {
                        let answer = service_fn(|request| answer(&shared, life, request));
                        let http = hyper::server::conn::http1::Builder::new();
                        drop(http.serve_connection(TokioIo::new(stream), answer).await);
                    });
                }
            })
        });
        Receiver { addr: binding.recv().unwrap(), shared }
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Requests that are not answered yet.
    pub fn open(&self) -> usize {
        self.shared.open.load(SeqCst)
    }

    /// What was answered so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Connections from now on are those of this life.
    pub fn turn(&self, life: u32) {
        // Connections are accepted in order: once this one is, those of the last life are.
        let mut stream = TcpStream::connect(self.addr).unwrap();
        stream.write_all(b"GET /turn HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        self.shared.life.store(life, SeqCst);
        self.shared.is_well.store(false, SeqCst);
    }

    /// As `turn`, and nothing fails or is slow any more.
    pub fn turn_well(&self, life: u32) {
        self.turn(life);
        self.shared.is_well.store(true, SeqCst);
    }

    pub fn stop(self) -> Vec<Seen> {
        std::mem::take(&mut self.shared.seen.lock().unwrap())
    }
}

/// Counts a request for as long as it lives: hyper drops it when the engine dies.
struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

async fn answer(
    shared: &Shared,
    life: u32,
    request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let path = request.uri().path()[1..].to_owned();
    if path == "turn" {
        return Ok(Response::new(Empty::new()));
    }
    shared.open.fetch_add(1, SeqCst);
    let open = Open(&shared.open);
    let place = Place::named(&path);
    let id = request.headers()["webhook-id"].to_str().unwrap().to_owned();
    let Ok(body) = request.into_body().collect().await else {
        std::future::pending::<()>().await;
        unreachable!("the connection is gone, and this with it");
    };
    let body = body.to_bytes();
    let is_well = shared.is_well.load(SeqCst);
    if place == Place::Slow && !is_well {
        runtime::tasks::sleep(SLOWNESS).await;
    }
    // A breaker that opens for what is refused waits too long for a test: at last all is well.
    let is_refused = || body.windows(14).any(|part| part == b"\"refused\":true");
    let status = match place {
        Place::Failing if !is_well && life.is_multiple_of(2) => 503,
        Place::Picky if is_refused() && !is_well => 500,
        _ => 200,
    };
    let seen = Seen { place, id, sum: sum(&body), status, at: Instant::now(), life };
    shared.seen.lock().unwrap().push(seen);
    drop(open);
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status.try_into().unwrap();
    Ok(response)
}
