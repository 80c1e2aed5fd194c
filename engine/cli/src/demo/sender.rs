use crate::demo::digest::digest;
use crate::demo::news::{Accepted, News};
use crate::demo::payload::{Payload, Provider};
use crate::demo::posts::{How, Post, key_of};
use anyhow::{Context, bail};
use bytes::Bytes;
use event::Time;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use signature::{Draft, Scheme, Secret};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;

/// Requests under way at a time, each on a connection that is kept.
pub const CONNECTIONS: usize = 16;
/// How often the engine may ask to slow down before the request counts as unanswered.
const PUSH_BACKS_MAX: usize = 60;

/// All providers at once, against the engine's real sockets.
struct Providers {
    addr: SocketAddr,
    payloads: Arc<Vec<Payload>>,
    /// In the order of `Provider::ALL`.
    signers: Vec<(Scheme, Secret)>,
    posts: RefCell<std::vec::IntoIter<Post>>,
    news: Sender<News>,
}

/// Sends everything from a thread of its own, and says so when it is done.
pub fn start(
    addr: SocketAddr,
    payloads: Arc<Vec<Payload>>,
    posts: Vec<Post>,
    secrets: &[String],
    news: Sender<News>,
) -> anyhow::Result<()> {
    let mut signers = Vec::new();
    for (provider, secret) in Provider::ALL.iter().zip(secrets) {
        let scheme = Scheme::preset(provider.name()).context("a preset for each provider")?;
        let secret = Secret::parse(secret, scheme.secret)?;
        signers.push((scheme, secret));
    }
    let work = move || async move {
        let posts = RefCell::new(posts.into_iter());
        let providers = Rc::new(Providers { addr, payloads, signers, posts, news });
        let open = |_| tokio::task::spawn_local(send_in_turn(providers.clone()));
        let connections: Vec<_> = (0..CONNECTIONS).map(open).collect();
        for connection in connections {
            drop(connection.await);
        }
        drop(providers.news.send(News::SentAll));
    };
    super::in_thread("sender", work)
}

async fn send_in_turn(providers: Rc<Providers>) {
    let mut connection = None;
    loop {
        let Some(post) = providers.posts.borrow_mut().next() else { return };
        let times = if post.how == How::Twice { 2 } else { 1 };
        for _ in 0..times {
            let news = match providers.send(&mut connection, post).await {
                Ok(news) => news,
                Err(error) => {
                    connection = None;
                    News::Unanswered { payload: post.payload, why: format!("{error:#}") }
                }
            };
            drop(providers.news.send(news));
        }
    }
}

type Connection = Option<SendRequest<Full<Bytes>>>;

#[derive(Deserialize)]
struct Receipt {
    id: String,
    #[serde(default)]
    duplicate: bool,
}

impl Providers {
    async fn send(&self, connection: &mut Connection, post: Post) -> anyhow::Result<News> {
        let payload = &self.payloads[post.payload];
        let (id, body) = payload.delivery(post.serial);
        for _ in 0..PUSH_BACKS_MAX {
            let request = self.request(payload, &id, &body, post.how == How::Forged)?;
            let sent_at = Instant::now();
            let answer = self.exchange(connection, request).await?;
            let (head, text) = answer.into_parts();
            if post.how == How::Forged {
                let status = head.status.as_u16();
                return Ok(News::Forged { payload: post.payload, status });
            }
            if head.status == StatusCode::SERVICE_UNAVAILABLE {
                drop(self.news.send(News::PushedBack));
                tokio::time::sleep(retry_after(&head.headers)).await;
                continue;
            }
            if !head.status.is_success() {
                bail!("answered {}: {}", head.status, String::from_utf8_lossy(&text));
            }
            let receipt: Receipt = serde_json::from_slice(&text).context("the receipt")?;
            return Ok(News::Accepted(Accepted {
                payload: post.payload,
                key: key_of(payload, &id, &body),
                id: receipt.id,
                is_duplicate: receipt.duplicate,
                digest: digest(&body),
                sent_at,
                took: sent_at.elapsed(),
                bytes: body.len(),
            }));
        }
        bail!("answered 503 for {PUSH_BACKS_MAX} times");
    }

    async fn exchange(
        &self,
        connection: &mut Connection,
        request: Request<Full<Bytes>>,
    ) -> anyhow::Result<Response<Bytes>> {
        if connection.as_ref().is_none_or(SendRequest::is_closed) {
            *connection = Some(connect(self.addr).await?);
        }
        let open = connection.as_mut().expect("it was opened above");
        open.ready().await?;
        let (head, body) = open.send_request(request).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    /// As the provider would send it, signature and all.
    fn request(
        &self,
        payload: &Payload,
        id: &str,
        body: &Bytes,
        is_forged: bool,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let path = format!("/in/{}", payload.provider.name());
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let at = Time::ZERO + now;
        let (scheme, secret) = &self.signers[payload.provider as usize];
        let draft = Draft { id, at, method: "POST", url: "", body };
        let signed = scheme.sign(&draft, std::slice::from_ref(secret))?;
        let mut request = Request::post(path)
            .header("host", self.addr.to_string())
            .header("content-type", "application/json");
        for (name, value) in own_headers(payload, id) {
            request = request.header(name, value);
        }
        for (name, value) in signed {
            request = request.header(name, value);
        }
        let body = match is_forged {
            true => [body, &b" "[..]].concat().into(),
            false => body.clone(),
        };
        Ok(request.body(Full::new(body))?)
    }
}

fn own_headers<'p>(payload: &'p Payload, id: &'p str) -> Vec<(&'static str, &'p str)> {
    match payload.provider {
        Provider::GitHub => vec![
            ("user-agent", "GitHub-Hookshot/demo"),
            ("x-github-event", &payload.label),
            ("x-github-delivery", id),
            ("x-github-hook-id", "512340001"),
        ],
        Provider::Shopify => vec![
            ("x-shopify-topic", &payload.label),
            ("x-shopify-webhook-id", id),
            ("x-shopify-shop-domain", "river-works.myshopify.example"),
            ("x-shopify-api-version", "2026-01"),
        ],
        Provider::Stripe => vec![("user-agent", "Stripe/1.0 (demo)")],
        Provider::Slack => vec![("user-agent", "Slackbot 1.0 (demo)")],
        // Its id and time are part of what is signed.
        Provider::StandardWebhooks => Vec::new(),
    }
}

async fn connect(addr: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(async move { drop(connection.await) });
    Ok(sender)
}

fn retry_after(headers: &hyper::HeaderMap) -> Duration {
    let text = headers.get(hyper::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    Duration::from_secs(text.and_then(|text| text.parse().ok()).unwrap_or(1))
}
