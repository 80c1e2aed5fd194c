use crate::answer::{Answer, Reply, read};
use crate::pool::{Connection, Link, Unsent};
use crate::target::{Target, TargetOptions, Unusable};
use crate::{Guard, Letter};
use bytes::Bytes;
use event::{Attempted, Cause, Outcome, Time};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::{Request, Response};
use runtime::{Clock, Net, tasks};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub struct ClientOptions {
    pub guard: Guard,
    pub net: Rc<dyn Net>,
    pub clock: Arc<dyn Clock>,
    /// Certificates to trust beside the public ones.
    pub ca_pem: Option<String>,
    /// Within a target's whole time: 2 s unless there is a reason.
    pub dns_timeout: Duration,
    /// Likewise, of TCP and TLS together: 5 s.
    pub connect_timeout: Duration,
}

/// Makes attempts. It lives on one thread, inside of `runtime::tasks::run`.
pub struct Client {
    pub(crate) guard: Guard,
    pub(crate) net: Rc<dyn Net>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dns_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    tls: Arc<ClientConfig>,
}

impl Client {
    pub fn new(options: ClientOptions) -> Result<Client, Unusable> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(pem) = &options.ca_pem {
            trust(&mut roots, pem)?;
        }
        Ok(Client {
            guard: options.guard,
            net: options.net,
            clock: options.clock,
            dns_timeout: options.dns_timeout,
            connect_timeout: options.connect_timeout,
            tls: Arc::new(tls(roots)),
        })
    }

    /// The address is judged at each attempt, not here: what is refused today may be allowed by
    /// a configuration tomorrow.
    pub fn target(&self, options: TargetOptions) -> Result<Target, Unusable> {
        let config = match &options.ca_pem {
            None => self.tls.clone(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                trust(&mut roots, pem)?;
                Arc::new(tls(roots))
            }
        };
        Target::new(options, config)
    }

    /// One attempt, over when the answer's body was read or the target's time is up. Whatever
    /// happens to it is told by the outcome; dropping the future closes its connection.
    pub async fn attempt(&self, target: &Target, letter: Letter<'_>) -> Answer {
        let (start, wall) = (self.clock.now(), self.clock.wall());
        let exchange = self.exchange(target, &letter, wall);
        let reply = tasks::timeout(target.timeout, exchange).await;
        let (outcome, excerpt) = match reply {
            Ok(Ok(reply)) => (reply.outcome, reply.excerpt),
            Ok(Err(cause)) => (Outcome::Failed { cause, retry_after: None }, "".into()),
            Err(tasks::TimedOut) => {
                (Outcome::Failed { cause: Cause::Timeout, retry_after: None }, "".into())
            }
        };
        let took = self.clock.now().since(start);
        let attempted = Attempted { number: letter.number, at: wall, took, outcome };
        Answer { attempted, excerpt }
    }

    async fn exchange(
        &self,
        target: &Target,
        letter: &Letter<'_>,
        wall: Time,
    ) -> Result<Reply, Cause> {
        self.guard.vet(&target.address).map_err(Cause::Refused)?;
        let request = target.request(letter, wall).map_err(Cause::Refused)?;
        let (connection, response) = self.send(target, request).await?;
        let reply = read(response, wall).await?;
        if reply.is_whole {
            target.pool.put(connection);
        }
        Ok(reply)
    }

    /// A connection that the peer closed while it was idle costs no attempt: as long as nothing
    /// was sent on it, the request goes out on a fresh one instead.
    async fn send(
        &self,
        target: &Target,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(Connection, Response<Incoming>), Cause> {
        while let Some(mut idle) = target.pool.take(&self.guard) {
            if !idle.is_usable().await {
                continue;
            }
            address(&mut request, target, &idle.link);
            match idle.send(request).await {
                Ok(response) => return Ok((idle, response)),
                Err(Unsent::Failed(cause)) => return Err(cause),
                Err(Unsent::HandedBack(back, _)) => {
                    request = *back;
                    target.pool.forget_shared();
                    break;
                }
            }
        }
        // Boxed: TLS makes it large, and room for it in every attempt would be copied around with
        // each, though few attempts open a connection.
        let mut fresh = Box::pin(self.open(target)).await?;
        address(&mut request, target, &fresh.link);
        match fresh.send(request).await {
            Ok(response) => Ok((fresh, response)),
            Err(Unsent::Failed(cause) | Unsent::HandedBack(_, cause)) => Err(cause),
        }
    }
}

/// HTTP/1.1 names the host in a header, h2 in the URI.
fn address(request: &mut Request<Full<Bytes>>, target: &Target, link: &Link) {
    match link {
        Link::H1(_) => {
            *request.uri_mut() = target.address.origin_form().clone();
            request.headers_mut().insert(HOST, target.address.authority().clone());
        }
        Link::H2(_) => {
            *request.uri_mut() = target.address.absolute_form().clone();
            request.headers_mut().remove(HOST);
        }
    }
}

fn trust(roots: &mut RootCertStore, pem: &str) -> Result<(), Unusable> {
    let unreadable = |why: String| Unusable::BadCertificates(why);
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|e| unreadable(e.to_string()))?;
        roots.add(certificate).map_err(|e| unreadable(e.to_string()))?;
        found += 1;
    }
    if found == 0 {
        return Err(unreadable("no certificate in it".into()));
    }
    Ok(())
}

/// The provider is named here, so that nothing global has to be installed.
fn tls(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
