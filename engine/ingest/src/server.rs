use crate::rate::Rates;
use crate::reply::{Body, Refusal, Reply};
use crate::route::Route;
use crate::strict::Strict;
use crate::{Accept, NoProducer, Observed, Producer, SourceTable, body};
use arc_swap::ArcSwap;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_ENCODING, HOST};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use runtime::{Clock, tasks};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// Answers whatever is not ours. The request bears its sender's address as an extension `Peer`.
pub type Fallback = Box<dyn Fn(Request<Incoming>) -> Pin<Box<dyn Future<Output = Response<Body>>>>>;

/// Who the bearer of a key is that came from an address and named an application, or none.
pub type Producers = Box<dyn Fn(&str, IpAddr, Option<&str>) -> Result<Producer, NoProducer>>;

/// What speaks against an event of this type with this body, if anything does, in words for its
/// producer.
pub type Unfit = Box<dyn Fn(&str, &[u8]) -> Option<String>>;

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

pub struct Ports<A> {
    pub accept: A,
    pub clock: Arc<dyn Clock>,
    /// Loaded at each request, so a change takes effect with the next.
    pub sources: Arc<ArcSwap<SourceTable>>,
    pub producer: Producers,
    /// Asked about each event of a producer, never about a provider's webhook.
    pub unfit: Unfit,
    pub fallback: Fallback,
    pub observe: Box<dyn Fn(&Observed<'_>)>,
}

#[derive(Clone, Debug)]
pub struct Limits {
    /// Of `/v1/events`; each source has its own.
    pub body_bytes_max: usize,
    /// Of a request's line and headers, and of a connection that says nothing.
    pub header_timeout: Duration,
    /// Of a whole body; of an NDJSON stream, between any two pieces.
    pub body_timeout: Duration,
    /// Further ones wait to be accepted.
    pub connections_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body_bytes_max: 1 << 20,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            connections_max: 10_000,
        }
    }
}

pub struct Server<A> {
    pub(crate) ports: Ports<A>,
    pub(crate) limits: Limits,
    pub(crate) rates: Rates,
    http: http1::Builder,
}

const HEAD_BYTES_MAX: usize = 64 << 10;
/// When the process is out of descriptors: others have to close before accepting makes sense.
const BACK_OFF: Duration = Duration::from_millis(50);

impl<A: Accept + 'static> Server<A> {
    pub fn new(ports: Ports<A>, limits: Limits) -> Rc<Server<A>> {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_header_size(HEAD_BYTES_MAX)
            .max_buf_size(2 * HEAD_BYTES_MAX);
        Rc::new(Server { ports, limits, rates: Rates::default(), http })
    }

    /// Serves until `stop`, then accepts nothing more, answers what has begun and returns once
    /// the last connection is closed.
    pub async fn serve(self: Rc<Self>, listener: TcpListener, stop: impl Future<Output = ()>) {
        let room = Arc::new(Semaphore::new(self.limits.connections_max));
        let (stopping, stopped) = watch::channel(());
        let accepting = async {
            loop {
                let permit = room.clone().acquire_owned().await.expect("it is never closed");
                let Some((stream, peer)) = accept(&listener).await else { continue };
                let connection = self.clone().connection(stream, peer, stopped.clone());
                tasks::spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
        };
        tokio::select! {
            biased;
            () = stop => {}
            () = accepting => {}
        }
        drop((listener, stopped));
        // Without receivers there is no connection to tell.
        let _ = stopping.send(());
        stopping.closed().await;
    }

    pub(crate) async fn connection(
        self: Rc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
        peer: SocketAddr,
        mut stopped: watch::Receiver<()>,
    ) {
        let io = TokioIo::new(Strict::new(stream));
        let server = self.clone();
        let answer = service_fn(move |request| server.clone().answer(request, peer));
        let mut connection = pin!(self.http.serve_connection(io, answer));
        let is_stopping = tokio::select! {
            biased;
            _ = stopped.changed() => true,
            _ = connection.as_mut() => false,
        };
        if is_stopping {
            connection.as_mut().graceful_shutdown();
            // How a connection ended concerns its peer alone.
            drop(connection.await);
        }
    }

    async fn answer(
        self: Rc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Response<Body>, Infallible> {
        let table = self.ports.sources.load_full();
        if matches!(table.route(request.uri().path()), Route::Elsewhere) {
            let (mut head, body) = request.into_parts();
            if head.method == Method::CONNECT {
                return Ok(Refusal::Method.reply().response);
            }
            head.extensions.insert(Peer(peer));
            return Ok((self.ports.fallback)(Request::from_parts(head, body)).await);
        }
        let start = self.ports.clock.now();
        let (head, body) = request.into_parts();
        let route = table.route(head.uri.path());
        self.rates.retain(&table);
        let of = match &route {
            Route::Source(door, _) => Some((&door.source.tenant, &door.source.name)),
            _ => None,
        };
        let reply = self.admit(&route, &head, body, peer.ip()).await.unwrap_or_else(|r| r.reply());
        self.ports.observe.as_ref()(&Observed {
            source: of.map_or("", |(_, name)| name),
            status: reply.response.status().as_u16(),
            refused: reply.refused,
            is_duplicate: reply.is_duplicate,
            is_conflict: reply.is_conflict,
            took: self.ports.clock.now().since(start),
            of,
            id: reply.id,
            peer: peer.ip(),
            head: &head,
        });
        Ok(reply.response)
    }

    async fn admit(
        self: &Rc<Self>,
        route: &Route<'_>,
        head: &Parts,
        body: Incoming,
        peer: IpAddr,
    ) -> Result<Reply, Refusal> {
        if let Err(refusal) = proper(head) {
            dismiss(body);
            return Err(refusal);
        }
        match route {
            Route::Source(door, captures) => self.webhook(door, captures, head, body).await,
            Route::Unknown(decoy) => self.unknown(decoy, head, body).await,
            Route::Events => self.events(head, body, peer).await,
            Route::Elsewhere => unreachable!("the fallback has it"),
        }
    }
}

/// What every way in asks of a request, before its body is looked at.
fn proper(head: &Parts) -> Result<(), Refusal> {
    let hosts = head.headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && head.version == Version::HTTP_11) {
        return Err(Refusal::Host);
    }
    if head.method != Method::POST {
        return Err(Refusal::Method);
    }
    let is_plain = |value: &hyper::header::HeaderValue| value.as_bytes() == b"identity";
    if !head.headers.get_all(CONTENT_ENCODING).iter().all(is_plain) {
        return Err(Refusal::Encoding);
    }
    Ok(())
}

/// Lets the sender finish, so that it reads our answer instead of a reset.
pub(crate) fn dismiss(body: Incoming) {
    if !body.is_end_stream() {
        tasks::spawn(body::linger(body));
    }
}

/// None after an error, whatever it was: the listener itself lives on.
async fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    match listener.accept().await {
        Ok((stream, peer)) => {
            // An answer is one small write; one that waits for company is slow for nothing.
            let _ = stream.set_nodelay(true);
            Some((stream, peer))
        }
        Err(e) if matches!(e.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) => {
            None
        }
        Err(_) => {
            tasks::sleep(BACK_OFF).await;
            None
        }
    }
}
