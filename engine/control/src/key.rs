use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use runtime::Entropy;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The key that opens the management API, kept as a digest alone.
#[derive(Clone)]
pub struct AdminKey {
    digest: [u8; 32],
    /// So short that somebody may have chosen it, and somebody may guess it.
    is_short: bool,
}

/// Why a text cannot be an admin key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    #[error("an admin key has {KEY_BYTES_MIN} to {KEY_BYTES_MAX} characters")]
    Length,
    #[error("an admin key has visible ASCII characters alone")]
    Character,
}

const KEY_BYTES_MIN: usize = 16;
const KEY_BYTES_MAX: usize = 256;
const UNGUESSED_BYTES: usize = 32;
const SECRET_BYTES: usize = 32;

impl AdminKey {
    /// A new key, and its text: `fbk_` and 43 characters of URL-safe base64 over 256 random bits.
    /// The prefix lets scanners find a key that leaked. Whoever keeps the text keeps it 0600.
    pub fn generate(entropy: &dyn Entropy) -> (AdminKey, Zeroizing<String>) {
        let text = with_secret("fbk_", entropy);
        (AdminKey { digest: digest(&text), is_short: false }, text)
    }

    /// The key that a file or a variable holds. White space around it does not count.
    pub fn read(text: &str) -> Result<AdminKey, BadKey> {
        let text = text.trim_ascii();
        if !(KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&text.len()) {
            return Err(BadKey::Length);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BadKey::Character);
        }
        Ok(AdminKey { digest: digest(text), is_short: text.len() < UNGUESSED_BYTES })
    }

    /// Whether it has to be kept from those who try many.
    pub fn is_short(&self) -> bool {
        self.is_short
    }

    /// Whether this is the key. The time it takes says nothing about the key.
    pub fn verify(&self, presented: &str) -> bool {
        self.digest.ct_eq(&digest(presented)).into()
    }
}

/// The prefix and 43 characters of URL-safe base64 over 256 random bits.
pub(crate) fn with_secret(prefix: &str, entropy: &dyn Entropy) -> Zeroizing<String> {
    let mut secret = Zeroizing::new([0; SECRET_BYTES]);
    entropy.fill(&mut *secret);
    // Room for all of it: a text that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(64));
    text.push_str(prefix);
    URL_SAFE_NO_PAD.encode_string(*secret, &mut text);
    text
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

impl fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::OsEntropy;

    #[test]
    fn a_generated_key_opens_and_no_other_does() {
        let (key, text) = AdminKey::generate(&OsEntropy);
        let (_, other) = AdminKey::generate(&OsEntropy);
        assert!(text.starts_with("fbk_") && text.len() == 47, "{}", text.len());
        assert!(key.verify(&text));
        assert!(AdminKey::read(&format!("{}\n", *text)).unwrap().verify(&text));
        for wrong in ["", "fbk_", &text[..46], &format!("{}A", *text), &other, &text[4..]] {
            assert!(!key.verify(wrong));
        }
    }

    #[test]
    fn weak_and_broken_texts_are_no_keys() {
        for (text, why) in [
            ("", BadKey::Length),
            ("   \n", BadKey::Length),
            ("only-15-letters", BadKey::Length),
            ("two words are not one key", BadKey::Character),
            ("schlüssel-schlüssel", BadKey::Character),
        ] {
            assert_eq!(AdminKey::read(text).unwrap_err(), why, "{text}");
        }
    }

    #[test]
    fn no_key_is_ever_printed() {
        let (key, text) = AdminKey::generate(&OsEntropy);
        assert!(!format!("{key:?}").contains(&text[4..]));
    }
}
