use crate::demo::Sabotage;
use crate::demo::digest::digest;
use crate::demo::endpoints::{ENDPOINTS, Endpoint};
use crate::demo::news::{Arrived, News};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use standardwebhooks::Webhook;
use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket};

/// All living endpoints behind one real socket, a path for each.
struct Receiver {
    endpoints: Vec<State>,
    sabotage: Option<Sabotage>,
    news: Sender<News>,
}

struct State {
    verifier: Webhook,
    is_down_first: bool,
    first_at: Cell<Option<Instant>>,
    requests: Cell<u32>,
}

/// Longer than what is in flight takes, so that the breaker opens and no answer closes it at
/// once; shorter than the breaker waits, so that its first probe gets through.
const DOWN: Duration = Duration::from_secs(1);
/// The request at the first endpoint that is tampered with.
const SABOTAGED: u32 = 10;

/// Listens on a port of loopback in a thread of its own, until the process ends.
pub fn start(
    secrets: &[String],
    sabotage: Option<Sabotage>,
    news: Sender<News>,
) -> anyhow::Result<SocketAddr> {
    let mut verifiers = Vec::new();
    for secret in secrets {
        verifiers.push(Webhook::new(secret)?);
    }
    let (bound, binding) = channel();
    let serve = move || async move {
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await {
            Ok(listener) => listener,
            Err(error) => return drop(bound.send(Err(error))),
        };
        drop(bound.send(listener.local_addr()));
        let state = |(verifier, endpoint): (Webhook, &Endpoint)| State {
            verifier,
            is_down_first: endpoint.is_down_first,
            first_at: Cell::default(),
            requests: Cell::new(0),
        };
        let endpoints = verifiers.into_iter().zip(ENDPOINTS).map(state).collect();
        listen(listener, Rc::new(Receiver { endpoints, sabotage, news })).await;
    };
    super::in_thread("receiver", serve)?;
    Ok(binding.recv()??)
}

/// A port at which connections are refused for as long as the socket lives: it is taken, but
/// nobody listens.
pub fn dead_port() -> anyhow::Result<(TcpSocket, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let addr = socket.local_addr()?;
    Ok((socket, addr))
}

async fn listen(listener: TcpListener, receiver: Rc<Receiver>) {
    while let Ok((stream, _)) = listener.accept().await {
        drop(stream.set_nodelay(true));
        let receiver = receiver.clone();
        tokio::task::spawn_local(async move {
            let answer = service_fn(|request| receiver.clone().answer(request));
            let http = hyper::server::conn::http1::Builder::new();
            drop(http.serve_connection(TokioIo::new(stream), answer).await);
        });
    }
}

impl Receiver {
    async fn answer(
        self: Rc<Receiver>,
        request: Request<Incoming>,
    ) -> Result<Response<Empty<Bytes>>, hyper::Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let name = head.uri.path().trim_start_matches('/');
        let mut response = Response::new(Empty::new());
        let Some(n) = ENDPOINTS.iter().position(|endpoint| endpoint.name == name) else {
            *response.status_mut() = hyper::StatusCode::NOT_FOUND;
            return Ok(response);
        };
        let header = |name: &str| {
            head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        let arrived = Arrived {
            endpoint: n,
            id: header("webhook-id").to_owned(),
            attempt: header("webhook-attempt").parse().unwrap_or(0),
            is_signed: self.endpoints[n].verifier.verify(&body, &head.headers).is_ok(),
            status: 204,
            is_kept: true,
            digest: digest(&body),
            body,
            at: Instant::now(),
        };
        let arrived = self.judged(arrived);
        let status = arrived.status;
        drop(self.news.send(News::Arrived(arrived)));
        *response.status_mut() = status.try_into().expect("a status of ours");
        Ok(response)
    }

    /// Fails where the endpoint is to fail, and lies where it is told to.
    fn judged(&self, arrived: Arrived) -> Arrived {
        let state = &self.endpoints[arrived.endpoint];
        state.requests.set(state.requests.get() + 1);
        let first_at = state.first_at.get().unwrap_or(arrived.at);
        state.first_at.set(Some(first_at));
        if state.is_down_first && arrived.at - first_at < DOWN {
            return Arrived { status: 503, is_kept: false, ..arrived };
        }
        let is_target = arrived.endpoint == 0 && state.requests.get() == SABOTAGED;
        match self.sabotage.filter(|_| is_target) {
            Some(Sabotage::Lose) => Arrived { is_kept: false, ..arrived },
            // The engine is told that it failed, so it sends again what is counted already.
            Some(Sabotage::Dup) => Arrived { status: 503, ..arrived },
            _ => arrived,
        }
    }
}
