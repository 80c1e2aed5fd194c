use sha2::Digest as _;

/// SHA-256 of a body.
pub type Digest = [u8; 32];

pub fn digest(body: &[u8]) -> Digest {
    sha2::Sha256::digest(body).into()
}

/// Of several parts, none of which can pass for another's end.
pub fn digest_of(parts: &[&[u8]]) -> Digest {
    let mut hash = sha2::Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
