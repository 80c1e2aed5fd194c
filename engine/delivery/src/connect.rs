use crate::Client;
use crate::pool::{Connection, Link};
use crate::target::{Resolved, Target};
use event::Cause;
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use runtime::tasks;
use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Of the answer, status line and headers together.
const HEADERS_BYTES_MAX: usize = 64 << 10;
/// A name keeps its addresses for so long; they are vetted at each use all the same.
const RESOLVED_FOR: Duration = Duration::from_secs(5);
/// How many addresses of a name are tried in one attempt.
const DIALS_MAX: usize = 4;
const H2_STREAM_WINDOW_BYTES: u32 = 64 << 10;

impl Client {
    /// A fresh connection to one of the target's addresses, each of which was vetted.
    pub(crate) async fn open(&self, target: &Target) -> Result<Connection, Cause> {
        let addresses = self.addresses(target).await?;
        let share = self.connect_timeout / addresses.len() as u32;
        let mut first = None;
        for address in addresses {
            let cause = match tasks::timeout(share, self.open_at(target, address)).await {
                Ok(Ok(connection)) => return Ok(connection),
                // Somebody is there, and would be the wrong one at another address as well.
                Ok(Err(Cause::Tls(why))) => return Err(Cause::Tls(why)),
                Ok(Err(cause)) => cause,
                Err(tasks::TimedOut) => Cause::Timeout,
            };
            first.get_or_insert(cause);
        }
        Err(first.unwrap_or(Cause::Timeout))
    }

    /// Never empty. One bad address among a name's refuses them all: a name that points inside as
    /// well as outside is an attack, or soon a mistake.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, Cause> {
        let ips = match target.address.literal() {
            Some(ip) => vec![ip],
            None if target.address.is_localhost() => {
                vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
            }
            None => self.resolve(target).await?,
        };
        let port = target.address.port();
        let mut vetted = Vec::with_capacity(ips.len());
        for ip in ips {
            let to = SocketAddr::new(ip, port);
            vetted.push(self.guard.vet_socket(to).map_err(Cause::Refused)?);
        }
        vetted.truncate(DIALS_MAX);
        Ok(vetted)
    }

    async fn resolve(&self, target: &Target) -> Result<Vec<IpAddr>, Cause> {
        let now = self.clock.now();
        if let Some(known) = &*target.resolved.borrow()
            && now.since(known.at) < RESOLVED_FOR
        {
            return Ok(known.ips.clone());
        }
        let host = target.address.host();
        let ips = match tasks::timeout(self.dns_timeout, self.net.resolve(&host)).await {
            Ok(Ok(ips)) if ips.is_empty() => return Err(Cause::Dns("no address".into())),
            Ok(Ok(ips)) => ips,
            Ok(Err(error)) => return Err(Cause::Dns(error.to_string().into())),
            Err(tasks::TimedOut) => return Err(Cause::Dns("no answer in time".into())),
        };
        *target.resolved.borrow_mut() = Some(Resolved { at: now, ips: ips.clone() });
        Ok(ips)
    }

    async fn open_at(&self, target: &Target, peer: SocketAddr) -> Result<Connection, Cause> {
        let stream = self.net.dial(peer).await.map_err(|e| cause_of(&e))?;
        let link = if target.address.is_https() {
            secure(target, stream).await?
        } else {
            speak_h1(stream).await?
        };
        Ok(Connection { link, peer })
    }
}

async fn secure(target: &Target, stream: TcpStream) -> Result<Link, Cause> {
    let connector = TlsConnector::from(target.tls.clone());
    let connected = connector.connect(target.server_name.clone(), stream).await;
    let stream = connected.map_err(|error| match cause_of(&error) {
        // The peer's own words for refusing us are as much about TLS as its certificate.
        Cause::Connection(why) => Cause::Tls(why),
        cause => cause,
    })?;
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        speak_h2(stream).await
    } else {
        speak_h1(stream).await
    }
}

async fn speak_h1<S>(stream: S) -> Result<Link, Cause>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_header_size(HEADERS_BYTES_MAX).max_buf_size(2 * HEADERS_BYTES_MAX);
    let opened = builder.handshake(TokioIo::new(stream)).await;
    let (link, connection) = opened.map_err(|e| cause_of(&e))?;
    // Its error reaches the request that it carried.
    tasks::spawn(async move { drop(connection.await) });
    Ok(Link::H1(link))
}

async fn speak_h2<S>(stream: S) -> Result<Link, Cause>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut builder = http2::Builder::new(OnThisThread);
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(HEADERS_BYTES_MAX as u32)
        .initial_stream_window_size(H2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(16 * H2_STREAM_WINDOW_BYTES);
    let opened = builder.handshake(TokioIo::new(stream)).await;
    let (link, connection) = opened.map_err(|e| cause_of(&e))?;
    tasks::spawn(async move { drop(connection.await) });
    Ok(Link::H2(link))
}

#[derive(Clone)]
struct OnThisThread;

impl<F: Future<Output: 'static> + 'static> Executor<F> for OnThisThread {
    fn execute(&self, work: F) {
        tasks::spawn(work);
    }
}

/// Tells TLS from the rest, and keeps the words of the whole chain of errors.
pub(crate) fn cause_of(error: &(dyn Error + 'static)) -> Cause {
    let mut words = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = tls_error(error) {
            return Cause::Tls(tls.to_string().into());
        }
        let more = error.to_string();
        // Some errors repeat their source's words in their own.
        if !words.contains(&more) {
            words = if words.is_empty() { more } else { format!("{words}: {more}") };
        }
        next = error.source();
    }
    words.truncate(words.floor_char_boundary(event::limits::REASON_BYTES_MAX));
    Cause::Connection(words.into())
}

/// rustls's errors travel inside of I/O errors, which do not name them as their source.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let inner = match error.downcast_ref::<io::Error>() {
        Some(io) => io.get_ref()? as &(dyn Error + 'static),
        None => error,
    };
    inner.downcast_ref()
}
