use crate::presets::{TOLERANCE, body_hmac};
use crate::{
    Algorithm, BadScheme, Encoding, Scheme, SecretForm, SentAt, StampForm, StampPlace, Template,
    Version,
};
use std::time::Duration;

/// The scheme `hmac`: what a configuration says of a sender that has no preset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomHmac {
    /// The header that holds the signature.
    pub header: String,
    /// What stands before the signature in its header, such as `sha256=`.
    pub prefix: String,
    /// What stands between several signatures in one header, if there may be several.
    pub separator: Option<char>,
    pub algorithm: Algorithm,
    pub encoding: Encoding,
    pub secret: SecretForm,
    /// The text of a [`Template`].
    pub signed: String,
    pub id_header: Option<String>,
    pub timestamp_header: Option<String>,
    pub timestamp_form: StampForm,
    pub tolerance: Duration,
}

impl Default for CustomHmac {
    /// Hex of HMAC-SHA256 over the body in `x-signature`, 300 s of tolerance.
    fn default() -> CustomHmac {
        CustomHmac {
            header: "x-signature".into(),
            prefix: String::new(),
            separator: None,
            algorithm: Algorithm::HmacSha256,
            encoding: Encoding::Hex,
            secret: SecretForm::Text,
            signed: "{body}".into(),
            id_header: None,
            timestamp_header: None,
            timestamp_form: StampForm::Seconds,
            tolerance: TOLERANCE,
        }
    }
}

impl CustomHmac {
    /// Checks the description. A header that is named but not signed is refused: its value would
    /// look verified and be anybody's.
    pub fn scheme(&self) -> Result<Scheme, BadScheme> {
        let signed = Template::parse(&self.signed)?;
        agree("timestamp", signed.has_timestamp(), self.timestamp_header.is_some())?;
        agree("id", signed.has_id(), self.id_header.is_some())?;
        let sent_at = match &self.timestamp_header {
            Some(name) => Some(SentAt {
                place: StampPlace::Header(vec![header_name(name)?]),
                form: self.timestamp_form,
                tolerance: self.tolerance,
            }),
            None => None,
        };
        let version = Version { prefix: self.prefix.clone().into(), algorithm: self.algorithm };
        Ok(Scheme {
            versions: vec![version],
            separator: self.separator,
            secret: self.secret,
            signed,
            id: self.id_header.iter().map(|n| header_name(n)).collect::<Result<_, _>>()?,
            sent_at,
            ..body_hmac("hmac", &header_name(&self.header)?, self.encoding)
        })
    }
}

fn agree(name: &'static str, is_signed: bool, is_named: bool) -> Result<(), BadScheme> {
    match (is_signed, is_named) {
        (true, false) => Err(BadScheme::HeaderMissing(name)),
        (false, true) => Err(BadScheme::HeaderNotSigned(name)),
        _ => Ok(()),
    }
}

fn header_name(text: &str) -> Result<String, BadScheme> {
    let is_token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    match !text.is_empty() && text.bytes().all(is_token) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(BadScheme::HeaderName(text.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_must_be_signed_and_the_reverse() {
        let of = |signed: &str, timestamp: Option<&str>, id: Option<&str>| {
            let custom = CustomHmac {
                signed: signed.into(),
                timestamp_header: timestamp.map(String::from),
                id_header: id.map(String::from),
                ..CustomHmac::default()
            };
            custom.scheme().map(drop)
        };
        assert_eq!(of("{body}", None, None), Ok(()));
        assert_eq!(of("{id}.{timestamp}.{body}", Some("X-Time"), Some("X-Id")), Ok(()));
        assert_eq!(of("{body}", Some("x-t"), None), Err(BadScheme::HeaderNotSigned("timestamp")));
        assert_eq!(of("{body}", None, Some("x-id")), Err(BadScheme::HeaderNotSigned("id")));
        assert_eq!(of("{timestamp}{body}", None, None), Err(BadScheme::HeaderMissing("timestamp")));
        assert_eq!(of("{id}{body}", None, None), Err(BadScheme::HeaderMissing("id")));
        let bad = of("{timestamp}.{body}", Some("x time"), None);
        assert_eq!(bad, Err(BadScheme::HeaderName("x time".into())));
    }
}
