use crate::Address;
use crate::pool::Pool;
use event::{Time, is_reserved_header};
use hyper::header::{ACCEPT, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use signature::{Family, Secret};
use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

pub struct TargetOptions {
    pub address: Address,
    /// Of a whole attempt: name, connection, request, and the answer with its body.
    pub timeout: Duration,
    /// All that are live now: each signs. A target with none can send nothing.
    pub secrets: Vec<Secret>,
    pub family: Family,
    /// Sent with each request, such as `authorization`.
    pub headers: Vec<(String, String)>,
    /// Certificates to trust instead of the public ones.
    pub ca_pem: Option<String>,
}

/// One endpoint as the client sees it, with the connections that it keeps open to it. Made by
/// `Client::target`; to change an endpoint, make another.
pub struct Target {
    pub(crate) address: Address,
    pub(crate) timeout: Duration,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) family: Family,
    pub(crate) template: HeaderMap,
    pub(crate) server_name: ServerName<'static>,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) resolved: RefCell<Option<Resolved>>,
    pub(crate) pool: Pool,
}

/// What a name last resolved to. It is vetted again each time it is used.
#[derive(Clone)]
pub(crate) struct Resolved {
    pub at: Time,
    pub ips: Vec<IpAddr>,
}

/// An endpoint that nothing could be sent to as it is configured.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unusable {
    #[error("header `{0}` is set by the connection or by the engine itself")]
    Reserved(String),
    #[error("header `{0}` holds a character that HTTP does not allow")]
    BadHeader(String),
    #[error("the host name is none that a certificate could be for")]
    BadName,
    #[error("the certificates to trust cannot be read: {0}")]
    BadCertificates(String),
}

impl Target {
    pub(crate) fn new(options: TargetOptions, tls: Arc<ClientConfig>) -> Result<Target, Unusable> {
        let host = options.address.host();
        let name = host.strip_suffix('.').unwrap_or(&host).to_owned();
        Ok(Target {
            template: template(&options)?,
            server_name: ServerName::try_from(name).map_err(|_| Unusable::BadName)?,
            address: options.address,
            timeout: options.timeout,
            secrets: options.secrets,
            family: options.family,
            tls,
            resolved: RefCell::default(),
            pool: Pool::default(),
        })
    }

    pub fn address(&self) -> &Address {
        &self.address
    }
}

/// All headers that are the same in each request.
fn template(options: &TargetOptions) -> Result<HeaderMap, Unusable> {
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(HOST, options.address.authority().clone());
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    let agent = concat!("forebay/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    for (name, value) in &options.headers {
        let bad = || Unusable::BadHeader(name.escape_default().to_string());
        let parsed = HeaderName::try_from(name.as_str()).map_err(|_| bad())?;
        if is_reserved_header(parsed.as_str()) {
            return Err(Unusable::Reserved(name.clone()));
        }
        let mut value = HeaderValue::try_from(value.as_str()).map_err(|_| bad())?;
        // Kept out of debug output, and of the compression tables of h2.
        value.set_sensitive(true);
        headers.append(parsed, value);
    }
    Ok(headers)
}
