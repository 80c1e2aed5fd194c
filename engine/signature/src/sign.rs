use crate::template::Pieces;
use crate::{Encoding, Scheme, Secret, StampPlace, Version, is_webhook_id};
use event::Time;

/// What is to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// Only schemes that sign an id look at it.
    pub id: &'a str,
    pub at: Time,
    /// Only schemes that sign the address look at these two.
    pub method: &'a str,
    pub url: &'a str,
    pub body: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotSign {
    #[error("there is no secret to sign with")]
    NoSecret,
    #[error("this secret cannot sign here: it is public, or of another kind")]
    WrongKey,
    #[error("the id must be visible ASCII without `.`")]
    BadId,
}

impl Scheme {
    /// The headers by which the provider would sign this: id and timestamp where it has them, and
    /// the signature. Several secrets give several signatures where the scheme has room for
    /// them, else the first secret signs alone. A scheme that is open signs nothing.
    pub fn sign(
        &self,
        draft: &Draft<'_>,
        secrets: &[Secret],
    ) -> Result<Vec<(String, String)>, CannotSign> {
        if self.is_open() {
            return Ok(Vec::new());
        }
        if self.signed.has_id() && !is_webhook_id(draft.id) {
            return Err(CannotSign::BadId);
        }
        let Draft { id, at, method, url, body } = *draft;
        let timestamp = self.sent_at.as_ref().map(|sent| sent.form.write(at)).unwrap_or_default();
        let pieces = Pieces { id, timestamp: &timestamp, url, method, body };
        let room = if self.separator.is_some() { secrets.len() } else { secrets.len().min(1) };
        let signed = self.signed.fill(&pieces);
        let mut fields = signatures(&self.versions, self.encoding, &signed, &secrets[..room])?;

        let mut headers = Vec::new();
        if let (true, Some(name)) = (self.signed.has_id(), self.id.first()) {
            headers.push((name.clone(), id.to_owned()));
        }
        match self.sent_at.as_ref().map(|sent| &sent.place) {
            Some(StampPlace::Field(prefix)) => fields.insert(0, format!("{prefix}{timestamp}")),
            Some(StampPlace::Header(names)) => {
                headers.extend(names.first().map(|name| (name.clone(), timestamp.clone())));
            }
            None => {}
        }
        let separator = self.separator.map(String::from).unwrap_or_default();
        headers.extend(self.signature.first().map(|name| (name.clone(), fields.join(&separator))));
        Ok(headers)
    }
}

/// One signature for each secret, marked by the version that takes its kind of key.
pub(crate) fn signatures(
    versions: &[Version],
    encoding: Encoding,
    signed: &[&[u8]],
    secrets: &[Secret],
) -> Result<Vec<String>, CannotSign> {
    if secrets.is_empty() {
        return Err(CannotSign::NoSecret);
    }
    let sign = |secret: &Secret| {
        let version = versions.iter().find(|version| version.algorithm.takes(secret));
        let version = version.ok_or(CannotSign::WrongKey)?;
        let bytes = version.algorithm.sign(secret, signed).ok_or(CannotSign::WrongKey)?;
        Ok(format!("{}{}", version.prefix, encoding.encode(&bytes)))
    };
    secrets.iter().map(sign).collect()
}
