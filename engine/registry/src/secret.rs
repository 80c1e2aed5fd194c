use crate::SealingKey;
use event::Time;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A secret as it was configured. Wiped when the last owner lets go; never printed.
#[derive(Clone)]
pub struct Secret {
    text: Arc<Zeroizing<String>>,
    /// As rows have it, of a secret that nobody but the registry knows.
    sealed: Option<Arc<str>>,
    until: Option<Time>,
}

impl Secret {
    /// One that the configuration gives again at every start: rows keep a digest alone.
    pub fn new(text: &str) -> Secret {
        Secret { text: Arc::new(Zeroizing::new(text.to_owned())), sealed: None, until: None }
    }

    /// One that rows keep, sealed.
    pub fn kept(text: &str, key: &SealingKey) -> Secret {
        Secret { sealed: Some(key.seal(text).into()), ..Secret::new(text) }
    }

    /// The same, retired from `until` on, by the wall clock.
    pub fn until(self, until: Time) -> Secret {
        Secret { until: Some(until), ..self }
    }

    pub(crate) fn revived(text: &str, sealed: &str, until: Option<Time>) -> Secret {
        Secret { sealed: Some(sealed.into()), until, ..Secret::new(text) }
    }

    pub(crate) fn sealed(&self) -> Option<&Arc<str>> {
        self.sealed.as_ref()
    }

    /// None: until it is taken away.
    pub fn retires(&self) -> Option<Time> {
        self.until
    }

    /// The one way to the text: for signing and verifying only.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// The secrets of one endpoint or source: the current one first, then those that a rotation has
/// not yet retired.
///
/// Rows keep a salted digest of each, to tell a change. The texts of what a file declares come from
/// the configuration at every start, found by the owner's name; those of what is managed are in
/// the rows too, sealed. A version of an endpoint that is history is lent the secrets of today, so
/// what is sent late is signed with what receivers know now.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Arc<[Secret]>);

impl Secrets {
    pub fn new(secrets: Vec<Secret>) -> Secrets {
        Secrets(secrets.into())
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Secret> {
        self.0.iter()
    }

    /// Those that sign and verify at a time.
    pub fn at(&self, now: Time) -> impl Iterator<Item = &Secret> {
        self.iter().filter(move |secret| secret.retires().is_none_or(|until| now < until))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Salted with the owner, so that two owners of one secret do not show it.
    pub(crate) fn digests(&self, owner: &[u8]) -> Vec<String> {
        self.iter().map(|secret| hex::encode(digest_of(owner, secret))).collect()
    }
}

fn digest_of(owner: &[u8], secret: &Secret) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(b"forebay secret 1");
    hash.update((owner.len() as u64).to_be_bytes());
    hash.update(owner);
    hash.update(secret.expose().as_bytes());
    let full = hash.finalize();
    let mut short = [0; 16];
    short.copy_from_slice(&full[..16]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show() {
        let secrets = Secrets::new(vec![Secret::new("whsec_marker")]);
        assert!(!format!("{secrets:?}").contains("marker"));
        assert!(!secrets.digests(b"a")[0].contains("marker"));
    }

    #[test]
    fn a_digest_tells_owner_and_text_apart() {
        let one = Secrets::new(vec![Secret::new("x")]);
        let two = Secrets::new(vec![Secret::new("y")]);
        assert_eq!(one.digests(b"a"), one.clone().digests(b"a"));
        assert_ne!(one.digests(b"a"), two.digests(b"a"));
        assert_ne!(one.digests(b"a"), one.digests(b"b"));
    }
}
