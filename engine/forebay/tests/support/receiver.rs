//! An endpoint on loopback that keeps what it was sent.
#![allow(dead_code, reason = "each test uses its part")]

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

pub struct Receiver {
    addr: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    count: watch::Receiver<usize>,
}

#[derive(Clone)]
pub struct Seen {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned()
    }

    pub fn id(&self) -> String {
        self.header("webhook-id")
    }

    pub fn body_text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub fn is_signed_with(&self, secret: &str) -> bool {
        let webhook = standardwebhooks::Webhook::new(secret).unwrap();
        webhook.verify(&self.body, &self.headers).is_ok()
    }
}

impl Receiver {
    /// `status` is told how many requests came before.
    pub fn start(status: impl Fn(usize) -> u16 + Send + 'static) -> Receiver {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (counted, count) = watch::channel(0);
        let (bound, binding) = std::sync::mpsc::channel();
        let kept = seen.clone();
        std::thread::spawn(move || {
            runtime::tasks::run(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                bound.send(listener.local_addr().unwrap()).unwrap();
                let shared = std::rc::Rc::new((kept, counted, status));
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let shared = shared.clone();
                    runtime::tasks::spawn(async move {
                        let answer = service_fn(|request: Request<hyper::body::Incoming>| {
                            let shared = shared.clone();
                            async move {
                                let (head, body) = request.into_parts();
                                let body = body.collect().await.unwrap().to_bytes();
                                let mut kept = shared.0.lock().unwrap();
                                let status = (shared.2)(kept.len());
                                kept.push(Seen { headers: head.headers, body });
                                shared.1.send_replace(kept.len());
                                let mut response = Response::new(Empty::<Bytes>::new());
                                *response.status_mut() = status.try_into().unwrap();
                                Ok::<_, Infallible>(response)
                            }
                        });
                        let http = hyper::server::conn::http1::Builder::new();
                        drop(http.serve_connection(TokioIo::new(stream), answer).await);
                    });
                }
            })
        });
        Receiver { addr: binding.recv().unwrap(), seen, count }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.addr)
    }

    pub async fn wait_for(&self, requests: usize) {
        let mut count = self.count.clone();
        let waited = count.wait_for(|count| *count >= requests);
        let limit = std::time::Duration::from_secs(30);
        let in_time = tokio::time::timeout(limit, waited).await;
        let have = self.seen.lock().unwrap().len();
        in_time.unwrap_or_else(|_| panic!("{have} of {requests} requests came in 30 s")).unwrap();
    }

    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// Bodies that begin so.
    pub fn count_of(&self, begin: &str) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|request| request.body.starts_with(begin.as_bytes())).count()
    }

    /// What came so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn stop(self) -> Vec<Seen> {
        self.seen()
    }
}
