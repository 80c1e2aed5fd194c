use crate::target::Target;
use bytes::Bytes;
use event::{Headers, Refusal, Time, is_reserved_header};
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};
use signature::sign_delivery;

/// What one attempt sends.
#[derive(Clone, Debug)]
pub struct Letter<'a> {
    /// The same for each attempt at a delivery: `EventId::of_output`.
    pub webhook_id: &'a str,
    /// Which attempt it is, from 1.
    pub number: u32,
    /// Those stored with the event. Credentials, hop-by-hop headers and names that we give
    /// ourselves are left out, whatever stands here.
    pub headers: &'a Headers,
    pub body: Bytes,
}

/// Meant for us, not for whoever is downstream.
const PRIVATE: &[&str] = &["authorization", "cookie", "set-cookie", "www-authenticate"];

impl Target {
    /// The request without its URI, which depends on the connection that will carry it.
    pub(crate) fn request(
        &self,
        letter: &Letter<'_>,
        wall: Time,
    ) -> Result<Request<Full<Bytes>>, Refusal> {
        let mut headers = self.template.clone();
        for (name, value) in letter.headers.iter() {
            self.forward(&mut headers, name, value)?;
        }
        if !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        }
        self.stamp(&mut headers, letter, wall)?;
        let mut request = Request::new(Full::new(letter.body.clone()));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// What the endpoint's configuration sets wins over what the event brought.
    fn forward(&self, headers: &mut HeaderMap, name: &str, value: &[u8]) -> Result<(), Refusal> {
        if is_reserved_header(name) || PRIVATE.contains(&name) {
            return Ok(());
        }
        let name = HeaderName::try_from(name).map_err(|_| unfit(name))?;
        let value = HeaderValue::from_bytes(value).map_err(|_| unfit(name.as_str()))?;
        if !self.template.contains_key(&name) {
            headers.append(name, value);
        }
        Ok(())
    }

    fn stamp(
        &self,
        headers: &mut HeaderMap,
        letter: &Letter<'_>,
        wall: Time,
    ) -> Result<(), Refusal> {
        let id = letter.webhook_id;
        let signed = sign_delivery(self.family, id, wall, &letter.body, &self.secrets)
            .map_err(|why| refusal(&format!("it cannot be signed: {why}")))?;
        for (name, value) in signed {
            let value = HeaderValue::try_from(value).map_err(|_| unfit(name))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        headers.insert(HeaderName::from_static("webhook-attempt"), letter.number.into());
        Ok(())
    }
}

fn unfit(name: &str) -> Refusal {
    refusal(&format!("header `{}` cannot be sent as it is", name.escape_default()))
}

fn refusal(rule: &str) -> Refusal {
    Refusal { rule: rule.into(), allow: "".into() }
}
