use crate::template::Pieces;
use crate::{Scheme, Secret, SentAt, StampPlace};
use event::{Time, limits};
use subtle::Choice;

/// What came in, untouched.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub method: &'a str,
    /// As the sender knows it, from the configured public address; never from `Host`. Only
    /// schemes whose template has `{url}` look at it.
    pub url: &'a str,
    /// Names in any case, values as sent, a repeated header as often as it came.
    pub headers: &'a [(&'a str, &'a [u8])],
    pub body: &'a [u8],
}

/// Why a request was not believed. For counters and the operator: a sender hears the same words
/// for all of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unverified {
    #[error("a header that the scheme needs is missing")]
    MissingHeader,
    #[error("a header that the scheme needs cannot be read")]
    Malformed,
    #[error("no signature matches")]
    Mismatch,
    #[error("the timestamp is too far from now")]
    Timestamp,
    #[error("no secret is configured that the scheme can use")]
    BadSecret,
}

/// A sender that offers more signatures than this is not trying to be understood.
const FIELDS_MAX: usize = 16;

impl Unverified {
    /// A stable word, fit for a metric's label.
    pub const fn reason(self) -> &'static str {
        match self {
            Unverified::MissingHeader => "missing_header",
            Unverified::Malformed => "malformed",
            Unverified::Mismatch => "mismatch",
            Unverified::Timestamp => "timestamp",
            Unverified::BadSecret => "bad_secret",
        }
    }
}

/// Whether a text may be a webhook's id: visible ASCII without `.`, for an id with a dot could
/// take over a part of the timestamp that is signed behind it.
pub fn is_webhook_id(text: &str) -> bool {
    (1..=limits::DUPLICATE_KEY_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_graphic() && c != b'.')
}

impl Scheme {
    /// Believes the request if any of its signatures was made by any of the live `secrets`, over
    /// exactly these bytes, at a time within the tolerance of `now`. Fails closed: a scheme that
    /// signs refuses everything when it has no secret that it can use.
    ///
    /// All signatures are compared with all secrets, in constant time, whether one matched or not.
    pub fn verify(
        &self,
        request: &Request<'_>,
        secrets: &[Secret],
        now: Time,
    ) -> Result<(), Unverified> {
        if self.is_open() {
            return Ok(());
        }
        if !secrets.iter().any(|secret| self.versions.iter().any(|v| v.algorithm.takes(secret))) {
            return Err(Unverified::BadSecret);
        }
        let fields = self.fields(request.headers)?;
        let id = if self.signed.has_id() { single(request.headers, &self.id)? } else { "" };
        if self.signed.has_id() && !is_webhook_id(id) {
            return Err(Unverified::Malformed);
        }
        let timestamp = match &self.sent_at {
            Some(sent_at) => sent_at.fresh(request.headers, &fields, now)?,
            None => "",
        };
        let pieces =
            Pieces { id, timestamp, url: request.url, method: request.method, body: request.body };
        self.compare(&fields, &self.signed.fill(&pieces), secrets)
    }

    /// Every field of every signature header, among them at least one signature.
    fn fields<'a>(&self, headers: &[(&str, &'a [u8])]) -> Result<Vec<&'a str>, Unverified> {
        let mut fields = Vec::new();
        let mut is_there = false;
        for name in &self.signature {
            for value in values(headers, name) {
                is_there = true;
                match self.separator {
                    Some(separator) => fields.extend(value?.split(separator).map(str::trim)),
                    None => fields.push(value?),
                }
            }
        }
        if !is_there {
            return Err(Unverified::MissingHeader);
        }
        fields.retain(|field| !field.is_empty());
        if !(1..=FIELDS_MAX).contains(&fields.len()) {
            return Err(Unverified::Malformed);
        }
        let is_signature = |f: &&str| self.versions.iter().any(|v| f.starts_with(&*v.prefix));
        match fields.iter().any(is_signature) {
            true => Ok(fields),
            // Where versions are negotiated, an unknown one is a signature that we cannot check.
            false if self.versions.len() > 1 => Err(Unverified::Mismatch),
            false => Err(Unverified::Malformed),
        }
    }

    fn compare(
        &self,
        fields: &[&str],
        signed: &[&[u8]],
        secrets: &[Secret],
    ) -> Result<(), Unverified> {
        let mut matched = Choice::from(0);
        for version in &self.versions {
            let texts = fields.iter().filter_map(|field| field.strip_prefix(&*version.prefix));
            // What cannot be decoded cannot match; another candidate still may.
            let candidates: Vec<_> = texts.filter_map(|text| self.encoding.decode(text)).collect();
            for secret in secrets.iter().filter(|secret| version.algorithm.takes(secret)) {
                matched |= version.algorithm.matches(secret, signed, &candidates);
            }
        }
        bool::from(matched).then_some(()).ok_or(Unverified::Mismatch)
    }
}

impl SentAt {
    /// The timestamp's text, once it was found to be near enough to now. Compares whole seconds,
    /// as the providers' own libraries do.
    fn fresh<'a>(
        &self,
        headers: &[(&str, &'a [u8])],
        fields: &[&'a str],
        now: Time,
    ) -> Result<&'a str, Unverified> {
        let text = self.text(headers, fields)?;
        let sent = self.form.read(text).ok_or(Unverified::Malformed)?;
        match sent.secs().abs_diff(now.secs()) <= self.tolerance.as_secs() {
            true => Ok(text),
            false => Err(Unverified::Timestamp),
        }
    }

    fn text<'a>(
        &self,
        headers: &[(&str, &'a [u8])],
        fields: &[&'a str],
    ) -> Result<&'a str, Unverified> {
        match &self.place {
            StampPlace::Header(names) => single(headers, names),
            StampPlace::Field(prefix) => {
                let mut stamps = fields.iter().filter_map(|f| f.strip_prefix(prefix.as_str()));
                match (stamps.next(), stamps.next()) {
                    (Some(stamp), None) => Ok(stamp),
                    // Two stamps: which one is checked and which one is signed?
                    _ => Err(Unverified::Malformed),
                }
            }
        }
    }
}

/// The one value of the first of these headers that is there.
fn single<'a>(headers: &[(&str, &'a [u8])], names: &[String]) -> Result<&'a str, Unverified> {
    for name in names {
        let mut found = values(headers, name);
        match (found.next(), found.next()) {
            (None, _) => {}
            (Some(value), None) => {
                return value
                    .and_then(|v| if v.is_empty() { Err(Unverified::Malformed) } else { Ok(v) });
            }
            (Some(_), Some(_)) => return Err(Unverified::Malformed),
        }
    }
    Err(Unverified::MissingHeader)
}

fn values<'h, 'a>(
    headers: &'h [(&str, &'a [u8])],
    name: &'h str,
) -> impl Iterator<Item = Result<&'a str, Unverified>> + 'h
where
    'a: 'h,
{
    let named = headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name));
    named.map(|(_, value)| {
        std::str::from_utf8(value).map(str::trim).map_err(|_| Unverified::Malformed)
    })
}
