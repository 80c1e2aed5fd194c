use crate::exit::{Exit, Failure};
use crate::given::print;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ETAG, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

/// One request.
pub struct Call {
    pub method: Method,
    pub url: Url,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

pub struct Answer {
    pub status: u16,
    /// What `If-Match` names this version of a resource by.
    pub tag: Option<String>,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as it came, with one line's end behind it.
    pub fn print(&self) -> Result<(), Failure> {
        print(&format!("{}\n", self.body.trim_end()))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    pub fn is_json(&self) -> bool {
        serde_json::from_str::<serde::de::IgnoredAny>(&self.body).is_ok()
    }

    /// What a server that did not do it says, and what may help.
    pub fn refusal(&self) -> Failure {
        let problem = self.json();
        let why = match &problem["detail"] {
            Value::String(text) => text.clone(),
            Value::Array(flaws) => flaws.iter().map(flaw).collect::<Vec<_>>().join("; "),
            _ => problem["title"].as_str().unwrap_or(self.body.trim()).to_owned(),
        };
        let told = match self.status {
            // Whoever sends none is told so before the server is asked.
            401 => WRONG_KEY.to_owned(),
            404 if why.contains("no such application") => {
                format!("{why}\nname one that there is: --app")
            }
            _ => why,
        };
        Failure::new(Exit::Failed, format!("{} {told}", self.status))
    }
}

const WRONG_KEY: &str = "the server does not accept the key that it was given\ngive another one: \
                         --key-file, or FOREBAY_KEY in the environment";

/// One thing that is wrong with a request, as `place: text`.
fn flaw(flaw: &Value) -> String {
    let place = flaw["loc"].as_array().into_iter().flatten().skip(1).filter_map(Value::as_str);
    let place = place.collect::<Vec<_>>().join(".");
    let text = flaw["msg"].as_str().unwrap_or_default();
    if place.is_empty() { text.to_owned() } else { format!("{place}: {text}") }
}

/// For a call as a whole.
const TIMEOUT: Duration = Duration::from_secs(30);
/// For one at which the server may compile a module first: that takes minutes on a machine with
/// much else to do.
const LONG_TIMEOUT: Duration = Duration::from_secs(300);
/// For a connection alone, so that no call waits long for a server that is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Where a command goes: an http or https URL.
pub fn parse_url(argument: &str, text: &str) -> Result<Url, Failure> {
    // Nothing of one that may hold a password is printed.
    if text.contains('@') {
        return Err(Failure::usage(format!("{argument} has an `@`: it takes no name or password")));
    }
    let url =
        Url::parse(text).map_err(|error| Failure::usage(format!("{argument} {text}: {error}")))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err(Failure::usage(format!(
            "{argument} {text}: it must begin with http:// or https://"
        ))),
    }
}

impl Call {
    /// Makes the call and waits for the whole answer. A redirect is an answer like any other.
    pub fn ask(self) -> Result<Answer, Failure> {
        self.ask_within(TIMEOUT)
    }

    /// The same, for no longer than this.
    pub fn ask_within(self, limit: Duration) -> Result<Answer, Failure> {
        self.ask_for(limit.min(TIMEOUT))
    }

    /// The same, of the management API: a change may have the server compile a filter, or what runs
    /// the script of an endpoint.
    pub fn ask_patiently(self) -> Result<Answer, Failure> {
        let limit = self.patience();
        self.ask_for(limit)
    }

    fn patience(&self) -> Duration {
        if self.method.is_safe() { TIMEOUT } else { LONG_TIMEOUT }
    }

    fn ask_for(self, limit: Duration) -> Result<Answer, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(Exit::Failed, error))?;
        let answer = runtime.block_on(self.answer(limit));
        // Its end would wait for the look-up of a name, which knows no limit.
        runtime.shutdown_background();
        answer
    }

    /// The same, on the runtime that there is.
    pub async fn ask_here(self) -> Result<Answer, Failure> {
        self.answer(TIMEOUT).await
    }

    async fn answer(self, limit: Duration) -> Result<Answer, Failure> {
        let (server, late) = (self.server(), self.late());
        within(limit, &server, late, async { collected(self.open().await?).await }).await
    }

    /// Makes the call and takes the answer as it comes. One that is no success is taken whole.
    pub async fn stream(self) -> Result<Result<Streamed, Answer>, Failure> {
        self.stream_within(TIMEOUT).await
    }

    /// The same, where the answer may take so long to begin.
    pub async fn stream_within(self, limit: Duration) -> Result<Result<Streamed, Answer>, Failure> {
        let (server, late) = (self.server(), self.late());
        let response = within(limit, &server, late, self.open()).await?;
        match response.status().is_success() {
            true => Ok(Ok(Streamed(response.into_body()))),
            false => within(TIMEOUT, &server, late, collected(response)).await.map(Err),
        }
    }

    /// What there is to know of a call that was not answered in time: the server may have it.
    fn late(&self) -> &'static str {
        let path = self.url.path();
        // A dry run changes nothing.
        if self.method.is_safe() || path.ends_with("/dry-run") {
            return "";
        }
        match path.contains("/v1/filter/") {
            true => {
                "\nthe request may still take effect: look, with `forebay filter get`, before \
                 trying again"
            }
            false => "\nthe request may still take effect: look before trying again",
        }
    }

    /// Without what a URL may hold beside it.
    fn server(&self) -> String {
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}", self.url.scheme(), self.url.host_str().unwrap_or_default())
    }

    async fn open(self) -> anyhow::Result<Response<Incoming>> {
        let host = self.url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = self.url.port_or_known_default().unwrap_or(80);
        let connecting = TcpStream::connect((host.as_str(), port));
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
        let late = |_| anyhow::anyhow!("no connection within {CONNECT_TIMEOUT:.0?}");
        let stream = stream.map_err(late)??;
        if self.url.scheme() == "http" {
            return exchange(stream, self.request()?).await;
        }
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(host)?;
        let connecting = TlsConnector::from(Arc::new(tls)).connect(name, stream);
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.map_err(late)??;
        exchange(stream, self.request()?).await
    }

    fn request(self) -> anyhow::Result<Request<Full<Bytes>>> {
        let target = match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        };
        let authority = match self.url.port() {
            Some(port) => format!("{}:{port}", self.url.host_str().unwrap_or_default()),
            None => self.url.host_str().unwrap_or_default().to_owned(),
        };
        let mut request = Request::builder().method(self.method).uri(target);
        request = request.header(HOST, authority);
        request = request.header(USER_AGENT, concat!("forebay/", env!("CARGO_PKG_VERSION")));
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name.as_str())?;
            request = request.header(name, HeaderValue::try_from(value.as_str())?);
        }
        Ok(request.body(Full::new(self.body.into()))?)
    }
}

/// The body of an answer, piece by piece.
pub struct Streamed(Incoming);

/// A server that has nothing to send says so more often than this.
const SILENCE_MAX: Duration = Duration::from_secs(60);

impl Streamed {
    /// None at its end.
    pub async fn next(&mut self) -> anyhow::Result<Option<Bytes>> {
        loop {
            let frame = tokio::time::timeout(SILENCE_MAX, self.0.frame()).await;
            match frame.map_err(|_| anyhow::anyhow!("nothing came for a minute"))? {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

async fn within<T>(
    limit: Duration,
    server: &str,
    late: &str,
    work: impl Future<Output = anyhow::Result<T>>,
) -> Result<T, Failure> {
    let why = match tokio::time::timeout(limit, work).await {
        Ok(Ok(came)) => return Ok(came),
        Ok(Err(error)) => format!("cannot reach {server}: {error:#}"),
        Err(_) => format!("{server} has not answered within {limit:.0?}{late}"),
    };
    Err(Failure::new(Exit::Unreachable, why))
}

async fn collected(response: Response<Incoming>) -> anyhow::Result<Answer> {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("the answer's body: {error}"))?.to_bytes();
    Ok(Answer { status, tag, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Incoming>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the one exchange, or with the runtime.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_change_may_take_longer_than_a_compiler() {
        let patience = |method: Method| {
            let url = Url::parse("http://127.0.0.1:8080/v1/filter/f").unwrap();
            Call { method, url, headers: Vec::new(), body: Vec::new() }.patience()
        };
        let compiler = Duration::from_secs(forebay::COMPILER_SECS_MAX);
        assert!(patience(Method::PATCH) > 2 * compiler);
        assert!(patience(Method::GET) < compiler);
    }

    /// Connections are made, and nobody reads what comes by them.
    #[test]
    fn a_server_that_is_late_is_told_from_one_that_is_not_there() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let late = |method: Method, path: &str| {
            let url = Url::parse(&format!("http://{address}{path}")).unwrap();
            let call = Call { method, url, headers: Vec::new(), body: Vec::new() };
            let failure = call.ask_within(Duration::from_millis(100)).err().unwrap();
            assert_eq!(failure.exit, Exit::Unreachable);
            failure.message().to_owned()
        };
        let told = format!("http://{address} has not answered within 100ms");
        assert_eq!(late(Method::GET, "/v1/filter/f"), told);
        assert_eq!(late(Method::POST, "/v1/filter/f/dry-run"), told);
        let unknown = format!("{told}\nthe request may still take effect: look");
        let of_filter = format!("{unknown}, with `forebay filter get`, before trying again");
        assert_eq!(late(Method::PUT, "/v1/filter/f"), of_filter);
        assert_eq!(late(Method::POST, "/api/v1/app"), format!("{unknown} before trying again"));
    }
}
