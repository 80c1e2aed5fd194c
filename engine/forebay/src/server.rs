use crate::adapters::accept::Road;
use crate::{OpenError, Plan};
use arc_swap::ArcSwap;
use event::Time;
use hyper::header::CONTENT_TYPE;
use hyper::{Response, StatusCode};
use ingest::{Body, Fallback, Ports, Producer, Server, SourceTable};
use pipeline::pump::Publisher;
use runtime::{Clock, spawn_thread, tasks};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// The thread that lets events in.
pub struct Listening {
    addr: SocketAddr,
    sources: Arc<ArcSwap<SourceTable>>,
    stop: Option<oneshot::Sender<()>>,
    thread: JoinHandle<()>,
}

impl Listening {
    pub fn start(
        at: SocketAddr,
        plan: &Plan,
        publisher: Publisher,
        clock: Arc<dyn Clock>,
    ) -> Result<Listening, OpenError> {
        let table = SourceTable::new(plan.sources.clone());
        let table = table.map_err(|bad| OpenError::Sources(bad.to_string()))?;
        let sources = Arc::new(ArcSwap::from_pointee(table));
        let (stop, stopped) = oneshot::channel();
        let (bound, binding) = mpsc::channel();
        let (shared, limits, key) = (sources.clone(), plan.ingest.clone(), plan.admin_key.clone());
        let serve = move || async move {
            let listener = match runtime::listen(at) {
                Ok(listener) => listener,
                Err(err) => return drop(bound.send(Err(err))),
            };
            drop(bound.send(listener.local_addr()));
            let ports = Ports {
                accept: Road(publisher),
                clock,
                sources: shared,
                producer: Box::new(move |given| producer(key.as_ref(), given)),
                fallback: fallback(),
                observe: Box::new(|_| ()),
            };
            let stopped = async { drop(stopped.await) };
            Server::new(ports, limits).serve(listener, stopped).await;
        };
        let run = move || tasks::run(serve()).expect("a thread of its own can have a runtime");
        let thread = spawn_thread("ingest", 0, run).map_err(OpenError::Threads)?;
        let addr = binding.recv().expect("the thread tells how it went");
        let addr = addr.map_err(|source| OpenError::Listen { at, source })?;
        Ok(Listening { addr, sources, stop: Some(stop), thread })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn swap(&self, sources: SourceTable) {
        self.sources.store(Arc::new(sources));
    }

    /// Accepts nothing more, and waits for what has begun until `deadline`.
    pub fn stop(mut self, clock: &dyn Clock, deadline: Time) {
        drop(self.stop.take());
        while !self.thread.is_finished() && clock.now() < deadline {
            std::thread::park_timeout(Duration::from_millis(2));
        }
        if self.thread.is_finished() {
            drop(self.thread.join());
        }
    }
}

/// Whoever has the admin key may publish for the default tenant.
fn producer(admin_key: Option<&registry::Secret>, given: &str) -> Option<Producer> {
    let key = admin_key?;
    let is_right = constant_time_eq(key.expose().as_bytes(), given.as_bytes());
    is_right.then(|| Producer { tenant: event::TenantId::new("default"), source: "api".into() })
}

fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
}

fn fallback() -> Fallback {
    Box::new(|request| {
        Box::pin(async move {
            let (status, text) = match request.uri().path() {
                "/livez" => (StatusCode::OK, "ok\n"),
                _ => (StatusCode::NOT_FOUND, "not found\n"),
            };
            let mut response = Response::new(Body::Whole(text.into()));
            *response.status_mut() = status;
            let plain = hyper::header::HeaderValue::from_static("text/plain");
            response.headers_mut().insert(CONTENT_TYPE, plain);
            response
        })
    })
}
