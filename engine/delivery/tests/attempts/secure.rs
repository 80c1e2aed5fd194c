use crate::endpoint::{cause, client, options, send, status, target, target_options};
use bytes::Bytes;
use delivery::{Client, ClientOptions, Target, TargetOptions, Unusable};
use event::Cause;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use runtime::{listen, tasks};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn for_name(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).unwrap()
}

struct Secured {
    url: String,
    versions: Rc<RefCell<Vec<Version>>>,
    connections: Rc<Cell<usize>>,
}

/// Echoes each body over TLS, in h2 or HTTP/1.1 as `protocols` allows.
fn serve(certificate: CertificateDer<'static>, key: KeyPair, protocols: &[&str]) -> Secured {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("https://localhost:{}/in", listener.local_addr().unwrap().port());
    let secured = Secured { url, versions: Rc::default(), connections: Rc::default() };
    let (versions, connections) = (secured.versions.clone(), secured.connections.clone());
    tasks::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, versions) = (acceptor.clone(), versions.clone());
            let connections = connections.clone();
            tasks::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                connections.set(connections.get() + 1);
                let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let echo = service_fn(move |request| echo(versions.clone(), request));
                let io = TokioIo::new(stream);
                if is_h2 {
                    let builder = hyper::server::conn::http2::Builder::new(LocalExecutor);
                    drop(builder.serve_connection(io, echo).await);
                } else {
                    let builder = hyper::server::conn::http1::Builder::new();
                    drop(builder.serve_connection(io, echo).await);
                }
            });
        }
    });
    secured
}

async fn echo(
    versions: Rc<RefCell<Vec<Version>>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    versions.borrow_mut().push(request.version());
    assert_eq!(request.uri().path(), "/in");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    Ok(Response::new(Full::new(body)))
}

#[derive(Clone)]
struct LocalExecutor;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, work: F) {
        tasks::spawn(work);
    }
}

/// Serves a certificate for localhost, changed by `change`, from an authority that is trusted.
fn serve_changed(change: impl Fn(&mut CertificateParams), protocols: &[&str]) -> (Secured, String) {
    let authority = authority();
    let key = KeyPair::generate().unwrap();
    let mut params = for_name("localhost");
    change(&mut params);
    let certificate = params.signed_by(&key, &authority).unwrap();
    (serve(certificate.der().clone(), key, protocols), authority.pem())
}

fn trusting(client: &Client, url: &str, pem: &str) -> Target {
    let ca_pem = Some(pem.to_owned());
    client.target(TargetOptions { ca_pem, ..target_options(url) }).unwrap()
}

#[test]
fn http_1_1_goes_over_tls() {
    tasks::run(async {
        let (secured, pem) = serve_changed(|_| {}, &["http/1.1"]);
        let client = client();
        let target = trusting(&client, &secured.url, &pem);
        for _ in 0..3 {
            let answer = send(&client, &target).await;
            assert_eq!((status(&answer), &*answer.excerpt), (Some(200), "{\"n\":1}"));
        }
        assert_eq!(*secured.versions.borrow(), [Version::HTTP_11; 3]);
        assert_eq!(secured.connections.get(), 1);
    })
    .unwrap();
}

#[test]
fn h2_is_taken_where_it_is_offered_and_one_connection_carries_all() {
    tasks::run(async {
        let (secured, pem) = serve_changed(|_| {}, &["h2", "http/1.1"]);
        let client = Rc::new(client());
        let target = Rc::new(trusting(&client, &secured.url, &pem));
        assert_eq!(status(&send(&client, &target).await), Some(200));
        let attempts: Vec<_> = (0..50)
            .map(|_| {
                let (client, target) = (client.clone(), target.clone());
                tasks::spawn(async move { send(&client, &target).await })
            })
            .collect();
        for attempt in attempts {
            let answer = attempt.await.unwrap();
            assert_eq!((status(&answer), &*answer.excerpt), (Some(200), "{\"n\":1}"));
        }
        assert_eq!(*secured.versions.borrow(), [Version::HTTP_2; 51]);
        assert_eq!(secured.connections.get(), 1);
    })
    .unwrap();
}

#[test]
fn an_authority_may_be_trusted_by_the_whole_client() {
    tasks::run(async {
        let (secured, pem) = serve_changed(|_| {}, &[]);
        let client = Client::new(ClientOptions { ca_pem: Some(pem), ..options() }).unwrap();
        let answer = send(&client, &target(&client, &secured.url)).await;
        assert_eq!(status(&answer), Some(200), "{answer:?}");
    })
    .unwrap();
}

async fn refusal_of(secured: Secured, pem: &str) -> String {
    let client = client();
    let answer = send(&client, &trusting(&client, &secured.url, pem)).await;
    let Cause::Tls(why) = cause(&answer) else { panic!("{answer:?}") };
    assert!(secured.versions.borrow().is_empty(), "nothing was sent");
    why.to_string()
}

#[test]
fn a_bad_certificate_fails_and_the_cause_is_named() {
    tasks::run(async {
        let (secured, pem) = serve_changed(|p| p.not_after = date_time_ymd(2020, 1, 1), &[]);
        let why = refusal_of(secured, &pem).await;
        assert!(why.contains("expired"), "{why}");

        let (secured, pem) = serve_changed(|p| p.not_before = date_time_ymd(3020, 1, 1), &[]);
        let why = refusal_of(secured, &pem).await;
        assert!(why.contains("not valid yet"), "{why}");

        let (secured, pem) = serve_changed(|p| *p = for_name("other.example"), &["h2"]);
        let why = refusal_of(secured, &pem).await;
        assert!(why.contains("not valid for name"), "{why}");

        let (secured, _) = serve_changed(|_| {}, &[]);
        let why = refusal_of(secured, &authority().pem()).await;
        assert!(why.contains("UnknownIssuer") || why.contains("BadSignature"), "{why}");

        let key = KeyPair::generate().unwrap();
        let own = for_name("localhost").self_signed(&key).unwrap();
        let why = refusal_of(serve(own.der().clone(), key, &[]), &authority().pem()).await;
        assert!(why.contains("UnknownIssuer") || why.contains("BadSignature"), "{why}");
    })
    .unwrap();
}

#[test]
fn the_public_authorities_are_all_that_is_trusted_by_default() {
    tasks::run(async {
        let (secured, _) = serve_changed(|_| {}, &[]);
        let client = client();
        let answer = send(&client, &target(&client, &secured.url)).await;
        assert!(matches!(cause(&answer), Cause::Tls(_)), "{answer:?}");
    })
    .unwrap();
}

#[test]
fn an_endpoint_without_our_tls_is_told_as_such() {
    // Nothing newer than TLS 1.0 (an alert: protocol version); and no TLS at all.
    let answers: [&[u8]; 2] =
        [b"\x15\x03\x01\x00\x02\x02\x46", b"HTTP/1.1 400 Bad Request\r\n\r\n"];
    tasks::run(async {
        for bytes in answers {
            let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
            let url = format!("https://{}/", listener.local_addr().unwrap());
            tasks::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(bytes).await.unwrap();
                drop(stream.shutdown().await);
                std::future::pending::<()>().await;
            });
            let client = client();
            let answer = send(&client, &target(&client, &url)).await;
            assert!(matches!(cause(&answer), Cause::Tls(_)), "{answer:?}");
        }
    })
    .unwrap();
}

#[test]
fn what_is_no_certificate_cannot_be_trusted() {
    let client = client();
    for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let options = target_options("https://example.com/");
        let bad = client.target(TargetOptions { ca_pem: Some(pem.to_owned()), ..options }).err();
        assert!(matches!(bad, Some(Unusable::BadCertificates(_))), "{pem}");
    }
}
