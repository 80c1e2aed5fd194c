use super::Setting;
use crate::events::{body, envelope};
use crate::measure::{Case, Contender, Turn, compare};
use ::delivery::TargetOptions;
use ::delivery::{Address, Client, ClientOptions, Guard, GuardOptions, Letter, Target};
use bytes::Bytes;
use cli::bench::{Clock, Sink, thread_cpu};
use event::{Headers, Outcome};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use runtime::{OsClock, OsNet, tasks};
use signature::{Family, Secret, SecretForm};
use std::cell::RefCell;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

const IN_FLIGHT: usize = 64;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The receiver reads and counts nothing under this path.
const PATH: &str = "/floor";

pub fn cases(setting: &Setting<'_>) -> anyhow::Result<Vec<Case>> {
    let sink = Sink::start(Clock::start(), 0)?;
    let addr = sink.addr();
    let cases = [IN_FLIGHT, 1].map(|in_flight| {
        let contenders = vec![
            Contender::new("the client of the room `delivery`", move |span| {
                on_a_thread(move || ours(addr, in_flight, span))
            }),
            Contender::new("hyper alone, unsigned", move |span| {
                on_a_thread(move || bare(addr, in_flight, span))
            }),
        ];
        compare(format!("{in_flight} in flight"), setting.span, contenders)
    });
    let cases = cases.into_iter().collect();
    sink.stop();
    cases
}

/// Processor time is that of the client's thread alone.
fn on_a_thread<W: Future<Output = anyhow::Result<Turn>>>(
    work: impl FnOnce() -> W + Send + 'static,
) -> anyhow::Result<Turn> {
    let run = move || {
        let turn = tasks::run(work())??;
        Ok(Turn { cpu: thread_cpu()?, ..turn })
    };
    let thread = std::thread::Builder::new().name("bench-client".into()).spawn(run)?;
    thread.join().expect("the client does not panic")
}

async fn ours(addr: SocketAddr, in_flight: usize, span: Duration) -> anyhow::Result<Turn> {
    let (client, target) = made(addr)?;
    let (client, target) = (Rc::new(client), Rc::new(target));
    let headers = Rc::new(envelope().headers);
    let body = body(1024);
    together(in_flight, span, move || {
        let (client, target) = (client.clone(), target.clone());
        let (headers, body) = (headers.clone(), body.clone());
        async move { attempt(&client, &target, &headers, body).await }
    })
    .await
}

fn made(addr: SocketAddr) -> anyhow::Result<(Client, Target)> {
    let guard = Guard::new(GuardOptions { allow_loopback: true, ..GuardOptions::default() });
    let client = Client::new(ClientOptions {
        guard,
        net: Rc::new(OsNet),
        clock: Arc::new(OsClock::new()),
        ca_pem: None,
        dns_timeout: Duration::from_secs(2),
        connect_timeout: Duration::from_secs(5),
    })?;
    let target = client.target(TargetOptions {
        address: Address::parse(&format!("http://{addr}{PATH}"))
            .map_err(|refusal| anyhow::anyhow!("{}", refusal.rule))?,
        timeout: Duration::from_secs(10),
        secrets: vec![Secret::parse(SECRET, SecretForm::Standard)?],
        family: Family::Standard,
        headers: Vec::new(),
        ca_pem: None,
    })?;
    Ok((client, target))
}

async fn attempt(
    client: &Client,
    target: &Target,
    headers: &Headers,
    body: Bytes,
) -> anyhow::Result<()> {
    let letter = Letter { webhook_id: "evt_01k8bench", number: 1, headers, body };
    let answer = client.attempt(target, letter).await;
    let outcome = &answer.attempted.outcome;
    anyhow::ensure!(*outcome == Outcome::Delivered { status: 200 }, "{outcome:?}");
    Ok(())
}

async fn bare(addr: SocketAddr, in_flight: usize, span: Duration) -> anyhow::Result<Turn> {
    let idle: Rc<RefCell<Vec<SendRequest<Full<Bytes>>>>> = Rc::default();
    for _ in 0..in_flight {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let (link, connection) = handshake(TokioIo::new(stream)).await?;
        tasks::spawn(async move { drop(connection.await) });
        idle.borrow_mut().push(link);
    }
    let body = body(1024);
    let authority = addr.to_string();
    together(in_flight, span, move || {
        let (idle, body) = (idle.clone(), body.clone());
        let request = Request::builder()
            .method(Method::POST)
            .uri(PATH)
            .header("host", &authority)
            .header("content-type", "application/json")
            .body(Full::new(body));
        async move {
            let mut link = idle.borrow_mut().pop().expect("there is one for each in flight");
            link.ready().await?;
            let response = link.send_request(request?).await?;
            anyhow::ensure!(response.status() == 200, "the receiver takes all");
            response.into_body().collect().await?;
            idle.borrow_mut().push(link);
            Ok(())
        }
    })
    .await
}

/// Keeps `count` of what `one` makes going until `span` has passed.
async fn together<W: Future<Output = anyhow::Result<()>> + 'static>(
    count: usize,
    span: Duration,
    one: impl Fn() -> W + Clone + 'static,
) -> anyhow::Result<Turn> {
    let start = Instant::now();
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let one = one.clone();
            tasks::spawn(async move {
                let mut took = Vec::new();
                while start.elapsed() < span {
                    let began = Instant::now();
                    one().await?;
                    took.push(began.elapsed());
                }
                anyhow::Ok(took)
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await??);
    }
    let wall = start.elapsed();
    took.sort();
    let p50 = took.get(took.len() / 2).copied();
    Ok(Turn { ops: took.len() as u64, wall, cpu: Duration::ZERO, p50 })
}
