use crate::sign::signatures;
use crate::{Algorithm, BadScheme, CannotSign, Encoding, Secret, Version, is_webhook_id};
use event::Time;
use std::borrow::Cow;
use std::str::FromStr;

/// Under which names the headers of a delivery go out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    #[default]
    Standard,
    /// `svix-id`, `svix-timestamp`, `svix-signature`.
    Svix,
    Both,
}

pub(crate) const VERSIONS: [Version; 2] = [
    Version { prefix: Cow::Borrowed("v1,"), algorithm: Algorithm::HmacSha256 },
    Version { prefix: Cow::Borrowed("v1a,"), algorithm: Algorithm::Ed25519 },
];
pub(crate) const ID: [&str; 2] = ["webhook-id", "svix-id"];
pub(crate) const TIMESTAMP: [&str; 2] = ["webhook-timestamp", "svix-timestamp"];
pub(crate) const SIGNATURE: [&str; 2] = ["webhook-signature", "svix-signature"];

impl FromStr for Family {
    type Err = BadScheme;

    fn from_str(text: &str) -> Result<Family, BadScheme> {
        match text {
            "standard" => Ok(Family::Standard),
            "svix" => Ok(Family::Svix),
            "both" => Ok(Family::Both),
            _ => Err(BadScheme::Unknown {
                what: "header family",
                got: text.into(),
                choices: "standard, svix, both",
            }),
        }
    }
}

/// The signed headers of one attempt at a delivery, by Standard Webhooks: `v1,` and base64 over
/// `id.timestamp.body`, one for each live secret, separated by spaces. The id stays the same over
/// all attempts, `at` is this attempt's time.
pub fn sign_delivery(
    family: Family,
    id: &str,
    at: Time,
    body: &[u8],
    secrets: &[Secret],
) -> Result<Vec<(&'static str, String)>, CannotSign> {
    if !is_webhook_id(id) {
        return Err(CannotSign::BadId);
    }
    let timestamp = at.secs().to_string();
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    let signature = signatures(&VERSIONS, Encoding::Base64, &signed, secrets)?.join(" ");
    let names: &[usize] = match family {
        Family::Standard => &[0],
        Family::Svix => &[1],
        Family::Both => &[0, 1],
    };
    let headers = |n: &usize| {
        [
            (ID[*n], id.to_owned()),
            (TIMESTAMP[*n], timestamp.clone()),
            (SIGNATURE[*n], signature.clone()),
        ]
    };
    Ok(names.iter().flat_map(headers).collect())
}
