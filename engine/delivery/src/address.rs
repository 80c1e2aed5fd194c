use event::Refusal;
use hyper::Uri;
use hyper::header::HeaderValue;
use std::net::IpAddr;
use url::{Host, Url};

/// A URL that was parsed once, by the WHATWG rules; all that is dialled, sent and shown comes
/// from that one reading, so no two parts of the road can disagree about it.
#[derive(Clone, Debug)]
pub struct Address {
    url: Url,
    host: Host<String>,
    port: u16,
    authority: HeaderValue,
    origin_form: Uri,
    absolute_form: Uri,
}

const URL_BYTES_MAX: usize = 2048;

impl Address {
    /// Refuses what no configuration could make right.
    pub fn parse(text: &str) -> Result<Address, Refusal> {
        if text.len() > URL_BYTES_MAX {
            return Err(refusal("a URL of more than 2048 bytes"));
        }
        if text.chars().any(|c| c.is_control()) {
            return Err(refusal("a control character in the URL"));
        }
        let mut url = Url::parse(text).map_err(|e| refusal(&format!("not a URL: {e}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refusal("a scheme other than http and https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refusal("a user name or password in the URL"));
        }
        url.set_fragment(None);
        // Written as it is sent it may have become longer.
        if url.as_str().len() > URL_BYTES_MAX {
            return Err(refusal("a URL of more than 2048 bytes"));
        }
        Address::of(url).ok_or_else(|| refusal("not a URL that HTTP can carry"))
    }

    fn of(url: Url) -> Option<Address> {
        let host = url.host()?.to_owned();
        let port = url.port_or_known_default()?;
        let authority = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str()?),
            None => url.host_str()?.to_owned(),
        };
        let path = &url[url::Position::BeforePath..];
        Some(Address {
            origin_form: path.parse().ok()?,
            absolute_form: format!("{}://{authority}{path}", url.scheme()).parse().ok()?,
            authority: HeaderValue::try_from(authority).ok()?,
            host,
            port,
            url,
        })
    }

    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host without brackets, as TLS and the resolver want it.
    pub fn host(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        }
    }

    /// The address, if the URL names one instead of a host.
    pub fn literal(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Domain(_) => None,
            Host::Ipv4(ip) => Some((*ip).into()),
            Host::Ipv6(ip) => Some((*ip).into()),
        }
    }

    /// `localhost` and all below it mean this machine, whatever a resolver says (RFC 6761).
    pub(crate) fn is_localhost(&self) -> bool {
        let Host::Domain(name) = &self.host else { return false };
        let name = name.strip_suffix('.').unwrap_or(name);
        name == "localhost" || name.ends_with(".localhost")
    }

    pub(crate) fn authority(&self) -> &HeaderValue {
        &self.authority
    }

    /// `/path?query`, as HTTP/1.1 asks.
    pub(crate) fn origin_form(&self) -> &Uri {
        &self.origin_form
    }

    /// With scheme and authority, as h2 asks.
    pub(crate) fn absolute_form(&self) -> &Uri {
        &self.absolute_form
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.url.as_str())
    }
}

fn refusal(rule: &str) -> Refusal {
    Refusal { rule: rule.into(), allow: "".into() }
}
