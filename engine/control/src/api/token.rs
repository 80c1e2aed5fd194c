use crate::api::{Principal, Role};
use event::{TenantId, Time};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::{Choice, ConstantTimeEq};

/// Finds a key by its id. Asked at every request that bears a token, so it must not block.
pub type Keys = Box<dyn Fn(&str) -> Option<KeyRow>>;

/// Finds an application by its id or uid. Asked at every request that names one.
pub type Apps = Box<dyn Fn(&str) -> Option<TenantId>>;

/// What is known of a key: its text is not.
#[derive(Clone)]
pub struct KeyRow {
    /// SHA-256 of the whole token.
    pub digest: [u8; 32],
    /// The digest of the token that the last rotation retired, and until when it counts.
    pub previous: Option<([u8; 32], Time)>,
    pub role: Role,
    /// By the wall clock.
    pub expires: Option<Time>,
}

/// The parts of a token: `fbk_<id>_<secret>`, the id 10 characters of base62, the secret 43 of
/// URL-safe base64 over 256 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    pub id: &'a str,
    text: &'a str,
}

const ID_BYTES: usize = 10;
const SECRET_BYTES: usize = 43;

impl<'a> Token<'a> {
    pub fn read(text: &'a str) -> Option<Token<'a>> {
        let (id, secret) = text.strip_prefix("fbk_")?.split_at_checked(ID_BYTES)?;
        let secret = secret.strip_prefix('_')?;
        let is_id = id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_secret = secret.len() == SECRET_BYTES && secret.bytes().all(is_letter);
        (is_id && is_secret).then_some(Token { id, text })
    }

    /// What a row keeps of it.
    pub fn digest(self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }

    /// Who bears it. The time it takes says nothing about the secret: both digests are compared,
    /// also where there is one.
    pub(crate) fn principal(self, keys: &Keys, now: Time) -> Option<Principal> {
        let row = keys(self.id)?;
        let digest = self.digest();
        let (previous, until) = row.previous.unwrap_or(([0; 32], Time::ZERO));
        let is_retiring = Choice::from(u8::from(now < until));
        let is_it = row.digest.ct_eq(&digest) | (previous.ct_eq(&digest) & is_retiring);
        let is_it: bool = is_it.into();
        let is_live = row.expires.is_none_or(|expires| now < expires);
        (is_it && is_live).then(|| Principal { id: self.id.into(), role: row.role })
    }
}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, redacted)", self.id)
    }
}

impl fmt::Debug for KeyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRow({:?}, {:?})", self.role, self.expires)
    }
}
