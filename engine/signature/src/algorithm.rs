use crate::secret::{Key, Secret};
use hmac::{Hmac, KeyInit, Mac};
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use std::str::FromStr;
use subtle::{Choice, ConstantTimeEq};

/// How a signature is made of a key and the signed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    HmacSha256,
    HmacSha512,
    /// For providers that offer nothing better; never chosen when a preset has a choice.
    HmacSha1,
    /// Public keys: `whpk_` verifies, `whsk_` also signs.
    Ed25519,
    /// The secret itself is sent. It proves who sends, not what was sent.
    Token,
}

impl FromStr for Algorithm {
    type Err = crate::BadScheme;

    fn from_str(text: &str) -> Result<Algorithm, crate::BadScheme> {
        match text {
            "sha256" => Ok(Algorithm::HmacSha256),
            "sha512" => Ok(Algorithm::HmacSha512),
            "sha1" => Ok(Algorithm::HmacSha1),
            _ => Err(crate::BadScheme::Unknown {
                what: "algorithm",
                got: text.into(),
                choices: "sha256, sha512, sha1",
            }),
        }
    }
}

impl Algorithm {
    /// Whether a key of this kind can be used at all.
    pub(crate) fn takes(self, secret: &Secret) -> bool {
        matches!(
            (self, secret.key()),
            (Algorithm::Ed25519, Key::Public(_) | Key::Signing { .. })
                | (
                    Algorithm::HmacSha256
                        | Algorithm::HmacSha512
                        | Algorithm::HmacSha1
                        | Algorithm::Token,
                    Key::Shared(_)
                )
        )
    }

    /// `None` when the key cannot sign: of the wrong kind, or public.
    pub(crate) fn sign(self, secret: &Secret, signed: &[&[u8]]) -> Option<Vec<u8>> {
        match (self, secret.key()) {
            (Algorithm::Ed25519, Key::Signing { seed, public }) => {
                let pair =
                    Ed25519KeyPair::from_seed_and_public_key(seed.as_slice(), public).ok()?;
                Some(pair.sign(&signed.concat()).as_ref().to_vec())
            }
            (_, Key::Shared(key)) => self.code(key, signed),
            _ => None,
        }
    }

    /// Compares every candidate, in time that depends only on their number and lengths.
    pub(crate) fn matches(
        self,
        secret: &Secret,
        signed: &[&[u8]],
        candidates: &[Vec<u8>],
    ) -> Choice {
        match (self, secret.key()) {
            (Algorithm::Ed25519, Key::Public(public) | Key::Signing { public, .. }) => {
                verify_ed25519(public, signed, candidates)
            }
            (Algorithm::Token, Key::Shared(key)) => {
                // Digests are compared, so that not even the secret's length shows.
                let expected = Sha256::digest(key.as_slice());
                any(candidates, |candidate| expected.ct_eq(&Sha256::digest(candidate)))
            }
            (_, Key::Shared(key)) => match self.code(key, signed) {
                Some(expected) => any(candidates, |candidate| expected.ct_eq(candidate)),
                None => Choice::from(0),
            },
            _ => Choice::from(0),
        }
    }

    /// What a shared key makes of the signed bytes; `None` where no key is shared.
    fn code(self, key: &[u8], signed: &[&[u8]]) -> Option<Vec<u8>> {
        Some(match self {
            Algorithm::HmacSha256 => code::<Hmac<Sha256>>(key, signed),
            Algorithm::HmacSha512 => code::<Hmac<Sha512>>(key, signed),
            Algorithm::HmacSha1 => code::<Hmac<Sha1>>(key, signed),
            Algorithm::Token => key.to_vec(),
            Algorithm::Ed25519 => return None,
        })
    }
}

fn code<M: Mac + KeyInit>(key: &[u8], signed: &[&[u8]]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    signed.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn verify_ed25519(public: &[u8], signed: &[&[u8]], candidates: &[Vec<u8>]) -> Choice {
    let key = UnparsedPublicKey::new(&ED25519, public);
    let signed = signed.concat();
    // Nothing here is secret: a public key verifies public bytes.
    any(candidates, |candidate| Choice::from(u8::from(key.verify(&signed, candidate).is_ok())))
}

fn any(candidates: &[Vec<u8>], is_match: impl Fn(&[u8]) -> Choice) -> Choice {
    candidates.iter().fold(Choice::from(0), |found, candidate| found | is_match(candidate))
}
