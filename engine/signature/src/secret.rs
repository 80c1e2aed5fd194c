use crate::{BadScheme, Encoding};
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// How a secret is written in a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretForm {
    /// The key is the text itself, a `whsec_` in front included.
    Text,
    /// Standard Webhooks: base64 after an optional `whsec_`; `whpk_` and `whsk_` are Ed25519 keys.
    Standard,
    Hex,
    Base64,
    /// 32 bytes of an Ed25519 public key, in hex.
    PublicHex,
}

/// A key, checked once and wiped when dropped. It never shows in `Debug`.
#[derive(Clone)]
pub struct Secret(Key);

#[derive(Clone)]
pub(crate) enum Key {
    Shared(Zeroizing<Vec<u8>>),
    Public([u8; PUBLIC_BYTES]),
    Signing { seed: Zeroizing<[u8; SEED_BYTES]>, public: [u8; PUBLIC_BYTES] },
}

/// Why a secret cannot be used. Never repeats any part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    #[error("the secret is empty")]
    Empty,
    #[error("the secret is all zeros, which protects nothing")]
    Zero,
    #[error("the secret is not base64 (expected `whsec_` and base64)")]
    NotBase64,
    #[error("the secret is not hex")]
    NotHex,
    #[error("the secret is not an Ed25519 key (`whpk_` takes 32 bytes, `whsk_` 32 or 64)")]
    NotEd25519,
}

const PUBLIC_BYTES: usize = 32;
const SEED_BYTES: usize = 32;
const SHARED: &str = "whsec_";
const PUBLIC: &str = "whpk_";
const SIGNING: &str = "whsk_";

impl Secret {
    /// Checks a secret as configured. Empty, `whsec_` alone and all zeros are refused in any form,
    /// for a key that anybody can guess verifies anybody.
    pub fn parse(text: &str, form: SecretForm) -> Result<Secret, BadSecret> {
        if matches!(text.trim(), "" | SHARED | PUBLIC | SIGNING) {
            return Err(BadSecret::Empty);
        }
        match form {
            SecretForm::Text => Secret::from_bytes(text.as_bytes()),
            SecretForm::Standard => Secret::parse_standard(text),
            SecretForm::Hex => Secret::from_bytes(&decode(text, Encoding::Hex)?),
            SecretForm::Base64 => Secret::from_bytes(&decode(text, Encoding::Base64)?),
            SecretForm::PublicHex => public(&decode(text, Encoding::Hex)?),
        }
    }

    /// A shared key of raw bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Secret, BadSecret> {
        if bytes.is_empty() {
            return Err(BadSecret::Empty);
        }
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(BadSecret::Zero);
        }
        Ok(Secret(Key::Shared(Zeroizing::new(bytes.to_vec()))))
    }

    /// A new secret's text, `whsec_` and base64, of 32 bytes of entropy.
    pub fn fresh(entropy: &[u8; 32]) -> Zeroizing<String> {
        Zeroizing::new(format!("{SHARED}{}", Encoding::Base64.encode(entropy)))
    }

    pub(crate) fn key(&self) -> &Key {
        &self.0
    }

    fn parse_standard(text: &str) -> Result<Secret, BadSecret> {
        if let Some(rest) = text.strip_prefix(PUBLIC) {
            return public(&decode(rest, Encoding::Base64)?);
        }
        if let Some(rest) = text.strip_prefix(SIGNING) {
            return signing(&decode(rest, Encoding::Base64)?);
        }
        let rest = text.strip_prefix(SHARED).unwrap_or(text);
        Secret::from_bytes(&decode(rest, Encoding::Base64)?)
    }
}

fn decode(text: &str, encoding: Encoding) -> Result<Zeroizing<Vec<u8>>, BadSecret> {
    let bytes = encoding.decode(text).map(Zeroizing::new);
    bytes.ok_or(match encoding {
        Encoding::Hex => BadSecret::NotHex,
        Encoding::Base64 | Encoding::Plain => BadSecret::NotBase64,
    })
}

fn public(bytes: &[u8]) -> Result<Secret, BadSecret> {
    let public: [u8; PUBLIC_BYTES] = bytes.try_into().map_err(|_| BadSecret::NotEd25519)?;
    if public == [0; PUBLIC_BYTES] {
        return Err(BadSecret::Zero);
    }
    Ok(Secret(Key::Public(public)))
}

fn signing(bytes: &[u8]) -> Result<Secret, BadSecret> {
    let (seed, public) = bytes.split_at_checked(SEED_BYTES).ok_or(BadSecret::NotEd25519)?;
    if seed.iter().all(|byte| *byte == 0) {
        return Err(BadSecret::Zero);
    }
    // The public half is derived even when it is given: signing with a foreign one leaks the seed.
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| BadSecret::NotEd25519)?;
    let derived = pair.public_key().as_ref();
    if !public.is_empty() && public != derived {
        return Err(BadSecret::NotEd25519);
    }
    let mut kept = Zeroizing::new([0; SEED_BYTES]);
    kept.copy_from_slice(seed);
    let public = derived.try_into().map_err(|_| BadSecret::NotEd25519)?;
    Ok(Secret(Key::Signing { seed: kept, public }))
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl FromStr for SecretForm {
    type Err = BadScheme;

    fn from_str(text: &str) -> Result<SecretForm, BadScheme> {
        match text {
            "text" => Ok(SecretForm::Text),
            "whsec" => Ok(SecretForm::Standard),
            "hex" => Ok(SecretForm::Hex),
            "base64" => Ok(SecretForm::Base64),
            _ => Err(BadScheme::Unknown {
                what: "secret encoding",
                got: text.into(),
                choices: "text, whsec, hex, base64",
            }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn secrets_that_protect_nothing_are_refused() {
        use SecretForm::*;
        for form in [Text, Standard, Hex, Base64, PublicHex] {
            for empty in ["", " ", "\n", "whsec_", "whpk_", "whsk_", " whsec_ "] {
                assert_eq!(Secret::parse(empty, form).unwrap_err(), BadSecret::Empty, "{form:?}");
            }
        }
        let zeros = "00".repeat(32);
        assert_eq!(Secret::parse(&zeros, Hex).unwrap_err(), BadSecret::Zero);
        assert_eq!(Secret::parse(&zeros, PublicHex).unwrap_err(), BadSecret::Zero);
        for prefix in ["", "whsec_", "whpk_", "whsk_"] {
            let text = format!("{prefix}{}=", "A".repeat(43));
            assert_eq!(Secret::parse(&text, Standard).unwrap_err(), BadSecret::Zero, "{prefix}");
        }
        assert_eq!(Secret::parse("\0\0\0", Text).unwrap_err(), BadSecret::Zero);
    }

    #[test]
    fn secrets_in_the_wrong_form_are_refused() {
        use SecretForm::*;
        assert_eq!(Secret::parse("whsec_not base64", Standard).unwrap_err(), BadSecret::NotBase64);
        assert_eq!(Secret::parse("whpk_AQID", Standard).unwrap_err(), BadSecret::NotEd25519);
        assert_eq!(Secret::parse("whsk_AQID", Standard).unwrap_err(), BadSecret::NotEd25519);
        assert_eq!(Secret::parse("0x01", Hex).unwrap_err(), BadSecret::NotHex);
        assert_eq!(Secret::parse("0102", PublicHex).unwrap_err(), BadSecret::NotEd25519);
        let foreign = Encoding::Base64.encode(&[7; 64]);
        let foreign = Secret::parse(&format!("whsk_{foreign}"), Standard);
        assert_eq!(foreign.unwrap_err(), BadSecret::NotEd25519, "halves that do not belong");
    }

    #[test]
    fn a_secret_never_shows() {
        let secret = Secret::parse("marker-of-a-secret", SecretForm::Text).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(redacted)");
        let refused = Secret::parse("whsec_marker of a secret", SecretForm::Standard).unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("marker"));
    }

    #[test]
    fn a_fresh_secret_is_one_that_is_taken() {
        let text = Secret::fresh(&[9; 32]);
        assert!(text.starts_with("whsec_") && text.len() == 6 + 44);
        let Key::Shared(key) = Secret::parse(&text, SecretForm::Standard).unwrap().0 else {
            panic!("a shared key");
        };
        assert_eq!(key.as_slice(), [9; 32]);
    }
}
