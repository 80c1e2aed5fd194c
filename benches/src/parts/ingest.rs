use super::Setting;
use crate::measure::{Case, Contender, Turn, compare};
use arc_swap::ArcSwap;
use cli::bench::{Clock, Load, Pace, Sample, Way};
use event::{Arrival, EventId, Offset, TenantId};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use ingest::{Accept, Answer, Limits, NoProducer, Ports, Server, Source, SourceTable};
use runtime::{OsClock, tasks};
use signature::{Scheme, TypeFrom};
use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const CONNECTIONS: usize = 64;

pub fn cases(setting: &Setting<'_>) -> anyhow::Result<Vec<Case>> {
    let ours = Host::start("ours", serve_ours)?;
    let bare = Host::start("bare", serve_bare)?;
    let contenders = vec![
        loaded("the server of the room `ingest`", &ours),
        loaded("hyper alone: reads the body, answers 202", &bare),
    ];
    let case = compare("accepted", setting.span, contenders)?;
    ours.stop();
    bare.stop();
    Ok(vec![case])
}

/// Processor time is that of the server's thread.
fn loaded<'a>(name: &str, host: &'a Host) -> Contender<'a> {
    let clock = Clock::start();
    let load = move |first| Load {
        clock,
        connections: CONNECTIONS,
        pace: Pace::Closed,
        batch: 1,
        payload: 1024,
        first,
        way: Way::Source,
    };
    let mut first = 0;
    Contender::new(name, move |span| {
        let before = Sample::take()?;
        let loaded = load(first).run(host.addr, span)?;
        let used = Sample::take()?.since(&before);
        first = loaded.next;
        anyhow::ensure!(loaded.refused == 0 && loaded.broken == 0, "not all was accepted");
        Ok(Turn {
            ops: loaded.accepted.count(),
            wall: loaded.took,
            cpu: used.thread(host.name),
            p50: Some(Duration::from_micros(loaded.ack.value_at_quantile(0.5))),
        })
    })
}

/// A server on a thread of its own.
struct Host {
    name: &'static str,
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<std::io::Result<()>>,
}

impl Host {
    fn start<S: Future<Output = ()>>(
        name: &'static str,
        serve: impl FnOnce(TcpListener) -> S + Send + 'static,
    ) -> anyhow::Result<Host> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, binding) = mpsc::channel();
        let work = move || async move {
            let listener = runtime::listen((Ipv4Addr::LOCALHOST, 0).into())?;
            bound.send(listener.local_addr()?).expect("whoever asked waits for it");
            tokio::select! {
                biased;
                _ = stopped => {}
                () = serve(listener) => {}
            }
            Ok(())
        };
        let run = move || tasks::run(work())?;
        let thread = std::thread::Builder::new().name(name.into()).spawn(run)?;
        Ok(Host { name, addr: binding.recv()?, stop, thread })
    }

    fn stop(self) {
        drop(self.stop);
        let served = self.thread.join().expect("the server does not panic");
        served.expect("a runtime can be made");
    }
}

/// Answers at once, in the log's place.
#[derive(Default)]
struct AtOnce(Cell<u64>);

impl Accept for AtOnce {
    fn offer(&self, arrival: Arrival) -> impl Future<Output = Answer> + 'static {
        let offset = self.0.get();
        self.0.set(offset + 1);
        drop(arrival);
        let id = EventId::new(1, Offset(offset));
        std::future::ready(Answer::Accepted { id, is_duplicate: false, is_conflict: false })
    }
}

async fn serve_ours(listener: TcpListener) {
    let scheme = Scheme::preset("none").expect("it is in the table");
    let source = Source {
        event_type: Some(TypeFrom::parse("header:x-type")),
        ..Source::new("bench", TenantId::new("default"), "/in/bench", scheme)
    };
    let table = SourceTable::new(vec![source]).expect("it is one source");
    let seen = Cell::new(Duration::ZERO);
    let ports = Ports {
        accept: AtOnce::default(),
        clock: Arc::new(OsClock::new()),
        sources: Arc::new(ArcSwap::from_pointee(table)),
        producer: Box::new(|_, _, _| Err(NoProducer::Key)),
        unfit: Box::new(|_, _| None),
        fallback: Box::new(|_| unreachable!("nothing else is asked for")),
        observe: Box::new(move |observed| seen.set(seen.get().max(observed.took))),
    };
    Server::new(ports, Limits::default()).serve(listener, std::future::pending()).await;
}

async fn serve_bare(listener: TcpListener) {
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new());
    let http = Rc::new(http);
    loop {
        let (stream, _) = listener.accept().await.expect("loopback accepts");
        stream.set_nodelay(true).expect("it is a socket");
        let http = http.clone();
        tasks::spawn(async move {
            let connection = http.serve_connection(TokioIo::new(stream), service_fn(answer));
            // A loader that leaves ends its connection as it likes.
            drop(connection.await);
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<bytes::Bytes>>, Infallible> {
    let body = request.into_body().collect().await;
    assert_eq!(body.expect("it is sent whole").to_bytes().len(), 1024);
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}
