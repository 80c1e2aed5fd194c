use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use std::fmt;
use zeroize::Zeroizing;

/// What secrets in rows are sealed with: ChaCha20-Poly1305 under a key that lies beside the log,
/// so a copy of the log alone gives no secret away.
///
/// The nonce is a keyed hash of the text (as in RFC 5297, which calls it synthetic): one text
/// sealed twice gives the same bytes, which tells no more than its digest does, and no counter
/// has to survive a crash.
pub struct SealingKey {
    cipher: LessSafeKey,
    nonces: hmac::Key,
}

/// A sealed text was not sealed with this key, or was changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealed with another key, or damaged")]
pub struct NotOurs;

impl SealingKey {
    pub fn new(key: &[u8; 32]) -> SealingKey {
        let root = hmac::Key::new(hmac::HMAC_SHA256, key);
        let cipher = hmac::sign(&root, b"forebay seal: cipher");
        let nonces = hmac::sign(&root, b"forebay seal: nonces");
        let cipher = UnboundKey::new(&CHACHA20_POLY1305, cipher.as_ref());
        SealingKey {
            cipher: LessSafeKey::new(cipher.expect("HMAC-SHA256 gives as many bytes as it needs")),
            nonces: hmac::Key::new(hmac::HMAC_SHA256, nonces.as_ref()),
        }
    }

    pub(crate) fn seal(&self, text: &str) -> String {
        let tag = hmac::sign(&self.nonces, text.as_bytes());
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&tag.as_ref()[..NONCE_LEN]);
        let mut sealed = nonce.to_vec();
        let mut bytes = text.as_bytes().to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.cipher
            .seal_in_place_append_tag(unique, Aad::empty(), &mut bytes)
            .expect("a secret is far below the cipher's limit");
        sealed.extend_from_slice(&bytes);
        hex::encode(sealed)
    }

    pub(crate) fn open(&self, sealed: &str) -> Result<Zeroizing<String>, NotOurs> {
        let bytes = hex::decode(sealed).map_err(|_| NotOurs)?;
        let (nonce, bytes) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(NotOurs)?;
        let mut bytes = Zeroizing::new(bytes.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let text = self.cipher.open_in_place(nonce, Aad::empty(), &mut bytes);
        let text = std::str::from_utf8(text.map_err(|_| NotOurs)?).map_err(|_| NotOurs)?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_that_sealed_opens() {
        let key = SealingKey::new(&[7; 32]);
        for text in ["", "whsec_marker", "schlüssel"] {
            let sealed = key.seal(text);
            assert!(!sealed.contains(&hex::encode(text)) || text.is_empty());
            assert_eq!(*key.open(&sealed).unwrap(), text);
            assert_eq!(key.seal(text), sealed, "the same every time");
            assert_eq!(SealingKey::new(&[8; 32]).open(&sealed), Err(NotOurs));
            for at in 0..sealed.len() {
                let mut spoilt = sealed.clone().into_bytes();
                spoilt[at] = if spoilt[at] == b'0' { b'1' } else { b'0' };
                assert_eq!(key.open(&String::from_utf8(spoilt).unwrap()), Err(NotOurs));
            }
        }
        assert_eq!(key.open("00"), Err(NotOurs));
        assert_eq!(key.open("no hex"), Err(NotOurs));
    }
}
